"""A degrading index and its limit: coverage on known paths, and the cases in which nothing is said."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.prognosis.trend import Absent, Array, Extrapolation, NoTrend, extrapolate

_LIMIT = 4.4


def _path(
    rng: np.random.Generator, growth: float, *, flat_d: float, seen: float, noise: float, slow: float
) -> tuple[Array, Array, float]:
    """A sensor at 2, flat and then growing to 4.6 within 14 days, seen for a share of that; hours left to the limit."""
    full, step = 14 * 24.0, 4.0
    at = np.arange(0.0, flat_d * 24 + full * seen, step)
    grown = np.clip((at - flat_d * 24) / full, 0, None) ** growth
    shocks, errors = rng.standard_normal(at.size), np.zeros(at.size)
    errors[0] = shocks[0]
    for place in range(1, at.size):
        errors[place] = slow * errors[place - 1] + math.sqrt(1 - slow**2) * shocks[place]
    reached = flat_d * 24 + full * ((_LIMIT - 2) / 2.6) ** (1 / growth)
    return at, 2 + 2.6 * (grown + noise * errors), reached - float(at[-1])


@pytest.mark.parametrize("growth", [1.0, 1.3, 1.6, 2.5])
@pytest.mark.parametrize(("noise", "slow"), [(0.03, 0.0), (0.08, 0.0), (0.05, 0.8)])
def test_about_four_of_five_true_passages_lie_between_the_outer_quantiles(
    growth: float, noise: float, slow: float
) -> None:
    rng = np.random.default_rng(5)
    inside: list[bool] = []
    for place in range(50):
        flat_d, seen = (3.0, 14.0)[place % 2], float(rng.uniform(0.4, 0.85))
        at, index, left = _path(rng, growth, flat_d=flat_d, seen=seen, noise=noise, slow=slow)
        found = extrapolate(at, index, _LIMIT)
        if isinstance(found, Extrapolation):
            assert found.p10_h is not None
            inside.append(found.p10_h <= left <= (found.p90_h or math.inf))

    assert len(inside) > 25
    assert 0.6 <= float(np.mean(inside)) <= 0.97


@pytest.mark.parametrize(("noise", "slow"), [(0.03, 0.0), (0.04, 0.8), (0.05, 0.5)])
def test_the_end_of_a_growth_seen_for_a_few_days_of_a_month_is_not_called_nearer_than_it_may_be(
    noise: float, slow: float
) -> None:
    rng = np.random.default_rng(9)
    covered: list[bool] = []
    for _ in range(80):
        at, index, left = _path(rng, 1.0, flat_d=28, seen=float(rng.uniform(0.1, 0.25)), noise=noise, slow=slow)
        found = extrapolate(at, index, _LIMIT)
        if isinstance(found, Extrapolation):
            covered.append(left <= (found.p90_h or math.inf))

    assert len(covered) > 10
    assert float(np.mean(covered)) >= 0.7


@pytest.mark.parametrize("slow", [0.0, 0.8, 0.95])
def test_noise_even_slow_noise_is_no_trend(slow: float) -> None:
    rng = np.random.default_rng(2)
    found = [
        extrapolate(at, index, _LIMIT)
        for at, index, _ in (_path(rng, 1.0, flat_d=40, seen=0.0, noise=0.1, slow=slow) for _ in range(40))
    ]

    silent = [each for each in found if isinstance(each, NoTrend)]
    assert len(silent) >= 36
    assert {each.why for each in silent} <= {Absent.NO_TREND, Absent.TOO_FAR}


def test_an_index_that_moves_away_from_its_limit_has_no_trend_towards_it() -> None:
    at = np.arange(200.0)

    found = extrapolate(at, 10 - at / 100 + np.sin(at) / 50, 12.0)

    assert isinstance(found, NoTrend)
    assert found.why is Absent.NO_TREND
    assert found.reason.startswith("no trend towards the limit")


def test_a_limit_below_is_reached_as_one_above_is() -> None:
    at = np.arange(200.0)
    index = at / 100 + np.sin(at * 7) / 50

    above, below = extrapolate(at, index, 3.0), extrapolate(at, -index, -3.0)

    assert isinstance(above, Extrapolation)
    assert isinstance(below, Extrapolation)
    assert below.p50_h == pytest.approx(above.p50_h)
    assert above.p50_h == pytest.approx(101, rel=0.2)
    assert above.risk[0] <= above.risk[1] <= above.risk[2]
    assert 0 < above.health < 1


def test_an_index_beyond_its_limit_has_no_life_left() -> None:
    at = np.arange(100.0)

    found = extrapolate(at, at / 10, 5.0)

    assert isinstance(found, Extrapolation)
    assert (found.p10_h, found.p50_h, found.risk, found.health) == (0.0, 0.0, (1.0, 1.0, 1.0), 0.0)


def test_a_constant_at_its_limit_has_reached_it_and_one_away_from_it_never_will() -> None:
    at, index = np.arange(50.0), np.full(50, 3.0)

    reached, still = extrapolate(at, index, 3.0), extrapolate(at, index, 4.0)

    assert isinstance(reached, Extrapolation)
    assert reached.p90_h == 0.0
    assert still == NoTrend(
        why=Absent.NO_TREND, reason="the values do not change", evidence={"points": 50, "limit": 4.0}
    )


def test_a_creep_whose_limit_is_far_beyond_what_was_seen_is_not_extrapolated() -> None:
    at = np.arange(100.0)

    found = extrapolate(at, at / 1000 + np.sin(at * 5) / 1000, 50.0)

    assert isinstance(found, NoTrend)
    assert found.why is Absent.TOO_FAR


def test_too_few_values_are_told_and_missing_ones_do_not_count() -> None:
    index = np.arange(40.0)
    index[15:] = np.nan

    found = extrapolate(np.arange(40.0), index, 100.0)

    assert isinstance(found, NoTrend)
    assert found.why is Absent.TOO_LITTLE_DATA
    assert found.reason == "15 values, 16 are needed to tell a trend from noise"


def test_single_outliers_absurd_and_missing_values_move_the_answer_little() -> None:
    rng = np.random.default_rng(9)
    at, index, _ = _path(rng, 1.3, flat_d=5, seen=0.7, noise=0.03, slow=0.0)
    spoilt = index.copy()
    spoilt[[3, 30, 50]] = 1e300, -1e300, np.inf
    spoilt[[10, 20]] = np.nan, 9.0

    clean, dirty = extrapolate(at, index, _LIMIT), extrapolate(at, spoilt, _LIMIT)

    assert isinstance(clean, Extrapolation)
    assert isinstance(dirty, Extrapolation)
    assert clean.p50_h is not None
    assert dirty.p50_h == pytest.approx(clean.p50_h, rel=0.3)


def test_the_same_values_and_seed_give_the_same_answer() -> None:
    at, index, _ = _path(np.random.default_rng(1), 1.6, flat_d=5, seen=0.7, noise=0.05, slow=0.0)

    assert extrapolate(at, index, _LIMIT, seed=4) == extrapolate(at, index, _LIMIT, seed=4)


@pytest.mark.parametrize("at", [[0.0, 0.0], [1.0, 0.0], [0.0, math.nan], [0.0]])
def test_times_that_are_repeated_unsorted_or_not_there_are_refused(at: list[float]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        extrapolate(np.array(at), np.zeros(2), 1.0)


@given(
    st.lists(st.floats(-1e300, 1e300) | st.just(math.nan), min_size=16, max_size=80),
    st.floats(-1e6, 1e6),
)
def test_whatever_the_values_the_answer_is_in_order_or_a_reason(values: list[float], limit: float) -> None:
    found = extrapolate(np.arange(float(len(values))), np.array(values), limit)

    if isinstance(found, NoTrend):
        assert found.reason
        return
    named = [each for each in (found.p10_h, found.p50_h, found.p90_h) if each is not None]
    assert named == sorted(named)
    assert all(each >= 0 for each in named)
    assert 0 <= found.risk[0] <= found.risk[1] <= found.risk[2] <= 1
    assert 0 <= found.health <= 1
