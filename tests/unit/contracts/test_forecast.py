"""P(miss): the golden cases of the Takacs form, and arithmetic before any model."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.assessment import Certainty
from shared.contracts.forecast import Evidence, forecast
from shared.indicators.forecast import p_miss_takacs
from shared.instant import HOUR_US

SEEN = Evidence(up_us=7300 * HOUR_US, down_us=240 * HOUR_US, failures=10)


def test_a_quarter_at_risk() -> None:
    """FCST-1: computed; Monte Carlo over 60,000 runs gave .3351 and .4920."""
    assert p_miss_takacs(2190, 82.8, 730, 24, down_now=False) == pytest.approx(0.3340109566453849, rel=1e-6)
    assert p_miss_takacs(2190, 82.8, 730, 24, down_now=True) == pytest.approx(0.49227592362348244, rel=1e-6)


@pytest.mark.parametrize(
    ("true_availability", "p_miss"),
    [
        # FCST-2: computed; a year at 97 %, MTTR 24 h.
        (0.97, 0.45712576723053416),
        (0.975, 0.29749745596167537),
        (0.98, 0.15918856280143884),
        (0.985, 0.06371364643218583),
        (0.99, 0.015901030996108505),
    ],
)
def test_what_a_machine_must_be_for_a_year_at_97_percent(true_availability: float, p_miss: float) -> None:
    mtbf_h = 24 * true_availability / (1 - true_availability)
    assert p_miss_takacs(8760, 262.8, mtbf_h, 24, down_now=False) == pytest.approx(p_miss, rel=1e-6)


@pytest.mark.parametrize("down_now", [0, 1])
def test_the_closed_form_agrees_with_simulated_machines(down_now: int) -> None:
    generator = np.random.default_rng(20260301)
    runs, failures = 20_000, 60
    up = generator.exponential(300, (runs, failures))
    down = generator.exponential(20, (runs, failures + 1))
    # Down time is over the budget when the repairs that begin within H - B hours of up time sum to more than B.
    begun = np.cumsum(up, axis=1) < 1000 - 60
    assert not begun[:, -1].any()
    total = (down[:, 1:] * begun).sum(axis=1) + down[:, 0] * down_now
    share = float(np.mean(total > 60))
    assert p_miss_takacs(1000, 60, 300, 20, down_now) == pytest.approx(share, abs=4 * 0.5 / runs**0.5)


_hours = st.floats(min_value=0.1, max_value=50_000)


@given(_hours, _hours, _hours, _hours, st.integers(min_value=0, max_value=5))
def test_a_probability_is_one_and_falls_with_the_budget_and_rises_with_machines_down(
    remaining_h: float, budget_h: float, mtbf_h: float, mttr_h: float, down_now: int
) -> None:
    p_miss = p_miss_takacs(remaining_h, budget_h, mtbf_h, mttr_h, down_now)
    assert 0 <= p_miss <= 1
    assert p_miss_takacs(remaining_h, budget_h * 1.1, mtbf_h, mttr_h, down_now) <= p_miss + 1e-9
    assert p_miss_takacs(remaining_h, budget_h, mtbf_h, mttr_h, down_now + 1) >= p_miss - 1e-9


@pytest.mark.parametrize("standard_deviations", [-2, -1, 0, 1, 2])
def test_the_law_of_many_failures_continues_the_sum(standard_deviations: int) -> None:
    """Just below and just above a million failures expected; the law of large numbers spreads the budget."""
    mttr_h, mtbf_h = 1e-3, 1e-3
    budget_h = 1e6 * mttr_h + standard_deviations * mttr_h * (2 * 1e6) ** 0.5
    below = p_miss_takacs(budget_h + 0.999999 * 1e6 * mtbf_h, budget_h, mtbf_h, mttr_h, 0)
    above = p_miss_takacs(budget_h + 1.000001 * 1e6 * mtbf_h, budget_h, mtbf_h, mttr_h, 0)
    assert 0 < below < 1
    assert above == pytest.approx(below, abs=1e-3)


def test_absurd_evidence_costs_no_time_and_gives_a_probability() -> None:
    assert p_miss_takacs(8760, 262.8, 1e-300, 1e-10, 0) == 1
    assert p_miss_takacs(8760, 262.8, 1e-16, 1e300, 0) == 1
    assert p_miss_takacs(8760, 262.8, 1e-6, 1e-10, 3) == 0
    assert p_miss_takacs(8760, 262.8, 1e300, 1e-10, 0) == 0


def test_without_budget_any_failure_is_a_miss() -> None:
    assert p_miss_takacs(100, 0, 730, 24, down_now=1) == 1
    assert p_miss_takacs(100, 0, 730, 24, down_now=0) == pytest.approx(1 - np.exp(-100 / 730))
    assert p_miss_takacs(100, -1e-9, 730, 24, down_now=0) == 1
    assert p_miss_takacs(10, 10, 730, 24, down_now=1) == 0


@pytest.mark.parametrize(
    ("remaining_h", "budget_h", "certainty", "p_miss", "method"),
    [
        (100, Fraction(-1, 10**9), Certainty.CERTAIN_MISS, 1.0, "arithmetic"),
        (0, 0, Certainty.IMPOSSIBLE_MISS, 0.0, "arithmetic"),
        (10, 10, Certainty.IMPOSSIBLE_MISS, 0.0, "arithmetic"),
        (10, 9, Certainty.OPEN, None, "not_enough_evidence"),
    ],
)
def test_arithmetic_comes_before_any_model_and_needs_no_evidence(
    remaining_h: int, budget_h: Fraction, certainty: Certainty, p_miss: float | None, method: str
) -> None:
    told = forecast(remaining_us=remaining_h * HOUR_US, budget_us=Fraction(budget_h) * HOUR_US, seen=None)
    assert (told.certainty, told.p_miss, told.method) == (certainty, p_miss, method)


def test_without_a_failure_seen_no_probability_is_named() -> None:
    told = forecast(
        remaining_us=100 * HOUR_US,
        budget_us=Fraction(HOUR_US),
        seen=Evidence(up_us=10**15, down_us=0, failures=0),
    )
    assert (told.p_miss, told.method, told.mtbf_h, told.mttr_h) == (None, "not_enough_evidence", None, None)


def test_a_forecast_is_takacs_on_what_was_seen() -> None:
    told = forecast(remaining_us=2190 * HOUR_US, budget_us=Fraction("82.8") * HOUR_US, seen=SEEN)
    assert (told.method, told.certainty, told.failures) == ("takacs", Certainty.OPEN, 10)
    assert (told.mtbf_h, told.mttr_h, told.budget_h) == (730, 24, 82.8)
    assert told.p_miss == pytest.approx(0.3340109566453849, rel=1e-6)


def test_an_open_repair_counts_its_time_but_not_as_ended() -> None:
    assert Evidence(up_us=HOUR_US, down_us=60 * HOUR_US, failures=3, down_now=1).mttr_h == 30
    first = Evidence(up_us=100 * HOUR_US, down_us=7 * HOUR_US, failures=1, down_now=1)
    assert (first.mtbf_h, first.mttr_h) == (100, 7)
