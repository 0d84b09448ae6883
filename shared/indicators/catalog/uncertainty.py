"""The fractional uncertainty of savings, from a baseline's statistics alone."""

from fractions import Fraction
from typing import Final

from shared.indicators.given import INSIDE_UNIT, POSITIVE, Given, Input, InputError, Range, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value
from shared.indicators.savings import GUIDELINE_FACTOR, effective_points, fractional_uncertainty, t_quantile

_CORRELATION: Final = Range(low=Fraction(-1), high=Fraction(1), is_open=True)


def _fsu(given: Given) -> Answer:
    n, m, rho = given.count("n"), given.count("m"), float(given.number("rho"))
    share, t = float(given.number("saved_share")), _t(given, n)
    n_prime = effective_points(n, rho)
    factor = float(given.maybe("factor") or GUIDELINE_FACTOR)
    found: dict[str, Value] = {"n_prime": n_prime}
    for name, points in (("fsu", n_prime), ("fsu_no_autocorr", float(n))):
        if not share:
            found[name] = Reason.NO_SAVINGS
            continue
        found[name] = fractional_uncertainty(
            t=t, factor=factor, cvrmse=float(given.number("cvrmse")), saved_share=share, n=n, n_prime=points, m=m
        )
    return Answer(values=found)


def _t(given: Given, n: int) -> float:
    if given.has("t"):
        return float(given.number("t"))
    if not given.has("confidence"):
        raise InputError("t", "missing: give t, or confidence")
    coefficients = given.count("coefficients") if given.has("coefficients") else 2
    if n <= coefficients:
        raise InputError("n", f"must be above the {coefficients} coefficients")
    return t_quantile(float(given.number("confidence")), n - coefficients)


FSU = Indicator(
    name="fractional_savings_uncertainty",
    version=1,
    question="the relative uncertainty of savings by ASHRAE guideline 14, autocorrelation counted (FSU)",
    grade=Grade.INDIRECT,
    kind=Kind.OUTCOME,
    inputs=(
        Input(name="n", unit="1", meaning="points of the baseline", shape=Shape.COUNT, within=POSITIVE),
        Input(name="rho", unit="1", meaning="lag-1 correlation of residuals", within=_CORRELATION),
        Input(name="m", unit="1", meaning="points of the reporting period", shape=Shape.COUNT, within=POSITIVE),
        Input(name="cvrmse", unit="1", meaning="CV(RMSE) of the baseline", aliases=("cv",)),
        Input(name="saved_share", unit="1", meaning="savings by adjusted baseline", aliases=("F",)),
        Input(name="t", unit="1", meaning="Student's t", within=POSITIVE, required=False),
        Input(
            name="confidence",
            unit="1",
            meaning="two-sided, instead of t",
            within=INSIDE_UNIT,
            aliases=("conf",),
            required=False,
        ),
        Input(
            name="coefficients",
            unit="1",
            meaning="coefficients of the model, for t; 2 if absent",
            shape=Shape.COUNT,
            required=False,
        ),
        Input(name="factor", unit="1", meaning="1.26 if absent", within=POSITIVE, required=False),
    ),
    results=(
        Result(name="n_prime", unit="1", meaning="independent points the baseline is worth"),
        Result(name="fsu", unit="1", meaning="uncertainty by savings"),
        Result(name="fsu_no_autocorr", unit="1", meaning="the same with autocorrelation ignored: too small"),
    ),
    formula="t 1.26 CV/F sqrt((n/n')(1 + 2/n')/m); n' = n (1 - rho)/(1 + rho), at most n",
    standard="ASHRAE guideline 14 annex B",
    source="Reddy and Claridge 2000",
    rules=("no savings: undefined",),
    example={"n": 365, "rho": 0.5, "m": 365, "cv": 0.15, "F": 0.1, "t": 1.645},
    compute=_fsu,
)
