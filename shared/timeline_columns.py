"""Facts to timelines for many machines at once, as numpy columns: the plain cases of `shared.timeline`, row for row.

A line is one machine in one window; lines are numbered from 0 and rows are ordered by line and start. Where events
overlap, or two states of one instant claim the same place, the line is left to `shared.timeline.build`. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.instant import DAY_US

# What is still open, or holds until the next state, has this end.
OPEN: Final = np.iinfo(np.int64).max
Flags = NDArray[np.bool_]
Integers = NDArray[np.int32]
Times = NDArray[np.int64]
_Places = NDArray[Any] | slice


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """The window `[start, end)` of each line, shape (n,), UTC microseconds."""

    start: Times
    end: Times

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """Columns of equal shape (n,); `meaning` is a place in the caller's list of meanings."""

    line: Integers
    start: Times
    end: Times
    meaning: Integers

    def __len__(self) -> int:
        return len(self.line)

    def __getitem__(self, places: _Places) -> Self:
        """These rows; columns are never written to, so that they may share memory."""
        return type(self)(**{field.name: getattr(self, field.name)[places] for field in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(cls)}
        return cls(**{name: np.concatenate(each) for name, each in columns.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretches(_Rows):
    """Stretches `[start, end)` by the event that says so; negative: no event."""

    event: Times


@dataclass(frozen=True, kw_only=True, slots=True)
class Events(Stretches):
    """Events as reported, `event` being the id; a negative meaning says nothing, however long it holds."""

    seq: Times
    is_state: Flags


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """Rows of the cube, shape (n,): microseconds of a line in the UTC day that begins at `day`."""

    line: Integers
    day: Times
    meaning: Integers
    duration: Times

    def __len__(self) -> int:
        return len(self.line)


_Of = TypeVar("_Of", bound=_Rows)


def sweep(lines: Lines, events: Events) -> tuple[Stretches, Flags]:
    """The timelines that `events` (in any order) tell, and which lines are not plain (n,): of those there are no rows.

    Events as for `shared.timeline.build`, without losses of the connection: the state that holds at a line's start is
    among them.
    """
    crowded = np.zeros(len(lines), np.bool_)
    if not len(events):
        return _stretches(events), crowded
    events = _ordered(events, events.seq)
    is_state = events.is_state
    all_states = bool(is_state.all())
    states = events if all_states else events[is_state]
    claims = _stretches(states)
    if len(states):
        same_line = states.line[1:] == states.line[:-1]
        same = same_line & (states.start[1:] == states.start[:-1])
        crowded[states.line[1:][same & (states.seq[1:] == states.seq[:-1])]] = True
        ends = np.append(np.where(same_line, states.start[1:], OPEN), OPEN)
        claims = replace(claims, end=ends)
        if same.any():
            claims = claims[np.append(~same, True)]
    if not all_states:
        claims = Stretches.joined([claims, _stretches(events[~is_state])])
    claims = _clipped(claims, lines)
    if not all_states:
        claims = _ordered(claims)
    meets = (claims.line[1:] == claims.line[:-1]) & (claims.start[1:] < claims.end[:-1])
    crowded[claims.line[1:][meets]] = True
    spoken = claims.meaning >= 0
    if crowded.any():
        spoken &= ~crowded[claims.line]
    return claims if spoken.all() else claims[spoken], crowded


def splice(existing: Stretches, fresh: Stretches, lines: Lines) -> Stretches:
    """`existing` with the window of each line replaced by `fresh`; equal neighbours become one."""
    start, end = lines.start[existing.line], lines.end[existing.line]
    is_before, is_after = existing.start < start, existing.end > end
    if not is_before.any() and not is_after.any():
        return fresh
    before = replace(existing[is_before], end=np.minimum(existing.end, start)[is_before])
    after = replace(existing[is_after], start=np.maximum(existing.start, end)[is_after])
    return _merged(_ordered(Stretches.joined([before, fresh, after])))


def differing(stored: Stretches, wanted: Stretches) -> tuple[Flags, Flags]:
    """Which rows of `stored` are not wanted and which of `wanted` are not stored; both ordered by line and start."""
    if len(stored) == len(wanted) and bool(_equal(stored, wanted).all()):
        return np.zeros(len(stored), np.bool_), np.zeros(len(wanted), np.bool_)
    if not len(stored) or not len(wanted):
        return np.ones(len(stored), np.bool_), np.ones(len(wanted), np.bool_)
    both = Stretches.joined([stored, wanted])
    order = np.lexsort((both.start, both.line))
    ordered = both[order]
    is_pair = np.append(_equal(ordered[:-1], ordered[1:]), False)
    is_kept = is_pair.copy()
    is_kept[1:] |= is_pair[:-1]
    differs = np.empty(len(both), np.bool_)
    differs[order] = ~is_kept
    return differs[: len(stored)], differs[len(stored) :]


def days(stretches: Stretches, lines: Lines) -> Days:
    """The cube of the stretches, clipped to their lines' windows: ordered by line, day and meaning."""
    clipped = _clipped(stretches, lines)
    first = clipped.start // DAY_US
    count = (clipped.end - 1) // DAY_US - first + 1
    whole = np.repeat(np.arange(len(clipped)), count)
    nth = np.arange(len(whole)) - np.repeat(np.cumsum(count) - count, count)
    line, meaning, day = clipped.line[whole], clipped.meaning[whole], (first[whole] + nth) * DAY_US
    duration = np.minimum(clipped.end[whole], day + DAY_US) - np.maximum(clipped.start[whole], day)
    order = np.lexsort((meaning, day, line))
    line, day, meaning, duration = line[order], day[order], meaning[order], duration[order]
    if not len(line):
        return Days(line=line, day=day, meaning=meaning, duration=duration)
    begins = (line[1:] != line[:-1]) | (day[1:] != day[:-1]) | (meaning[1:] != meaning[:-1])
    places = np.flatnonzero(np.append(True, begins))
    return Days(line=line[places], day=day[places], meaning=meaning[places], duration=np.add.reduceat(duration, places))


def filled(rows: Stretches, lines: Lines, meaning: int) -> Stretches:
    """The rows clipped to their lines' windows, with `meaning` wherever nothing is said."""
    rows = _clipped(rows, lines)
    order = np.arange(len(lines), dtype=np.int32)
    edges = Stretches.joined(
        [
            _marks(order, lines.start, meaning),
            Stretches(line=rows.line, start=rows.end, end=rows.end, meaning=rows.meaning, event=rows.event),
        ]
    )
    edges = edges[np.lexsort((edges.start, edges.line))]
    starts = Stretches.joined([rows, _marks(order, lines.end, meaning)])
    starts = starts[np.lexsort((starts.start, starts.line))]
    is_gap = edges.start < starts.start
    gaps = Stretches(
        line=edges.line[is_gap],
        start=edges.start[is_gap],
        end=starts.start[is_gap],
        meaning=np.full(int(is_gap.sum()), meaning, np.int32),
        event=np.full(int(is_gap.sum()), -1),
    )
    return _ordered(Stretches.joined([rows, gaps]))


def _marks(line: Integers, at: Times, meaning: int) -> Stretches:
    return Stretches(
        line=line, start=at, end=at, meaning=np.full(len(line), meaning, np.int32), event=np.full(len(line), -1)
    )


def _stretches(events: Events) -> Stretches:
    return Stretches(line=events.line, start=events.start, end=events.end, meaning=events.meaning, event=events.event)


def _clipped(rows: Stretches, lines: Lines) -> Stretches:
    """The rows that overlap their line's window, cut to it."""
    start = np.maximum(rows.start, lines.start[rows.line])
    end = np.minimum(rows.end, lines.end[rows.line])
    cut = replace(rows, start=start, end=end)
    overlaps = start < end
    return cut if overlaps.all() else cut[overlaps]


def _merged(rows: Stretches) -> Stretches:
    joins = rows.end[:-1] == rows.start[1:]
    for name in ("line", "event", "meaning"):
        column = getattr(rows, name)
        joins &= column[:-1] == column[1:]
    if not joins.any():
        return rows
    return replace(rows[np.append(True, ~joins)], end=rows.end[np.append(~joins, True)])


def _equal(one: Stretches, other: Stretches) -> Flags:
    equal = one.line == other.line
    for name in ("start", "end", "event", "meaning"):
        equal &= getattr(one, name) == getattr(other, name)
    return equal


def _ordered(rows: _Of, seq: Times | None = None) -> _Of:
    """By line, start and `seq`; rows that come so already, as they mostly do, cost one comparison."""
    same = rows.line[1:] == rows.line[:-1]
    rises = (rows.line[1:] > rows.line[:-1]) | (same & (rows.start[1:] > rows.start[:-1]))
    if bool(rises.all()):
        return rows
    keys = (rows.start, rows.line) if seq is None else (seq, rows.start, rows.line)
    return rows[np.lexsort(keys)]
