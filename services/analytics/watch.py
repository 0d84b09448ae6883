"""Judgement path, after the timeline: learn each machine's detector once, score what was touched, derive its findings.

What is stored is a function of what is known, not of the order it came in. A bucket is scored when the machine ran
through all of it, and for some time before. Late readings in the healthy window train anew; a new model, or other
settings, score everything anew. Time up to the end of the healthy window is never scored, and after a reset (a sensor
replaced) there is another healthy window and another model. What readings that are no longer kept once gave stays.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from services.analytics import metrics
from services.analytics.detectors.buckets import ceil_us, floor_us, settling_us
from services.analytics.detectors.model import Model
from services.analytics.watching.drifting import drifted
from services.analytics.watching.eras import Era, eras
from services.analytics.watching.learn import Learnt, Nothing, learn
from services.analytics.watching.score import Task, score
from shared.db import reviews, watching
from shared.db.anomalies import forget
from shared.db.dirty import Window, coalesce
from shared.db.pool import AsyncConnection
from shared.db.watching import State, Watched
from shared.instant import HOUR_US

_log = structlog.get_logger(__name__)

# How far what is noted of an asset may lag behind, when nothing but time has passed.
_NOTED_EVERY_US = HOUR_US

# An asset, and where its facts or its timeline changed.
Work = tuple[int, Sequence[Window]]


async def watch(connection: AsyncConnection, works: Sequence[Work], now_us: int) -> frozenset[int]:
    """Bring scores and findings of assets up to date; the assets with which that failed, and which are as they were.

    Runs in the caller's transaction. Nothing happens for an asset without a detector.
    """
    if not works:
        return frozenset()
    try:
        async with connection.transaction():
            await _watch(connection, works, now_us)
        return frozenset()
    except Exception:  # noqa: BLE001  (one machine's data must not stop the others)
        _log.exception("watch_failed", assets=len(works))
        metrics.FAILURES.labels(stage="watch").inc()
    failed: set[int] = set()
    for work in works:
        try:
            async with connection.transaction():
                await _watch(connection, [work], now_us)
        except Exception:  # noqa: BLE001  (as above; who is the cause fails alone)
            _log.exception("asset_watch_failed", asset_id=work[0])
            metrics.FAILURES.labels(stage="asset_watch").inc()
            failed.add(work[0])
    return frozenset(failed)


async def _watch(connection: AsyncConnection, works: Sequence[Work], now_us: int) -> None:
    moved = await watching.note_resets(connection, [(one, window) for one, windows in works for window in windows])
    assets = {asset.asset_id: asset for asset in await watching.watched(connection, [one for one, _ in works])}
    tasks: list[Task] = []
    for asset_id, changed in works:
        asset = assets.get(asset_id)
        if asset is not None and changed:
            windows = list(changed) if asset_id not in moved else [_since(moved[asset_id], asset, changed)]
            tasks += await _tasks(connection, asset, windows, now_us, is_reset=asset_id in moved)
    await score(connection, tasks)
    await reviews.suppress(connection, list(assets))


def _since(reset_us: int, asset: Watched, changed: Sequence[Window]) -> Window:
    """When a reset came or went, everything after it is scored anew, and what it ended is looked at."""
    start_us = min(reset_us - asset.settings.bucket_us, *(window.start_us for window in changed))
    return Window(start_us=start_us, end_us=max(asset.known_to_us, *(window.end_us for window in changed)))


async def _tasks(
    connection: AsyncConnection, asset: Watched, changed: Sequence[Window], now_us: int, *, is_reset: bool
) -> list[Task]:
    """What to score of an asset, with what it is scored; its models are trained where they must be."""
    known_to_us = min(asset.known_to_us, now_us)
    tasks: list[Task] = []
    for era in eras(asset):
        touched = [clipped for window in changed if (clipped := era.clip(window))]
        if not touched:
            continue
        learnt = await learn(connection, asset, era, touched, known_to_us=known_to_us, now_us=now_us)
        await _drop_foreign(connection, asset, era, learnt, is_reset=is_reset)
        if isinstance(learnt, Learnt):
            tasks += _scoring(asset, learnt, touched, known_to_us, is_reset=is_reset)
        if era.until_us is None:
            await _note(connection, asset, era, learnt, known_to_us)
    return tasks


async def _drop_foreign(
    connection: AsyncConnection, asset: Watched, era: Era, learnt: Learnt | Nothing, *, is_reset: bool
) -> None:
    """Delete what cannot have come from what is in use in an era: another model gave it, or one that is no longer."""
    if isinstance(learnt, Nothing):
        has_vanished = era.declared is None and era.since_us in asset.models
        if not learnt.is_outdated and (is_reset or has_vanished):
            await forget(connection, asset.asset_id, era.start_us, era.until_us)
    elif is_reset:
        until_us = era.until_us if learnt.model is None else min(learnt.healthy.end_us, era.end_us)
        await forget(connection, asset.asset_id, era.start_us, until_us)


def _scoring(
    asset: Watched, learnt: Learnt, touched: Sequence[Window], known_to_us: int, *, is_reset: bool
) -> list[Task]:
    if learnt.model is None:
        return []
    asset = replace(asset, settings=learnt.settings)
    return [
        Task(
            asset=asset,
            era=learnt.era,
            model_id=learnt.model_id,
            model=learnt.model,
            window=window,
            known_to_us=known_to_us,
            is_due=is_reset or learnt.is_new or asset.open_since_us is not None,
        )
        for window in _affected(asset, learnt, learnt.model, touched)
    ]


def _affected(asset: Watched, learnt: Learnt, model: Model, touched: Sequence[Window]) -> list[Window]:
    """Windows of whole buckets, none overlapping, in which scores depend on what was touched."""
    bucket_us = asset.settings.bucket_us
    # What depends on readings that are gone cannot be scored again.
    kept_from_us = asset.readings_from_us + model.memory_us if asset.readings_from_us else 0
    first_us = ceil_us(max(learnt.healthy.end_us, kept_from_us), bucket_us)
    if learnt.is_new:
        touched = [Window(start_us=first_us, end_us=max(first_us + 1, min(asset.known_to_us, learnt.era.end_us)))]
    reach_us = settling_us(asset.settings) + model.memory_us
    widened = (
        Window(
            start_us=max(floor_us(window.start_us, bucket_us), first_us),
            end_us=ceil_us(min(window.end_us + reach_us, learnt.era.end_us), bucket_us),
        )
        for window in touched
    )
    return coalesce(window for window in widened if window.start_us < window.end_us)


async def _note(
    connection: AsyncConnection, asset: Watched, era: Era, learnt: Learnt | Nothing, known_to_us: int
) -> None:
    """Say what is in use when that is another; now and then how far it was looked at, and whether it drifted."""
    before = asset.state
    is_in_use = isinstance(learnt, Learnt)
    state = State(
        healthy=learnt.healthy if is_in_use else None,
        origin=learnt.origin if is_in_use else None,
        reset_us=era.since_us,
        reset_by=era.by,
        drift=None if before is None else before.drift,
        checked_us=known_to_us,
        searched_us=None if is_in_use else learnt.searched_us or _searched_before(before, era),
        is_outdated=learnt.is_outdated,
    )
    is_same = before is not None and replace(state, checked_us=before.checked_us) == before
    if before is None or not is_same or known_to_us >= before.checked_us + _NOTED_EVERY_US:
        used = replace(asset, settings=learnt.settings) if is_in_use else asset
        drift = await drifted(connection, used, learnt, known_to_us) if is_in_use else None
        await watching.save_state(connection, asset.asset_id, replace(state, drift=drift))


def _searched_before(before: State | None, era: Era) -> int | None:
    return before.searched_us if before is not None and before.reset_us == era.since_us else None
