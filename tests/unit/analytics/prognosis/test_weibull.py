"""Lifetimes with censoring and truncation: golden numbers, the field's packages as reference, and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import WeibullFitter

from services.analytics.prognosis.weibull import (
    Lifetime,
    Lives,
    Prior,
    TooFew,
    fit,
    fleet_prior,
    maximum_likelihood,
    remaining,
)
from shared.indicators.censored import conditional_failure, remaining_life


def _lives(ended: list[float], failed: list[bool], entered: list[float] | None = None) -> Lives:
    return Lives(
        entered_h=np.array(entered or [0.0] * len(ended)),
        ended_h=np.array(ended, dtype=np.float64),
        failed=np.array(failed, dtype=np.bool_),
    )


def _drawn(rng: np.random.Generator, shape: float, scale: float, count: int) -> Lives:
    """Lives of which some were censored and some seen only from an age on."""
    life = scale * rng.weibull(shape, count)
    last = scale * rng.uniform(0.3, 2.0, count)
    entered = np.where(rng.random(count) < 0.3, 0.2 * scale, 0.0)
    seen = np.minimum(life, last) > entered
    return Lives(entered_h=entered[seen], ended_h=np.minimum(life, last)[seen], failed=(life <= last)[seen])


def _known(lives: Lives, prior: Prior | None = None) -> Lifetime:
    found = fit(lives, prior) if prior else fit(lives)
    assert isinstance(found, Lifetime)
    return found


_NO_LIVES = _lives([], [])
# A component of which everything is known beforehand: domain/golden.json "Weibull conditional".
_CERTAIN = Prior(shape=2.5, shape_spread=1e-7, scale_h=9000, failures=1e10)


def test_a_component_that_is_fully_known_gives_the_golden_risk_and_remaining_life() -> None:
    found = remaining(_known(_NO_LIVES, _CERTAIN), 7000, 1.0)

    assert found.risk[2] == pytest.approx(0.1375251325337853, rel=1e-6)
    assert found.p10_h == pytest.approx(523.265683274848, rel=1e-6)
    assert found.p50_h == pytest.approx(2766.324300261236, rel=1e-6)


def test_many_lives_bring_the_prediction_to_that_of_their_law() -> None:
    lives = _drawn(np.random.default_rng(3), 2.5, 9000, 6000)

    found = remaining(_known(lives), 7000, 1.0)

    assert found.risk[2] == pytest.approx(conditional_failure(2.5, 9000, 7000, 720), rel=0.06)
    assert found.p50_h == pytest.approx(remaining_life(2.5, 9000, 7000, 0.5), rel=0.06)


def test_few_lives_say_less_than_their_most_likely_law_pretends() -> None:
    lives = _lives([2100, 3100, 1600, 4000, 4000], [True, True, True, False, False])
    likely = maximum_likelihood(lives)
    assert likely is not None

    found = remaining(_known(lives), 0, 1.0)

    assert found.p10_h is not None
    assert found.p90_h is not None
    assert found.p10_h < remaining_life(likely["shape"], likely["scale_h"], 0, 0.1)
    assert found.p90_h > remaining_life(likely["shape"], likely["scale_h"], 0, 0.9)


def test_maximum_likelihood_agrees_with_lifelines_where_lives_were_seen_late() -> None:
    lives = _drawn(np.random.default_rng(8), 1.8, 5000, 80)
    reference = WeibullFitter().fit(lives.ended_h, event_observed=lives.failed, entry=lives.entered_h)

    found = maximum_likelihood(lives)

    assert found is not None
    assert found["shape"] == pytest.approx(reference.rho_, rel=1e-4)
    assert found["scale_h"] == pytest.approx(reference.lambda_, rel=1e-4)


def test_maximum_likelihood_agrees_with_the_published_censored_case() -> None:
    # domain/statistics.md 4.4, CENS-1: reliability and lifelines agree on 4052.29 and 2.00475.
    found = maximum_likelihood(_lives([1200, 2500, 3100, 4000, 4000], [True, True, True, False, False]))

    assert found is not None
    assert found["scale_h"] == pytest.approx(4052.29, abs=0.01)
    assert found["shape"] == pytest.approx(2.00475, abs=1e-5)


@pytest.mark.parametrize(("shape", "scale", "count"), [(2.5, 9000.0, 12), (1.2, 3000.0, 8), (0.8, 3000.0, 20)])
def test_four_of_five_lives_end_between_the_outer_quantiles(shape: float, scale: float, count: int) -> None:
    rng = np.random.default_rng(1)
    inside: list[bool] = []
    for _ in range(100):
        found = fit(_drawn(rng, shape, scale, count))
        if isinstance(found, TooFew):
            continue
        age = 0.3 * scale
        left = scale * ((age / scale) ** shape + rng.exponential()) ** (1 / shape) - age
        quantiles = remaining(found, age, 1.0)
        assert quantiles.p10_h is not None
        inside.append(quantiles.p10_h <= left <= (quantiles.p90_h or math.inf))

    # Of 100: one standard deviation of a share of 0.8 is 0.04; the prior's median shape is not the true one.
    assert 0.7 <= float(np.mean(inside)) <= 0.92


def test_a_component_that_runs_half_the_time_lasts_twice_as_long_by_the_calendar() -> None:
    lifetime = _known(_NO_LIVES, _CERTAIN)

    whole, half = remaining(lifetime, 7000, 1.0), remaining(lifetime, 7000, 0.5)

    assert whole.p50_h is not None
    assert half.p50_h == pytest.approx(2 * whole.p50_h)
    assert half.risk[2] < whole.risk[2]


def test_without_two_failures_nothing_is_said_and_the_reason_names_what_is_missing() -> None:
    found = fit(_lives([500, 800], [True, False]))

    assert isinstance(found, TooFew)
    assert (found.failures, found.needed) == (1, 2)
    assert found.reason == "1 failure(s) of this component on record, 2 are needed for a lifetime"


def test_a_fleet_speaks_for_a_component_without_failures_of_its_own() -> None:
    rng = np.random.default_rng(4)
    prior = fleet_prior([_drawn(rng, 2.0, scale, 30) for scale in (7000.0, 8000.0, 9500.0)])
    assert prior is not None

    found = remaining(_known(_lives([1000], [False]), prior), 1000, 1.0)

    assert 6000 < (prior.scale_h or 0) < 11000
    assert 1.5 < prior.shape < 2.7
    assert prior.failures >= 0.5
    assert found.p50_h is not None
    assert 3000 < found.p50_h < 10000


def test_one_group_is_no_fleet() -> None:
    assert fleet_prior([_drawn(np.random.default_rng(4), 2.0, 7000, 30)]) is None


@given(
    st.lists(st.tuples(st.floats(1, 1e5), st.floats(0, 0.9), st.booleans()), min_size=2, max_size=12),
    st.floats(0, 2e5),
)
def test_whatever_the_lives_quantiles_are_in_order_and_risks_grow_with_the_horizon(
    drawn: list[tuple[float, float, bool]], age: float
) -> None:
    lives = _lives(
        [end for end, _, _ in drawn], [failed for _, _, failed in drawn], [end * share for end, share, _ in drawn]
    )
    found = fit(lives)
    if isinstance(found, TooFew):
        assert lives.failures < 2
        return

    left = remaining(found, age, 0.7)

    named = [each for each in (left.p10_h, left.p50_h, left.p90_h) if each is not None]
    assert named == sorted(named)
    assert all(each > 0 for each in named)
    assert 0 <= left.risk[0] <= left.risk[1] <= left.risk[2] <= 1


@pytest.mark.parametrize(
    ("ended", "entered"), [([100.0], [100.0]), ([100.0], [-1.0]), ([math.inf], [0.0]), ([math.nan], [0.0])]
)
def test_lives_that_cannot_be_are_refused(ended: list[float], entered: list[float]) -> None:
    with pytest.raises(ValueError, match="a life is watched"):
        _lives(ended, [True], entered)


@pytest.mark.parametrize(("age", "share"), [(-1.0, 1.0), (math.nan, 1.0), (10.0, 0.0), (10.0, 1.5)])
def test_ages_and_shares_that_cannot_be_are_refused(age: float, share: float) -> None:
    with pytest.raises(ValueError, match=r"an age is|the share of time"):
        remaining(_known(_NO_LIVES, _CERTAIN), age, share)
