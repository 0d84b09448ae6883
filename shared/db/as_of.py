"""Timelines as they were known at a time, built anew from what had been recorded by then."""

from collections.abc import Sequence

from shared.db import timeline
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.db.subjects import subjects
from shared.db.told import told
from shared.instant import from_us
from shared.model.facts import AssetEvent, Interval
from shared.timeline import known, losses

_SQL = load("as_of")


async def known_at(
    connection: AsyncConnection, asset_ids: Sequence[int], start_us: int, end_us: int, as_of_us: int
) -> dict[int, list[Interval]]:
    """The timelines over `[start_us, end_us)` as of `as_of_us`, and nothing after it; time nobody spoke of is absent.

    From the events that had come by then with the ends known then, the meanings their codes had been given by then, and
    what had been settled by then. What cannot be told: when a reading came (values that were corrected later are as
    they were before), what of the model is not a code (rules, trust, shortest event) and, where readings are no longer
    kept, what they said below events that came later.
    """
    end_us = min(end_us, as_of_us)
    if start_us >= end_us:
        return {asset_id: [] for asset_id in asset_ids}
    found: dict[int, list[Interval]] = {}
    for asset_id, subject in (await subjects(connection, asset_ids, as_of_us=as_of_us)).items():
        events = await _events(connection, asset_id, start_us, end_us, as_of_us)
        readings = await told(connection, subject, start_us, end_us, losses(events), as_of_us=as_of_us)
        found[asset_id] = known(
            events,
            subject.meanings,
            readings,
            start_us,
            end_us,
            interpretation=subject.interpretation,
            standing=subject.standing,
        )
    return found


async def _events(
    connection: AsyncConnection, asset_id: int, start_us: int, end_us: int, as_of_us: int
) -> list[AssetEvent]:
    parameters = {
        "asset": asset_id,
        "start": from_us(start_us),
        "end": from_us(end_us),
        "as_of": from_us(as_of_us),
    }
    rows = await (await connection.execute(_SQL["events"], parameters)).fetchall()
    return [timeline.event_of(row) for row in rows]
