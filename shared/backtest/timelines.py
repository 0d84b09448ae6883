"""Logged events to each asset's timeline, and the facts of any stretch of it: second stage of a backtest."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from shared import timeline
from shared.backtest.log import Log
from shared.contracts.charging.policy import Key
from shared.model.facts import AssetEvent, Category, Interval, Meaning, Party

RUNNING = Meaning(category=Category.FP, cause="running", party=Party.NOBODY)

# The end of what has none, for putting events in order.
OPEN_US = 2**63


class Timelines:
    """The ordered, disjoint intervals of every asset in `[start_us, end_us)`, made once and cut as asked.

    Where events overlap the rules of `shared.timeline.build` decide. Time that no event speaks of is absent, and so
    unknown.
    """

    def __init__(self, log: Log, names: Iterable[str], start_us: int, end_us: int) -> None:
        self._start_us, self._end_us = start_us, end_us
        self._keep({name: _built(log.events.get(name, ()), log.meanings, start_us, end_us) for name in names})

    def run_from(self, from_us: int) -> None:
        """Make time from then on that no event speaks of full performance."""
        since_us = max(self._start_us, from_us)
        self._keep(
            {name: timeline.merge(_filled(own, since_us, self._end_us)) for name, own in self._intervals.items()}
        )

    def between(self, name: str, start_us: int, end_us: int) -> list[Interval]:
        """The intervals of one asset in `[start_us, end_us)`, cut to it."""
        cut = self._touched(name, start_us, end_us)
        if cut and cut[0].end_us <= start_us:
            del cut[0]
        if cut and cut[0].start_us < start_us:
            cut[0] = replace(cut[0], start_us=start_us)
        if cut and cut[-1].end_us > end_us:
            cut[-1] = replace(cut[-1], end_us=end_us)
        return cut

    def durations(self, name: str, start_us: int, end_us: int) -> dict[Key, int]:
        """Microseconds of one asset in `[start_us, end_us)` by what they were."""
        return timeline.durations(self._touched(name, start_us, end_us), start_us, end_us)

    def _keep(self, intervals: dict[str, list[Interval]]) -> None:
        self._intervals = intervals
        self._starts = {name: [interval.start_us for interval in own] for name, own in intervals.items()}

    def _touched(self, name: str, start_us: int, end_us: int) -> list[Interval]:
        starts = self._starts[name]
        return self._intervals[name][max(0, bisect_right(starts, start_us) - 1) : bisect_left(starts, end_us)]


def _built(events: Sequence[AssetEvent], meanings: Mapping[str, Meaning], start_us: int, end_us: int) -> list[Interval]:
    """The timeline; only events that share time with others compete for it."""
    built: list[Interval] = []
    for cluster in _clusters(_with_ids(events)):
        if len(cluster) > 1:
            built += timeline.build(cluster, meanings, (), start_us, end_us)
        else:
            built += _alone(cluster[0], meanings, start_us, end_us)
    return timeline.merge(built)


def _with_ids(events: Sequence[AssetEvent]) -> Sequence[AssetEvent]:
    """The events, announced ones with a number of their own: work that is interrupted is still one piece of work.

    All others stay without, so that a stop written in two rows is the same as in one.
    """
    if all(event.announced_us is None for event in events):
        return events
    announced = sorted((event for event in events if event.announced_us is not None), key=_content)
    numbers = {_content(event): number for number, event in enumerate(announced, start=1)}
    return [event if event.announced_us is None else replace(event, id=numbers[_content(event)]) for event in events]


def _content(event: AssetEvent) -> tuple[int, int, str, int]:
    end_us = OPEN_US if event.end_us is None else event.end_us
    return event.start_us, end_us, event.code, event.announced_us or 0


def _clusters(events: Sequence[AssetEvent]) -> Iterator[list[AssetEvent]]:
    """Events in the order of time, together where they overlap."""
    cluster: list[AssetEvent] = []
    reached: int | None = 0
    for event in sorted(events, key=lambda each: each.start_us):
        if cluster and reached is not None and event.start_us >= reached:
            yield cluster
            cluster = []
        if not cluster:
            cluster, reached = [event], event.end_us
        else:
            cluster.append(event)
            reached = None if reached is None or event.end_us is None else max(reached, event.end_us)
    if cluster:
        yield cluster


def _alone(event: AssetEvent, meanings: Mapping[str, Meaning], start_us: int, end_us: int) -> list[Interval]:
    start = max(event.start_us, start_us)
    end = end_us if event.end_us is None else min(event.end_us, end_us)
    if start >= end:
        return []
    meaning = meanings[event.code]
    return [
        Interval(
            start_us=start,
            end_us=end,
            category=meaning.category,
            cause=meaning.cause,
            party=meaning.party,
            event_id=event.id,
            announced_us=event.announced_us,
        )
    ]


def _filled(intervals: Sequence[Interval], start_us: int, end_us: int) -> Iterator[Interval]:
    """The intervals, and between them time of running."""
    edges = [start_us, *(interval.end_us for interval in intervals)]
    for interval, reached in zip(intervals, edges, strict=False):
        if (since := max(reached, start_us)) < interval.start_us:
            yield _running(since, interval.start_us)
        yield interval
    if (since := max(edges)) < end_us:
        yield _running(since, end_us)


def _running(start_us: int, end_us: int) -> Interval:
    return Interval(
        start_us=start_us, end_us=end_us, category=RUNNING.category, cause=RUNNING.cause, party=RUNNING.party
    )
