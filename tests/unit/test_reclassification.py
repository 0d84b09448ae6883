"""Who may do what about a reclassification, and what a timeline says by it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import timeline
from shared.model.facts import AssetEvent, Category, EventKind, Interval, Meaning, Party
from shared.model.reclassification import Refusal, Side, Standing, Status, as_reported, overrule, refusal

TRIP = Meaning(category=Category.FO, cause="trip", party=Party.SUPPLIER)
GRID = Meaning(category=Category.OEL, cause="grid", party=Party.THIRD_PARTY)
RUNNING = Meaning(category=Category.FP, cause="running", party=Party.NOBODY)


def interval(start_us: int, end_us: int, meaning: Meaning = TRIP, event_id: int | None = 7) -> Interval:
    return Interval(
        start_us=start_us,
        end_us=end_us,
        category=meaning.category,
        cause=meaning.cause,
        party=meaning.party,
        event_id=event_id,
    )


def said(intervals: list[Interval]) -> list[tuple[int, int, str, str, int | None]]:
    return [(one.start_us, one.end_us, one.cause, one.party, one.reclassification_id) for one in intervals]


ACCEPTED = Standing(id=1, start_us=20, end_us=40, meaning=GRID)
DISPUTED = Standing(id=2, start_us=20, end_us=40, meaning=None)


@pytest.mark.parametrize(
    ("current", "wanted", "side", "expected"),
    [
        (Status.PROPOSED, Status.ACCEPTED, Side.CUSTOMER, None),
        (Status.PROPOSED, Status.DISPUTED, Side.CUSTOMER, None),
        (Status.PROPOSED, Status.RULED, Side.EXPERT, None),
        (Status.PROPOSED, Status.WITHDRAWN, Side.SUPPLIER, None),
        (Status.DISPUTED, Status.ACCEPTED, Side.CUSTOMER, None),
        (Status.DISPUTED, Status.RULED, Side.EXPERT, None),
        (Status.DISPUTED, Status.WITHDRAWN, Side.SUPPLIER, None),
        (Status.PROPOSED, Status.ACCEPTED, Side.SUPPLIER, Refusal.OWN),
        (Status.PROPOSED, Status.DISPUTED, Side.SUPPLIER, Refusal.OWN),
        (Status.PROPOSED, Status.ACCEPTED, Side.EXPERT, Refusal.EXPERT_RULES),
        (Status.PROPOSED, Status.RULED, Side.SUPPLIER, Refusal.NOT_AN_EXPERT),
        (Status.PROPOSED, Status.RULED, Side.CUSTOMER, Refusal.NOT_AN_EXPERT),
        (Status.PROPOSED, Status.WITHDRAWN, Side.CUSTOMER, Refusal.NOT_OWN),
        (Status.PROPOSED, Status.WITHDRAWN, Side.EXPERT, Refusal.NOT_OWN),
        (Status.DISPUTED, Status.DISPUTED, Side.CUSTOMER, Refusal.DISPUTED_ALREADY),
        (Status.ACCEPTED, Status.DISPUTED, Side.CUSTOMER, Refusal.CLOSED),
        (Status.RULED, Status.RULED, Side.EXPERT, Refusal.CLOSED),
        (Status.WITHDRAWN, Status.ACCEPTED, Side.CUSTOMER, Refusal.CLOSED),
    ],
)
def test_what_the_supplier_proposed_may_be_done_with_by(
    current: Status, wanted: Status, side: Side, expected: Refusal | None
) -> None:
    assert refusal(current, Side.SUPPLIER, wanted, side) is expected


@pytest.mark.parametrize("current", Status)
@pytest.mark.parametrize("wanted", Status)
def test_both_parties_have_the_same_rights(current: Status, wanted: Status) -> None:
    for own, other in ((Side.SUPPLIER, Side.CUSTOMER), (Side.CUSTOMER, Side.SUPPLIER)):
        assert refusal(current, own, wanted, own) is refusal(current, other, wanted, other)
        assert refusal(current, own, wanted, other) is refusal(current, other, wanted, own)


def test_what_was_accepted_goes_before_what_was_reported_over_its_stretch_and_the_event_stays() -> None:
    laid = overrule([interval(0, 100)], [ACCEPTED], 0, 100)
    assert said(laid) == [
        (0, 20, "trip", "supplier", None),
        (20, 40, "grid", "third_party", 1),
        (40, 100, "trip", "supplier", None),
    ]
    assert [one.event_id for one in laid] == [7, 7, 7]
    assert [one.reported for one in laid] == [None, TRIP, None]


def test_while_it_is_disputed_the_category_stays_and_nobody_is_named() -> None:
    [_, middle, _] = overrule([interval(0, 100)], [DISPUTED], 0, 100)
    assert (middle.category, middle.cause, middle.party) == (Category.FO, "trip", Party.DISPUTED)
    assert middle.reported == TRIP


def test_what_nobody_spoke_of_can_be_settled_and_when_disputed_stays_unknown() -> None:
    assert said(overrule([], [ACCEPTED], 0, 100)) == [(20, 40, "grid", "third_party", 1)]
    [unknown] = overrule([], [DISPUTED], 0, 100)
    assert (unknown.category, unknown.party) == (Category.IU, Party.DISPUTED)
    assert [as_reported(one) for one in overrule([], [ACCEPTED], 0, 100)] == [None]


def test_of_several_the_later_wins_and_what_was_reported_first_is_kept() -> None:
    later = Standing(id=3, start_us=30, end_us=50, meaning=RUNNING)
    laid = overrule([interval(0, 100)], [ACCEPTED, later], 0, 100)
    assert said(laid)[1:3] == [(20, 30, "grid", "third_party", 1), (30, 40, "running", "nobody", 3)]
    assert {one.reported for one in laid if one.reclassification_id} == {TRIP}


def test_an_open_event_that_says_nothing_may_be_settled() -> None:
    lost = Meaning(category=Category.IU, cause="log_end", party=Party.UNKNOWN)
    event = AssetEvent(id=9, kind=EventKind.STATE, code="end", text="", start_us=0, end_us=None)
    assert timeline.known([event], {"end": lost}, [], 0, 100) == []
    settled = timeline.known([event], {"end": lost}, [], 0, 100, standing=[ACCEPTED])
    assert said(settled) == [(20, 40, "grid", "third_party", 1)]


_edges = st.sets(st.integers(0, 60), max_size=10).map(sorted)
_meaning = st.sampled_from([TRIP, GRID, RUNNING])


@st.composite
def _lines(draw: st.DrawFn) -> list[Interval]:
    found = [
        interval(start, end, draw(_meaning), draw(st.none() | st.integers(1, 3)))
        for start, end in pairwise(draw(_edges))
        if draw(st.booleans())
    ]
    return timeline.merge(found)


_standing = st.lists(st.tuples(st.integers(-5, 60), st.integers(1, 30), st.none() | _meaning), max_size=5).map(
    lambda found: [
        Standing(id=number, start_us=start, end_us=start + length, meaning=meaning)
        for number, (start, length, meaning) in enumerate(found, start=1)
    ]
)


@given(_lines(), _standing)
def test_at_each_instant_the_last_that_is_in_force_says_what_was(
    line: list[Interval], standing: list[Standing]
) -> None:
    laid = overrule(line, standing, 0, 60)
    assert all(one.start_us < one.end_us for one in laid)
    assert all(one.end_us <= other.start_us for one, other in pairwise(laid))
    for us in range(60):
        reported = next((one for one in line if one.start_us <= us < one.end_us), None)
        expected = None if reported is None else reported.meaning
        for one in standing:
            if one.start_us <= us < one.end_us:
                was = expected or timeline.NO_DATA
                expected = one.meaning or Meaning(category=was.category, cause=was.cause, party=Party.DISPUTED)
        found = next((one for one in laid if one.start_us <= us < one.end_us), None)
        assert (found and found.meaning) == expected
        assert (found and found.event_id) == (reported and reported.event_id)
        before = None if found is None else as_reported(found)
        assert (before and before.meaning) == (reported and reported.meaning)


@given(_lines(), _standing, st.integers(0, 60))
def test_in_two_windows_the_same_is_laid_over_as_in_one(
    line: list[Interval], standing: list[Standing], at_us: int
) -> None:
    whole = timeline.merge(overrule(line, standing, 0, 60))
    left = timeline.merge(overrule(timeline.splice([], line, 0, at_us), standing, 0, at_us))
    right = timeline.merge(overrule(timeline.splice([], line, at_us, 60), standing, at_us, 60))
    assert timeline.splice(left, right, at_us, 60) == whole
