"""What is told of a path is what plain arithmetic says of it; what held-out residuals say of doubt comes true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.analytics.prognosis import calibration, features
from services.analytics.prognosis.calibration import at_level

_PATHS = st.integers(1, 90).flatmap(
    lambda steps: arrays(np.float64, (steps, 2), elements=st.floats(-8, 8, allow_subnormal=False))
)


@settings(max_examples=60, deadline=None)
@given(_PATHS, st.data())
def test_levels_early_life_and_stretches_are_plain_means(signals: np.ndarray, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(signals) - 1))
    told = features.of_signals(signals, np.array([end]))[0]
    past = signals[: end + 1]
    for i, window in enumerate((5, 15, 30, 60, len(signals))):
        assert told[2 * i : 2 * i + 2] == pytest.approx(past[-window:].mean(axis=0), abs=1e-9)
    assert told[20:22] == pytest.approx(past[:15].mean(axis=0), abs=1e-9)
    assert told[22:].reshape(8, 2).mean(axis=0) == pytest.approx(past.mean(axis=0), abs=1e-9)
    assert features.recent_level(signals, np.array([end]))[0] == pytest.approx(past[-15:].mean(axis=0), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(_PATHS, st.data())
def test_what_comes_after_a_moment_changes_nothing_said_of_it(signals: np.ndarray, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(signals) - 1))
    age = np.arange(1.0, len(signals) + 1)
    whole = features.of(signals, age, np.array([end]))
    cut = features.of(signals[: end + 1], age[: end + 1], np.array([end]))
    assert whole == pytest.approx(cut, abs=1e-9)


def test_the_slope_of_a_long_straight_line_is_its_slope() -> None:
    line = 0.1 * np.arange(200.0)[:, None]
    slopes = features.of_signals(line, np.array([199]))[0][5:10] / np.array([15, 30, 60, 60, 60])
    assert slopes[2:] == pytest.approx([0.1] * 3, rel=0.01)
    assert (np.diff(slopes) >= 0).all(), "few rows speak with less voice"


def test_eight_in_ten_lives_end_between_p10_and_p90_also_where_the_doubt_differs() -> None:
    generator = np.random.default_rng(1)

    def lives(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        point, trait = generator.uniform(20, 100, n), generator.uniform(0, 1, (n, 2))
        return point, trait, point + generator.normal(size=n) * (3 + 12 * trait[:, 0])

    said = calibration.fit(*lives(6_000), cap=150.0, gain=1.0, seed=0)
    point, trait, truth = lives(6_000)
    quantiles = said.quantiles(point, trait)
    is_within = (at_level(quantiles, 0.1) <= truth) & (truth <= at_level(quantiles, 0.9))
    for part in (np.ones(6_000, dtype=bool), trait[:, 0] < 0.3, trait[:, 0] > 0.7, point < 50, point > 80):
        assert is_within[part].mean() == pytest.approx(0.8, abs=0.05)
    assert (np.diff(quantiles, axis=1) >= 0).all()
