"""What each fact claims of a timeline: from when to when, as what, how strongly. Used by `shared.timeline` alone."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from shared.model.facts import (
    OFFLINE,
    PRIORITY,
    RESERVED,
    SILENT,
    AssetEvent,
    Category,
    EventKind,
    Interpretation,
    Interval,
    Meaning,
    Party,
    Source,
)

UNMAPPED = Meaning(category=Category.IU, cause="unmapped_code", party=Party.UNKNOWN)
# A claim to a stretch of time: its rank (the highest of those that hold at an instant wins) and the interval.
Rank = tuple[bool, int, int, bool, int, int, str, int]
Claim = tuple[Rank, Interval]


def claims(
    events: Sequence[AssetEvent],
    meanings: Mapping[str, Meaning],
    telemetry: Sequence[Interval],
    end_us: int,
    interpretation: Interpretation,
) -> Iterator[Claim]:
    """Every claim, in no order; an open end runs to `end_us`, or to the loss of the connection before it."""
    trust = {source: -rank for rank, sources in enumerate(interpretation.trust) for source in sources}
    told = trust[Source.TELEMETRY]
    for interval in telemetry:
        yield _rank(interval, told), interval
    counted = [event for event in events if _counts(event, interpretation)]
    for event, until_us in _spans(counted, end_us):
        trusted = trust[_source(event, interpretation)]
        for interval in _meant(event, until_us, meanings, interpretation):
            yield _rank(interval, trusted, event), interval


def losses(events: Iterable[AssetEvent]) -> list[int]:
    """When the connection was lost, ascending."""
    return sorted(event.start_us for event in events if is_loss(event))


def is_loss(event: AssetEvent) -> bool:
    """Whether the event is a lost connection."""
    return event.code == OFFLINE and event.kind is EventKind.INTERVAL


def _spans(events: Sequence[AssetEvent], end_us: int) -> list[tuple[AssetEvent, int]]:
    """Each event that speaks of some time, with the end of that time."""
    lost = losses(events)

    def until(event: AssetEvent, bound_us: int) -> int:
        following = bisect_right(lost, event.start_us)
        return min(bound_us, lost[following]) if following < len(lost) else bound_us

    spans = [
        (event, event.end_us if event.end_us is not None else end_us if is_loss(event) else until(event, end_us))
        for event in events
        if event.kind is EventKind.INTERVAL
    ]
    states: dict[int, AssetEvent] = {}
    for event in sorted((e for e in events if e.kind is EventKind.STATE), key=_order):
        states[event.start_us] = event
    ordered = list(states.values())
    spans += [(state, until(state, following.start_us)) for state, following in pairwise(ordered)]
    spans += [(state, until(state, end_us)) for state in ordered[-1:]]
    return spans


def _order(event: AssetEvent) -> tuple[int, int, str, int]:
    return event.start_us, event.seq, event.code, event.id or 0


def _counts(event: AssetEvent, interpretation: Interpretation) -> bool:
    """Whether the event says anything; what is too short to count is decided by its own length, not by what is seen."""
    if event.code.startswith(RESERVED) or event.end_us is None:
        return event.code != SILENT
    return event.end_us - event.start_us >= interpretation.min_event_us


def _source(event: AssetEvent, interpretation: Interpretation) -> Source:
    if event.kind is EventKind.INTERVAL:
        return Source.EVENT
    return Source.PACKML if event.code in interpretation.packml else Source.STATE


def _meant(
    event: AssetEvent, until_us: int, meanings: Mapping[str, Meaning], interpretation: Interpretation
) -> Iterator[Interval]:
    """The event from its start to `until_us`, cut where its code got another meaning."""
    start_us, meaning = event.start_us, meanings.get(event.code, UNMAPPED)
    for change in interpretation.changes.get(event.code, ()):
        if start_us < change.from_us < until_us:
            yield _of(event, start_us, change.from_us, meaning)
        if change.from_us < until_us:
            start_us, meaning = max(start_us, change.from_us), change.meaning
    yield _of(event, start_us, until_us, meaning)


def _of(event: AssetEvent, start_us: int, end_us: int, meaning: Meaning) -> Interval:
    return Interval(
        start_us=start_us,
        end_us=end_us,
        category=meaning.category,
        cause=meaning.cause,
        party=meaning.party,
        event_id=event.id,
        announced_us=event.announced_us,
    )


def _rank(interval: Interval, trust: int, event: AssetEvent | None = None) -> Rank:
    known, priority = interval.category is not Category.IU, PRIORITY[interval.category]
    if event is None:
        return known, trust, priority, False, 0, 0, "", 0
    return known, trust, priority, True, event.start_us, event.seq, event.code, event.id or 0
