"""Columns of a series -> the points of a chart: never more than asked for, and none of the extremes lost. Pure.

The window is cut into buckets of equal width and each keeps its lowest and its highest value at their own times, which
is M4 without the first and last of each bucket (Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented Time
Series Data Aggregation", PVLDB 7(10), 2014). Largest-triangle-three-buckets (Steinarsson, 2013) draws a smoother line
but may leave out the highest value of all; whoever looks at a machine looks for just that one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.db.series import Columns

# A series that reports less often than its readings hold is still one line.
_INTERVALS: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """What is drawn, by time; both (n,). A value that is NaN breaks the line: nothing is known from there on."""

    at_us: NDArray[np.int64]
    value: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """Rows by time: lowest and highest value, and how many breaks lie before each row; all (n,)."""

    at_us: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    breaks: NDArray[np.int64]
    tolerance_us: int


def thin(columns: Columns, *, window: tuple[int, int], most: int, hold_us: int, step_us: int) -> Points:
    """At most `most` (2 or more) points of the rows, which are buckets of `step_us` or readings.

    The first and the last row are always shown, and with 4 or more points the lowest and the highest value. The line
    breaks where rows are apart by more than what a reading holds and four times the usual interval, in a thinned chart
    also by more than a bucket.
    """
    if len(columns.at_us) <= most:
        rows = _rows(columns, hold_us + step_us)
        every = _keys(rows, np.arange(len(rows.at_us)))
        if len(every) + _between(rows, every) <= most:
            return _drawn(rows, every)
    buckets = (most - 2) // 2
    rows = _rows(columns, max(hold_us + step_us, (window[1] - window[0]) // max(1, buckets)))
    found = _extremes(rows, window, buckets)
    # With a break in every other bucket there is no room for two points and a break in each: half as many do.
    if len(found) + _between(rows, found) > most:
        found = _extremes(rows, window, buckets // 2)
    return _drawn(rows, found)


def _rows(columns: Columns, tolerance_us: int) -> _Rows:
    at_us, low, high = columns.at_us, columns.low, columns.high
    apart_us = np.diff(at_us)
    if (apart_us < 0).any():
        order = np.argsort(at_us, kind="stable")
        at_us, low, high = at_us[order], low[order], high[order]
        apart_us = np.diff(at_us)
    if len(apart_us):
        tolerance_us = max(tolerance_us, _INTERVALS * int(np.median(apart_us)))
    breaks = np.zeros(len(at_us), np.int64)
    breaks[1:] = np.cumsum(apart_us > tolerance_us)
    return _Rows(at_us=at_us, low=low, high=high, breaks=breaks, tolerance_us=tolerance_us)


def _keys(rows: _Rows, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keys of both values of the chosen rows, of one where they are the same: twice the row, plus one for `high`."""
    differing = chosen[rows.low[chosen] != rows.high[chosen]]
    return np.sort(np.concatenate((2 * chosen, 2 * differing + 1)))


def _extremes(rows: _Rows, window: tuple[int, int], buckets: int) -> NDArray[np.int64]:
    """Keys of the lowest and highest value of each bucket, the earliest where there are several, and of both ends."""
    last = len(rows.at_us) - 1
    ends = np.array([0, 2 * last + (rows.low[last] != rows.high[last])])
    if buckets == 0:
        return np.unique(ends)
    edges = np.linspace(*window, buckets, endpoint=False).astype(np.int64)
    starts = np.unique(np.searchsorted(rows.at_us, edges))
    starts = starts[starts <= last]
    low = _first_of_each(rows.low, starts, np.minimum)
    high = _first_of_each(rows.high, starts, np.maximum)
    differing = rows.low[high] != rows.high[high]
    return np.unique(np.concatenate((ends, 2 * low, 2 * high + differing)))


def _first_of_each(values: NDArray[np.float64], starts: NDArray[np.int64], best: np.ufunc) -> NDArray[np.int64]:
    """In each of the groups that begin at `starts`, the first row that has the group's best value."""
    counts = np.diff(starts, append=len(values))
    rows = np.flatnonzero(values == np.repeat(best.reduceat(values, starts), counts))
    groups = np.searchsorted(starts, rows, side="right")
    return rows[np.concatenate(([True], groups[1:] != groups[:-1]))]


def _between(rows: _Rows, keys: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.diff(rows.breaks[keys // 2])))


def _drawn(rows: _Rows, keys: NDArray[np.int64]) -> Points:
    chosen = keys // 2
    at_us = rows.at_us[chosen]
    value = np.where(keys % 2, rows.high[chosen], rows.low[chosen])
    broken = np.flatnonzero(np.diff(rows.breaks[chosen])) + 1
    # From a shown point the line goes on, unseen, to the last row before the break.
    resumed = np.searchsorted(rows.breaks, rows.breaks[chosen[broken - 1]], side="right")
    ended_us = rows.at_us[resumed - 1] + rows.tolerance_us
    return Points(at_us=np.insert(at_us, broken, ended_us), value=np.insert(value, broken, np.nan))
