"""What the API reads. Row-level security decides whose rows there are; nothing here filters by customer.

Lists are read page by page: `after`/`before` is the key of the last row of the page before, `limit` how many to read.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import psycopg
from psycopg.rows import class_row

from shared.db import migrate, rows
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.db.principals import Pool
from shared.errors import UnavailableError

_SQL = load("views")
_Row = TypeVar("_Row")

FIRST = (datetime.min.replace(tzinfo=UTC), 0)
LAST = (datetime.max.replace(tzinfo=UTC), 2**63 - 1)
_WHOLE_PAYLOAD = 2**31 - 1


async def customers(connection: AsyncConnection) -> list[rows.Customer]:
    """The customers the asker may see, by slug."""
    return await _all(connection, "customers", rows.Customer)


async def assets(connection: AsyncConnection, *, after: int, limit: int) -> list[rows.Asset]:
    """Machines by id."""
    return await _all(connection, "assets", rows.Asset, id=None, after=after, limit=limit)


async def asset(connection: AsyncConnection, asset_id: int) -> rows.Asset | None:
    """One machine."""
    return await _one(connection, "assets", rows.Asset, id=asset_id, after=0, limit=1)


async def asset_exists(connection: AsyncConnection, asset_id: int) -> bool:
    """Whether there is such a machine for the asker."""
    cursor = await connection.execute(_SQL["asset_exists"], {"id": asset_id})
    row = await cursor.fetchone()
    return row is not None and row["found"]


async def sensors(connection: AsyncConnection, asset_id: int) -> list[rows.Sensor]:
    """The sensors of a machine, by name."""
    return await _all(connection, "sensors", rows.Sensor, asset_id=asset_id)


async def events(
    connection: AsyncConnection,
    asset_id: int,
    *,
    start: datetime,
    end: datetime,
    after: tuple[datetime, int],
    limit: int,
) -> list[rows.Event]:
    """Events that begin in `[start, end)`, and intervals that reach into it, by (start, id)."""
    return await _all(
        connection,
        "events",
        rows.Event,
        asset_id=asset_id,
        start=start,
        end=end,
        after_at=after[0],
        after_id=after[1],
        limit=limit,
    )


async def event(connection: AsyncConnection, asset_id: int | None, event_id: int) -> rows.Event | None:
    """One event (of any machine, or of one) with the raw message it came in."""
    return await _one(connection, "event", rows.Event, asset_id=asset_id, id=event_id)


async def corrections(connection: AsyncConnection, asset_id: int, *, before: int, limit: int) -> list[rows.Correction]:
    """What was corrected at a machine, the latest first."""
    return await _all(connection, "corrections", rows.Correction, asset_id=asset_id, before=before, limit=limit)


async def contracts(connection: AsyncConnection, *, now: datetime, after: str, limit: int) -> list[rows.Contract]:
    """Of each contract the version in force at `now`, by slug."""
    return await _all(connection, "contracts", rows.Contract, now=now, after=after, limit=limit)


async def contract_versions(connection: AsyncConnection, slug: str) -> list[rows.Contract]:
    """Every version of a contract with its source, the first first; empty when there is no such contract."""
    return await _all(connection, "contract_versions", rows.Contract, slug=slug)


async def contract_assets(connection: AsyncConnection, contract_id: int) -> list[rows.ContractAsset]:
    """The machines a contract version is about, by id."""
    return await _all(connection, "contract_assets", rows.ContractAsset, contract_id=contract_id)


async def assessments(
    connection: AsyncConnection, slug: str, *, after: tuple[datetime, int], limit: int
) -> list[rows.StoredAssessment]:
    """Assessments of a contract, each period by the version that is its law, by (start of the period, id)."""
    return await _all(
        connection,
        "assessments",
        rows.StoredAssessment,
        slug=slug,
        after_at=after[0],
        after_id=after[1],
        limit=limit,
    )


async def standings(
    connection: AsyncConnection, *, now: datetime, after: tuple[str, str], limit: int, slug: str | None = None
) -> list[rows.Standing]:
    """How each guarantee of each contract (or of one) stands at `now`, by (contract, guarantee)."""
    return await _all(
        connection,
        "standings",
        rows.Standing,
        now=now,
        slug=slug,
        after_slug=after[0],
        after_guarantee=after[1],
        limit=limit,
    )


async def alerts(
    connection: AsyncConnection,
    *,
    before: tuple[datetime, int],
    limit: int,
    state: str | None = None,
    kind: str | None = None,
    asset_id: int | None = None,
    alert_id: int | None = None,
) -> list[rows.Alert]:
    """Alerts, the latest first."""
    return await _all(
        connection,
        "alerts",
        rows.Alert,
        id=alert_id,
        state=state,
        kind=kind,
        asset_id=asset_id,
        before_at=before[0],
        before_id=before[1],
        limit=limit,
    )


async def transitions(connection: AsyncConnection, alert_ids: Sequence[int]) -> list[rows.Transition]:
    """The transitions of these alerts, in the order they happened."""
    return await _all(connection, "transitions", rows.Transition, alert_ids=list(alert_ids))


async def deliveries(connection: AsyncConnection, alert_id: int) -> list[rows.Delivery]:
    """Where the transitions of an alert were sent, and whether they arrived."""
    return await _all(connection, "deliveries", rows.Delivery, alert_id=alert_id)


async def quarantine(
    connection: AsyncConnection,
    *,
    before: tuple[datetime, int],
    limit: int,
    reason: str | None = None,
    asset_id: int | None = None,
    topic: str | None = None,
    since: datetime | None = None,
    state: str | None = None,
    row_id: int | None = None,
    payload_limit: int = _WHOLE_PAYLOAD,
) -> list[rows.Quarantined]:
    """What was not stored, the latest first; of each payload the first `payload_limit` bytes. State None: any."""
    return await _all(
        connection,
        "quarantine",
        rows.Quarantined,
        id=row_id,
        reason=reason,
        asset_id=asset_id,
        topic=topic,
        since=since,
        state=state,
        before_at=before[0],
        before_id=before[1],
        limit=limit,
        payload_limit=payload_limit,
    )


async def request(
    connection: AsyncConnection,
    row_id: int,
    action: str,
    *,
    note: str | None,
    principal_id: int,
    key: str,
    now: datetime,
) -> rows.QuarantineRequest | None:
    """Ask for a quarantined part to be replayed or discarded, once a key; None when there is no such part."""
    return await _one(
        connection,
        "request",
        rows.QuarantineRequest,
        quarantine_id=row_id,
        action=action,
        note=note,
        principal_id=principal_id,
        key=key,
        at=now,
    )


async def missing_migrations(connection: AsyncConnection) -> list[str]:
    """The migrations of this release that the database has not seen, by name."""
    shipped = {name for name, _ in migrate.shipped()}
    try:
        cursor = await connection.execute(_SQL["migrations"])
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return sorted(shipped)
    return sorted(shipped - {row["name"] for row in await cursor.fetchall()})


async def judgements(pool: Pool) -> AsyncIterator[None]:
    """Yields at once and then whenever analytics has judged; raises UnavailableError when the connection is lost.

    The first item says that we listen from now on: what was judged before may have been missed. Left early, the
    connection goes back to the pool still listening: leave it only when the pool is closed next.
    """
    try:
        async with pool.connection() as connection:
            await connection.execute(_SQL["listen"])
            yield
            async for _ in connection.notifies():
                yield
    except psycopg.OperationalError as error:
        raise UnavailableError("the database cannot be reached now") from error


async def _all(connection: AsyncConnection, query: str, row: type[_Row], **parameters: object) -> list[_Row]:
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(_SQL[query], parameters)
        return await cursor.fetchall()


async def _one(connection: AsyncConnection, query: str, row: type[_Row], **parameters: object) -> _Row | None:
    found = await _all(connection, query, row, **parameters)
    return found[0] if found else None
