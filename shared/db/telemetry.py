"""The facts of one batch into their tables, with what they make dirty: all in the caller's one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray

from shared.db import binary_copy, notify
from shared.db.events import EventChanges, EventKey, ReportedEvent, merge_events
from shared.db.named import load
from shared.db.pool import Connection
from shared.db.touched import minute_runs
from shared.db.trouble import FaultyDatabaseError, Trouble, classify, named
from shared.errors import UnavailableError, VouchError
from shared.instant import from_us, to_us
from shared.model.facts import EventKind

_SQL: Final = load("telemetry")

# '-infinity' as PostgreSQL keeps a timestamptz.
_NEVER: Final = -(2**63)


class RefusedError(VouchError):
    """The database is there and refuses this very data; the same call fails again."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Readings:
    """Columns of shape (n,), sorted by series and time, no two rows alike in both; `hold_us` as in the catalog."""

    series_id: NDArray[np.int32]
    at_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]
    asset_id: NDArray[np.int32]
    hold_us: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a batch says: `events` in the order they came; `heard`, the assets that gave a sign of life, by id, with
    their customer's id.
    """

    received_us: int
    readings: Readings
    events: Sequence[ReportedEvent]
    heard: Mapping[int, int]


class Heard(NamedTuple):
    """A sign of life of an asset, and the latest time it reported something about, if it did."""

    asset_id: int
    customer_id: int
    heard_us: int
    fact_us: int | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stored:
    """What became of the facts. Conflicts are places in `Facts.readings` and `Facts.events`; they were not stored.

    `newest_us`: the latest time that anything stored is about, by asset.
    """

    readings: int
    duplicate_readings: int
    conflicting_readings: NDArray[np.intp]
    events: int
    duplicate_events: int
    conflicting_events: tuple[int, ...]
    newest_us: Mapping[int, int]


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """One transaction.

    Raises RefusedError when the data cannot be stored, FaultyDatabaseError when somebody must repair the database
    first, UnavailableError when waiting may help.
    """
    try:
        with connection.transaction():
            yield
    except psycopg.Error as error:
        trouble = classify(error)
        if trouble is Trouble.REFUSED:
            raise RefusedError(str(error)) from error
        kind = FaultyDatabaseError if trouble is Trouble.FAULT else UnavailableError
        raise kind(named(error)) from error


def store(connection: Connection, facts: Facts) -> Stored:
    """Store the facts, mark the minutes they touch and wake analytics."""
    duplicate, conflicting = _insert_readings(connection, facts.readings)
    changes = merge_events(_stored_ends(connection, facts.events), facts.events)
    _save_events(connection, changes, facts.received_us)
    fresh = ~(duplicate | conflicting)
    _mark_dirty(connection, facts, fresh, changes)
    return Stored(
        readings=int(fresh.sum()),
        duplicate_readings=int(duplicate.sum()),
        conflicting_readings=np.flatnonzero(conflicting),
        events=len(changes.inserts) + len(changes.closes),
        duplicate_events=changes.duplicates,
        conflicting_events=changes.conflicts,
        newest_us=_newest(facts.readings, fresh, changes),
    )


def _insert_readings(connection: Connection, readings: Readings) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows were there with the same value, and which with another; both of shape (n,)."""
    duplicate, conflicting = np.zeros((2, len(readings.value)), np.bool_)
    if len(readings.value):
        columns = (readings.series_id, binary_copy.timestamps(readings.at_us), readings.value, readings.quality)
        try:
            with connection.transaction():
                _copy(connection, "copy_readings", columns)
        except psycopg.errors.UniqueViolation:
            connection.execute(_SQL["create_arriving"])
            _copy(connection, "copy_arriving", (np.arange(len(duplicate), dtype=np.int32), *columns))
            for place, differs in connection.execute(_SQL["merge_arriving"]):
                (conflicting if differs else duplicate)[place] = True
    return duplicate, conflicting


def _copy(connection: Connection, query: str, columns: Sequence[NDArray[Any]]) -> None:
    with connection.cursor() as cursor, cursor.copy(_SQL[query]) as copy:
        copy.write(binary_copy.encode(columns))


def _stored_ends(connection: Connection, events: Sequence[ReportedEvent]) -> dict[EventKey, int | None]:
    if not events:
        return {}
    asset_ids, kinds, starts, seqs, codes = zip(*{event.key for event in events}, strict=True)
    rows = connection.execute(
        _SQL["lock_events"],
        {
            "asset_id": list(asset_ids),
            "kind": [kind.value for kind in kinds],
            "start_at": [from_us(start) for start in starts],
            "seq": list(seqs),
            "code": list(codes),
        },
    )
    return {
        (asset_id, EventKind(kind), to_us(start), seq, code): None if end is None else to_us(end)
        for asset_id, kind, start, seq, code, end in rows
    }


def _save_events(connection: Connection, changes: EventChanges, received_us: int) -> None:
    with connection.cursor() as cursor:
        for query, events in (("insert_event", changes.inserts), ("close_event", changes.closes)):
            if events:
                cursor.executemany(_SQL[query], [_event_row(event, received_us) for event in events])


def _event_row(event: ReportedEvent, received_us: int) -> dict[str, object]:
    return {
        "customer_id": event.customer_id,
        "asset_id": event.asset_id,
        "kind": event.kind.value,
        "code": event.code,
        "text": event.text,
        "start_at": from_us(event.start_us),
        "end_at": None if event.end_us is None else from_us(event.end_us),
        "seq": event.seq,
        "received_at": from_us(received_us),
        "topic": event.topic,
        "payload": event.payload,
        "announced_at": None if event.announced_us is None else from_us(event.announced_us),
    }


def _mark_dirty(connection: Connection, facts: Facts, fresh: NDArray[np.bool_], changes: EventChanges) -> None:
    readings, events = facts.readings, changes.inserts + changes.closes
    at_us, hold_us = readings.at_us[fresh], readings.hold_us[fresh]
    event_start = np.array([event.start_us for event in events], np.int64)
    event_end = np.array([max(_touched_to(event, facts.received_us), event.start_us + 1) for event in events], np.int64)
    asset_id, start_us, end_us = minute_runs(
        np.concatenate((readings.asset_id[fresh], np.array([event.asset_id for event in events], np.int32))),
        np.concatenate((at_us, event_start)),
        np.concatenate((at_us + hold_us, event_end)),
    )
    if not len(asset_id):
        return
    arrays = (
        (binary_copy.INTEGER, asset_id),
        (binary_copy.TIMESTAMPTZ, binary_copy.timestamps(start_us)),
        (binary_copy.TIMESTAMPTZ, binary_copy.timestamps(end_us)),
    )
    with connection.cursor() as cursor, cursor.copy(_SQL["mark_dirty"]) as copy:
        copy.write(binary_copy.encode_arrays(facts.received_us, arrays))
    connection.execute(notify.WAKE, (notify.DIRTY,))


def _touched_to(event: ReportedEvent, received_us: int) -> int:
    if event.kind is EventKind.STATE:
        return event.start_us
    return received_us if event.end_us is None else event.end_us


def note_heard(connection: Connection, heard: Sequence[Heard], *, slack_us: int = 0) -> None:
    """Note signs of life; what is noted already is never set back. `slack_us`: how late the next note may be."""
    if not heard:
        return
    asset_id, customer_id, heard_us, fact_us = zip(*heard, strict=True)
    columns = (
        np.array(asset_id, np.int32),
        np.array(customer_id, np.int32),
        binary_copy.timestamps(np.array(heard_us, np.int64)),
        np.array([_NEVER if at is None else at - binary_copy.POSTGRES_EPOCH_US for at in fact_us], np.int64),
    )
    connection.execute(_SQL["create_heard"])
    _copy(connection, "copy_heard", columns)
    connection.execute(_SQL["note_heard"], {"slack_us": slack_us})


def _newest(readings: Readings, fresh: NDArray[np.bool_], changes: EventChanges) -> dict[int, int]:
    """The latest time anything new is about, by asset."""
    asset_ids, place = np.unique(readings.asset_id[fresh], return_inverse=True)
    latest = np.zeros(len(asset_ids), np.int64)
    np.maximum.at(latest, place, readings.at_us[fresh])
    newest = dict(zip(asset_ids.tolist(), latest.tolist(), strict=True))
    for event in changes.inserts + changes.closes:
        newest[event.asset_id] = max(newest.get(event.asset_id, 0), event.end_us or event.start_us)
    return newest
