"""Watching, its input: bucket means of machines' sensors over the time in which they ran; many machines at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.analytics.detectors.buckets import running_buckets, settling_us
from shared.db import anomalies
from shared.db.anomalies import BucketMeans, Wanted
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection
from shared.db.watching import Watched
from shared.model.facts import Category, Interval, Party


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Of an asset, the sensors `columns` in the buckets wholly in `window`."""

    asset: Watched
    columns: tuple[str, ...]
    window: Window


async def observe(connection: AsyncConnection, asks: Sequence[Ask], *, exact: bool) -> list[BucketMeans]:
    """Means of the buckets in which the machine ran throughout, and for some time before; in the order asked for.

    A sensor the asset does not have is a column without values; a bucket in which none has one is absent.
    """
    reached = [(ask.asset.asset_id, _reached(ask)) for ask in asks]
    buckets = [_running(ask, ran) for ask, ran in zip(asks, await anomalies.running(connection, reached), strict=True)]
    ran = [n for n, running in enumerate(buckets) if len(running)]
    wanted = [
        Wanted(
            series=tuple(asks[n].asset.series.get(name) for name in asks[n].columns),
            bucket_us=asks[n].asset.settings.bucket_us,
            window=Window(start_us=int(buckets[n][0]), end_us=int(buckets[n][-1]) + asks[n].asset.settings.bucket_us),
        )
        for n in ran
    ]
    found = dict(zip(ran, await anomalies.bucket_means(connection, wanted, exact=exact), strict=True))
    return [
        _within(found[n], running) if n in found else _nothing(len(asks[n].columns))
        for n, running in enumerate(buckets)
    ]


def _reached(ask: Ask) -> Window:
    return Window(start_us=ask.window.start_us - settling_us(ask.asset.settings), end_us=ask.window.end_us)


def _running(ask: Ask, ran: Sequence[Window]) -> anomalies.Times:
    intervals = [
        Interval(start_us=one.start_us, end_us=one.end_us, category=Category.FP, cause="", party=Party.NOBODY)
        for one in ran
    ]
    settings = ask.asset.settings
    settling = settling_us(settings)
    return running_buckets(intervals, settings.bucket_us, settling, ask.window.start_us, ask.window.end_us)


def _within(means: BucketMeans, running: anomalies.Times) -> BucketMeans:
    ran = np.isin(means.at_us, running)
    return BucketMeans(at_us=means.at_us[ran], values=means.values[ran])


def _nothing(columns: int) -> BucketMeans:
    return BucketMeans(at_us=np.empty(0, np.int64), values=np.empty((0, columns)))
