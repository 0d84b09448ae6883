"""The forms of a payload, as typed structs, and what decoding one gives. JSON does not get past here."""

import json
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

from shared.instant import to_us
from shared.model.facts import QuarantineReason

# Epoch milliseconds beyond these do not fit 64 bits as microseconds; the years are some 285,000 from ours.
MAX_EPOCH_MS: Final = 9_000_000_000_000_000
MAX_SEQ: Final = 2**63 - 1
# Part of a key: an index entry of PostgreSQL holds some 2,700 bytes, and a character takes at most four.
MAX_CODE: Final = 500
_SHOWN: Final = 80

# ISO 8601 with offset, or epoch milliseconds.
Instant = Annotated[int, Meta(ge=-MAX_EPOCH_MS, le=MAX_EPOCH_MS)] | Annotated[datetime, Meta(tz=True)]


class Sample(Struct, frozen=True, gc=False):
    """What the sensors said at one instant; null is no value."""

    ts: Instant
    values: dict[str, float | None]


class Event(Struct, frozen=True, gc=False):
    """A state change (`ts`) or an interval (`start`, and `end` unless it is still open)."""

    code: Annotated[str, Meta(min_length=1, max_length=MAX_CODE)]
    ts: Instant | UnsetType = UNSET
    start: Instant | UnsetType = UNSET
    end: Instant | None = None
    text: str = ""
    seq: Annotated[int, Meta(ge=-MAX_SEQ, le=MAX_SEQ)] = 0

    @property
    def begins(self) -> Instant:
        """When it begins to hold; decoding has seen to it that exactly one of both is there."""
        return self.ts if self.start is UNSET else self.start  # pyright: ignore[reportReturnType]


class Status(Struct, frozen=True, gc=False):
    """A sign of life, or the last will."""

    ts: Instant
    online: bool


class Fault(NamedTuple):
    """Why a part was not stored; `detail` begins with its place: `[3].values.temp: "hot" is not a number`."""

    reason: QuarantineReason
    detail: str


class EventPart(NamedTuple):
    """An event, the place of it in its message (empty when it is all of it) and its own bytes."""

    event: Event
    place: str
    raw: bytes


class Decoded(Struct):
    """What a message says. `path` is `customer/site/asset`, None when the topic is not one of ours.

    A part that is at fault leaves a sample without values, so that a sample's index is its place in the message;
    `is_list` tells whether the message had several.
    """

    path: str | None = None
    is_list: bool = False
    samples: list[Sample] = []
    events: list[EventPart] = []
    status: Status | None = None
    faults: list[Fault] = []

    def prefix(self, index: int) -> str:
        """The place of a sample, as a detail begins with it."""
        return f"[{index}]." if self.is_list else ""


def quoted(value: Any) -> str:
    """A value as a detail shows it: JSON, plain ASCII, and not endless."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def key(name: str) -> str:
    """A key of a JSON object as a detail shows it."""
    return name if name.isascii() and name.isprintable() and len(name) <= _SHOWN else quoted(name)


def instant_us(instant: Instant) -> int:
    """UTC microseconds since the epoch."""
    return to_us(instant) if isinstance(instant, datetime) else instant * 1000
