"""Findings as the API reads them: with their model and what was said of them, their scores, how a machine is watched.

Row-level security decides whose rows there are. Lists are read page by page as in `shared.db.views`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import class_row

from shared.db import arrays
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us

_SQL: Final = load("finding_views")


@dataclass(frozen=True, kw_only=True, slots=True)
class Anomaly:
    """A finding; `peak_score` 1.0 is the threshold, `end_at` None: still going on.

    `detector` leads within the `model`. `suppressed_by` is the review whose rejected pattern it repeats; `review_id` to
    `reviewed_at` are of the review in force, None without one.
    """

    id: int
    asset_id: int
    asset: str
    customer: str
    detector: str
    severity: str
    start_at: datetime
    end_at: datetime | None
    peak_score: float
    contributions: list[dict[str, Any]]
    signature: dict[str, float]
    suppressed_by: int | None
    model_id: int
    model: str
    trained_from: datetime
    trained_to: datetime
    model_sha256: str
    review_id: int | None
    verdict: str | None
    label: str | None
    note: str | None
    reviewed_by: str | None
    reviewed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Which:
    """Which findings; None: any. `start` and `end`: those that reach into `[start, end)`."""

    asset_id: int | None = None
    is_open: bool | None = None
    severity: str | None = None
    is_reviewed: bool | None = None
    is_suppressed: bool | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """Scores of a machine by time, 1.0 = the threshold, and of one sensor what they say of it; all columns (n,).

    `observed` and `expected` are in the sensor's unit, `share` in [0, 1]; NaN where a score says nothing of the sensor.
    """

    at_us: NDArray[np.int64]
    score: NDArray[np.float64]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    share: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """How a machine is watched. `settings` None: not at all; `checked_at` None: not yet; `model_id` None: untrained.

    A `model` that was `refused` says why, by the rows there were and those needed.
    """

    asset_id: int
    asset: str
    settings: dict[str, Any] | None
    healthy_from: datetime | None
    healthy_to: datetime | None
    origin: str | None
    reset_at: datetime | None
    reset_by: str | None
    drift: dict[str, Any] | None
    checked_at: datetime | None
    is_outdated: bool
    model_id: int | None
    model: str | None
    trained_from: datetime | None
    trained_to: datetime | None
    trained_at: datetime | None
    model_sha256: str | None
    refused: str | None
    rows: int | None
    rows_needed: int | None
    left_out: dict[str, str]


async def anomalies(
    connection: AsyncConnection,
    *,
    before: tuple[datetime, int],
    limit: int,
    which: Which | None = None,
    anomaly_id: int | None = None,
) -> list[Anomaly]:
    """Findings, the latest first."""
    wanted = which or Which()
    asked = {
        "id": anomaly_id,
        "asset_id": wanted.asset_id,
        "is_open": wanted.is_open,
        "severity": wanted.severity,
        "is_reviewed": wanted.is_reviewed,
        "is_suppressed": wanted.is_suppressed,
        "start": wanted.start,
        "end": wanted.end,
        "before_at": before[0],
        "before_id": before[1],
        "limit": limit,
    }
    async with connection.cursor(row_factory=class_row(Anomaly)) as cursor:
        await cursor.execute(_SQL["anomalies"], asked)
        return await cursor.fetchall()


async def scores(
    connection: AsyncConnection, asset_id: int, sensor: str, window_us: tuple[int, int], *, limit: int
) -> Scored:
    """The latest `limit` scores of a machine in the half-open window, the oldest first."""
    asked = {
        "asset_id": asset_id,
        "sensor": sensor,
        "start": from_us(window_us[0]),
        "end": from_us(window_us[1]),
        "limit": limit,
    }
    async with arrays.reading(connection.cursor(binary=True)) as cursor:
        await cursor.execute(_SQL["scores"], asked)
        found = await cursor.fetchone()
    assert found is not None
    return Scored(
        at_us=found["at"],
        score=found["score"],
        observed=found["observed"],
        expected=found["expected"],
        share=found["share"],
    )


async def watch(connection: AsyncConnection, asset_id: int) -> Watch | None:
    """How a machine is watched; None: there is no such machine."""
    async with connection.cursor(row_factory=class_row(Watch)) as cursor:
        await cursor.execute(_SQL["watch"], {"asset_id": asset_id})
        return await cursor.fetchone()
