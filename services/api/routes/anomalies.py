"""Findings of the detectors: what they found and why, what engineers say of it, how machines are watched."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Final

import numpy as np
from fastapi import APIRouter, Path, Query
from numpy.typing import NDArray

from services.api import paging
from services.api.chart import scored
from services.api.deps import IdempotencyKey, OnMachines, ToReviews, Visit
from services.api.openapi import PREFIX
from services.api.problems import ConflictError, InvalidParameterError
from services.api.routes.machines import AssetId
from services.api.schemas import anomaly as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import MAX_BIGINT, AnomaliesQuery, PageQuery, ScoresQuery, YearQuery
from services.api.security import Right
from shared.db import finding_views, reviews, series, views
from shared.db.finding_views import Anomaly, Which
from shared.db.rows import Sensor
from shared.errors import NotFoundError
from shared.instant import from_us, to_us

router = APIRouter(prefix=PREFIX)

AnomalyId = Annotated[int, Path(alias="id", ge=1, le=MAX_BIGINT, description="id of the finding")]
ReviewId = Annotated[int, Path(alias="id", ge=1, le=MAX_BIGINT, description="id of the review")]
_KEY: Final = tuple[paging.Moment, paging.Number]
_MOST_SCORES: Final = 100_000
_MOST_SIMILAR: Final = 20
_LONGEST: Final = timedelta(microseconds=scored.LONGEST_US)


@router.get("/anomalies", tags=[Right.MACHINES])
async def list_anomalies(asked: OnMachines, query: Annotated[AnomaliesQuery, Query()]) -> Listing[schema.Anomaly]:
    """Findings of the anomaly detectors, the latest first; those of a window are the ones that reach into it."""
    before = paging.key(query.cursor, _KEY, views.LAST)
    found = await finding_views.anomalies(asked.connection, before=before, limit=query.limit + 1, which=_which(query))
    items, following = paging.page(found, query.limit, lambda anomaly: (anomaly.start_at, anomaly.id))
    return Listing(items=[schema.Anomaly.of(anomaly) for anomaly in items], next=following)


@router.get("/anomalies/{id}", tags=[Right.MACHINES])
async def get_anomaly(asked: OnMachines, anomaly_id: AnomalyId) -> schema.Anomaly:
    """One finding, with what carries it and what was said of it."""
    return schema.Anomaly.of(await one(asked, anomaly_id))


@router.get("/anomalies/{id}/similar", tags=[Right.MACHINES])
async def list_similar_anomalies(asked: OnMachines, anomaly_id: AnomalyId) -> schema.Resemblance:
    """Earlier findings of machines of the same model that look like this one, at most 20, the most alike first."""
    found = await one(asked, anomaly_id)
    alike = await reviews.similar(asked.connection, anomaly_id, _MOST_SIMILAR)
    return schema.Resemblance(
        anomaly=found.id,
        asset_id=found.asset_id,
        asset=found.asset,
        items=[schema.Similar.model_validate(other) for other in alike],
    )


@router.get("/anomalies/{id}/scores", tags=[Right.MACHINES])
async def get_scores(asked: OnMachines, anomaly_id: AnomalyId, query: Annotated[ScoresQuery, Query()]) -> schema.Scores:
    """The machine's scores around a finding, and what they say of one of its sensors, by time: what a plot needs.

    At most `points` rows; where there are more, those with the highest and the lowest scores. What a sensor showed
    beyond the buckets on record is at `/assets/{id}/chart`.
    """
    found = await one(asked, anomaly_id)
    window = _window(found, query, asked.now_us)
    sensor = await _sensor(asked, found, query.sensor)
    rows = await finding_views.scores(asked.connection, found.asset_id, sensor.name, window, limit=_MOST_SCORES)
    shown = scored.thinned(rows, window, query.points)
    return schema.Scores(
        anomaly=found.id,
        asset_id=found.asset_id,
        asset=found.asset,
        from_=from_us(window[0]),
        to=from_us(window[1]),
        threshold=1.0,
        sensor=sensor.name,
        unit=sensor.unit,
        at=[from_us(at_us) for at_us in shown.at_us.tolist()],
        score=shown.score.tolist(),
        observed=_known(shown.observed),
        expected=_known(shown.expected),
        share=_known(shown.share),
    )


@router.get("/anomalies/{id}/reviews", tags=[Right.MACHINES])
async def list_reviews(
    asked: OnMachines, anomaly_id: AnomalyId, query: Annotated[PageQuery, Query()]
) -> Listing[schema.ReviewOnRecord]:
    """All that was ever said of a finding's time, the latest first; the one without `superseded_at` is in force."""
    (before,) = paging.key(query.cursor, tuple[paging.Number], (reviews.FIRST_PAGE,))
    said = await _reviews(asked, await one(asked, anomaly_id), before=before, limit=query.limit + 1)
    items, following = paging.page(said, query.limit, lambda review: (review.id,))
    return Listing(items=[schema.ReviewOnRecord.model_validate(review) for review in items], next=following)


@router.post("/anomalies/{id}/review", tags=[Right.REVIEWS])
async def review_anomaly(
    asked: ToReviews, anomaly_id: AnomalyId, key: IdempotencyKey, said: schema.Said
) -> schema.Anomaly:
    """Say what a finding was; it goes before what was said of it earlier, which stays on record.

    A rejected pattern raises no alert again at this machine. The same request under the same key is carried out once,
    whatever others have said since.
    """
    with _keyed():
        noted = await reviews.add(
            asked.connection,
            anomaly_id,
            verdict=said.verdict,
            label=said.label,
            note=said.note,
            by=asked.principal.name,
            at=asked.now,
            once=_once(asked, key),
        )
    if noted is None:
        raise _no_anomaly(anomaly_id)
    found = await one(asked, anomaly_id)
    if not await _reviews(asked, found, review_id=noted.id, limit=1):
        raise ConflictError(f"this Idempotency-Key was used to add review {noted.id}, of another finding")
    return schema.Anomaly.of(found)


@router.delete("/reviews/{id}", tags=[Right.REVIEWS])
async def withdraw_review(asked: ToReviews, review_id: ReviewId, key: IdempotencyKey) -> schema.ReviewOnRecord:
    """Take back what was said of a finding; it stays on record. Refused where somebody has said otherwise since."""
    if not await reviews.listed(asked.connection, limit=1, review_id=review_id, in_force=False):
        raise NotFoundError(f"there is no review {review_id}")
    with _keyed():
        withdrawn = await reviews.withdraw(
            asked.connection, review_id, by=asked.principal.name, at=asked.now, once=_once(asked, key)
        )
    if withdrawn is None:
        raise ConflictError(f"review {review_id} is not in force: something else was said of its time since")
    return schema.ReviewOnRecord.model_validate(withdrawn)


@router.get("/detectors/precision", tags=[Right.MACHINES])
async def list_precision(asked: OnMachines, query: Annotated[YearQuery, Query()]) -> schema.Precisions:
    """How right each detector was, month by month, by what engineers said of its findings."""
    start, end = query.span(asked.now)
    found = await reviews.precision(asked.connection, asset_id=query.asset, start=start, end=end)
    return schema.Precisions(from_=start, to=end, items=[schema.Precision.of(row) for row in found])


@router.get("/assets/{id}/watch", tags=[Right.MACHINES])
async def get_watch(asked: OnMachines, asset_id: AssetId) -> schema.Watch:
    """How a machine is watched: the healthy window in use and where it comes from, drift, the model or its refusal."""
    found = await finding_views.watch(asked.connection, asset_id)
    if found is None:
        raise NotFoundError(f"there is no asset {asset_id}")
    return schema.Watch.of(found)


async def one(asked: Visit, anomaly_id: int) -> Anomaly:
    """One finding; raises NotFoundError."""
    found = await finding_views.anomalies(asked.connection, before=views.LAST, limit=1, anomaly_id=anomaly_id)
    if not found:
        raise _no_anomaly(anomaly_id)
    return found[0]


async def _reviews(
    asked: Visit, found: Anomaly, *, limit: int, before: int = reviews.FIRST_PAGE, review_id: int | None = None
) -> list[reviews.Review]:
    return await reviews.listed(
        asked.connection,
        limit=limit,
        before=before,
        asset_id=found.asset_id,
        review_id=review_id,
        window=(found.start_at, found.end_at),
        in_force=False,
    )


def _once(asked: Visit, key: str) -> reviews.Once:
    return reviews.Once(principal_id=asked.principal.id, key=key)


@contextmanager
def _keyed() -> Iterator[None]:
    try:
        yield
    except reviews.KeyUsedError as error:
        raise ConflictError(str(error)) from error


def _no_anomaly(anomaly_id: int) -> NotFoundError:
    return NotFoundError(f"there is no anomaly {anomaly_id}")


def _which(query: AnomaliesQuery) -> Which:
    if query.from_ is not None and query.to is not None and query.from_ >= query.to:
        raise InvalidParameterError("from", "must be before `to`")
    return Which(
        asset_id=query.asset,
        is_open=query.open,
        severity=query.severity,
        is_reviewed=query.reviewed,
        is_suppressed=query.suppressed,
        start=query.from_,
        end=query.to,
    )


def _window(found: Anomaly, query: ScoresQuery, now_us: int) -> scored.Span:
    end_us = None if found.end_at is None else to_us(found.end_at)
    usual = scored.around(to_us(found.start_at), end_us, now_us)
    start_us = usual[0] if query.from_ is None else to_us(query.from_)
    until_us = usual[1] if query.to is None else to_us(query.to)
    if start_us >= until_us:
        raise InvalidParameterError("from", "must be before `to` (default: some time around the finding)")
    if until_us - start_us > scored.LONGEST_US:
        raise InvalidParameterError("from", f"the window must not be longer than {_LONGEST.days} days")
    return start_us, until_us


async def _sensor(asked: Visit, found: Anomaly, name: str | None) -> Sensor:
    wanted = name or (found.contributions[0]["sensor"] if found.contributions else "")
    known = await series.sensors(asked.connection, found.asset_id, [wanted])
    if wanted not in known:
        raise NotFoundError(f"there is no sensor {wanted!r} at an asset {found.asset_id}")
    return known[wanted]


def _known(column: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in column.tolist()]
