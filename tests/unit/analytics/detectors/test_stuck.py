import json

import numpy as np

from services.analytics.detectors.stuck import SPAN, Stuck, fit, steps_of

B = 10
# A lively sensor, and one that rests most of the time.
STEPS = np.column_stack([np.random.default_rng(6).uniform(0.8, 1.2, 500), np.zeros(500)])
STEPS[::50, 1] = 1.0


def test_a_sensor_that_moves_as_ever_scores_nothing_and_one_that_does_not_scores_above() -> None:
    found = fit(STEPS)

    score = found.score(np.array([[1.0, 0.0], [0.5, 0.0], [0.0, 0.0]]))

    assert score[0, 0] < 0.1
    assert score[1, 0] < 1 < score[2, 0]
    assert (score[:, 1] == 0).all()


def test_nothing_known_of_the_healthy_window_looks_at_no_sensor() -> None:
    assert (fit(np.full((100, 2), np.nan)).score(np.zeros((3, 2))) == 0).all()


def test_a_step_is_taken_from_the_row_before() -> None:
    steps = steps_of(np.arange(4) * B, np.array([[1.0], [3.0], [np.nan], [4.0]]), B)

    assert np.array_equal(steps[:, 0], [np.nan, 2.0, np.nan, np.nan], equal_nan=True)


def test_rows_denser_than_the_history_are_held_against_the_one_a_step_before() -> None:
    ramp = np.arange(20.0)[:, None]

    steps = steps_of(np.arange(20) * B, ramp, 5 * B)

    assert np.isnan(steps[:5]).all()
    assert (steps[5:] == 5).all()


def test_a_row_after_a_long_stop_has_no_step() -> None:
    at_us = np.array([0, SPAN * B, 2 * SPAN * B + B])

    assert np.isfinite(steps_of(at_us, np.ones((3, 1)), B)[:, 0]).tolist() == [False, True, False]


def test_it_survives_storage_bit_for_bit() -> None:
    found = fit(STEPS)
    restored = Stuck.from_parameters(json.loads(json.dumps(found.as_parameters())))

    assert restored.score(STEPS).tolist() == found.score(STEPS).tolist()
