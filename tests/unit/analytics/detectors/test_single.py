"""The detector of one sensor: what it notices, what it has got used to, and that it only knows the past."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.detectors import single
from services.analytics.detectors.model import Array, Model, Refusal, Refused, Times
from services.analytics.detectors.single import SingleModel
from services.analytics.detectors.single_statistics import expected, statistics
from services.analytics.detectors.single_tail import surprise
from shared.instant import DAY_US, MINUTE_US
from shared.model.detector import DetectorSettings

BUCKET_US = 5 * MINUTE_US
DAY = 288


def budget(false_alarms_per_month: float = 8.64) -> DetectorSettings:
    return DetectorSettings(
        sensors=("flow",),
        bucket_us=BUCKET_US,
        open_after=1,
        close_after=24,
        false_alarms_per_month=false_alarms_per_month,
    )


def times(rows: int) -> Times:
    return np.arange(rows, dtype=np.int64) * BUCKET_US


def trained(values: Array, rows: int = 600) -> SingleModel:
    model = single.train(times(rows), values[:rows, None], budget())
    assert isinstance(model, SingleModel)
    return model


def scored(values: Array) -> Array:
    return trained(values).score(times(len(values)), values[:, None]).score


def noise(rows: int = 3000, seed: int = 1) -> Array:
    return 50 + 4 * np.random.default_rng(seed).normal(size=rows)


def daily(rows: int = 3000) -> Array:
    return 100 + 40 * np.sin(2 * np.pi * np.arange(rows) / DAY) + np.random.default_rng(2).normal(size=rows)


def spike(values: Array) -> None:
    values[2000:2002] += 60


def step(values: Array) -> None:
    values[2000:] += 30


def unrest(values: Array) -> None:
    values[2000:2100] += np.random.default_rng(3).normal(scale=30, size=100)


def standstill(values: Array) -> None:
    values[2000:2100] = values[2000]


@pytest.mark.parametrize(
    ("fault", "kind", "within"),
    [(spike, {"value", "jump"}, 1), (step, {"value", "jump"}, 2), (unrest, None, 12), (standstill, {"spread"}, 30)],
)
def test_a_fault_is_noticed_soon_and_told_by_its_kind(fault: Any, kind: set[str] | None, within: int) -> None:
    values = noise()
    fault(values)
    model = trained(values)
    scores = model.score(times(len(values)), values[:, None])
    above = np.flatnonzero(scores.score[2000:] >= 1)
    assert len(above)
    assert above[0] < within
    if kind is not None:
        assert scores.detectors[scores.leading[2000 + above[0]]] in kind


def test_a_daily_cycle_that_flattens_is_noticed_the_cycle_itself_is_not() -> None:
    values = daily()
    assert (np.nan_to_num(scored(values)[1000:]) >= 1).mean() < 0.01
    values[2000:] = 100 + np.random.default_rng(4).normal(size=1000)
    assert (scored(values)[2000 : 2000 + DAY] >= 1).any()


def test_what_was_there_before_is_not_remarkable_again() -> None:
    values = noise()
    for row in (1000, 1300, 1600, 2000):
        values[row : row + 2] += 60
    score = scored(values)
    assert score[1000] >= 1
    assert not (score[2000:2002] >= 1).any()


def test_a_condition_that_lasts_becomes_normal() -> None:
    values = noise()
    values[2000:] += 30
    score = scored(values)
    assert (score[2000:2020] >= 1).any()
    assert not (score[2400:] >= 1).any()


def test_healthy_noise_keeps_the_false_alarm_budget_of_one_in_a_thousand_rows() -> None:
    openings = 0
    for seed in range(6):
        above = np.flatnonzero(scored(noise(4000, 10 + seed))[600:] >= 1)
        openings += int((np.diff(above, prepend=-1000) > 24).sum())
    # About 20 are to be expected; a Poisson number above 34 has a probability under 0.2 %.
    assert openings <= 34


def test_a_smaller_budget_gives_a_higher_limit() -> None:
    limits = [single.limit(BUCKET_US, per_month) for per_month in (86.4, 8.64, 1.0, 0.5, 1e-9)]
    assert limits == sorted(limits)
    assert limits[0] < limits[1] < limits[2] < limits[3]
    # One finding in 1,000 rows, the run length the limits were simulated round.
    assert limits[1] == pytest.approx(2.78, abs=0.05)


def test_expected_is_the_median_of_the_rows_before_in_the_sensors_unit() -> None:
    values = noise()
    scores = trained(values).score(times(3000), values[:, None])
    assert scores.expected[1000, 0] == pytest.approx(np.median(values[976:1000]), rel=1e-2)
    assert expected(np.array([3.0, 4.0])).tolist() == [3.0, 4.0]


def test_one_sensor_carries_the_whole_score() -> None:
    values = noise()
    scores = trained(values).score(times(3000), values[:, None])
    judged = scores.score > 0
    assert (scores.share[judged] == 1).all()
    assert (scores.share[~judged] == 0).all()


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), start=st.integers(5000, 5500), missing=st.floats(0, 0.4), gap=st.integers(0, 6000))
def test_scoring_a_piece_with_its_memory_equals_scoring_all_at_once(
    seed: int, start: int, missing: float, gap: int
) -> None:
    random = np.random.default_rng(seed)
    values = np.cumsum(random.normal(size=5600))
    at_us = times(len(values))
    at_us[4000:] += gap * BUCKET_US
    values[random.random(len(values)) < missing] = np.nan
    model = trained(np.nan_to_num(values))
    whole = model.score(at_us, values[:, None])
    begin = int(np.searchsorted(at_us, at_us[start] - model.memory_us))
    piece = model.score(at_us[begin:], values[begin:, None])
    np.testing.assert_array_equal(piece.score[start - begin :], whole.score[start:])
    np.testing.assert_array_equal(piece.leading[start - begin :], whole.leading[start:])


def test_a_score_does_not_change_with_what_comes_after() -> None:
    values = noise(1500)
    changed = values.copy()
    changed[1200:] = -1e6
    np.testing.assert_array_equal(
        trained(values).score(times(1500), values[:, None]).score[:1200],
        trained(values).score(times(1500), changed[:, None]).score[:1200],
    )


def test_the_surprise_is_that_of_the_remembered_rows_taken_afresh_each_time() -> None:
    random = np.random.default_rng(5)
    value = random.exponential(size=400)
    value[random.random(400) < 0.1] = np.nan
    at_us = np.cumsum(random.integers(1, 4, size=400)).astype(np.int64)
    at_us[200:] += 280
    at_us[300:] += 1000
    memory_us = 300
    for row, found in enumerate(surprise(at_us, value, 1, memory_us)):
        past = value[: max(row - 12, 0)][at_us[: max(row - 12, 0)] >= at_us[row] - memory_us]
        past = np.sort(past[np.isfinite(past)])
        if np.isnan(value[row]) or len(past) < 50:
            assert np.isnan(found)
            continue
        n = len(past)
        if value[row] <= past[-11]:
            assert found == 0
            continue
        scale = max((past[-5] - past[-11]) / np.log(2), 0.1)
        far = 10 / n * np.exp(-(value[row] - past[-11]) / scale)
        alike = (past >= past[n // 2] + 0.85 * (value[row] - past[n // 2])).sum()
        assert found == pytest.approx(-np.log10(max(far, (1 + alike) / (n + 1) if alike else 0, 1e-12)))


def test_statistics_are_the_moments_of_the_rows_up_to_the_present_one() -> None:
    level = np.random.default_rng(6).normal(size=400)
    found = list(statistics(times(400), level, 10**15))
    assert len(found) == 21
    means = [each.value for each in found if each.window == 18 and np.allclose(each.value[17:18], level[:18].mean())]
    assert len(means) == 1
    assert means[0][300] == pytest.approx(level[283:301].mean())
    assert all(np.isnan(each.value[: each.window - 1]).all() for each in found)


@pytest.mark.parametrize("value", [0.0, 7.0, 1e100, -1e100])
def test_a_constant_sensor_scores_nothing_until_it_moves(value: float) -> None:
    values = np.full(1500, value)
    assert not (scored(values) >= 1).any()
    values[1200:] = value / 2 + 3
    assert (scored(values)[1200:1210] >= 1).any()


@pytest.mark.parametrize("extreme", [1e300, -1e300, 1.7e308])
def test_a_value_beyond_all_measure_is_a_finding_not_an_overflow(extreme: float) -> None:
    values = noise(1500)
    values[1200] = extreme
    scores = trained(values).score(times(1500), values[:, None])
    assert scores.score[1200] >= 1
    assert np.isfinite(scores.expected[50:]).all()
    assert np.isfinite(scores.score[700:]).all()


def test_rows_without_a_value_have_no_score_and_break_nothing() -> None:
    values = noise()
    values[1500:1600] = np.nan
    score = scored(values)
    assert np.isnan(score[1500:1600]).all()
    assert np.isfinite(score[1600:]).all()


def test_a_long_gap_makes_windows_start_afresh() -> None:
    values = noise()
    at_us = times(3000)
    at_us[2000:] += 300 * DAY_US
    score = trained(values).score(at_us, values[:, None]).score
    assert np.isnan(score[2000:2050]).all()
    assert np.isfinite(score[2100:]).all()


@pytest.mark.parametrize("values", [np.empty((0, 1)), np.full((500, 1), np.nan), np.ones((99, 1))])
def test_too_few_values_are_refused(values: Array) -> None:
    outcome = single.train(times(len(values)), values, budget())
    assert isinstance(outcome, Refusal)
    assert outcome.reason is Refused.TOO_FEW_ROWS
    assert outcome.rows_needed == 100


def test_times_and_rows_of_different_number_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="3 times for 500 rows"):
        single.train(times(3), np.ones((500, 1)), budget())


def test_no_rows_give_no_scores() -> None:
    scores = trained(noise()).score(times(0), np.empty((0, 1)))
    assert scores.score.shape == (0,)
    assert scores.share.shape == scores.expected.shape == (0, 1)


@settings(max_examples=30)
@given(
    centre=st.floats(allow_nan=False, allow_infinity=False),
    scale=st.floats(min_value=1e-100, max_value=1e300),
    limit=st.floats(1, 12),
)
def test_parameters_come_back_from_json_bit_for_bit(centre: float, scale: float, limit: float) -> None:
    model: Model = SingleModel(sensor="flow", bucket_us=BUCKET_US, centre=centre, scale=scale, limit=limit, rows=600)
    stored = json.loads(json.dumps(model.as_parameters(), allow_nan=False))
    assert SingleModel.from_parameters(stored).as_parameters() == model.as_parameters()
