"""How rates follow an index: the factor of a period, with the words for it."""

from fractions import Fraction

from shared.contracts.money import Indexation
from shared.contracts.periods import Period, settlement_year
from shared.contracts.rounding import plain
from shared.contracts.terms import Contract
from shared.instant import from_us


def index_factor(contract: Contract, indexation: Indexation, period: Period) -> tuple[Fraction, str]:
    """The index of the period by that of the base, and the step; 1 where one of them is not given.

    The period's index is that of the month it begins in, else of its settlement year's first month, else of its
    calendar year.
    """
    name, base = indexation.index, indexation.values.get(indexation.base)
    if base is None:
        return Fraction(1), f"index {name} of {indexation.base} not given: settled without it"
    for key in _keys(contract, period):
        if key in indexation.values:
            value = indexation.values[key]
            factor = Fraction(value) / Fraction(base)
            return factor, f"index {name} {key} {value} / {indexation.base} {base} = {plain(factor)}"
    return Fraction(1), f"index {name} of {_keys(contract, period)[0]} not given: settled at the base"


def _keys(contract: Contract, period: Period) -> tuple[str, str, str]:
    month = _month(contract, period.start_us)
    return month, _month(contract, settlement_year(contract, period.start_us).start_us), month[:4]


def _month(contract: Contract, at_us: int) -> str:
    return f"{from_us(at_us).astimezone(contract.zone):%Y-%m}"
