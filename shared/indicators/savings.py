"""Savings of a reporting period against a baseline, adjusted to its conditions, with their uncertainty. Pure.

IPMVP avoided energy: savings = what the baseline expects of the reporting conditions + non-routine adjustments - what
was measured. The exact least-squares uncertainty is the one to decide by; the fractional form of ASHRAE guideline 14
is there for comparison.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from scipy.special import stdtr, stdtrit

from shared.indicators.baseline import Baseline, Number, exact, solve


class Interval(StrEnum):
    """The step of the baseline's points, as the fractional uncertainty needs it."""

    BILLING = "billing"
    DAILY = "daily"
    HOURLY = "hourly"


# ASHRAE guideline 14-2014; coefficients of M^2, M and 1 for M months of reporting: Sun and Baltazar 2013.
GUIDELINE_FACTOR: Final = 1.26
_POLYNOMIAL: Final = {
    Interval.BILLING: (-0.00022, 0.03306, 0.94054),
    Interval.DAILY: (-0.00024, 0.03535, 1.00286),
    Interval.HOURLY: (0.0, 0.0, GUIDELINE_FACTOR),
}
_COVERED: Final = (Fraction(9, 10), Fraction(11, 10))


@dataclass(frozen=True, kw_only=True, slots=True)
class Savings:
    """What a reporting period saved, in the unit of the energy; `frac` is by the adjusted baseline."""

    adjusted: Fraction
    actual: Fraction
    adjustments: Fraction
    savings: Fraction

    @property
    def frac(self) -> Fraction | None:
        return self.savings / self.adjusted if self.adjusted else None


def savings(
    baseline: Baseline,
    drivers: Mapping[str, Sequence[Number]],
    energy: Sequence[Number],
    adjustments: Number = 0,
) -> Savings:
    """Avoided energy over m points of drivers (m,) and measured energy (m,).

    `adjustments` is the sum of agreed non-routine ones, positive where the reporting period was charged with energy
    that the baseline's conditions did not have. ValueError for other drivers or lengths that differ.
    """
    adjusted = sum((baseline.predict(point) for point in _points(drivers, len(energy))), Fraction(0))
    adjusted += exact(adjustments)
    actual = sum((exact(value) for value in energy), Fraction(0))
    return Savings(adjusted=adjusted, actual=actual, adjustments=exact(adjustments), savings=adjusted - actual)


def savings_sd(baseline: Baseline, drivers: Mapping[str, Sequence[Number]]) -> float | None:
    """Standard uncertainty of the savings over m points, independent residuals; None without `x_mean` and `sxx`.

    s^2 (m + m^2/n + c' Sxx^-1 c), c the sums of each driver's distance from its mean: exact for least squares.
    """
    if baseline.x_mean is None or baseline.sxx is None:
        return None
    lengths = {len(values) for values in drivers.values()}
    if drivers.keys() != baseline.slopes.keys() or len(lengths) > 1:
        raise ValueError(f"the baseline's drivers are {sorted(baseline.slopes)}, each with as many points")
    m = lengths.pop() if lengths else 0
    distance = tuple(
        sum((exact(x) - baseline.x_mean[name] for x in drivers[name]), Fraction(0)) for name in baseline.slopes
    )
    solved = solve(baseline.sxx, distance)
    if solved is None:
        raise ValueError("sxx is singular: a driver is constant or a mixture of the others")
    model = sum((a * b for a, b in zip(distance, solved, strict=True)), Fraction(0))
    return baseline.s * math.sqrt(m + Fraction(m * m, baseline.n) + model)


def t_quantile(confidence: float, dof: int) -> float:
    """Student's t that is not exceeded either way with `confidence`; ValueError outside (0, 1) or without freedom."""
    if not 0 < confidence < 1 or dof < 1:
        raise ValueError("confidence lies between 0 and 1, both excluded, and dof is at least 1")
    return float(stdtrit(dof, 1 - (1 - confidence) / 2))


def p_reaches(saved: Number, target: Number, sd: float, dof: int) -> float:
    """P(true savings >= target) by Student's t; a certain answer when `sd` is 0."""
    if not sd:
        return float(exact(saved) >= exact(target))
    return float(stdtr(dof, float(exact(saved) - exact(target)) / sd))


def effective_points(n: int, rho1: float) -> float:
    """How many independent points n with lag-1 correlation `rho1` in [-1, 1] are worth; never more than n, 0 at 1."""
    return n * (1 - rho1) / (1 + rho1) if rho1 > 0 else float(n)


def fractional_uncertainty(
    *, t: float, factor: float, cvrmse: float, saved_share: float, n: int, n_prime: float, m: int
) -> float:
    """U/S of ASHRAE guideline 14 annex B: t factor CV/F sqrt((n/n')(1 + 2/n')/m); `saved_share` F is not 0."""
    return t * factor * cvrmse / saved_share * math.sqrt(n / n_prime * (1 + 2 / n_prime) / m)


def polynomial_factor(interval: Interval, months: float) -> float:
    """What replaces 1.26 for `months` of reporting, after Sun and Baltazar."""
    square, linear, constant = _POLYNOMIAL[interval]
    return square * months**2 + linear * months + constant


def uncovered(baseline: Baseline, drivers: Mapping[str, Sequence[Number]]) -> dict[str, int] | None:
    """How many points of each driver lie outside 90 to 110 % of the baseline's range; None if that is unknown."""
    if baseline.fitted is None:
        return None
    ranges = baseline.fitted.ranges
    return {name: sum(not _is_covered(exact(x), *ranges[name]) for x in values) for name, values in drivers.items()}


def _is_covered(x: Fraction, low: Fraction, high: Fraction) -> bool:
    under, over = _COVERED
    return low * (under if low > 0 else over) <= x <= high * (over if high > 0 else under)


def _points(drivers: Mapping[str, Sequence[Number]], m: int) -> list[dict[str, Number]]:
    if any(len(values) != m for values in drivers.values()):
        raise ValueError("drivers and energy have different lengths")
    return [{name: values[point] for name, values in drivers.items()} for point in range(m)]
