"""Judgement path, after the timeline: train an asset's detector once, score what was touched, derive its findings.

What is stored is a function of what is known, not of the order it came in. A bucket is scored when the machine ran
through all of it, and for some time before, and each sensor of the model has a value in it. Late readings in the
healthy window train anew; a new model, or other settings, score everything anew. Time up to the end of the healthy
window is never scored. What readings that are no longer kept once gave stays: model, scores and findings.
"""

import numpy as np
import structlog

from services.analytics.detectors import pca, record
from services.analytics.detectors.buckets import ceil_us, floor_us, running_buckets, settling_us
from services.analytics.detectors.findings import findings, quiet_us, widened
from services.analytics.detectors.pca import Array, PcaModel, Refusal
from shared.db import anomalies, timeline
from shared.db.anomalies import BucketMeans, StoredModel, Watched
from shared.db.pool import AsyncConnection
from shared.instant import MINUTE_US
from shared.model.anomaly import BucketScore, Contribution

_log = structlog.get_logger(__name__)
_BUCKETS_AT_ONCE = 5_000
# Just below the threshold of 1, which stored scores reach by rounding: whoever is above it is explained.
_EXPLAINED_FROM = 0.99


async def watch(connection: AsyncConnection, asset_id: int, start_us: int, end_us: int, now_us: int) -> None:
    """Bring scores and findings of an asset up to date after its facts or timeline changed in `[start_us, end_us)`.

    Runs in the caller's transaction. Nothing happens for an asset without a detector or a declared healthy window.
    """
    asset = await anomalies.watched(connection, asset_id)
    if asset is None:
        return
    known_to_us = min(asset.known_to_us, now_us)
    stored = asset.model
    if _must_train(asset, start_us, end_us, known_to_us):
        stored = await _train(connection, asset, now_us)
        if asset.model is None or stored.sha256 != asset.model.sha256:
            await anomalies.forget(connection, asset_id)
            start_us, end_us = asset.healthy_to_us, asset.known_to_us
    model = None if stored is None else record.model_of(stored.parameters)
    if stored is None or model is None or not _is_current(asset, stored):
        return
    bucket_us = asset.settings.bucket_us
    first_us = ceil_us(max(asset.healthy_to_us, asset.readings_from_us), bucket_us)
    start_us = max(floor_us(start_us, bucket_us), first_us)
    end_us = ceil_us(end_us + settling_us(asset.settings), bucket_us)
    if start_us < end_us:
        is_new = await _score(connection, asset, stored.id, model, start_us=start_us, end_us=end_us)
        # An open finding also ends when time goes by.
        if is_new or asset.open_since_us is not None:
            await _find(connection, asset, stored.id, start_us=start_us, end_us=end_us, known_to_us=known_to_us)


def _must_train(asset: Watched, start_us: int, end_us: int, known_to_us: int) -> bool:
    """The healthy window is over, and there is no outcome of its training yet, or one of other data or settings.

    Changes are announced by the minute: the minute in which the healthy window ends must be over too, or each reading
    in it would look like a late one. Nothing is learnt from a window of which readings are no longer kept.
    """
    if known_to_us <= ceil_us(asset.healthy_to_us, MINUTE_US) or asset.healthy_from_us < asset.readings_from_us:
        return False
    if asset.model is None or not _is_current(asset, asset.model):
        return True
    return start_us < asset.healthy_to_us and end_us > asset.healthy_from_us


def _is_current(asset: Watched, model: StoredModel) -> bool:
    return record.is_current(model.parameters, asset.settings, asset.healthy_from_us, asset.healthy_to_us)


async def _train(connection: AsyncConnection, asset: Watched, now_us: int) -> StoredModel:
    settings, window = asset.settings, (asset.healthy_from_us, asset.healthy_to_us)
    rows = await _running_means(connection, asset, settings.sensors, *window, exact=True)
    outcome = pca.train(rows.values, settings.sensors, settings.false_alarm_rate)
    if isinstance(outcome, Refusal):
        _log.warning("detector_refused", asset_id=asset.asset_id, **outcome.as_parameters())
    else:
        _log.info("detector_trained", asset_id=asset.asset_id, rows=outcome.rows, left_out=outcome.left_out)
    parameters = record.as_record(outcome, settings, *window)
    return await anomalies.save_model(
        connection, asset, detector=pca.NAME, parameters=parameters, sha256=record.digest(parameters), now_us=now_us
    )


async def _score(
    connection: AsyncConnection, asset: Watched, model_id: int, model: PcaModel, *, start_us: int, end_us: int
) -> bool:
    """Score the buckets of `[start_us, end_us)`; whether that made any difference."""
    is_new = False
    step = _BUCKETS_AT_ONCE * asset.settings.bucket_us
    for low in range(start_us, end_us, step):
        high = min(low + step, end_us)
        means = await _running_means(connection, asset, model.sensors, low, high, exact=False)
        scored = _bucket_scores(model, means)
        is_new |= await anomalies.replace_scores(connection, model_id, low, high, scored)
    return is_new


async def _find(
    connection: AsyncConnection, asset: Watched, model_id: int, *, start_us: int, end_us: int, known_to_us: int
) -> None:
    quiet = quiet_us(asset.settings)
    low, high = start_us - 2 * quiet, end_us + 2 * quiet
    if asset.open_since_us is not None:
        low = min(low, asset.open_since_us)
    while True:
        at_us, score = await anomalies.scores(connection, asset.asset_id, low, high)
        wider = widened(at_us, score, low, high, quiet)
        if wider == (low, high):
            break
        low, high = wider
    found = findings(at_us, score, asset.settings, known_to_us)
    await anomalies.replace_findings(connection, model_id, low, high, found)


async def _running_means(
    connection: AsyncConnection, asset: Watched, sensors: tuple[str, ...], start_us: int, end_us: int, *, exact: bool
) -> BucketMeans:
    """Means of the buckets within `[start_us, end_us)` in which the machine ran throughout."""
    bucket_us = asset.settings.bucket_us
    settling = settling_us(asset.settings)
    intervals = await timeline.intervals(connection, asset.asset_id, start_us - settling, end_us)
    running = running_buckets(intervals, bucket_us, settling, start_us, end_us)
    if len(running) == 0:
        return BucketMeans(at_us=running, values=np.empty((0, len(sensors))))
    series = [asset.series.get(sensor) for sensor in sensors]
    hull = int(running[0]), int(running[-1]) + bucket_us
    means = await anomalies.bucket_means(connection, series, bucket_us, *hull, exact=exact)
    ran = np.isin(means.at_us, running)
    return BucketMeans(at_us=means.at_us[ran], values=means.values[ran])


def _bucket_scores(model: PcaModel, means: BucketMeans) -> list[BucketScore]:
    complete = np.isfinite(means.values).all(axis=1)
    at_us, values = means.at_us[complete], means.values[complete]
    scores = model.score(values)
    order = np.argsort(-scores.share, axis=1, kind="stable")
    return [
        BucketScore(
            at_us=int(at_us[i]),
            score=float(scores.score[i]),
            contributions=_contributions(model, order[i], scores.share[i], values[i], scores.expected[i])
            if scores.score[i] >= _EXPLAINED_FROM
            else (),
        )
        for i in range(len(at_us))
    ]


def _contributions(
    model: PcaModel, order: np.ndarray, share: Array, observed: Array, expected: Array
) -> tuple[Contribution, ...]:
    return tuple(
        Contribution(
            sensor=model.sensors[j], share=float(share[j]), observed=float(observed[j]), expected=float(expected[j])
        )
        for j in order
    )
