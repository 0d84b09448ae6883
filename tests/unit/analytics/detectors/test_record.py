import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.analytics.detectors import record
from services.analytics.detectors.ensemble import Ensemble
from services.analytics.detectors.model import Refusal, Refused
from services.analytics.detectors.training import train
from shared.model.detector import DetectorSettings

SETTINGS = DetectorSettings(
    sensors=("a", "b", "c"), bucket_us=600_000_000, open_after=3, close_after=6, false_alarms_per_month=1.0
)
AT_US = np.arange(400, dtype=np.int64) * SETTINGS.bucket_us


def _values() -> np.ndarray:
    chance = np.random.default_rng(3)
    load = chance.normal(size=(400, 1))
    return load * [1.0, 30.0, -0.001] + chance.normal(size=(400, 3)) * [0.1, 2.0, 1e-4] + [1e-9, 1e6, 3.0]


def _record(sensors: int = 3) -> dict[str, Any]:
    asked = replace(SETTINGS, sensors=SETTINGS.sensors[:sensors])
    return record.as_record(train(AT_US, _values()[:, :sensors], asked), asked, 100, 200)


def test_the_same_data_and_settings_give_the_same_digest() -> None:
    assert record.digest(_record()) == record.digest(_record())


@pytest.mark.parametrize("sensors", [1, 3])
def test_a_model_survives_storage_bit_for_bit(sensors: int) -> None:
    values = _values()[:, :sensors]
    original = train(AT_US, values, replace(SETTINGS, sensors=SETTINGS.sensors[:sensors]))
    stored = json.loads(json.dumps(_record(sensors)))
    restored = record.model_of(stored)

    assert restored is not None
    assert not isinstance(original, Refusal)
    assert record.digest(stored) == record.digest(_record(sensors))
    assert np.array_equal(restored.score(AT_US, values).score, original.score(AT_US, values).score, equal_nan=True)


def test_a_record_with_one_number_changed_is_refused() -> None:
    stored = json.loads(json.dumps(_record()))
    sha256 = record.digest(stored)
    assert record.checked(stored, sha256) is stored

    stored["scale"][1] *= 1.0000001

    with pytest.raises(record.TamperedError, match="train it anew"):
        record.checked(stored, sha256)


def test_a_record_of_an_algorithm_nobody_knows_is_no_model() -> None:
    assert record.model_of({**_record(), "algorithm": "pca_t2_q@1"}) is None


def test_a_refusal_is_stored_with_its_reason_and_is_no_model() -> None:
    refusal = Refusal(reason=Refused.TOO_FEW_ROWS, rows=7, rows_needed=100, left_out={})

    stored = record.as_record(refusal, SETTINGS, 100, 200)

    assert stored["refused"] == "too_few_rows"
    assert record.model_of(stored) is None


def test_a_record_is_current_for_its_own_settings_and_healthy_window_only() -> None:
    stored = json.loads(json.dumps(_record()))

    assert record.is_current(stored, SETTINGS, 100, 200)
    assert not record.is_current(stored, SETTINGS, 100, 201)
    assert not record.is_current(stored, SETTINGS, 99, 200)
    for other in (
        replace(SETTINGS, sensors=("a", "b")),
        replace(SETTINGS, bucket_us=60_000_000),
        replace(SETTINGS, open_after=4),
        replace(SETTINGS, close_after=7),
        replace(SETTINGS, false_alarms_per_month=2.0),
        replace(SETTINGS, drivers=("load",)),
    ):
        assert not record.is_current(stored, other, 100, 200)


def test_a_model_with_a_number_that_is_none_is_not_stored() -> None:
    model = train(AT_US, _values(), SETTINGS)
    assert isinstance(model, Ensemble)

    with pytest.raises(record.UnusableError, match="NaN or infinite"):
        record.as_record(replace(model, scale=np.array([1.0, np.nan, 1.0])), SETTINGS, 100, 200)
