"""Failure times themselves: trend, censored lives, remaining life."""

from fractions import Fraction

from shared.indicators.censored import Survival, conditional_failure, kaplan_meier, remaining_life, weibull
from shared.indicators.given import INSIDE_UNIT, NOT_NEGATIVE, POSITIVE, Given, Input, InputError, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, or_reason
from shared.indicators.reliability import mtbf_limits
from shared.indicators.trend import trend

_SIGNIFICANT = 0.1


def _trend(given: Given) -> Answer:
    times, until = given.numbers("failure_h"), given.number("until_h")
    for index, at in enumerate(times):
        if at > until:
            raise InputError("failure_h", f"[{index}] lies after the end of observation")
    if not times:
        names = ("laplace_U", "p_value", "beta", "beta_unbiased", "intensity", "has_trend")
        return Answer(values=dict.fromkeys(names, Reason.NO_FAILURES))
    found = trend(times, until)
    return Answer(
        values={
            "laplace_U": found.laplace_u,
            "p_value": found.p_value,
            "beta": or_reason(found.beta, Reason.NO_VARIATION),
            "beta_unbiased": or_reason(found.unbiased_beta, Reason.NO_VARIATION),
            "intensity": or_reason(found.intensity_per_h, Reason.NO_VARIATION),
            "has_trend": found.p_value < _SIGNIFICANT,
        },
        notes=("with a trend there is no MTBF: quote the current intensity",) if found.p_value < _SIGNIFICANT else (),
    )


def _censored(given: Given) -> Answer:
    ended, running = given.numbers("failure_h"), given.numbers("censored_h")
    total, n = sum((*ended, *running), Fraction(0)), len(ended)
    lower, upper = mtbf_limits(float(total), n, float(given.number("confidence")), two_sided=True)
    survival, fitted = kaplan_meier(ended, running), weibull(ended, running)
    values: dict[str, Value] = {
        "mle": total / n if n else Reason.NO_FAILURES,
        "lower": or_reason(lower, Reason.NO_FAILURES) if total else Reason.NO_TIME,
        "upper": or_reason(upper, Reason.NO_FAILURES),
        "naive_wrong": sum(ended, Fraction(0)) / n if n else Reason.NO_FAILURES,
        "weibull_beta": Reason.TOO_FEW_POINTS if fitted is None else fitted[0],
        "weibull_eta": Reason.TOO_FEW_POINTS if fitted is None else fitted[1],
        "KM_h": list(survival.at_h),
        "KM": list(survival.share),
        "median_h": _median(survival),
    }
    pairs = zip(survival.at_h, survival.variance, strict=True)
    values.update({f"greenwood_var_{_hours(at)}": variance for at, variance in pairs})
    return Answer(values=values)


def _median(survival: Survival) -> Fraction | Reason:
    half = Fraction(1, 2)
    at = (at for at, share in zip(survival.at_h, survival.share, strict=True) if share <= half)
    return next(at, Reason.BEYOND_DATA)


def _hours(at: Fraction) -> str:
    return str(at.numerator) if at.denominator == 1 else repr(float(at))


def _remaining(given: Given) -> Answer:
    beta, eta, age = (float(given.number(name)) for name in ("beta", "eta", "age"))
    return Answer(
        values={
            "p_fail": conditional_failure(beta, eta, age, float(given.number("window"))),
            "RUL_10": remaining_life(beta, eta, age, 0.1),
            "RUL_50": remaining_life(beta, eta, age, 0.5),
        }
    )


TREND = Indicator(
    name="failure_trend",
    version=1,
    question="whether failures come faster or slower with time (Laplace, Crow-AMSAA): before any MTBF",
    grade=Grade.INDIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(
            name="failure_h",
            unit="h",
            meaning="operating clock at each failure of one machine",
            shape=Shape.NUMBERS,
            within=POSITIVE,
            aliases=("t",),
        ),
        Input(name="until_h", unit="h", meaning="end of observation", within=POSITIVE, aliases=("T",)),
    ),
    results=(
        Result(name="laplace_U", unit="1", meaning="standard normal under a constant rate; above 0: faster"),
        Result(name="p_value", unit="1", meaning="two-sided, of the Laplace test"),
        Result(name="beta", unit="1", meaning="Crow-AMSAA growth, maximum likelihood; above 1: faster"),
        Result(name="beta_unbiased", unit="1", meaning="the same, corrected for few failures"),
        Result(name="intensity", unit="1/h", meaning="failure rate at the end by Crow-AMSAA"),
        Result(name="has_trend", unit="flag", meaning="the Laplace test says so at 10 %"),
    ),
    formula="U = (mean t - T/2)/(T sqrt(1/12n)); beta = n / sum ln(T/t)",
    standard="IEC 61164; IEC 60300-3-5",
    source="Laplace; Crow 1975; peer: reliability.ROCOF",
    rules=("observation ended at a time, not at a failure", "a failure after the end is refused; none: undefined"),
    example={"t": [300, 900, 2000, 3500, 4200, 4600], "T": 5000},
    compute=_trend,
)

CENSORED = Indicator(
    name="censored_life",
    version=1,
    question="the life of units of which some still run: exponential, Weibull, Kaplan-Meier",
    grade=Grade.DIRECT,
    kind=Kind.OUTCOME,
    inputs=(
        Input(
            name="failure_h",
            unit="h",
            meaning="life of each unit that failed",
            longest=1_000,
            shape=Shape.NUMBERS,
            within=NOT_NEGATIVE,
            aliases=("fail_h",),
        ),
        Input(
            name="censored_h",
            unit="h",
            meaning="life so far of each unit that has not failed",
            longest=1_000,
            shape=Shape.NUMBERS,
            required=False,
        ),
        Input(name="confidence", unit="1", meaning="of the limits", within=INSIDE_UNIT, aliases=("conf",)),
    ),
    results=(
        Result(name="mle", unit="h", meaning="exponential mean life: all hours by failures"),
        Result(name="lower", unit="h", meaning="lower limit of it, two-sided chi-square, time-terminated"),
        Result(name="upper", unit="h", meaning="upper limit of it"),
        Result(name="naive_wrong", unit="h", meaning="mean of the failed ones only: too low"),
        Result(name="weibull_beta", unit="1", meaning="Weibull shape, maximum likelihood"),
        Result(name="weibull_eta", unit="h", meaning="Weibull scale"),
        Result(name="KM_h", unit="h", meaning="distinct failure times"),
        Result(name="KM", unit="1", meaning="Kaplan-Meier survival after each"),
        Result(name="median_h", unit="h", meaning="first time at which no more than half survive"),
        Result(name="greenwood_var_<h>", unit="1", meaning="Greenwood's variance of the survival after that time"),
    ),
    formula="mle = sum of all / failures; S = product of (1 - d/n); var = S^2 sum d/(n(n-d))",
    standard="IEC 61649 (Weibull); IEC 60605-4",
    source="Kaplan and Meier 1958; Greenwood 1926; peers: lifelines, reliability",
    rules=("censoring says nothing of the life left", "repairable machines: use mtbf, not lives between repairs"),
    example={"fail_h": [1200, 2500, 3100], "censored_h": [4000, 4000], "conf": 0.9},
    compute=_censored,
)

REMAINING_LIFE = Indicator(
    name="remaining_life",
    version=1,
    question="how likely a part of some age fails within a window, and how long it will last (RUL)",
    grade=Grade.INDIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(name="beta", unit="1", meaning="Weibull shape", within=POSITIVE),
        Input(name="eta", unit="h", meaning="Weibull scale", within=POSITIVE),
        Input(name="age", unit="h", meaning="age of the part"),
        Input(name="window", unit="h", meaning="the time asked about"),
    ),
    results=(
        Result(name="p_fail", unit="1", meaning="probability of a failure within the window, having reached the age"),
        Result(name="RUL_10", unit="h", meaning="remaining life that nine in ten reach"),
        Result(name="RUL_50", unit="h", meaning="remaining life that half reach"),
    ),
    formula="p = 1 - exp((age/eta)^beta - ((age+window)/eta)^beta)",
    standard="ISO 13381-1",
    source="Weibull 1951, conditional on the age reached",
    rules=("the part has not failed at its age",),
    example={"beta": 2.5, "eta": 9000, "age": 7000, "window": 720},
    compute=_remaining,
)
