"""The NOTIFY channels through which services wake each other; the payload is always empty, the tables tell the rest."""

from collections.abc import AsyncIterator
from typing import Final

from psycopg import sql

from shared.db.pool import AsyncConnection

# ingest -> analytics: something is dirty.
DIRTY: Final = "vouch_dirty"
# analytics -> api: assessments or alerts changed.
JUDGED: Final = "vouch_judged"
# analytics -> delivery: an alert waits to be sent.
OUTBOX: Final = "vouch_outbox"
# api -> ingest: a quarantined message is to be read again.
REPLAY: Final = "vouch_replay"

# The query that wakes who listens to a channel, once the transaction commits.
WAKE: Final = "SELECT pg_notify(%s, '')"


async def send(connection: AsyncConnection, channel: str) -> None:
    """Wake who listens, once the transaction commits."""
    await connection.execute(WAKE, (channel,))


async def listen(connection: AsyncConnection, *channels: str) -> AsyncIterator[str]:
    """Yield each of `channels` at once, as something may have been missed, and then whenever it is notified."""
    for channel in channels:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    for channel in channels:
        yield channel
    async for notification in connection.notifies():
        yield notification.channel
