"""What training makes of rows that are not as they should be: a model that says so, or a refusal with its reason."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.analytics.detectors import record
from services.analytics.detectors.fit_ensemble import CONTAMINATED
from services.analytics.detectors.model import Array, LeftOut, Refusal, Refused
from services.analytics.detectors.single import SingleModel
from services.analytics.detectors.training import train
from tests.unit.analytics.detectors.plant import SCALE, SENSORS, SETTINGS, healthy, times, trained

_THREE = replace(SETTINGS, sensors=SENSORS[:3])


def _refusal(values: Array) -> Refusal:
    outcome = train(times(len(values)), values, SETTINGS)
    assert isinstance(outcome, Refusal)
    return outcome


def test_too_few_complete_rows_are_refused_with_their_number() -> None:
    values = healthy(150, 0)
    values[:60, 3] = np.nan

    assert _refusal(values) == Refusal(reason=Refused.TOO_FEW_ROWS, rows=90, rows_needed=100)


def test_no_row_and_no_value_at_all_are_refused() -> None:
    assert _refusal(np.empty((0, 5))).reason is Refused.TOO_FEW_SENSORS
    assert set(_refusal(np.full((500, 5), np.nan)).left_out.values()) == {LeftOut.MISSING}


def test_a_constant_sensor_and_one_without_values_are_left_out() -> None:
    values = healthy(1_000, 0)
    values[:, 1] = 42.0
    values[:600, 4] = np.nan

    model = trained(values)

    assert model.left_out == {"oil_temperature_c": LeftOut.CONSTANT, "flow_m3_h": LeftOut.MISSING}
    assert model.columns == ("power_kw", "bearing_temperature_c", "pressure_bar")


def test_a_stretch_without_values_is_passed_over() -> None:
    values = healthy(1_000, 0)
    values[300:420] = np.nan

    assert trained(values).rows == 880


def test_one_usable_sensor_is_watched_against_its_own_past() -> None:
    values = healthy(1_000, 0)
    values[:, [0, 1, 3, 4]] = 1.0

    model = train(times(1_000), values, SETTINGS)

    assert isinstance(model, SingleModel)
    assert model.columns == ("bearing_temperature_c",)


def test_a_minority_of_the_window_that_stands_apart_is_dropped_and_said() -> None:
    values = healthy(2_000, 0)
    values[1_500:1_750, 2] += 8 * SCALE[2]
    fresh = healthy(600, 1)
    fresh[300:, 2] += 1.5 * SCALE[2]

    model = trained(values)

    assert model.warnings == (CONTAMINATED,)
    assert model.rows == 1_750
    score = model.score(times(600), fresh).score
    assert np.mean(score[:300] >= 1) < 0.01
    assert np.mean(score[340:] >= 1) > 0.95


def test_a_window_of_two_halves_is_refused_as_contaminated() -> None:
    values = healthy(2_000, 0)
    values[1_000:, 2] += 8 * SCALE[2]

    assert _refusal(values).reason is Refused.CONTAMINATED


def test_a_machine_that_goes_back_and_forth_between_two_products_is_no_contaminated_one() -> None:
    values = healthy(2_000, 0)
    values[np.arange(2_000) // 250 % 2 == 0] += 8 * SCALE

    assert trained(values).warnings == ()


def test_absurd_values_in_the_window_do_not_blind_the_model() -> None:
    values = healthy(2_000, 0)
    values[[5, 900], [1, 3]] = 1e300, -1e300
    shifted = healthy(400, 1)
    shifted[:, 2] += 2 * SCALE[2]

    score = trained(values).score(times(400), shifted).score

    assert np.isfinite(score).all()
    assert np.mean(score[20:] >= 1) > 0.95


def test_a_level_that_warms_up_through_the_whole_window_is_not_found_when_it_goes_on() -> None:
    values = healthy(1_200, 5)
    values[:, 2] += 3 * SCALE[2] * np.arange(1_200) / 800

    model = trained(values[:800])

    score = model.score(times(1_200), values).score
    assert np.mean(score[800:] >= 1) < 0.05


def test_a_driver_that_stands_still_is_no_reason_to_refuse() -> None:
    values = np.column_stack([healthy(600, 0), np.full(600, 3.0)])

    model = trained(values, replace(SETTINGS, drivers=("load",)))

    assert model.columns == (*SENSORS, "load")
    assert np.isfinite(model.score(times(600), values).score).all()


_ABSURD = st.one_of(st.floats(-1e308, 1e308), st.sampled_from([np.nan, np.inf, 0.0, 1.0, 1e300, -1e300]))
_ROWS = hnp.arrays(np.float64, st.tuples(st.integers(0, 160), st.just(3)), elements=_ABSURD)


@settings(max_examples=20, deadline=None)
@given(_ROWS, st.booleans(), st.integers(1, 100))
def test_whatever_the_rows_the_outcome_is_a_finite_model_or_a_refusal(values: Array, driven: bool, cut: int) -> None:
    asked = replace(SETTINGS, sensors=SENSORS[:2], drivers=SENSORS[2:3]) if driven else _THREE
    model = train(times(len(values)), values, asked)

    assert record.is_finite(record.as_record(model, asked, 0, 1))
    if not isinstance(model, Refusal):
        judged = values[:, [SENSORS.index(name) for name in model.columns]]
        scores = model.score(times(len(values)), judged)
        assert not np.isinf(scores.score).any()
        assert np.isfinite(scores.share).all()
        assert scores.share.sum(axis=1) == pytest.approx(np.where(scores.share.any(axis=1), 1.0, 0.0))
        first = model.score(times(min(cut, len(values))), judged[:cut])
        assert first.score == pytest.approx(scores.score[:cut], rel=1e-9, abs=1e-12, nan_ok=True)


def test_one_row_alone_can_be_scored_by_a_model_of_one_sensor() -> None:
    model = train(times(400), healthy(400, 0)[:, :1], replace(SETTINGS, sensors=SENSORS[:1]))

    assert isinstance(model, SingleModel)
    assert np.isnan(model.score(times(1), np.array([[200.0]])).score).all()
