"""How far a backfill has come, what it found newest, and whether others write at the same time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psycopg

from shared.db import notify
from shared.db.named import load
from shared.db.pool import Connection
from shared.errors import UnavailableError, VouchError
from shared.instant import from_us

_SQL: Final = load("backfills")
_LOCK: Final = 7_300_510_012
_LISTEN: Final = f"LISTEN {notify.DIRTY}".encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Up to where a file is stored.

    `reading_sha256` tells how the file is read, `file_sha256` its content: a position counts for both as they are.
    `refused` counts what of it was reported as bad or quarantined.
    """

    reading_sha256: bytes
    file: str
    file_sha256: bytes
    rows: int = 0
    refused: int = 0
    is_done: bool = False


def begin(connection: Connection) -> None:
    """Be the one backfill of this database, and listen for others that write.

    Raises VouchError when another backfill runs.
    """
    [(is_ours,)] = connection.execute(_SQL["lock"], {"lock": _LOCK}).fetchall()
    if not is_ours:
        raise VouchError("another backfill is writing to this database; this one can go on when it has ended")
    connection.execute(_LISTEN)


def position(connection: Connection, start: Position) -> Position:
    """How far the file of `start` was stored before; `start` itself when it was not, or has changed."""
    told = {"reading_sha256": start.reading_sha256, "file": start.file, "file_sha256": start.file_sha256}
    found = connection.execute(_SQL["position"], told).fetchone()
    return start if found is None else Position(**told, rows=found[0], refused=found[1], is_done=found[2])


def note(connection: Connection, reached: Position, now_us: int) -> None:
    """Note how far a file is stored, in the transaction of its rows."""
    connection.execute(
        _SQL["note_position"],
        {
            "reading_sha256": reached.reading_sha256,
            "file": reached.file,
            "file_sha256": reached.file_sha256,
            "row_count": reached.rows,
            "refused_count": reached.refused,
            "is_done": reached.is_done,
            "at": from_us(now_us),
        },
    )


def note_facts(connection: Connection, newest_us: Mapping[int, int]) -> None:
    """The newest time that anything stored is about, by asset id, of what came late: nobody was heard."""
    if newest_us:
        told = {"asset_id": list(newest_us), "fact_at": [from_us(at_us) for at_us in newest_us.values()]}
        connection.execute(_SQL["note_facts"], told)


def others_wrote(connection: Connection) -> bool:
    """Whether another connection has committed facts since this was last asked; raises UnavailableError."""
    try:
        # All of them, so that none is left for the next time.
        wrote = [told.pid != connection.info.backend_pid for told in connection.notifies(timeout=0)]
    except psycopg.Error as error:
        raise UnavailableError(f"database: {error}") from error
    return any(wrote)
