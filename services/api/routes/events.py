"""Events by their id alone: where a stretch of a timeline leads, and every number ends."""

from typing import Annotated

from fastapi import APIRouter, Path

from services.api.deps import OnMachines
from services.api.openapi import PREFIX
from services.api.schemas import machine as schema
from services.api.schemas.query import MAX_BIGINT
from services.api.security import Right
from shared.db import views
from shared.errors import NotFoundError

router = APIRouter(prefix=f"{PREFIX}/events", tags=[Right.MACHINES])


@router.get("/{id}")
async def find_event(
    asked: OnMachines, event_id: Annotated[int, Path(alias="id", ge=1, le=MAX_BIGINT, description="id of the event")]
) -> schema.EventDetail:
    """One event of any machine, with the raw message it came in."""
    event = await views.event(asked.connection, None, event_id)
    if event is None:
        raise NotFoundError(f"there is no event {event_id}")
    return schema.event_detail(event)
