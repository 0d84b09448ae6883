"""Silences of machines as events of the ledger: from when one was last heard to when it was heard again."""

from collections.abc import Sequence
from typing import Final

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us
from shared.model.alert import AlertKind, AlertState, Transition
from shared.model.facts import SILENT

_SQL: Final = load("silences")


async def record(connection: AsyncConnection, made: Sequence[Transition]) -> None:
    """Begin or end the silence of each machine whose alert was opened or closed; in the transaction that did so."""
    for transition in made:
        if transition.kind is AlertKind.MACHINE_SILENT:
            silence = {"asset": transition.asset_id, "code": SILENT, "now": from_us(transition.at_us)}
            await connection.execute(_SQL["begin" if transition.to_state is AlertState.OPEN else "end"], silence)
