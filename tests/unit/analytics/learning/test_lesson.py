"""When a training is due, and who becomes champion."""

import numpy as np
import pytest

from services.analytics.learning import lesson
from services.analytics.learning.lesson import Due, Loss
from shared.db.models import Tried
from shared.instant import DAY_US, HOUR_US


def tried(failures: int = 10, failed: int = 0) -> Tried:
    return Tried(tried_us=0, failures=failures, failed=failed, outcome="")


@pytest.mark.parametrize(
    ("before", "failures", "now_us", "reason"),
    [
        (None, 0, 0, None),
        (None, 1, 0, Due.FIRST),
        (tried(), 14, DAY_US, None),
        (tried(), 15, DAY_US, Due.FAILURES),
        (tried(), 11, 30 * DAY_US, Due.AGED),
        (tried(), 10, 300 * DAY_US, None),
        (tried(failed=1), 10, HOUR_US - 1, None),
        (tried(failed=1), 10, HOUR_US, Due.RETRY),
        (tried(failed=3), 10, 4 * HOUR_US - 1, None),
        (tried(failed=3), 10, 4 * HOUR_US, Due.RETRY),
        (tried(failed=900), 10, DAY_US, Due.RETRY),
    ],
)
def test_a_training_is_due_by_what_is_new_or_after_a_while_when_the_last_failed(
    before: Tried | None, failures: int, now_us: int, reason: Due | None
) -> None:
    assert lesson.due(before, failures, now_us) is reason


def test_a_challenger_wins_by_the_margin_and_not_by_less() -> None:
    champion = Loss(value=1.0, count=100)
    won = lesson.contest(Loss(value=0.97, count=100), champion, "failure_risk@1 events@1", "Brier score")
    lost = lesson.contest(Loss(value=0.985, count=100), champion, "failure_risk@1 events@1", "Brier score")
    assert (won.wins, lost.wins) == (True, False)
    assert won.reason == (
        "Brier score 0.97 against 1 of failure_risk@1 events@1, 100 outcomes held back: lower by 2% as asked"
    )


def test_too_few_outcomes_decide_nothing() -> None:
    found = lesson.contest(Loss(value=0.1, count=19), Loss(value=1.0, count=100), "the plain rate", "Brier score")
    assert not found.wins
    assert "19 outcomes held back, 20 are needed" in found.reason


def test_a_loss_is_the_mean_of_what_has_an_outcome() -> None:
    assert Loss.of([np.array([[1.0, np.nan], [3.0, 2.0]]), np.empty((0, 2))]) == Loss(value=2.0, count=3)
    assert np.isnan(Loss.of([]).value)
