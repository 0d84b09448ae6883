"""Anomalies, alerts and quarantined messages."""

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from services.api import paging
from services.api.deps import OnAlerts, OnMachines, OnQuarantine, Visit
from services.api.openapi import PREFIX
from services.api.schemas import finding as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import MAX_BIGINT, AlertsQuery, AnomaliesQuery, QuarantineQuery
from services.api.security import RIGHTS, Right
from shared.db import rows, views
from shared.errors import NotFoundError

router = APIRouter(prefix=PREFIX)

RowId = Annotated[int, Path(alias="id", ge=1, le=MAX_BIGINT)]
_KEY: Final = tuple[paging.Moment, paging.Number]
_LISTED_PAYLOAD: Final = 4_096
_PREVIEW: Final = 500


@router.get("/anomalies", tags=[Right.MACHINES])
async def list_anomalies(asked: OnMachines, query: Annotated[AnomaliesQuery, Query()]) -> Listing[schema.Anomaly]:
    """Findings of the anomaly detector, the latest first."""
    before = paging.key(query.cursor, _KEY, views.LAST)
    found = await views.anomalies(
        asked.connection, before=before, limit=query.limit + 1, asset_id=query.asset, is_open=query.open
    )
    items, following = paging.page(found, query.limit, lambda anomaly: (anomaly.start_at, anomaly.id))
    return Listing(items=[schema.Anomaly.model_validate(anomaly) for anomaly in items], next=following)


@router.get("/anomalies/{id}", tags=[Right.MACHINES])
async def get_anomaly(asked: OnMachines, anomaly_id: RowId) -> schema.Anomaly:
    """One finding."""
    found = await views.anomalies(asked.connection, before=views.LAST, limit=1, anomaly_id=anomaly_id)
    if not found:
        raise NotFoundError(f"there is no anomaly {anomaly_id}")
    return schema.Anomaly.model_validate(found[0])


@router.get("/alerts", tags=[Right.ALERTS])
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


@router.get("/alerts/{id}", tags=[Right.ALERTS])
async def get_alert(asked: OnAlerts, alert_id: RowId) -> schema.AlertDetail:
    """One alert with its transitions and, for the supplier's own people, where it was sent."""
    found = await views.alerts(asked.connection, before=views.LAST, limit=1, alert_id=alert_id)
    if not found:
        raise NotFoundError(f"there is no alert {alert_id}")
    (alert,) = await _with_transitions(asked, found)
    return schema.AlertDetail.model_validate({**alert, "deliveries": await _deliveries(asked, alert_id)})


@router.get("/quarantine", tags=[Right.QUARANTINE])
async def list_quarantine(
    asked: OnQuarantine, query: Annotated[QuarantineQuery, Query()]
) -> Listing[schema.Quarantined]:
    """Messages, and parts of messages, that were not stored, the latest first; payloads are cut to 4,096 bytes."""
    before = paging.key(query.cursor, _KEY, views.LAST)
    found = await views.quarantine(
        asked.connection,
        before=before,
        limit=query.limit + 1,
        reason=query.reason,
        asset_id=query.asset,
        payload_limit=_LISTED_PAYLOAD,
    )
    items, following = paging.page(found, query.limit, lambda row: (row.received_at, row.id))
    return Listing(items=[_quarantined(row) for row in items], next=following)


@router.get("/quarantine/{id}", tags=[Right.QUARANTINE])
async def get_quarantined(asked: OnQuarantine, row_id: RowId) -> schema.Quarantined:
    """One message with its whole raw payload."""
    found = await views.quarantine(asked.connection, before=views.LAST, limit=1, row_id=row_id)
    if not found:
        raise NotFoundError(f"there is no quarantined message {row_id}")
    return _quarantined(found[0])


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


def _quarantined(row: rows.Quarantined) -> schema.Quarantined:
    return schema.Quarantined.model_validate(
        {
            "id": row.id,
            "customer": row.customer,
            "asset_id": row.asset_id,
            "received_at": row.received_at,
            "topic": row.topic,
            "reason": row.reason,
            "detail": row.detail,
            "payload_bytes": row.payload_bytes,
            "payload_base64": base64.b64encode(row.payload).decode(),
            "payload_preview": row.payload[: 4 * _PREVIEW].decode(errors="replace")[:_PREVIEW],
        }
    )
