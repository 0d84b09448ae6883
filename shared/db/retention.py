"""How long rows are kept, and dropping those that are older; what was derived from them stays.

Readings become chunks of a hypertable where TimescaleDB is, and go by the chunk; elsewhere rows go in batches. Nothing
goes that analytics still has to roll up, and what is derived later keeps away from the time before the horizon.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

import psycopg

from shared.db.dirty import HORIZON_LOCK
from shared.db.named import load
from shared.db.pool import Connection
from shared.errors import VouchError
from shared.instant import DAY_US, HOUR_US, from_us, to_us

_SQL: Final = load("retention")
_ROWS_AT_ONCE: Final = 20_000


class Kind(StrEnum):
    """What can be kept for a limited time; of the quarantine what is resolved, while what is open stays."""

    READINGS = "readings"
    MINUTES = "minutes"
    HOURS = "hours"
    QUARANTINE = "quarantine"


_TABLES: Final = {Kind.READINGS: "reading", Kind.MINUTES: "reading_minute", Kind.HOURS: "reading_hour"}
# Each is made of the one before it, and must not go sooner.
_FINE_TO_COARSE: Final = (Kind.READINGS, Kind.MINUTES, Kind.HOURS)
_SOURCES: Final = frozenset({Kind.READINGS, Kind.MINUTES})


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """How long a kind is kept (None = for ever), and before when it is gone (None = nothing was dropped yet)."""

    kind: Kind
    keep_days: int | None
    dropped_before_us: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """What a run did about one kind: `count` rows, or chunks of them, before `before_us`.

    With `pending` marks of time that is not rolled up yet nothing was dropped.
    """

    kind: Kind
    before_us: int
    count: int = 0
    is_chunks: bool = False
    pending: int = 0


def declared(connection: Connection) -> list[Declared]:
    """Every kind with what is declared of it."""
    rows = {Kind(what): rest for what, *rest in connection.execute(_SQL["declared"]).fetchall()}
    found = []
    for kind in Kind:
        keep_days, before = rows.get(kind, (None, None))
        dropped_before_us = None if before is None else to_us(before)
        found.append(Declared(kind=kind, keep_days=keep_days, dropped_before_us=dropped_before_us))
    return found


def declare(connection: Connection, kind: Kind, keep_days: int | None) -> None:
    """Keep `kind` for so many days from now on, None = for ever.

    Raises VouchError when something would be gone before what is made of it could be.
    """
    kept = {one.kind: one.keep_days for one in declared(connection)} | {kind: keep_days}
    for fine, coarse in pairwise(_FINE_TO_COARSE):
        if (kept[coarse] or float("inf")) < (kept[fine] or float("inf")):
            raise VouchError(f"{coarse} must be kept at least as long as {fine}, which they are made of")
    connection.execute(_SQL["declare"], {"what": kind, "keep_days": keep_days})


def run(connection: Connection, now_us: int) -> list[Dropped]:
    """Drop what is older than declared, of every kind that has a limit; the same again drops nothing."""
    hypertables = _hypertables(connection)
    outcomes = []
    for one in declared(connection):
        if one.keep_days is None:
            continue
        before_us = (now_us - one.keep_days * DAY_US) // HOUR_US * HOUR_US
        if _TABLES.get(one.kind) in hypertables:
            outcomes.append(_drop_chunks(connection, one.kind, before_us))
        else:
            outcomes.append(_delete(connection, one.kind, before_us))
    return outcomes


def store_in_columns(connection: Connection, after_days: int) -> None:
    """Have TimescaleDB turn readings older than `after_days` into its columnstore.

    Raises VouchError where the edition has none: the columnstore is part of the community edition, 2.18 or later.
    """
    [(edition,)] = connection.execute(_SQL["edition"]).fetchall()
    if edition != "timescale":
        raise VouchError(f"this database has no columnstore (timescaledb.license is {edition or 'not there'})")
    with connection.transaction():
        connection.execute(_SQL["store_in_columns"])
        connection.execute(_SQL["forget_columnstore_policy"])
        connection.execute(_SQL["add_columnstore_policy"], {"after": timedelta(days=after_days)})


def _hypertables(connection: Connection) -> Sequence[str]:
    [(has_timescaledb,)] = connection.execute(_SQL["has_timescaledb"]).fetchall()
    return [name for (name,) in connection.execute(_SQL["hypertables"]).fetchall()] if has_timescaledb else []


def _drop_chunks(connection: Connection, kind: Kind, before_us: int) -> Dropped:
    """Drop the chunks that end before; what is younger in the chunk around the limit stays until all of it is old."""
    table = _TABLES[kind]
    bounds = {"table": table, "before": from_us(before_us)}
    [(count, until)] = connection.execute(_SQL["old_chunks"], bounds).fetchall()
    if not count:
        return Dropped(kind=kind, before_us=before_us, is_chunks=True)
    until_us = to_us(until)
    try:
        with connection.transaction():
            pending = _move_horizon(connection, kind, until_us)
            if not pending:
                connection.execute(_SQL["drop_chunks"], {"table": table, "before": until})
    except psycopg.errors.LockNotAvailable as error:
        raise VouchError(f"{kind}: others read or derive from what is to be dropped; try again later") from error
    return Dropped(kind=kind, before_us=until_us, count=0 if pending else count, is_chunks=True, pending=pending)


def _delete(connection: Connection, kind: Kind, before_us: int) -> Dropped:
    try:
        with connection.transaction():
            pending = _move_horizon(connection, kind, before_us)
    except psycopg.errors.LockNotAvailable as error:
        raise VouchError(f"{kind}: analytics derives from what is to be dropped; try again later") from error
    if pending:
        return Dropped(kind=kind, before_us=before_us, pending=pending)
    series = connection.execute(_SQL["series"]).fetchall() if kind in _TABLES else [(None,)]
    query = _SQL[f"delete_{_TABLES.get(kind, kind)}"]
    count = sum(_delete_of(connection, query, series_id, before_us) for (series_id,) in series)
    return Dropped(kind=kind, before_us=before_us, count=count)


def _delete_of(connection: Connection, query: bytes, series_id: int | None, before_us: int) -> int:
    """Each batch is a transaction of its own: what is interrupted goes on with the next run."""
    total, batch = 0, _ROWS_AT_ONCE
    while batch == _ROWS_AT_ONCE:
        bounds = {"series": series_id, "before": from_us(before_us), "limit": _ROWS_AT_ONCE}
        batch = connection.execute(query, bounds).rowcount
        total += batch
    return total


def _move_horizon(connection: Connection, kind: Kind, before_us: int) -> int:
    """From the commit on nothing before is derived anew; unless marks still ask for it, which are counted."""
    connection.execute(_SQL["limit_wait"])
    connection.execute(_SQL["lock_horizon"], {"lock": HORIZON_LOCK})
    pending = 0
    if kind in _SOURCES:
        [(pending,)] = connection.execute(_SQL["count_pending"], {"before": from_us(before_us)}).fetchall()
    if not pending:
        connection.execute(_SQL["move_horizon"], {"what": kind, "before": from_us(before_us)})
    return pending
