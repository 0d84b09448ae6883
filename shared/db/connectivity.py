"""What devices state of their connections, kept: the last word of each, and every loss as an event of the ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.broker import SESSION_EXPIRY_S
from shared.db import notify
from shared.db.heartbeat import GONE_US
from shared.db.named import load
from shared.db.pool import Connection as Database
from shared.instant import SECOND_US, from_us, to_us
from shared.model.connection import Connection, ConnectionState, Loss, Statement, follow
from shared.model.facts import OFFLINE

_LOCK: Final = 730_053
# A message can come again as long as its acknowledgement may be missing: a crash and a restart, not more.
_REPEATED_US: Final = SESSION_EXPIRY_S * SECOND_US
_SQL: Final = load("connectivity")
_Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lost:
    asset_id: int
    customer_id: int
    number: int
    loss: Loss


def note(connection: Database, statements: Sequence[Statement], received_us: int) -> int:
    """Follow the statements, in the order they came; how many losses began or ended.

    To be called in the transaction that stores their batch, after its facts: a loss begins after them. A loss ends what
    was known of its machine, so its time is marked dirty.
    """
    if not statements:
        return 0
    connection.execute(_SQL["lock"], {"lock": _LOCK})
    by_asset: dict[int, list[Statement]] = {}
    for statement in statements:
        by_asset.setdefault(statement.asset_id, []).append(statement)
    before = _known(connection, list(by_asset), received_us)
    after: list[_Row] = []
    lost: list[_Lost] = []
    for asset_id, said in by_asset.items():
        known, losses, has_changed = follow(before[asset_id], said, received_us)
        customer_id = said[0].customer_id
        lost += [
            _Lost(asset_id=asset_id, customer_id=customer_id, number=number, loss=loss)
            for number, loss in enumerate(losses)
        ]
        if has_changed:
            after.append(_row(asset_id, customer_id, known, received_us))
    _save(connection, after, lost, received_us)
    return len(lost)


def _known(connection: Database, asset_ids: Sequence[int], received_us: int) -> dict[int, Connection]:
    asked = {
        "assets": list(asset_ids),
        "since": from_us(received_us - _REPEATED_US),
        "gone": from_us(received_us - GONE_US),
    }
    return {
        asset_id: Connection(
            state=None if state is None else ConnectionState(state),
            stated_us=_us(stated_at),
            online_us=_us(online_at),
            loss=None if lost_at is None else Loss(start_us=to_us(lost_at), end_us=None, stored_us=to_us(lost_at)),
            known_to_us=_us(last_fact_at),
            heard_us=_us(last_heard_at),
            watched_to_us=_us(watched_to),
            opened_by=frozenset(payloads),
        )
        for asset_id, state, stated_at, online_at, lost_at, last_fact_at, last_heard_at, watched_to, payloads in (
            connection.execute(_SQL["known"], asked)
        )
    }


def _save(connection: Database, after: Sequence[_Row], lost: Sequence[_Lost], received_us: int) -> None:
    fresh = [_lost_row(one, received_us) for one in lost if one.loss.stored_us is None]
    ended = [_lost_row(one, received_us) for one in lost if one.loss.stored_us is not None]
    with connection.cursor() as cursor:
        for query, rows in (("save", after), ("begin", fresh), ("end", ended)):
            if rows:
                cursor.executemany(_SQL[query], rows)
        if lost:
            cursor.executemany(_SQL["mark_dirty"], list(_touched(lost, received_us)))
            cursor.execute(notify.WAKE, (notify.DIRTY,))


def _row(asset_id: int, customer_id: int, known: Connection, received_us: int) -> _Row:
    return {
        "asset": asset_id,
        "customer": customer_id,
        "state": known.state,
        "stated_at": _at(known.stated_us),
        "online_at": _at(known.online_us),
        "received_at": from_us(received_us),
    }


def _lost_row(one: _Lost, received_us: int) -> _Row:
    by = one.loss.opened_by
    return {
        "asset": one.asset_id,
        "customer": one.customer_id,
        "code": OFFLINE,
        "stored_at": _at(one.loss.stored_us),
        "start_at": from_us(one.loss.start_us),
        "end_at": _at(one.loss.end_us),
        # Two losses of one device may begin at one instant of its clock.
        "seq": received_us + one.number,
        "received_at": from_us(received_us),
        "topic": "" if by is None else by.topic,
        "payload": b"" if by is None else by.payload,
    }


def _touched(lost: Sequence[_Lost], received_us: int) -> Iterator[_Row]:
    for one in lost:
        loss = one.loss
        end_us = max(loss.start_us, received_us if loss.end_us is None else loss.end_us, loss.stored_us or 0)
        yield {
            "asset": one.asset_id,
            "start_at": from_us(loss.start_us),
            "end_at": from_us(end_us),
            "marked_at": from_us(received_us),
        }


def _us(at: Any) -> int | None:
    return None if at is None else to_us(at)


def _at(us: int | None) -> Any:
    return None if us is None else from_us(us)
