"""Timelines of many machines as columns say the same as `shared.timeline` says of each."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.outlook import evidence
from shared import timeline
from shared.contracts.measured import Form, Policy, Verdict
from shared.instant import DAY_US
from shared.model.facts import AssetEvent, Category, EventKind, Interval, Meaning, Party
from shared.timeline_columns import OPEN, Events, Lines, Stretches, days, differing, filled, splice, sweep
from tests import failures_reference

CODES: Final = {
    "up": Meaning(category=Category.FP, cause="running", party=Party.NOBODY),
    "down": Meaning(category=Category.FO, cause="broken", party=Party.SUPPLIER),
    "slow": Meaning(category=Category.PP, cause="derated", party=Party.CUSTOMER),
    "gone": Meaning(category=Category.IU, cause="log_end", party=Party.UNKNOWN),
}
MEANINGS: Final = (timeline.UNMAPPED, *CODES.values())
END: Final = 60
# Stretched, so that days are crossed.
SCALE: Final = DAY_US // 7 + 1

_codes = st.sampled_from([*CODES, "4711"])
_instants = st.integers(min_value=-5, max_value=END + 5)
_windows = st.tuples(st.integers(0, END), st.integers(0, END)).filter(lambda w: w[0] < w[1])
# Where only states speak, or intervals one after the other, nothing overlaps; a mixture does.
_states = st.lists(st.tuples(_instants, st.none(), _codes, st.integers(0, 2), st.just(EventKind.STATE)), max_size=12)
_spans = st.tuples(_instants, st.one_of(st.none(), st.integers(1, 12)), _codes, st.just(0), st.just(EventKind.INTERVAL))
_lines = st.lists(st.one_of(_states, st.lists(_spans, max_size=4), st.lists(st.one_of(_spans), max_size=9)), max_size=4)


def _events(told: Sequence[tuple[int, int | None, str, int, EventKind]], first_id: int) -> list[AssetEvent]:
    return [
        AssetEvent(
            id=first_id + number,
            kind=kind,
            code=code,
            text="",
            start_us=start * SCALE,
            end_us=None if length is None else (start + length) * SCALE,
            seq=seq,
        )
        for number, (start, length, code, seq, kind) in enumerate(told)
    ]


def _columns(lines: Sequence[Sequence[AssetEvent]]) -> Events:
    flat = [(line, event) for line, events in enumerate(lines) for event in events]

    def meaning(event: AssetEvent) -> int:
        meant = CODES.get(event.code)
        if meant is None:
            return 0
        return -1 if event.end_us is None and meant.category is Category.IU else MEANINGS.index(meant)

    return Events(
        line=np.array([line for line, _ in flat], np.int32),
        start=np.array([event.start_us for _, event in flat], np.int64),
        end=np.array([OPEN if event.end_us is None else event.end_us for _, event in flat], np.int64),
        meaning=np.array([meaning(event) for _, event in flat], np.int32),
        event=np.array([event.id for _, event in flat], np.int64),
        seq=np.array([event.seq for _, event in flat], np.int64),
        is_state=np.array([event.kind is EventKind.STATE for _, event in flat], np.bool_),
    )


def _intervals(rows: Stretches, line: int) -> list[Interval]:
    return [
        Interval(
            start_us=int(rows.start[at]),
            end_us=int(rows.end[at]),
            category=MEANINGS[rows.meaning[at]].category,
            cause=MEANINGS[rows.meaning[at]].cause,
            party=MEANINGS[rows.meaning[at]].party,
            event_id=int(rows.event[at]) if rows.event[at] >= 0 else None,
        )
        for at in np.flatnonzero(rows.line == line)
    ]


def _stretches(timelines: Sequence[Sequence[Interval]]) -> Stretches:
    flat = [(line, interval) for line, intervals in enumerate(timelines) for interval in intervals]
    place = {(m.category, m.cause, m.party): number for number, m in enumerate(MEANINGS)}
    return Stretches(
        line=np.array([line for line, _ in flat], np.int32),
        start=np.array([i.start_us for _, i in flat], np.int64),
        end=np.array([i.end_us for _, i in flat], np.int64),
        meaning=np.array([place[i.category, i.cause, i.party] for _, i in flat], np.int32),
        event=np.array([-1 if i.event_id is None else i.event_id for _, i in flat], np.int64),
    )


def _windowed(windows: Sequence[tuple[int, int]]) -> Lines:
    return Lines(
        start=np.array([start * SCALE for start, _ in windows], np.int64),
        end=np.array([end * SCALE for _, end in windows], np.int64),
    )


def _known(events: Sequence[AssetEvent], start: int, end: int) -> list[Interval]:
    return timeline.known(events, CODES, [], start * SCALE, end * SCALE)


@given(_lines, st.lists(_windows, min_size=4, max_size=4))
def test_lines_that_are_plain_say_what_the_timeline_says(
    told: list[list[tuple[int, int | None, str, int, EventKind]]], windows: list[tuple[int, int]]
) -> None:
    lines = [_events(each, 100 * number) for number, each in enumerate(told)]
    rows, crowded = sweep(_windowed(windows[: len(lines)]), _columns(lines))
    assert not crowded[rows.line].any()
    for line, events in enumerate(lines):
        seen("left to the timeline" if crowded[line] else "plain")
        if not crowded[line]:
            assert _intervals(rows, line) == _known(events, *windows[line])


@given(st.lists(st.tuples(_instants, _codes), max_size=12, unique_by=lambda each: each[0]), _windows)
def test_states_of_distinct_instants_are_always_plain(told: list[tuple[int, str]], window: tuple[int, int]) -> None:
    events = _events([(at, None, code, 0, EventKind.STATE) for at, code in told], 0)
    rows, crowded = sweep(_windowed([window]), _columns([events]))
    assert not crowded.any()
    assert _intervals(rows, 0) == _known(events, *window)


@given(st.lists(_states, min_size=3, max_size=3), st.lists(_windows, min_size=3, max_size=3), _codes)
def test_what_is_spliced_and_cubed_is_what_the_timeline_makes_of_it(
    told: list[list[tuple[int, int | None, str, int, EventKind]]], windows: list[tuple[int, int]], late: str
) -> None:
    before = [_events(each, 100 * number) for number, each in enumerate(told)]
    existing = [_known(events, 0, END) for events in before]
    after = [[*events, *_events([(30, 4, late, 0, EventKind.INTERVAL)], 990 + n)] for n, events in enumerate(before)]
    fresh = [_known(events, *window) for events, window in zip(after, windows, strict=True)]
    lines = _windowed(windows)
    spliced = splice(_stretches(existing), _stretches(fresh), lines)
    for line, (start, end) in enumerate(windows):
        expected = timeline.splice(existing[line], fresh[line], start * SCALE, end * SCALE)
        assert _intervals(spliced, line) == expected
        whole = _windowed([(0, END)] * 3)
        cube = days(spliced, whole)
        rows = [
            (int(cube.day[at]), MEANINGS[cube.meaning[at]].category, MEANINGS[cube.meaning[at]].cause,
             MEANINGS[cube.meaning[at]].party, int(cube.duration[at]))
            for at in np.flatnonzero(cube.line == line)
        ]  # fmt: skip
        assert sorted(rows) == timeline.days(expected)
    gone, new = differing(_stretches(existing), spliced)
    stored, wanted = set(_rows(_stretches(existing))), set(_rows(spliced))
    assert set(_rows(_stretches(existing)[gone])) == stored - wanted
    assert set(_rows(spliced[new])) == wanted - stored


def _rows(rows: Stretches) -> list[tuple[int, ...]]:
    columns = (rows.line, rows.start, rows.end, rows.meaning, rows.event)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(st.lists(_states, min_size=1, max_size=3), st.sampled_from(list(Verdict)))
def test_the_outlook_counts_failures_as_one_interval_after_the_other_does(
    told: list[list[tuple[int, int | None, str, int, EventKind]]], unknown: Verdict
) -> None:
    verdicts = dict.fromkeys(Category, Verdict.AVAILABLE) | {
        Category.FO: Verdict.UNAVAILABLE,
        Category.PP: Verdict.EXCLUDED,
        Category.IU: unknown,
    }
    policy = Policy(form=Form.EXCLUDED_FROM_DENOMINATOR, verdicts=verdicts)
    timelines = [_known(_events(each, 100 * number), 0, END) for number, each in enumerate(told)]
    end_us = END * SCALE
    whole = {
        str(number): timeline.complete(intervals, intervals[0].start_us, end_us)
        for number, intervals in enumerate(timelines)
        if intervals
    }
    begins = [intervals[0].start_us if intervals else end_us for intervals in timelines]
    keys = [(m.category, m.cause, m.party) for m in (*MEANINGS, timeline.NO_DATA)]
    lines = Lines(start=np.array(begins, np.int64), end=np.full(len(begins), end_us))
    rows = filled(_stretches(timelines), lines, len(MEANINGS))
    assert evidence(rows, tuple(keys), policy) == failures_reference.evidence(whole, policy)
