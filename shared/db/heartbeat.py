"""Ingest's sign of life: while nobody listened, silence says nothing about a machine."""

from typing import Final

from shared.db.named import load
from shared.db.pool import Connection
from shared.instant import SECOND_US, from_us

_SQL: Final = load("heartbeat")
# Beats are a few seconds apart; without one for so long nobody has listened.
GONE_US: Final = 30 * SECOND_US


def beat(connection: Connection, client_id: str, now_us: int) -> None:
    """Note that `client_id` listens. The listening goes on since whoever listened before, if that was without a gap."""
    connection.execute(
        _SQL["beat"], {"client_id": client_id, "now": from_us(now_us), "gone": from_us(now_us - GONE_US)}
    )
