"""The latest assessment of each guarantee and period."""

from psycopg.types.json import Jsonb

from shared.contracts.assessment import Assessment
from shared.contracts.document import as_document, digest
from shared.contracts.periods import Period
from shared.db.contracts import StoredContract
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us, to_us

_SQL = load("assessments")


async def final(connection: AsyncConnection) -> dict[int, frozenset[int]]:
    """By contract, the starts of the periods that were assessed after their end."""
    rows = await (await connection.execute(_SQL["final"], binary=True)).fetchall()
    return {row["contract_id"]: frozenset(to_us(start) for start in row["starts"]) for row in rows}


async def withdraw(connection: AsyncConnection, stored: StoredContract, period: Period) -> None:
    """Forget what was said of a period."""
    parameters = {"contract_id": stored.id, "period_start": from_us(period.start_us)}
    await connection.execute(_SQL["withdraw"], parameters)


async def save(connection: AsyncConnection, stored: StoredContract, assessment: Assessment) -> bool:
    """Keep it as the latest of its guarantee and period; False when the stored document is the same."""
    document = as_document(assessment, stored.contract.zone)
    cursor = await connection.execute(
        _SQL["save"],
        {
            "customer_id": stored.customer_id,
            "contract_id": stored.id,
            "guarantee_id": assessment.guarantee_id,
            "period_start": from_us(assessment.period_start_us),
            "period_end": from_us(assessment.period_end_us),
            "as_of": from_us(assessment.as_of_us),
            "verdict": assessment.outcome.value,
            "result": Jsonb(document),
            "sha256": digest(document),
        },
    )
    return cursor.rowcount == 1
