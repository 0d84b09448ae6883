"""The ratios that contracts promise and no standard names: what their kinds of guarantee compute, in two inputs."""

from collections.abc import Callable

from shared.indicators.given import Given, Input, InputError, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Result, ratio

_SOURCE = "the guarantee's kind of the same name; contracts say what counts into the two inputs"


def _by(upper: str, lower: str) -> Callable[[Given], Answer]:
    def compute(given: Given) -> Answer:
        return Answer(values={"value": ratio(given.number(upper), given.number(lower))})

    return compute


def _share(part: str, whole: str) -> Callable[[Given], Answer]:
    def compute(given: Given) -> Answer:
        counted, of = given.count(part), given.count(whole)
        if counted > of:
            raise InputError(part, f"must not exceed {whole}")
        return Answer(values={"value": ratio(given.number(part), given.number(whole))})

    return compute


def _technical(given: Given) -> Answer:
    required, fault = given.number("required_h"), given.number("own_fault_h")
    if fault > required:
        raise InputError("own_fault_h", "must not exceed required_h")
    return Answer(values={"value": ratio(required - fault, required)})


TECHNICAL_AVAILABILITY = Indicator(
    name="technical_availability",
    version=1,
    question="which share of the time a line was required it did not stand by its own fault",
    grade=Grade.DIRECT,
    kind=Kind.OUTCOME,
    inputs=(
        Input(name="required_h", unit="h", meaning="planned busy time less planned maintenance and external stops"),
        Input(name="own_fault_h", unit="h", meaning="of it, standstill the line itself caused"),
    ),
    results=(Result(name="value", unit="1", meaning="technical availability"),),
    formula="(required - own fault) / required",
    standard="IEC 60050-192",
    source=_SOURCE,
    rules=("external stops are in neither input", "nothing required: undefined"),
    example={"required_h": 1200, "own_fault_h": 105.6},
    compute=_technical,
)

ENERGY_INTENSITY = Indicator(
    name="energy_intensity",
    version=1,
    question="energy used against what the agreed formula expects of the drivers; lower is better",
    grade=Grade.ECONOMIC,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="actual_kwh", unit="kWh", meaning="energy used while the drivers were in their valid range"),
        Input(name="expected_kwh", unit="kWh", meaning="the formula over the same stretches, summed"),
    ),
    results=(Result(name="value", unit="1", meaning="actual by expected energy"),),
    formula="actual / expected",
    standard="ISO 50006",
    source=_SOURCE,
    rules=("sums of stretches, never a mean of their ratios", "nothing expected: undefined"),
    example={"actual_kwh": 127900, "expected_kwh": 124057.908},
    compute=_by("actual_kwh", "expected_kwh"),
)

POWER_CURVE = Indicator(
    name="power_curve",
    version=1,
    question="energy made against that of the reference power curve while the machine could run",
    grade=Grade.DIRECT,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="actual_output_mwh", unit="MWh", meaning="energy made"),
        Input(name="reference_mwh", unit="MWh", meaning="the reference curve's energy over the same time"),
    ),
    results=(Result(name="value", unit="1", meaning="actual by reference energy"),),
    formula="actual / reference",
    standard="IEC 61400-12-1 (reference curve)",
    source=_SOURCE,
    rules=("downtime is in neither input", "no reference energy: undefined"),
    example={"actual_output_mwh": 4812, "reference_mwh": 5000},
    compute=_by("actual_output_mwh", "reference_mwh"),
)

OUTPUT = Indicator(
    name="output",
    version=1,
    question="how many good pieces were made in each hour that was required",
    grade=Grade.ECONOMIC,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="good_units", unit="1", meaning="good pieces"),
        Input(name="required_h", unit="h", meaning="hours required"),
    ),
    results=(Result(name="value", unit="1/h", meaning="good pieces by required hours"),),
    formula="good / required",
    standard="ISO 22400-2:2014 (good quantity)",
    source=_SOURCE,
    rules=("nothing required: undefined",),
    example={"good_units": 7440000, "required_h": 1200},
    compute=_by("good_units", "required_h"),
)

RESPONSE_TIME = Indicator(
    name="response_time",
    version=1,
    question="which share of the promised response and restore times was kept",
    grade=Grade.INDIRECT,
    kind=Kind.PROCESS,
    inputs=(
        Input(name="promises_kept", unit="1", meaning="promised times that were kept", shape=Shape.COUNT),
        Input(name="promises", unit="1", meaning="promised times that have run out or were kept", shape=Shape.COUNT),
    ),
    results=(Result(name="value", unit="1", meaning="kept by promised"),),
    formula="kept / promised",
    standard="contract's service hours",
    source=_SOURCE,
    rules=("respond and restore are a promise each", "no promise: undefined"),
    example={"promises_kept": 5, "promises": 6},
    compute=_share("promises_kept", "promises"),
)

FAILURE_NOTICE = Indicator(
    name="failure_notice",
    version=1,
    question="which share of the failures was announced in time",
    grade=Grade.DIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(name="failures_with_notice", unit="1", meaning="failures announced in time", shape=Shape.COUNT),
        Input(name="failures", unit="1", meaning="all failures", shape=Shape.COUNT),
    ),
    results=(Result(name="value", unit="1", meaning="announced by all"),),
    formula="announced / failures",
    standard="ISO 13381-1 (prognosis)",
    source=_SOURCE,
    rules=("no failure: undefined",),
    example={"failures_with_notice": 5, "failures": 8},
    compute=_share("failures_with_notice", "failures"),
)
