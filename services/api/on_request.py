"""Value in use of a window of the term, computed now: the same kernel and the same facts that analytics uses."""

from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from services.api.problems import InvalidParameterError
from services.api.schemas.contract import Judged
from services.api.schemas.document import Document
from shared.contracts import spec
from shared.contracts.assess import assess
from shared.contracts.assessment import Settlement
from shared.contracts.document import as_document, digest
from shared.contracts.periods import periods
from shared.db import rows, timeline, views
from shared.db.pool import AsyncConnection
from shared.instant import to_us


def version_at(versions: list[rows.Contract], at: datetime) -> rows.Contract:
    """The version in force at a time: the last that has begun, before any has begun the first."""
    begun = [version for version in versions if version.valid_from <= at]
    return begun[-1] if begun else versions[0]


def version_of(versions: list[rows.Contract], start: datetime, end: datetime) -> rows.Contract:
    """The version in force at `start`, the law of `[start, end)`.

    Raises InvalidParameterError when some of the window lies outside the term of the version in force then.
    """
    law = version_at(versions, start)
    if not law.valid_from <= start < law.valid_to:
        raise InvalidParameterError("from", f"lies outside the term of {_term(law)}")
    in_force = [law, *(version for version in versions if start < version.valid_from < end)]
    reached = [following.valid_from for _, following in pairwise(in_force)] + [end]
    for version, until in zip(in_force, reached, strict=True):
        if version.valid_to < until:
            raise InvalidParameterError("to", f"lies after the term of {_term(version)}")
    return law


async def judge(
    connection: AsyncConnection, version: rows.Contract, start: datetime, end: datetime, now_us: int
) -> list[Judged]:
    """Each guarantee of a contract version over `[start, end)`, with the facts known up to now.

    The forecast rests on arithmetic alone: P(miss) of a running period is in its stored assessment. A window that is no
    period of the contract has no malus.
    """
    contract = spec.parse(version.source, f"{version.slug} version {version.version}")
    start_us, end_us = to_us(start), to_us(end)
    until_us = max(start_us, min(end_us, now_us))
    asset_ids = [asset.id for asset in await views.contract_assets(connection, version.id)]
    known = await timeline.durations(connection, asset_ids, start_us, until_us)
    is_period = any((period.start_us, period.end_us) == (start_us, end_us) for period in periods(contract))
    judged = []
    for guarantee in contract.guarantees:
        assessment = assess(contract, guarantee, known, start_us, end_us, until_us)
        if not is_period:
            assessment = replace(assessment, settlement=_nothing_to_settle(assessment.settlement))
        document = as_document(assessment, contract.zone)
        judged.append(
            Judged(
                guarantee=guarantee.id,
                computed="on_request",
                sha256=digest(document),
                document=Document.model_validate(document),
            )
        )
    return judged


def _nothing_to_settle(settlement: Settlement) -> Settlement:
    step = "the window is not a contract period: money is owed for whole contract periods only"
    return replace(settlement, malus=None, capped=False, steps=(step,))


def _term(version: rows.Contract) -> str:
    name = f"{version.slug} version {version.version}"
    contract = spec.parse(version.source, name)
    return f"{name}, {contract.start} to {contract.end} in {contract.zone.key}"
