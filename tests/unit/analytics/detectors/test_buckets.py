from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.detectors.buckets import ceil_us, floor_us, running_buckets
from shared.model.facts import Category, Interval, Party

B = 600


def _interval(start: int, end: int, category: Category) -> Interval:
    return Interval(start_us=start, end_us=end, category=category, cause="x", party=Party.NOBODY)


def test_a_bucket_counts_when_the_machine_ran_through_all_of_it() -> None:
    ran = [_interval(100, 2_500, Category.FP)]

    assert running_buckets(ran, B, 0, 0, 10_000).tolist() == [600, 1_200, 1_800]


def test_full_and_partial_performance_in_a_row_are_one_run() -> None:
    ran = [_interval(0, 700, Category.FP), _interval(700, 1_800, Category.PP)]

    assert running_buckets(ran, B, 0, 0, 10_000).tolist() == [0, 600, 1_200]


def test_a_stop_of_one_microsecond_spoils_its_bucket() -> None:
    ran = [
        _interval(0, 900, Category.FP),
        _interval(900, 901, Category.FO),
        _interval(901, 1_800, Category.FP),
    ]

    assert running_buckets(ran, B, 0, 0, 10_000).tolist() == [0, 1_200]


def test_a_gap_that_nobody_speaks_of_spoils_its_bucket() -> None:
    ran = [_interval(0, 900, Category.FP), _interval(901, 1_800, Category.FP)]

    assert running_buckets(ran, B, 0, 0, 10_000).tolist() == [0, 1_200]


def test_the_time_of_settling_after_a_start_is_not_looked_at() -> None:
    ran = [_interval(100, 6_000, Category.FP)]

    assert running_buckets(ran, B, 2 * B, 0, 10_000).tolist() == [1_800, 2_400, 3_000, 3_600, 4_200, 4_800, 5_400]


def test_a_start_before_the_window_still_settles_in_it() -> None:
    ran = [_interval(0, 6_000, Category.FP)]

    assert running_buckets(ran, B, 2 * B, 600, 2_400).tolist() == [1_200, 1_800]


def test_no_interval_gives_no_bucket() -> None:
    assert running_buckets([], B, 0, 0, 10_000).tolist() == []


@given(
    st.lists(st.integers(-5_000, 20_000), min_size=2, max_size=14, unique=True),
    st.lists(st.sampled_from([Category.FP, Category.PP, Category.FO, None]), min_size=13, max_size=13),
    st.integers(0, 2_000),
    st.integers(-3_000, 9_000),
    st.integers(0, 12_000),
)
def test_a_bucket_counts_exactly_when_every_instant_of_it_and_of_its_settling_was_running(
    edges: list[int], categories: list[Category | None], settling: int, start: int, length: int
) -> None:
    edges.sort()
    intervals = [
        _interval(low, high, category)
        for (low, high), category in zip(pairwise(edges), categories, strict=False)
        if category is not None
    ]
    ran = np.zeros(40_000, dtype=bool)
    for interval in intervals:
        if interval.category in {Category.FP, Category.PP}:
            ran[interval.start_us + 10_000 : interval.end_us + 10_000] = True
    end = start + length

    expected = [
        at
        for at in range(ceil_us(start, B), floor_us(end, B), B)
        if ran[at - settling + 10_000 : at + B + 10_000].all()
    ]

    assert running_buckets(intervals, B, settling, start, end).tolist() == expected


@given(st.integers(-(10**17), 10**17), st.integers(1, 10**12))
def test_the_grid_is_anchored_at_the_epoch(at_us: int, bucket_us: int) -> None:
    low, high = floor_us(at_us, bucket_us), ceil_us(at_us, bucket_us)

    assert low % bucket_us == high % bucket_us == 0
    assert low <= at_us <= high
    assert high - low in {0, bucket_us}
