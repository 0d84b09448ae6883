"""What an export reads: readings series by series in pages, and events; as the owner, in one snapshot."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg.rows import dict_row

from shared.db import arrays
from shared.db.named import load
from shared.db.pool import Connection
from shared.db.series import Page
from shared.errors import UnavailableError
from shared.instant import from_us, to_us

_SQL: Final = load("export")
_PAGE: Final = 100_000
_EVENTS: Final = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A sensor to export; `asset` is its machine as customer/site/asset."""

    id: int
    asset: str
    sensor: str
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Half-open `[start, end)`; None: open on that side."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event; `end_at` None: a state, or an interval that is still open."""

    asset: str
    kind: str
    code: str
    text: str
    start_at: datetime
    end_at: datetime | None
    seq: int
    received_at: datetime
    topic: str


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """All that is read inside is of one instant; raises UnavailableError when the database goes away."""
    try:
        with connection.transaction():
            connection.execute(_SQL["begin_snapshot"])
            yield
    except psycopg.OperationalError as error:
        raise UnavailableError(f"database: {error}") from error


def assets(connection: Connection, paths: Sequence[str]) -> dict[str, int]:
    """The ids of those machines that there are, by customer/site/asset."""
    found = connection.execute(_SQL["assets"], {"paths": list(paths)}).fetchall()
    return {path: asset_id for asset_id, path in found}


def series(connection: Connection, machines: dict[str, int], sensors: Sequence[str] | None) -> list[Series]:
    """The sensors of these names (None: all) that the machines have, by machine and name."""
    names = None if sensors is None else list(sensors)
    path = {asset_id: path for path, asset_id in machines.items()}
    found = connection.execute(_SQL["sensors"], {"assets": list(path), "names": names}).fetchall()
    return [Series(id=row[0], asset=path[row[1]], sensor=row[2], unit=row[3]) for row in found]


def readings(connection: Connection, series_id: int, window: Window) -> Iterator[tuple[Page, float]]:
    """Pages of a series by time, each with the share of its time that is read by then; nothing when it is empty."""
    bounds = {"series_id": series_id, "start": window.start, "end": window.end}
    (first, last) = connection.execute(_SQL["span"], bounds).fetchone() or (None, None)
    if first is None or last is None:
        return
    first_us, last_us = to_us(first), to_us(last)
    next_us = first_us
    with arrays.reading(connection.cursor(binary=True)) as cursor:
        while next_us <= last_us:
            asked = {"series_id": series_id, "start": from_us(next_us), "last": last, "limit": _PAGE}
            cursor.execute(_SQL["page"], asked)
            [(at_us, value, quality)] = cursor.fetchall()
            reached_us = int(at_us[-1]) if len(at_us) == _PAGE else last_us
            share = (reached_us - first_us + 1) / (last_us - first_us + 1)
            yield Page(at_us=at_us, value=value, quality=quality), share
            next_us = reached_us + 1


def events(connection: Connection, machines: dict[str, int], window: Window) -> Iterator[list[Event]]:
    """Events that begin in the window and intervals that reach into it, in pages, by machine and time."""
    path = {asset_id: path for path, asset_id in machines.items()}
    with connection.cursor(name="exported_events", row_factory=dict_row) as cursor:
        cursor.execute(_SQL["events"], {"assets": list(path), "start": window.start, "end": window.end})
        while rows := cursor.fetchmany(_EVENTS):
            yield [Event(asset=path[row.pop("asset_id")], **row) for row in rows]
