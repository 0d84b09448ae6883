"""Alert path, last stage: what is due in the outbox to its channel, marked delivered after the channel took it.

A process that dies between the channel's answer and the mark sends again after its restart; a receiver tells the
repetition by the header Idempotency-Key, which channels that are plain HTTP carry.
"""

from io import StringIO
from typing import Final

import apprise
import structlog

from services.analytics.metrics import DELIVERIES
from shared.db import outbox
from shared.db.outbox import Delivery
from shared.db.pool import AsyncConnection
from shared.instant import HOUR_US, SECOND_US
from shared.model.alert import AlertState

_log = structlog.get_logger(__name__)
_FIRST_WAIT_US: Final = SECOND_US
_LONGEST_WAIT_US: Final = HOUR_US
# A call ends after so many messages, so that a stop need not wait for all of a long outbox.
_MESSAGES_A_CALL: Final = 20
# The schemes of apprise whose URL takes HTTP headers (`+Name=value`).
_WITH_HEADERS: Final = {"json", "jsons", "form", "forms", "xml", "xmls"}


async def deliver_due(connection: AsyncConnection, now_us: int) -> int:
    """Send what is due, each message in its own transaction; returns how many were delivered."""
    delivered = 0
    for _ in range(_MESSAGES_A_CALL):
        async with outbox.taken(connection, now_us) as delivery:
            if delivery is None:
                break
            error = await _send(delivery)
            if error is None:
                await outbox.delivered(connection, delivery, now_us)
                delivered += 1
            else:
                await outbox.failed(connection, delivery, error, now_us + wait_us(delivery.attempts))
        _tell(delivery, error)
    return delivered


def wait_us(failed_before: int) -> int:
    """Time to the next attempt after one more failure: doubling, capped."""
    return min(_FIRST_WAIT_US << min(failed_before, 32), _LONGEST_WAIT_US)


def keyed(url: str, key: str) -> str:
    """The channel's URL with the idempotency key as a header, where its scheme can carry one."""
    if url.partition("://")[0].lower() not in _WITH_HEADERS:
        return url
    return f"{url}{'&' if '?' in url else '?'}+Idempotency-Key={key}"


async def _send(delivery: Delivery) -> str | None:
    """None when the channel took the message, else why it did not."""
    notifier = apprise.Apprise()
    with apprise.LogCapture(level=apprise.logging.WARNING, fmt="%(message)s") as said:
        assert isinstance(said, StringIO)
        if not notifier.add(keyed(delivery.url, f"vouch-{delivery.id}-{delivery.at_us}")):
            return "apprise does not know this kind of URL"
        kind = apprise.NotifyType.WARNING if delivery.to_state is AlertState.OPEN else apprise.NotifyType.SUCCESS
        took = await notifier.async_notify(title=delivery.title, body=delivery.body, notify_type=kind)
        return None if took else said.getvalue().strip() or "the channel refused it without a reason"


def _tell(delivery: Delivery, error: str | None) -> None:
    DELIVERIES.labels(outcome="failed" if error else "delivered").inc()
    if error is None:
        _log.info("alert_delivered", delivery_id=delivery.id, channel=delivery.channel)
    else:
        _log.warning(
            "delivery_failed",
            delivery_id=delivery.id,
            channel=delivery.channel,
            attempts=delivery.attempts + 1,
            error=error,
        )
