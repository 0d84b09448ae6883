"""Failures counted over operating hours: MTBF, demonstration, rate and restoration, with chi-square limits."""

from fractions import Fraction
from typing import Final

from shared.indicators.given import INSIDE_UNIT, POSITIVE, Given, Input, Range, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, or_reason, ratio
from shared.indicators.reliability import demonstration_hours, mtbf_limits, rate_limits

_CONFIDENCE: Final = Input(
    name="confidence", unit="1", meaning="confidence of the limits", within=INSIDE_UNIT, aliases=("conf",)
)
_TWO_SIDED: Final = Input(
    name="two_sided",
    unit="flag",
    meaning="both limits together at the confidence (default), or each alone on its side",
    shape=Shape.FLAG,
    required=False,
)


def _count(name: str, meaning: str, alias: str, *, or_one: bool = False) -> Input:
    shape = Shape.COUNTS if or_one else Shape.COUNT
    return Input(name=name, unit="1", meaning=meaning, shape=shape, aliases=(alias,), or_one=or_one, longest=1_000)


def _limits(lower: float | None, upper: float | None, hours: Fraction) -> dict[str, Value]:
    if not hours:
        return {"lower": Reason.NO_TIME, "upper": Reason.NO_TIME}
    return {"lower": or_reason(lower, Reason.NO_FAILURES), "upper": or_reason(upper, Reason.NO_FAILURES)}


def _mtbf(given: Given) -> Answer:
    hours, failures = given.number("operating_h"), given.count("failures")
    confidence, two_sided = float(given.number("confidence")), given.flag("two_sided", default=True)
    by_time = given.flag("time_terminated", default=True)
    lower, upper = mtbf_limits(float(hours), failures, confidence, two_sided=two_sided, time_terminated=by_time)
    at_failure, _ = mtbf_limits(float(hours), failures, confidence, two_sided=two_sided, time_terminated=False)
    values: dict[str, Value] = {
        "mtbf": hours / failures if failures else Reason.NO_FAILURES,
        **_limits(lower, upper, hours),
        "lower_failure_terminated": or_reason(at_failure, Reason.NO_FAILURES) if hours else Reason.NO_TIME,
        "failure_rate": ratio(Fraction(failures), hours),
    }
    level = given.maybe("level_h")
    if level is not None:
        values["verdict"] = _verdict(float(level), lower if hours else None, upper if hours else None)
    return Answer(values=values, notes=("valid for a constant failure rate: test the trend first (failure_trend)",))


def _verdict(level: float, lower: float | None, upper: float | None) -> str:
    if lower is not None and lower >= level:
        return "proven_met"
    return "proven_missed" if upper is not None and upper < level else "inconclusive"


def _demonstration(given: Given) -> Answer:
    level, confidence = float(given.number("level_h")), float(given.number("confidence"))
    allowed = given.counts("failures")
    hours: list[Value] = [demonstration_hours(level, failures, confidence) for failures in allowed]
    return Answer(values={"T_required": hours})


def _rate(given: Given) -> Answer:
    events, hours = given.count("failures"), given.number("operating_h")
    if not hours:
        return Answer(values=dict.fromkeys(("rate", "lower", "upper"), Reason.NO_TIME))
    lower, upper = rate_limits(events, float(hours), float(given.number("confidence")))
    return Answer(values={"rate": events / hours, "lower": lower, "upper": upper})


def _restoration(given: Given) -> Answer:
    ended, running = given.numbers("ended_h"), given.numbers("running_h")
    total, n = sum((*ended, *running), Fraction(0)), len(ended)
    if not n:
        values: dict[str, Value] = dict.fromkeys(("mttr", "lower", "upper", "naive_wrong"), Reason.NO_REPAIRS)
        return Answer(values={"repairs": n, **values})
    confidence = float(given.number("confidence"))
    lower, upper = mtbf_limits(float(total), n, confidence, two_sided=True, time_terminated=bool(running))
    naive = sum(ended, Fraction(0)) / n
    values = {"repairs": n, "mttr": total / n, **_limits(lower, upper, total), "naive_wrong": naive}
    return Answer(values=values)


MTBF = Indicator(
    name="mtbf",
    version=1,
    question="how long a machine operates between failures (MTTF of what is not repaired), and how sure that is",
    grade=Grade.DIRECT,
    kind=Kind.OUTCOME,
    inputs=(
        Input(name="operating_h", unit="h", meaning="time on the operating clock, all machines", aliases=("T",)),
        _count("failures", "failures in that time", "r"),
        _CONFIDENCE,
        _TWO_SIDED,
        Input(
            name="time_terminated",
            unit="flag",
            meaning="observation ended at a time (default), not at the last failure",
            shape=Shape.FLAG,
            required=False,
        ),
        Input(
            name="level_h",
            unit="h",
            meaning="the MTBF agreed, for a verdict",
            within=POSITIVE,
            aliases=("G",),
            required=False,
        ),
    ),
    results=(
        Result(name="mtbf", unit="h", meaning="operating time by failures"),
        Result(name="lower", unit="h", meaning="lower limit"),
        Result(name="upper", unit="h", meaning="upper limit"),
        Result(name="lower_failure_terminated", unit="h", meaning="what the lower limit would be, ended at a failure"),
        Result(name="failure_rate", unit="1/h", meaning="failures by operating time"),
        Result(name="verdict", unit="word", meaning="proven_met, proven_missed or inconclusive; only with a level"),
    ),
    formula="T/r; limits 2T/chi2(1-a/2; 2r+2) and 2T/chi2(a/2; 2r), one-sided a instead of a/2",
    standard="IEC 60605-4; IEC 60050-192",
    source="Epstein and Sobel 1953; peer: the reliability package's chi-square planner",
    rules=(
        "constant failure rate: without a trend (failure_trend), and pooled machines alike",
        "no failure: mean and upper limit are undefined, the lower limit is 2T/chi2(1-a; 2)",
    ),
    example={"T": 17520, "r": 4, "conf": 0.9, "two_sided": True, "time_terminated": True},
    compute=_mtbf,
)

DEMONSTRATION = Indicator(
    name="demonstration_test",
    version=1,
    question="how many operating hours prove an MTBF with at most so many failures",
    grade=Grade.INDIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(name="level_h", unit="h", meaning="the MTBF to prove", within=POSITIVE, aliases=("theta",)),
        _CONFIDENCE,
        _count("failures", "failures allowed, one or a list", "r", or_one=True),
    ),
    results=(Result(name="T_required", unit="h", meaning="operating hours needed, for each number of failures"),),
    formula="T = theta chi2(conf; 2r+2) / 2",
    standard="IEC 61124",
    source="chi-square, time-terminated, one-sided",
    rules=("constant failure rate",),
    example={"theta": 5000, "conf": 0.8, "r": [0, 1, 2, 3]},
    compute=_demonstration,
)

FAILURE_RATE = Indicator(
    name="failure_rate",
    version=1,
    question="the failure rate of a class of equipment with its two-sided limits",
    grade=Grade.DIRECT,
    kind=Kind.OUTCOME,
    inputs=(
        _count("failures", "failures observed", "n"),
        Input(name="operating_h", unit="h", meaning="time in service, all units", aliases=("tau_h",)),
        _CONFIDENCE,
    ),
    results=(
        Result(name="rate", unit="1/h", meaning="failures by time in service"),
        Result(name="lower", unit="1/h", meaning="lower limit, 0 without a failure"),
        Result(name="upper", unit="1/h", meaning="upper limit"),
    ),
    formula="n/tau; chi2(a/2; 2n)/2tau to chi2(1-a/2; 2n+2)/2tau",
    standard="ISO 14224:2016 annex C",
    source="annex C, example recalled: 2.6e-4 to 11.8e-4",
    rules=("constant failure rate", "no time in service: undefined"),
    example={"n": 6, "tau_h": 10000, "conf": 0.9},
    compute=_rate,
)

RESTORATION = Indicator(
    name="mttr",
    version=1,
    question="how long restoration takes on average (MTTR, MDT) when some repairs are still open",
    grade=Grade.DIRECT,
    kind=Kind.PROCESS,
    inputs=(
        Input(
            name="ended_h",
            unit="h",
            meaning="down time of each repair that ended",
            shape=Shape.NUMBERS,
            within=Range(low=Fraction(0)),
            aliases=("repair_h",),
        ),
        Input(
            name="running_h",
            unit="h",
            meaning="down time so far of each repair still open",
            shape=Shape.NUMBERS,
            aliases=("open_h",),
            required=False,
        ),
        _CONFIDENCE,
    ),
    results=(
        Result(name="repairs", unit="1", meaning="repairs that ended"),
        Result(name="mttr", unit="h", meaning="all down time by repairs that ended"),
        Result(name="lower", unit="h", meaning="lower limit"),
        Result(name="upper", unit="h", meaning="upper limit"),
        Result(name="naive_wrong", unit="h", meaning="mean of the ended ones only: too low while any is open"),
    ),
    formula="(sum ended + sum open)/ended; chi-square limits as mtbf",
    standard="IEC 60050-192",
    source="exponential maximum likelihood with censoring; time to restoration includes delays",
    rules=("limits hold for exponential repair times", "no repair has ended: undefined"),
    example={"ended_h": [4, 7.5, 21], "open_h": [30], "conf": 0.9},
    compute=_restoration,
)
