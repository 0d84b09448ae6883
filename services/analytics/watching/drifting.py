"""Watching, beside its stages: whether a machine has become another than the one its model learnt; only told."""

import asyncio
from typing import Any, Final

import structlog

from services.analytics.detectors import drift
from services.analytics.detectors.many import score_many
from services.analytics.detectors.model import Model
from services.analytics.watching.learn import Learnt
from services.analytics.watching.observe import Ask, observe
from shared.db.anomalies import BucketMeans
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection
from shared.db.watching import Watched
from shared.instant import DAY_US, from_us

_log = structlog.get_logger(__name__)

# What is recent: a day, or as many buckets as tell something of a distribution.
_RECENT_US: Final = DAY_US
_RECENT_BUCKETS: Final = 2 * drift.ROWS_NEEDED


async def drifted(
    connection: AsyncConnection, asset: Watched, learnt: Learnt, known_to_us: int
) -> dict[str, Any] | None:
    """How the machine's recent time is unlike what was learnt, with the time looked at; None: it is not."""
    if learnt.model is None:
        return None
    recent_us = max(known_to_us - max(_RECENT_US, _RECENT_BUCKETS * asset.settings.bucket_us), learnt.healthy.end_us)
    if recent_us >= known_to_us:
        return None
    window = Window(start_us=max(recent_us - learnt.model.memory_us, learnt.healthy.end_us), end_us=known_to_us)
    [rows] = await observe(connection, [Ask(asset=asset, columns=learnt.model.columns, window=window)], exact=False)
    noticed = await asyncio.to_thread(_noticed, learnt.model, rows, recent_us)
    if noticed is None:
        return None
    if asset.state is None or asset.state.drift is None:
        _log.warning("detector_drift", asset_id=asset.asset_id, **noticed.as_parameters())
    told = {"from": from_us(recent_us).isoformat(), "to": from_us(window.end_us).isoformat()}
    return told | noticed.as_parameters()


def _noticed(model: Model, rows: BucketMeans, recent_us: int) -> drift.Drift | None:
    """Of the rows from `recent_us` on; what was before them only warms up."""
    [scored] = score_many([model], [rows.at_us], [rows.values], [recent_us])
    values = rows.values[rows.at_us >= recent_us]
    return drift.noticed(model.columns, model.sensors, values, scored) if len(values) else None
