"""The forms of a payload, as typed structs, and what decoding one gives. No encoding gets past here."""

import json
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

from shared.instant import to_us
from shared.model.facts import QuarantineReason

# An epoch time is in s below the first, in ms below the second, in us below the third: one meaning for any time from
# 1973 to 5138. (A clock that was never set and counts ms since power-up looks like s after a week.)
MAX_EPOCH_S: Final = 10**11
MAX_EPOCH_MS: Final = 10**14
MAX_EPOCH_US: Final = 10**17
MAX_SEQ: Final = 2**63 - 1
# Part of a key: an index entry of PostgreSQL holds some 2,700 bytes, and a character takes at most four.
MAX_CODE: Final = 500
_SHOWN: Final = 80

_Epoch = Meta(gt=-MAX_EPOCH_US, lt=MAX_EPOCH_US)
# ISO 8601 with offset, or an epoch time in s, ms or us.
Instant = Annotated[int, _Epoch] | Annotated[float, _Epoch] | Annotated[datetime, Meta(tz=True)]


class PlainSample(Struct, frozen=True, gc=False):
    """A sample as a device writes it in the plain form; null is no value."""

    ts: Instant
    values: dict[str, float | None]


class PlainColumns(Struct, frozen=True, gc=False):
    """Samples by column: `values` has for each sensor as many as there are times."""

    ts: list[Instant]
    values: dict[str, list[float | None]]


class Sample(Struct, frozen=True, gc=False):
    """What the sensors said at one instant, UTC microseconds; None is no value.

    `units`: what the payload itself says of them, by sensor.
    """

    at_us: int
    values: dict[str, float | None]
    units: dict[str, str] | None = None


class Event(Struct, frozen=True, gc=False):
    """A state change (`ts`) or an interval (`start`, and `end` unless it is still open).

    `announced`: when the other party was told of it in advance.
    """

    code: Annotated[str, Meta(min_length=1, max_length=MAX_CODE)]
    ts: Instant | UnsetType = UNSET
    start: Instant | UnsetType = UNSET
    end: Instant | None = None
    text: str = ""
    seq: Annotated[int, Meta(ge=-MAX_SEQ, le=MAX_SEQ)] = 0
    announced: Instant | None = None

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
    `is_list` tells whether the message had several. `is_historical`: it tells of the past and is no sign of life.
    """

    path: str | None = None
    is_list: bool = False
    samples: list[Sample] = []
    events: list[EventPart] = []
    status: Status | None = None
    faults: list[Fault] = []
    is_historical: bool = False

    def prefix(self, index: int) -> str:
        """The place of a sample, as a detail begins with it."""
        return f"[{index}]." if self.is_list else ""


def quoted(value: Any) -> str:
    """A value as a detail shows it: JSON, plain ASCII, and not endless."""
    try:
        text = json.dumps(value, default=str, skipkeys=True)
    except (ValueError, RecursionError):
        text = f"something of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def key(name: Any) -> str:
    """A key of an object as a detail shows it."""
    is_plain = isinstance(name, str) and name.isascii() and name.isprintable() and len(name) <= _SHOWN
    return name if is_plain else quoted(name)


def instant_us(instant: Instant) -> int:
    """UTC microseconds since the epoch; a float keeps its microseconds as far as a double has them."""
    if isinstance(instant, datetime):
        return to_us(instant)
    if -MAX_EPOCH_S < instant < MAX_EPOCH_S:
        return round(instant * 1_000_000)
    if -MAX_EPOCH_MS < instant < MAX_EPOCH_MS:
        return round(instant * 1_000)
    return round(instant)
