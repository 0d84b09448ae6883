"""Tickets of a service desk: stored with their history, marked for judgement, read back."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.db import quantities
from shared.db.named import load
from shared.db.pool import AsyncConnection, Connection
from shared.db.quantities import Whose
from shared.instant import from_us, to_us
from shared.model.quantity import Ticket

_SQL: Final = load("tickets")


def store(connection: Connection, whose: Whose, tickets: Sequence[Ticket], now_us: int) -> int:
    """Store tickets, and how many of them said something new; what was known of them before stays as history."""
    assets, contracts = whose.places([ticket.asset for ticket in tickets])
    columns: dict[str, Any] = {
        "customer": whose.customer_id,
        "source": whose.source,
        "now": from_us(now_us),
        "assets": assets,
        "contracts": contracts,
        "numbers": [ticket.id for ticket in tickets],
        "priorities": [ticket.priority for ticket in tickets],
        "received": [from_us(ticket.received_us) for ticket in tickets],
        "on_site": [None if ticket.on_site_us is None else from_us(ticket.on_site_us) for ticket in tickets],
        "restored": [None if ticket.restored_us is None else from_us(ticket.restored_us) for ticket in tickets],
        "paused_us": [ticket.paused_us for ticket in tickets],
    }
    with connection.transaction():
        before = connection.execute(_SQL["supersede"], columns).fetchall()
        new = connection.execute(_SQL["insert"], columns).fetchall()
        touched = [(asset_id, contract, at, from_us(to_us(at) + 1)) for asset_id, contract, at in [*before, *new]]
        quantities.mark(connection, touched)
    return len(new)


async def between(
    connection: AsyncConnection, contract_id: str, assets: Mapping[str, int], start_us: int, end_us: int
) -> list[Ticket]:
    """The tickets of the machines, and of the contract as a whole, that were received in `[start_us, end_us)`."""
    names = {asset_id: name for name, asset_id in assets.items()}
    asked = {"assets": list(names), "contract": contract_id, "start": from_us(start_us), "end": from_us(end_us)}
    rows = await (await connection.execute(_SQL["between"], asked)).fetchall()
    return [
        Ticket(
            id=row["number"],
            asset=contract_id if row["asset_id"] is None else names[row["asset_id"]],
            priority=row["priority"],
            received_us=to_us(row["received_at"]),
            on_site_us=None if row["on_site_at"] is None else to_us(row["on_site_at"]),
            restored_us=None if row["restored_at"] is None else to_us(row["restored_at"]),
            paused_us=row["paused_us"],
        )
        for row in rows
    ]
