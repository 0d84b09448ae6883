"""Counters to hourly amounts, exactly."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.counting import counted
from shared.instant import HOUR_US, MINUTE_US


def _counted(readings: dict[float, float], start_h: int = 0) -> dict[int, Fraction]:
    at_us = np.array([round(hour * HOUR_US) for hour in readings], np.int64)
    found = counted(at_us, np.array(list(readings.values()), np.float64), start_h * HOUR_US)
    return {at // HOUR_US: amount for at, amount in found.items()}


def test_an_hour_counts_from_the_last_reading_before_it_to_its_own_last() -> None:
    assert _counted({0.5: 100.1, 0.9: 100.3, 1.2: 100.7, 1.9: 101.0}) == {
        0: Fraction("0.2"),
        1: Fraction("0.7"),
    }


def test_what_was_counted_in_a_gap_belongs_to_the_hour_of_the_reading_that_ends_it() -> None:
    assert _counted({0.5: 10.0, 7.25: 90.0}) == {0: 0, 7: 80}


def test_a_counter_that_falls_has_counted_from_nothing() -> None:
    assert _counted({0.1: 98.0, 0.3: 99.0, 0.5: 2.0, 0.7: 5.0, 1.5: 1.0}) == {0: 1 + 5, 1: 1}


def test_readings_before_the_start_are_only_what_the_first_rise_is_from() -> None:
    assert _counted({0.5: 10.0, 5.5: 12.0, 5.6: 13.0}, start_h=5) == {5: 3}


def test_without_readings_nothing_is_counted() -> None:
    assert _counted({}) == {}


@given(
    st.lists(st.tuples(st.integers(1, 200), st.integers(-50, 300)), max_size=40),
    st.integers(0, 10),
)
def test_hours_add_up_to_every_rise_wherever_they_are_cut(steps: list[tuple[int, int]], cut_h: int) -> None:
    minute, value, readings = 0, 500, {}
    for later, change in steps:
        minute, value = minute + later, value + change if value + change >= 0 else 3
        readings[minute] = value / 10
    at_us = np.array([minute * MINUTE_US for minute in readings], np.int64)
    values = np.array(list(readings.values()), np.float64)
    told = [Decimal(repr(each)) for each in readings.values()]
    rises = [new - old if new >= old else new for old, new in pairwise(told)]
    whole = counted(at_us, values, 0)
    assert sum(whole.values()) == Fraction(sum(rises, Decimal(0)))
    # The hours after a cut, given one reading before it, are the same ones.
    first = int(np.searchsorted(at_us, cut_h * HOUR_US))
    part = counted(at_us[max(first - 1, 0) :], values[max(first - 1, 0) :], cut_h * HOUR_US)
    assert part == {hour: amount for hour, amount in whole.items() if hour >= cut_h * HOUR_US}
