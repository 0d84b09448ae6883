"""Machines, what they reported, and what they were."""

import base64

from pydantic import BaseModel, ConfigDict, Field

from services.api.schemas.listing import Listing
from services.api.schemas.times import UtcTime
from shared.db import rows
from shared.model.connection import ConnectionState
from shared.model.facts import Category, EventKind, Party


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class State(_FromRow):
    """The latest known stretch of a machine's timeline."""

    category: Category
    cause: str = Field(examples=["running"])
    party: Party
    from_: UtcTime = Field(serialization_alias="from")
    to: UtcTime = Field(description="what is known ends here")


class Asset(_FromRow):
    """A machine."""

    id: int = Field(examples=[1])
    slug: str = Field(examples=["t01"])
    name: str = Field(examples=["Turbine 1"])
    customer: str = Field(examples=["northridge"])
    site: str = Field(examples=["ridge"])
    model: str = Field(examples=["mm92"])
    silent_after_s: int | None = Field(description="silence, in seconds, after which an alert opens; null: never")
    healthy_from: UtcTime | None = Field(description="start of the window anomalies are measured against")
    healthy_to: UtcTime | None
    last_heard_at: UtcTime | None = Field(description="when a message of it last arrived")
    last_fact_at: UtcTime | None = Field(description="the latest time it reported something about")
    connection: ConnectionState | None = Field(description="what its device last said of its connection; null: nothing")
    connection_at: UtcTime | None = Field(
        description="when, as the device wrote it (a last will: when it connected; a time that cannot be: when it came)"
    )
    registered_at: UtcTime | None = Field(description="when it registered itself; null: a fleet file declared it")
    state: State | None


class Sensor(_FromRow):
    """A series of readings; ranges are in `unit`, an open side is null."""

    name: str = Field(examples=["power_kw"])
    unit: str = Field(examples=["kW"])
    physical_low: float | None = Field(description="below it a value cannot be and is quarantined")
    physical_high: float | None
    expected_low: float | None = Field(description="below it a value is stored as uncertain")
    expected_high: float | None


class AssetDetail(Asset):
    """A machine with its sensors."""

    sensors: list[Sensor]


class Event(_FromRow):
    """An event as the machine reported it, or one of ours: `$offline` (no connection), `$silent` (not heard)."""

    id: int
    kind: EventKind = Field(description="a state holds until the next state, an interval from its start to its end")
    code: str = Field(examples=["0:0"])
    text: str = Field(examples=["Turbine in operation"])
    start_at: UtcTime
    end_at: UtcTime | None = Field(description="null: a state, or an interval that is still open")
    seq: int = Field(description="order among the events of one instant")
    announced_at: UtcTime | None = Field(description="when it was announced to the other party; null: not on record")
    first_received_at: UtcTime = Field(description="when it first came")
    received_at: UtcTime = Field(description="when the last message about it came")
    topic: str = Field(description="the MQTT topic it came by")


class EventDetail(Event):
    """An event with the raw message it came in."""

    asset_id: int = Field(description="the machine it is of")
    payload_base64: str = Field(description="the message, byte by byte")
    payload_text: str | None = Field(description="the message as text; null when it is none")


class Correction(_FromRow):
    """A reported value that was corrected by an explicit backfill; what was reported first is kept here."""

    id: int
    kind: str = Field(pattern="^(reading|event)$")
    at: UtcTime = Field(description="the instant of the reading, or the start of the event")
    sensor: str | None = Field(description="null: the end of an event was corrected")
    unit: str | None
    old_value: float | None
    new_value: float | None
    event_id: int | None
    old_end: UtcTime | None
    new_end: UtcTime | None
    superseded_at: UtcTime
    reason: str
    source: str = Field(description="the file it came from", examples=["2026-03.csv"])


class Reported(_FromRow):
    """What a machine reported, before people gave it another meaning."""

    category: Category
    cause: str
    party: Party


class Stretch(BaseModel):
    """A stretch of one category. Stretches follow each other without gap or overlap."""

    from_: UtcTime = Field(serialization_alias="from")
    to: UtcTime
    duration_s: float = Field(examples=[3600.0])
    category: Category
    cause: str = Field(examples=["running"])
    party: Party = Field(description="who answers for it")
    event_id: int | None = Field(description="the event that says so; null: telemetry, or nothing known")
    announced_at: UtcTime | None = Field(description="when that event was announced; null: not on record")
    reclassification_id: int | None = Field(description="by which people gave it this meaning; null: as reported")
    reported: Reported | None = Field(
        description="what it was before that; null: there is no reclassification, or nothing was known"
    )


class Timeline(Listing[Stretch]):
    """What a machine was in `[from, to)`, every instant of it; time nothing is known of is `IU`."""

    asset: int
    from_: UtcTime = Field(serialization_alias="from")
    to: UtcTime


def event_detail(event: rows.Event) -> EventDetail:
    """An event and its message, byte by byte and, where it is one, as text."""
    payload = event.payload or b""
    return EventDetail(
        **Event.model_validate(event).model_dump(),
        asset_id=event.asset_id,
        payload_base64=base64.b64encode(payload).decode(),
        payload_text=_as_text(payload),
    )


def _as_text(payload: bytes) -> str | None:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None
