"""What must hold of every timeline, against the plainest possible peer: looking at each instant alone."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared import timeline
from shared.instant import DAY_US
from shared.model.facts import (
    BUILT_IN,
    OFFLINE,
    PRIORITY,
    SILENT,
    AssetEvent,
    Category,
    Condition,
    EventKind,
    Interval,
    Meaning,
    Party,
    StateRule,
)

END = 60
MEANINGS = {
    category.value: Meaning(category=category, cause=category.value.lower(), party=Party.SUPPLIER)
    for category in Category
    if category is not Category.OEL
} | dict(BUILT_IN)

_at = st.integers(min_value=-10, max_value=END + 10)
_code = st.sampled_from([category.value for category in Category])
_state = st.builds(lambda code, start, seq: (EventKind.STATE, code, start, None, seq), _code, _at, st.integers(0, 2))
_stretch = st.builds(
    lambda code, start, length, seq: (EventKind.INTERVAL, code, start, length, seq),
    _code,
    _at,
    st.none() | st.integers(0, 30),
    st.integers(0, 2),
)
_ours = st.builds(
    lambda code, start, length: (EventKind.INTERVAL, code, start, length, 0),
    st.sampled_from([OFFLINE, OFFLINE, SILENT]),
    _at,
    st.none() | st.integers(0, 30),
)


@st.composite
def _events(draw: st.DrawFn) -> list[AssetEvent]:
    drawn = draw(st.lists(_state | _stretch | _ours, max_size=10))
    return [
        AssetEvent(
            id=number,
            kind=kind,
            code=code,
            text="",
            start_us=start,
            end_us=None if length is None else start + length,
            seq=seq,
        )
        for number, (kind, code, start, length, seq) in enumerate(drawn)
    ]


@st.composite
def _lines(draw: st.DrawFn, event_ids: bool = False) -> list[Interval]:
    """Ordered disjoint intervals between -10 and END + 10, some of them touching."""
    edges = sorted(draw(st.sets(_at, max_size=14)))
    found = []
    for number, (start, end) in enumerate(pairwise(edges)):
        meaning = draw(st.none() | st.sampled_from(list(MEANINGS.values())))
        if meaning is not None:
            found.append(
                Interval(
                    start_us=start,
                    end_us=end,
                    category=meaning.category,
                    cause=meaning.cause,
                    party=meaning.party,
                    event_id=number if event_ids and number % 2 else None,
                )
            )
    return found


def _at_instant(intervals: Sequence[Interval], us: int) -> Interval | None:
    found = [interval for interval in intervals if interval.start_us <= us < interval.end_us]
    assert len(found) <= 1
    return found[0] if found else None


def _peer(events: Sequence[AssetEvent], telemetry: Sequence[Interval], us: int) -> tuple[Category, int | None] | None:
    """Category and event at one instant, by looking at all events; None: nobody speaks of it."""
    states = [e for e in events if e.kind is EventKind.STATE and e.start_us <= us]
    holding = [max(states, key=lambda e: (e.start_us, e.seq, e.code, e.id))] if states else []
    holding += [
        e for e in events if e.kind is EventKind.INTERVAL and e.start_us <= us and (e.end_us is None or us < e.end_us)
    ]
    lost_us = max((e.start_us for e in events if e.code == OFFLINE and e.start_us <= us), default=-1000)
    holding = [
        e for e in holding if e.code != SILENT and (e.code == OFFLINE or e.end_us is not None or e.start_us >= lost_us)
    ]
    known = [(MEANINGS[e.code].category if e.code in MEANINGS else Category.IU, e) for e in holding]
    told = _at_instant(telemetry, us)
    facts = [(category, e) for category, e in known if category is not Category.IU]
    if not facts and told is not None and told.category is not Category.IU:
        return told.category, None
    if not known:
        return None if told is None else (told.category, None)
    category, event = max(known, key=lambda f: (PRIORITY[f[0]], f[1].start_us, f[1].seq, f[1].code, f[1].id or 0))
    return category, event.id


@given(_events(), _lines())
def test_at_each_instant_the_timeline_says_what_looking_at_all_events_says(
    events: list[AssetEvent], telemetry: list[Interval]
) -> None:
    built = timeline.build(events, MEANINGS, telemetry, 0, END)
    for us in range(-2, END + 2):
        found = _at_instant(built, us)
        expected = _peer(events, telemetry, us) if 0 <= us < END else None
        assert (found and (found.category, found.event_id)) == expected


@given(_events(), _lines(), st.randoms(use_true_random=False))
def test_the_order_of_events_is_irrelevant(
    events: list[AssetEvent], telemetry: list[Interval], shuffler: object
) -> None:
    built = timeline.build(events, MEANINGS, telemetry, 0, END)
    mixed = list(events)
    shuffler.shuffle(mixed)  # pyright: ignore[reportAttributeAccessIssue]
    assert timeline.build(mixed, MEANINGS, telemetry, 0, END) == built
    assert all(one.end_us <= other.start_us for one, other in pairwise(built))
    assert timeline.merge(built) == built


@given(_events(), _lines(), st.integers(min_value=0, max_value=END))
def test_splitting_the_window_and_splicing_gives_the_same_timeline(
    events: list[AssetEvent], telemetry: list[Interval], at_us: int
) -> None:
    whole = timeline.build(events, MEANINGS, telemetry, 0, END)
    left = timeline.build(events, MEANINGS, telemetry, 0, at_us)
    right = timeline.build(events, MEANINGS, telemetry, at_us, END)
    assert timeline.splice(left, right, at_us, END) == whole
    assert timeline.splice(whole, left, 0, at_us) == whole


@given(_events(), _lines())
def test_categories_sum_to_the_period_whatever_was_lost(events: list[AssetEvent], telemetry: list[Interval]) -> None:
    built = timeline.build(events, MEANINGS, telemetry, 0, END)
    assert sum(timeline.durations(timeline.complete(built, 0, END), 0, END).values()) == END


@given(_lines(), st.integers(min_value=0, max_value=END), st.integers(min_value=0, max_value=END))
def test_a_complete_timeline_sums_to_the_window_exactly(line: list[Interval], one: int, other: int) -> None:
    start_us, end_us = sorted((one, other))
    whole = timeline.complete(line, start_us, end_us)
    assert sum(timeline.durations(whole, start_us, end_us).values()) == end_us - start_us
    assert all(a.end_us == b.start_us for a, b in pairwise(whole))
    known = timeline.durations(line, start_us, end_us)
    for key, duration in timeline.durations(whole, start_us, end_us).items():
        if key[1] != "no_data":
            assert duration == known[key]


@given(_lines(event_ids=True), _lines(event_ids=True), st.integers(0, END), st.integers(0, END))
def test_splicing_changes_the_window_and_nothing_else(
    existing: list[Interval], fresh: list[Interval], one: int, other: int
) -> None:
    start_us, end_us = sorted((one, other))
    spliced = timeline.splice(existing, fresh, start_us, end_us)
    for us in range(-10, END + 10):
        source = fresh if start_us <= us < end_us else existing
        found, expected = _at_instant(spliced, us), _at_instant(source, us)
        assert (found and (found.category, found.cause, found.event_id)) == (
            expected and (expected.category, expected.cause, expected.event_id)
        )
    assert timeline.merge(spliced) == spliced


@given(_lines(), st.integers(min_value=-10, max_value=END + 10))
def test_sums_over_parts_are_the_sum_over_the_whole(line: list[Interval], at_us: int) -> None:
    whole = timeline.durations(line, -10, END + 10)
    left, right = timeline.durations(line, -10, at_us), timeline.durations(line, at_us, END + 10)
    assert whole == {key: left.get(key, 0) + right.get(key, 0) for key in {**left, **right}}


@given(_lines(), st.integers(min_value=1, max_value=DAY_US), st.integers(-(10**16), 10**16))
def test_the_cube_and_the_durations_agree_and_no_row_is_longer_than_its_day(
    line: list[Interval], scale: int, shift: int
) -> None:
    stretched = [
        Interval(
            start_us=i.start_us * scale + shift,
            end_us=i.end_us * scale + shift,
            category=i.category,
            cause=i.cause,
            party=i.party,
        )
        for i in line
    ]
    rows = timeline.days(stretched)
    summed: dict[tuple[Category, str, Party], int] = {}
    for day_us, category, cause, party, duration_us in rows:
        assert day_us % DAY_US == 0
        assert 0 < duration_us <= DAY_US
        summed[category, cause, party] = summed.get((category, cause, party), 0) + duration_us
    assert summed == timeline.durations(stretched, -(10**18), 10**18)
    assert len({row[:4] for row in rows}) == len(rows)
    for day_us in {row[0] for row in rows}:
        inside = timeline.durations(stretched, day_us, day_us + DAY_US)
        assert inside == {row[1:4]: row[4] for row in rows if row[0] == day_us}


@given(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from([float("nan"), -5.0, 0.0, 4.0, 5.0])), max_size=12),
    st.integers(min_value=1, max_value=10),
    st.lists(st.integers(-5, 150), max_size=4).map(sorted),
)
def test_telemetry_says_at_each_instant_what_the_last_sample_says_while_it_holds_and_the_connection_does(
    samples: list[tuple[int, float]], hold_us: int, lost_us: list[int]
) -> None:
    at_us = np.cumsum([gap for gap, _ in samples], dtype=np.int64)
    values = [value for _, value in samples]
    rules = [
        StateRule(when=(Condition(sensor="p", low=0.0, high=5.0),), meaning=MEANINGS["TS"]),
        StateRule(when=(Condition(sensor="p", low=5.0),), meaning=MEANINGS["FP"]),
    ]
    found = timeline.from_telemetry(at_us, {"p": np.array(values, dtype=np.float64)}, rules, hold_us, lost_us)
    for us in range(int(at_us[-1]) + 20 if samples else 5):
        last = max((index for index, at in enumerate(at_us) if at <= us), default=None)
        expected = None
        is_lost = last is not None and any(at_us[last] < lost <= us for lost in lost_us)
        if last is not None and us < at_us[last] + hold_us and not is_lost:
            expected = {4.0: Category.TS, 0.0: Category.TS, 5.0: Category.FP}.get(values[last])
        said = _at_instant(found, us)
        assert (said and said.category) == expected
    assert timeline.merge(found) == found
