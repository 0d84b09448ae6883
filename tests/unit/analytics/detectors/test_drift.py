"""Concept drift: told, with what is behind it."""

import numpy as np

from services.analytics.detectors.drift import Drift, noticed
from services.analytics.detectors.model import Array
from tests.unit.analytics.detectors.plant import SCALE, SENSORS, healthy, times, trained


def _noticed(values: Array) -> Drift | None:
    model = trained(healthy(2_016, 0))
    return noticed(model.columns, model.sensors, values, model.score(times(len(values)), values))


def test_a_machine_as_it_was_in_training_has_not_drifted() -> None:
    assert _noticed(healthy(1_000, 1)) is None


def test_a_lasting_shift_is_drift_and_its_sensor_is_named() -> None:
    values = healthy(1_000, 2)
    values[:, 3] += 2 * SCALE[3]

    drift = _noticed(values)

    assert drift is not None
    assert drift.typical_score is not None
    assert drift.carried_by[0] == SENSORS[3]
    assert drift.as_parameters()["missing"] == []


def test_a_sensor_that_is_gone_is_told() -> None:
    values = healthy(1_000, 3)
    values[200:, 4] = np.nan

    drift = _noticed(values)

    assert drift is not None
    assert drift.missing == (SENSORS[4],)


def test_a_few_rows_tell_nothing() -> None:
    assert _noticed(healthy(100, 4) + 5 * SCALE) is None
