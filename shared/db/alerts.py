"""Alerts: what is open, what they are decided by, and guarded transitions, each written with its deliveries."""

from collections.abc import Sequence
from typing import Any, Final

from shared.db.heartbeat import GONE_US
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import SECOND_US, from_us, to_us
from shared.model.alert import (
    AlertKind,
    AlertState,
    Confirmed,
    Hearing,
    Machine,
    Noticed,
    Repair,
    RepairSource,
    Transition,
    Watching,
)
from shared.model.prognosis import Method, NoticeState, Prediction

_SQL = load("alerts")
# From so many repairs of its own on, a machine's usual one is theirs; before, that of all of the customer's machines of
# its model.
_OWN_REPAIRS: Final = 3


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
            since_us=None if row["is_dismissed"] else _us(row["start_at"]),
            peak_score=row["peak_score"],
            sensors=tuple(part["sensor"] for part in row["contributions"] or ()),
            is_dismissed=bool(row["is_dismissed"]),
        )
        for row in rows
    ]


async def noticed(connection: AsyncConnection) -> list[Noticed]:
    """The notices that are open, and those for which an alert is; of a machine those of the next failure first."""
    rows = await (await connection.execute(_SQL["noticed_or_alerted"])).fetchall()
    return [
        Noticed(
            notice_id=row["notice_id"],
            machine=_machine(row),
            component=row["component"],
            causes=tuple(row["causes"] or ()),
            state=NoticeState(row["state"]),
            given_us=to_us(row["given_at"]),
            expected_us=_us(row["expected_at"]),
            latest_us=_us(row["latest_at"]),
            window_end_us=to_us(row["window_end"]),
            failed_us=_us(row["failed_at"]),
            reason=row["notice_reason"],
            prediction=_prediction(row),
            every_us=row["every_us"],
        )
        for row in rows
    ]


async def confirmed(connection: AsyncConnection) -> list[Confirmed]:
    """The machines with a finding that goes on and that an engineer confirmed, and those for which it is an alert."""
    rows = await (await connection.execute(_SQL["confirmed_or_alerted"])).fetchall()
    return [
        Confirmed(
            machine=_machine(row),
            since_us=_us(row["start_at"]),
            is_confirmed=row["verdict"] == "confirmed",
            severity=row["severity"] or "",
            peak_score=row["peak_score"] or 0.0,
            signature=row["signature"] or {},
            label=row["label"],
            note=row["note"] or "",
            reviewed_by=row["reviewed_by"] or "",
        )
        for row in rows
    ]


async def usual_repair(connection: AsyncConnection, asset_id: int, causes: Sequence[str]) -> Repair | None:
    """The median duration of the machine's own stops with one of these causes; None: no stop.

    With few of its own, of those of all machines of its model that the same customer has.
    """
    asked = {"asset_id": asset_id, "causes": list(causes)}
    row = await (await connection.execute(_SQL["repairs"], asked)).fetchone()
    if row is None or not row["count"]:
        return None
    if row["own_count"] >= _OWN_REPAIRS:
        return Repair(hours=row["own_hours"], count=row["own_count"], source=RepairSource.MACHINE)
    return Repair(hours=row["hours"], count=row["count"], source=RepairSource.MODEL)


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


def _prediction(row: dict[str, Any]) -> Prediction:
    risk = row["p_24h"], row["p_7d"], row["p_30d"]
    return Prediction(
        component=row["component"],
        at_us=to_us(row["at"]),
        method=Method(row["method"]),
        p10_h=row["p10_h"],
        p50_h=row["p50_h"],
        p90_h=row["p90_h"],
        risk=None if None in risk else risk,
        health=row["health"],
        reason=row["reason"],
        evidence=row["evidence"],
    )


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
