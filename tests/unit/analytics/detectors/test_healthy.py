"""The first stable stretch, where nobody has said which one is healthy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.detectors.healthy import ROWS_NEEDED, stable_stretch
from tests.unit.analytics.detectors.plant import BUCKET_US, SCALE, SETTINGS, healthy, times


def test_a_machine_that_is_stable_from_the_start_is_learnt_from_the_start() -> None:
    found = stable_stretch(times(ROWS_NEEDED + 100), healthy(ROWS_NEEDED + 100, 0), SETTINGS)

    assert found == (0, ROWS_NEEDED * BUCKET_US)


def test_what_was_unstable_at_first_is_passed_over() -> None:
    values = healthy(4 * ROWS_NEEDED, 1)
    values[: ROWS_NEEDED // 2, 2] += 9 * SCALE[2]

    found = stable_stretch(times(len(values)), values, SETTINGS)

    assert found is not None
    assert found[0] >= (ROWS_NEEDED // 2 - ROWS_NEEDED // 8) * BUCKET_US


def test_too_little_is_not_enough_to_tell_and_neither_are_sensors_without_values() -> None:
    assert stable_stretch(times(ROWS_NEEDED - 1), healthy(ROWS_NEEDED - 1, 0), SETTINGS) is None
    assert stable_stretch(times(3_000), np.full((3_000, 5), np.nan), SETTINGS) is None
    assert stable_stretch(times(0), np.empty((0, 5)), SETTINGS) is None


def test_a_machine_that_halves_its_scatter_for_good_is_learnt_from_one_of_the_two_ways() -> None:
    values = healthy(4 * ROWS_NEEDED, 2)
    middle = values.mean(axis=0)
    change = ROWS_NEEDED // 2
    values[:change] = middle + 8 * (values[:change] - middle)

    found = stable_stretch(times(len(values)), values, SETTINGS)

    assert found is not None
    assert found[0] >= (change - ROWS_NEEDED // 8) * BUCKET_US


def test_a_sensor_that_appears_later_gives_the_same_stretch_live_and_in_a_backfill() -> None:
    values = healthy(4 * ROWS_NEEDED, 3)
    values[: 2 * ROWS_NEEDED, 4] = np.nan
    live = stable_stretch(times(ROWS_NEEDED), values[:ROWS_NEEDED], SETTINGS)

    assert live == (0, ROWS_NEEDED * BUCKET_US)
    assert stable_stretch(times(len(values)), values, SETTINGS) == live


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_what_is_found_is_what_was_found_when_less_was_known(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = healthy(3 * ROWS_NEEDED, seed)
    values[: chance.integers(0, 2 * ROWS_NEEDED), 0] += chance.choice([0, 9]) * SCALE[0]
    values[: chance.integers(0, 2 * ROWS_NEEDED), 1] = np.nan
    values[chance.integers(0, 2 * ROWS_NEEDED) :, 2] = np.nan
    values[chance.random(len(values)) < chance.choice([0, 0.3, 0.6]), 3] = np.nan
    known = np.arange(ROWS_NEEDED, len(values) + 1, ROWS_NEEDED // 2)
    searches = [stable_stretch(times(n), values[:n], SETTINGS) for n in known.tolist()]

    found = [one for one in searches if one is not None]

    assert found == [found[0]] * len(found) if found else True
    assert all(one is not None for one in searches[len(searches) - len(found) :])
