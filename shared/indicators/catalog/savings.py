"""Savings of a reporting period against its baseline: IPMVP B and C, ASHRAE guideline 14."""

from fractions import Fraction
from typing import Final

from shared.indicators.baseline import Baseline, fit, stated
from shared.indicators.catalog.baseline import REFERENCE_X, REFERENCE_Y, correlated, fitted_on, points_input
from shared.indicators.given import ANY, INSIDE_UNIT, NOT_NEGATIVE, POSITIVE, Given, Input, InputError, Range, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, or_reason
from shared.indicators.savings import (
    GUIDELINE_FACTOR,
    Interval,
    Savings,
    effective_points,
    fractional_uncertainty,
    p_reaches,
    polynomial_factor,
    savings,
    savings_sd,
    t_quantile,
    uncovered,
)

_CORRELATION: Final = Range(low=Fraction(-1), high=Fraction(1), is_open=True)


def _savings(given: Given) -> Answer:
    baseline, notes = _chosen(given)
    drivers, energy = _reporting(given, baseline)
    found = savings(baseline, drivers, energy, sum(given.table("adjustments").values(), Fraction(0)))
    t, sd = t_quantile(float(given.number("confidence")), baseline.dof), savings_sd(baseline, drivers)
    half = None if sd is None else t * sd
    values: dict[str, Value] = {
        "adjusted": found.adjusted,
        "actual": found.actual,
        "savings": found.savings,
        "frac": found.frac if found.frac is not None else Reason.ZERO_DENOMINATOR,
        "t": t,
        "halfwidth_exact_OLS": or_reason(half, Reason.INPUT_NOT_GIVEN),
        "fsu_exact": Reason.INPUT_NOT_GIVEN if half is None else _per_saved(half, found),
        **_bounds(found, half),
        **_guideline(given, baseline, found, t, len(energy)),
    }
    if given.has("level"):
        level = given.number("level")
        reaches = None if sd is None else p_reaches(found.savings, level, sd, baseline.dof)
        values["p_reaches_level"] = or_reason(reaches, Reason.INPUT_NOT_GIVEN)
    return Answer(values=values, notes=(*notes, *correlated(baseline), *_coverage(baseline, drivers)))


def _chosen(given: Given) -> tuple[Baseline, tuple[str, ...]]:
    if given.has("baseline_drivers") != given.has("baseline_energy"):
        raise InputError("baseline_drivers", "needs baseline_energy, and the other way round")
    if given.has("baseline_drivers"):
        return fitted_on(given.series("baseline_drivers"), given.numbers("baseline_energy")), _signed_off(given)
    parts = ("b0", "b1", "s", "n")
    if not any(given.has(part) for part in parts):
        reference = fit({"x": list(REFERENCE_X)}, list(REFERENCE_Y))
        return reference, ("no baseline given: the worked example ENB-1 was used; give your own",)
    for part in parts:
        if not given.has(part):
            raise InputError(part, "missing: a stated baseline needs b0, b1, s and n")
    if given.count("n") < 3:
        raise InputError("n", "must be at least 3")
    name = next(iter(given.series("drivers")))
    baseline = stated(
        driver=name,
        intercept=given.number("b0"),
        slope=given.number("b1"),
        n=given.count("n"),
        s=float(given.number("s")),
        x_mean=given.maybe("x_mean"),
        sxx=given.maybe("sxx"),
    )
    return baseline, _signed_off(given)


def _signed_off(given: Given) -> tuple[str, ...]:
    if given.has("baseline_signed_off"):
        return (f"baseline frozen and signed off {given.text('baseline_signed_off')}",)
    return ("the baseline is not signed off: freeze its period and data before it is relied on",)


def _reporting(given: Given, baseline: Baseline) -> tuple[dict[str, list[Fraction]], list[Fraction]]:
    drivers, energy = given.series("drivers"), given.numbers("energy")
    if drivers.keys() != baseline.slopes.keys():
        raise InputError("drivers", f"must be those of the baseline: {', '.join(baseline.slopes)}")
    if any(len(values) != len(energy) for values in drivers.values()):
        raise InputError("energy", "must be as long as each driver")
    if not energy:
        raise InputError("energy", "must have at least one point")
    return drivers, energy


def _bounds(found: Savings, half: float | None) -> dict[str, Value]:
    if half is None:
        return dict.fromkeys(("savings_lower", "savings_upper"), Reason.INPUT_NOT_GIVEN)
    return {"savings_lower": float(found.savings) - half, "savings_upper": float(found.savings) + half}


def _per_saved(half: float, found: Savings) -> float | Reason:
    return half / float(found.savings) if found.savings > 0 else Reason.NO_SAVINGS


def _guideline(given: Given, baseline: Baseline, found: Savings, t: float, m: int) -> dict[str, Value]:
    names = ("fsu_GL14_1_26", "fsu_SunBaltazar_poly")
    cvrmse, rho1 = _spread(baseline, given)
    if cvrmse is None:
        return dict.fromkeys(names, Reason.INPUT_NOT_GIVEN)
    n_prime = effective_points(baseline.n, rho1)
    if found.savings <= 0 or not found.frac or n_prime <= 0:
        return dict.fromkeys(names, Reason.TOO_FEW_POINTS if n_prime <= 0 else Reason.NO_SAVINGS)
    interval = Interval(given.text("interval", Interval.BILLING))
    months = given.maybe("months")
    factors = GUIDELINE_FACTOR, polynomial_factor(interval, _months(interval, m) if months is None else float(months))
    share = float(found.frac)
    return {
        name: fractional_uncertainty(
            t=t, factor=factor, cvrmse=cvrmse, saved_share=share, n=baseline.n, n_prime=n_prime, m=m
        )
        for name, factor in zip(names, factors, strict=True)
    }


def _spread(baseline: Baseline, given: Given) -> tuple[float | None, float]:
    rho1 = float(given.maybe("rho") or 0)
    if baseline.fitted is not None:
        return baseline.fitted.cvrmse, baseline.fitted.rho1 or 0.0
    if baseline.x_mean is None:
        return None, rho1
    mean = baseline.predict(baseline.x_mean)
    return (baseline.s / float(mean) if mean else None), rho1


def _months(interval: Interval, m: int) -> float:
    return m / {Interval.BILLING: 1, Interval.DAILY: 365.25 / 12, Interval.HOURLY: 8766 / 12}[interval]


def _coverage(baseline: Baseline, drivers: dict[str, list[Fraction]]) -> tuple[str, ...]:
    outside = uncovered(baseline, drivers)
    if outside is None:
        return ("the baseline's range of drivers is not given: whether it covers the period is unknown",)
    return tuple(
        f"{count} of {len(drivers[name])} points of {name} lie outside 90 to 110 % of the baseline's range"
        for name, count in outside.items()
        if count
    )


def _stated(name: str, meaning: str, within: Range = ANY, shape: Shape = Shape.NUMBER) -> Input:
    return Input(name=name, unit="as stated", meaning=meaning, within=within, shape=shape, required=False)


_CONFIDENCE: Final = Input(
    name="confidence", unit="1", meaning="two-sided confidence", within=INSIDE_UNIT, aliases=("conf",)
)

ENERGY_SAVINGS = Indicator(
    name="energy_savings",
    version=1,
    question="what a reporting period saved against its baseline, and how sure that is (IPMVP avoided energy, FSU)",
    grade=Grade.ECONOMIC,
    kind=Kind.OUTCOME,
    inputs=(
        points_input("drivers", "drivers of the reporting period", "Xr", Shape.SERIES),
        points_input("energy", "energy measured in the reporting period", "Yr", Shape.NUMBERS),
        _CONFIDENCE,
        points_input("baseline_drivers", "drivers of the baseline period", "X", Shape.SERIES, required=False),
        points_input("baseline_energy", "energy of the baseline period", "Y", Shape.NUMBERS, required=False),
        _stated("b0", "instead of points: intercept of a stated baseline"),
        _stated("b1", "its slope"),
        _stated("s", "its residual deviation", NOT_NEGATIVE),
        _stated("n", "its points", NOT_NEGATIVE, Shape.COUNT),
        _stated("x_mean", "mean of its driver, for the exact uncertainty"),
        _stated("sxx", "squared distances of its driver from the mean", POSITIVE),
        _stated("rho", "lag-1 correlation of its residuals", _CORRELATION),
        Input(
            name="baseline_signed_off",
            unit="text",
            meaning="by whom and when the baseline was frozen and signed off",
            shape=Shape.TEXT,
            required=False,
        ),
        Input(
            name="adjustments",
            unit="energy",
            meaning="agreed non-routine adjustments by reason, added to the adjusted baseline",
            shape=Shape.TABLE,
            within=ANY,
            required=False,
        ),
        Input(
            name="level",
            unit="energy",
            meaning="savings agreed, for P(true savings >= level)",
            within=ANY,
            required=False,
        ),
        Input(
            name="interval",
            unit="text",
            meaning="step of the points; billing if absent",
            shape=Shape.TEXT,
            choices=tuple(Interval),
            required=False,
        ),
        Input(name="months", unit="months", meaning="months of reporting; from the points if absent", required=False),
    ),
    results=(
        Result(name="adjusted", unit="energy", meaning="what the baseline expects of the period, with adjustments"),
        Result(name="actual", unit="energy", meaning="what was measured"),
        Result(name="savings", unit="energy", meaning="adjusted less actual"),
        Result(name="frac", unit="1", meaning="savings by adjusted baseline"),
        Result(name="t", unit="1", meaning="Student's t"),
        Result(name="halfwidth_exact_OLS", unit="energy", meaning="half width of the interval, exact least squares"),
        Result(name="savings_lower", unit="energy", meaning="savings less half width"),
        Result(name="savings_upper", unit="energy", meaning="savings and half width"),
        Result(name="fsu_exact", unit="1", meaning="half width by savings"),
        Result(name="fsu_GL14_1_26", unit="1", meaning="fractional uncertainty of guideline 14 with 1.26"),
        Result(name="fsu_SunBaltazar_poly", unit="1", meaning="the same with the polynomial in months"),
        Result(name="p_reaches_level", unit="1", meaning="P(true savings >= level); only with a level"),
    ),
    formula="S = sum(b0 + b x) + adjustments - sum y; var = s^2 (m + m^2/n + (sum(x - mean))^2/Sxx)",
    standard="IPMVP core concepts; ASHRAE guideline 14; ISO 50015",
    source="exact prediction variance of least squares; Sun and Baltazar 2013 for the polynomial",
    rules=(
        "residuals independent; n' is never above n, so negative autocorrelation is no bonus",
        "drivers outside 90 to 110 % of the baseline's range are named",
        "no savings: their relative uncertainty is undefined",
        "without any baseline the worked example ENB-1 stands in, and a note says so",
    ),
    example={
        "X": list(REFERENCE_X),
        "Y": list(REFERENCE_Y),
        "Xr": [150, 160, 170],
        "Yr": [255, 270, 281],
        "conf": 0.9,
        "level": 60,
    },
    compute=_savings,
)
