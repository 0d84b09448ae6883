"""What the members of the ensemble find together, whom they name, and what they leave in peace."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.detectors import record
from services.analytics.detectors.ensemble import MEMBERS, Ensemble
from services.analytics.detectors.findings import findings
from services.analytics.detectors.model import Array, Scores
from tests.unit.analytics.detectors.plant import BUCKET_US, NOISE, SCALE, SENSORS, SETTINGS, healthy, times, trained

TWO_WEEKS = 2_016
LATER = 2**60


@pytest.fixture(scope="module")
def model() -> Ensemble:
    return trained(healthy(TWO_WEEKS, 0))


def _scored(model: Ensemble, values: Array) -> Scores:
    return model.score(times(len(values)), values)


def test_healthy_machines_give_no_more_findings_than_the_budget() -> None:
    """0.5 a month: 60 machines over 30 days each may give 30, and chance some more."""
    found = 0
    for seed in range(12):
        model = trained(healthy(TWO_WEEKS, seed))
        for other in range(5):
            score = _scored(model, healthy(4_320, 1_000 + 5 * seed + other)).score
            found += len(findings(times(4_320), score, SETTINGS, LATER))

    assert found <= 30 + 2 * np.sqrt(30)


@pytest.mark.parametrize("faulty", range(5))
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_small_lasting_shift_is_found_and_its_sensor_and_direction_are_named(
    model: Ensemble, faulty: int, sign: int
) -> None:
    """0.9 standard units: hardly to be seen in a sensor that the loads move by as much."""
    values = healthy(600, 7)
    values[200:, faulty] += sign * 6 * NOISE * SCALE[faulty]

    scores = _scored(model, values)
    [finding] = findings(times(600), scores.score, SETTINGS, LATER)

    assert finding.start_us <= times(600)[240]
    assert finding.until_us >= times(600)[590]
    above = np.flatnonzero(scores.score >= 1)
    assert np.median(scores.share[above].argmax(axis=1) == faulty) == 1
    away = values[above, faulty] - scores.expected[above, faulty]
    assert np.mean(np.sign(away) == sign) > 0.97


def test_a_finding_ends_soon_after_the_relation_is_back(model: Ensemble) -> None:
    values = healthy(900, 8)
    values[200:500, 3] -= 1.5 * SCALE[3]

    [finding] = findings(times(900), _scored(model, values).score, SETTINGS, LATER)

    assert 0 <= finding.until_us // BUCKET_US - 500 <= 128


def test_a_sensor_that_freezes_is_found_as_stuck_though_its_value_is_usual(model: Ensemble) -> None:
    values = healthy(400, 9)
    values[200:, 4] = values[:200, 4].mean()

    scores = _scored(replace(model, relation=None), values)

    assert scores.score[260] >= 1
    stuck = scores.leading[240:] == MEMBERS.index("stuck")
    assert stuck.any()
    assert (scores.share[240:][stuck].argmax(axis=1) == 4).all()


def test_a_row_that_breaks_how_sensors_go_together_is_found_at_once(model: Ensemble) -> None:
    values = healthy(300, 10)
    values[200, 1] += 3 * SCALE[1]

    scores = _scored(model, values)

    assert scores.score[200] >= 1
    assert scores.detectors[scores.leading[200]] == "relation"
    assert scores.share[200].argmax() == 1
    assert scores.expected[200, 1] == pytest.approx(values[200, 1] - 3 * SCALE[1], abs=3 * NOISE * SCALE[1])


def test_one_absurd_value_is_no_finding_and_leaves_everything_finite(model: Ensemble) -> None:
    for absurd in (1e300, -1e300, 1.7e308):
        values = healthy(400, 11)
        values[200, 2] = absurd

        scores = _scored(model, values)

        assert np.isfinite(scores.score).all()
        assert np.isfinite(scores.share).all()
        assert np.isfinite(scores.expected).all()
        assert scores.score[200] > 100
        assert scores.share[200].argmax() == 2
        assert findings(times(400), scores.score, SETTINGS, LATER) == []


def test_a_sensor_that_disappears_leaves_the_rest_watched_where_no_relation_needs_it() -> None:
    chance = np.random.default_rng(0)
    model = trained(chance.normal(size=(1_000, 5)))
    values = chance.normal(size=(300, 5))
    values[:, 1] = np.nan
    values[150:, 3] += 5.0

    scores = _scored(model, values)

    assert np.isfinite(scores.score[1:]).all()
    assert (scores.score[170:] >= 1).all()
    assert (scores.share[170:].argmax(axis=1) == 3).all()
    assert (scores.share[:, 1] == 0).all()


def test_rows_without_any_value_cannot_be_scored(model: Ensemble) -> None:
    values = healthy(300, 12)
    values[100:180] = np.nan

    score = _scored(model, values).score

    assert np.isnan(score[100:180]).all()
    assert np.isfinite(score[:100]).all()
    assert np.isfinite(score[180:]).all()


def test_a_change_of_load_is_no_anomaly_when_the_load_is_a_driver() -> None:
    chance = np.random.default_rng(3)

    def rows(load: Array) -> Array:
        own = 0.1 * chance.normal(size=(len(load), 2))
        return np.column_stack([3 * load + own[:, 0], 5 - load**2 + own[:, 1], load])

    by_load = replace(SETTINGS, sensors=("power_kw", "pressure_bar"), drivers=("load",))
    model = trained(rows(chance.uniform(0, 2, 2_000)), by_load)
    changed = rows(np.repeat([0.2, 1.8, 0.9], 200))
    broken = changed.copy()
    broken[300:, 0] += 0.5

    assert np.nanmax(_scored(model, changed).score) < 1
    assert np.isfinite(_scored(model, changed).score).all()
    assert (_scored(model, broken).score[340:] >= 1).all()
    assert (_scored(model, broken).share[340:].argmax(axis=1) == 0).all()


def test_drivers_beyond_all_that_was_trained_cannot_be_scored() -> None:
    chance = np.random.default_rng(4)
    values = np.column_stack([chance.normal(size=(1_000, 2)), chance.uniform(0, 1, 1_000)])
    model = trained(values, replace(SETTINGS, sensors=("a", "b"), drivers=("load",)))
    values[500:, 2] = 5.0

    score = _scored(model, values).score

    assert np.isfinite(score[:500]).all()
    assert np.isnan(score[500:]).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 699), max_size=6), st.integers(0, 60))
def test_scored_piece_by_piece_the_same_comes_out_as_at_once(
    model: Ensemble, seed: int, cuts: list[int], missing: int
) -> None:
    chance = np.random.default_rng(seed)
    values = healthy(700, seed)
    values[chance.integers(0, 700, missing), chance.integers(0, 5, missing)] = np.nan
    at_us = times(700)[chance.random(700) < 0.97]
    values = values[: len(at_us)]
    whole = model.score(at_us, values).score

    edges = sorted({0, len(at_us), *(cut for cut in cuts if cut < len(at_us))})
    for low, high in pairwise(edges):
        first = int(np.searchsorted(at_us, at_us[low] - model.memory_us))
        piece = model.score(at_us[first:high], values[first:high]).score[low - first :]
        assert piece == pytest.approx(whole[low:high], rel=1e-9, abs=1e-12, nan_ok=True)


def test_the_same_rows_give_the_same_model_and_it_survives_storage_bit_for_bit(model: Ensemble) -> None:
    stored = record.as_record(model, SETTINGS, 0, 1)
    restored = record.model_of(json.loads(json.dumps(stored)))
    values = healthy(400, 13)

    assert record.as_record(trained(healthy(TWO_WEEKS, 0)), SETTINGS, 0, 1) == stored
    assert restored is not None
    assert restored.score(times(400), values).score.tolist() == _scored(model, values).score.tolist()
    assert restored.columns == model.columns == SENSORS


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_the_unit_of_a_sensor_changes_no_score(seed: int, factor: float, offset: float) -> None:
    values, fresh = healthy(500, seed), healthy(60, seed + 1)
    plain = _scored(trained(values), fresh).score
    values[:, 0], fresh[:, 0] = (values[:, 0] + offset) * factor, (fresh[:, 0] + offset) * factor

    assert _scored(trained(values), fresh).score == pytest.approx(plain, rel=1e-4)
