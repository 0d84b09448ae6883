"""Regimes are found without labels: as many as the drivers show, one when they show none."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics import regimes
from services.analytics.regimes import UNKNOWN, Regimes, Scaling

# The six flight conditions of C-MAPSS FD002 and FD004 (Saxena et al. 2008): altitude, Mach number, throttle.
_FLIGHT = np.array([[0, 0, 100], [10, 0.25, 100], [20, 0.7, 100], [25, 0.62, 60], [35, 0.84, 100], [42, 0.84, 100.0]])


def _flights(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    which = generator.choice(6, size=n, p=[0.15, 0.15, 0.15, 0.15, 0.15, 0.25])
    return _FLIGHT[which] + generator.normal(scale=[0.003, 0.0005, 0.0], size=(n, 3)), which


def test_six_flight_conditions_are_six_regimes_and_every_row_finds_its_own() -> None:
    drivers, which = _flights(3_000)
    found = regimes.fit(drivers, seed=0)
    assert found.count == 6
    labels = found.of(drivers)
    assert all(len(np.unique(labels[which == each])) == 1 for each in range(6))
    assert len(np.unique(labels)) == 6


@pytest.mark.parametrize(
    ("name", "drivers"),
    [
        ("noise around one point", np.random.default_rng(1).normal(size=(2_000, 3))),
        ("a load that wanders evenly", np.random.default_rng(2).uniform(0, 100, size=(2_000, 1))),
        ("a load rounded to few steps", np.round(np.random.default_rng(3).normal(scale=2.0, size=(2_000, 2)))),
        ("a constant", np.full((500, 2), 7.0)),
        ("nothing known", np.full((500, 2), np.nan)),
        ("no drivers", np.empty((500, 0))),
        ("few rows", np.array([[0.0], [100.0]] * 10)),
        ("one outlier of 1e300", np.append(np.random.default_rng(4).normal(size=(500, 1)), [[1e300]], axis=0)),
        ("a handful of starts", np.append(np.zeros((2_000, 1)) + 5, np.full((10, 1), 900.0), axis=0)),
    ],
)
def test_drivers_that_do_not_fall_apart_are_one_regime(name: str, drivers: np.ndarray) -> None:
    found = regimes.fit(drivers, seed=0)
    assert found.count == 1, name
    assert (found.of(drivers) == 0).all()


def test_two_products_are_two_regimes() -> None:
    products = np.repeat([[1.0], [2.0]], 200, axis=0)
    found = regimes.fit(products, seed=0)
    assert found.count == 2
    assert found.of(np.array([[1.0], [2.0]])).tolist() in ([0, 1], [1, 0])


def test_missing_drivers_and_conditions_never_seen_have_no_regime() -> None:
    found = regimes.fit(_flights(3_000)[0], seed=0)
    strange = np.array([[np.nan, 0, 100], [15, 0.5, 80], [1e300, 0, 100], [-np.inf, 0, 100]])
    assert found.of(strange).tolist() == [UNKNOWN] * 4


def test_the_same_rows_and_seed_give_the_same_regimes_and_they_survive_json_bit_for_bit() -> None:
    drivers, _ = _flights(1_000)
    one, other = regimes.fit(drivers, seed=3), regimes.fit(drivers, seed=3)
    again = Regimes.from_parameters(json.loads(json.dumps(one.as_parameters(), allow_nan=False)))
    assert one.as_parameters() == other.as_parameters() == again.as_parameters()
    assert (one.of(drivers) == again.of(drivers)).all()


def test_z_scores_in_a_regime_forget_what_the_regime_does_to_the_sensor() -> None:
    drivers, which = _flights(3_000)
    noise = np.random.default_rng(5).normal(size=3_000)
    values = np.stack([100 * which + (1 + which) * noise, np.where(which == 2, 8.0, noise)], axis=1)
    found = regimes.fit(drivers, seed=0)
    labels = found.of(drivers)
    z = regimes.fit_scaling(values, labels, found.count).standardised(values, labels)
    assert np.abs(z[:, 0] - noise).max() < 0.7
    assert np.corrcoef(z[:, 0], noise)[0, 1] > 0.997
    assert (z[which == 2, 1] == 0).all(), "constant in one regime only"


def test_one_broken_value_moves_neither_location_nor_scale() -> None:
    values = np.random.default_rng(6).normal(size=(400, 1))
    broken = values.copy()
    broken[7], broken[8] = 1e300, np.nan
    labels = np.zeros(400, dtype=np.int64)
    usual = regimes.fit_scaling(values, labels, 1)
    spoilt = regimes.fit_scaling(broken, labels, 1)
    assert spoilt.location == pytest.approx(usual.location, abs=0.05)
    assert spoilt.scale == pytest.approx(usual.scale, rel=0.05)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=2, max_size=2), min_size=1, max_size=60)
)
def test_any_numbers_at_all_give_finite_parameters(rows: list[list[float]]) -> None:
    values = np.array(rows)
    found = regimes.fit(values, seed=0)
    labels = found.of(values)
    assert ((labels >= UNKNOWN) & (labels < found.count)).all()
    scaling = regimes.fit_scaling(values, labels, found.count)
    assert np.isfinite(scaling.location).all()
    assert (scaling.scale >= 0).all()
    again = Scaling.from_parameters(scaling.as_parameters())
    assert (again.location == scaling.location).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 1.0 + 1e-15, 1.0 + 1e-9, 1.0 + 1e-6, 5.0, 1e300]), min_size=40, max_size=80))
def test_points_that_hardly_differ_are_not_asked_to_be_groups(points: list[float]) -> None:
    """k-means warns when it finds fewer groups than asked for; warnings are errors here."""
    drivers = np.array(points)[:, None]

    assert 1 <= regimes.fit(drivers, seed=0).count <= 4
