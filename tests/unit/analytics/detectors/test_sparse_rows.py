"""Devices that report more slowly than buckets follow each other, and then faster: one model for both."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.detectors import record, training
from services.analytics.detectors.ensemble import Ensemble
from services.analytics.detectors.findings import findings
from services.analytics.detectors.model import Array, Refusal, Refused, Times
from services.analytics.detectors.single import SingleModel
from tests.unit.analytics.detectors.plant import BUCKET_US, NOISE, SCALE, SETTINGS, healthy, times

# One bucket in five has a value.
FINE = replace(SETTINGS, bucket_us=BUCKET_US // 5, open_after=4, close_after=60)
LATER = 2**60


@pytest.fixture(scope="module")
def model() -> Ensemble:
    found = training.train(times(2_016), healthy(2_016, 0), FINE)
    assert isinstance(found, Ensemble)
    return found


def _dense(values: Array, seed: int) -> tuple[Times, Array]:
    """The same machine with five values in the time of one: its loads go on steadily, its noise does not."""
    at = np.arange(5 * (len(values) - 1) + 1) / 5
    between = np.column_stack([np.interp(at, np.arange(len(values)), column) for column in values.T])
    noise = 0.5 * NOISE * np.random.default_rng(seed).normal(size=between.shape) * SCALE
    return (at * BUCKET_US).astype(np.int64), between + noise


def test_windows_are_counted_in_the_steps_of_the_history(model: Ensemble) -> None:
    by_step = training.train(times(2_016), healthy(2_016, 0), replace(SETTINGS, open_after=4))
    assert isinstance(by_step, Ensemble)

    assert (model.every, by_step.every) == (5, 1)
    assert model.memory_us == by_step.memory_us
    assert model.level.spread.tolist() == by_step.level.spread.tolist()


def test_a_shift_is_found_in_rows_as_sparse_as_the_history_and_in_denser_ones(model: Ensemble) -> None:
    values = healthy(600, 7)
    values[300:, 3] -= 6 * NOISE * SCALE[3]

    for at_us, rows in ((times(600), values), _dense(values, 1)):
        score = model.score(at_us, rows).score
        [found] = findings(at_us, score, FINE, LATER)
        assert np.isfinite(score[5:]).all()
        assert times(301)[280] <= found.start_us <= times(341)[340]


def test_healthy_machines_that_report_faster_than_in_the_history_keep_the_budget(model: Ensemble) -> None:
    """0.5 a month: six times two weeks may give 1.4, and chance some more."""
    found = 0
    for seed in range(8, 14):
        at_us, rows = _dense(healthy(2_000, seed), seed)
        score = model.score(at_us, rows).score
        assert np.isfinite(score).all()
        found += len(findings(at_us, score, FINE, LATER))

    assert found <= 1.4 + 2 * np.sqrt(1.4)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 899), max_size=5))
def test_history_and_live_rows_scored_piece_by_piece_give_the_same_as_at_once(
    model: Ensemble, seed: int, cuts: list[int]
) -> None:
    chance = np.random.default_rng(seed)
    live_us, live = _dense(healthy(120, seed), seed)
    kept = chance.random(len(live)) < 0.9
    at_us = np.concatenate([times(300), times(301)[-1] + chance.integers(0, 500) * FINE.bucket_us + live_us[kept]])
    values = np.concatenate([healthy(300, seed + 1), live[kept]])
    whole = model.score(at_us, values).score

    edges = sorted({0, len(at_us), *(cut for cut in cuts if cut < len(at_us))})
    for low, high in pairwise(edges):
        first = int(np.searchsorted(at_us, at_us[low] - model.memory_us))
        piece = model.score(at_us[first:high], values[first:high]).score[low - first :]
        assert piece == pytest.approx(whole[low:high], rel=1e-9, abs=1e-12, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.sampled_from([1, 2, 5, 30, 61, 5_000]), min_size=1, max_size=6))
def test_whatever_the_gaps_between_rows_a_record_holds_numbers_only(seed: int, steps: list[int]) -> None:
    chance = np.random.default_rng(seed)
    at_us = np.cumsum(chance.choice(steps, 400)) * FINE.bucket_us
    values = healthy(400, seed)

    outcome = training.train(at_us, values, FINE)

    assert record.digest(json.loads(json.dumps(record.as_record(outcome, FINE, 0, 1), allow_nan=False)))
    if isinstance(outcome, Refusal):
        assert outcome.reason in {Refused.TOO_SCATTERED, Refused.CONTAMINATED}
    else:
        assert not np.isinf(outcome.score(at_us, values).score).any()


def test_rows_too_far_apart_for_the_grid_are_refused_with_a_reason() -> None:
    daily = np.arange(400, dtype=np.int64) * 86_400_000_000

    outcome = training.train(daily, healthy(400, 0), replace(FINE, bucket_us=60_000_000))

    assert isinstance(outcome, Refusal)
    assert outcome.reason is Refused.TOO_SCATTERED


def test_one_sensor_alone_remembers_in_steps_of_its_history_too() -> None:
    alone = replace(FINE, sensors=FINE.sensors[:1])

    model = training.train(times(600), healthy(600, 0)[:, :1], alone)

    assert isinstance(model, SingleModel)
    assert model.bucket_us == BUCKET_US
    assert np.isfinite(model.score(times(600), healthy(600, 1)[:, :1]).score[100:]).all()
