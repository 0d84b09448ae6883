"""Alerts: what is open, what they are decided by, and guarded transitions, each written with its deliveries."""

from typing import Any

from shared.db.heartbeat import GONE_US
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import SECOND_US, from_us, to_us
from shared.model.alert import AlertKind, AlertState, Hearing, Machine, Transition, Watching

_SQL = load("alerts")


async def open_subjects(connection: AsyncConnection) -> set[tuple[AlertKind, str]]:
    """Kind and subject of every open alert."""
    rows = await (await connection.execute(_SQL["open_subjects"])).fetchall()
    return {(AlertKind(row["kind"]), row["subject"]) for row in rows}


async def hearings(connection: AsyncConnection, now_us: int) -> list[Hearing]:
    """The machines silent for longer than they may be, and those whose silence is an open alert."""
    asked = {"now": from_us(now_us), "gone": from_us(now_us - GONE_US)}
    rows = await (await connection.execute(_SQL["silent_or_alerted"], asked)).fetchall()
    return [
        Hearing(
            machine=_machine(row),
            last_heard_us=_us(row["last_heard_at"]),
            listening_since_us=_us(row["listening_since"]),
            silent_after_us=None if row["silent_after_s"] is None else row["silent_after_s"] * SECOND_US,
            contracts=tuple(row["contracts"]),
        )
        for row in rows
    ]


async def watchings(connection: AsyncConnection) -> list[Watching]:
    """The machines with a finding that goes on, and those for which one is an open alert."""
    rows = await (await connection.execute(_SQL["anomalous_or_alerted"])).fetchall()
    return [
        Watching(
            machine=_machine(row),
            last_fact_us=_us(row["last_fact_at"]),
            since_us=_us(row["start_at"]),
            peak_score=row["peak_score"],
            sensors=tuple(part["sensor"] for part in row["contributions"] or ()),
        )
        for row in rows
    ]


async def apply(connection: AsyncConnection, transition: Transition) -> bool:
    """Write a transition and its deliveries; False when another worker was first and nothing was written.

    To be called in a transaction.
    """
    change = {
        "customer_id": transition.customer_id,
        "kind": transition.kind.value,
        "subject": transition.subject,
        "asset_id": transition.asset_id,
        "contract_id": transition.contract_id,
        "at": from_us(transition.at_us),
    }
    changed = await connection.execute(_SQL["open" if transition.to_state is AlertState.OPEN else "close"], change)
    alert = await changed.fetchone()
    if alert is None:
        return False
    words = {"reason": transition.reason, "title": transition.title, "body": transition.body}
    told = {"alert_id": alert["id"], "to_state": transition.to_state.value}
    await connection.execute(_SQL["tell"], change | told | words)
    return True


def _machine(row: dict[str, Any]) -> Machine:
    return Machine(
        asset_id=row["asset_id"],
        customer_id=row["customer_id"],
        name=row["asset"],
        site=row["site"],
        customer=row["customer"],
    )


def _us(at: Any) -> int | None:
    return None if at is None else to_us(at)
