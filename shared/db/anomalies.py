"""What the detector reads and writes: settings, bucket means, models, scores and findings of one asset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us, to_us
from shared.model.anomaly import BucketScore, Finding
from shared.model.detector import DetectorSettings

_QUERIES = load("anomalies")
_NUMBER_DIGITS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModel:
    """What the last training left: a model, or the reason why there is none. `sha256` is over canonical JSON."""

    id: int
    parameters: dict[str, Any]
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """An asset with a detector.

    `known_to_us` is the end of its timeline, the start of its healthy window when it has none; `open_since_us` the
    start of its open finding; readings before `readings_from_us` are no longer kept.
    """

    asset_id: int
    settings: DetectorSettings
    healthy_from_us: int
    healthy_to_us: int
    series: dict[str, int]
    known_to_us: int
    open_since_us: int | None
    readings_from_us: int
    model: StoredModel | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketMeans:
    """Bucket starts `at_us` (n,), ascending, and the mean of each sensor in them, `values` (n, m); NaN = no reading."""

    at_us: NDArray[np.int64]
    values: NDArray[np.float64]


async def watched(connection: AsyncConnection, asset_id: int) -> Watched | None:
    """How an asset is watched; None when its model has no detector or it has no healthy window."""
    cursor = await connection.execute(_QUERIES["watched"], {"asset_id": asset_id})
    row = await cursor.fetchone()
    if row is None:
        return None
    open_since = row["open_since"]
    model = (
        StoredModel(id=row["model_id"], parameters=row["parameters"], sha256=row["sha256"]) if row["sha256"] else None
    )
    return Watched(
        asset_id=asset_id,
        settings=_settings(row["detector"]),
        healthy_from_us=to_us(row["healthy_from"]),
        healthy_to_us=to_us(row["healthy_to"]),
        series=row["series"],
        known_to_us=to_us(row["known_to"]),
        open_since_us=None if open_since is None else to_us(open_since),
        readings_from_us=to_us(row["readings_from"]) if row["readings_from"] else 0,
        model=model,
    )


async def bucket_means(
    connection: AsyncConnection,
    series_ids: Sequence[int | None],
    bucket_us: int,
    start_us: int,
    end_us: int,
    *,
    exact: bool,
) -> BucketMeans:
    """Means over `[start_us, end_us)` on the grid of `bucket_us`, one column a series; None = a column without values.

    Values beyond 1e120 count as 1e120. `exact`: the same readings give the same means to the last bit, at twice the
    cost.
    """
    query = _QUERIES["exact_bucket_means" if exact else "bucket_means"]
    bounds = {"start_at": from_us(start_us), "end_at": from_us(end_us), "bucket": timedelta(microseconds=bucket_us)}
    column = {series_id: i for i, series_id in enumerate(series_ids) if series_id is not None}
    async with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        await cursor.execute(query, {"series_ids": list(column), **bounds})
        rows = await cursor.fetchall()
    at_us, position = np.unique(np.array([row[1] for row in rows], dtype=np.int64), return_inverse=True)
    values = np.full((len(at_us), len(series_ids)), np.nan)
    values[position, [column[row[0]] for row in rows]] = [row[2] for row in rows]
    return BucketMeans(at_us=at_us, values=values)


async def save_model(
    connection: AsyncConnection,
    watched: Watched,
    *,
    detector: str,
    parameters: dict[str, Any],
    sha256: str,
    now_us: int,
) -> StoredModel:
    """Store what a training left and make it the asset's current one; the same content is one row."""
    cursor = await connection.execute(
        _QUERIES["save_model"],
        {
            "asset_id": watched.asset_id,
            "detector": detector,
            "trained_from": from_us(watched.healthy_from_us),
            "trained_to": from_us(watched.healthy_to_us),
            "trained_at": from_us(now_us),
            "parameters": Jsonb(parameters),
            "sha256": sha256,
        },
    )
    [row] = await cursor.fetchall()
    return StoredModel(id=row["id"], parameters=parameters, sha256=sha256)


async def forget(connection: AsyncConnection, asset_id: int) -> None:
    """Delete every score and finding of an asset."""
    await connection.execute(_QUERIES["forget_findings"], {"asset_id": asset_id})
    await connection.execute(_QUERIES["forget_scores"], {"asset_id": asset_id})


async def replace_scores(
    connection: AsyncConnection, model_id: int, start_us: int, end_us: int, scores: Sequence[BucketScore]
) -> bool:
    """Make `scores` the only ones of the model's asset in `[start_us, end_us)`; False when they already were."""
    cursor = await connection.execute(
        _QUERIES["replace_scores"],
        {
            "model_id": model_id,
            "start_at": from_us(start_us),
            "end_at": from_us(end_us),
            "scores": msgspec.json.encode([_as_row(score) for score in scores]).decode(),
        },
    )
    [row] = await cursor.fetchall()
    return row["changed"] > 0


async def scores(
    connection: AsyncConnection, asset_id: int, start_us: int, end_us: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bucket starts, ascending, and scores of an asset in `[start_us, end_us)`."""
    window = {"asset_id": asset_id, "start_at": from_us(start_us), "end_at": from_us(end_us)}
    async with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        await cursor.execute(_QUERIES["scores"], window)
        rows = await cursor.fetchall()
    return np.array([row[0] for row in rows], dtype=np.int64), np.array([row[1] for row in rows], dtype=np.float64)


async def replace_findings(
    connection: AsyncConnection, model_id: int, start_us: int, end_us: int, findings: Sequence[Finding]
) -> None:
    """Make `findings` the only ones of the model's asset that start in `[start_us, end_us)`; who stays keeps its id."""
    start = [from_us(finding.start_us) for finding in findings]
    window = {"model_id": model_id, "start_at": from_us(start_us), "end_at": from_us(end_us), "kept": start}
    await connection.execute(_QUERIES["drop_findings"], window)
    if not findings:
        return
    await connection.execute(
        _QUERIES["save_findings"],
        {
            "model_id": model_id,
            "start_at": start,
            "until_at": [from_us(finding.until_us) for finding in findings],
            "is_open": [finding.is_open for finding in findings],
            "peak_score": [finding.peak_score for finding in findings],
        },
    )


def _settings(detector: dict[str, Any]) -> DetectorSettings:
    return DetectorSettings(**{**detector, "sensors": tuple(detector["sensors"])})


def _as_row(score: BucketScore) -> dict[str, Any]:
    return {
        "at": from_us(score.at_us),
        "score": _short(score.score),
        "contributions": [
            {
                "sensor": one.sensor,
                "share": round(one.share, 4),
                "observed": _short(one.observed),
                "expected": _short(one.expected),
                "direction": one.direction,
            }
            for one in score.contributions
        ],
    }


def _short(value: float) -> float:
    return float(f"{value:.{_NUMBER_DIGITS}g}")
