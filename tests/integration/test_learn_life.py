"""Remaining life from sensors up to failures: what is read of a life, what is learnt, and nothing of the time after."""

import numpy as np
import pytest

from services.analytics.learning.lesson import Learnt, Refused
from services.analytics.learning.life import LifeLesson, LifeModels, history_of
from services.analytics.learning.lives import Life, line
from services.analytics.learning.material import Past
from shared.db.predictions import Hours, Machine
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.model.foretelling import Component

BEARING = Component(name="bearing", causes=frozenset({"bearing_failure"}), limits={})
LESSON = LifeLesson(components=("bearing",), sensors=("vibration", "noise"), drivers=())


def pump(number: int, days: int) -> Past:
    """A machine whose vibration grows with the age of a bearing that lasts some ten days, again and again."""
    chance = np.random.default_rng(number)
    intervals: list[Interval] = []
    hours: list[int] = []
    vibration: list[float] = []

    def add(start: int, end: int, category: Category, cause: str) -> None:
        intervals.append(
            Interval(start_us=start * HOUR_US, end_us=end * HOUR_US, category=category, cause=cause, party=Party.NOBODY)
        )

    hour = 0
    while hour < days * 24:
        life = round(100 + 140 * chance.weibull(1.5))
        end = min(hour + life, days * 24)
        add(hour, end, Category.FP, "running")
        age = np.arange(end - hour)
        hours += (hour + age).tolist()
        vibration += (2 + 2.5 * (age / life) ** 2 + chance.normal(0, 0.1, len(age))).tolist()
        if end < days * 24:
            add(end, end + 8, Category.FO, "bearing_failure")
        hour = end + 8
    at_us = np.array(hours, np.int64) * HOUR_US
    known_us = intervals[-1].end_us
    return Past(
        machine=Machine(asset_id=number, first_us=0, known_to_us=known_us, series={}),
        line=line(intervals, (BEARING,), known_us),
        hours={
            "vibration": Hours(at_us=at_us, value=np.array(vibration)),
            "noise": Hours(at_us=at_us, value=chance.normal(0, 1, len(at_us))),
        },
        codes={},
    )


def test_a_life_is_read_in_steps_that_count_from_their_ends() -> None:
    past = pump(1, 20)
    life = past.line.lives("bearing", past.line.known_us)[0]
    history = history_of(past, life, ("vibration", "absent"), ("noise",), 6)
    assert history is not None
    assert history.at_h[:3].tolist() == [6, 12, 18]
    assert history.at_h[-1] * HOUR_US <= life.end_us - life.start_us
    assert history.values[0, 0] == pytest.approx(past.hours["vibration"].value[:6].mean())
    assert np.isnan(history.values[:, 1]).all()
    assert history.drivers.shape == (len(history.at_h), 1)
    assert history.failed


def test_a_life_in_which_nothing_was_measured_has_no_history() -> None:
    past = pump(1, 20)
    assert history_of(past, Life(start_us=0, end_us=HOUR_US, failed=False, is_new=False), ("noise",), (), 6) is None


def test_too_few_lives_that_ended_in_failure_teach_nothing() -> None:
    found = LESSON.learn([pump(1, 30)], 30 * DAY_US)
    assert isinstance(found, Refused)
    assert "bearing: " in found.reason
    assert "10 are needed" in found.reason
    assert isinstance(LESSON.learn([], DAY_US), Refused)


def test_what_is_learnt_beats_going_by_age_and_knows_nothing_of_the_time_after() -> None:
    pasts = [pump(1, 120), pump(2, 120)]
    until = 90 * DAY_US
    learnt = LESSON.learn(pasts, until)
    assert isinstance(learnt, Learnt), learnt
    own, plain = LESSON.loss(learnt.parts, pasts, until, 120 * DAY_US), LESSON.plain_loss(pasts, until, 120 * DAY_US)
    assert own.count == pytest.approx(plain.count, rel=0.1)
    assert own.value < 0.6 * plain.value

    models = LifeModels.from_parts(learnt.parts)
    at_us = np.arange(90 * 4, 120 * 4, dtype=np.int64) * 6 * HOUR_US
    said = models.foresee(pasts[0], "bearing", at_us)
    middle = int(at_us[60])
    known = Past(
        machine=pasts[0].machine,
        line=pasts[0].line,
        hours={
            name: Hours(at_us=each.at_us[each.at_us < middle], value=each.value[each.at_us < middle])
            for name, each in pasts[0].hours.items()
        },
        codes={},
    )
    early = models.foresee(known, "bearing", at_us[at_us <= middle])
    assert early == {at: each for at, each in said.items() if at <= middle}
    one = next(iter(said.values()))
    assert one.p10_h is not None
    assert one.p50_h is not None
    assert one.p90_h is not None
    assert one.p10_h <= one.p50_h <= one.p90_h
