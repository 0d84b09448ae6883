"""What a guarantee measures, in words, one function a kind of measure."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from shared.contracts.explain.words import hours, listed, number
from shared.contracts.measured import (
    Form,
    IntensityMeasure,
    MtbfMeasure,
    NoticeMeasure,
    OeeMeasure,
    OutputMeasure,
    Policy,
    PowerCurveMeasure,
    Priority,
    ProductionMeasure,
    ResponseMeasure,
    SavingsDecision,
    SavingsMeasure,
    ThresholdMeasure,
    TimeMeasure,
)
from shared.contracts.terms import Guarantee, Kind

_EXTERNAL: Final = (
    "a forced outage that the customer or a third party answers for is none of the machine's failures and is left out; "
    "while that is disputed or unknown it counts"
)


def measured(guarantee: Guarantee) -> Iterator[str]:
    """What is held against what, in a few sentences."""
    measure = guarantee.measure
    if isinstance(measure, TimeMeasure):
        yield from _time(guarantee.kind, measure)
    else:
        yield from _SAID[type(measure)](measure)


def _time(kind: Kind, measure: TimeMeasure) -> Iterator[str]:
    if kind is Kind.TECHNICAL_AVAILABILITY:
        yield "(required hours - hours of own faults) / required hours"
        yield "required: planned busy time less what is left out below, as far as it is not delivered as a quantity"
    else:
        yield form_words(measure.policy)
    if measure.root_stop:
        yield "of a line, the first machine to stop gives the stop its cause"


def form_words(policy: Policy) -> str:
    """The ratio of hours, by the guarantee's form."""
    if policy.form is Form.DEEMED_AVAILABLE:
        return "(hours up + hours left out) / all hours"
    return "hours up / (hours up + hours down); hours left out are in neither"


def _threshold(measure: ThresholdMeasure) -> Iterator[str]:
    limit = (
        f"below {number(measure.bad_below)}" if measure.bad_below is not None else f"above {number(measure.bad_above)}"
    )
    least = f", for at least {hours(measure.min_duration_us)} on end" if measure.min_duration_us else ""
    yield f"time is bad while {measure.signal} is {limit}{least}; rows are {hours(measure.resolution_us)} long"
    yield form_words(measure.policy)
    yield "without rows of the signal, what events say counts"


def _intensity(measure: IntensityMeasure) -> Iterator[str]:
    yield f"{measure.actual} / expected, expected = {measure.expected.source}"
    if measure.constants:
        yield f"with {listed(f'{name} = {number(each)}' for name, each in measure.constants.items())}"
    for name, (low, high) in measure.valid_range.items():
        yield f"only while {name} is {_between(low, high)}; other time is left out on both sides, and listed"


def _between(low: Decimal | None, high: Decimal | None) -> str:
    if low is None or high is None:
        return f"at least {number(low)}" if high is None else f"at most {number(high)}"
    return f"from {number(low)} to {number(high)}"


def _savings(measure: SavingsMeasure) -> Iterator[str]:
    line = f"{number(measure.intercept)} + {number(measure.slope)} * {measure.driver}"
    method = measure.method.replace("_", " option ")
    yield f"energy of the baseline at the conditions of the period - energy used ({method})"
    yield f"baseline, MWh of a month: {line}; from {measure.n} months, standard error {number(measure.s)} MWh"
    match measure.decision:
        case SavingsDecision.POINT_ESTIMATE:
            yield "the estimate decides, whatever its uncertainty"
        case SavingsDecision.LOWER_BOUND:
            yield f"the lower bound of the two-sided {number((measure.at or Decimal(0)) * 100)} % interval decides"
        case SavingsDecision.PROBABILITY:
            yield f"kept where the level is reached with a probability of at least {number(measure.at)}"


def _response(measure: ResponseMeasure) -> Iterator[str]:
    yield "promised times kept / promised times, of the tickets received in the period"
    for priority in measure.priorities:
        yield f"{priority.name}: {_promises(priority)}; the clock runs {_running(priority)}"
    if measure.pauses:
        yield f"the clock stands still while {listed(each.replace('_', ' ') for each in measure.pauses)}"


def _promises(priority: Priority) -> str:
    respond = f"somebody there within {hours(priority.respond_us)}" if priority.respond_us is not None else ""
    restore = f"running again within {hours(priority.restore_us)}" if priority.restore_us is not None else ""
    return " and ".join(part for part in (respond, restore) if part)


def _running(priority: Priority) -> str:
    region = priority.hours.holiday_region
    return priority.hours.name + (f", not on public holidays of {region}" if region else "")


def _mtbf(measure: MtbfMeasure) -> Iterator[str]:
    over = f"the {measure.months} months before the period's end" if measure.months else "the period"
    yield f"operating hours / failures, all machines together, over {over}"
    yield (
        f"kept when the lower limit at {number(measure.confidence * 100)} % (one-sided) reaches the level, broken when "
        "the upper one does not; between them it is inconclusive"
    )
    yield _EXTERNAL
    if measure.same_failure_us:
        yield f"a failure within {hours(measure.same_failure_us)} after a repair is the same one"


def _notice(measure: NoticeMeasure) -> Iterator[str]:
    yield f"failures announced at least {measure.days} days ahead / failures"
    yield _EXTERNAL
    if measure.max_false_share is not None:
        yield f"at most {number(measure.max_false_share * 100)} % of the announcements without a failure"
    if measure.zone_d_max_us is not None:
        yield (
            f"never longer than {hours(measure.zone_d_max_us)} on end in vibration zone D "
            f"(ISO 20816-3 group {measure.vibration_group}, {measure.vibration_support})"
        )


def _production(measure: ProductionMeasure) -> Iterator[str]:
    yield "output made / (output made + output lost by what counts as down)"
    if measure.uncertainty is not None:
        yield f"lost output is known to {number(measure.uncertainty * 100)} %; the bounds show it"


def _oee(measure: OeeMeasure) -> Iterator[str]:
    rates = (f"{product} {number(rate)} an hour" for product, rate in measure.ideal_per_h.items())
    yield f"ideal time of the good pieces / planned busy time (OEE); at best {listed(rates)}"


def _output(measure: OutputMeasure) -> Iterator[str]:
    yield f"{measure.good.replace('_', ' ')} / required hours"


def _power_curve(measure: PowerCurveMeasure) -> Iterator[str]:
    yield "energy made / energy of the reference power curve, while the machine could run"
    for name, at in measure.reference_conditions.items():
        yield f"at {name.replace('_', ' ')} {number(at)}"


_SAID: Final[dict[type, Callable[[Any], Iterator[str]]]] = {
    ThresholdMeasure: _threshold,
    ProductionMeasure: _production,
    IntensityMeasure: _intensity,
    SavingsMeasure: _savings,
    OeeMeasure: _oee,
    OutputMeasure: _output,
    PowerCurveMeasure: _power_curve,
    ResponseMeasure: _response,
    MtbfMeasure: _mtbf,
    NoticeMeasure: _notice,
}
