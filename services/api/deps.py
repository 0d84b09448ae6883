"""What a route is given: who asks, a connection that sees this asker's rows only, and the time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request

from services.api.metrics import Metrics
from services.api.security import Right, UnauthenticatedError, check, presented_key
from services.api.stream import Broadcast
from shared.db import principals
from shared.db.pool import AsyncConnection
from shared.db.principals import Pool, Principal
from shared.health import Part
from shared.instant import from_us


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What the process has one of; `clock` gives microseconds since the epoch, `database` is as last asked."""

    pool: Pool
    broadcast: Broadcast
    metrics: Metrics
    clock: Callable[[], int]
    database: Part


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One request of someone known: one transaction, read-only unless it is to change something, and one instant."""

    principal: Principal
    connection: AsyncConnection
    now_us: int

    @property
    def now(self) -> datetime:
        return from_us(self.now_us)


def parts(request: Request) -> Parts:
    """The process's parts, put into the app's state by `services.api.app`."""
    return request.app.state.parts


async def visit(
    own: Annotated[Parts, Depends(parts)], key: Annotated[str, Depends(presented_key)]
) -> AsyncIterator[Visit]:
    """Open the request's transaction; raises UnauthenticatedError for a key that is not valid."""
    async with principals.reading(own.pool) as connection:
        yield await _admit(connection, key, own)


async def errand(
    own: Annotated[Parts, Depends(parts)], key: Annotated[str, Depends(presented_key)]
) -> AsyncIterator[Visit]:
    """As `visit`, in a transaction that may write."""
    async with principals.writing(own.pool) as connection:
        yield await _admit(connection, key, own)


async def _admit(connection: AsyncConnection, key: str, own: Parts) -> Visit:
    principal = await principals.find(connection, key)
    if principal is None:
        raise UnauthenticatedError("the API key is not valid")
    await principals.see(connection, principal)
    return Visit(principal=principal, connection=connection, now_us=own.clock())


def may(right: Right) -> Callable[[Visit], Awaitable[Visit]]:
    """A dependency that lets in whoever has the right; raises ForbiddenError for the others."""

    # Scope "function": the transaction ends before the answer is sent, so that a slow reader holds no connection.
    async def allowed(asked: Annotated[Visit, Depends(visit, scope="function")]) -> Visit:
        check(asked.principal.role, right)
        return asked

    return allowed


def may_change(right: Right) -> Callable[[Visit], Awaitable[Visit]]:
    """As `may`, for what changes something."""

    async def allowed(asked: Annotated[Visit, Depends(errand, scope="function")]) -> Visit:
        check(asked.principal.role, right)
        return asked

    return allowed


OnAccount = Annotated[Visit, Depends(may(Right.ACCOUNT))]
OnMachines = Annotated[Visit, Depends(may(Right.MACHINES))]
OnContracts = Annotated[Visit, Depends(may(Right.CONTRACTS))]
OnAlerts = Annotated[Visit, Depends(may(Right.ALERTS))]
OnQuarantine = Annotated[Visit, Depends(may(Right.QUARANTINE))]
ToQuarantine = Annotated[Visit, Depends(may_change(Right.QUARANTINE))]
OnReclassifications = Annotated[Visit, Depends(may(Right.RECLASSIFICATIONS))]
ToReclassifications = Annotated[Visit, Depends(may_change(Right.RECLASSIFICATIONS))]
ToReviews = Annotated[Visit, Depends(may_change(Right.REVIEWS))]
OnModels = Annotated[Visit, Depends(may(Right.MODELS))]
OwnParts = Annotated[Parts, Depends(parts)]
# A browser sends no such header across origins, so that a cookie alone can ask for nothing.
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="any text of your own: the same request under the same key is carried out once",
    ),
]
