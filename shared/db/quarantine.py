"""What ingest did not store, kept with its raw bytes, the reason and the place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.db.named import load
from shared.db.pool import Connection
from shared.instant import DAY_US, from_us
from shared.model.facts import QuarantineReason

_SQL: Final = load("quarantine")
# A message can be delivered again as long as its acknowledgement may be missing: a crash and a restart, not more.
_REDELIVERY_US: Final = DAY_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """A message, or a part of one, that was not stored.

    `detail` names the place and what is wrong there, e.g. `[3].values.temp: "hot" is not a number`. `redelivered`:
    the message may have been here before; it is noted only if it is not yet.
    """

    customer_id: int | None
    asset_id: int | None
    topic: str
    payload: bytes
    reason: QuarantineReason
    detail: str
    redelivered: bool


def insert(connection: Connection, rejections: Sequence[Rejection], received_us: int) -> None:
    """Note the rejections, inside the caller's transaction."""
    fresh = [rejection for rejection in rejections if not rejection.redelivered]
    again = [rejection for rejection in rejections if rejection.redelivered]
    _insert(connection, fresh, received_us, since="infinity")
    _insert(connection, again, received_us, since=from_us(received_us - _REDELIVERY_US).isoformat())


def _insert(connection: Connection, rejections: Sequence[Rejection], received_us: int, *, since: str) -> None:
    if not rejections:
        return
    connection.execute(
        _SQL["insert"],
        {
            "received_at": from_us(received_us),
            "since": since,
            "customer_id": [rejection.customer_id for rejection in rejections],
            "asset_id": [rejection.asset_id for rejection in rejections],
            "topic": [rejection.topic for rejection in rejections],
            "payload": [rejection.payload for rejection in rejections],
            "reason": [rejection.reason.value for rejection in rejections],
            "detail": [rejection.detail for rejection in rejections],
        },
    )
