"""Many assets scored together: what each of their models gives alone, whoever stands beside them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.detectors import training
from services.analytics.detectors.many import score_many
from services.analytics.detectors.model import Array, Model, Scores, Times
from tests.unit.analytics.detectors.plant import BUCKET_US, SETTINGS, healthy, times, trained


def _models() -> list[Model]:
    """Related sensors, none, some; few rows (one span), a sensor left out, drivers, regimes of them, one sensor."""
    chance = np.random.default_rng(1)
    related = trained(healthy(2_016, 0))
    alone = trained(chance.normal(size=(2_000, 5)))
    other = trained(np.column_stack([healthy(2_016, 5)[:, :3], np.cumsum(chance.normal(size=(2_016, 2)), axis=0)]))
    few = trained(healthy(150, 1))
    constant = healthy(2_016, 2)
    constant[:, 2] = 5.0
    loaded = np.column_stack([healthy(2_016, 3)[:, :4], chance.uniform(0, 1, 2_016)])
    by_load = replace(SETTINGS, sensors=SETTINGS.sensors[:4], drivers=("load",))
    regimes = loaded.copy()
    regimes[1_000:, 4] += 10.0
    regimes[1_000:, :4] += 30.0
    single = training.train(
        times(2_000), chance.normal(size=(2_000, 1)), replace(SETTINGS, sensors=SETTINGS.sensors[:1])
    )
    assert not isinstance(single, training.Refusal)
    return [
        related, alone, other, few, trained(constant), trained(loaded, by_load), trained(regimes, by_load), single,
        replace(related, relation=None), trained(healthy(2_016, 4)),
    ]  # fmt: skip


MODELS = _models()


def _rows(model: Model, n: int, seed: int, *, gaps: float, missing: float) -> tuple[Times, Array]:
    """Rows some of which are missing, of which some values are missing, one sensor stands still, one is absurd."""
    chance = np.random.default_rng(seed)
    at_us = times(n, int(chance.integers(0, 1_000)))
    names = (*SETTINGS.sensors, "load")
    values = np.column_stack([healthy(n, seed), chance.uniform(0, 1, n)])[:, [names.index(c) for c in model.columns]]
    if chance.random() < 0.3:
        values[n // 2 :, 0] = 200.0
    if chance.random() < 0.3:
        values[n // 3 : n // 3 + 1] *= 1e300
    values[chance.random(values.shape) < missing] = np.nan
    if chance.random() < 0.2:
        values[:, 0] = np.nan
    here = chance.random(n) >= gaps
    if gaps and n > 40:
        stop = int(chance.integers(0, n - 20))
        here[stop : stop + int(chance.integers(1, 300))] = False
    return at_us[here], values[here]


def _alone(model: Model, at_us: Times, values: Array, first_us: int) -> Scores:
    scores = model.score(at_us, values)
    first = int(np.searchsorted(at_us, first_us))
    return replace(
        scores, score=scores.score[first:], share=scores.share[first:], expected=scores.expected[first:],
        leading=scores.leading[first:],
    )  # fmt: skip


def _assert_same(found: Scores, wanted: Scores) -> None:
    assert found.detectors == wanted.detectors
    assert found.score == pytest.approx(wanted.score, rel=1e-9, abs=1e-12, nan_ok=True)
    for name in ("share", "expected"):
        one, other = getattr(found, name), getattr(wanted, name)
        assert one.shape == other.shape
        size = np.nanmax(np.abs(other), axis=1, initial=1.0, keepdims=True)
        assert one / size == pytest.approx(other / size, rel=1e-9, abs=1e-9, nan_ok=True)
    assert found.leading.tolist() == wanted.leading.tolist()


ASSETS = st.tuples(
    st.integers(0, len(MODELS) - 1),
    st.integers(0, 400),
    st.integers(0, 10**6),
    st.sampled_from([0, 0.05, 0.5]),
    st.sampled_from([0, 0.02, 0.5]),
    st.integers(-10, 410),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ASSETS, max_size=12))
def test_each_asset_gets_what_it_gets_alone(assets: list[tuple[int, int, int, float, float, int]]) -> None:
    models, at_us, values, first_us = [], [], [], []
    for which, n, seed, gaps, missing, skipped in assets:
        at, rows = _rows(MODELS[which], n, seed, gaps=gaps, missing=missing)
        models.append(MODELS[which])
        at_us.append(at)
        values.append(rows)
        first_us.append(int(at[0]) + skipped * BUCKET_US if len(at) else 0)

    found = score_many(models, at_us, values, first_us)

    for model, at, rows, first, scores in zip(models, at_us, values, first_us, found, strict=True):
        _assert_same(scores, _alone(model, at, rows, first))


def test_a_long_series_is_cut_and_comes_out_as_at_once() -> None:
    for which, gaps in ((0, 0.0), (2, 0.05), (6, 0.5)):
        at_us, values = _rows(MODELS[which], 3_000, 9, gaps=gaps, missing=0.01)

        [found] = score_many([MODELS[which]], [at_us], [values])

        _assert_same(found, MODELS[which].score(at_us, values))


def test_rows_that_fit_no_grid_are_scored_all_the_same() -> None:
    model, values = MODELS[0], healthy(200, 3)
    uneven = times(200) + np.arange(200) % 7
    years_apart = times(200) * 10_000

    found = score_many([model, model, model], [uneven, years_apart, times(200)], [values] * 3)

    for at_us, scores in zip((uneven, years_apart, times(200)), found, strict=True):
        _assert_same(scores, model.score(at_us, values))


def test_who_stands_beside_an_asset_changes_nothing() -> None:
    rows = [_rows(MODELS[0], 250, seed, gaps=0.05, missing=0.02) for seed in range(20)]
    at_us, values = [at for at, _ in rows], [one for _, one in rows]

    together = score_many([MODELS[0]] * 20, at_us, values)
    apart = [score_many([MODELS[0]], [at], [one])[0] for at, one in rows]

    for one, other in zip(together, apart, strict=True):
        _assert_same(one, other)


def test_nobody_is_nothing_and_nothing_new_is_no_row() -> None:
    [found] = score_many([MODELS[0]], [times(50)], [healthy(50, 1)], [int(times(51)[-1])])

    assert score_many([], [], []) == []
    assert found.score.shape == (0,)
    assert found.share.shape == (0, 5)
