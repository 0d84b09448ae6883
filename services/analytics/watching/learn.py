"""Watching, its first stage: the healthy window of a machine in one of its eras, and the model trained on it, once.

Late readings in the healthy window train anew, and so do other settings. Nothing is learnt from time in which somebody
confirmed a finding, nor from a window of which readings are no longer kept: the model that is there stays in use then,
with the settings and the window it was trained with.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import structlog

from services.analytics.detectors import record, training
from services.analytics.detectors.buckets import ceil_us
from services.analytics.detectors.model import Model, Refusal
from services.analytics.watching import ready, stretch
from services.analytics.watching.eras import Era
from services.analytics.watching.observe import Ask, observe
from shared.db import anomalies, watching
from shared.db.anomalies import BucketMeans
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection
from shared.db.watching import StoredModel, Watched
from shared.instant import MINUTE_US
from shared.model.detector import DetectorSettings

_log = structlog.get_logger(__name__)

DECLARED: Final = "declared"
FOUND: Final = "found"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lesson:
    """What is learnt from in an era; `origin` of the window: `declared` or `found`."""

    era: Era
    healthy: Window
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Learnt(_Lesson):
    """What is in use in an era. `model` None: it was refused. `is_new`: nothing of the era was scored with it yet.

    `settings` are those it was trained with: the asset's own unless it `is_outdated`.
    """

    settings: DetectorSettings
    model_id: int
    model: Model | None
    is_new: bool
    is_outdated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Nothing:
    """There is nothing to score with. A stable stretch was looked for in vain up to `searched_us`; None: nowhere.

    `is_outdated`: a model that is there can be used no more, and what another would learn from is no longer kept.
    """

    searched_us: int | None = None
    is_outdated: bool = False


async def learn(
    connection: AsyncConnection,
    asset: Watched,
    era: Era,
    changed: Sequence[Window],
    *,
    known_to_us: int,
    now_us: int,
) -> Learnt | Nothing:
    """What there is to score an era with, after what is known of `changed` became another.

    When that is another model than before, what the former one gave is deleted.
    """
    window, origin, nothing = era.declared, DECLARED, Nothing()
    if window is None:
        window, nothing = await _found(connection, asset, era, changed, known_to_us)
        origin = FOUND
    stored = asset.models.get(era.since_us)
    if window is not None:
        lesson = _Lesson(era=era, healthy=window, origin=origin)
        may_train = _is_over(window, known_to_us) and window.start_us >= asset.readings_from_us
        is_current = stored is not None and stretch.is_current(asset, stored, window)
        if stored is not None and is_current and not (may_train and _is_touched(window, changed)):
            learnt = await _in_use(connection, asset, lesson, stored)
            if learnt is not None:
                return learnt
        if may_train:
            return await _trained(connection, asset, lesson, now_us)
    is_beyond = stretch.is_beyond(asset, era) if window is None else window.start_us < asset.readings_from_us
    if stored is not None and is_beyond and (window is None or _is_over(window, known_to_us)):
        return await _outdated(connection, asset, era, stored, origin)
    return nothing


async def _in_use(
    connection: AsyncConnection, asset: Watched, lesson: _Lesson, stored: StoredModel, *, is_outdated: bool = False
) -> Learnt | None:
    """What is stored, ready to score with; None: it cannot be read."""
    model = await ready.model_of(connection, asset.asset_id, stored)
    if model is None and not stored.is_refused:
        return None
    return Learnt(
        era=lesson.era,
        healthy=lesson.healthy,
        origin=lesson.origin,
        settings=stored.settings or asset.settings,
        model_id=stored.id,
        model=model,
        is_new=False,
        is_outdated=is_outdated,
    )


async def _outdated(
    connection: AsyncConnection, asset: Watched, era: Era, stored: StoredModel, origin: str
) -> Learnt | Nothing:
    """What is stored as it is, when nothing can be trained in its place; said when it was not before."""
    if era.until_us is None and (asset.state is None or not asset.state.is_outdated):
        _log.warning("detector_outdated", asset_id=asset.asset_id, model_id=stored.id)
    learnt = None
    if stored.healthy is not None and stored.settings is not None:
        lesson = _Lesson(era=era, healthy=stored.healthy, origin=origin)
        learnt = await _in_use(connection, asset, lesson, stored, is_outdated=True)
    return learnt or Nothing(is_outdated=True)


def _is_over(window: Window, known_to_us: int) -> bool:
    """Whether a healthy window is over.

    Changes are announced by the minute: the minute in which it ends must be over too, or each reading in it would look
    like a late one.
    """
    return known_to_us > ceil_us(window.end_us, MINUTE_US)


def _is_touched(window: Window, changed: Sequence[Window]) -> bool:
    return any(one.start_us < window.end_us and one.end_us > window.start_us for one in changed)


async def _found(
    connection: AsyncConnection, asset: Watched, era: Era, changed: Sequence[Window], known_to_us: int
) -> tuple[Window | None, Nothing]:
    """The first stable stretch of an era: the one found before, as long as nothing changed up to its end."""
    before = stretch.found_before(asset, era)
    if before is not None and stretch.still_holds(asset, era, before, changed):
        return before, Nothing()
    searched = stretch.to_search(asset, era, changed, known_to_us)
    if searched is None:
        return None, Nothing()
    rows = await _rows(connection, asset, searched)
    found = await asyncio.to_thread(stretch.first_stable, rows.at_us, rows.values, asset.settings)
    return found, Nothing(searched_us=searched.end_us if found is None else None)


async def _rows(connection: AsyncConnection, asset: Watched, window: Window) -> BucketMeans:
    """What may be learnt from: running time in a window, without what somebody has confirmed to be wrong."""
    [means] = await observe(connection, [Ask(asset=asset, columns=asset.settings.columns, window=window)], exact=True)
    is_good = np.ones(len(means.at_us), bool)
    for bad in await watching.known_bad(connection, asset.asset_id, window):
        is_good &= (means.at_us + asset.settings.bucket_us <= bad.start_us) | (means.at_us >= bad.end_us)
    return BucketMeans(at_us=means.at_us[is_good], values=means.values[is_good])


async def _trained(connection: AsyncConnection, asset: Watched, lesson: _Lesson, now_us: int) -> Learnt:
    era = lesson.era
    rows = await _rows(connection, asset, lesson.healthy)
    outcome = await asyncio.to_thread(training.train, rows.at_us, rows.values, asset.settings)
    stored = await _saved(connection, asset, lesson, outcome, now_us)
    before = asset.models.get(era.since_us)
    is_new = before is None or before.sha256 != stored.sha256
    if is_new:
        await anomalies.forget(connection, asset.asset_id, era.start_us, era.until_us)
    model = None if isinstance(outcome, Refusal) else ready.keep(stored.sha256, outcome)
    return Learnt(
        era=era,
        healthy=lesson.healthy,
        origin=lesson.origin,
        settings=asset.settings,
        model_id=stored.id,
        model=model,
        is_new=is_new,
    )


async def _saved(
    connection: AsyncConnection, asset: Watched, lesson: _Lesson, outcome: Model | Refusal, now_us: int
) -> StoredModel:
    if isinstance(outcome, Refusal):
        _log.warning("detector_refused", asset_id=asset.asset_id, **outcome.as_parameters())
    else:
        _log.info("detector_trained", asset_id=asset.asset_id, rows=outcome.rows, left_out=outcome.left_out)
    window = lesson.healthy
    parameters = record.as_record(outcome, asset.settings, window.start_us, window.end_us)
    return await watching.save_model(
        connection,
        asset.asset_id,
        since_us=lesson.era.since_us,
        detector="none" if isinstance(outcome, Refusal) else outcome.name,
        healthy=window,
        parameters=parameters,
        circumstances=_circumstances(parameters),
        sha256=record.digest(parameters),
        now_us=now_us,
    )


def _circumstances(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: parameters.get(name) for name in ("settings", "healthy", "refused")}
