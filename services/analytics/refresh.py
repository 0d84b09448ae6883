"""The judgement path: one pass over what changed, from dirty marks to alert transitions, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from services.analytics import metrics
from services.analytics.alerts.decide import decide
from services.analytics.derive import derive
from services.analytics.derive_many import derive_many, hull
from services.analytics.judge import judge
from services.analytics.judged import Judged
from services.analytics.roll_up import roll_up, sum_up
from services.analytics.watch import watch
from shared.db import dirty, metering, notify, rollups, timeline
from shared.db.dirty import Claim, Window
from shared.db.pool import AsyncConnection
from shared.db.timeline import Subject
from shared.model.alert import Transition

_log = structlog.get_logger(__name__)

# Assets a transaction, with sensors and without: a backlog is worked off in short steps, and several workers share it.
SENSING_A_PASS = 16
TELLING_A_PASS = 1_024


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """What one pass did; `is_full`: it took as many assets as it may and got on with some, there may be more."""

    assets: int
    windows: int
    assessments: int
    transitions: tuple[Transition, ...]
    is_full: bool


async def run_once(connection: AsyncConnection, now_us: int) -> Pass:
    """Claim what is dirty, derive it, assess what it touches, decide the alerts; all of it is saved, or nothing."""
    await dirty.spread(connection)
    async with connection.transaction():
        claims = await dirty.claim(connection, now_us, sensing=SENSING_A_PASS, telling=TELLING_A_PASS)
        derived = await _derive(connection, claims, now_us)
        judged = await judge(connection, derived.changed, now_us)
        alerted = await decide(connection, judged, now_us)
        await dirty.settle(connection, [claim for claim in claims if claim.asset_id not in derived.failed], now_us)
        await _wake(connection, judged, alerted)
    sensing = sum(claim.has_sensors for claim in claims)
    return Pass(
        assets=len(claims) - len(derived.failed),
        windows=sum(len(claim.windows) for claim in claims),
        assessments=sum(one.is_new for one in judged),
        transitions=tuple(alerted),
        is_full=(sensing == SENSING_A_PASS or len(claims) - sensing == TELLING_A_PASS)
        and len(derived.failed) < len(claims),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Derived:
    """By asset, the windows in which its timeline became another; those of `failed` stay dirty."""

    changed: dict[int, list[Window]]
    failed: frozenset[int]


async def _derive(connection: AsyncConnection, claims: Sequence[Claim], now_us: int) -> _Derived:
    """What is told by events alone all at once; one by one, what must be, and everyone's readings; then all watched."""
    subjects = await timeline.subjects(connection, [claim.asset_id for claim in claims])
    changed = await _together(connection, claims, subjects)
    singly = [claim for claim in claims if claim.has_sensors or claim.asset_id not in changed]
    rolled = await rollups.subjects(connection, [claim.asset_id for claim in singly])
    metered = await metering.meters(connection, [claim.asset_id for claim in singly if claim.has_sensors])
    failed: set[int] = set()
    for claim in singly:
        try:
            async with connection.transaction():
                if claim.has_sensors:
                    await roll_up(connection, rolled[claim.asset_id], claim.marked, claim.until_us)
                    await sum_up(connection, rolled[claim.asset_id], metered.get(claim.asset_id, ()), claim)
                if claim.asset_id not in changed:
                    subject = subjects[claim.asset_id]
                    windows = [window for window in claim.windows if await derive(connection, subject, window)]
                    changed[claim.asset_id] = windows
        except Exception:  # noqa: BLE001  (one machine's data must not stop the others)
            _log.exception("asset_failed", asset_id=claim.asset_id)
            metrics.FAILURES.labels(stage="asset").inc()
            failed.add(claim.asset_id)
    sensing = [claim for claim in claims if claim.has_sensors and claim.asset_id not in failed]
    failed |= await watch(connection, [(claim.asset_id, claim.windows) for claim in sensing], now_us)
    for claim in claims:
        if claim.asset_id in failed:
            await dirty.put_back(connection, claim, now_us)
    return _Derived(changed=changed, failed=frozenset(failed))


async def _together(
    connection: AsyncConnection, claims: Sequence[Claim], subjects: Mapping[int, Subject]
) -> dict[int, list[Window]]:
    """As `derive_many`; nothing when that fails, so that who is the cause fails alone."""
    hulls = {claim.asset_id: hull(subjects[claim.asset_id], claim.windows) for claim in claims}
    works = [(subjects[asset_id], window) for asset_id, window in hulls.items() if window is not None]
    try:
        async with connection.transaction():
            return await derive_many(connection, works)
    except Exception:  # noqa: BLE001  (one machine's data must not stop the others)
        _log.exception("batch_failed", assets=len(works))
        metrics.FAILURES.labels(stage="batch").inc()
        return {}


async def _wake(connection: AsyncConnection, judged: Sequence[Judged], alerted: Sequence[Transition]) -> None:
    if alerted or any(one.is_new for one in judged):
        await notify.send(connection, notify.JUDGED)
    if alerted:
        await notify.send(connection, notify.OUTBOX)
