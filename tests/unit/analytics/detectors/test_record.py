import json
from dataclasses import replace

import numpy as np

from services.analytics.detectors import record
from services.analytics.detectors.pca import PcaModel, Refusal, Refused, train
from shared.model.detector import DetectorSettings

SETTINGS = DetectorSettings(
    sensors=("a", "b", "c"), bucket_us=600_000_000, open_after=3, close_after=6, false_alarm_rate=0.001
)


def _values() -> np.ndarray:
    chance = np.random.default_rng(3)
    load = chance.normal(size=(400, 1))
    return load * [1.0, 30.0, -0.001] + chance.normal(size=(400, 3)) * [0.1, 2.0, 1e-4] + [1e-9, 1e6, 3.0]


def _record() -> dict[str, object]:
    return record.as_record(train(_values(), SETTINGS.sensors, 0.001), SETTINGS, 100, 200)


def test_the_same_data_and_settings_give_the_same_digest() -> None:
    assert record.digest(_record()) == record.digest(_record())


def test_a_model_survives_storage_bit_for_bit() -> None:
    stored = json.loads(json.dumps(_record()))
    restored = record.model_of(stored)
    original = train(_values(), SETTINGS.sensors, 0.001)

    assert isinstance(restored, PcaModel)
    assert isinstance(original, PcaModel)
    assert record.digest(stored) == record.digest(_record())
    assert restored.score(_values()).score.tolist() == original.score(_values()).score.tolist()


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
        replace(SETTINGS, false_alarm_rate=0.01),
    ):
        assert not record.is_current(stored, other, 100, 200)
