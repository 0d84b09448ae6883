"""Judgement path, fourth stage: the contracts whose periods were touched, and every running period, assessed anew."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import structlog

from services.analytics import metrics
from services.analytics.judged import Judged
from shared.contracts.assess import assess
from shared.contracts.forecast import Evidence, evidence
from shared.contracts.periods import Period
from shared.db import assessments, contracts, timeline
from shared.db.contracts import StoredContract
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection
from shared.instant import DAY_US
from shared.timeline import complete

_log = structlog.get_logger(__name__)

# How far back failures and repairs say something of the machines as they are now.
_EVIDENCE_US = 365 * DAY_US


async def judge(connection: AsyncConnection, touched: Mapping[int, Sequence[Window]], now_us: int) -> list[Judged]:
    """Assess and save what is due, given the windows in which the timelines of assets changed.

    Of a period that cannot be assessed nothing is said until it can; the others are not held up.
    """
    final = await assessments.final(connection)
    due = [
        (stored, period)
        for stored in await contracts.versions(connection)
        for period in due_periods(stored, touched, final.get(stored.id, frozenset()), now_us)
    ]
    await contracts.lock(connection, {stored.id for stored, _ in due})
    judged: list[Judged] = []
    for stored, period in due:
        try:
            async with connection.transaction():
                judged += await _assess(connection, stored, period, now_us)
        except Exception:  # noqa: BLE001  (one contract must not stop the others)
            _log.exception("assessment_failed", contract=stored.contract.id, period=period.label)
            metrics.FAILURES.labels(stage="assessment").inc()
            await assessments.withdraw(connection, stored, period)
    return judged


def due_periods(
    stored: StoredContract, touched: Mapping[int, Sequence[Window]], final: Collection[int], now_us: int
) -> list[Period]:
    """The periods begun that still run, whose start is not among `final` yet, or in which a timeline changed."""
    windows = [window for asset_id in stored.asset_ids for window in touched.get(asset_id, ())]
    return [
        period
        for period in stored.periods
        if period.start_us < now_us
        and (period.end_us > now_us or period.start_us not in final or _overlaps(period, windows))
    ]


def _overlaps(period: Period, windows: Iterable[Window]) -> bool:
    return any(window.start_us < period.end_us and window.end_us > period.start_us for window in windows)


async def _assess(connection: AsyncConnection, stored: StoredContract, period: Period, now_us: int) -> list[Judged]:
    as_of_us = min(now_us, period.end_us)
    known = await timeline.durations(connection, stored.asset_ids, period.start_us, as_of_us)
    seen = await _evidence(connection, stored, as_of_us) if as_of_us < period.end_us else {}
    judged = []
    for guarantee in stored.contract.guarantees:
        assessment = assess(
            stored.contract, guarantee, known, period.start_us, period.end_us, as_of_us, seen.get(guarantee.id)
        )
        is_new = await assessments.save(connection, stored, assessment)
        one = Judged(
            contract_id=stored.id,
            customer_id=stored.customer_id,
            contract=stored.contract,
            guarantee=guarantee,
            period=period,
            assessment=assessment,
            is_new=is_new,
        )
        judged.append(one)
    return judged


async def _evidence(connection: AsyncConnection, stored: StoredContract, as_of_us: int) -> dict[str, Evidence]:
    """By guarantee, how the contract's assets failed and were repaired in the time before `as_of_us`."""
    start_us = as_of_us - _EVIDENCE_US
    timelines = await timeline.timelines(connection, stored.asset_ids, start_us, as_of_us)
    whole = {
        asset_id: complete(intervals, intervals[0].start_us, as_of_us)
        for asset_id, intervals in timelines.items()
        if intervals
    }
    return {guarantee.id: evidence(whole, guarantee) for guarantee in stored.contract.guarantees}
