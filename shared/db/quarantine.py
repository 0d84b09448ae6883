"""What ingest did not store, kept with its raw bytes, the reason and the place, until someone resolves it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from psycopg.rows import class_row

from shared.broker import SESSION_EXPIRY_S
from shared.db import rows
from shared.db.named import load
from shared.db.pool import Connection
from shared.instant import SECOND_US, from_us
from shared.model.facts import QuarantineReason

_SQL: Final = load("quarantine")
# A message can be delivered again as long as its acknowledgement may be missing: a crash and a restart, not more.
REDELIVERY_US: Final = SESSION_EXPIRY_S * SECOND_US
_COLUMNS: Final = ("int4", "int4", "timestamptz", "text", "bytea", "text", "text", "text", "bool")


class State(StrEnum):
    """What became of a quarantined part."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


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
    content_type: str | None = None
    retained: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which parts; None: whatever. `asset` is `customer/site/asset`, `topic` the beginning of one, `since` included."""

    state: State | None = State.OPEN
    reason: QuarantineReason | None = None
    asset: str | None = None
    topic: str | None = None
    since: datetime | None = None


def insert(
    connection: Connection, rejections: Sequence[Rejection], received_us: int, *, within_us: int = REDELIVERY_US
) -> None:
    """Note the rejections, inside the caller's transaction; redelivered ones unless noted within `within_us`."""
    fresh = [rejection for rejection in rejections if not rejection.redelivered]
    again = [rejection for rejection in rejections if rejection.redelivered]
    if fresh:
        with _arriving(connection, fresh, received_us):
            connection.execute(_SQL["insert"])
    if again:
        with _arriving(connection, again, received_us):
            connection.execute(_SQL["insert_missing"], {"since": from_us(max(0, received_us - within_us))})


def matching(connection: Connection, wanted: Filter, *, limit: int | None = None) -> list[int]:
    """The ids of the parts the filter lets through, the latest first; all of them without a limit."""
    told = {"state": wanted.state, "reason": wanted.reason, "asset": wanted.asset, "topic": wanted.topic}
    found = connection.execute(_SQL["matching"], {**told, "since": wanted.since, "limit": limit})
    return [row_id for (row_id,) in found]


def read(connection: Connection, ids: Sequence[int], *, payload_limit: int) -> list[rows.Quarantined]:
    """Parts by their ids, the latest first; of each payload the first `payload_limit` bytes."""
    with connection.cursor(row_factory=class_row(rows.Quarantined)) as cursor:
        return cursor.execute(_SQL["rows"], {"ids": list(ids), "payload_limit": payload_limit}).fetchall()


def discard(connection: Connection, ids: Sequence[int], *, by: str, note: str, at_us: int) -> int:
    """Mark open parts as discarded, with who and why; nothing is deleted. How many of these were open."""
    told = {"ids": list(ids), "by": by, "note": note, "at": from_us(at_us)}
    return connection.execute(_SQL["discard"], told).rowcount


@contextmanager
def _arriving(connection: Connection, rejections: Sequence[Rejection], received_us: int) -> Iterator[None]:
    """The rejections in a table of this session: an owner who is no superuser may not COPY past row security."""
    received_at = from_us(received_us)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SQL["create_arriving"])
        with cursor.copy(_SQL["copy_arriving"]) as copy:
            copy.set_types(_COLUMNS)
            for row in rejections:
                copy.write_row(
                    (
                        row.customer_id,
                        row.asset_id,
                        received_at,
                        row.topic,
                        row.payload,
                        row.reason.value,
                        row.detail,
                        row.content_type,
                        row.retained,
                    )
                )
        yield
