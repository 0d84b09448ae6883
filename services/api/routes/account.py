"""Who asks, and the stream that says when to ask again."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.api.deps import OnAccount, OwnParts, Parts, may
from services.api.openapi import PREFIX
from services.api.schemas import account as schema
from services.api.security import RIGHTS, Right
from shared.db import views
from shared.instant import from_us

router = APIRouter(prefix=PREFIX, tags=[Right.ACCOUNT])

_HEARTBEAT_S: Final = 15
_RETRY_MS: Final = 3_000


@router.get("/me")
async def get_account(asked: OnAccount) -> schema.Account:
    """The principal this key belongs to, what it may do and whose rows it sees."""
    customers = await views.customers(asked.connection)
    return schema.Account.model_validate(
        {
            "name": asked.principal.name,
            "role": asked.principal.role,
            "rights": sorted(RIGHTS[asked.principal.role]),
            "customers": customers,
        }
    )


@router.get(
    "/stream",
    response_class=Response,
    responses={200: {"description": "events named `judged`", "content": {"text/event-stream": {}}}},
    dependencies=[Depends(may(Right.ACCOUNT))],
)
async def get_stream(
    own: OwnParts, last_event_id: Annotated[str | None, Header(max_length=100)] = None
) -> EventSourceResponse:
    """Server-sent events: `judged` whenever analytics has judged; ask for what you show again then.

    Events carry no data of any customer. Who comes back with `Last-Event-ID` gets one at once.
    """
    return EventSourceResponse(_events(own, missed=last_event_id is not None), ping=_HEARTBEAT_S)


async def _events(own: Parts, *, missed: bool) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="listening", retry=_RETRY_MS)
    async for number in own.broadcast.numbers(at_once=missed):
        at = from_us(own.clock()).isoformat()
        yield ServerSentEvent(event="judged", id=str(number), data=json.dumps({"at": at}))
