"""What the plots of a page are drawn from: read by the request, drawn in a thread beside the event loop."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from services.api.chart import curve, scored
from services.api.deps import Visit
from services.api.problems import InvalidParameterError
from services.api.web.plots import finding, life
from services.api.web.plots.finding import Shaded, Share
from services.api.web.plots.life import Mark, Outlook, Story
from services.api.web.plots.theme import Trace
from shared.db import finding_views, prognosis_views, series
from shared.db.finding_views import Anomaly, Scored
from shared.db.notices import Notice
from shared.db.prognosis_views import Failure
from shared.db.rows import Sensor
from shared.instant import HOUR_US, from_us, to_us

_MOST_POINTS: Final = 400
_MOST_SCORES: Final = 100_000
_MOST_SHARES: Final = 8
_MOST_OUTLOOKS: Final = 300
# Scores further apart than this many of the usual steps are not one line.
_STEPS: Final = 4
_GRID_US: Final = HOUR_US // 6
HISTORY: Final = timedelta(days=365)


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingPlots:
    """A finding as plots: sensors against their expectation by name, contributions, score."""

    sensors: dict[str, Markup]
    contributions: Markup
    score: Markup


@dataclass(frozen=True, kw_only=True, slots=True)
class LifePlots:
    """A component's life as plots; None where nothing of the kind was ever foretold."""

    health: Markup | None
    remaining: Markup | None


async def finding_plots(asked: Visit, anomaly: Anomaly, *, sensors: int) -> FindingPlots | None:
    """A finding with that many of its sensors, the leading ones; None: it does not say which."""
    names = [one["sensor"] for one in anomaly.contributions[:sensors]]
    known = await series.sensors(asked.connection, anomaly.asset_id, names)
    shown = [known[name] for name in names if name in known]
    if not shown:
        return None
    end_us = None if anomaly.end_at is None else to_us(anomaly.end_at)
    window = scored.around(to_us(anomaly.start_at), end_us, _now_us(asked))
    shaded = Shaded(window_us=window, start_us=to_us(anomaly.start_at), end_us=end_us or window[1])
    lines: list[tuple[Sensor, Trace, Trace]] = []
    trace = Trace(at_us=(), value=())
    for sensor in shown:
        rows = await finding_views.scores(asked.connection, anomaly.asset_id, sensor.name, window, limit=_MOST_SCORES)
        few = scored.thinned(rows, window, _MOST_POINTS)
        lines.append((sensor, await _observed(asked, sensor, window, few), _trace(few.at_us, few.expected)))
        trace = _trace(few.at_us, few.score)
    shares = tuple(
        Share(sensor=one["sensor"], signed=one["share"] if one["direction"] == "high" else -one["share"])
        for one in anomaly.contributions[:_MOST_SHARES]
    )
    return await asyncio.to_thread(_draw_finding, lines, shares, trace, shaded)


async def life_plots(
    asked: Visit, asset_id: int, component: str, notices: Sequence[Notice], failures: Sequence[Failure]
) -> LifePlots:
    """The last year of a component's life, with the notices and failures of it."""
    outlooks = await prognosis_views.outlooks(
        asked.connection,
        asset_id,
        component,
        start=from_us(_now_us(asked)) - HISTORY,
        end=from_us(_now_us(asked) + 1),
        most=_MOST_OUTLOOKS,
    )
    told = [(notice.given_at, "notice") for notice in notices if notice.component == component]
    failed = [(failure.at, "failure") for failure in failures if failure.component == component]
    story = Story(
        outlooks=tuple(
            Outlook(at_us=to_us(one.at), p10_h=one.p10_h, p50_h=one.p50_h, p90_h=one.p90_h, health=one.health)
            for one in outlooks
        ),
        marks=tuple(Mark(at_us=to_us(at), kind=kind) for at, kind in sorted([*told, *failed])),
        now_us=_now_us(asked),
    )
    return await asyncio.to_thread(_draw_life, story)


def _now_us(asked: Visit) -> int:
    """The present as plots show it: the same for some minutes, so that one that was drawn is found again."""
    return asked.now_us // _GRID_US * _GRID_US


def _draw_finding(
    lines: Sequence[tuple[Sensor, Trace, Trace]], shares: tuple[Share, ...], trace: Trace, shaded: Shaded
) -> FindingPlots:
    return FindingPlots(
        sensors={
            sensor.name: finding.against_expectation(sensor.name, sensor.unit, observed, expected, shaded)
            for sensor, observed, expected in lines
        },
        contributions=finding.contributions(shares),
        score=finding.score(trace, shaded),
    )


def _draw_life(story: Story) -> LifePlots:
    return LifePlots(
        health=life.health(story) if story.has_health else None,
        remaining=life.remaining_life(story) if story.has_life else None,
    )


async def _observed(asked: Visit, sensor: Sensor, window: tuple[int, int], few: Scored) -> Trace:
    """What the sensor showed; where there are too many readings for a chart, what the scores say it showed."""
    try:
        drawn = await curve.draw(asked.connection, sensor.id, window, most=_MOST_POINTS, now_us=asked.now_us)
    except InvalidParameterError:
        return _trace(few.at_us, few.observed)
    return Trace(at_us=tuple(drawn.points.at_us.tolist()), value=_values(drawn.points.value))


def _trace(at_us: NDArray[np.int64], value: NDArray[np.float64]) -> Trace:
    """A line that breaks where nothing is on record for longer than usual."""
    apart_us = np.diff(at_us)
    if len(apart_us):
        broken = np.flatnonzero(apart_us > _STEPS * np.median(apart_us)) + 1
        value = np.insert(value, broken, np.nan)
        at_us = np.insert(at_us, broken, at_us[broken - 1] + 1)
    return Trace(at_us=tuple(at_us.tolist()), value=_values(value))


def _values(column: NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else value for value in column.tolist())
