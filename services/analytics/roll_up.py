"""Judgement path, beside the timeline: the minutes and hours of one asset's readings, where something touched them.

Only minutes that are over are rolled up, each once while nothing comes late: marks reach to the end of a minute, and
what of them lies beyond now stays dirty. Of series that are measured quantities, hours that are over become amounts.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from shared.counting import Amounts, counted
from shared.db import metering, rollups
from shared.db.dirty import Claim, Window
from shared.db.metering import Meter
from shared.db.pool import AsyncConnection
from shared.db.rollups import Grain, Subject
from shared.instant import DAY_US, HOUR_US, MINUTE_US
from shared.model.quantity import SumKind
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


async def sum_up(connection: AsyncConnection, subject: Subject, meters: Sequence[Meter], claim: Claim) -> None:
    """Bring the hourly amounts of the marked time up to date: of whole hours before the claim's `until_us`.

    To be called when the rollups are. A reading also bears on the hour of the next one, from which a counter rose.
    """
    over_us = claim.until_us // HOUR_US * HOUR_US
    for meter in meters:
        for window in claim.marked:
            # A mark of the minute after an hour is how that hour is waited for.
            start_us = max((window.start_us - MINUTE_US) // HOUR_US * HOUR_US, subject.hours_from_us)
            end_us = -(-window.end_us // HOUR_US) * HOUR_US
            await _sum(connection, meter, Window(start_us=start_us, end_us=min(end_us, over_us)), claim.until_us)
            following = await metering.next_hour(connection, meter, end_us) if meter.kind is SumKind.COUNTER else None
            if following is not None and following.end_us <= over_us:
                await _sum(connection, meter, following, claim.until_us)
    if meters and any(window.end_us > over_us for window in claim.marked):
        await metering.await_hour(connection, claim.asset_id, over_us + HOUR_US, claim.until_us)


async def _sum(connection: AsyncConnection, meter: Meter, window: Window, now_us: int) -> None:
    for start_us in range(window.start_us, window.end_us, 7 * DAY_US):
        part = Window(start_us=start_us, end_us=min(start_us + 7 * DAY_US, window.end_us))
        if meter.kind is SumKind.COUNTER:
            found = counted(*await metering.readings(connection, meter, part), part.start_us)
        else:
            found = await _over_time(connection, meter, part)
        amounts = {at_us: amount * meter.scale + meter.offset for at_us, amount in found.items()}
        await metering.replace(connection, meter, part, amounts, now_us)


async def _over_time(connection: AsyncConnection, meter: Meter, window: Window) -> Amounts:
    """A mean as it is; a rate times the hours for which it is known."""
    return {
        at_us: Fraction(mean) * (Fraction(known_us, HOUR_US) if meter.kind is SumKind.RATE else 1)
        for at_us, mean, known_us in await metering.hours(connection, meter, window)
    }


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
