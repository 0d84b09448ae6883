"""Energy baselines: ordinary least squares on drivers, in exact arithmetic; `savings` judges by them. Pure.

ISO 50006 and IPMVP options B and C; statistics as ASHRAE guideline 14 names them. Fit by `fit`; a contract that prints
its model gives a Baseline of its own numbers by `stated`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

Number = int | float | Fraction
Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How well a baseline follows its own period.

    `cvrmse` is s by the mean energy. `nmbe` is the sum of (measured - model) by (n - p) times the mean energy, p the
    number of coefficients (ASHRAE guideline 14; others turn the sign or divide by the sum). `rho1` is the Pearson
    correlation of each residual with the one before.
    """

    sse: Fraction
    r2: Fraction | None
    cvrmse: float | None
    nmbe: Fraction | None
    rho1: float | None
    ranges: Mapping[str, tuple[Fraction, Fraction]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """energy = intercept + the sum of slope times driver, fitted on `n` points with residual deviation `s`.

    `x_mean` is each driver's mean, `sxx` the centred cross products in the order of `slopes`; without both the
    uncertainty of the coefficients is unknown. `fitted` is what only a fit knows, None for a stated baseline.
    """

    intercept: Fraction
    slopes: dict[str, Fraction]
    n: int
    s: float
    dof: int
    x_mean: Mapping[str, Fraction] | None = None
    sxx: Matrix | None = None
    fitted: Fit | None = None

    def predict(self, drivers: Mapping[str, Number]) -> Fraction:
        """The energy expected of one point; ValueError unless every driver, and no other, is given."""
        if drivers.keys() != self.slopes.keys():
            raise ValueError(f"the baseline's drivers are {sorted(self.slopes)}, not {sorted(drivers)}")
        return self.intercept + sum((self.slopes[name] * exact(drivers[name]) for name in drivers), Fraction(0))


def exact(number: Number) -> Fraction:
    """The fraction a number stands for; a float stands for the decimal it is written as. ValueError: NaN, infinity."""
    return Fraction(repr(float(number))) if isinstance(number, float) else Fraction(number)


def stated(
    *,
    driver: str,
    intercept: Fraction,
    slope: Fraction,
    n: int,
    s: float,
    x_mean: Fraction | None = None,
    sxx: Fraction | None = None,
) -> Baseline:
    """The baseline of one driver that a contract prints; ValueError when n leaves no degree of freedom."""
    if n < 3:
        raise ValueError("a baseline of one driver needs at least 3 points")
    return Baseline(
        intercept=intercept,
        slopes={driver: slope},
        n=n,
        s=s,
        dof=n - 2,
        x_mean=None if x_mean is None else {driver: x_mean},
        sxx=None if sxx is None else ((sxx,),),
    )


def fit(drivers: Mapping[str, Sequence[Number]], energy: Sequence[Number]) -> Baseline:
    """Least squares of `energy` (n,) on every driver (n,) and a constant.

    ValueError when lengths differ, when n is not above the number of coefficients, or when a driver is constant or a
    mixture of the others, so that no one answer exists.
    """
    columns = {name: [exact(x) for x in values] for name, values in drivers.items()}
    y = [exact(value) for value in energy]
    n, dof = len(y), len(y) - len(columns) - 1
    if any(len(values) != n for values in columns.values()):
        raise ValueError("drivers and energy have different lengths")
    if dof < 1:
        raise ValueError(f"{len(columns) + 1} coefficients need at least {len(columns) + 2} points, not {n}")
    mean = {name: sum(values, Fraction(0)) / n for name, values in columns.items()}
    y_mean = sum(y, Fraction(0)) / n
    centred = [[x - mean[name] for x in values] for name, values in columns.items()]
    sxx = tuple(tuple(_dot(one, other) for other in centred) for one in centred)
    slopes = solve(sxx, tuple(_dot(one, [value - y_mean for value in y]) for one in centred))
    if slopes is None:
        raise ValueError("a driver is constant or a mixture of the others")
    named = dict(zip(columns, slopes, strict=True))
    intercept = y_mean - sum((named[name] * mean[name] for name in named), Fraction(0))
    model = [intercept + sum((named[name] * columns[name][point] for name in named), Fraction(0)) for point in range(n)]
    residuals = [measured - expected for measured, expected in zip(y, model, strict=True)]
    sse = _dot(residuals, residuals)
    return Baseline(
        intercept=intercept,
        slopes=named,
        n=n,
        s=math.sqrt(sse / dof),
        dof=dof,
        x_mean=mean,
        sxx=sxx,
        fitted=_quality(residuals, y, dof, {name: (min(xs), max(xs)) for name, xs in columns.items()}),
    )


def _quality(
    residuals: Sequence[Fraction],
    y: Sequence[Fraction],
    dof: int,
    ranges: Mapping[str, tuple[Fraction, Fraction]],
) -> Fit:
    mean, sse = sum(y, Fraction(0)) / len(y), _dot(residuals, residuals)
    total = sum(((value - mean) * (value - mean) for value in y), Fraction(0))
    return Fit(
        sse=sse,
        r2=1 - sse / total if total else None,
        cvrmse=math.sqrt(sse / dof) / float(mean) if mean else None,
        nmbe=sum(residuals, Fraction(0)) / (dof * mean) if mean else None,
        rho1=_lag_1(residuals),
        ranges=ranges,
    )


def _lag_1(residuals: Sequence[Fraction]) -> float | None:
    pairs = list(pairwise(residuals))
    before = [one for one, _ in pairs]
    after = [other for _, other in pairs]
    before_mean, after_mean = sum(before, Fraction(0)) / len(pairs), sum(after, Fraction(0)) / len(pairs)
    before = [one - before_mean for one in before]
    after = [one - after_mean for one in after]
    spread = _dot(before, before) * _dot(after, after)
    return float(_dot(before, after)) / math.sqrt(spread) if spread else None


def _dot(one: Sequence[Fraction], other: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(one, other, strict=True)), Fraction(0))


def solve(matrix: Matrix, right: Sequence[Fraction]) -> tuple[Fraction, ...] | None:
    """The exact x of `matrix` (p, p) times x = `right` (p,); None when the matrix is singular."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for column in range(size):
        pivot = next((row for row in range(column, size) if rows[row][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for row in range(size):
            if row != column and rows[row][column]:
                factor = rows[row][column]
                rows[row] = [value - factor * lead for value, lead in zip(rows[row], rows[column], strict=True)]
    return tuple(row[size] for row in rows)
