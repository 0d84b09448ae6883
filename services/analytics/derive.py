"""Judgement path, second stage: the facts of one asset in one window to its timeline and its days of the cube."""

from shared.db import timeline
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection
from shared.db.timeline import Subject
from shared.db.told import told
from shared.instant import DAY_US
from shared.timeline import days, differing, known, losses, splice


async def derive(connection: AsyncConnection, subject: Subject, window: Window) -> bool:
    """Derive what the facts say of the window and save what differs; False when nothing does."""
    start_us, end_us = window.start_us, window.end_us
    events = await timeline.events(connection, subject.asset_id, start_us, end_us)
    readings = await told(connection, subject, start_us, end_us, losses(events))
    fresh = known(
        events,
        subject.meanings,
        readings,
        start_us,
        end_us,
        interpretation=subject.interpretation,
        standing=subject.standing,
    )
    first_us, last_us = start_us // DAY_US * DAY_US, -(-end_us // DAY_US) * DAY_US
    existing = await timeline.around(connection, subject.asset_id, first_us, last_us)
    spliced = splice(existing, fresh, start_us, end_us)
    gone, new = differing(existing, spliced)
    if not gone and not new:
        return False
    await timeline.save(connection, subject, gone, new)
    touched = [*gone, *new]
    first_us = max(first_us, min(i.start_us for i in touched) // DAY_US * DAY_US)
    last_us = min(last_us, -(-max(i.end_us for i in touched) // DAY_US) * DAY_US)
    await timeline.save_days(connection, subject, days(splice([], spliced, first_us, last_us)), first_us, last_us)
    return True
