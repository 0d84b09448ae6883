"""What is told of a machine at a moment from its slow signals up to then: levels, slopes, and the path it took. Pure.

All that is used of the path lies before the moment, so features along a life are those of the life cut there.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.analytics.prognosis.histories import Array

# Windows in steps; a typical life has about 200.
_LEVELS: Final = (5, 15, 30, 60)
_SLOPES: Final = (15, 30, 60, 120, 1_000_000)
# The machine's own early life.
_EARLY: Final = 15
# The whole path so far, in so many stretches of equal length.
_STRETCHES: Final = 8
# Variance of time (steps squared) times rows that a slope must outweigh: with few rows it shrinks towards 0.
_SLOPE_PRIOR: Final = 48.0

Ends = NDArray[np.int64]


def of(signals: Array, age: Array, ends: Ends) -> Array:
    """Features (e, f) at the steps `ends` (e,) of `signals` (b, c); `age` (b,) in steps. f = 18 c + 2."""
    now = np.maximum(age[ends, None], 1.0)
    return np.hstack([now / 100.0, np.log(now), of_signals(signals, ends)])


def of_signals(signals: Array, ends: Ends) -> Array:
    """The part of `of` without the age: (e, 18 c)."""
    path = _Path(signals, ends)
    levels = [path.mean(window) for window in (*_LEVELS, len(signals))]
    slopes = [path.slope(window) * min(window, 60) for window in _SLOPES]
    return np.hstack([*levels, *slopes, path.early(), *path.stretches()])


def recent_level(signals: Array, ends: Ends) -> Array:
    """The mean over the last 15 steps up to each end (e, c)."""
    return _Path(signals, ends).mean(_EARLY)


class _Path:
    """Sums over any stretch before each end, by differences of running sums."""

    def __init__(self, signals: Array, ends: Ends) -> None:
        at = np.arange(len(signals), dtype=np.float64)[:, None]
        self._sums = _running(np.hstack([signals, at * signals]))
        self._at = _running(np.hstack([at, at * at]))
        self._width = signals.shape[1]
        self._after = ends + 1

    def _means(self, window: int) -> tuple[Array, Array, Array]:
        low = np.maximum(0, self._after - window)
        count = (self._after - low)[:, None].astype(np.float64)
        means = (self._sums[self._after] - self._sums[low]) / count
        return means, (self._at[self._after] - self._at[low]) / count, count

    def mean(self, window: int) -> Array:
        return self._means(window)[0][:, : self._width]

    def slope(self, window: int) -> Array:
        """Least squares with a prior of none, per step."""
        means, at, count = self._means(window)
        mean, product = means[:, : self._width], means[:, self._width :]
        spread = at[:, 1:] - at[:, :1] ** 2
        return (product - mean * at[:, :1]) / (spread + _SLOPE_PRIOR / count)

    def early(self) -> Array:
        count = np.minimum(self._after, _EARLY)
        return self._sums[count, : self._width] / count[:, None]

    def stretches(self) -> list[Array]:
        edges = [self._sum_before(self._after * part / _STRETCHES) for part in range(_STRETCHES + 1)]
        length = (self._after / _STRETCHES)[:, None]
        return [(high - low) / length for low, high in pairwise(edges)]

    def _sum_before(self, position: Array) -> Array:
        low = np.floor(position).astype(np.int64)
        share = (position - low)[:, None]
        high = np.minimum(low + 1, len(self._sums) - 1)
        return self._sums[low, : self._width] * (1 - share) + self._sums[high, : self._width] * share


def _running(rows: Array) -> Array:
    return np.vstack([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
