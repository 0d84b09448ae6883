"""Quarantined messages read again: locked whole, settled part by part, and the requests for it from the API."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from shared.db import notify
from shared.db.named import load
from shared.db.pool import Connection
from shared.db.quarantine import Rejection
from shared.errors import UnavailableError
from shared.instant import from_us, to_us

_SQL: Final = load("quarantine")
_LISTEN: Final = f"LISTEN {notify.REPLAY}".encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldPart:
    """A faulty part of a message, as it was noted."""

    id: int
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldMessage:
    """A message with all its parts that are open."""

    received_us: int
    topic: str
    payload: bytes
    content_type: str | None
    retained: bool
    parts: tuple[HeldPart, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parting:
    """What becomes of the parts of a message: `resolved` are ids, `added` are faults that had no row."""

    kept: tuple[tuple[int, Rejection], ...]
    resolved: tuple[int, ...]
    added: tuple[Rejection, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What someone asked for through the API."""

    id: int
    quarantine_id: int
    requested_by: str


def part(held: Sequence[HeldPart], remaining: Sequence[Rejection]) -> Parting:
    """Give each fault that remains a row: the one that says the same already, else any other of the message."""
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in held:
        rows[row.reason, row.detail].append(row.id)
    kept: list[tuple[int, Rejection]] = []
    changed: list[Rejection] = []
    for rejection in remaining:
        same = rows[rejection.reason.value, rejection.detail]
        if same:
            kept.append((same.pop(0), rejection))
        else:
            changed.append(rejection)
    free = sorted(row for ids in rows.values() for row in ids)
    kept += zip(free, changed, strict=False)
    return Parting(kept=tuple(kept), resolved=tuple(free[len(changed) :]), added=tuple(changed[len(free) :]))


def lock(connection: Connection, ids: Sequence[int]) -> list[HeldMessage]:
    """The messages these parts are of, with every open part of each, locked until the caller's transaction ends."""
    parts: dict[tuple[int, str, bytes, str | None, bool], list[HeldPart]] = {}
    for row_id, at, topic, payload, content_type, retained, reason, detail in connection.execute(
        _SQL["lock_messages"], {"ids": list(ids)}
    ):
        message = (to_us(at), topic, payload, content_type, retained)
        parts.setdefault(message, []).append(HeldPart(id=row_id, reason=reason, detail=detail))
    return [
        HeldMessage(
            received_us=received_us,
            topic=topic,
            payload=payload,
            content_type=content_type,
            retained=retained,
            parts=tuple(held),
        )
        for (received_us, topic, payload, content_type, retained), held in parts.items()
    ]


def settle(connection: Connection, message: HeldMessage, remaining: Sequence[Rejection], *, by: str, at_us: int) -> int:
    """Resolve the parts of a locked message that no fault remains for; how many these are.

    A part that fails for another reason than before says the new one.
    """
    parting = part(message.parts, remaining)
    at = from_us(at_us)
    if parting.resolved:
        connection.execute(_SQL["resolve"], {"ids": list(parting.resolved), "by": by, "at": at})
    with connection.cursor() as cursor:
        if parting.kept:
            cursor.executemany(_SQL["keep"], [{"id": row, "at": at, **_said(fault)} for row, fault in parting.kept])
        if parting.added:
            like = message.parts[0].id
            cursor.executemany(_SQL["add_part"], [{"like": like, "at": at, **_said(fault)} for fault in parting.added])
    return len(parting.resolved)


def attempted(connection: Connection, message: HeldMessage, at_us: int) -> None:
    """Note that a message was tried in vain, and leave it as it is."""
    connection.execute(_SQL["attempted"], {"ids": [row.id for row in message.parts], "at": from_us(at_us)})


def take_request(connection: Connection) -> Request | None:
    """The oldest replay asked for that nobody else is at, locked until the caller's transaction ends."""
    found = connection.execute(_SQL["take_request"]).fetchone()
    return None if found is None else Request(id=found[0], quarantine_id=found[1], requested_by=found[2])


def finish(connection: Connection, request: Request, at_us: int) -> None:
    """Note what became of what was asked for."""
    connection.execute(_SQL["finish_request"], {"id": request.id, "at": from_us(at_us)})


def listen(connection: Connection) -> None:
    """Be woken from now on when a replay is asked for; raises UnavailableError."""
    try:
        connection.execute(_LISTEN)
    except psycopg.Error as error:
        raise UnavailableError(f"database: {error}") from error


def wait(connection: Connection, limit_s: float) -> bool:
    """Wait to be woken; False when nobody asked within `limit_s`. Raises UnavailableError."""
    try:
        return any(True for _ in connection.notifies(timeout=limit_s, stop_after=1))
    except psycopg.Error as error:
        raise UnavailableError(f"database: {error}") from error


def _said(rejection: Rejection) -> dict[str, object]:
    return {
        "reason": rejection.reason.value,
        "detail": rejection.detail,
        "customer_id": rejection.customer_id,
        "asset_id": rejection.asset_id,
    }
