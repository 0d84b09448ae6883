import json

import numpy as np
import pytest

from services.analytics.detectors import level, relations, windows
from services.analytics.detectors.level import Level
from services.analytics.detectors.model import Array

SPANS = (8, 32)
B = 10


def _means(rows: Array) -> list[Array]:
    return windows.laid_out(np.arange(len(rows)) * B, rows, B, SPANS[-1]).means(SPANS)


def _fitted(rows: Array, looks_per_finding: float = 1e4) -> Level:
    return level.fit(relations.fit(rows[:, :]), rows, _means(rows), SPANS, looks_per_finding)


def _scored(found: Level, rows: Array) -> tuple[Array, Array]:
    means = [each[-1:] for each in _means(rows)]
    return found.score(means, np.ones_like(means[0]))


NOISE = np.random.default_rng(3).normal(size=(2_000, 2))
MODEL = _fitted(NOISE)


def test_a_shift_of_two_deviations_is_above_and_told_by_sensor_sign_and_size() -> None:
    fresh = np.random.default_rng(4).normal(size=(60, 2))
    fresh[:, 1] -= 2.0

    score, deviation = _scored(MODEL, fresh)

    assert score[0, 1] > 1 > score[0, 0]
    assert deviation[0, 1] == pytest.approx(-2.0, abs=0.6)


def test_no_shift_smaller_than_a_fraction_of_a_deviation_is_a_fault_however_sure_it_is() -> None:
    score, _ = _scored(MODEL, np.full((60, 2), 0.5))

    assert (score < 1).all()


def test_doubt_lowers_the_score() -> None:
    means = [each[-1:] for each in _means(NOISE + 2.0)]

    plain, _ = MODEL.score(means, np.ones((1, 2)))
    doubted, _ = MODEL.score(means, np.array([[1.0, 4.0]]))

    assert doubted.tolist() == [[plain[0, 0], plain[0, 1] / 4]]


def test_a_smaller_budget_asks_for_more() -> None:
    assert (_fitted(NOISE, 1e6).limits > MODEL.limits).all()


def test_chance_is_no_wander_but_a_level_that_walks_is() -> None:
    walk = np.random.default_rng(5).normal(size=(2_000, 1)).cumsum(axis=0) / 20

    assert level.wander_of(NOISE).max() < 0.01
    assert level.wander_of(NOISE[:, :1] + walk)[0] > 0.1


def test_a_span_needs_a_dozen_windows_and_the_shortest_is_always_there() -> None:
    assert level.spans_for(50) == (8,)
    assert level.spans_for(12 * 32) == (8, 32)
    assert level.spans_for(12 * 128) == (8, 32, 128)


def test_a_window_that_says_too_little_leaves_the_others_their_say() -> None:
    score, _ = MODEL.score([np.array([[np.nan, 3.0]]), np.array([[3.0, np.nan]])], np.ones((1, 2)))

    assert (score > 1).all()


def test_a_level_survives_storage_bit_for_bit() -> None:
    restored = Level.from_parameters(json.loads(json.dumps(MODEL.as_parameters())))

    assert _scored(restored, NOISE)[0].tolist() == _scored(MODEL, NOISE)[0].tolist()
