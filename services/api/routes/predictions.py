"""What is foretold of machines, and the notices of failure that were given."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query

from services.api import confidential, paging
from services.api.deps import OnMachines, Visit
from services.api.openapi import PREFIX
from services.api.routes.machines import AssetId
from services.api.schemas import prognosis as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import NoticesQuery, PredictionHistoryQuery, PredictionsQuery, YearQuery
from services.api.security import Right
from shared.db import notices, prognosis_views, views
from shared.db.predictions import Foretold
from shared.errors import NotFoundError

router = APIRouter(prefix=PREFIX, tags=[Right.MACHINES])

_Risk = Annotated[float, msgspec.Meta(ge=-1, le=2)]
_BY_RISK: Final = tuple[_Risk, paging.Number]
_BY_TIME: Final = tuple[paging.Moment, paging.Number]


@router.get("/predictions")
async def list_predictions(
    asked: OnMachines, query: Annotated[PredictionsQuery, Query()]
) -> Listing[schema.Prediction]:
    """The last prediction of each component of each machine, the likeliest failure within 30 days first."""
    after = paging.key(query.cursor, _BY_RISK, prognosis_views.HIGHEST)
    found = await prognosis_views.by_risk(asked.connection, after=after, limit=query.limit + 1, asset_id=query.asset)
    items, following = paging.page(found, query.limit, lambda one: (prognosis_views.risk(one), one.id))
    return _listing(asked, items, following)


@router.get("/assets/{id}/predictions")
async def list_predictions_of_asset(
    asked: OnMachines, asset_id: AssetId, query: Annotated[PredictionHistoryQuery, Query()]
) -> Listing[schema.Prediction]:
    """What was foretold of a machine at the instants in `[from, to)`, the oldest first: how the outlook developed."""
    start, end = query.span(asked.now)
    after = paging.key(query.cursor, _BY_TIME, views.FIRST)
    if not await views.asset_exists(asked.connection, asset_id):
        raise NotFoundError(f"there is no asset {asset_id}")
    found = await prognosis_views.history(
        asked.connection,
        asset_id,
        component=query.component,
        start=start,
        end=end,
        after=after,
        limit=query.limit + 1,
    )
    items, following = paging.page(found, query.limit, lambda one: (one.at, one.id))
    return _listing(asked, items, following)


@router.get("/notices")
async def list_notices(asked: OnMachines, query: Annotated[NoticesQuery, Query()]) -> Listing[schema.Notice]:
    """Failures that were announced and what became of each notice, the latest first."""
    (before,) = paging.key(query.cursor, tuple[paging.Number], (notices.FIRST_PAGE,))
    found = await notices.listed(
        asked.connection, before=before, limit=query.limit + 1, asset_id=query.asset, state=query.state
    )
    items, following = paging.page(found, query.limit, lambda notice: (notice.id,))
    shown = [confidential.notice(asked.principal, one) for one in items]
    return Listing(items=[schema.Notice.model_validate(one) for one in shown], next=following)


@router.get("/notices/score")
async def get_notice_scores(asked: OnMachines, query: Annotated[YearQuery, Query()]) -> schema.NoticeScores:
    """How many failures were announced, how long before, and how many notices were false; by model and component."""
    window = query.span(asked.now)
    found = await prognosis_views.notice_scores(asked.connection, asset_id=query.asset, start=window[0], end=window[1])
    return schema.NoticeScores.of(window, found)


def _listing(asked: Visit, items: Sequence[Foretold], following: str | None) -> Listing[schema.Prediction]:
    shown = [confidential.foretold(asked.principal, one) for one in items]
    return Listing(items=[schema.Prediction.model_validate(one) for one in shown], next=following)
