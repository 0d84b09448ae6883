"""Value in use of any window, computed now: the same kernel and the same facts that analytics uses."""

from datetime import datetime

from services.api.schemas.contract import Judged
from services.api.schemas.document import Document
from shared.contracts import spec
from shared.contracts.assess import assess
from shared.contracts.document import as_document, digest
from shared.db import rows, timeline, views
from shared.db.pool import AsyncConnection
from shared.instant import to_us


def version_at(versions: list[rows.Contract], at: datetime) -> rows.Contract:
    """The version in force at a time: the last that has begun, before any has begun the first."""
    begun = [version for version in versions if version.valid_from <= at]
    return begun[-1] if begun else versions[0]


async def judge(
    connection: AsyncConnection, version: rows.Contract, start: datetime, end: datetime, now_us: int
) -> list[Judged]:
    """Each guarantee of a contract version over `[start, end)`, with the facts known up to now.

    The forecast rests on arithmetic alone: P(miss) of a running period is in its stored assessment.
    """
    contract = spec.parse(version.source, f"{version.slug} version {version.version}")
    start_us, end_us = to_us(start), to_us(end)
    until_us = max(start_us, min(end_us, now_us))
    asset_ids = [asset.id for asset in await views.contract_assets(connection, version.id)]
    known = await timeline.durations(connection, asset_ids, start_us, until_us)
    judged = []
    for guarantee in contract.guarantees:
        document = as_document(assess(contract, guarantee, known, start_us, end_us, until_us), contract.zone)
        judged.append(
            Judged(
                guarantee=guarantee.id,
                computed="on_request",
                sha256=digest(document),
                document=Document.model_validate(document),
            )
        )
    return judged
