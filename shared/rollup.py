"""Readings summed up by minute and minutes by hour: counts, extremes, means, and means over time. Pure.

A reading holds until the next one of its series, at most for the hold of its asset's model. Only buckets with a reading
are summed up; what the reading before them still holds in them is part of their known time.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.instant import HOUR_US, MINUTE_US

# Times are microseconds UTC, `at` is the start of the bucket. `known_us`: for how long of it the value is known, and
# `weighted_mean` the mean over that time.
ROW: Final = np.dtype(
    [
        ("series_id", np.int32),
        ("at", np.int64),
        ("count", np.int32),
        ("low", np.float64),
        ("high", np.float64),
        ("mean", np.float64),
        ("last", np.float64),
        ("last_at", np.int64),
        ("weighted_mean", np.float64),
        ("known_us", np.int64),
    ]
)
# Of dtype ROW and shape (n,), ordered by series and time, no two alike in both.
Rows = NDArray[np.void]
Times = NDArray[np.int64]
Values = NDArray[np.float64]
Places = NDArray[np.intp]

# Sums of values near the limit of float64 must not overflow: a bucket has fewer than 2**32 readings and microseconds.
_SCALE: Final = 2.0**-32


def minutes(series_id: NDArray[np.int32], at_us: Times, value: Values, hold_us: int, start_us: int) -> Rows:
    """The minutes from `start_us` (a whole one) on, of readings ordered by series and time, no two alike in both.

    Of the readings before `start_us` the last one of each series is enough: it may still hold.
    """
    readings = np.zeros(len(at_us), ROW)
    readings["series_id"], readings["at"], readings["last_at"], readings["count"] = series_id, at_us, at_us, 1
    for column in ("low", "high", "mean", "last", "weighted_mean"):
        readings[column] = value
    return _summed(readings, span_us=0, bucket_us=MINUTE_US, hold_us=hold_us, start_us=start_us, until_us=None)


def hours(minutes: Rows, hold_us: int, start_us: int, until_us: int) -> Rows:
    """The hours from `start_us` (a whole one) on, as known at `until_us`, before which the minutes end.

    Of the minutes before `start_us` the last one of each series is enough.
    """
    return _summed(minutes, span_us=MINUTE_US, bucket_us=HOUR_US, hold_us=hold_us, start_us=start_us, until_us=until_us)


def _summed(items: Rows, *, span_us: int, bucket_us: int, hold_us: int, start_us: int, until_us: int | None) -> Rows:
    """Buckets of items that each speak for `span_us` from `at`, and then hold their last value."""
    bucket = items["at"] - items["at"] % bucket_us
    is_next = items["series_id"][1:] == items["series_id"][:-1]
    is_first = np.append(True, ~is_next | (bucket[1:] != bucket[:-1]))[: len(items)]
    until = items["last_at"] + hold_us if until_us is None else np.minimum(items["last_at"] + hold_us, until_us)
    until[:-1] = np.where(is_next, np.minimum(until[:-1], items["at"][1:]), until[:-1])
    held = np.maximum(np.minimum(until, bucket + bucket_us) - (items["at"] + span_us), 0)
    # What the item before the first one of a bucket holds of that bucket.
    carried, before = np.zeros_like(held), items["last"].copy()
    carried[1:] = np.where(is_next & is_first[1:], np.maximum(until[:-1] - bucket[1:], 0), 0)
    before[1:] = np.where(carried[1:] > 0, items["last"][:-1], before[1:])
    inside = items["at"] >= start_us
    starts = np.flatnonzero(is_first[inside])
    return _added(
        items[inside],
        starts,
        bucket=bucket[inside][starts],
        held=held[inside],
        carried=carried[inside],
        before=before[inside],
    )


def _added(items: Rows, starts: Places, *, bucket: Times, held: Times, carried: Times, before: Values) -> Rows:
    """The bucket of each stretch of items: `held` and `carried` (n,) is how long `last` and `before` hold in it."""
    added = np.zeros(len(starts), ROW)
    if not len(starts):
        return added
    ends = np.append(starts[1:], len(items)) - 1
    low, high, last, weighted, known = (items[name] for name in ("low", "high", "last", "weighted_mean", "known_us"))
    added["series_id"], added["at"] = items["series_id"][starts], bucket
    added["count"] = np.add.reduceat(items["count"], starts)
    added["low"], added["high"] = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
    added["last"], added["last_at"] = last[ends], items["last_at"][ends]
    total = np.add.reduceat(items["mean"] * _SCALE * items["count"], starts)
    added["mean"] = _between(total / added["count"], added["low"], added["high"])
    added["known_us"] = np.add.reduceat(known + held + carried, starts)
    total = np.add.reduceat(weighted * _SCALE * known + last * _SCALE * held + before * _SCALE * carried, starts)
    lowest = np.minimum.reduceat(np.minimum(np.minimum(low, weighted), before), starts)
    highest = np.maximum.reduceat(np.maximum(np.maximum(high, weighted), before), starts)
    added["weighted_mean"] = _between(total / added["known_us"], lowest, highest)
    return added


def _between(scaled: Values, low: Values, high: Values) -> Values:
    """A mean, back from its scale; rounding must carry it neither beyond its extremes nor beyond float64."""
    return np.clip(np.clip(scaled, low * _SCALE, high * _SCALE) / _SCALE, low, high)
