import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.analytics.detectors.model import Array, LeftOut, Refusal, Refused
from services.analytics.detectors.pca import PcaModel, train

SENSORS = ("power_kw", "oil_temperature_c", "bearing_temperature_c", "pressure_bar", "ambient_c")
_SCALE = np.array([50.0, 10.0, 8.0, 0.4, 3.0])
_CENTRE = np.array([200.0, 90.0, 60.0, 7.0, 25.0])
# How far a sensor strays from what load and weather imply, in its own standard units.
_NOISE = 0.15
RATE = 0.005
TWO_WEEKS = 2_016


def healthy(n: int, seed: int) -> Array:
    """A machine driven by a load that remembers (lag-1 correlation 0.8) and weather that goes round once a day."""
    chance = np.random.default_rng(seed)
    load = np.zeros(n)
    shocks = chance.normal(size=n)
    for i in range(1, n):
        load[i] = 0.8 * load[i - 1] + 0.6 * shocks[i]
    weather = np.sin(2 * np.pi * np.arange(n) / 144) + 0.3 * chance.normal(size=n)
    mixing = np.array([[1.0, 0.0], [0.9, 0.1], [0.3, 0.9], [0.7, -0.5], [0.1, 1.0]])
    return (np.stack([load, weather], axis=1) @ mixing.T + _NOISE * chance.normal(size=(n, 5))) * _SCALE + _CENTRE


def trained(seed: int = 0, rate: float = RATE) -> PcaModel:
    model = train(healthy(TWO_WEEKS, seed), SENSORS, rate)
    assert isinstance(model, PcaModel)
    return model


@pytest.mark.parametrize("rate", [0.05, 0.01, 0.001])
def test_on_healthy_data_the_share_above_the_threshold_is_near_the_budget(rate: float) -> None:
    shares = [np.mean(trained(seed, rate).score(healthy(20_000, seed + 100)).score >= 1) for seed in range(12)]

    assert rate / 2 < np.mean(shares) < rate * 2


def test_a_shifted_mean_is_found_and_its_sensor_leads() -> None:
    values = healthy(500, 1)
    values[:, 2] += 4 * _SCALE[2]

    scores = trained().score(values)

    assert np.mean(scores.score >= 1) > 0.99
    assert np.mean(scores.share.argmax(axis=1) == 2) > 0.99
    assert np.all(values[:, 2] > scores.expected[:, 2])


def test_a_broken_correlation_is_found_though_every_sensor_stays_in_its_normal_range() -> None:
    reference = healthy(TWO_WEEKS, 0)
    low, high = np.quantile(reference, [0.001, 0.999], axis=0)
    values = healthy(2_000, 2)
    values[:, 1] = 2 * _CENTRE[1] - values[:, 1]
    values = values[((values >= low) & (values <= high)).all(axis=1)]
    loaded = values[np.abs(values[:, 0] - _CENTRE[0]) > 0.5 * _SCALE[0]]
    assert len(loaded) > 500

    scores = trained().score(loaded)

    assert np.mean(scores.score >= 1) > 0.95
    assert np.mean(scores.share.argmax(axis=1) == 1) > 0.9


@pytest.mark.parametrize("faulty", range(5))
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_sensor_at_fault_ranks_first_and_its_expected_value_is_near_the_true_one(faulty: int, sign: int) -> None:
    truth = healthy(300, 3)
    values = truth.copy()
    values[:, faulty] += sign * 3 * _SCALE[faulty]

    scores = trained().score(values)

    assert np.mean(scores.share.argmax(axis=1) == faulty) > 0.98
    stray = np.abs(scores.expected[:, faulty] - truth[:, faulty])
    assert np.median(stray) < 2.5 * _NOISE * _SCALE[faulty]
    assert np.all(np.sign(values[:, faulty] - scores.expected[:, faulty]) == sign)


def test_contributions_are_shares_of_one() -> None:
    scores = trained().score(healthy(500, 4))

    assert scores.share.min() >= 0
    assert scores.share.sum(axis=1) == pytest.approx(1)


def test_putting_the_expected_value_in_place_never_worsens_the_combined_index() -> None:
    """The definition of a reconstruction: of all values of that sensor, none gives a lower index."""
    model = trained()
    values = healthy(50, 5) + 2 * _SCALE * np.random.default_rng(6).normal(size=(50, 5))
    expected = model.score(values).expected

    for sensor in range(5):
        mended = values.copy()
        mended[:, sensor] = expected[:, sensor]
        best = _index(model, mended)
        for step in (-0.1, 0.1):
            mended[:, sensor] = expected[:, sensor] + step * _SCALE[sensor]
            assert np.all(_index(model, mended) > best)


def _index(model: PcaModel, values: Array) -> Array:
    deviation = (values - model.centre) / model.scale
    projected = deviation @ model.loadings
    t2 = (projected**2 / model.variances).sum(axis=1)
    q = (deviation**2).sum(axis=1) - (projected**2).sum(axis=1)
    return t2 / model.t2_limit + q / model.q_limit


def test_the_score_is_the_larger_of_the_two_statistics_over_their_limits() -> None:
    model = trained()
    loadings = np.hstack([model.loadings, np.linalg.svd(model.loadings.T)[2][-1:].T])
    along = model.centre + 7.0 * model.scale * loadings[:, 0]
    across = model.centre + 7.0 * model.scale * loadings[:, -1]

    score = model.score(np.stack([along, across, model.centre])).score

    assert score[0] == pytest.approx(49.0 / model.variances[0] / model.t2_limit)
    assert score[1] == pytest.approx(49.0 / model.q_limit)
    assert score[2] == 0.0


def test_a_value_exactly_as_expected_contributes_nothing_and_divides_by_nothing() -> None:
    model = trained()

    assert model.score(model.centre[None, :]).share.tolist() == [[0.0] * 5]


def test_the_same_rows_give_the_same_model_bit_for_bit() -> None:
    assert trained().as_parameters() == trained().as_parameters()


def test_too_few_complete_rows_are_refused_with_their_number() -> None:
    values = healthy(150, 0)
    values[:60, 3] = np.nan

    assert train(values, SENSORS, RATE) == Refusal(reason=Refused.TOO_FEW_ROWS, rows=90, rows_needed=100, left_out={})


def test_no_row_at_all_is_refused() -> None:
    outcome = train(np.empty((0, 5)), SENSORS, RATE)

    assert isinstance(outcome, Refusal)
    assert outcome.reason is Refused.TOO_FEW_SENSORS
    assert set(outcome.left_out.values()) == {LeftOut.MISSING}


def test_a_constant_sensor_is_left_out_also_when_its_means_differ_by_rounding() -> None:
    values = healthy(TWO_WEEKS, 0)
    values[:, 3] = 0.1 * (1 + 1e-16 * np.arange(TWO_WEEKS))

    model = train(values, SENSORS, RATE)

    assert isinstance(model, PcaModel)
    assert model.left_out == {"pressure_bar": LeftOut.CONSTANT}
    assert model.sensors == ("power_kw", "oil_temperature_c", "bearing_temperature_c", "ambient_c")


def test_a_sensor_without_values_is_left_out() -> None:
    values = healthy(TWO_WEEKS, 0)
    values[:, 1] = np.nan
    values[: TWO_WEEKS // 2 + 1, 4] = np.nan

    model = train(values, SENSORS, RATE)

    assert isinstance(model, PcaModel)
    assert model.left_out == {"oil_temperature_c": LeftOut.MISSING, "ambient_c": LeftOut.MISSING}


def test_one_sensor_left_is_refused() -> None:
    values = healthy(TWO_WEEKS, 0)
    values[:, 1:] = 5.0

    outcome = train(values, SENSORS, RATE)

    assert isinstance(outcome, Refusal)
    assert outcome.reason is Refused.TOO_FEW_SENSORS
    assert outcome.left_out == dict.fromkeys(SENSORS[1:], LeftOut.CONSTANT)


def test_two_sensors_that_say_the_same_are_watched_for_saying_it_no_longer() -> None:
    values = healthy(TWO_WEEKS, 0)
    values[:, 1] = 2 * values[:, 0]

    model = train(values, SENSORS, RATE)

    assert isinstance(model, PcaModel)
    assert np.max(model.score(values).score) < 10
    values[:, 1] += 0.05 * _SCALE[0]
    assert np.min(model.score(values).score) > 10


def test_a_sensor_that_mostly_rests_at_one_value_has_a_scale() -> None:
    values = healthy(TWO_WEEKS, 0)
    values[:, 3] = 7.0
    values[::50, 3] = 9.0

    model = train(values, SENSORS, RATE)

    assert isinstance(model, PcaModel)
    assert np.mean(model.score(values).score >= 1) < 2 * RATE + 0.02


@pytest.mark.parametrize("rate", [0.01, 0.001])
def test_outliers_in_the_healthy_window_do_not_blind_the_model(rate: float) -> None:
    values = healthy(TWO_WEEKS, 0)
    values[[10, 500, 1_400], 2] += 500 * _SCALE[2]
    shifted = healthy(500, 1)
    shifted[:, 2] += 4 * _SCALE[2]

    model = train(values, SENSORS, rate)

    assert isinstance(model, PcaModel)
    assert np.mean(model.score(shifted).score >= 1) > 0.95


@pytest.mark.parametrize("absurd", [1e300, -1e300, 1e120, 1.7e308])
def test_an_absurd_value_scores_high_finitely_and_leads(absurd: float) -> None:
    values = healthy(3, 1)
    values[1, 4] = absurd

    scores = trained().score(values)

    assert np.isfinite(scores.score).all()
    assert np.isfinite(scores.expected).all()
    assert scores.score[1] > 1e6
    assert scores.share[1].argmax() == 4
    assert scores.score[[0, 2]].max() < 2


def test_absurd_values_in_the_healthy_window_still_give_a_finite_model() -> None:
    values = healthy(TWO_WEEKS, 0)
    values[[5, 900], [1, 3]] = 1e300, -1e300

    model = train(values, SENSORS, 0.05)

    assert isinstance(model, PcaModel)
    assert np.isfinite([model.t2_limit, model.q_limit, *model.centre, *model.scale, *model.variances]).all()
    assert 0.02 < np.mean(model.score(healthy(5_000, 1)).score >= 1) < 0.1


@settings(max_examples=60)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(0, 160), st.just(3)),
        elements=st.one_of(st.floats(-1e308, 1e308), st.sampled_from([np.nan, 0.0, 1.0, 1e300, -1e300])),
    ),
    st.sampled_from([0.5, 0.01, 1e-6]),
)
def test_whatever_the_rows_the_outcome_is_a_finite_model_or_a_refusal(values: Array, rate: float) -> None:
    model = train(values, SENSORS[:3], rate)

    if isinstance(model, PcaModel):
        complete = values[np.isfinite(values).all(axis=1)]
        scores = model.score(complete[:, [SENSORS.index(sensor) for sensor in model.sensors]])
        assert np.isfinite(scores.score).all()
        assert np.isfinite(scores.share).all()
        assert np.isfinite(scores.expected).all()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_the_unit_of_a_sensor_changes_no_score(seed: int, factor: float, offset: float) -> None:
    values, fresh = healthy(200, seed), healthy(20, seed + 1)
    plain = train(values, SENSORS, 0.01)
    values[:, 0] = (values[:, 0] + offset) * factor
    fresh_in_other_unit = fresh.copy()
    fresh_in_other_unit[:, 0] = (fresh[:, 0] + offset) * factor
    other = train(values, SENSORS, 0.01)

    assert isinstance(plain, PcaModel)
    assert isinstance(other, PcaModel)
    assert other.score(fresh_in_other_unit).score == pytest.approx(plain.score(fresh).score, rel=1e-6)
