"""Baselines and savings: statsmodels as peer, the worked example, uncertainty, coverage."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.indicators.baseline import Baseline, fit, solve, stated
from shared.indicators.catalog.baseline import REFERENCE_X, REFERENCE_Y
from shared.indicators.savings import (
    Interval,
    effective_points,
    fractional_uncertainty,
    p_reaches,
    polynomial_factor,
    savings,
    savings_sd,
    t_quantile,
    uncovered,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import statsmodels.api as sm

PUMP: Baseline = stated(
    driver="volume", intercept=Fraction("50.867132867"), slope=Fraction("1.494405594"), n=12, s=2.599085369
)


def _made(seed: int, drivers: int, n: int) -> tuple[dict[str, list[Fraction]], list[Fraction]]:
    made = np.random.default_rng(seed)
    columns = {f"d{k}": [Fraction(str(x)) for x in made.uniform(10, 90, n).round(3)] for k in range(drivers)}
    noise = made.normal(0, 5, n).round(3)
    energy = [
        Fraction(str(noise[i]))
        + 40
        + sum((Fraction(k + 1) * xs[i] for k, xs in enumerate(columns.values())), Fraction(0))
        for i in range(n)
    ]
    return columns, energy


@pytest.mark.parametrize(("seed", "drivers", "n"), [(1, 1, 12), (2, 2, 24), (3, 3, 40), (4, 4, 365)])
def test_a_fit_and_its_prediction_agree_with_statsmodels(seed: int, drivers: int, n: int) -> None:
    """Peer: statsmodels OLS, 1e-9: coefficients, s, R2, and the variance of a sum of predictions."""
    columns, energy = _made(seed, drivers, n)
    found = fit(columns, energy)
    matrix = sm.add_constant(np.array([[float(x) for x in xs] for xs in columns.values()]).T)
    peer = sm.OLS(np.array([float(y) for y in energy]), matrix).fit()
    ours = [float(found.intercept), *(float(slope) for slope in found.slopes.values())]
    assert ours == pytest.approx(list(peer.params), rel=1e-9)
    assert found.s == pytest.approx(peer.mse_resid**0.5, rel=1e-9)
    assert found.fitted is not None
    assert float(found.fitted.r2 or 0) == pytest.approx(peer.rsquared, rel=1e-9)
    later, _ = _made(seed + 50, drivers, 5)
    points = sm.add_constant(np.array([[float(x) for x in xs] for xs in later.values()]).T)
    total = points.sum(axis=0)
    variance = peer.mse_resid * 5 + total @ peer.cov_params() @ total
    assert savings_sd(found, later) == pytest.approx(variance**0.5, rel=1e-9)


def test_points_on_a_line_are_found_exactly_with_nothing_left() -> None:
    found = fit({"x": [0.1, 0.2, 0.3]}, [1.3, 1.6, 1.9])
    assert (found.intercept, found.slopes["x"], found.s) == (1, 3, 0)
    assert found.fitted is not None
    assert found.fitted.r2 == 1
    assert found.fitted.rho1 is None


@given(
    st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=4, max_size=15).filter(
        lambda points: len({x for x, _ in points}) > 1
    )
)
def test_residuals_of_a_fit_add_up_to_nothing_and_are_at_right_angles_to_the_driver(
    points: list[tuple[int, int]],
) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    found = fit({"x": xs}, ys)
    residuals = [y - found.predict({"x": x}) for x, y in points]
    assert sum(residuals) == 0
    assert sum(residual * x for residual, x in zip(residuals, xs, strict=True)) == 0


def test_the_savings_of_enb_2_by_three_rules() -> None:
    """ENB-2, statistics.md 4.5: 63.92 MWh, exact sd 5.0437, 90 % +-9.14, P(S >= 60) = .7723; 54.775 at least."""
    baseline = fit({"x": REFERENCE_X}, REFERENCE_Y)
    drivers = {"x": [150, 160, 170]}
    found = savings(baseline, drivers, [255, 270, 281])
    sd = savings_sd(baseline, drivers)
    assert sd is not None
    half = t_quantile(0.9, baseline.dof) * sd
    assert sd == pytest.approx(5.0437, abs=5e-5)
    assert half is not None
    assert float(found.savings) - half == pytest.approx(54.775, abs=5e-4)
    assert p_reaches(found.savings, 60, sd or 0, baseline.dof) == pytest.approx(0.7723, abs=5e-5)
    assert p_reaches(found.savings, found.savings, sd or 0, baseline.dof) == pytest.approx(0.5)


def test_a_stated_baseline_gives_the_savings_and_their_uncertainty_once_mean_and_spread_are_stated() -> None:
    """Contract D prints n, b0, b1 and s only; ENB-2 is reproduced from them."""
    drivers = {"volume": [150, 160, 170]}
    assert float(savings(PUMP, drivers, [255, 270, 281]).savings) == pytest.approx(63.916083916, rel=1e-8)
    assert savings_sd(PUMP, drivers) is None
    full = stated(
        driver="volume", intercept=PUMP.intercept, slope=PUMP.slopes["volume"], n=12, s=PUMP.s,
        x_mean=Fraction(155), sxx=Fraction(14300),
    )  # fmt: skip
    sd = savings_sd(full, drivers)
    assert sd is not None
    assert t_quantile(0.9, full.dof) * sd == pytest.approx(9.141429, rel=1e-6)


def test_a_non_routine_adjustment_moves_the_savings_by_itself() -> None:
    plain = savings(PUMP, {"volume": [150]}, [255])
    adjusted = savings(PUMP, {"volume": [150]}, [255], adjustments=Fraction("-3.5"))
    assert adjusted.savings == plain.savings - Fraction("3.5")
    assert adjusted.adjusted - adjusted.actual == adjusted.savings


def test_certain_savings_reach_a_level_or_do_not() -> None:
    assert p_reaches(Fraction(5), Fraction(5), 0, 10) == 1
    assert p_reaches(Fraction(4), Fraction(5), 0, 10) == 0


@given(st.integers(3, 999), st.floats(-0.99, 0.99))
def test_negative_autocorrelation_is_worth_no_extra_points(n: int, rho: float) -> None:
    assert 0 < effective_points(n, rho) <= n


def test_the_polynomial_of_three_billing_months() -> None:
    """kpi.md 2.8: poly 1.03774 gives 14.6872 % on ENB-2; hourly stays at 1.26."""
    assert polynomial_factor(Interval.BILLING, 3) == pytest.approx(1.03774)
    assert polynomial_factor(Interval.HOURLY, 99) == 1.26


def test_ignoring_autocorrelation_understates_the_uncertainty_by_43_percent() -> None:
    """ENB-3: .284173 against .163180."""
    with_it, without = (
        fractional_uncertainty(t=1.645, factor=1.26, cvrmse=0.15, saved_share=0.1, n=365, n_prime=n_prime, m=365)
        for n_prime in (effective_points(365, 0.5), 365.0)
    )
    assert 1 - without / with_it == pytest.approx(0.426, abs=5e-4)


def test_drivers_outside_90_to_110_percent_of_the_baseline_are_counted() -> None:
    baseline = fit({"x": REFERENCE_X}, REFERENCE_Y)
    assert uncovered(baseline, {"x": [90, 89.99, 231, 231.01, 150]}) == {"x": 2}
    assert uncovered(PUMP, {"volume": [1]}) is None
    below_zero = fit({"x": [-10, 0, 10]}, [1, 2, 4])
    assert uncovered(below_zero, {"x": [-11, -11.5, 11, 11.5]}) == {"x": 2}


@pytest.mark.parametrize(
    ("drivers", "energy", "why"),
    [
        ({"x": [1, 2]}, [1, 2, 3], "different lengths"),
        ({"x": [1, 2]}, [1, 2], "need at least 3 points"),
        ({"x": [2, 2, 2]}, [1, 2, 3], "constant"),
        ({"x": [1, 2, 3, 5], "y": [2, 4, 6, 10]}, [1, 2, 3, 4], "mixture"),
        ({"x": [1, 2, float("nan")]}, [1, 2, 3], "NaN|nan"),
    ],
)
def test_points_that_determine_no_baseline_are_refused(
    drivers: dict[str, list[float]], energy: list[float], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        fit(drivers, energy)


def test_other_drivers_than_the_baselines_are_refused() -> None:
    with pytest.raises(ValueError, match="drivers are"):
        PUMP.predict({"flow": 1})
    with pytest.raises(ValueError, match="different lengths"):
        savings(PUMP, {"volume": [1, 2]}, [1])
    with pytest.raises(ValueError, match="at least 3 points"):
        stated(driver="x", intercept=Fraction(1), slope=Fraction(1), n=2, s=1)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=3, max_size=3))
def test_a_solution_solves_its_equations_exactly(rows: list[list[int]]) -> None:
    matrix = tuple(tuple(Fraction(value) for value in row) for row in rows)
    right = (Fraction(1), Fraction(-2), Fraction(3))
    found = solve(matrix, right)
    if found is None:
        assert abs(np.linalg.det(np.array(rows, dtype=float))) < 1e-6
    else:
        for row, value in zip(matrix, right, strict=True):
            assert sum(a * b for a, b in zip(row, found, strict=True)) == value
