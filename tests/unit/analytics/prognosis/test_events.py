"""Hazard from events on a fleet whose law is known: an error a day before each failure, and noise."""

import itertools

import numpy as np
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.prognosis.event_features import Vocabulary, features
from services.analytics.prognosis.event_history import EventHistory, Times, count_within, hours_since, hours_until
from services.analytics.prognosis.events import HazardModel, Refusal, train
from shared.instant import DAY_US, HOUR_US

_STEP = 12 * HOUR_US
_DAYS = 200
_HORIZONS = (24.0, 168.0)


def _machine(number: int, rng: np.random.Generator) -> EventHistory:
    """Pump and motor fail at random every 40 days on average, each a day after its error; "noise" goes with nothing."""
    failures: dict[str, Times] = {}
    errors: dict[str, Times] = {"noise": np.sort(rng.choice(_DAYS * 24, 20, replace=False)) * HOUR_US}
    for part, error in (("pump", "hot"), ("motor", "weak")):
        days = np.cumsum(5 + rng.exponential(35, 20))
        hours = np.floor(days[days < _DAYS - 1] * 24).astype(np.int64)
        failures[part] = hours * HOUR_US
        errors[error] = np.maximum(hours - 22, 0) * HOUR_US
    return EventHistory(
        name=f"m{number}",
        from_us=0,
        to_us=_DAYS * DAY_US,
        errors=errors,
        replacements={"pump": failures["pump"]},
        failures=failures,
        properties={"age": float(number), "model": f"model{number % 2}"},
    )


def _fleet(machines: int, seed: int = 1) -> list[EventHistory]:
    rng = np.random.default_rng(seed)
    return [_machine(number, rng) for number in range(machines)]


@pytest.fixture(scope="module")
def model() -> HazardModel:
    found = train(_fleet(25), horizons_h=_HORIZONS, step_us=_STEP, seed=3)
    assert isinstance(found, HazardModel)
    return found


def test_an_announced_failure_is_likely_within_the_day_and_the_component_is_named(model: HazardModel) -> None:
    history = _fleet(1, seed=77)[0]
    failed = history.failures["pump"]
    before, long_before = failed - 12 * HOUR_US, failed[np.diff(failed, prepend=0) > 10 * DAY_US] - 4 * DAY_US

    risk, quiet = model.risk(history, before), model.risk(history, long_before)

    assert failed.size >= 2
    assert risk["pump"][:, 0].min() > 0.7
    assert np.median(risk["motor"][:, 0]) < 0.2
    assert np.median(quiet["pump"][:, 0]) < 0.1


def test_probabilities_are_what_they_say_over_machines_that_were_not_learnt_from(model: HazardModel) -> None:
    said, came = [], []
    for history in _fleet(20, seed=55):
        at_us = history.rows_us(_STEP)[: -(7 * 2) - 1]
        said.append(model.machine_risk(history, at_us))
        until = np.minimum(*(hours_until(history.failures[part], at_us) for part in ("pump", "motor")))
        came.append(np.column_stack([until <= each for each in _HORIZONS]))
    said, came = np.concatenate(said), np.concatenate(came)

    assert said.mean(axis=0) == pytest.approx(came.mean(axis=0), rel=0.2)
    brier, base = np.mean((said - came) ** 2, axis=0), came.mean(axis=0) * (1 - came.mean(axis=0))
    assert brier[0] < 0.5 * base[0]
    # Beyond a day nothing but the errors tells of failures: chance is not taken for knowledge.
    assert brier[1] < base[1]


def test_a_longer_horizon_never_has_the_smaller_probability_and_a_machine_not_less_than_its_parts(
    model: HazardModel,
) -> None:
    history = _fleet(1, seed=9)[0]

    risks = model.risks(history, history.rows_us(_STEP))

    for risk in (risks.machine, *risks.components.values()):
        assert np.all(np.diff(risk, axis=1) >= 0)
        assert np.all((risk >= 0) & (risk <= 1))
    assert all(np.all(risks.machine >= each - 1e-12) for each in risks.components.values())


@given(st.integers(1, _DAYS * 24 - 1))
def test_what_comes_later_changes_nothing(hour: int) -> None:
    history = _fleet(1, seed=9)[0]
    vocabulary = Vocabulary.of([history])
    at_us = np.array([hour * HOUR_US])

    known = features(history.until(hour * HOUR_US + 1), at_us, vocabulary)

    assert np.array_equal(known, features(history, at_us, vocabulary), equal_nan=True)


def test_the_same_histories_and_seed_give_the_same_model_bit_for_bit() -> None:
    history = _fleet(1, seed=9)[0]
    first, second = (train(_fleet(8), horizons_h=(24.0,), step_us=_STEP, seed=1) for _ in range(2))
    assert isinstance(first, HazardModel)
    assert isinstance(second, HazardModel)

    at_us = history.rows_us(_STEP)

    assert np.array_equal(first.machine_risk(history, at_us), second.machine_risk(history, at_us))


def test_a_model_kept_by_skops_says_the_same(model: HazardModel) -> None:
    history = _fleet(1, seed=9)[0]
    kept = skops.io.dumps(model.as_parts())

    restored = HazardModel.from_parts(skops.io.loads(kept, trusted=skops.io.get_untrusted_types(data=kept)))

    at_us = history.rows_us(_STEP)
    before, after = model.risk(history, at_us), restored.risk(history, at_us)
    assert list(before) == list(after)
    assert all(np.array_equal(before[part], after[part]) for part in before)
    assert (restored.vocabulary, restored.thin, restored.evidence) == (model.vocabulary, model.thin, model.evidence)


def test_parts_of_another_algorithm_are_refused(model: HazardModel) -> None:
    with pytest.raises(ValueError, match="not a model of events@1"):
        HazardModel.from_parts(model.as_parts() | {"algorithm": "events@0"})


def test_too_few_failures_are_refused_with_their_number() -> None:
    found = train(_fleet(1), horizons_h=_HORIZONS, step_us=_STEP)

    assert isinstance(found, Refusal)
    assert found.reason.startswith("no component has failed 10 times (the most: ")


def test_no_machine_at_all_is_refused() -> None:
    assert isinstance(train([]), Refusal)


def test_an_observation_shorter_than_a_horizon_is_refused() -> None:
    short = [each.until(20 * DAY_US) for each in _fleet(60)]

    found = train(short, horizons_h=(24.0, 720.0), step_us=_STEP)

    assert isinstance(found, Refusal)
    assert "too short for the horizons" in found.reason


def test_a_component_with_few_failures_is_thin_and_has_no_risk_of_its_own() -> None:
    fleet = [
        EventHistory(
            name=each.name,
            from_us=each.from_us,
            to_us=each.to_us,
            errors=each.errors,
            failures=dict(each.failures) | ({"seal": np.array([50 * DAY_US])} if number < 3 else {}),
        )
        for number, each in enumerate(_fleet(8))
    ]

    found = train(fleet, horizons_h=(24.0,), step_us=_STEP)

    assert isinstance(found, HazardModel)
    assert found.thin == ("seal",)
    assert set(found.components) == {"motor", "pump"}


def test_a_new_kind_of_error_an_unknown_model_and_a_machine_without_events_are_no_obstacle(model: HazardModel) -> None:
    stranger = EventHistory(
        name="new",
        from_us=0,
        to_us=DAY_US,
        errors={"never seen": np.array([HOUR_US])},
        properties={"model": "model9"},
    )

    risk = model.risk(stranger, np.array([2 * HOUR_US]))

    assert set(risk) == {"pump", "motor"}
    assert all(np.isfinite(each).all() for each in risk.values())
    assert model.risk(stranger, np.empty(0, dtype=np.int64))["pump"].shape == (0, 2)


@pytest.mark.parametrize("horizons", [(), (0.0,), (24.0, 24.0), (-1.0,)])
def test_horizons_that_cannot_be_are_refused(horizons: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="horizons"):
        train(_fleet(1), horizons_h=horizons)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"to_us": 0}, "ends before it begins"),
        ({"errors": {"hot": np.array([5, 3])}}, "not in order"),
        ({"properties": {"age": float("nan")}}, "no finite number"),
    ],
)
def test_histories_that_cannot_be_are_refused(told: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        EventHistory(**({"name": "m", "from_us": 0, "to_us": DAY_US} | told))  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 500), max_size=20), st.integers(0, 500))
def test_looking_back_and_ahead_agrees_with_looking_one_by_one(drawn: list[int], now: int) -> None:
    times, at_us = np.array(sorted(drawn), dtype=np.int64) * HOUR_US, np.array([now * HOUR_US])

    since, until = hours_since(times, at_us)[0], hours_until(times, at_us)[0]

    assert np.isnan(since) if not [t for t in drawn if t <= now] else since == now - max(t for t in drawn if t <= now)
    assert until == min((t - now for t in drawn if t > now), default=np.inf)
    assert count_within(times, at_us, 24)[0] == sum(now - 24 < t <= now for t in drawn)


def test_the_names_of_features_are_as_many_as_their_columns() -> None:
    fleet = _fleet(3)
    vocabulary = Vocabulary.of(fleet)

    seen = features(fleet[0], fleet[0].rows_us(DAY_US), vocabulary)

    assert seen.shape == (_DAYS, len(vocabulary.names))
    assert len(set(vocabulary.names)) == len(vocabulary.names)
    assert vocabulary == Vocabulary.from_parts(vocabulary.as_parts())
    assert all(a <= b for a, b in itertools.pairwise(vocabulary.errors))
