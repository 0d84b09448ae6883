"""Thinning a series: never too many points, the extremes and both ends among them, gaps visible."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.api.chart.points import Points, thin
from shared.db.series import Columns

MINUTE_US = 60_000_000
HOLD_US = 10_000_000


@st.composite
def columns(draw: st.DrawFn, steps: Sequence[int] = (1, 1, 1, 1, 1, 1, 30, 1_000, 100_000)) -> Columns:
    """Readings, or buckets with a lowest and a highest value, at distinct times in any order."""
    count, random = draw(st.integers(1, 200)), np.random.default_rng(draw(st.integers(0, 2**32)))
    at_us = np.cumsum(random.choice(steps, count)) * 1_000_000
    low = random.integers(-50, 50, count).astype(np.float64)
    high = low + random.integers(0, 9, count) * draw(st.booleans())
    order = random.permutation(count) if draw(st.booleans()) else np.arange(count)
    return Columns(at_us=at_us[order], low=low[order], high=high[order])


def pairs(at_us: NDArray[np.int64], value: NDArray[np.float64]) -> list[tuple[int, float]]:
    return list(zip(at_us.tolist(), value.tolist(), strict=True))


def drawn(found: Columns, most: int) -> Points:
    window = (0, int(found.at_us.max()) + 1)
    return thin(found, window=window, most=most, hold_us=HOLD_US, step_us=1)


@given(columns(), st.integers(2, 450))
def test_there_are_never_more_points_than_asked_for_and_they_are_in_order(found: Columns, most: int) -> None:
    points = drawn(found, most)
    assert 0 < len(points.at_us) <= most
    assert len(points.at_us) == len(points.value)
    assert (np.diff(points.at_us) >= 0).all()


@given(columns(), st.integers(2, 450))
def test_every_point_is_one_of_the_series_and_both_ends_are_among_them(found: Columns, most: int) -> None:
    points = drawn(found, most)
    known = {*pairs(found.at_us, found.low), *pairs(found.at_us, found.high)}
    shown = [pair for pair in pairs(points.at_us, points.value) if pair[1] == pair[1]]
    assert set(shown) <= known
    assert len(set(shown)) == len(shown)
    assert shown[0][0] == found.at_us.min()
    assert shown[-1][0] == found.at_us.max()


@given(columns(), st.integers(4, 450))
def test_the_extremes_are_kept(found: Columns, most: int) -> None:
    points = drawn(found, most)
    assert np.nanmin(points.value) == found.low.min()
    assert np.nanmax(points.value) == found.high.max()


@given(columns(steps=[1]), st.integers(4, 100))
def test_each_bucket_keeps_its_own_extremes(found: Columns, most: int) -> None:
    points = drawn(found, most)
    edges = np.linspace(0, int(found.at_us.max()) + 1, (most - 2) // 2, endpoint=False).astype(np.int64)
    bucket, shown_in = (np.searchsorted(edges, at_us, side="right") for at_us in (found.at_us, points.at_us))
    for number in np.unique(bucket):
        shown = points.value[shown_in == number]
        assert found.low[bucket == number].min() in shown
        assert found.high[bucket == number].max() in shown


@given(columns(), st.integers(8, 450))
def test_a_gap_wider_than_a_bucket_breaks_the_line_and_nothing_else_does(found: Columns, most: int) -> None:
    points = drawn(found, most)
    at_us = np.sort(found.at_us)
    usual_us = max(HOLD_US + 1, 4 * int(np.median(np.diff(at_us))) if len(at_us) > 1 else 0)
    bucket_us = (int(at_us[-1]) + 1) // ((most - 2) // 2)
    for start_us, end_us in pairwise(at_us):
        before = points.value[: np.searchsorted(points.at_us, end_us)]
        if end_us - start_us > max(usual_us, bucket_us):
            assert np.isnan(before[-1])
        elif end_us - start_us <= usual_us:
            assert not np.isnan(points.value[(points.at_us > start_us) & (points.at_us < end_us)]).any()


def readings(at_s: list[int], value: list[float]) -> Columns:
    numbers = np.array(value, np.float64)
    return Columns(at_us=np.array(at_s, np.int64) * 1_000_000, low=numbers, high=numbers)


def test_few_readings_are_all_shown_as_they_are() -> None:
    points = drawn(readings([0, 1, 2, 3], [1.0, 1.0, 5.0, 1.0]), 4)
    assert points.value.tolist() == [1.0, 1.0, 5.0, 1.0]


def test_a_single_spike_among_a_hundred_thousand_readings_is_shown_at_its_own_time() -> None:
    value = [0.0] * 100_000
    value[61_803] = 7.0
    points = drawn(readings(list(range(100_000)), value), 500)
    assert points.at_us[points.value == 7.0].tolist() == [61_803_000_000]


def test_the_line_ends_when_the_reading_before_the_gap_no_longer_holds() -> None:
    points = drawn(readings([0, 1, 2, 60, 61], [1, 2, 3, 4, 5]), 10)
    assert np.isnan(points.value).tolist() == [False, False, False, True, False, False]
    assert points.at_us[3] == 2_000_000 + HOLD_US + 1


def test_a_sensor_slower_than_its_machine_s_hold_is_one_line() -> None:
    points = drawn(readings([0, 600, 1200, 1800], [1, 2, 3, 4]), 10)
    assert points.value.tolist() == [1, 2, 3, 4]


def test_nothing_gives_no_point() -> None:
    points = thin(readings([], []), window=(0, 1), most=2, hold_us=1, step_us=1)
    assert len(points.at_us) == 0


@pytest.mark.parametrize("most", [2, 3])
def test_two_points_are_the_ends(most: int) -> None:
    points = drawn(readings(list(range(50)), [9.0, *range(48), 7.0]), most)
    assert points.value.tolist() == [9.0, 7.0]
