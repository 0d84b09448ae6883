"""What the detector reads and writes, for many assets at once: running time, bucket means, scores and findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg.rows import tuple_row

from shared.db.arrays import reading
from shared.db.dirty import Window
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us
from shared.model.anomaly import BucketScore, Finding, severity

_SQL: Final = load("anomalies")
_NUMBER_DIGITS: Final = 6
# From here on a bucket is explained; just below the threshold of 1, which stored scores reach by rounding.
EXPLAINED_FROM: Final = 0.99

Times = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Means over `window` on the grid of `bucket_us`, one column a series; None = a column without values."""

    series: tuple[int | None, ...]
    bucket_us: int
    window: Window


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BucketMeans:
    """Bucket starts `at_us` (n,), ascending, and the mean of each sensor in them, `values` (n, m); NaN = no reading."""

    at_us: Times
    values: Values


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Series:
    """Scored buckets of an asset: starts `at_us` (n,), ascending, `score` (n,), and which model scored each."""

    at_us: Times
    score: Values
    model_id: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """What a model gave to buckets that have no score, or another one."""

    model_id: int
    scores: Sequence[BucketScore]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The findings of a model's asset that start in `window`, all of them."""

    asset_id: int
    model_id: int
    window: Window
    findings: Sequence[Finding]


async def running(connection: AsyncConnection, windows: Sequence[tuple[int, Window]]) -> list[list[Window]]:
    """When each asset ran (FP, PP) in a window of its own, as whole intervals in order."""
    async with reading(connection.cursor(row_factory=tuple_row, binary=True)) as cursor:
        await cursor.execute(_SQL["running"], _asked(windows))
        found = {row[0] - 1: (row[1], row[2]) for row in await cursor.fetchall()}
    nothing = np.empty(0, np.int64), np.empty(0, np.int64)
    return [
        [Window(start_us=start, end_us=end) for start, end in zip(*(x.tolist() for x in ran), strict=True)]
        for ran in (found.get(number, nothing) for number in range(len(windows)))
    ]


async def bucket_means(connection: AsyncConnection, wanted: Sequence[Wanted], *, exact: bool) -> list[BucketMeans]:
    """Means of readings by bucket, in the order asked for, in one query.

    Values beyond 1e120 count as 1e120. `exact`: the same readings give the same means to the last bit, at twice the
    cost.
    """
    columns = [(n, i, one) for n, each in enumerate(wanted) for i, one in enumerate(each.series) if one is not None]
    found: dict[int, list[tuple[int, Times, Values]]] = {n: [] for n in range(len(wanted))}
    if columns:
        asked = {
            "series": [series for _, _, series in columns],
            "starts": [from_us(wanted[n].window.start_us) for n, _, _ in columns],
            "ends": [from_us(wanted[n].window.end_us) for n, _, _ in columns],
            "buckets": [timedelta(microseconds=wanted[n].bucket_us) for n, _, _ in columns],
            "first": from_us(min(one.window.start_us for one in wanted)),
            "last": from_us(max(one.window.end_us for one in wanted)),
        }
        async with reading(connection.cursor(row_factory=tuple_row, binary=True)) as cursor:
            await cursor.execute(_SQL["exact_bucket_means" if exact else "bucket_means"], asked)
            async for number, at_us, mean in cursor:
                n, i, _ = columns[number - 1]
                found[n].append((i, at_us, mean))
    return [_joined(found[n], len(one.series)) for n, one in enumerate(wanted)]


def _joined(found: Sequence[tuple[int, Times, Values]], width: int) -> BucketMeans:
    at_us = np.unique(np.concatenate([np.empty(0, np.int64), *(at for _, at, _ in found)]))
    values = np.full((len(at_us), width), np.nan)
    for column, at, mean in found:
        values[np.searchsorted(at_us, at), column] = mean
    return BucketMeans(at_us=at_us, values=values)


async def forget(connection: AsyncConnection, asset_id: int, start_us: int, end_us: int | None) -> None:
    """Delete the scores of an asset in `[start_us, end_us)` and the findings that start in it; None: to the end."""
    asked = {
        "asset_id": asset_id,
        "start": from_us(start_us),
        "end": None if end_us is None else from_us(end_us),
    }
    await connection.execute(_SQL["forget_findings"], asked)
    await connection.execute(_SQL["forget_scores"], asked)


async def scores(connection: AsyncConnection, windows: Sequence[tuple[int, Window]]) -> list[Series]:
    """The scores of each asset in a window of its own."""
    async with reading(connection.cursor(row_factory=tuple_row, binary=True)) as cursor:
        await cursor.execute(_SQL["scores"], _asked(windows))
        found = {
            row[0] - 1: Series(at_us=row[1], score=row[2], model_id=row[3].astype(np.int64))
            for row in await cursor.fetchall()
        }
    nothing = Series(at_us=np.empty(0, np.int64), score=np.empty(0), model_id=np.empty(0, np.int64))
    return [found.get(number, nothing) for number in range(len(windows))]


async def replace_scores(
    connection: AsyncConnection, gone: Sequence[tuple[int, Times]], scored: Sequence[Scored]
) -> None:
    """Drop the scores at these instants of assets, and store new ones in place of those that are there."""
    dropped = [(asset_id, at) for asset_id, at_us in gone for at in at_us.tolist()]
    if dropped:
        columns = {"assets": [one for one, _ in dropped], "at": [from_us(at) for _, at in dropped]}
        await connection.execute(_SQL["drop_scores"], columns)
    saved = [(one.model_id, score) for one in scored for score in one.scores]
    if saved:
        await connection.execute(
            _SQL["save_scores"],
            {
                "models": [model_id for model_id, _ in saved],
                "at": [from_us(score.at_us) for _, score in saved],
                "score": [short(score.score) for _, score in saved],
                "contributions": [_explained(score) for _, score in saved],
                "detector": [score.detector for _, score in saved],
            },
        )


async def replace_findings(connection: AsyncConnection, found: Sequence[Found]) -> None:
    """Make these the only findings that start in their windows; who stays keeps its id."""
    kept = [{finding.start_us for finding in one.findings} for one in found]
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["found"], _asked([(one.asset_id, one.window) for one in found]))
        known = [(int(n) - 1, at) for n, at in await cursor.fetchall()]
    starts = [{from_us(at) for at in each} for each in kept]
    gone = [(found[n].asset_id, at) for n, at in known if at not in starts[n]]
    if gone:
        await connection.execute(
            _SQL["drop_findings"], {"assets": [one for one, _ in gone], "starts": [at for _, at in gone]}
        )
    fresh = [(one.model_id, finding) for one in found for finding in one.findings]
    if fresh:
        await connection.execute(
            _SQL["save_findings"],
            {
                "model_id": [model_id for model_id, _ in fresh],
                "start_at": [from_us(finding.start_us) for _, finding in fresh],
                "until_at": [from_us(finding.until_us) for _, finding in fresh],
                "is_open": [finding.is_open for _, finding in fresh],
                "peak_score": [finding.peak_score for _, finding in fresh],
                "severity": [severity(finding.peak_score).value for _, finding in fresh],
            },
        )


def short(value: float) -> float:
    """A number as it is stored, to six digits."""
    return float(f"{value:.{_NUMBER_DIGITS}g}")


def _asked(windows: Sequence[tuple[int, Window]]) -> dict[str, list[Any]]:
    return {
        "assets": [asset_id for asset_id, _ in windows],
        "starts": [from_us(window.start_us) for _, window in windows],
        "ends": [from_us(window.end_us) for _, window in windows],
    }


def _explained(score: BucketScore) -> str:
    if not score.contributions:
        return "[]"
    told = [
        {
            "sensor": one.sensor,
            "share": round(one.share, 4),
            "observed": short(one.observed),
            "expected": short(one.expected),
            "direction": one.direction,
        }
        for one in score.contributions
    ]
    return msgspec.json.encode(told).decode()
