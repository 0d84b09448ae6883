"""The judgement path: one pass over what changed, from dirty marks to alert transitions, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.analytics import metrics
from services.analytics.alerts import transitions
from services.analytics.derive import derive
from services.analytics.judge import judge
from services.analytics.judged import Judged
from services.analytics.roll_up import roll_up
from services.analytics.watch import watch
from shared.db import alerts, dirty, notify, rollups, silences, timeline
from shared.db.dirty import Claim, Window
from shared.db.pool import AsyncConnection
from shared.model.alert import AlertKind, Transition

_log = structlog.get_logger(__name__)

# Assets a transaction: a backlog is worked off in short steps, and several workers share it.
ASSETS_A_PASS = 16


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
        claims = await dirty.claim(connection, now_us, ASSETS_A_PASS)
        changed = await _derive(connection, claims, now_us)
        judged = await judge(connection, changed, now_us)
        alerted = await _alert(connection, judged, now_us)
        await dirty.settle(connection, [claim for claim in claims if claim.asset_id in changed], now_us)
        await _wake(connection, judged, alerted)
    return Pass(
        assets=len(changed),
        windows=sum(len(claim.windows) for claim in claims),
        assessments=sum(one.is_new for one in judged),
        transitions=tuple(alerted),
        is_full=len(claims) == ASSETS_A_PASS and len(changed) > 0,
    )


async def _derive(connection: AsyncConnection, claims: Sequence[Claim], now_us: int) -> dict[int, list[Window]]:
    """By asset, the windows in which its timeline became another; an asset that failed is left out and stays dirty."""
    asset_ids = [claim.asset_id for claim in claims]
    subjects = await timeline.subjects(connection, asset_ids)
    rolled = await rollups.subjects(connection, asset_ids)
    changed: dict[int, list[Window]] = {}
    for claim in claims:
        try:
            async with connection.transaction():
                await roll_up(connection, rolled[claim.asset_id], claim.marked, claim.until_us)
                subject = subjects[claim.asset_id]
                windows = [window for window in claim.windows if await derive(connection, subject, window)]
                for window in claim.windows:
                    await watch(connection, claim.asset_id, window.start_us, window.end_us, now_us)
        except Exception:  # noqa: BLE001  (one machine's data must not stop the others)
            _log.exception("asset_failed", asset_id=claim.asset_id)
            metrics.FAILURES.labels(stage="asset").inc()
            await dirty.put_back(connection, claim, now_us)
        else:
            changed[claim.asset_id] = windows
    return changed


async def _alert(connection: AsyncConnection, judged: Sequence[Judged], now_us: int) -> list[Transition]:
    """Decide from what holds now and what is open; whoever is first to write a transition has made it."""
    is_open = await alerts.open_subjects(connection)
    decided: list[Transition | None] = []
    for one in judged:
        key = AlertKind.GUARANTEE_AT_RISK, transitions.guarantee_subject(one)
        decided.append(transitions.of_guarantee(one, is_open=key in is_open, now_us=now_us))
    for hearing in await alerts.hearings(connection, now_us):
        key = AlertKind.MACHINE_SILENT, transitions.machine_subject(hearing.machine)
        decided.append(transitions.of_silence(hearing, is_open=key in is_open, now_us=now_us))
    for watching in await alerts.watchings(connection):
        key = AlertKind.ANOMALY, transitions.machine_subject(watching.machine)
        decided.append(transitions.of_anomaly(watching, is_open=key in is_open, now_us=now_us))
    made = [transition for transition in decided if transition and await alerts.apply(connection, transition)]
    await silences.record(connection, made)
    return made


async def _wake(connection: AsyncConnection, judged: Sequence[Judged], alerted: Sequence[Transition]) -> None:
    if alerted or any(one.is_new for one in judged):
        await notify.send(connection, notify.JUDGED)
    if alerted:
        await notify.send(connection, notify.OUTBOX)
