"""Remaining life learnt from machines that failed: better than by age, with honest doubt, repeatable, or refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.learning import artefacts
from services.analytics.prognosis import run_to_failure
from services.analytics.prognosis.calibration import LEVELS, chance_within
from services.analytics.prognosis.histories import History
from services.analytics.prognosis.quality import nasa_score, pinball
from services.analytics.prognosis.run_to_failure import LifeModel, Refusal
from shared.model.prognosis import Method
from tests.unit.analytics.prognosis.wearing import figures_of, fleet, machine

Spoil = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def model() -> LifeModel:
    trained = run_to_failure.train(fleet(16), seed=1)
    assert isinstance(trained, LifeModel)
    return trained


def test_machines_never_seen_are_told_better_than_by_their_age(model: LifeModel) -> None:
    held_back = fleet(16, first_seed=500)
    figures = figures_of(model, held_back)
    by_age = [np.maximum(90 - life.at_h, 0) - np.minimum(life.life_h - life.at_h, model.cap_h) for life in held_back]
    assert figures["rmse_h"] < 0.5 * np.sqrt(np.mean(np.concatenate(by_age) ** 2))
    assert 0.6 <= figures["coverage_ratio"] <= 0.97
    assert figures["lives"] == 16


def test_the_two_loads_are_found_and_only_what_wears_is_a_signal(model: LifeModel) -> None:
    assert model.condition.regimes.count == 2
    assert model.condition.kept.tolist() == [0, 1, 2, 4], "neither noise nor the constant"
    assert model.condition.signals == 1


def test_a_prediction_is_ordered_names_its_method_and_risk_grows_with_the_horizon(model: LifeModel) -> None:
    young, old = machine(900).until(15), machine(901)
    nearly = old.until(len(old.at_h) - 3)
    first, second = model.predict([young, nearly], "bearing", 1_000_000)
    for said in (first, second):
        assert said.component == "bearing"
        assert said.at_us == 1_000_000
        assert said.method is Method.RUN_TO_FAILURE
        assert said.p10_h is not None
        assert said.p50_h is not None
        assert said.p90_h is not None
        assert said.risk is not None
        assert 0 <= said.p10_h <= said.p50_h <= said.p90_h
        assert 0 <= said.risk[0] <= said.risk[1] <= said.risk[2] <= 1
        assert said.evidence["lives"] == 16
    assert first.health is not None
    assert second.health is not None
    assert first.health > 0.7 > 0.3 > second.health
    assert first.risk is not None
    assert second.risk is not None
    assert first.risk[0] < 0.2 < 0.9 < second.risk[0]


def test_what_is_said_along_a_life_rests_on_the_past_only(model: LifeModel) -> None:
    life = machine(902)
    along = model.along(life)
    for row in (5, 20, 50):
        then = model.estimate([life.until(row)])
        assert then.point_h[0] == pytest.approx(along.point_h[row - 1], abs=1e-6)
        assert then.quantiles_h[0] == pytest.approx(along.quantiles_h[row - 1], abs=1e-6)
        assert then.at_h[0] == row


def test_many_at_once_are_told_as_each_alone(model: LifeModel) -> None:
    lives = [life.until(40) for life in fleet(4, first_seed=700)]
    together = model.estimate(lives)
    alone = [model.estimate([life]).point_h[0] for life in lives]
    assert together.point_h == pytest.approx(alone, abs=1e-9)


def test_the_same_lives_and_seed_give_the_same_model_bit_for_bit(model: LifeModel) -> None:
    again = run_to_failure.train(fleet(16), seed=1)
    assert isinstance(again, LifeModel)
    life = machine(903).until(50)
    assert again.estimate([life]).quantiles_h.tolist() == model.estimate([life]).quantiles_h.tolist()


def test_a_stored_model_comes_back_and_says_the_same(model: LifeModel) -> None:
    stored = skops.io.dumps(model.as_parts())
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(artefacts.TRUSTED)
    again = LifeModel.from_parts(skops.io.loads(stored, trusted=list(artefacts.TRUSTED)))
    life = machine(904).until(50)
    before, after = model.estimate([life]), again.estimate([life])
    assert after.quantiles_h.tolist() == before.quantiles_h.tolist()
    assert (after.health == before.health).all()
    assert again.cap_h == model.cap_h


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("a stretch without values", lambda values: _with(values, slice(10, 30), np.nan)),
        ("no values at all", lambda values: np.full_like(values, np.nan)),
        ("one sensor gone", lambda values: _with(values, (slice(None), 0), np.nan)),
        ("1e300", lambda values: _with(values, (25, 1), 1e300)),
        ("infinity", lambda values: _with(values, (25, 1), -np.inf)),
        ("a constant sensor that moves", lambda values: _with(values, (slice(20, None), 5), 99.0)),
    ],
)
def test_spoilt_rows_still_give_a_finite_ordered_answer(model: LifeModel, name: str, spoil: Spoil) -> None:
    life = machine(905).until(40)
    found = model.estimate([replace(life, values=spoil(life.values.copy()))])
    assert np.isfinite(found.quantiles_h).all(), name
    assert (np.diff(found.quantiles_h) >= 0).all()
    assert 0 <= found.point_h[0] <= model.cap_h


def test_a_load_never_seen_repeats_what_was_known_before(model: LifeModel) -> None:
    life = machine(906).until(40)
    drivers = life.drivers.copy()
    drivers[-1] = 1e300
    strange = model.estimate([replace(life, drivers=drivers)])
    assert strange.point_h == pytest.approx(model.estimate([life]).point_h, abs=0.1 * model.cap_h)


def test_a_fleet_sampled_every_six_minutes_is_told_in_hours() -> None:
    quick = run_to_failure.train([machine(seed, step_h=0.1) for seed in range(10)], seed=1)
    assert isinstance(quick, LifeModel)
    assert quick.cap_h == pytest.approx(0.625 * np.median([machine(seed).life_h for seed in range(10)]) / 10)
    assert quick.estimate([machine(907, step_h=0.1)]).point_h[0] < 1.5


def test_too_few_failures_are_refused_with_the_number_there_is() -> None:
    lives = [*fleet(9), *[machine(seed, failed=False) for seed in range(50, 70)]]
    outcome = run_to_failure.train(lives, seed=0)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "9 life or lives ended in failure; 10 are needed"


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_sensors_that_never_move_are_refused(value: float) -> None:
    lives = [replace(life, values=np.full((len(life.at_h), 3), value)) for life in fleet(12)]
    outcome = run_to_failure.train(lives, seed=0)
    assert isinstance(outcome, Refusal)
    assert "no sensor changes" in outcome.reason


@pytest.mark.parametrize("at_h", [[2.0, 1.0], [1.0, 1.0], [1.0, np.nan], [1.0, np.inf]])
def test_ages_out_of_order_twice_or_unknown_are_no_history(at_h: list[float]) -> None:
    with pytest.raises(ValueError, match="history A: ages must be finite and ascending"):
        History(name="A", at_h=np.array(at_h), values=np.zeros((2, 1)), drivers=np.zeros((2, 0)), failed=True)


def test_rows_and_ages_of_different_number_are_no_history() -> None:
    with pytest.raises(ValueError, match="history A: no rows"):
        History(name="A", at_h=np.array([]), values=np.zeros((0, 1)), drivers=np.zeros((0, 0)), failed=True)
    with pytest.raises(ValueError, match="need 2 rows"):
        History(name="A", at_h=np.array([1.0, 2.0]), values=np.zeros((3, 1)), drivers=np.zeros((2, 0)), failed=True)


def test_a_sensor_more_or_less_than_learnt_is_refused(model: LifeModel) -> None:
    life = machine(908)
    other = replace(life, values=life.values[:, :5])
    with pytest.raises(ValueError, match=r"history M908: 6 sensor\(s\) and 1 driver\(s\) are needed"):
        model.estimate([other])
    assert run_to_failure.train([*fleet(12), other], seed=0) == Refusal(
        reason="the histories have different sensors or drivers"
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1e6), min_size=len(LEVELS), max_size=len(LEVELS)).map(sorted),
    st.floats(1e-3, 1e6),
    st.floats(0, 1e6),
)
def test_the_chance_of_failure_never_falls_with_the_horizon(said: list[float], horizon_h: float, more_h: float) -> None:
    quantiles = np.array([said])
    sooner, later = chance_within(quantiles, horizon_h)[0], chance_within(quantiles, horizon_h + more_h)[0]
    assert 0 <= sooner <= later <= 1


def test_the_chance_within_a_quantile_is_its_level() -> None:
    quantiles = np.linspace(10, 100, len(LEVELS))[None, :]
    assert chance_within(quantiles, float(quantiles[0, LEVELS.index(0.5)]))[0] == pytest.approx(0.5)
    assert chance_within(quantiles, 1e9)[0] == 1.0


def test_the_nasa_score_punishes_a_life_said_too_long_more() -> None:
    # Saxena et al. 2008, equation 12: exp(10/10) - 1 for 10 cycles too late, exp(13/13) - 1 for 13 too early.
    assert nasa_score(np.array([60.0]), np.array([50.0])) == pytest.approx(np.e - 1)
    assert nasa_score(np.array([37.0]), np.array([50.0])) == pytest.approx(np.e - 1)


def test_the_pinball_loss_weighs_both_sides_by_the_level() -> None:
    assert pinball(np.array([10.0]), np.array([20.0]), 0.9) == pytest.approx(9.0)
    assert pinball(np.array([20.0]), np.array([10.0]), 0.9) == pytest.approx(1.0)


def _with(values: np.ndarray, where: slice | tuple[int | slice, ...], value: float) -> np.ndarray:
    values[where] = value
    return values
