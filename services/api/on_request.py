"""Value in use of a window of the term, computed now: the same kernel and the same facts that analytics uses."""

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from services.api.problems import InvalidParameterError
from services.api.schemas.contract import Judged
from services.api.schemas.document import Document
from shared.contracts import spec
from shared.contracts.assess import assess
from shared.contracts.assessment import Settlement
from shared.contracts.document import as_document, digest
from shared.contracts.facts import Window
from shared.contracts.periods import Period, periods
from shared.contracts.settlement.ledger import entry_of, fold
from shared.contracts.terms import Contract
from shared.db import assessments, contracts, rows
from shared.db.facts import Known
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

    The forecast rests on arithmetic alone: P(miss) of a running period is in its stored assessment. What a period
    shares with others (caps, carry-over, true-up) is by what is stored of them; a window that is none has no money.
    """
    contract = spec.parse(version.source, f"{version.slug} version {version.version}")
    asked = _window(contract, to_us(start), to_us(end))
    window = Window(period=asked or _cut(to_us(start), to_us(end)), as_of_us=now_us)
    known = Known(connection, contract, await contracts.assets(connection, version.id), window.until_us)
    judged = [
        assess(contract, guarantee, await known.facts(guarantee, window.period), window)
        for guarantee in contract.guarantees
    ]
    if asked is None:
        final = [replace(each, settlement=_nothing_to_settle(each.settlement)) for each in judged]
    else:
        fresh = {(each.guarantee_id, each.period_start_us): entry_of(each) for each in judged}
        others = await assessments.booked(connection, version.id)
        kept = [booked.entry for place, booked in others.items() if place not in fresh]
        money = fold(contract, [*kept, *fresh.values()])
        final = [replace(each, settlement=money[each.guarantee_id, each.period_start_us]) for each in judged]
    return [_answer(as_document(each, contract.zone)) for each in final]


def _answer(document: dict[str, Any]) -> Judged:
    return Judged(
        guarantee=document["guarantee"],
        computed="on_request",
        sha256=digest(document),
        document=Document.model_validate(document),
    )


def _window(contract: Contract, start_us: int, end_us: int) -> Period | None:
    """The period of the contract that this is, if it is one."""
    return next((each for each in periods(contract) if (each.start_us, each.end_us) == (start_us, end_us)), None)


def _cut(start_us: int, end_us: int) -> Period:
    return Period(start_us=start_us, end_us=end_us, full_us=end_us - start_us, label="window")


def _nothing_to_settle(settlement: Settlement) -> Settlement:
    return Settlement(
        agreed=settlement.agreed,
        currency=settlement.currency,
        malus=None,
        bonus=None,
        computed_malus=None,
        computed_bonus=None,
        steps=("the window is not a contract period: money is owed for whole contract periods only",),
    )


def _term(version: rows.Contract) -> str:
    name = f"{version.slug} version {version.version}"
    contract = spec.parse(version.source, name)
    return f"{name}, {contract.start} to {contract.end} in {contract.zone.key}"
