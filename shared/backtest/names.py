"""Which names of quantities a contract reads: what tells a misspelt row from one that counts. For readers of files."""

from shared.contracts.kinds.amounts import name_of
from shared.contracts.measured import (
    IntensityMeasure,
    Measure,
    MtbfMeasure,
    NoticeMeasure,
    OeeMeasure,
    OutputMeasure,
    PowerCurveMeasure,
    ProductionMeasure,
    SavingsMeasure,
    ThresholdMeasure,
)
from shared.contracts.money import FormulaMoney
from shared.contracts.terms import Contract, Guarantee, Kind


def names_used(contract: Contract) -> frozenset[str]:
    """What the rows are called that some guarantee or the fee reads; products and categories stand behind a colon."""
    own = {name for each in contract.guarantees for name in _of_guarantee(each, contract.fees.unit_quantity)}
    return frozenset(own)


def is_used(name: str, used: frozenset[str]) -> bool:
    """Whether rows of that name are read: by it, or by what stands before its colon."""
    return name in used or name.partition(":")[0] in used


def _of_guarantee(guarantee: Guarantee, unit_quantity: str | None) -> set[str]:
    roles = _roles(guarantee) | ({unit_quantity} if unit_quantity else set())
    renamed = {name for role, name in guarantee.quantities.items() if role.partition(":")[0] in roles}
    return {name_of(guarantee, role) for role in roles} | renamed


def _roles(guarantee: Guarantee) -> set[str]:
    roles = _of_measure(guarantee.measure)
    if guarantee.kind is Kind.TECHNICAL_AVAILABILITY:
        roles |= {"required_h", "own_fault_h", "planned_busy_h"}
    for money in (*guarantee.malus, *guarantee.bonus):
        if isinstance(money, FormulaMoney):
            roles |= money.formula.names - money.constants.keys()
    return roles


def _of_measure(measure: Measure) -> set[str]:
    roles: set[str] = set()
    match measure:
        case ThresholdMeasure(signal=signal):
            roles = {signal}
        case ProductionMeasure(actual=actual, lost=lost):
            roles = {actual, lost}
        case IntensityMeasure(actual=actual, expected=expected, constants=constants):
            roles = {actual, *(expected.names - constants.keys())}
        case SavingsMeasure(driver=driver, actual=actual, non_routine=adjustments):
            roles = {driver, actual, *adjustments}
        case OeeMeasure():
            roles = {"good_units", "produced_units", "planned_busy_h", "operating_h"}
        case OutputMeasure(good=good):
            roles = {good, "required_h", "planned_busy_h", "operating_h"}
        case PowerCurveMeasure(actual=actual, reference=reference):
            roles = {actual, reference}
        case MtbfMeasure():
            roles = {"operating_h", "failures"}
        case NoticeMeasure():
            roles = {"failures", "failures_with_notice", "announcements", "false_announcements", "vibration_mm_s"}
        case _:
            pass
    return roles
