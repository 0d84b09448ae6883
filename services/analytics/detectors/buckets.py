"""Which buckets of the time grid a detector may look at: those in which the machine had been running. Pure."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from shared.model.detector import DetectorSettings
from shared.model.facts import Category, Interval

_RUNNING = frozenset({Category.FP, Category.PP})


def floor_us(at_us: int, bucket_us: int) -> int:
    """The start of the bucket `at_us` lies in; the grid is anchored at 1970-01-01."""
    return at_us - at_us % bucket_us


def ceil_us(at_us: int, bucket_us: int) -> int:
    """The first bucket start that is not before `at_us`."""
    return -(-at_us // bucket_us) * bucket_us


def settling_us(settings: DetectorSettings) -> int:
    """How long after each start a machine is not looked at: as long as a finding takes to open.

    What passes by itself within that time is no finding, and warm-ups in the healthy window would widen the limits.
    """
    return settings.open_after * settings.bucket_us


def running_buckets(
    intervals: Iterable[Interval], bucket_us: int, settling_us: int, start_us: int, end_us: int
) -> NDArray[np.int64]:
    """Starts of the buckets wholly in `[start_us, end_us)` in and `settling_us` before which the machine ran (FP, PP).

    A bucket with a stop in it mixes two machines in its means; one that the timeline does not reach the end of is not
    over yet. `intervals` are ordered and disjoint, and must reach `settling_us` back before `start_us`.
    """
    stretches: list[list[int]] = []
    for interval in intervals:
        if interval.category not in _RUNNING:
            continue
        if stretches and stretches[-1][1] == interval.start_us:
            stretches[-1][1] = interval.end_us
        else:
            stretches.append([interval.start_us, interval.end_us])
    grids = [
        np.arange(
            ceil_us(max(low + settling_us, start_us), bucket_us), floor_us(min(high, end_us), bucket_us), bucket_us
        )
        for low, high in stretches
    ]
    return np.concatenate([np.empty(0, dtype=np.int64), *grids]).astype(np.int64)
