"""Quarantined messages: what was not stored, and what is to become of it."""

import base64
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from services.api import paging
from services.api.deps import IdempotencyKey, OnQuarantine, ToQuarantine, Visit
from services.api.openapi import PREFIX
from services.api.problems import ConflictError
from services.api.schemas import finding as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import MAX_BIGINT, QuarantineQuery
from services.api.security import Right
from shared.db import rows, views
from shared.errors import NotFoundError

router = APIRouter(prefix=f"{PREFIX}/quarantine", tags=[Right.QUARANTINE])

RowId = Annotated[int, Path(alias="id", ge=1, le=MAX_BIGINT)]
_KEY: Final = tuple[paging.Moment, paging.Number]
_LISTED_PAYLOAD: Final = 4_096
_PREVIEW: Final = 500


@router.get("")
async def list_quarantine(
    asked: OnQuarantine, query: Annotated[QuarantineQuery, Query()]
) -> Listing[schema.Quarantined]:
    """Messages, and parts of messages, that were not stored, the latest first; payloads are cut to 4,096 bytes."""
    found = await views.quarantine(
        asked.connection,
        before=paging.key(query.cursor, _KEY, views.LAST),
        limit=query.limit + 1,
        reason=query.reason,
        asset_id=query.asset,
        topic=query.topic,
        since=query.since,
        state=None if query.state == "all" else query.state,
        payload_limit=_LISTED_PAYLOAD,
    )
    items, following = paging.page(found, query.limit, lambda row: (row.received_at, row.id))
    return Listing(items=[_quarantined(row) for row in items], next=following)


@router.get("/{id}")
async def get_quarantined(asked: OnQuarantine, row_id: RowId) -> schema.Quarantined:
    """One message with its whole raw payload."""
    found = await views.quarantine(asked.connection, before=views.LAST, limit=1, row_id=row_id)
    if not found:
        raise _no_row(row_id)
    return _quarantined(found[0])


@router.post("/{id}/replay")
async def replay_quarantined(asked: ToQuarantine, row_id: RowId, key: IdempotencyKey) -> schema.QuarantineRequest:
    """Ask ingest to read the message again: what is good now is stored, a part that still fails stays open.

    Every faulty part of the message is tried with it.
    """
    return await _request(asked, row_id, "replay", key, note=None)


@router.post("/{id}/discard")
async def discard_quarantined(
    asked: ToQuarantine, row_id: RowId, key: IdempotencyKey, why: schema.Discard
) -> schema.QuarantineRequest:
    """Mark the part as not wanted, with who and why; it is kept."""
    return await _request(asked, row_id, "discard", key, note=why.note)


async def _request(asked: Visit, row_id: int, action: str, key: str, *, note: str | None) -> schema.QuarantineRequest:
    noted = await views.request(
        asked.connection, row_id, action, note=note, principal_id=asked.principal.id, key=key, now=asked.now
    )
    if noted is None:
        raise _no_row(row_id)
    if noted.id is None:
        raise ConflictError(f"quarantined message {row_id} is {noted.outcome} already, by {noted.requested_by}")
    if (noted.quarantine_id, noted.action) != (row_id, action):
        raise ConflictError(f"this Idempotency-Key was used to {noted.action} message {noted.quarantine_id}")
    return schema.QuarantineRequest.model_validate(noted)


def _no_row(row_id: int) -> NotFoundError:
    return NotFoundError(f"there is no quarantined message {row_id}")


def _quarantined(row: rows.Quarantined) -> schema.Quarantined:
    names = schema.Quarantined.model_fields.keys() - {"payload_base64", "payload_preview"}
    return schema.Quarantined.model_validate(
        {
            **{name: getattr(row, name) for name in names},
            "payload_base64": base64.b64encode(row.payload).decode(),
            "payload_preview": row.payload[: 4 * _PREVIEW].decode(errors="replace")[:_PREVIEW],
        }
    )
