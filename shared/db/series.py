"""Readings as series for the API: pages, the latest of each sensor, and the columns a chart is drawn from.

Whose series there are is decided by the database functions these queries call; a series the asker may not see is empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import class_row

from shared.db import arrays, rows
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import HOUR_US, MINUTE_US, from_us, to_us

_SQL = load("series")


class Source(StrEnum):
    """Where the points of a chart come from: readings, or their extremes by minute or hour."""

    RAW = "raw"
    MINUTE = "1m"
    HOUR = "1h"

    @property
    def step_us(self) -> int:
        """The length of a bucket; 1 for readings, whose time is exact."""
        return {Source.RAW: 1, Source.MINUTE: MINUTE_US, Source.HOUR: HOUR_US}[self]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Readings of one series, the oldest first; all columns (n,). Quality 0 good, 1 uncertain."""

    at_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]

    def cut(self, count: int) -> "Page":
        """The first `count` readings."""
        return Page(at_us=self.at_us[:count], value=self.value[:count], quality=self.quality[:count])

    def at(self, place: int) -> datetime:
        """The time of a reading."""
        return from_us(int(self.at_us[place]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Latest:
    """The last reading of a sensor; `at` and `value` None: none yet. `quality` None: known from a rollup only."""

    series_id: int
    asset_id: int
    sensor: str
    unit: str
    at: datetime | None
    value: float | None
    quality: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """What there is of a series in a window.

    `first_us` is the first bucket of each source in it, None without any; `last_us` the last reading; `rolled` how many
    readings are rolled up; `hold_us` how long a reading holds; `pending` what is not rolled up yet, ordered.
    """

    first_us: dict[Source, int | None]
    last_us: int | None
    rolled: int
    hold_us: int
    pending: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Lowest and highest value of each bucket, or a reading (both the same), in no order; all columns (n,)."""

    at_us: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


async def sensors(connection: AsyncConnection, asset_id: int, names: Sequence[str]) -> dict[str, rows.Sensor]:
    """Those of a machine's sensors that have one of these names."""
    async with connection.cursor(row_factory=class_row(rows.Sensor)) as cursor:
        await cursor.execute(_SQL["sensors"], {"asset_id": asset_id, "names": list(names)})
        return {sensor.name: sensor for sensor in await cursor.fetchall()}


async def page(connection: AsyncConnection, series_id: int, start_us: int, end_us: int, limit: int) -> Page:
    """The oldest `limit` (at most 100,001) readings in `[start_us, end_us)`."""
    window = {"series_id": series_id, "start": from_us(start_us), "end": from_us(end_us), "limit": limit}
    async with arrays.reading(connection.cursor(binary=True)) as cursor:
        await cursor.execute(_SQL["page"], window)
        found = await cursor.fetchone()
    assert found is not None
    return Page(at_us=found["at"], value=found["value"], quality=found["quality"])


async def latest(connection: AsyncConnection, *, asset_id: int | None, after: int, limit: int) -> list[Latest]:
    """The last reading of every sensor of a machine, or of all machines, by id of the series, `after` not included."""
    async with connection.cursor(row_factory=class_row(Latest)) as cursor:
        await cursor.execute(_SQL["latest"], {"asset_id": asset_id, "after": after, "limit": limit})
        return await cursor.fetchall()


async def outline(connection: AsyncConnection, series_id: int, start_us: int, end_us: int) -> Outline:
    """What there is of a series in `[start_us, end_us)`."""
    window = {"series_id": series_id, "start": from_us(start_us), "end": from_us(end_us)}
    async with arrays.reading(connection.cursor(binary=True)) as cursor:
        await cursor.execute(_SQL["outline"], window)
        row = await cursor.fetchone()
    if row is None:
        return Outline(first_us=dict.fromkeys(Source), last_us=None, rolled=0, hold_us=0, pending=())
    first = {Source.RAW: row["first_at"], Source.MINUTE: row["minute_from"], Source.HOUR: row["hour_from"]}
    return Outline(
        first_us={source: _us(at) for source, at in first.items()},
        last_us=_us(row["last_at"]),
        rolled=row["rolled"],
        hold_us=row["hold_us"],
        pending=tuple(zip(row["pending_from"].tolist(), row["pending_to"].tolist(), strict=True)),
    )


async def columns(
    connection: AsyncConnection, series_id: int, source: Source, spans: Sequence[tuple[int, int]], limit: int
) -> list[Columns]:
    """One source of a series, a piece for each of these half-open spans that is not empty.

    Of readings there are no more than `limit`, whichever they are.
    """
    asked = {
        "series_id": series_id,
        "source": source,
        "starts": [from_us(start_us) for start_us, _ in spans],
        "ends": [from_us(end_us) for _, end_us in spans],
        "limit": limit,
    }
    async with arrays.reading(connection.cursor(binary=True)) as cursor:
        await cursor.execute(_SQL["columns"], asked)
        found = await cursor.fetchall()
    high = "low" if source is Source.RAW else "high"
    return [Columns(at_us=row["at"], low=row["low"], high=row[high]) for row in found]


def _us(at: datetime | None) -> int | None:
    return None if at is None else to_us(at)
