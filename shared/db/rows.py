"""What `shared.db.views` answers with: one frozen value a kind of row. Times are aware and in UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Customer:
    """A customer the asker may see."""

    slug: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """A machine, when it was last heard, and the latest stretch of its timeline (all None: nothing known yet)."""

    id: int
    slug: str
    name: str
    customer: str
    site: str
    model: str
    silent_after_s: int | None
    healthy_from: datetime | None
    healthy_to: datetime | None
    last_heard_at: datetime | None
    last_fact_at: datetime | None
    connection: str | None
    connection_at: datetime | None
    registered_at: datetime | None
    category: str | None
    cause: str | None
    party: str | None
    state_from: datetime | None
    state_to: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sensor:
    """A series of readings. Ranges are in `unit`; an open side is None."""

    id: int
    name: str
    unit: str
    physical_low: float | None
    physical_high: float | None
    expected_low: float | None
    expected_high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event as the machine reported it; `payload` is the raw message where one event was asked for.

    `first_received_at`: when it first came, where a later message told its end.
    """

    id: int
    kind: str
    code: str
    text: str
    start_at: datetime
    end_at: datetime | None
    seq: int
    received_at: datetime
    topic: str
    announced_at: datetime | None
    first_received_at: datetime
    asset_id: int
    payload: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """A version of a contract; `assets` counts the machines it is about, `source` is its YAML where asked for."""

    id: int
    slug: str
    version: int
    customer: str
    customer_name: str
    valid_from: datetime
    valid_to: datetime
    stored_at: datetime
    sha256: str
    assets: int
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractAsset:
    """A machine a contract is about."""

    id: int
    slug: str
    name: str
    site: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAssessment:
    """What analytics judged; `result` is the document of `shared.contracts.document`, `sha256` its digest."""

    id: int
    version: int
    guarantee_id: str
    period_start: datetime
    period_end: datetime
    as_of: datetime
    verdict: str
    sha256: str
    result: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a guarantee of a contract stands in its current period."""

    slug: str
    version: int
    customer: str
    customer_name: str
    assets: int
    guarantee_id: str
    sha256: str
    result: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """An alert, open or closed."""

    id: int
    kind: str
    subject: str
    customer: str
    asset_id: int | None
    asset: str | None
    contract: str | None
    state: str
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """A change of an alert's state, in the words that were sent."""

    id: int
    alert_id: int
    at: datetime
    to_state: str
    reason: str
    title: str
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A transition on its way to a channel; `delivered_at` None: not yet taken."""

    transition_id: int
    channel: str
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    delivered_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """A message, or a part of one, that was not stored; `payload` may be cut, `payload_bytes` is its true length."""

    id: int
    customer: str | None
    asset_id: int | None
    received_at: datetime
    topic: str
    reason: str
    detail: str
    payload_bytes: int
    payload: bytes
    content_type: str | None
    retained: bool
    state: str
    attempted_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuarantineRequest:
    """What someone asked to be done with a quarantined part; `done_at` None: not yet. `id` None: it was done before."""

    id: int | None
    quarantine_id: int
    action: str
    requested_by: str
    requested_at: datetime | None
    done_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """A reported value that an explicit backfill has replaced: of a reading (`sensor`) or the end of an event."""

    id: int
    kind: str
    at: datetime
    sensor: str | None
    unit: str | None
    old_value: float | None
    new_value: float | None
    event_id: int | None
    old_end: datetime | None
    new_end: datetime | None
    superseded_at: datetime
    reason: str
    source: str
