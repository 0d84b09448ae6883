"""The outbox of alerts: deliveries taken one by one under a row lock, marked after the channel took the message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us, to_us
from shared.model.alert import AlertState

_SQL = load("outbox")


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A message for one channel; `attempts` so far have failed, `at_us` is when its alert changed."""

    id: int
    attempts: int
    at_us: int
    to_state: AlertState
    title: str
    body: str
    channel: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """How many messages wait, and when the next attempt is due (None: none waits)."""

    count: int
    next_attempt_us: int | None


@asynccontextmanager
async def taken(connection: AsyncConnection, now_us: int) -> AsyncIterator[Delivery | None]:
    """The delivery due longest, or None; nobody else can take it until the block ends, which commits what it marked."""
    async with connection.transaction():
        row = await (await connection.execute(_SQL["take"], {"now": from_us(now_us)})).fetchone()
        yield None if row is None else _delivery(row)


async def delivered(connection: AsyncConnection, delivery: Delivery, now_us: int) -> None:
    """The channel took it."""
    await connection.execute(_SQL["delivered"], {"id": delivery.id, "now": from_us(now_us)})


async def failed(connection: AsyncConnection, delivery: Delivery, error: str, next_attempt_us: int) -> None:
    """The channel did not take it; to be tried again."""
    parameters = {"id": delivery.id, "error": error, "next_attempt_at": from_us(next_attempt_us)}
    await connection.execute(_SQL["failed"], parameters)


async def pending(connection: AsyncConnection) -> Pending:
    """What waits, due or not."""
    row = await (await connection.execute(_SQL["pending"])).fetchone()
    assert row is not None
    next_attempt = row["next_attempt_at"]
    return Pending(count=row["pending"], next_attempt_us=None if next_attempt is None else to_us(next_attempt))


def _delivery(row: dict[str, Any]) -> Delivery:
    return Delivery(
        id=row["id"],
        attempts=row["attempts"],
        at_us=to_us(row["at"]),
        to_state=AlertState(row["to_state"]),
        title=row["title"],
        body=row["body"],
        channel=row["channel"],
        url=row["url"],
    )
