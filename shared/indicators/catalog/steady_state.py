"""Availability as a property of the machine: models, limits and spread."""

import math
from fractions import Fraction

from shared.indicators.availability_interval import Sample, f_limits, keesee_limits, renewal_sd
from shared.indicators.given import INSIDE_UNIT, POSITIVE, Given, Input, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, or_reason, ratio
from shared.indicators.reliability import markov_availability

_SLOTS_AN_HOUR = 6


def _markov(given: Given) -> Answer:
    failing, repairing, after = (given.number(name) for name in ("failure_rate", "repair_rate", "after"))
    if not failing + repairing:
        return Answer(values=dict.fromkeys(("A_inf", "A_t", "A_mean_0_t"), Reason.ZERO_DENOMINATOR))
    _, at, mean = markov_availability(float(failing), float(repairing), float(after))
    steady = ratio(repairing, failing + repairing)
    return Answer(values={"A_inf": steady, "A_t": at, "A_mean_0_t": or_reason(mean, Reason.NO_TIME)})


def _interval(given: Given) -> Answer:
    up, down, alpha = given.number("up_h"), given.number("down_h"), float(given.number("alpha"))
    sample = Sample(up=float(up), down=float(down), failures=given.count("failures"), repairs=given.count("repairs"))
    keesee, exact = keesee_limits(sample, alpha), f_limits(sample, alpha)
    why = _why(sample)
    values: dict[str, Value] = {"point": ratio(up, up + down)}
    for limits, lower, upper in ((keesee, "lower", "upper"), (exact, "F_lower", "F_upper")):
        values[lower], values[upper] = limits or (why, why)
    return Answer(values=values)


def _why(sample: Sample) -> Reason:
    if not sample.up:
        return Reason.NO_TIME
    return Reason.NO_FAILURES if sample.repairs else Reason.NO_REPAIRS


def _spread(given: Given) -> Answer:
    up, down, time = given.number("mean_up"), given.number("mean_down"), given.number("time_h")
    if not up + down:
        return Answer(values=dict.fromkeys(("A", "sd", "naive_binomial_se_10min"), Reason.ZERO_DENOMINATOR))
    sd_up, sd_down = given.maybe("sd_up"), given.maybe("sd_down")
    sds = float(up if sd_up is None else sd_up), float(down if sd_down is None else sd_down)
    share = up / (up + down)
    return Answer(
        values={
            "A": share,
            "sd": renewal_sd(float(up), float(down), *sds, float(time)),
            "naive_binomial_se_10min": math.sqrt(share * (1 - share) / (time * _SLOTS_AN_HOUR)),
        }
    )


def _dependability(given: Given) -> Answer:
    up, down, operating = given.number("up_h"), given.number("down_h"), given.number("operating_h")
    repair, failures = given.maybe("corrective_h"), given.count("failures")
    mean_up = _each(up, failures)
    mean_operating, mean_repair = _each(operating, failures), _each(repair, failures)
    return Answer(
        values={
            "MUT_h": mean_up,
            "MDT_h": _each(down, failures),
            "MTBF_h": mean_operating,
            "MTTR_h": mean_repair,
            "operational_A": ratio(up, up + down),
            "inherent_A": _inherent(mean_operating, mean_repair),
        }
    )


def _each(hours: Fraction | None, failures: int) -> Fraction | Reason:
    if hours is None:
        return Reason.INPUT_NOT_GIVEN
    return hours / failures if failures else Reason.NO_FAILURES


def _inherent(operating: Fraction | Reason, repair: Fraction | Reason) -> Fraction | Reason:
    if isinstance(operating, Reason):
        return operating
    return repair if isinstance(repair, Reason) else ratio(operating, operating + repair)


MARKOV = Indicator(
    name="markov_availability",
    version=1,
    question="the availability a constant failure and repair rate lead to: now, on average, in the long run",
    grade=Grade.INDIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(name="failure_rate", unit="1/h", meaning="failures per hour up", aliases=("lam", "lambda")),
        Input(name="repair_rate", unit="1/h", meaning="repairs per hour down", aliases=("mu",)),
        Input(name="after", unit="h", meaning="time since the machine was up for certain", aliases=("t",)),
    ),
    results=(
        Result(name="A_inf", unit="1", meaning="steady state"),
        Result(name="A_t", unit="1", meaning="at that time"),
        Result(name="A_mean_0_t", unit="1", meaning="mean up to that time"),
    ),
    formula="A(t) = mu/(l+m) + l/(l+m) e^-(l+m)t",
    standard="IEC 61703; IEC 60050-192",
    source="two-state Markov process, up at the start",
    rules=("rates and time in one unit of time", "neither fails nor is repaired: undefined; no time: no mean"),
    example={"lam": 0.001, "mu": 0.1, "t": 24},
    compute=_markov,
)

INTERVAL = Indicator(
    name="availability_interval",
    version=1,
    question="between which limits a machine's true availability lies, from a few failures and repairs",
    grade=Grade.INDIRECT,
    kind=Kind.OUTCOME,
    inputs=(
        Input(name="failures", unit="1", meaning="failures", shape=Shape.COUNT),
        Input(name="repairs", unit="1", meaning="repairs that ended", shape=Shape.COUNT),
        Input(name="up_h", unit="h", meaning="time up"),
        Input(name="down_h", unit="h", meaning="time down"),
        Input(name="alpha", unit="1", meaning="1 less the confidence, two-sided", within=INSIDE_UNIT),
    ),
    results=(
        Result(name="point", unit="1", meaning="time up by all time"),
        Result(name="lower", unit="1", meaning="lower limit after Keesee: observation ended at a time"),
        Result(name="upper", unit="1", meaning="upper limit after Keesee"),
        Result(name="F_lower", unit="1", meaning="lower limit for full cycles"),
        Result(name="F_upper", unit="1", meaning="upper limit for full cycles"),
    ),
    formula="1/(1 + rho F); rho = mean down / mean up, F with 2r+2 (full cycles: 2r) and 2 repairs degrees of freedom",
    standard="Keesee 1965",
    source="as the R package mcotear computes it (ao_keesee)",
    rules=("exponential up and down times", "not for settlement: a period's availability has no sampling error"),
    example={"failures": 6, "repairs": 6, "up_h": 8500, "down_h": 260, "alpha": 0.1},
    compute=_interval,
)

SPREAD = Indicator(
    name="availability_spread",
    version=1,
    question="how much the availability of equal periods varies by chance",
    grade=Grade.INDIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(name="mean_up", unit="h", meaning="mean up time", aliases=("MUT",)),
        Input(name="mean_down", unit="h", meaning="mean down time", aliases=("MDT",)),
        Input(name="time_h", unit="h", meaning="length of the period", within=POSITIVE, aliases=("T",)),
        Input(name="sd_up", unit="h", meaning="deviation of up times; the mean if absent", required=False),
        Input(name="sd_down", unit="h", meaning="deviation of down times; the mean if absent", required=False),
    ),
    results=(
        Result(name="A", unit="1", meaning="long-run availability"),
        Result(name="sd", unit="1", meaning="standard deviation of a period's availability"),
        Result(name="naive_binomial_se_10min", unit="1", meaning="what independent 10-minute slots would give: wrong"),
    ),
    formula="sqrt((U^2 sD^2 + D^2 sU^2)/(U+D)^3/T)",
    standard="renewal theory",
    source="alternating renewal process, asymptotic variance",
    rules=("periods much longer than a cycle", "exponential times unless deviations are given"),
    example={"mean_up": 776, "mean_down": 24, "T": 8760},
    compute=_spread,
)

DEPENDABILITY = Indicator(
    name="dependability_times",
    version=1,
    question="mean up, down, operating and repair times (MUT, MDT, MTBF, MTTR), operational and inherent availability",
    grade=Grade.DIRECT,
    kind=Kind.OUTCOME,
    inputs=(
        Input(name="up_h", unit="h", meaning="up time, operating or idle"),
        Input(name="down_h", unit="h", meaning="all down time"),
        Input(name="operating_h", unit="h", meaning="operating time"),
        Input(name="corrective_h", unit="h", meaning="corrective down time, to restoration", required=False),
        Input(name="failures", unit="1", meaning="failures", shape=Shape.COUNT),
    ),
    results=(
        Result(name="MUT_h", unit="h", meaning="mean up time"),
        Result(name="MDT_h", unit="h", meaning="mean down time"),
        Result(name="MTBF_h", unit="h", meaning="mean operating time between failures, repair excluded"),
        Result(name="MTTR_h", unit="h", meaning="mean time to restoration"),
        Result(name="operational_A", unit="1", meaning="up time by up and all down time"),
        Result(name="inherent_A", unit="1", meaning="MTBF by MTBF and MTTR"),
    ),
    formula="hours by failures; up/(up + down); MTBF/(MTBF + MTTR)",
    standard="IEC 60050-192; IEC 61703",
    source="definitions of IEC 60050-192-05 to -08",
    rules=("no failure: means are undefined",),
    example={"up_h": 670, "down_h": 50, "operating_h": 650, "corrective_h": 30, "failures": 5},
    compute=_dependability,
)
