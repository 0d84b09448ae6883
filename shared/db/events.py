"""Events as they come, and what they do to those already stored; `shared.db.telemetry` stores them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.model.facts import EventKind

EventKey = tuple[int, EventKind, int, int, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedEvent:
    """An event as it came. Asset, kind, start, seq and code identify it; text only describes.

    `announced_us`: when the other party was told of it in advance, if the message says so.
    """

    customer_id: int
    asset_id: int
    kind: EventKind
    code: str
    text: str
    start_us: int
    end_us: int | None
    seq: int
    topic: str
    payload: bytes
    announced_us: int | None = None

    @property
    def key(self) -> EventKey:
        return (self.asset_id, self.kind, self.start_us, self.seq, self.code)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventChanges:
    """What events do to those already stored; `inserts` and `closes` hold at most one event of a key."""

    inserts: tuple[ReportedEvent, ...]
    closes: tuple[ReportedEvent, ...]
    duplicates: int
    conflicts: tuple[int, ...]


def merge_events(stored: Mapping[EventKey, int | None], events: Sequence[ReportedEvent]) -> EventChanges:
    """Fold `events`, in order, into the ends of the stored ones.

    An event of a new key is inserted; an end closes what is open; the same again, or an opening message of what is
    closed already, is a duplicate; another end is a conflict, and the end that is stored stays.
    """
    ends = dict(stored)
    inserts: dict[EventKey, ReportedEvent] = {}
    closes: dict[EventKey, ReportedEvent] = {}
    conflicts: list[int] = []
    duplicates = 0
    for place, event in enumerate(events):
        key = event.key
        if key not in ends:
            inserts[key] = event
        elif event.end_us is None or event.end_us == ends[key]:
            duplicates += 1
            continue
        elif ends[key] is not None:
            conflicts.append(place)
            continue
        elif key in inserts:
            first = inserts[key]
            inserts[key] = replace(event, text=first.text, announced_us=first.announced_us or event.announced_us)
        else:
            closes[key] = event
        ends[key] = event.end_us
    return EventChanges(
        inserts=tuple(inserts.values()),
        closes=tuple(closes.values()),
        duplicates=duplicates,
        conflicts=tuple(conflicts),
    )
