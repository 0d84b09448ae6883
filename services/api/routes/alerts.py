"""Alerts: what somebody should act on, and who was told."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from services.api import paging
from services.api.deps import OnAlerts, Visit
from services.api.openapi import PREFIX
from services.api.schemas import finding as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import MAX_BIGINT, AlertsQuery
from services.api.security import RIGHTS, Right
from shared.db import rows, views
from shared.errors import NotFoundError

router = APIRouter(prefix=PREFIX, tags=[Right.ALERTS])

RowId = Annotated[int, Path(alias="id", ge=1, le=MAX_BIGINT)]
_KEY: Final = tuple[paging.Moment, paging.Number]


@router.get("/alerts")
async def list_alerts(asked: OnAlerts, query: Annotated[AlertsQuery, Query()]) -> Listing[schema.Alert]:
    """Alerts with their transitions, the latest first."""
    before = paging.key(query.cursor, _KEY, views.LAST)
    found = await views.alerts(
        asked.connection,
        before=before,
        limit=query.limit + 1,
        state=query.state,
        kind=query.kind,
        asset_id=query.asset,
    )
    items, following = paging.page(found, query.limit, lambda alert: (alert.opened_at, alert.id))
    return Listing(
        items=[schema.Alert.model_validate(alert) for alert in await _with_transitions(asked, items)], next=following
    )


@router.get("/alerts/{id}")
async def get_alert(asked: OnAlerts, alert_id: RowId) -> schema.AlertDetail:
    """One alert with its transitions and, for the supplier's own people, where it was sent."""
    found = await views.alerts(asked.connection, before=views.LAST, limit=1, alert_id=alert_id)
    if not found:
        raise NotFoundError(f"there is no alert {alert_id}")
    (alert,) = await _with_transitions(asked, found)
    return schema.AlertDetail.model_validate({**alert, "deliveries": await _deliveries(asked, alert_id)})


async def _with_transitions(asked: Visit, alerts: Sequence[rows.Alert]) -> list[dict[str, Any]]:
    by_alert: dict[int, list[rows.Transition]] = {alert.id: [] for alert in alerts}
    for transition in await views.transitions(asked.connection, list(by_alert)):
        by_alert[transition.alert_id].append(transition)
    names = schema.Alert.model_fields.keys() - {"transitions"}
    return [{**{name: getattr(alert, name) for name in names}, "transitions": by_alert[alert.id]} for alert in alerts]


async def _deliveries(asked: Visit, alert_id: int) -> list[rows.Delivery] | None:
    if Right.DELIVERIES not in RIGHTS[asked.principal.role]:
        return None
    return await views.deliveries(asked.connection, alert_id)
