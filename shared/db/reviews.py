"""What engineers say of findings: verdicts and labels, how right the detectors were, and what a finding resembles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from psycopg.rows import class_row

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.errors import VouchError
from shared.indicators.quota import clopper_pearson
from shared.model.signature import repeats, similarity

_SQL: Final = load("reviews")
FIRST_PAGE: Final = 2**63 - 1
# Of the interval of a precision, two-sided.
CONFIDENCE: Final = 0.9
# How many earlier findings are compared, and how alike one must be to be shown.
_COMPARED: Final = 1_000
_RESEMBLES: Final = 0.5
_DONE: Final = {"review": "add", "withdraw": "withdraw"}


class Verdict(StrEnum):
    """What an engineer says of a finding: there was something, or nothing."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True, slots=True)
class Once:
    """What a principal calls a request, so that it is carried out once."""

    principal_id: int
    key: str


class KeyUsedError(VouchError):
    """The principal asked for something else under the same key before."""

    def __init__(self, action: str, review_id: int) -> None:
        super().__init__(f"this Idempotency-Key was used to {_DONE[action]} review {review_id}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Noted:
    """What was carried out, now or under the same key before."""

    review_id: int
    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """What somebody said of the asset's time `[start_at, end_at)`, in which a finding lay; the finding as it was then.

    `signature`: sensor to signed share. In force until `superseded_at`.
    """

    id: int
    asset_id: int
    start_at: datetime
    end_at: datetime
    signature: dict[str, float]
    peak_score: float
    detector: str
    verdict: str
    label: str | None
    note: str
    reviewed_by: str
    reviewed_at: datetime
    superseded_at: datetime | None
    superseded_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Similar:
    """An earlier finding of a machine of the same model, and what was said of it; `similarity` in [0.5, 1]."""

    id: int
    asset_id: int
    asset: str
    start_at: datetime
    end_at: datetime | None
    peak_score: float
    severity: str
    detector: str
    signature: dict[str, float]
    similarity: float
    verdict: str | None
    label: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Precision:
    """How right a detector was in the month (UTC) that begins at `month`.

    `findings` that were told, and those `suppressed` because they repeat a rejected one; by verdict, and `unreviewed`.
    `precision` = confirmed / (confirmed + rejected) with its exact limits (Clopper and Pearson 1934) at a confidence of
    90 %; None where nobody judged.
    """

    detector: str
    month: datetime
    findings: int
    suppressed: int
    confirmed: int
    rejected: int
    unreviewed: int
    precision: float | None
    low: float | None
    high: float | None


async def add(
    connection: AsyncConnection,
    anomaly_id: int,
    *,
    verdict: Verdict,
    label: str | None,
    note: str,
    by: str,
    at: datetime,
    once: Once | None = None,
) -> Review | None:
    """Say what a finding was; the finding's asset is looked at again. None: there is no such finding for the asker.

    What was said of the same time before is superseded; the same words by the same person are the same review. What
    was asked for before is the review of then, whatever was said since. Raises KeyUsedError.
    """
    said = {"verdict": verdict.value, "label": label, "note": note}
    asked = {"anomaly_id": anomaly_id, **said, "by": by, "at": at, **_key(once)}
    noted = await _noted(connection, "add", asked)
    if noted is None:
        return None
    review = await _one(connection, noted.review_id)
    if noted.action != "review" or said != {"verdict": review.verdict, "label": review.label, "note": review.note}:
        raise KeyUsedError(noted.action, noted.review_id)
    return review


async def withdraw(
    connection: AsyncConnection, review_id: int, *, by: str, at: datetime, once: Once | None = None
) -> Review | None:
    """Take back what was said; it stays on record, and one that was taken back stays so. Raises KeyUsedError.

    None: there is no such review for the asker, or another is in force by now.
    """
    noted = await _noted(connection, "withdraw", {"id": review_id, "by": by, "at": at, **_key(once)})
    if noted is None:
        return None
    if (noted.action, noted.review_id) != ("withdraw", review_id):
        raise KeyUsedError(noted.action, noted.review_id)
    return await _one(connection, review_id)


async def listed(
    connection: AsyncConnection,
    *,
    limit: int,
    before: int = FIRST_PAGE,
    asset_id: int | None = None,
    review_id: int | None = None,
    window: tuple[datetime, datetime | None] | None = None,
    in_force: bool = True,
) -> list[Review]:
    """Reviews, the latest first: those with an id below `before`, and unless told otherwise those in force.

    `window`: those that reach into `[start, end)`, end None: whenever it ends.
    """
    start, end = window or (None, None)
    asked = {"id": review_id, "asset_id": asset_id, "start": start, "end": end, "in_force": in_force}
    async with connection.cursor(row_factory=class_row(Review)) as cursor:
        await cursor.execute(_SQL["listed"], {**asked, "before": before, "limit": limit})
        return await cursor.fetchall()


async def similar(connection: AsyncConnection, anomaly_id: int, limit: int) -> list[Similar]:
    """Earlier findings that look like this one, the most alike first, then the latest; empty: there is no such finding.

    Compared are the latest 1,000 findings before it, of machines of the same model that the asker may see.
    """
    cursor = await connection.execute(_SQL["earlier"], {"anomaly_id": anomaly_id, "limit": _COMPARED + 1})
    rows = await cursor.fetchall()
    asked = [row["signature"] for row in rows if row["is_asked"]]
    found = [
        Similar(**_without(row, "is_asked"), similarity=similarity(signature, row["signature"]))
        for signature in asked
        for row in rows
        if not row["is_asked"]
    ]
    alike = [one for one in found if one.similarity >= _RESEMBLES]
    # Sorting keeps the order of time among those equally alike.
    return sorted(alike, key=lambda one: -round(one.similarity, 6))[:limit]


async def precision(
    connection: AsyncConnection, *, asset_id: int | None = None, start: datetime, end: datetime
) -> list[Precision]:
    """By leading detector and month, of findings that start in `[start, end)`: of one asset, or of all one may see."""
    asked = {"asset_id": asset_id, "start": start, "end": end}
    rows = await (await connection.execute(_SQL["precision"], asked)).fetchall()
    return [_precision(row) for row in rows]


async def suppress(connection: AsyncConnection, asset_ids: Sequence[int]) -> None:
    """Mark findings of assets that were rejected or repeat an earlier one that was; lift the mark from all others."""
    assets = {"assets": list(asset_ids)}
    rows = await (await connection.execute(_SQL["with_rejections"], assets)).fetchall()
    concerned = [row["asset_id"] for row in rows]
    if not concerned:
        return
    assets = {"assets": concerned}
    rejected: dict[int, list[dict[str, Any]]] = {asset_id: [] for asset_id in concerned}
    for row in await (await connection.execute(_SQL["rejected"], assets)).fetchall():
        rejected[row["asset_id"]].append(row)
    changed = [
        (row["id"], by)
        for row in await (await connection.execute(_SQL["repeated"], assets)).fetchall()
        if (by := _repeated(row, rejected[row["asset_id"]])) != row["suppressed_by"]
    ]
    if changed:
        columns = {"ids": [one for one, _ in changed], "reviews": [by for _, by in changed]}
        await connection.execute(_SQL["suppress"], columns)


def _repeated(finding: dict[str, Any], rejected: Sequence[dict[str, Any]]) -> int | None:
    """The review by which a finding is nothing; what somebody confirmed is something, whatever it looks like."""
    if finding["verdict"] is not None:
        return finding["review_id"] if finding["verdict"] == Verdict.REJECTED else None
    for one in rejected:
        told = one["signature"], one["peak_score"]
        if one["start_at"] <= finding["start_at"] and repeats(finding["signature"], finding["peak_score"], *told):
            return one["id"]
    return None


def _precision(row: dict[str, Any]) -> Precision:
    confirmed, judged = row["confirmed"], row["confirmed"] + row["rejected"]
    if not judged:
        return Precision(**row, precision=None, low=None, high=None)
    low, high = clopper_pearson(confirmed, judged, CONFIDENCE)
    return Precision(**row, precision=confirmed / judged, low=low, high=high)


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _key(once: Once | None) -> dict[str, Any]:
    return {"principal_id": once and once.principal_id, "key": once and once.key}


async def _noted(connection: AsyncConnection, query: str, asked: dict[str, Any]) -> _Noted | None:
    async with connection.cursor(row_factory=class_row(_Noted)) as cursor:
        await cursor.execute(_SQL[query], asked)
        return await cursor.fetchone()


async def _one(connection: AsyncConnection, review_id: int) -> Review:
    (review,) = await listed(connection, limit=1, review_id=review_id, in_force=False)
    return review
