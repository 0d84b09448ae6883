"""Judgement path, second stage: the facts of one asset in one window to its timeline and its hours of the cube."""

from collections.abc import Sequence

from shared.db import timeline
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection
from shared.db.timeline import Subject
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import AssetEvent, Category, Interval
from shared.timeline import build, from_telemetry, hours, losses, splice

# A fortnight of one sensor at one reading a second is 1.2 million: what is held in memory at once.
_READINGS_AT_ONCE_US = 14 * DAY_US


async def derive(connection: AsyncConnection, subject: Subject, window: Window) -> bool:
    """Derive what the facts say of the window and save what differs; False when nothing does."""
    start_us, end_us = window.start_us, window.end_us
    events = await timeline.events(connection, subject.asset_id, start_us, end_us)
    told = await _telemetry(connection, subject, window, losses(events))
    mute = _mute(subject, events)
    fresh = [i for i in build(events, subject.meanings, told, start_us, end_us) if i.event_id not in mute]
    first_hour_us, last_hour_us = start_us // HOUR_US * HOUR_US, -(-end_us // HOUR_US) * HOUR_US
    existing = await timeline.around(connection, subject.asset_id, first_hour_us, last_hour_us)
    spliced = splice(existing, fresh, start_us, end_us)
    if spliced == existing:
        return False
    await timeline.save(connection, subject, existing, spliced)
    cube = hours(splice([], spliced, first_hour_us, last_hour_us))
    await timeline.save_hours(connection, subject, cube, first_hour_us, last_hour_us)
    return True


def _mute(subject: Subject, events: Sequence[AssetEvent]) -> set[int | None]:
    """Events without an end that mean information unavailable: nothing is known, however long they hold."""
    known = ((event, subject.meanings.get(event.code)) for event in events if event.end_us is None)
    return {event.id for event, meaning in known if meaning is not None and meaning.category is Category.IU}


async def _telemetry(
    connection: AsyncConnection, subject: Subject, window: Window, lost_us: Sequence[int]
) -> list[Interval]:
    if not subject.rules:
        return []
    told = await _told_before(connection, subject, window)
    for start_us in range(max(window.start_us, subject.told_from_us), window.end_us, _READINGS_AT_ONCE_US):
        end_us = min(start_us + _READINGS_AT_ONCE_US, window.end_us)
        at_us, values = await timeline.readings(connection, subject.series, start_us - subject.hold_us, end_us)
        told += splice([], from_telemetry(at_us, values, subject.rules, subject.hold_us, lost_us), start_us, end_us)
    return told


async def _told_before(connection: AsyncConnection, subject: Subject, window: Window) -> list[Interval]:
    """What telemetry that is no longer kept said of the window, as far as no event outranked it."""
    end_us = min(window.end_us, subject.told_from_us)
    if window.start_us >= end_us:
        return []
    stored = await timeline.intervals(connection, subject.asset_id, window.start_us, end_us)
    return [interval for interval in stored if interval.event_id is None]
