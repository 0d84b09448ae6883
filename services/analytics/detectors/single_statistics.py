"""Detector of one sensor, first half: what is looked at in each row, from the row itself and those before it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from services.analytics.detectors.model import Array, Times

# What a statistic speaks of; the order is that of `leading` in scores.
KINDS: Final = ("value", "jump", "level", "spread")

# Rows of the windows: a day at five minutes a row, which no daily cycle shows in, a quarter of it and of that.
SHORT: Final = 18
MIDDLE: Final = 72
LONG: Final = 288
_AROUND: Final = 24
# The longest look back: a window of the middle length right after a long one.
LOOK_BACK: Final = LONG + MIDDLE

# Added to standard deviations (in units of the training window's) so that a flat line has a logarithm.
_QUIET: Final = 1e-3
_QUIET_REFERENCE: Final = 1e-2


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Statistic:
    """`value` (n,), NaN where rows are missing for it; high is remarkable. `window`: how many rows it averages over."""

    kind: int
    window: int
    value: Array


def statistics(at_us: Times, level: Array, span_us: int) -> Iterator[Statistic]:
    """Statistics of rows with standardised values `level` (n,), no NaN, at `at_us` (n,), ascending.

    A statistic that looks further back than the rows there are, or than `span_us`, is NaN.
    """
    value, jump, shift, spread = range(len(KINDS))
    yield from _both(value, 1, level)
    change = np.abs(np.diff(level, prepend=np.nan))
    yield Statistic(kind=jump, window=1, value=_within(change, at_us, 2, span_us))
    around = level - _before(_median(level, _AROUND), 1)
    yield from _both(jump, 1, _within(around, at_us, _AROUND + 1, span_us))
    moments = {rows: _moments(level, rows) for rows in (SHORT, MIDDLE, LONG)}
    means = {rows: mean for rows, (mean, _) in moments.items()}
    deviations = {rows: deviation for rows, (_, deviation) in moments.items()}
    for rows in moments:
        yield from _both(shift, rows, _within(means[rows], at_us, rows, span_us))
        yield from _both(spread, rows, _within(np.log(deviations[rows] + _QUIET), at_us, rows, span_us))
    for rows, reference in ((SHORT, MIDDLE), (MIDDLE, LONG)):
        step = np.abs(means[rows] - _before(means[reference], rows))
        yield Statistic(kind=shift, window=rows, value=_within(step, at_us, rows + reference, span_us))
    step = means[SHORT] - _before(means[MIDDLE], SHORT)
    relative = step / (_before(deviations[MIDDLE], SHORT) + _QUIET_REFERENCE)
    yield from _both(shift, SHORT, _within(relative, at_us, SHORT + MIDDLE, span_us))


def expected(level: Array) -> Array:
    """The standardised value (n,) the rows before each lead to expect: their median; the row's own where none is."""
    before = _before(_median(level, _AROUND), 1)
    return np.where(np.isfinite(before), before, level)


def _both(kind: int, window: int, value: Array) -> Iterator[Statistic]:
    yield Statistic(kind=kind, window=window, value=value)
    yield Statistic(kind=kind, window=window, value=-value)


def _moments(level: Array, rows: int) -> tuple[Array, Array]:
    """Mean and standard deviation of each row and the `rows` - 1 before it.

    Summed row by row in one order, so that they do not depend on where a series was cut.
    """
    mean, deviation = np.full(len(level), np.nan), np.full(len(level), np.nan)
    count = len(level) - rows + 1
    if count < 1:
        return mean, deviation
    total = np.zeros(count)
    for lag in range(rows):
        total += level[lag : lag + count]
    mean[rows - 1 :] = total / rows
    squares = np.zeros(count)
    for lag in range(rows):
        squares += (level[lag : lag + count] - mean[rows - 1 :]) ** 2
    deviation[rows - 1 :] = np.sqrt(squares / rows)
    return mean, deviation


def _median(level: Array, rows: int) -> Array:
    out = np.full(len(level), np.nan)
    if len(level) >= rows:
        out[rows - 1 :] = np.median(sliding_window_view(level, rows), axis=1)
    return out


def _before(value: Array, rows: int) -> Array:
    out = np.full(len(value), np.nan)
    out[rows:] = value[:-rows]
    return out


def _within(value: Array, at_us: Times, rows: int, span_us: int) -> Array:
    first = np.full(len(at_us), np.iinfo(np.int64).min // 2)
    first[rows - 1 :] = at_us[: max(len(at_us) - rows + 1, 0)]
    return np.where(at_us - first <= span_us, value, np.nan)
