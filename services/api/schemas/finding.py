"""Alerts and quarantined messages."""

from pydantic import BaseModel, ConfigDict, Field

from services.api.schemas.times import UtcTime
from shared.model.alert import AlertKind, AlertState
from shared.model.facts import QuarantineReason


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Transition(_FromRow):
    """A change of an alert's state, in the words that were sent."""

    id: int
    at: UtcTime
    to_state: AlertState
    reason: str
    title: str
    body: str


class Alert(_FromRow):
    """Something somebody should act on."""

    id: int
    kind: AlertKind
    subject: str = Field(description="what it is about, unique while open")
    customer: str = Field(examples=["northridge"])
    asset_id: int | None
    asset: str | None
    contract: str | None = Field(examples=["WIND-1"])
    state: AlertState
    opened_at: UtcTime
    closed_at: UtcTime | None
    transitions: list[Transition]


class Delivery(_FromRow):
    """A transition on its way to a channel."""

    transition_id: int
    channel: str
    attempts: int
    next_attempt_at: UtcTime
    last_error: str | None
    delivered_at: UtcTime | None = Field(description="null: the channel has not taken it yet")


class AlertDetail(Alert):
    """An alert with where it was sent; `deliveries` is null for roles that may not see it."""

    deliveries: list[Delivery] | None


class Quarantined(BaseModel):
    """A message, or a part of one, that was not stored."""

    id: int
    customer: str | None = Field(description="null: nobody known")
    asset_id: int | None
    received_at: UtcTime
    topic: str
    reason: QuarantineReason
    detail: str = Field(examples=['[3].values.temp: "hot" is not a number'])
    payload_bytes: int = Field(description="length of the whole message")
    payload_base64: str = Field(description="the raw message; in a list only its first 4,096 bytes")
    payload_preview: str = Field(description="its first characters, what is no UTF-8 replaced")
    content_type: str | None = Field(description="what MQTT said of the payload")
    retained: bool = Field(description="the broker had kept it: the last word of its topic, said before we listened")
    state: str = Field(pattern="^(open|replayed|discarded)$")
    attempted_at: UtcTime | None = Field(description="when it was last replayed")
    resolved_at: UtcTime | None
    resolved_by: str | None
    note: str | None = Field(description="why it was discarded")


class Discard(BaseModel):
    """Why a message is not wanted."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(min_length=1, max_length=2_000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$", examples=["a test"])


class QuarantineRequest(_FromRow):
    """What you asked for. The same Idempotency-Key gives the same request again, as it stands by then."""

    id: int
    quarantine_id: int
    action: str = Field(pattern="^(replay|discard)$")
    requested_by: str
    requested_at: UtcTime
    done_at: UtcTime | None = Field(description="null: ingest is still to do it")
    outcome: str | None = Field(
        pattern="^(replayed|discarded|failing)$", description="failing: it stays open, with the reason it has now"
    )
