"""Readings by minute and by hour: what they are made of, and their rows; only those that differ are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.db import binary_copy
from shared.db.binary_copy import POSTGRES_EPOCH_US
from shared.db.dirty import Window
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import HOUR_US, MINUTE_US, from_us, to_us
from shared.rollup import ROW, Rows

_SQL: Final = load("rollups")
_TIMES: Final = ("at", "last_at")
_WIRE: Final = np.dtype([(name, ROW[name].newbyteorder(">")) for name in (ROW.names or ())[1:]])
# Minutes since 1970 stay below 2**32 for as long as a datetime can be written; above them the series.
_SERIES: Final = 1 << 32


class Grain(StrEnum):
    """The length of a bucket."""

    MINUTE = "minute"
    HOUR = "hour"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """An asset's series and how long their readings hold.

    Minutes before `minutes_from_us` and hours before `hours_from_us` are as they are: what they were made of is no
    longer kept.
    """

    asset_id: int
    series: Sequence[int]
    hold_us: int
    minutes_from_us: int
    hours_from_us: int


async def subjects(connection: AsyncConnection, asset_ids: Sequence[int]) -> dict[int, Subject]:
    """What of each asset is rolled up."""
    rows = await (await connection.execute(_SQL["subjects"], {"assets": list(asset_ids)})).fetchall()
    return {
        row["asset_id"]: Subject(
            asset_id=row["asset_id"],
            series=row["series"],
            hold_us=row["hold_us"],
            minutes_from_us=_first_whole(row["hold_us"], MINUTE_US, row["readings_from"], row["minutes_from"]),
            hours_from_us=_first_whole(row["hold_us"], HOUR_US, row["minutes_from"], row["hours_from"]),
        )
        for row in rows
    }


def _first_whole(hold_us: int, bucket_us: int, sources_from: datetime | None, own_from: datetime | None) -> int:
    """The first bucket that is neither gone nor lacks a part of its sources, one that held into it included."""
    kept_us = [to_us(sources_from) + hold_us] if sources_from else []
    kept_us += [to_us(own_from)] if own_from else []
    return -(-max(kept_us) // bucket_us) * bucket_us if kept_us else 0


async def readings(
    connection: AsyncConnection, subject: Subject, window: Window
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
    """Series, times and values of shape (n,), by series and time: those of the window, and of each series the
    one before that may still hold.
    """
    asked = _bounds(subject, window, window.start_us - subject.hold_us)
    found = await (await connection.execute(_SQL["readings"], asked, binary=True)).fetchall()
    count = [len(row["at"]) // 8 for row in found]
    series = np.repeat(np.array([row["series_id"] for row in found], np.int32), count)
    at_us = np.frombuffer(b"".join(row["at"] for row in found), ">i8").astype(np.int64) + POSTGRES_EPOCH_US
    value = np.frombuffer(b"".join(row["value"] for row in found), ">f8").astype(np.float64)
    order = np.lexsort((at_us, series))
    return series[order], at_us[order], value[order]


async def minutes(connection: AsyncConnection, subject: Subject, window: Window) -> Rows:
    """The stored minutes of the window, and of each series the one before whose last value may still hold."""
    reach_us = window.start_us - subject.hold_us - MINUTE_US
    return await _rows(connection, Grain.MINUTE, _bounds(subject, window, reach_us))


async def replace(connection: AsyncConnection, grain: Grain, subject: Subject, window: Window, rows: Rows) -> None:
    """Make `rows` the only ones of the asset in the window; those that are stored alike are not touched."""
    asked = _bounds(subject, window, window.start_us)
    stored = await _rows(connection, grain, asked)
    key, stored_key = _keys(rows), _keys(stored)
    place = np.searchsorted(stored_key, key)
    place[place == len(stored)] = 0
    kept = np.zeros(len(rows), np.bool_)
    if len(stored):
        kept = stored[place] == rows
    gone = stored[~np.isin(stored_key, key[kept])]
    if len(gone):
        at = [from_us(at_us) for at_us in gone["at"].tolist()]
        named = {"series": gone["series_id"].tolist(), "at": at}
        await connection.execute(_SQL[f"delete_{grain}_rows"], asked | named)
    fresh = rows[~kept]
    if len(fresh):
        columns = [binary_copy.timestamps(fresh[name]) if name in _TIMES else fresh[name] for name in ROW.names or ()]
        async with connection.cursor() as cursor, cursor.copy(_SQL[f"copy_{grain}_rows"]) as copy:
            await copy.write(binary_copy.encode(columns))


async def _rows(connection: AsyncConnection, grain: Grain, asked: dict[str, object]) -> Rows:
    found = await (await connection.execute(_SQL[f"{grain}_rows"], asked, binary=True)).fetchall()
    sent = [np.frombuffer(row["rows"], _WIRE) for row in found]
    rows = np.empty(sum(map(len, sent)), ROW)
    rows["series_id"] = np.repeat([row["series_id"] for row in found], [len(part) for part in sent])
    for name in _WIRE.names or ():
        rows[name] = np.concatenate([np.empty(0, _WIRE[name]), *(part[name] for part in sent)])
    for name in _TIMES:
        rows[name] += POSTGRES_EPOCH_US
    return rows[np.argsort(_keys(rows), kind="stable")]


def _keys(rows: Rows) -> NDArray[np.int64]:
    return rows["series_id"].astype(np.int64) * _SERIES + rows["at"] // MINUTE_US


def _bounds(subject: Subject, window: Window, reach_us: int) -> dict[str, object]:
    return {
        "series": subject.series,
        "reach": from_us(reach_us),
        "start": from_us(window.start_us),
        "end": from_us(window.end_us),
    }
