"""What the readings of an asset say of its state over a window, also where they are no longer kept."""

from collections.abc import Sequence

from shared.db import timeline
from shared.db.pool import AsyncConnection
from shared.db.subjects import Subject
from shared.instant import DAY_US
from shared.model.facts import Interval
from shared.model.reclassification import as_reported
from shared.timeline import from_telemetry, splice

# A fortnight of one sensor at one reading a second is 1.2 million: what is held in memory at once.
_READINGS_AT_ONCE_US = 14 * DAY_US


async def told(
    connection: AsyncConnection,
    subject: Subject,
    start_us: int,
    end_us: int,
    lost_us: Sequence[int],
    *,
    as_of_us: int | None = None,
) -> list[Interval]:
    """What telemetry says of `[start_us, end_us)`, ordered and disjoint; `lost_us`: when the connection was lost.

    With `as_of_us` from values as they were on record then. When a reading came is not kept: one that came later than
    it was taken is among them all the same.
    """
    if not subject.rules:
        return []
    said = await _told_before(connection, subject, start_us, end_us)
    for first_us in range(max(start_us, subject.told_from_us), end_us, _READINGS_AT_ONCE_US):
        last_us = min(first_us + _READINGS_AT_ONCE_US, end_us)
        known_from_us = first_us - subject.hold_us
        at_us, values = await timeline.readings(connection, subject.series, known_from_us, last_us, as_of_us=as_of_us)
        said += splice([], from_telemetry(at_us, values, subject.rules, subject.hold_us, lost_us), first_us, last_us)
    return said


async def _told_before(connection: AsyncConnection, subject: Subject, start_us: int, end_us: int) -> list[Interval]:
    """What telemetry that is no longer kept said of the window, as far as no event outranked it."""
    end_us = min(end_us, subject.told_from_us)
    if start_us >= end_us:
        return []
    stored = await timeline.intervals(connection, subject.asset_id, start_us, end_us)
    said = (as_reported(interval) for interval in stored if interval.event_id is None)
    return [interval for interval in said if interval is not None]
