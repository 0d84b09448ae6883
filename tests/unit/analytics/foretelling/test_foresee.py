"""What can be said of a component from its sensor: on its way to the limit, past it, or in nonsense."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from services.analytics.foretelling.foresee import Foreseen, Lifetimes, foresee
from services.analytics.learning.lives import Array, line
from services.analytics.learning.material import Past
from shared.db.predictions import Hours, Machine
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.model.foretelling import Component
from shared.model.prognosis import Method

DAYS = 60
LIMIT = Component(name="bearing", causes=frozenset({"bf"}), limits={"vibration": 4.5})


def said(values: Callable[[Array], Array]) -> list[Foreseen]:
    """Of a machine that runs for 60 days, each day, by its vibration at each day."""
    running = Interval(start_us=0, end_us=DAYS * DAY_US, category=Category.FP, cause="on", party=Party.NOBODY)
    at_us = np.arange(DAYS * 24, dtype=np.int64) * HOUR_US
    past = Past(
        machine=Machine(asset_id=1, first_us=0, known_to_us=DAYS * DAY_US, series={}),
        line=line([running], (LIMIT,), DAYS * DAY_US),
        hours={"vibration": Hours(at_us=at_us, value=values(at_us / DAY_US))},
        codes={},
    )
    instants = np.arange(1, DAYS + 1, dtype=np.int64) * DAY_US
    return foresee(past, (LIMIT,), instants, Lifetimes([past.line], {}), ())


def test_a_machine_that_runs_on_past_its_limit_is_at_its_end_and_stays_so() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, DAYS * 24)
    found = said(lambda day: 2 + 2.5 * np.maximum(0, day - 10) / 10 + noise)
    for each in found[22:]:
        prediction = each.prediction
        assert prediction.method is Method.HEALTH_TREND
        assert prediction.risk is not None
        assert prediction.risk[1] > 0.9
        assert each.latest_us == prediction.at_us


def test_a_limit_below_is_one_that_falling_values_reach() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, DAYS * 24)
    last = said(lambda day: 9 - 4.5 * np.maximum(0, day - 30) / 40 + noise)[-1].prediction
    assert last.method is Method.HEALTH_TREND
    assert last.p50_h == pytest.approx(10 * 24, rel=0.4)


@pytest.mark.parametrize(
    "values",
    [
        lambda day: np.full(day.size, 2.0),
        lambda day: np.full(day.size, np.nan),
        lambda day: np.full(day.size, 1e300),
        lambda day: np.where(day % 1 < 0.2, 1e300, 2.0),
        lambda day: np.where(day % 1 < 0.2, np.inf, 2.0),
        lambda day: np.geomspace(1, 1e300, day.size),
    ],
    ids=["constant", "missing", "huge", "spikes", "infinite", "growing beyond all bounds"],
)
def test_nonsense_has_an_answer_in_numbers_that_can_be_stored(values: Callable[[Array], Array]) -> None:
    found = said(values)
    assert len(found) == DAYS
    for each in found:
        json.dumps(each.prediction.evidence, allow_nan=False)
        assert each.prediction.reason
