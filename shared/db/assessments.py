"""The latest assessment of each guarantee and period, and what the ledger keeps of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from psycopg.types.json import Jsonb

from shared.contracts.assessment import Assessment, Settlement
from shared.contracts.document import as_document, digest, settlement_document
from shared.contracts.periods import Period
from shared.contracts.settlement.ledger import Entry, entry_of, from_plain, to_plain
from shared.db.contracts import StoredContract
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us, to_us

_SQL: Final = load("assessments")

# A guarantee and the start of a period, UTC microseconds.
Place = tuple[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Booked:
    """What the ledger keeps of a stored assessment, and its settlement as the document says it."""

    entry: Entry
    settlement: dict[str, Any]


async def final(connection: AsyncConnection) -> dict[int, frozenset[int]]:
    """By contract, the starts of the periods that were assessed after their end."""
    rows = await (await connection.execute(_SQL["final"], binary=True)).fetchall()
    return {row["contract_id"]: frozenset(to_us(start) for start in row["starts"]) for row in rows}


async def withdraw(connection: AsyncConnection, stored: StoredContract, period: Period) -> None:
    """Forget what was said of a period."""
    parameters = {"contract_id": stored.id, "period_start": from_us(period.start_us)}
    await connection.execute(_SQL["withdraw"], parameters)


async def booked(connection: AsyncConnection, contract_id: int) -> dict[Place, Booked]:
    """What is stored of all periods of a version."""
    rows = await (await connection.execute(_SQL["entries"], {"contract_id": contract_id})).fetchall()
    return {
        (row["guarantee_id"], to_us(row["period_start"])): Booked(
            entry=_entry(row["entry"]), settlement=row["settlement"]
        )
        for row in rows
    }


async def save(connection: AsyncConnection, stored: StoredContract, assessments: Sequence[Assessment]) -> set[Place]:
    """Keep them as the latest of their guarantees and periods; which of them differ from what was stored."""
    documents = [as_document(assessment, stored.contract.zone) for assessment in assessments]
    cursor = await connection.execute(
        _SQL["save"],
        {
            "customer_id": stored.customer_id,
            "contract_id": stored.id,
            "guarantees": [assessment.guarantee_id for assessment in assessments],
            "starts": [from_us(assessment.period_start_us) for assessment in assessments],
            "ends": [from_us(assessment.period_end_us) for assessment in assessments],
            "as_ofs": [from_us(assessment.as_of_us) for assessment in assessments],
            "verdicts": [assessment.outcome.value for assessment in assessments],
            "results": [Jsonb(document) for document in documents],
            "sha256s": [digest(document) for document in documents],
            "entries": [Jsonb(to_plain(entry_of(assessment))) for assessment in assessments],
        },
    )
    return {(row["guarantee_id"], to_us(row["period_start"])) for row in await cursor.fetchall()}


async def resettle(
    connection: AsyncConnection, stored: StoredContract, settlements: Mapping[Place, Settlement]
) -> None:
    """Give stored assessments other settlements; all else in them stays."""
    places = list(settlements)
    asked: dict[str, Any] = {
        "contract_id": stored.id,
        "guarantees": [guarantee for guarantee, _ in places],
        "starts": [from_us(start_us) for _, start_us in places],
    }
    rows = await (await connection.execute(_SQL["documents"], asked)).fetchall()
    documents = [
        row["result"]
        | {"settlement": settlement_document(settlements[row["guarantee_id"], to_us(row["period_start"])])}
        for row in rows
    ]
    said = {
        "contract_id": stored.id,
        "guarantees": [row["guarantee_id"] for row in rows],
        "starts": [row["period_start"] for row in rows],
        "results": [Jsonb(document) for document in documents],
        "sha256s": [digest(document) for document in documents],
    }
    await connection.execute(_SQL["resettle"], said)


@lru_cache(maxsize=4_096)
def _entry(text: str) -> Entry:
    return from_plain(json.loads(text))
