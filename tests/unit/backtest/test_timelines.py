"""Logged events to timelines: as `shared.timeline.build` has it, with running filled in, cut without loss."""

import random
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import timeline
from shared.backtest.levels import levels_between
from shared.backtest.log import Log
from shared.backtest.timelines import Timelines
from shared.model.facts import AssetEvent, Category, EventKind, Meaning, Party

MEANINGS = {
    f"{category}:{cause}": Meaning(category=category, cause=cause, party=Party.SUPPLIER)
    for category in (Category.FP, Category.SM, Category.FO, Category.IU)
    for cause in ("a", "b")
}
SPAN = 1_000


def event(start_us: int, end_us: int | None, code: str, announced_us: int | None = None) -> AssetEvent:
    return AssetEvent(
        id=None,
        kind=EventKind.INTERVAL,
        code=code,
        text="",
        start_us=start_us,
        end_us=end_us,
        announced_us=announced_us,
    )


events = st.lists(
    st.builds(
        lambda start, length, code: event(start, None if length is None else start + length, code),
        st.integers(-100, SPAN + 100),
        st.none() | st.integers(1, 400),
        st.sampled_from(sorted(MEANINGS)),
    ),
    max_size=12,
)


def made(found: Sequence[AssetEvent], running_from_us: int | None) -> Timelines:
    lines = Timelines(Log(events={"P01": found}, meanings=MEANINGS), ["P01", "P02"], 0, SPAN)
    if running_from_us is not None:
        lines.run_from(running_from_us)
    return lines


@given(events)
def test_an_assets_timeline_is_the_one_the_kernel_builds(found: list[AssetEvent]) -> None:
    assert made(found, None).between("P01", 0, SPAN) == timeline.build(found, MEANINGS, (), 0, SPAN)


@given(events, st.randoms(use_true_random=False))
def test_the_order_of_events_is_irrelevant(found: list[AssetEvent], chance: random.Random) -> None:
    other = list(found)
    chance.shuffle(other)
    assert made(other, 0).between("P01", 0, SPAN) == made(found, 0).between("P01", 0, SPAN)


@given(events, st.integers(0, SPAN))
def test_what_is_not_reported_runs_from_the_time_given_and_all_sums_to_the_clock(
    found: list[AssetEvent], running_from_us: int
) -> None:
    lines = made(found, running_from_us)
    assert sum(lines.durations("P01", running_from_us, SPAN).values()) == SPAN - running_from_us
    assert sum(lines.durations("P02", 0, SPAN).values()) == SPAN - running_from_us
    whole = lines.between("P01", 0, SPAN)
    assert all(one.end_us <= other.start_us for one, other in pairwise(whole))


@given(events, st.lists(st.integers(0, SPAN), max_size=5))
def test_parts_of_a_stretch_sum_to_the_stretch(found: list[AssetEvent], cuts: list[int]) -> None:
    lines = made(found, 0)
    edges = [0, *sorted(cuts), SPAN]
    sums: dict[object, int] = {}
    for start, end in pairwise(edges):
        for key, duration in lines.durations("P01", start, end).items():
            sums[key] = sums.get(key, 0) + duration
        assert timeline.durations(lines.between("P01", start, end), start, end) == lines.durations("P01", start, end)
    assert sums == lines.durations("P01", 0, SPAN)


def test_work_that_something_interrupts_is_one_piece_of_work_and_keeps_its_announcement() -> None:
    found = [event(100, 500, "SM:a", announced_us=-50), event(200, 300, "FO:a"), event(500, 600, "SM:a")]
    work = [each for each in made(found, None).between("P01", 0, SPAN) if each.category is Category.SM]
    assert [(each.start_us, each.announced_us) for each in work] == [(100, -50), (300, -50), (500, None)]
    assert work[0].event_id == work[1].event_id is not None
    assert work[2].event_id is None


def test_levels_include_the_last_when_a_step_falls_on_it() -> None:
    assert levels_between(Decimal("0.95"), Decimal("0.99"), Decimal("0.02")) == [
        Decimal("0.95"),
        Decimal("0.97"),
        Decimal("0.99"),
    ]
    assert levels_between(Decimal("0.95"), Decimal("0.96"), Decimal("0.02")) == [Decimal("0.95")]


@pytest.mark.parametrize("levels", [("0", "1", "1"), ("0.9", "0.8", "0.1"), ("0.9", "1.1", "0.1"), ("0.9", "1", "0")])
def test_what_is_no_range_of_levels_is_refused(levels: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="low:high:step"):
        levels_between(*(Decimal(level) for level in levels))
