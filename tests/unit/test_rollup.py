"""Rollups as pure calculation, against the slow reference."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.instant import HOUR_US, MINUTE_US, SECOND_US
from shared.rollup import Rows, hours, minutes
from tests.rollup_reference import buckets, is_close

START_US = 490_000 * HOUR_US
UNTIL_US = START_US + 5 * HOUR_US
LARGEST = sys.float_info.max

values = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(START_US, UNTIL_US - 1) | st.integers(0, 3 * 60).map(lambda s: START_US + s * 7 * SECOND_US)
lines = st.dictionaries(times, values, min_size=1, max_size=25)
holds = st.sampled_from([1, 20 * SECOND_US, MINUTE_US, 10 * MINUTE_US, 3 * HOUR_US])


def rolled(series: dict[int, dict[int, float]], hold_us: int, start_us: int = START_US) -> Rows:
    """The minutes of several series."""
    rows = [(number, at, line[at]) for number, line in sorted(series.items()) for at in sorted(line)]
    return minutes(
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        hold_us,
        start_us,
    )


def agree(rows: Rows, series: dict[int, dict[int, float]], hold_us: int, bucket_us: int, start_us: int) -> None:
    expected = {
        (number, at): bucket
        for number, line in series.items()
        for at, bucket in buckets(line, hold_us, bucket_us, UNTIL_US).items()
        if at >= start_us
    }
    assert [(row["series_id"], row["at"]) for row in rows] == sorted(expected)
    for row in rows:
        line = series[row["series_id"]]
        count, low, high, mean, last, last_at, weighted_mean, known_us = expected[row["series_id"], row["at"]]
        assert (row["count"], row["low"], row["high"], row["last"], row["last_at"], row["known_us"]) == (
            count, low, high, last, last_at, known_us
        )  # fmt: skip
        assert is_close(row["mean"], mean, low, high)
        assert low <= row["mean"] <= high
        assert is_close(row["weighted_mean"], weighted_mean, min(line.values()), max(line.values()))


@given(st.dictionaries(st.integers(1, 3), lines, min_size=1), holds)
def test_minutes_and_hours_are_what_the_readings_say(series: dict[int, dict[int, float]], hold_us: int) -> None:
    by_minute = rolled(series, hold_us)
    agree(by_minute, series, hold_us, MINUTE_US, START_US)
    agree(hours(by_minute, hold_us, START_US, UNTIL_US), series, hold_us, HOUR_US, START_US)


@given(st.dictionaries(st.integers(1, 3), lines, min_size=1), holds, st.integers(0, 299))
def test_a_part_is_as_in_the_whole_when_it_knows_the_reading_before_it(
    series: dict[int, dict[int, float]], hold_us: int, minute: int
) -> None:
    start_us = START_US + minute * MINUTE_US
    needed = {number: _from_the_one_before(line, start_us) for number, line in series.items()}
    agree(rolled(needed, hold_us, start_us), series, hold_us, MINUTE_US, start_us)
    hour_us = start_us // HOUR_US * HOUR_US
    agree(hours(rolled(series, hold_us), hold_us, hour_us, UNTIL_US), series, hold_us, HOUR_US, hour_us)


def _from_the_one_before(line: dict[int, float], start_us: int) -> dict[int, float]:
    earlier = max((at for at in line if at < start_us), default=start_us)
    return {at: value for at, value in line.items() if at >= earlier}


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 5e-324, 0.0])
def test_the_largest_and_the_smallest_values_have_themselves_as_mean(value: float) -> None:
    line = {START_US + second * SECOND_US: value for second in range(3600)}
    by_minute = rolled({1: line}, MINUTE_US)
    for rows in (by_minute, hours(by_minute, MINUTE_US, START_US, UNTIL_US)):
        assert {(row["mean"], row["weighted_mean"]) for row in rows} == {(value, value)}


def test_a_reading_holds_into_the_next_bucket_until_another_one_comes() -> None:
    line = {START_US + 30 * SECOND_US: 1.0, START_US + 100 * SECOND_US: 5.0}
    first, second = rolled({1: line}, 10 * MINUTE_US)
    assert (first["known_us"], first["weighted_mean"]) == (30 * SECOND_US, 1.0)
    assert (second["known_us"], second["mean"]) == (60 * SECOND_US, 5.0)
    assert second["weighted_mean"] == pytest.approx((40 * 1.0 + 20 * 5.0) / 60)
    [hour] = hours(np.array([first, second]), 10 * MINUTE_US, START_US, UNTIL_US)
    assert (hour["count"], hour["known_us"]) == (2, 70 * SECOND_US + 10 * MINUTE_US)
    assert hour["weighted_mean"] == pytest.approx((70 * 1.0 + 600 * 5.0) / 670)


def test_nothing_is_rolled_up_from_nothing() -> None:
    assert len(rolled({}, MINUTE_US)) == 0
    assert len(rolled({1: {START_US - 1: 5.0}}, MINUTE_US)) == 0
    assert len(hours(rolled({}, MINUTE_US), MINUTE_US, START_US, UNTIL_US)) == 0
