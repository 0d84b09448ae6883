"""Judgement path, second stage, for machines told by their events alone: many at once, as columns.

What it finds is what `derive` would: an asset of which the columns cannot tell all is left to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from shared.db import timelines_bulk
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection
from shared.db.timeline import Subject
from shared.db.timelines_bulk import Batch
from shared.instant import DAY_US
from shared.model.facts import USUAL
from shared.timeline_columns import Events, Flags, Lines, Stretches, days, differing, splice, sweep

# Days of all assets of a group together: what is held in memory at once, some 2 million events of busy machines.
_DAYS_AT_ONCE = 40_000
# Several windows of an asset are derived as one when that is no longer than so.
_LONGEST_HULL_US = 40 * DAY_US

Work = tuple[Subject, Window]
_Of = TypeVar("_Of", Events, Stretches)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Change:
    """Of each line, what is stored around its window, what is wanted there, and where the two differ."""

    stored: Stretches
    wanted: Stretches
    gone: Flags
    fresh: Flags


def hull(subject: Subject, windows: Sequence[Window]) -> Window | None:
    """The one window to derive, if the asset is told by its events alone, in the usual way; else None."""
    is_plain = not subject.rules and subject.interpretation == USUAL and not subject.standing
    if not is_plain or not windows:
        return None
    whole = Window(start_us=windows[0].start_us, end_us=windows[-1].end_us)
    return whole if len(windows) == 1 or whole.end_us - whole.start_us <= _LONGEST_HULL_US else None


async def derive_many(connection: AsyncConnection, works: Sequence[Work]) -> dict[int, list[Window]]:
    """Derive what the facts say of each asset's window and save what differs.

    By asset, the part of the window in which its timeline became another, if any; assets that are not plain are absent,
    and as they were.
    """
    changed: dict[int, list[Window]] = {}
    for group in _groups(works):
        changed |= await _derive_group(connection, group)
    return changed


def _groups(works: Sequence[Work]) -> Iterator[list[Work]]:
    group: list[Work] = []
    held = 0
    for subject, window in works:
        length = 1 + (window.end_us - window.start_us) // DAY_US
        if group and held + length > _DAYS_AT_ONCE:
            yield group
            group, held = [], 0
        group.append((subject, window))
        held += length
    if group:
        yield group


async def _derive_group(connection: AsyncConnection, works: Sequence[Work]) -> dict[int, list[Window]]:
    batch = await timelines_bulk.batch(connection, works)
    told, left = await timelines_bulk.events(connection, batch)
    fresh, crowded = sweep(batch.lines, _without(told, left))
    reach = Lines(start=batch.lines.start // DAY_US * DAY_US, end=-(-batch.lines.end // DAY_US) * DAY_US)
    found, has_more = await timelines_bulk.stretches(connection, batch, reach)
    left |= crowded | has_more
    stored = _without(found, left)
    wanted = splice(stored, _without(fresh, left), batch.lines)
    gone, new = differing(stored, wanted)
    change = _Change(stored=stored, wanted=wanted, gone=gone, fresh=new)
    touched = _touched(change, len(works))
    cubed = Lines(
        start=np.maximum(touched.start // DAY_US * DAY_US, reach.start),
        end=np.minimum(-(-touched.end // DAY_US) * DAY_US, reach.end),
    )
    foreign = _foreign(change, cubed)
    left |= foreign
    await _save(connection, batch, change, cubed, foreign)
    return {
        subject.asset_id: _clipped(window, int(touched.start[line]), int(touched.end[line]))
        for line, (subject, window) in enumerate(works)
        if not left[line]
    }


def _without(rows: _Of, lines: Flags) -> _Of:
    return rows[~lines[rows.line]] if lines.any() else rows


def _touched(change: _Change, lines: int) -> Lines:
    """Of each line, from the first to the last row that differs; no time (start 0, end 0) where none does."""
    start, end = np.full(lines, np.iinfo(np.int64).max), np.zeros(lines, np.int64)
    for rows in (change.stored[change.gone], change.wanted[change.fresh]):
        np.minimum.at(start, rows.line, rows.start)
        np.maximum.at(end, rows.line, rows.end)
    return Lines(start=np.where(end > 0, start, 0), end=end)


def _foreign(change: _Change, cubed: Lines) -> Flags:
    """Lines of which something would have to be written whose meaning none of the models has."""
    rows = change.wanted[timelines_bulk.is_foreign(change.wanted)]
    counts = (rows.start < cubed.end[rows.line]) & (rows.end > cubed.start[rows.line])
    foreign = np.zeros(len(cubed), np.bool_)
    foreign[rows.line[counts]] = True
    written = change.wanted[change.fresh]
    foreign[written.line[timelines_bulk.is_foreign(written)]] = True
    return foreign


async def _save(connection: AsyncConnection, batch: Batch, change: _Change, cubed: Lines, left: Flags) -> None:
    gone = change.gone & ~left[change.stored.line]
    fresh = _without(change.wanted[change.fresh], left)
    if not gone.any() and not len(fresh):
        return
    await timelines_bulk.save(connection, batch, change.stored, gone, fresh)
    whole = Lines(start=np.where(left, 0, cubed.start), end=np.where(left, 0, cubed.end))
    rows = change.wanted[(whole.end > whole.start)[change.wanted.line]]
    await timelines_bulk.save_days(connection, batch, whole, days(rows, whole))


def _clipped(window: Window, start_us: int, end_us: int) -> list[Window]:
    start_us, end_us = max(start_us, window.start_us), min(end_us, window.end_us)
    return [Window(start_us=start_us, end_us=end_us)] if start_us < end_us else []
