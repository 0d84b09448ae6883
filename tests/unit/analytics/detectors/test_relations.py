import json

import numpy as np
import pytest

from services.analytics.detectors.relations import Relations, fit

CHANCE = np.random.default_rng(2)
LOAD = CHANCE.normal(size=2_000)
# Two sensors that go together, and one that goes its own way.
MEANS = np.column_stack([LOAD, 2 * LOAD, CHANCE.normal(size=2_000)]) + 0.05 * CHANCE.normal(size=(2_000, 3))


def test_sensors_that_go_together_are_judged_against_each_other_and_a_loner_against_its_past() -> None:
    found = fit(MEANS)

    assert found.related == (0, 1)
    implied = found.implied(np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]))
    assert implied[0, 1] == pytest.approx(2.0, abs=0.25)
    assert implied[0, 0] == pytest.approx(1.0, abs=0.25)
    assert implied[:, 2].tolist() == [0.0, 0.0]


def test_a_relation_that_held_in_the_first_half_only_is_not_used() -> None:
    means = MEANS.copy()
    means[1_000:, 1] = CHANCE.normal(size=1_000).cumsum() / 5

    assert fit(means).related == ()


def test_a_sensor_far_out_of_what_was_trained_drags_no_other_one_along() -> None:
    found = fit(MEANS)
    farthest = MEANS[:, 0].max()

    at_edge, beyond = found.implied(np.array([[farthest, 0.0, 0.0], [100.0, 0.0, 0.0]]))

    assert beyond[1] == at_edge[1]


def test_doubt_is_one_near_the_middle_and_grows_with_the_distance() -> None:
    found = fit(MEANS)

    doubt = found.doubt(np.array([found.centre, [1.0, 2.0, 0.0], [8.0, 16.0, 0.0]]))

    assert doubt[0].tolist() == [1.0, 1.0, 1.0]
    assert 1 < doubt[1, 1] < 1.1 < doubt[2, 1]
    assert (doubt[:, 2] == 1).all()


def test_a_missing_value_is_no_matter_to_those_that_are_not_judged_against_it() -> None:
    implied = fit(MEANS).implied(np.array([[np.nan, 0.0, 0.0]]))

    assert np.isnan(implied[0, 1])
    assert implied[0, 2] == 0


def test_relations_survive_storage_bit_for_bit() -> None:
    found = fit(MEANS)
    restored = Relations.from_parameters(json.loads(json.dumps(found.as_parameters())))

    assert restored.implied(MEANS).tolist() == found.implied(MEANS).tolist()
    assert restored.doubt(MEANS).tolist() == found.doubt(MEANS).tolist()
