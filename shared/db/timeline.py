"""The facts of an asset, the intervals derived from them, and the cube of hours from which any period is summed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.db.binary_copy import POSTGRES_EPOCH_US
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import HOUR_US, from_us, to_us
from shared.model.facts import BUILT_IN, AssetEvent, Category, Condition, EventKind, Interval, Meaning, Party, StateRule

_SQL = load("timeline")

Totals = dict[tuple[Category, str, Party], int]
CubeRow = tuple[int, Category, str, Party, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What an asset's timeline is derived by: its model's codes and rules; `series` the sensors the rules name.

    Of the time before `told_from_us` telemetry says what it said when it was still kept.
    """

    asset_id: int
    customer_id: int
    hold_us: int
    rules: tuple[StateRule, ...]
    meanings: Mapping[str, Meaning]
    series: Mapping[str, int]
    told_from_us: int


async def subjects(connection: AsyncConnection, asset_ids: Sequence[int]) -> dict[int, Subject]:
    """How each of the assets is to be read."""
    rows = await (await connection.execute(_SQL["subjects"], {"assets": list(asset_ids)})).fetchall()
    models = {row["model_id"] for row in rows}
    codes = await (await connection.execute(_SQL["meanings"], {"models": list(models)})).fetchall()
    meanings: dict[int, dict[str, Meaning]] = {model: {} for model in models}
    for code in codes:
        meanings[code["model_id"]][code["code"]] = _meaning(code)
    return {
        row["asset_id"]: Subject(
            asset_id=row["asset_id"],
            customer_id=row["customer_id"],
            hold_us=row["telemetry_hold_us"],
            rules=tuple(_rule(rule) for rule in row["state_rules"]),
            meanings=BUILT_IN | meanings[row["model_id"]],
            series=row["series"],
            told_from_us=to_us(row["readings_from"]) + row["telemetry_hold_us"] if row["readings_from"] else 0,
        )
        for row in rows
    }


async def events(connection: AsyncConnection, asset_id: int, start_us: int, end_us: int) -> list[AssetEvent]:
    """The events that speak of `[start_us, end_us)`, with the state that held before it."""
    parameters = {"asset": asset_id, "start": from_us(start_us), "end": from_us(end_us)}
    rows = await (await connection.execute(_SQL["events"], parameters)).fetchall()
    return [
        AssetEvent(
            id=row["id"],
            kind=EventKind(row["kind"]),
            code=row["code"],
            text=row["text"],
            start_us=to_us(row["start_at"]),
            end_us=None if row["end_at"] is None else to_us(row["end_at"]),
            seq=row["seq"],
        )
        for row in rows
    ]


async def readings(
    connection: AsyncConnection, series: Mapping[str, int], start_us: int, end_us: int
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Instants (n,) in `[start_us, end_us)`, ascending, and each sensor's values (n,) at them, NaN where none."""
    parameters = {"series": list(series.values()), "start": from_us(start_us), "end": from_us(end_us)}
    rows = await (await connection.execute(_SQL["readings"], parameters, binary=True)).fetchall()
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
    }
    await connection.execute(_SQL["insert_intervals"], asset | columns)


async def save_hours(
    connection: AsyncConnection, subject: Subject, rows: Sequence[CubeRow], start_us: int, end_us: int
) -> None:
    """Replace the cube's rows of the whole hours in `[start_us, end_us)` by `rows`."""
    asset = {"customer": subject.customer_id, "asset": subject.asset_id}
    span = {"start": from_us(start_us), "end": from_us(end_us)}
    await connection.execute(_SQL["delete_hours"], asset | span)
    columns: dict[str, list[Any]] = {
        "hour_us": [row[0] for row in rows],
        "category": [row[1].value for row in rows],
        "cause": [row[2] for row in rows],
        "party": [row[3].value for row in rows],
        "duration_us": [row[4] for row in rows],
    }
    await connection.execute(_SQL["insert_hours"], asset | columns)


async def durations(
    connection: AsyncConnection, asset_ids: Sequence[int], start_us: int, end_us: int
) -> dict[int, Totals]:
    """Known time of each asset in `[start_us, end_us)` by (category, cause, party), in microseconds, exact."""
    whole_start, whole_end = -(-start_us // HOUR_US) * HOUR_US, end_us // HOUR_US * HOUR_US
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
            )
        )
    return found


def _clip(interval: Interval, start_us: int, end_us: int) -> Interval:
    if interval.start_us >= start_us and interval.end_us <= end_us:
        return interval
    return replace(interval, start_us=max(interval.start_us, start_us), end_us=min(interval.end_us, end_us))


def _rule(rule: Mapping[str, Any]) -> StateRule:
    when = tuple(Condition(sensor=c["sensor"], low=c["low"], high=c["high"]) for c in rule["when"])
    return StateRule(when=when, meaning=_meaning(rule))


def _meaning(row: Mapping[str, Any]) -> Meaning:
    return Meaning(category=Category(row["category"]), cause=row["cause"], party=Party(row["party"]))
