"""An asset's intervals to stretches under one rule each: gaps bridged, short stops dropped, planned work looked at.

Second step of charging, for policies that need more than sums of time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.contracts.charging.ruling import Key, Rule, Ruling, needs_announcement
from shared.contracts.measured import Allowance, Verdict
from shared.contracts.terms import Contract
from shared.instant import from_us, to_us
from shared.model.facts import Category, Interval, Party
from shared.timeline import NO_DATA

# What time is that no source speaks of, by the contract: unknown, or running where only stops are on record.
_RUNNING: Key = (Category.FP, "running", Party.NOBODY)
_NO_DATA: Key = (NO_DATA.category, NO_DATA.cause, NO_DATA.party)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Time of one fact under one rule; `barred`: planned work without notice or at a forbidden hour, never within."""

    start_us: int
    end_us: int
    key: Key
    rule: Rule
    barred: bool = False
    presumed: bool = False

    @property
    def duration_us(self) -> int:
        return self.end_us - self.start_us

    @property
    def is_stop(self) -> bool:
        """Whether it counts as unavailable however much of an allowance is left."""
        if isinstance(self.rule, Allowance):
            return self.barred and self.rule.beyond is Verdict.UNAVAILABLE
        return self.rule is Verdict.UNAVAILABLE


def unreported(contract: Contract) -> Key:
    """What time counts as that no source speaks of."""
    return _RUNNING if contract.unreported == Category.FP else _NO_DATA


def stretches(
    contract: Contract, ruling: Ruling, intervals: Sequence[Interval], start_us: int, until_us: int
) -> list[Stretch]:
    """All of `[start_us, until_us)` in order, from an asset's ordered, disjoint intervals.

    Intervals may reach over the edges: a short stop or an early announcement is then still seen for what it is.
    """
    whole = _completed(intervals, unreported(contract), start_us, until_us)
    known = _bridged(whole, ruling.policy.interpolate_us)
    begun = _begun(known)
    ruled = [stretch for interval in known for stretch in _ruled(contract.zone, ruling, interval, begun)]
    lasting = _without_short_stops(ruled, ruling.policy.min_event_us)
    return [clipped for stretch in lasting if (clipped := clip(stretch, start_us, until_us)) is not None]


def clip(stretch: Stretch, start_us: int, end_us: int) -> Stretch | None:
    """The part of a stretch in `[start_us, end_us)`, if there is any."""
    start, end = max(stretch.start_us, start_us), min(stretch.end_us, end_us)
    if start >= end:
        return None
    is_whole = (start, end) == (stretch.start_us, stretch.end_us)
    return stretch if is_whole else replace(stretch, start_us=start, end_us=end)


def _completed(intervals: Sequence[Interval], rest: Key, start_us: int, until_us: int) -> list[Interval]:
    whole: list[Interval] = []
    reached = min(start_us, intervals[0].start_us) if intervals else start_us
    for interval in intervals:
        if interval.start_us > reached:
            whole.append(_interval(reached, interval.start_us, rest))
        whole.append(interval)
        reached = interval.end_us
    if reached < until_us:
        whole.append(_interval(reached, until_us, rest))
    return whole


def _bridged(intervals: list[Interval], longest_us: int) -> list[Interval]:
    """Unknown time of at most `longest_us` between two known intervals is what was before it."""
    if not longest_us:
        return intervals
    bridged: list[Interval] = []
    gap: list[Interval] = []
    for interval in intervals:
        if interval.category is Category.IU:
            gap.append(interval)
            continue
        if bridged and gap and interval.start_us - gap[0].start_us <= longest_us:
            before = bridged.pop()
            gap = [replace(before, end_us=interval.start_us)]
        bridged += [*gap, interval]
        gap = []
    return bridged + gap


def _begun(intervals: Iterable[Interval]) -> dict[int, int]:
    """When each event began: work that something else interrupts began with its first interval."""
    begun: dict[int, int] = {}
    for interval in intervals:
        if interval.event_id is not None:
            begun.setdefault(interval.event_id, interval.start_us)
    return begun


def _ruled(zone: ZoneInfo, ruling: Ruling, interval: Interval, begun: dict[int, int]) -> Iterator[Stretch]:
    key = (interval.category, interval.cause, interval.party)
    rule = ruling.rule(key)
    whole = Stretch(start_us=interval.start_us, end_us=interval.end_us, key=key, rule=rule)
    if not isinstance(rule, Allowance):
        yield whole
        return
    start_us = interval.start_us if interval.event_id is None else begun[interval.event_id]
    if rule.notice_days is not None and not _in_time(zone, rule, rule.notice_days, start_us, interval.announced_us):
        yield replace(whole, barred=True)
        return
    presumed = rule.notice_days is not None and interval.announced_us is None
    planned = replace(whole, presumed=True) if presumed else whole
    yield from _outside_forbidden(zone, planned, rule.not_between)


def _in_time(zone: ZoneInfo, rule: Allowance, days: int, start_us: int, announced_us: int | None) -> bool:
    """Whether work was announced at least so many calendar days before it began, at the same hour by the clock."""
    if announced_us is None:
        return not needs_announcement(rule)
    return announced_us <= to_us(from_us(start_us).astimezone(zone) - timedelta(days=days))


def _outside_forbidden(zone: ZoneInfo, stretch: Stretch, daily: tuple[tuple[int, int], ...]) -> Iterator[Stretch]:
    """The stretch cut at the forbidden hours of each local day, in order."""
    if not daily:
        yield stretch
        return
    reached = stretch.start_us
    for start_us, end_us in _forbidden(zone, stretch, daily):
        if reached < start_us:
            yield replace(stretch, start_us=reached, end_us=start_us)
        if max(reached, start_us) < end_us:
            yield replace(stretch, start_us=max(reached, start_us), end_us=end_us, barred=True)
            reached = end_us
    if reached < stretch.end_us:
        yield replace(stretch, start_us=reached)


def _forbidden(zone: ZoneInfo, stretch: Stretch, daily: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """The forbidden stretches of time within `stretch`, in order; one that ends before it starts runs over midnight."""
    day = from_us(stretch.start_us).astimezone(zone).date() - timedelta(days=1)
    last = from_us(stretch.end_us).astimezone(zone).date()
    found: list[tuple[int, int]] = []
    while day <= last:
        for first, end in daily:
            start_us = max(_local_us(zone, day, first), stretch.start_us)
            end_us = min(_local_us(zone, day, end if first < end else end + 24 * 60), stretch.end_us)
            if start_us < end_us:
                found.append((start_us, end_us))
        day += timedelta(days=1)
    return sorted(found)


def _local_us(zone: ZoneInfo, day: date, minute: int) -> int:
    """The instant of a minute of the local day, by the clock on the wall."""
    return to_us(datetime.combine(day, time(), tzinfo=zone) + timedelta(minutes=minute))


def _without_short_stops(ruled: list[Stretch], shortest_us: int) -> list[Stretch]:
    """Unbroken unavailable time shorter than `shortest_us` is available."""
    if not shortest_us:
        return ruled
    lasting: list[Stretch] = []
    run: list[Stretch] = []
    for stretch in [*ruled, None]:
        if stretch is not None and stretch.is_stop:
            run.append(stretch)
            continue
        short = bool(run) and run[-1].end_us - run[0].start_us < shortest_us
        lasting += [replace(each, rule=Verdict.AVAILABLE, barred=False) for each in run] if short else run
        run = []
        if stretch is not None:
            lasting.append(stretch)
    return lasting


def _interval(start_us: int, end_us: int, key: Key) -> Interval:
    return Interval(start_us=start_us, end_us=end_us, category=key[0], cause=key[1], party=key[2])
