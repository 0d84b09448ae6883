"""Rounding half up, exactly."""

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rounding import down, half_up, lowest_met, plain

_ratios = st.fractions(min_value=0, max_value=1)
_decimals = st.integers(min_value=0, max_value=8)


def test_halves_go_away_from_zero_and_zeros_stay() -> None:
    assert str(half_up(Fraction(94265, 100000), 4)) == "0.9427"
    assert str(half_up(Fraction(5, 1000), 2)) == "0.01"
    assert str(half_up(Fraction(-5, 1000), 2)) == "-0.01"
    assert str(half_up(Fraction(-1, 1000), 2)) == "0.00"
    assert str(half_up(Fraction(62), 2)) == "62.00"
    assert str(down(Fraction(99999, 10000), 2)) == "9.99"


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6), _decimals)
def test_rounding_is_that_of_the_decimal_module(number: Decimal, decimals: int) -> None:
    peer = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, Context(prec=60))
    assert half_up(Fraction(number), decimals) == peer


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(62), "62"), (Fraction(97, 100), "0.97"), (Fraction(1, 3), "about 0.333333"), (Fraction(100), "100")],
)
def test_a_number_for_people_says_when_it_is_not_exact(value: Fraction, text: str) -> None:
    assert plain(value) == text


_levels = st.decimals(min_value="0.01", max_value=1, places=5) | st.fractions(Fraction(1, 100), 1, max_denominator=9999)


@given(_ratios, _levels, _decimals)
def test_the_lowest_value_that_meets_a_level_is_where_rounding_reaches_it(
    value: Fraction, level: Decimal | Fraction, decimals: int
) -> None:
    assert (Fraction(half_up(value, decimals)) >= Fraction(level)) == (value >= lowest_met(level, decimals))
    assert (value >= Fraction(level)) == (value >= lowest_met(level, None))
