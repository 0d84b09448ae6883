"""Judgement path, beside the timeline: the minutes and hours of one asset's readings, where something touched them.

Only minutes that are over are rolled up, each once while nothing comes late: marks reach to the end of a minute, and
what of them lies beyond now stays dirty.
"""

from collections.abc import Iterable

from shared.db import rollups
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection
from shared.db.rollups import Grain, Subject
from shared.instant import DAY_US, HOUR_US, MINUTE_US
from shared.rollup import hours, minutes

# What is held in memory at once: about so many readings or minutes, found by trying longer and shorter steps.
_ROWS_AT_ONCE = 400_000


async def roll_up(connection: AsyncConnection, subject: Subject, marked: Iterable[Window], until_us: int) -> None:
    """Bring the rollups of the marked time up to date, up to the minute that contains `until_us`."""
    over_us = until_us // MINUTE_US * MINUTE_US
    for window in marked:
        start_us = max(window.start_us // MINUTE_US * MINUTE_US, subject.minutes_from_us)
        end_us = min(-(-window.end_us // MINUTE_US) * MINUTE_US, over_us)
        if start_us >= end_us:
            continue
        await _minutes(connection, subject, start_us, end_us)
        first_us, last_us = start_us // HOUR_US * HOUR_US, -(-end_us // HOUR_US) * HOUR_US
        await _hours(connection, subject, max(first_us, subject.hours_from_us), last_us, over_us)


async def _minutes(connection: AsyncConnection, subject: Subject, start_us: int, end_us: int) -> None:
    step_us = DAY_US
    while start_us < end_us:
        part = Window(start_us=start_us, end_us=min(start_us + step_us, end_us))
        series, at_us, value = await rollups.readings(connection, subject, part)
        rows = minutes(series, at_us, value, subject.hold_us, start_us)
        await rollups.replace(connection, Grain.MINUTE, subject, part, rows)
        start_us, step_us = part.end_us, _next_step(step_us, len(value))


async def _hours(connection: AsyncConnection, subject: Subject, start_us: int, end_us: int, over_us: int) -> None:
    step_us = 30 * DAY_US
    while start_us < end_us:
        part = Window(start_us=start_us, end_us=min(start_us + step_us, end_us))
        found = await rollups.minutes(connection, subject, part)
        rows = hours(found, subject.hold_us, start_us, over_us)
        await rollups.replace(connection, Grain.HOUR, subject, part, rows)
        start_us, step_us = part.end_us, _next_step(step_us, len(found))


def _next_step(step_us: int, rows: int) -> int:
    if rows > _ROWS_AT_ONCE:
        return max(step_us // 2 // HOUR_US * HOUR_US, HOUR_US)
    return 2 * step_us if 2 * rows < _ROWS_AT_ONCE else step_us
