import json

import numpy as np
import pytest

from services.analytics.detectors.conditions import Conditions, fit

CHANCE = np.random.default_rng(1)
LOAD = CHANCE.uniform(0, 2, size=(1_000, 1))
VALUES = np.column_stack([5 + 3 * LOAD[:, 0], 7 - LOAD[:, 0] ** 2]) + 0.01 * CHANCE.normal(size=(1_000, 2))


def test_what_is_usual_follows_the_driver_even_when_the_response_is_curved() -> None:
    usual = fit(VALUES, LOAD).usual(np.array([[0.5], [1.5]]))

    assert usual == pytest.approx(np.array([[6.5, 6.75], [9.5, 4.75]]), abs=0.05)


def test_without_drivers_the_median_is_usual_of_every_row() -> None:
    found = fit(VALUES, np.empty((1_000, 0)))

    assert found.usual(np.empty((3, 0))).tolist() == [np.median(VALUES, axis=0).tolist()] * 3
    assert not found.are_unseen(np.empty((3, 0))).any()


def test_drivers_that_are_missing_or_far_outside_of_the_trained_range_are_unseen() -> None:
    found = fit(VALUES, LOAD)

    assert found.are_unseen(np.array([[-0.4], [1.0], [2.4], [2.6], [-1.0], [np.nan], [1e300]])).tolist() == [
        False, False, False, True, True, True, True
    ]  # fmt: skip
    assert np.isnan(found.usual(np.array([[2.6]]))).all()


def test_a_driver_that_stood_still_is_unseen_once_it_moves() -> None:
    found = fit(VALUES, np.full((1_000, 1), 3.0))

    assert found.are_unseen(np.array([[3.0], [3.1]])).tolist() == [False, True]


def test_a_few_absurd_rows_hardly_bend_the_response() -> None:
    values = VALUES.copy()
    values[LOAD[:, 0] > 1.96, 0] += 1e6

    assert fit(values, LOAD).usual(np.array([[1.0]]))[0, 0] == pytest.approx(8.0, abs=0.5)


def test_two_products_are_two_ways_of_operating_each_with_its_own_level() -> None:
    product = np.repeat([[1.0], [9.0]], 500, axis=0) + 0.01 * CHANCE.normal(size=(1_000, 1))
    found = fit(np.where(product > 5, 40.0, 10.0) + 0.1 * CHANCE.normal(size=(1_000, 1)), product)

    assert found.regimes.count == 2
    assert found.usual(np.array([[1.0], [9.0]]))[:, 0] == pytest.approx([10.0, 40.0], abs=0.1)


def test_conditions_survive_storage_bit_for_bit() -> None:
    found = fit(VALUES, LOAD)
    restored = Conditions.from_parameters(json.loads(json.dumps(found.as_parameters())))

    assert restored.usual(LOAD).tolist() == found.usual(LOAD).tolist()
