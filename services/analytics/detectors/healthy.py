"""Where nobody has declared a healthy window: the first stretch in which the machine was stable. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.analytics.detectors import conditions, pca
from services.analytics.detectors.limits import time_blocks
from services.analytics.detectors.model import Array, Times
from shared.model.detector import DetectorSettings

# Enough rows for every span of windows, and for blocks of time to be held against each other.
ROWS_NEEDED: Final = 1_536
_BLOCKS: Final = 8
# A stretch is tried at every quarter of its own length.
_STRIDES: Final = 4
# Two groups of blocks are two states of a machine when their levels lie this many standard deviations of rows apart,
# or their scatter by this much in logarithms,
_OUTLYING: Final = 3.0
_WIDER: Final = 1.6
_STILL: Final = 1e-9
_FARTHEST: Final = 1e100
# and within each group they span no more than this share of that: a level that wanders all the time is no step,
_STEADY: Final = 1 / 3
# and the machine went from one to the other, or there and back.
_MOST_PASSAGES: Final = 2


def stable_stretch(at_us: Times, values: Array, settings: DetectorSettings) -> tuple[int, int] | None:
    """The first `[start, end)` in microseconds in which the machine was stable, long enough to train on, or None.

    Rows `values` (n, len(settings.columns)) of running time, NaN = no value, at bucket starts `at_us` (n,), ascending.
    Stable: no block of time stands apart from the others, neither in its level nor in how much it scatters, once what
    the drivers explain is taken away.
    """
    first = 0
    # Each candidate depends on its own rows only, and none is passed over before it is complete: whenever it is looked
    # for, the stretch is the same.
    while (part := _candidate(values[first:], len(settings.sensors))) is not None:
        times, away = at_us[first:][part.rows], part.away
        if is_stable(away):
            return int(times[0]), int(times[-1]) + settings.bucket_us
        first += ROWS_NEEDED // _STRIDES
    return None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Candidate:
    """Positions `rows` (n,) in which every usable sensor and driver has a value, and `away` (n, m) of the sensors."""

    rows: NDArray[np.intp]
    away: Array


def _candidate(values: Array, sensors: int) -> _Candidate | None:
    """The first of `values` that are enough to judge; None: there are not enough of them as yet.

    Which columns are usable is a matter of these rows alone: a sensor that appears after them has no say.
    """
    end = ROWS_NEEDED
    while end <= len(values):
        usable = [i for i, column in enumerate(values[:end].T) if pca.unusable(column) is None]
        watched, drivers = [i for i in usable if i < sensors], [i for i in usable if i >= sensors]
        whole = np.flatnonzero(np.isfinite(values[:end, usable]).all(axis=1)) if watched else np.empty(0, np.intp)
        if len(whole) >= ROWS_NEEDED:
            rows = values[whole[:ROWS_NEEDED]].clip(-1e120, 1e120)
            usual = conditions.fit(rows[:, watched], rows[:, drivers]).usual(rows[:, drivers])
            return _Candidate(rows=whole[:ROWS_NEEDED], away=rows[:, watched] - usual)
        end += ROWS_NEEDED - len(whole)
    return None


def is_stable(away: Array) -> bool:
    """Whether no block of time of rows `away` (n, m), less what drivers explain, stands apart from the others."""
    return not _apart(away).any()


def _apart(away: Array) -> np.ndarray:
    """Blocks (b,) that stand apart: the smaller of two groups of blocks that the machine passed between once or twice.

    A machine that goes back and forth between two ways of operating has both of them for normal.
    """
    blocks = [away[block] for block in time_blocks(len(away), _BLOCKS)]
    level = np.stack([np.median(block, axis=0) for block in blocks])
    scatter = np.stack([_spread(block) for block in blocks])
    typical = np.median(scatter, axis=0)
    apart = np.zeros(_BLOCKS, dtype=bool)
    for sensor in np.flatnonzero(typical > 0):
        with np.errstate(over="ignore"):
            moved, wider = (each[:, sensor] / typical[sensor] for each in (level, scatter))
        apart |= _smaller_group(moved.clip(-_FARTHEST, _FARTHEST), _OUTLYING)
        apart |= _smaller_group(np.log(wider.clip(_STILL, _FARTHEST)), _WIDER)
    return apart


def _smaller_group(told: Array, least_gap: float) -> np.ndarray:
    """The smaller of two groups (b,) that the widest gap in `told` (b,) separates; none if it is no clear gap."""
    order = np.sort(told)
    gaps = np.diff(order)
    widest = int(gaps.argmax())
    inside = max(order[widest] - order[0], order[-1] - order[widest + 1])
    is_high = told > order[widest]
    passages = int(np.sum(is_high[1:] != is_high[:-1]))
    if gaps[widest] < least_gap or inside > _STEADY * least_gap or passages > _MOST_PASSAGES:
        return np.zeros(len(told), dtype=bool)
    return is_high if 2 * is_high.sum() <= len(told) else ~is_high


def _spread(block: Array) -> Array:
    low, high = np.quantile(block, [0.1, 0.9], axis=0)
    return (high - low) / 2.563


def contaminated(away: Array) -> np.ndarray | None:
    """Rows (n,) of a training window that are better left out: a minority of blocks that stands apart; None: none.

    `away` (n, m) are healthy rows less what drivers explain.
    """
    apart = _apart(away)
    if not apart.any():
        return None
    rows = np.zeros(len(away), dtype=bool)
    for is_apart, block in zip(apart, time_blocks(len(away), _BLOCKS), strict=True):
        rows[block] = is_apart
    return rows
