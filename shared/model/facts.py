"""Facts about a machine: categories, events, intervals. A fact says what was; only a contract says what it counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Category(StrEnum):
    """What a machine was, by IEC 61400-26-1:2019; at each instant exactly one."""

    FP = "FP"  # full performance
    PP = "PP"  # partial performance
    TS = "TS"  # technical standby
    OEN = "OEN"  # out of environmental specification
    RS = "RS"  # requested shutdown
    OEL = "OEL"  # out of electrical specification
    SM = "SM"  # scheduled maintenance
    PCA = "PCA"  # planned corrective action
    FO = "FO"  # forced outage
    S = "S"  # suspended
    FM = "FM"  # force majeure
    IU = "IU"  # information unavailable


# Where events overlap the higher number wins (IEC 61400-26-1:2019). Information unavailable is the absence of a fact
# and so loses against any: the event log outranks missing telemetry.
PRIORITY: dict[Category, int] = {
    Category.IU: 0, Category.FP: 1, Category.PP: 2, Category.TS: 3, Category.OEN: 4, Category.RS: 5, Category.OEL: 6,
    Category.SM: 7, Category.PCA: 8, Category.FO: 9, Category.S: 10, Category.FM: 11,
}  # fmt: skip


class Party(StrEnum):
    """Who answers for a stretch of time."""

    SUPPLIER = "supplier"
    CUSTOMER = "customer"
    THIRD_PARTY = "third_party"
    NOBODY = "nobody"
    UNKNOWN = "unknown"
    DISPUTED = "disputed"


class EventKind(StrEnum):
    """`state` holds until the asset's next state; `interval` from its start to its end."""

    STATE = "state"
    INTERVAL = "interval"


class Source(StrEnum):
    """Who says what a machine was; `manual` is what both parties agreed upon, or what was ruled."""

    MANUAL = "manual"
    EVENT = "event"
    PACKML = "packml"
    STATE = "state"
    TELEMETRY = "telemetry"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What a code of an asset model is: category, cause (a slug) and the party that answers for it."""

    category: Category
    cause: str
    party: Party


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What a code means from `from_us` on, instead of what it meant before."""

    from_us: int
    meaning: Meaning


# What people agreed upon, then whatever a machine reports, then what its readings say.
USUAL_TRUST: Final[tuple[tuple[Source, ...], ...]] = (
    (Source.MANUAL,),
    (Source.EVENT, Source.PACKML, Source.STATE),
    (Source.TELEMETRY,),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpretation:
    """How the facts of a model are read beside the meanings of its codes.

    `trust`: the sources that go before others first, those of one rank together. Interval events shorter than
    `min_event_us` do not count. `changes`: of each code whose meaning changed, when and to what, ascending. `packml`:
    the codes of state events that are PackML states.
    """

    trust: tuple[tuple[Source, ...], ...] = USUAL_TRUST
    min_event_us: int = 0
    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    packml: frozenset[str] = frozenset()


USUAL: Final = Interpretation()


# Intervals we write ourselves; the codes of machines never mean these. Without a connection nothing more is known of a
# machine: what it said before ends there. Silence is on record, and says nothing about the machine.
# What codes of vouch's own begin with; no device may send one.
RESERVED: Final = "$"
OFFLINE: Final = "$offline"
SILENT: Final = "$silent"
BUILT_IN: Final[dict[str, Meaning]] = {
    OFFLINE: Meaning(category=Category.IU, cause="connection_lost", party=Party.UNKNOWN)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetEvent:
    """An event as a machine reported it. `end_us` None: still open (interval) or until the next state.

    `announced_us`: when the other party was told of it in advance; None where nobody recorded that.
    """

    id: int | None
    kind: EventKind
    code: str
    text: str
    start_us: int
    end_us: int | None
    seq: int = 0
    announced_us: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A stretch `[start_us, end_us)` of one asset in one category; `announced_us` is its event's.

    `reclassification_id`: by which people gave it this meaning; `reported` is what it was before, None where nothing
    was known.
    """

    start_us: int
    end_us: int
    category: Category
    cause: str
    party: Party
    event_id: int | None = None
    announced_us: int | None = None
    reclassification_id: int | None = None
    reported: Meaning | None = None

    @property
    def meaning(self) -> Meaning:
        return Meaning(category=self.category, cause=self.cause, party=self.party)

    @property
    def duration_us(self) -> int:
        return self.end_us - self.start_us


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """`low <= value of sensor < high`; an open side is None."""

    sensor: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StateRule:
    """Telemetry that names a category: all conditions hold on the samples of one instant."""

    when: tuple[Condition, ...]
    meaning: Meaning


class QuarantineReason(StrEnum):
    """Why a message, or a part of one, was not stored. The codes are stable: users filter by them."""

    MALFORMED_TOPIC = "malformed_topic"
    UNKNOWN_ASSET = "unknown_asset"
    UNKNOWN_SENSOR = "unknown_sensor"
    EMPTY_PAYLOAD = "empty_payload"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    UNSUPPORTED_CONTENT_TYPE = "unsupported_content_type"
    MALFORMED_PAYLOAD = "malformed_payload"
    VALUE_NOT_FINITE = "value_not_finite"
    VALUE_NOT_A_NUMBER = "value_not_a_number"
    TIME_MALFORMED = "time_malformed"
    TIME_WITHOUT_ZONE = "time_without_zone"
    TIME_IMPLAUSIBLE = "time_implausible"
    UNIT_MISMATCH = "unit_mismatch"
    OUT_OF_PHYSICAL_RANGE = "out_of_physical_range"
    CONFLICTING_READING = "conflicting_reading"
    CONFLICTING_EVENT = "conflicting_event"
    SPARKPLUG_UNKNOWN_ALIAS = "sparkplug_unknown_alias"
    SPARKPLUG_UNSUPPORTED_TYPE = "sparkplug_unsupported_type"
