"""MTBF and rates, trend, censored lives, availability limits: golden numbers, peers, and what must always hold."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.indicators.availability_interval import Sample, f_limits, keesee_limits
from shared.indicators.censored import conditional_failure, kaplan_meier, remaining_life, weibull
from shared.indicators.quota import clopper_pearson
from shared.indicators.reliability import demonstration_hours, markov_availability, mtbf_limits, rate_limits
from shared.indicators.trend import trend

with warnings.catch_warnings():
    # The peers warn of their own dependencies when they are imported.
    warnings.simplefilter("ignore")
    from lifelines import KaplanMeierFitter, WeibullFitter
    from reliability.Reliability_testing import one_sample_proportion, reliability_test_planner
    from reliability.Repairable_systems import ROCOF

_hours = st.floats(1, 1e6)
_failures = st.integers(0, 200)
_confidence = st.floats(0.01, 0.99)
_lives = st.lists(st.integers(1, 5000).map(Fraction), min_size=2, max_size=12)


def test_the_limits_of_reliab_d() -> None:
    """RELIAB-D (contract D): 21,300 h, 4 failures, one-sided 80 %."""
    lower, upper = mtbf_limits(21_300, 4, 0.8, two_sided=False)
    assert (round(lower or 0), round(upper or 0)) == (3169, 9274)


@pytest.mark.parametrize(("hours", "failures", "confidence"), [(-1, 2, 0.9), (1, -2, 0.9), (1, 2, 0), (1, 2, 1)])
def test_limits_of_nonsense_are_refused(hours: float, failures: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"not negative|between 0 and 1"):
        mtbf_limits(hours, failures, confidence, two_sided=True)


@given(_hours, _failures, _confidence, st.booleans())
def test_limits_hold_the_estimate_and_widen_with_confidence(
    hours: float, failures: int, confidence: float, by_time: bool
) -> None:
    lower, upper = mtbf_limits(hours, failures, confidence, two_sided=True, time_terminated=by_time)
    wider, higher = mtbf_limits(hours, failures, (1 + confidence) / 2, two_sided=True, time_terminated=by_time)
    if lower is None or wider is None:
        assert failures == 0
        assert not by_time
    else:
        assert 0 < wider <= lower
        assert not failures or lower <= hours / failures * 1.7
    if upper is None or higher is None:
        assert failures == 0
    else:
        assert upper <= higher
        assert lower is not None
        assert lower < upper


@given(_failures, st.floats(0.01, 0.99), st.floats(1, 1e5))
def test_the_hours_demanded_for_a_demonstration_prove_the_level(failures: int, confidence: float, level: float) -> None:
    hours = demonstration_hours(level, failures, confidence)
    lower, _ = mtbf_limits(hours, failures, confidence, two_sided=False)
    assert lower == pytest.approx(level)


@given(st.integers(0, 100), _hours, _confidence)
def test_the_limits_of_a_rate_are_those_of_the_mtbf_turned_over(events: int, hours: float, confidence: float) -> None:
    low, high = rate_limits(events, hours, confidence)
    lower, upper = mtbf_limits(hours, events, confidence, two_sided=True)
    assert high == pytest.approx(1 / (lower or 1))
    assert low == (0 if upper is None else pytest.approx(1 / upper))


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize(("hours", "failures", "confidence"), [(19_520, 7, 0.8), (10_000, 6, 0.8), (2_000, 0, 0.95)])
def test_the_lower_limit_agrees_with_the_reliability_package(
    hours: int, failures: int, confidence: float, one_sided: bool
) -> None:
    """Peer: reliability 0.9.0, reliability_test_planner, 1e-9."""
    peer = reliability_test_planner(
        test_duration=hours, number_of_failures=failures, CI=confidence, one_sided=one_sided, print_results=False
    )
    lower, _ = mtbf_limits(hours, failures, confidence, two_sided=not one_sided)
    assert lower == pytest.approx(peer.MTBF, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 999), min_size=2, max_size=15, unique=True))
def test_laplace_agrees_with_the_reliability_package(times: list[int]) -> None:
    """Peer: reliability 0.9.0, ROCOF from the times between failures, 1e-9."""
    ordered = sorted(times)
    found = trend([Fraction(t) for t in ordered], Fraction(1000))
    peer = ROCOF(times_between_failures=np.diff([0, *ordered]), test_end=1000, show_plot=False, print_results=False)
    assert found.laplace_u == pytest.approx(peer.U, rel=1e-9, abs=1e-12)


def test_a_constant_rate_shows_no_trend_and_a_rising_one_does() -> None:
    even = trend([Fraction(t) for t in range(50, 1000, 100)], Fraction(1000))
    late = trend([Fraction(t) for t in range(900, 1000, 10)], Fraction(1000))
    assert abs(even.laplace_u) < 1e-9
    assert even.p_value > 0.99
    assert late.p_value < 0.001
    assert late.beta is not None
    assert late.beta > 5


@settings(max_examples=15, deadline=None)
@given(_lives, st.lists(st.integers(1, 5000).map(Fraction), max_size=8))
def test_kaplan_meier_agrees_with_lifelines(ended: list[Fraction], running: list[Fraction]) -> None:
    """Peer: lifelines 0.30, survival and Greenwood's variance, 1e-6."""
    found = kaplan_meier(ended, running)
    observed = [1] * len(ended) + [0] * len(running)
    peer = KaplanMeierFitter().fit([float(life) for life in (*ended, *running)], observed)
    for at, share in zip(found.at_h, found.share, strict=True):
        assert float(share) == pytest.approx(peer.predict(float(at)), rel=1e-6, abs=1e-12)
    assert list(found.share) == sorted(found.share, reverse=True)
    assert all(variance >= 0 for variance in found.variance)


@given(_lives, st.lists(st.integers(1, 5000).map(Fraction), max_size=8))
def test_without_censoring_kaplan_meier_is_the_share_of_lives_that_are_longer(
    ended: list[Fraction], running: list[Fraction]
) -> None:
    found = kaplan_meier(ended, [])
    for at, share in zip(found.at_h, found.share, strict=True):
        assert share == Fraction(sum(life > at for life in ended), len(ended))
    with_running = kaplan_meier(ended, [life + 5000 for life in running])
    assert all(more >= less for more, less in zip(with_running.share, found.share, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_weibull_fit_agrees_with_lifelines(seed: int) -> None:
    """Peer: lifelines 0.30, 1e-6 of its own convergence."""
    made = np.random.default_rng(seed)
    lives = (made.weibull(1.8, 40) * 3000).round(3)
    ends = np.minimum(lives, 3500)
    is_over = lives <= 3500
    found = weibull([Fraction(str(life)) for life in ends[is_over]], [Fraction(str(life)) for life in ends[~is_over]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = WeibullFitter().fit(ends, is_over)
    assert found is not None
    assert found[0] == pytest.approx(peer.rho_, rel=1e-5)
    assert found[1] == pytest.approx(peer.lambda_, rel=1e-5)


def test_the_weibull_fit_of_cens_1() -> None:
    """CENS-1, statistics.md 4.4: reliability and lifelines both give alpha 4052.29, beta 2.00475."""
    found = weibull([Fraction(1200), Fraction(2500), Fraction(3100)], [Fraction(4000)] * 2)
    assert found == (pytest.approx(2.00475, rel=5e-6), pytest.approx(4052.29, rel=5e-6))


def test_one_distinct_end_or_a_life_of_nothing_gives_no_weibull() -> None:
    assert weibull([Fraction(5), Fraction(5)], []) is None
    assert weibull([Fraction(0), Fraction(5)], []) is None


@given(st.floats(0.3, 5), st.floats(10, 1e5), st.floats(0, 1e5), st.floats(0.01, 0.99))
def test_the_remaining_life_is_where_the_probability_of_failure_is_reached(
    beta: float, eta: float, age: float, share: float
) -> None:
    rest = remaining_life(beta, eta, age, share)
    assert conditional_failure(beta, eta, age, rest) == pytest.approx(share, rel=1e-4, abs=1e-6)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(1, 1e5), st.floats(0.1, 1e4), st.floats(0.01, 0.5))
def test_availability_limits_hold_the_point_of_full_cycles_and_stay_inside_0_to_1(
    failures: int, repairs: int, up: float, down: float, alpha: float
) -> None:
    sample = Sample(up=up, down=down, failures=failures, repairs=repairs)
    full, ended = f_limits(sample, alpha), keesee_limits(sample, alpha)
    assert full is not None
    assert ended is not None
    assert 0 < full[0] < full[1] < 1
    assert 0 < ended[0] < ended[1] < 1
    if failures == repairs:
        assert full[0] < up / (up + down) < full[1]


@given(st.floats(1e-5, 1), st.floats(1e-3, 10), st.floats(0, 1e4))
def test_availability_falls_from_1_to_its_steady_state(failing: float, repairing: float, after: float) -> None:
    steady, at, mean = markov_availability(failing, repairing, after)
    assert steady - 1e-12 <= at <= 1
    assert mean is None or at - 1e-9 <= mean <= 1 + 1e-9
    assert markov_availability(failing, repairing, after + 1)[1] <= at + 1e-12


def test_the_exact_proportion_agrees_with_the_reliability_package() -> None:
    """Peer: reliability 0.9.0, one_sample_proportion, Clopper-Pearson, rounded by the peer to nothing."""
    for kept, total, confidence in ((92, 100, 0.9), (1, 7, 0.8), (29, 30, 0.95)):
        peer = one_sample_proportion(trials=total, successes=kept, CI=confidence, print_results=False)
        assert clopper_pearson(kept, total, confidence) == pytest.approx(tuple(peer), rel=1e-6)
