"""Judgement path, fourth stage: the contracts whose periods were touched, and every running period, assessed anew.

Each due period is assessed alone; then the ledger goes over all periods of the contract for what they share.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from services.analytics import metrics
from services.analytics.judged import Judged
from services.analytics.outlook import outlook
from shared.contracts import facts
from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment
from shared.contracts.document import settlement_document
from shared.contracts.needs import undecided_us
from shared.contracts.periods import Period
from shared.contracts.settlement.ledger import entry_of, fold
from shared.db import assessments, contracts, quantities
from shared.db.assessments import Place
from shared.db.contracts import StoredContract
from shared.db.dirty import Window
from shared.db.facts import Known
from shared.db.pool import AsyncConnection

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Settled:
    """Due assessments with their final money, and which of all the contract's assessments became others."""

    assessments: tuple[Assessment, ...]
    new: frozenset[Place]


async def judge(connection: AsyncConnection, touched: Mapping[int, Sequence[Window]], now_us: int) -> list[Judged]:
    """Assess and save what is due, given the windows in which the timelines of assets changed.

    Of a period that cannot be assessed nothing is said until it can; the others are not held up.
    """
    final = await assessments.final(connection)
    marks = await quantities.take_marks(connection)
    due: list[tuple[StoredContract, list[Period]]] = []
    for stored in await contracts.versions(connection):
        windows = [*marks.contracts.get(stored.contract.id, ())]
        for asset_id in stored.assets.values():
            windows += [*touched.get(asset_id, ()), *marks.assets.get(asset_id, ())]
        if periods := due_periods(stored, windows, final.get(stored.id, frozenset()), now_us):
            due.append((stored, periods))
    await contracts.lock(connection, {stored.id for stored, _ in due})
    return [one for stored, periods in due for one in await _judge_contract(connection, stored, periods, now_us)]


def due_periods(stored: StoredContract, windows: Sequence[Window], final: Collection[int], now_us: int) -> list[Period]:
    """The periods begun that still run, whose start is not among `final` yet, or on which a changed window bears.

    A period goes on being due after its end while a promise given in it may still run out.
    """
    undecided = undecided_us(stored.contract)
    return [
        period
        for period in stored.periods
        if period.start_us < now_us
        and (
            period.end_us + undecided > now_us
            or period.start_us not in final
            or _overlaps(stored.reach_us[period], period.end_us, windows)
        )
    ]


def _overlaps(start_us: int, end_us: int, windows: Iterable[Window]) -> bool:
    return any(window.start_us < end_us and window.end_us > start_us for window in windows)


async def _judge_contract(
    connection: AsyncConnection, stored: StoredContract, periods: Sequence[Period], now_us: int
) -> list[Judged]:
    alone: dict[Period, list[Assessment]] = {}
    for period in periods:
        try:
            async with connection.transaction():
                alone[period] = await _assess(connection, stored, period, now_us)
        except Exception:  # noqa: BLE001  (one period must not stop the others)
            await _withdraw(connection, stored, period)
    settled = await _settled(connection, stored, alone)
    guarantees = {guarantee.id: guarantee for guarantee in stored.contract.guarantees}
    by_start = {period.start_us: period for period in periods}
    return [
        Judged(
            contract_id=stored.id,
            customer_id=stored.customer_id,
            contract=stored.contract,
            guarantee=guarantees[assessment.guarantee_id],
            period=by_start[assessment.period_start_us],
            assessment=assessment,
            is_new=(assessment.guarantee_id, assessment.period_start_us) in settled.new,
        )
        for assessment in settled.assessments
    ]


async def _assess(connection: AsyncConnection, stored: StoredContract, period: Period, now_us: int) -> list[Assessment]:
    """What each guarantee says of the period alone."""
    contract = stored.contract
    window = facts.Window(period=period, as_of_us=now_us)
    known = Known(connection, contract, stored.assets, now_us)
    seen = await outlook(connection, stored, now_us) if window.running else {}
    return [
        assess(contract, guarantee, await known.facts(guarantee, period), window, seen.get(guarantee.id))
        for guarantee in contract.guarantees
    ]


async def _settled(
    connection: AsyncConnection, stored: StoredContract, alone: Mapping[Period, Sequence[Assessment]]
) -> _Settled:
    """Saved all at once; if that fails, period by period, so that only what is the cause is withdrawn."""
    try:
        async with connection.transaction():
            return await _save(connection, stored, [each for found in alone.values() for each in found])
    except Exception:  # noqa: BLE001  (one period must not stop the others)
        if len(alone) == 1:
            await _withdraw(connection, stored, *alone)
            return _Settled(assessments=(), new=frozenset())
    parts = [await _settled(connection, stored, {period: found}) for period, found in alone.items()]
    return _Settled(
        assessments=tuple(each for part in parts for each in part.assessments),
        new=frozenset(place for part in parts for place in part.new),
    )


async def _save(connection: AsyncConnection, stored: StoredContract, fresh: Sequence[Assessment]) -> _Settled:
    """Go over the books with what is fresh, and save all that became another."""
    if not fresh:
        return _Settled(assessments=(), new=frozenset())
    places = {(each.guarantee_id, each.period_start_us) for each in fresh}
    before = await assessments.booked(connection, stored.id)
    entries = {place: booked.entry for place, booked in before.items() if place not in places}
    settlements = fold(stored.contract, [*entries.values(), *(entry_of(each) for each in fresh)])
    final = tuple(replace(each, settlement=settlements[each.guarantee_id, each.period_start_us]) for each in fresh)
    other = {
        place: settlements[place]
        for place in entries
        if settlement_document(settlements[place]) != before[place].settlement
    }
    if other:
        await assessments.resettle(connection, stored, other)
    new = await assessments.save(connection, stored, final)
    return _Settled(assessments=final, new=frozenset(new | other.keys()))


async def _withdraw(connection: AsyncConnection, stored: StoredContract, period: Period) -> None:
    _log.exception("assessment_failed", contract=stored.contract.id, period=period.label)
    metrics.FAILURES.labels(stage="assessment").inc()
    await assessments.withdraw(connection, stored, period)
