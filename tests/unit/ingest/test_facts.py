"""What the database module decides by itself: merged events, touched hours, the bytes of a binary COPY."""

import itertools
import struct
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.db import binary_copy
from shared.db.telemetry import ReportedEvent, merge_events
from shared.db.touched import minute_runs
from shared.instant import HOUR_US, MINUTE_US
from shared.model.facts import EventKind


def interval(end_us: int | None, *, start_us: int = 10, text: str = "") -> ReportedEvent:
    return ReportedEvent(
        customer_id=1,
        asset_id=1,
        kind=EventKind.INTERVAL,
        code="111",
        text=text,
        start_us=start_us,
        end_us=end_us,
        seq=0,
        topic="t",
        payload=b"p",
    )


KEY = interval(None).key


def test_a_new_event_is_inserted_and_its_repetition_is_a_duplicate() -> None:
    changes = merge_events({}, [interval(None), interval(None)])
    assert (changes.inserts, changes.closes, changes.duplicates) == ((interval(None),), (), 1)


def test_an_end_closes_a_stored_open_event() -> None:
    changes = merge_events({KEY: None}, [interval(20)])
    assert (changes.inserts, changes.closes) == ((), (interval(20),))


def test_an_event_opened_and_closed_in_one_batch_is_inserted_closed_with_its_first_text() -> None:
    changes = merge_events({}, [interval(None, text="Stop"), interval(20, text="Cleared")])
    assert (changes.inserts, changes.closes) == ((interval(20, text="Stop"),), ())


def test_the_first_announcement_of_an_event_stays_and_a_later_one_fills_what_was_not_said() -> None:
    opened, closed = interval(None), replace(interval(20), announced_us=7)
    assert merge_events({}, [opened, closed]).inserts[0].announced_us == 7
    assert merge_events({}, [replace(opened, announced_us=5), closed]).inserts[0].announced_us == 5


def test_another_end_is_a_conflict_and_an_opening_message_after_the_end_a_duplicate() -> None:
    changes = merge_events({KEY: 20}, [interval(None), interval(30), interval(20)])
    assert (changes.inserts, changes.closes) == ((), ())
    assert (changes.duplicates, changes.conflicts) == (2, (1,))


event_lists = st.lists(
    st.builds(lambda end, start: interval(end, start_us=start), st.sampled_from([None, 20, 30]), st.integers(0, 2)),
    max_size=8,
)


@given(event_lists, event_lists)
def test_in_one_batch_or_two_the_same_is_stored_and_sending_it_again_changes_nothing(
    early: list[ReportedEvent], late: list[ReportedEvent]
) -> None:
    def ends(stored: dict, events: list[ReportedEvent]) -> dict:
        changes = merge_events(stored, events)
        assert len(events) >= len(changes.inserts) + len(changes.closes) + changes.duplicates + len(changes.conflicts)
        return stored | {event.key: event.end_us for event in changes.inserts + changes.closes}

    at_once = ends({}, early + late)
    assert at_once == ends(ends({}, early), late)
    again = merge_events(at_once, early + late)
    assert (again.inserts, again.closes) == ((), ())


spans = st.lists(
    st.tuples(st.integers(1, 3), st.integers(180_000 * HOUR_US, 180_008 * HOUR_US), st.integers(1, 3 * HOUR_US)),
    max_size=12,
)


def runs_of(
    asset_id: NDArray[np.int32], start_us: NDArray[np.int64], end_us: NDArray[np.int64]
) -> list[tuple[int, int, int]]:
    found = minute_runs(asset_id, start_us, end_us)
    return list(zip(*(column.tolist() for column in found), strict=True))


@given(spans)
def test_runs_begin_and_end_with_a_touched_minute_and_are_more_than_an_hour_apart(
    spans: list[tuple[int, int, int]],
) -> None:
    starts = np.array([start for _, start, _ in spans], np.int64)
    runs = runs_of(
        np.array([asset for asset, _, _ in spans], np.int32),
        starts,
        starts + np.array([length for _, _, length in spans], np.int64),
    )
    touched = {
        (asset, minute)
        for asset, start, length in spans
        for minute in range(start // MINUTE_US, -(-(start + length) // MINUTE_US))
    }
    found = [(asset, minute) for asset, start, end in runs for minute in range(start // MINUTE_US, end // MINUTE_US)]
    assert sorted(found) == found
    assert set(found) >= touched
    for asset, start, end in runs:
        assert start % MINUTE_US == 0 == end % MINUTE_US
        assert {(asset, start // MINUTE_US), (asset, end // MINUTE_US - 1)} <= touched
        known = [minute for of, minute in sorted(touched) if of == asset and start <= minute * MINUTE_US < end]
        assert all(late - early <= 61 for early, late in itertools.pairwise(known))
    assert all(a[0] != b[0] or a[2] + HOUR_US < b[1] for a, b in itertools.pairwise(runs))


def test_a_minute_ends_before_the_next_one_begins() -> None:
    def runs(start_us: int, end_us: int) -> list[tuple[int, int, int]]:
        return runs_of(np.array([5], np.int32), np.array([start_us], np.int64), np.array([end_us], np.int64))

    assert runs(MINUTE_US, 2 * MINUTE_US) == [(5, MINUTE_US, 2 * MINUTE_US)]
    assert runs(MINUTE_US, 2 * MINUTE_US + 1) == [(5, MINUTE_US, 3 * MINUTE_US)]
    assert runs(2 * MINUTE_US - 1, 2 * MINUTE_US) == [(5, MINUTE_US, 2 * MINUTE_US)]


@given(
    st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**62), 2**62), st.floats(), st.integers(0, 9)))
)
def test_the_bytes_of_a_binary_copy_read_back_as_the_rows(rows: list[tuple[int, int, float, int]]) -> None:
    data = binary_copy.encode(
        [
            np.array([row[0] for row in rows], np.int32),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float64),
            np.array([row[3] for row in rows], np.int16),
        ]
    )
    form = struct.Struct(">hiiiqidih")
    body = data[19:-2]
    assert data[:11] == b"PGCOPY\n\xff\r\n\0"
    assert data[11:19] == bytes(8)
    assert data[-2:] == b"\xff\xff"
    assert len(body) == form.size * len(rows)
    for row, (fields, a, series, b, at, c, value, d, quality) in zip(rows, form.iter_unpack(body), strict=True):
        assert (fields, a, b, c, d) == (4, 4, 8, 8, 2)
        assert (series, at, quality) == (row[0], row[1], row[3])
        assert struct.pack(">d", value) == struct.pack(">d", row[2])
