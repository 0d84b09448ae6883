"""A chart as it is asked for: outline, columns of each source, points."""

from dataclasses import dataclass

import numpy as np

from services.api.chart import points, sources
from services.api.chart.points import Points
from services.api.chart.sources import MOST_READINGS, Reach, Span
from services.api.problems import InvalidParameterError
from shared.db import series
from shared.db.pool import AsyncConnection
from shared.db.series import Columns, Source
from shared.instant import DAY_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The points of a chart, the coarsest source they came from, and the spans in which a rollup is behind."""

    points: Points
    source: Source
    stale: tuple[Span, ...]


async def draw(connection: AsyncConnection, series_id: int, window: Span, *, most: int, now_us: int) -> Curve:
    """At most `most` points of a series in a window.

    Raises InvalidParameterError for a window with more readings that no rollup sums up than a chart is drawn from.
    """
    outline = await series.outline(connection, series_id, *window)
    window = sources.extent(outline, window)
    span_us, buckets = window[1] - window[0], (most - 2) // 2
    wanted, coarse = sources.choose(outline, span_us, buckets), sources.rollup(span_us, buckets)
    for source, patience_us in ((wanted, None), (coarse, DAY_US), (coarse, 0)):
        reach = sources.reach(outline, source, window, now_us, patience_us=patience_us)
        found = await _read(connection, series_id, reach)
        if sum(len(piece.at_us) for piece in found[Source.RAW]) > MOST_READINGS:
            continue
        used = [each for each, pieces in found.items() if pieces]
        coarsest = max(used, key=lambda each: each.step_us, default=source)
        step_us = coarsest.step_us
        drawn = points.thin(_joined(found), window=window, most=most, hold_us=outline.hold_us, step_us=step_us)
        return Curve(points=drawn, source=coarsest, stale=reach.stale)
    raise InvalidParameterError("from", f"more than {MOST_READINGS:,} readings of the window are not rolled up yet")


async def _read(connection: AsyncConnection, series_id: int, reach: Reach) -> dict[Source, list[Columns]]:
    return {
        source: await series.columns(connection, series_id, source, spans, MOST_READINGS + 1) if spans else []
        for source, spans in reach.spans.items()
    }


def _joined(found: dict[Source, list[Columns]]) -> Columns:
    pieces = sorted((piece for pieces in found.values() for piece in pieces), key=lambda piece: piece.at_us[0])
    nothing = np.empty(0, np.float64)
    return Columns(
        at_us=np.concatenate([np.empty(0, np.int64), *(piece.at_us for piece in pieces)]),
        low=np.concatenate([nothing, *(piece.low for piece in pieces)]),
        high=np.concatenate([nothing, *(piece.high for piece in pieces)]),
    )
