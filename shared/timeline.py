"""Facts to a timeline: events and telemetry in, ordered disjoint intervals out; at each instant exactly one category.

Second stage of the judgement, after loading and before the contract kernel. Times are UTC microseconds, `[start, end)`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shared.claims import UNMAPPED, Claim, claims, is_loss, losses
from shared.instant import DAY_US
from shared.model.facts import (
    USUAL,
    AssetEvent,
    Category,
    Interpretation,
    Interval,
    Meaning,
    Party,
    StateRule,
)
from shared.model.reclassification import Standing, overrule

__all__ = [
    "NO_DATA", "UNMAPPED", "build", "complete", "days", "differing", "durations", "from_telemetry", "is_loss", "known",
    "losses", "merge", "splice",
]  # fmt: skip

NO_DATA = Meaning(category=Category.IU, cause="no_data", party=Party.UNKNOWN)


def from_telemetry(
    at_us: NDArray[np.int64],
    values: Mapping[str, NDArray[np.float64]],
    rules: Sequence[StateRule],
    hold_us: int,
    lost_us: Sequence[int] = (),
) -> list[Interval]:
    """What the machine's own readings say of its state.

    `at_us` (n,) ascends strictly; `values` gives each sensor's readings (n,), NaN where it has none. The sample at t
    vouches for `[t, min(next sample, t + hold_us))`, and no longer than until the connection was lost after it:
    `lost_us` ascends. The first rule whose conditions all hold names the category; no rule, nothing known. ValueError
    when `at_us` does not ascend.
    """
    if at_us.size == 0 or not rules:
        return []
    if np.any(np.diff(at_us) <= 0):
        raise ValueError("samples must ascend in time, one an instant")
    meanings = list(dict.fromkeys(rule.meaning for rule in rules))
    named = np.full(at_us.size, -1, dtype=np.int64)
    for rule in reversed(rules):
        named[_holds(rule, values, at_us.size)] = meanings.index(rule.meaning)
    ends = np.minimum(np.append(at_us[1:], at_us[-1] + hold_us), at_us + hold_us)
    if len(lost_us):
        lost = np.append(np.array(lost_us, np.int64), np.iinfo(np.int64).max)
        ends = np.minimum(ends, lost[np.searchsorted(lost, at_us, side="right")])
    known = named >= 0
    starts, ends, named = at_us[known], ends[known], named[known]
    if starts.size == 0:
        return []
    breaks = (named[1:] != named[:-1]) | (starts[1:] != ends[:-1])
    first = np.concatenate(([True], breaks))
    last = np.concatenate((breaks, [True]))
    runs = zip(starts[first].tolist(), ends[last].tolist(), named[first].tolist(), strict=True)
    return [_interval(start, end, meanings[index]) for start, end, index in runs]


def known(
    events: Sequence[AssetEvent],
    meanings: Mapping[str, Meaning],
    telemetry: Sequence[Interval],
    start_us: int,
    end_us: int,
    *,
    interpretation: Interpretation = USUAL,
    standing: Sequence[Standing] = (),
) -> list[Interval]:
    """What there is to say of `[start_us, end_us)`: what the facts say (`build`) and, before it, what people settled.

    An event without an end that means information unavailable says nothing, however long it holds. `standing` in the
    order it came into force.
    """
    mute = {event.id for event in events if event.end_us is None and event.code in meanings}
    built = build(events, meanings, telemetry, start_us, end_us, interpretation=interpretation)
    said = [i for i in built if i.category is not Category.IU or i.event_id not in mute]
    return merge(overrule(said, standing, start_us, end_us))


def build(
    events: Sequence[AssetEvent],
    meanings: Mapping[str, Meaning],
    telemetry: Sequence[Interval],
    start_us: int,
    end_us: int,
    *,
    interpretation: Interpretation = USUAL,
) -> list[Interval]:
    """The timeline of one asset in `[start_us, end_us)`: ordered, disjoint, merged; time nobody speaks of is absent.

    `events` in any order, with the state that holds at `start_us` among them; an open end runs to `end_us`. The source
    that is trusted more wins (usually any event before telemetry), then the higher `PRIORITY`, then the later start,
    then the higher seq. Information unavailable, also as the meaning of an event, loses against whatever is known; a
    code without meaning is information unavailable, cause `unmapped_code`. At each instant a code has the meaning of
    that time. States of one instant: the highest seq holds. A loss of the connection (`OFFLINE`) ends the states and
    the open intervals that began before it: nobody can say how they went on; what is stated of the time after it, also
    late, holds. `SILENT` says nothing.
    """
    made = claims(events, meanings, telemetry, end_us, interpretation)
    return _sweep(
        [(rank, clipped) for rank, interval in made if (clipped := _clip(interval, start_us, end_us)) is not None]
    )


def complete(intervals: Sequence[Interval], start_us: int, end_us: int) -> list[Interval]:
    """The timeline over all of `[start_us, end_us)`: what is absent becomes IU, cause `no_data`, party unknown."""
    filled: list[Interval] = []
    reached = start_us
    for interval in _within(intervals, start_us, end_us):
        if interval.start_us > reached:
            filled.append(_interval(reached, interval.start_us, NO_DATA))
        filled.append(interval)
        reached = interval.end_us
    if reached < end_us:
        filled.append(_interval(reached, end_us, NO_DATA))
    return merge(filled)


def splice(existing: Sequence[Interval], fresh: Sequence[Interval], start_us: int, end_us: int) -> list[Interval]:
    """`existing` with `[start_us, end_us)` replaced by `fresh` (clipped to it); equal neighbours become one."""
    before = [c for interval in existing if (c := _clip(interval, interval.start_us, start_us)) is not None]
    after = [c for interval in existing if (c := _clip(interval, end_us, interval.end_us)) is not None]
    return merge([*before, *_within(fresh, start_us, end_us), *after])


def differing(stored: Sequence[Interval], wanted: Sequence[Interval]) -> tuple[list[Interval], list[Interval]]:
    """Both without the beginning and the end that they have in common."""
    head = 0
    while head < min(len(stored), len(wanted)) and stored[head] == wanted[head]:
        head += 1
    tail = 0
    while tail < min(len(stored), len(wanted)) - head and stored[-1 - tail] == wanted[-1 - tail]:
        tail += 1
    return list(stored[head : len(stored) - tail]), list(wanted[head : len(wanted) - tail])


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """Ordered disjoint intervals with touching equals (category, cause, party, event, announcement) made one."""
    merged: list[Interval] = []
    for interval in intervals:
        if merged and interval.start_us == merged[-1].end_us and _same(merged[-1], interval):
            merged[-1] = replace(merged[-1], end_us=interval.end_us)
        else:
            merged.append(interval)
    return merged


def days(intervals: Iterable[Interval]) -> list[tuple[int, Category, str, Party, int]]:
    """Rows of the availability cube: (UTC day's start, category, cause, party, microseconds), ordered by day."""
    totals: dict[tuple[int, Category, str, Party], int] = {}
    for interval in intervals:
        start, end = interval.start_us, interval.end_us
        day = start - start % DAY_US
        while start < end:
            until = min(day + DAY_US, end)
            key = (day, interval.category, interval.cause, interval.party)
            totals[key] = totals.get(key, 0) + until - start
            start = day = until
    return sorted((*key, duration) for key, duration in totals.items())


def durations(intervals: Iterable[Interval], start_us: int, end_us: int) -> dict[tuple[Category, str, Party], int]:
    """Microseconds of each (category, cause, party) in `[start_us, end_us)`; absent time is not counted."""
    totals: dict[tuple[Category, str, Party], int] = {}
    for interval in intervals:
        duration = min(interval.end_us, end_us) - max(interval.start_us, start_us)
        if duration > 0:
            key = (interval.category, interval.cause, interval.party)
            totals[key] = totals.get(key, 0) + duration
    return totals


def _holds(rule: StateRule, values: Mapping[str, NDArray[np.float64]], size: int) -> NDArray[np.bool_]:
    holds = np.ones(size, dtype=np.bool_)
    for condition in rule.when:
        readings = values.get(condition.sensor)
        if readings is None:
            return np.zeros(size, dtype=np.bool_)
        holds &= ~np.isnan(readings)
        if condition.low is not None:
            holds &= readings >= condition.low
        if condition.high is not None:
            holds &= readings < condition.high
    return holds


def _sweep(claims: list[Claim]) -> list[Interval]:
    """The highest-ranking claim at each instant. n claims cost O(n log n): a heap of those that hold."""
    places = {index: place for place, index in enumerate(sorted(range(len(claims)), key=lambda i: claims[i][0]))}
    arrivals = sorted(range(len(claims)), key=lambda i: claims[i][1].start_us)
    bounds = sorted({us for _, interval in claims for us in (interval.start_us, interval.end_us)})
    holding: list[tuple[int, Interval]] = []
    winners: list[tuple[int, Interval | None]] = []
    arrived = 0
    for bound in bounds:
        while arrived < len(arrivals) and claims[arrivals[arrived]][1].start_us == bound:
            index = arrivals[arrived]
            heappush(holding, (-places[index], claims[index][1]))
            arrived += 1
        while holding and holding[0][1].end_us <= bound:
            heappop(holding)
        winner = holding[0][1] if holding else None
        if not winners or winner is not winners[-1][1]:
            winners.append((bound, winner))
    return merge(
        replace(winner, start_us=start, end_us=end) for (start, winner), (end, _) in pairwise(winners) if winner
    )


def _within(intervals: Sequence[Interval], start_us: int, end_us: int) -> list[Interval]:
    return [clipped for interval in intervals if (clipped := _clip(interval, start_us, end_us)) is not None]


def _clip(interval: Interval, start_us: int, end_us: int) -> Interval | None:
    start, end = max(interval.start_us, start_us), min(interval.end_us, end_us)
    if start >= end:
        return None
    if start == interval.start_us and end == interval.end_us:
        return interval
    return replace(interval, start_us=start, end_us=end)


def _same(one: Interval, other: Interval) -> bool:
    return (one.event_id, one.announced_us) == (other.event_id, other.announced_us) and (
        (one.category, one.cause, one.party, one.reclassification_id, one.reported)
        == (other.category, other.cause, other.party, other.reclassification_id, other.reported)
    )


def _interval(start_us: int, end_us: int, meaning: Meaning) -> Interval:
    return Interval(
        start_us=start_us, end_us=end_us, category=meaning.category, cause=meaning.cause, party=meaning.party
    )
