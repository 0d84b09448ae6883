"""The facts of an asset, the intervals derived from them, and the cube of days from which any period is summed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.db.binary_copy import POSTGRES_EPOCH_US
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.db.subjects import Subject, subjects
from shared.instant import DAY_US, from_us, to_us
from shared.model.facts import AssetEvent, Category, EventKind, Interval, Meaning, Party

__all__ = [
    "CubeRow", "Subject", "Totals", "around", "durations", "event_of", "events", "intervals", "readings", "save",
    "save_days", "subjects", "timelines",
]  # fmt: skip

_SQL = load("timeline")
_KNOWN_SQL = load("as_of")

Totals = dict[tuple[Category, str, Party], int]
CubeRow = tuple[int, Category, str, Party, int]


async def events(connection: AsyncConnection, asset_id: int, start_us: int, end_us: int) -> list[AssetEvent]:
    """The events that speak of `[start_us, end_us)`, with the state that held before it."""
    parameters = {"asset": asset_id, "start": from_us(start_us), "end": from_us(end_us)}
    rows = await (await connection.execute(_SQL["events"], parameters)).fetchall()
    return [event_of(row) for row in rows]


def event_of(row: Mapping[str, Any]) -> AssetEvent:
    """An event of its row."""
    return AssetEvent(
        id=row["id"],
        kind=EventKind(row["kind"]),
        code=row["code"],
        text=row["text"],
        start_us=to_us(row["start_at"]),
        end_us=None if row["end_at"] is None else to_us(row["end_at"]),
        seq=row["seq"],
        announced_us=None if row["announced_at"] is None else to_us(row["announced_at"]),
    )


async def readings(
    connection: AsyncConnection,
    series: Mapping[str, int],
    start_us: int,
    end_us: int,
    *,
    as_of_us: int | None = None,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Instants (n,) in `[start_us, end_us)`, ascending, and each sensor's values (n,) at them, NaN where none.

    With `as_of_us` the values that were corrected after it are as they were before.
    """
    parameters = {"series": list(series.values()), "start": from_us(start_us), "end": from_us(end_us)}
    if as_of_us is None:
        cursor = await connection.execute(_SQL["readings"], parameters, binary=True)
    else:
        known = {**parameters, "as_of": from_us(as_of_us)}
        cursor = await connection.execute(_KNOWN_SQL["readings"], known, binary=True)
    rows = await cursor.fetchall()
    found = {row["series_id"]: (np.frombuffer(row["at"], ">i8"), np.frombuffer(row["value"], ">f8")) for row in rows}
    at = np.unique(np.concatenate([np.empty(0, np.int64), *(stamps for stamps, _ in found.values())]))
    values = {name: np.full(at.size, np.nan) for name in series}
    for name, series_id in series.items():
        if series_id in found:
            stamps, measured = found[series_id]
            values[name][np.searchsorted(at, stamps)] = measured
    return at + POSTGRES_EPOCH_US, values


async def intervals(connection: AsyncConnection, asset_id: int, start_us: int, end_us: int) -> list[Interval]:
    """The timeline of one asset, clipped to `[start_us, end_us)`; time nobody speaks of is absent."""
    return (await timelines(connection, [asset_id], start_us, end_us))[asset_id]


async def timelines(
    connection: AsyncConnection, asset_ids: Sequence[int], start_us: int, end_us: int
) -> dict[int, list[Interval]]:
    """The timelines of several assets, clipped to `[start_us, end_us)`."""
    whole = await _overlapping(connection, asset_ids, start_us, end_us)
    return {asset_id: [_clip(i, start_us, end_us) for i in timeline] for asset_id, timeline in whole.items()}


async def around(connection: AsyncConnection, asset_id: int, start_us: int, end_us: int) -> list[Interval]:
    """The whole intervals that overlap or touch `[start_us, end_us)`: what a rewrite of that window may change."""
    return (await _overlapping(connection, [asset_id], start_us - 1, end_us + 1))[asset_id]


async def save(
    connection: AsyncConnection, subject: Subject, existing: Sequence[Interval], intervals: Sequence[Interval]
) -> None:
    """Replace `existing` (consecutive rows of the timeline, unclipped) by `intervals`."""
    asset = {"customer": subject.customer_id, "asset": subject.asset_id}
    if existing:
        bounds = {"first": from_us(existing[0].start_us), "last": from_us(existing[-1].start_us)}
        await connection.execute(_SQL["delete_intervals"], asset | bounds)
    columns: dict[str, list[Any]] = {
        "start_us": [i.start_us for i in intervals],
        "end_us": [i.end_us for i in intervals],
        "category": [i.category.value for i in intervals],
        "cause": [i.cause for i in intervals],
        "party": [i.party.value for i in intervals],
        "event_id": [i.event_id for i in intervals],
        "announced_us": [i.announced_us for i in intervals],
        "reclassification_id": [i.reclassification_id for i in intervals],
        "reported_category": [i.reported and i.reported.category.value for i in intervals],
        "reported_cause": [i.reported and i.reported.cause for i in intervals],
        "reported_party": [i.reported and i.reported.party.value for i in intervals],
    }
    await connection.execute(_SQL["insert_intervals"], asset | columns)


async def save_days(
    connection: AsyncConnection, subject: Subject, rows: Sequence[CubeRow], start_us: int, end_us: int
) -> None:
    """Replace the cube's rows of the whole days in `[start_us, end_us)` by `rows`."""
    asset = {"customer": subject.customer_id, "asset": subject.asset_id}
    span = {"start": from_us(start_us), "end": from_us(end_us)}
    await connection.execute(_SQL["delete_days"], asset | span)
    columns: dict[str, list[Any]] = {
        "day_us": [row[0] for row in rows],
        "category": [row[1].value for row in rows],
        "cause": [row[2] for row in rows],
        "party": [row[3].value for row in rows],
        "duration_us": [row[4] for row in rows],
    }
    await connection.execute(_SQL["insert_days"], asset | columns)


async def durations(
    connection: AsyncConnection, asset_ids: Sequence[int], start_us: int, end_us: int
) -> dict[int, Totals]:
    """Known time of each asset in `[start_us, end_us)` by (category, cause, party), in microseconds, exact."""
    whole_start, whole_end = -(-start_us // DAY_US) * DAY_US, end_us // DAY_US * DAY_US
    edges = list(_edges(start_us, end_us, whole_start, whole_end))
    parameters = {
        "assets": list(asset_ids),
        "whole_start": from_us(whole_start),
        "whole_end": from_us(whole_end),
        "edge_starts": [from_us(start) for start, _ in edges],
        "edge_ends": [from_us(end) for _, end in edges],
    }
    totals: dict[int, Totals] = {asset_id: {} for asset_id in asset_ids}
    for row in await (await connection.execute(_SQL["durations"], parameters)).fetchall():
        key = (Category(row["category"]), row["cause"], Party(row["party"]))
        totals[row["asset_id"]][key] = row["duration_us"]
    return totals


def _edges(start_us: int, end_us: int, whole_start: int, whole_end: int) -> Iterator[tuple[int, int]]:
    if whole_start >= whole_end:
        yield start_us, end_us
        return
    if start_us < whole_start:
        yield start_us, whole_start
    if whole_end < end_us:
        yield whole_end, end_us


async def _overlapping(
    connection: AsyncConnection, asset_ids: Sequence[int], start_us: int, end_us: int
) -> dict[int, list[Interval]]:
    parameters = {"assets": list(asset_ids), "start": from_us(start_us), "end": from_us(end_us)}
    found: dict[int, list[Interval]] = {asset_id: [] for asset_id in asset_ids}
    for row in await (await connection.execute(_SQL["overlapping"], parameters, binary=True)).fetchall():
        found[row["asset_id"]].append(
            Interval(
                start_us=to_us(row["start_at"]),
                end_us=to_us(row["end_at"]),
                category=Category(row["category"]),
                cause=row["cause"],
                party=Party(row["party"]),
                event_id=row["event_id"],
                announced_us=None if row["announced_at"] is None else to_us(row["announced_at"]),
                reclassification_id=row["reclassification_id"],
                reported=_reported(row),
            )
        )
    return found


def _reported(row: Mapping[str, Any]) -> Meaning | None:
    if row["reported_category"] is None:
        return None
    category, party = Category(row["reported_category"]), Party(row["reported_party"])
    return Meaning(category=category, cause=row["reported_cause"], party=party)


def _clip(interval: Interval, start_us: int, end_us: int) -> Interval:
    if interval.start_us >= start_us and interval.end_us <= end_us:
        return interval
    return replace(interval, start_us=max(interval.start_us, start_us), end_us=min(interval.end_us, end_us))
