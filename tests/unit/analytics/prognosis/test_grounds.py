"""What may ground a notice: a lifetime only where wear-out is known and the age makes the difference."""

import numpy as np
import pytest

from services.analytics.prognosis.choose import Ageing, Risk, choose
from services.analytics.prognosis.grounds import grounds
from services.analytics.prognosis.notices import Because, Decision, decide
from services.analytics.prognosis.trend import Extrapolation, extrapolate
from services.analytics.prognosis.weibull import Lifetime, Lives, fit
from shared.instant import DAY_US
from shared.model.foretelling import NoticeRule
from shared.model.prognosis import Prediction

_RULE = NoticeRule(risk=0.5, within_us=30 * DAY_US, false_quota=0.3)
_MEAN_H = 3_000.0


def _lives(shape: float, failures: int, unfailed: int = 0, seed: int = 3) -> Lives:
    """As many lives of a mean of 3000 h that failed, and as many that were watched for a tenth of that."""
    drawn = np.random.default_rng(seed).weibull(shape, failures)
    ended = np.concatenate([drawn / drawn.mean() * _MEAN_H, np.full(unfailed, _MEAN_H / 10)])
    return Lives(entered_h=np.zeros(ended.size), ended_h=ended, failed=np.arange(ended.size) < failures)


def _said(
    day: int, lives: Lives, age_h: float, *, hazard: Risk | None = None, trend: Extrapolation | None = None
) -> Prediction:
    lifetime = fit(lives)
    assert isinstance(lifetime, Lifetime)
    ageing = Ageing(lifetime=lifetime, age_h=age_h, operating_share=1.0)
    return choose("belt", day * DAY_US, hazard=hazard, ageing=ageing, trends={"current": trend} if trend else {})


def _decided(lives: Lives, age_h: float) -> tuple[Decision, Because]:
    return decide(None, [_said(1, lives, age_h)], _said(2, lives, age_h), _RULE)


def _trend() -> Extrapolation:
    at = np.arange(200.0)
    found = extrapolate(at, at / 100 + np.sin(at * 7) / 50, 3.0)
    assert isinstance(found, Extrapolation)
    return found


def test_two_failures_announce_nothing_on_any_machine_however_high_the_risk() -> None:
    lives = Lives(
        entered_h=np.zeros(6), ended_h=np.array([250.0, 260.0, *[300.0] * 4]), failed=np.array([True] * 2 + [False] * 4)
    )
    said = _said(2, lives, 300.0)

    assert said.risk is not None
    assert said.risk[2] > 0.5
    assert decide(None, [_said(1, lives, 300.0)], said, _RULE) == (Decision.NONE, Because.UNGROUNDED)
    assert "2 failure(s)" in grounds(said, _RULE.within_us).lacking


def test_an_old_part_of_a_kind_known_to_wear_out_is_announced() -> None:
    assert _decided(_lives(5.0, 15), 1.3 * _MEAN_H) == (Decision.GIVE, Because.RISK_HELD)


def test_parts_that_fail_at_any_age_are_not_announced_by_it() -> None:
    lives = _lives(1.0, 40)
    scaled = Lives(entered_h=lives.entered_h, ended_h=lives.ended_h / 5, failed=lives.failed)
    said = _said(2, scaled, 600.0)

    assert said.risk is not None
    assert said.risk[2] > 0.5
    assert _decided(scaled, 600.0) == (Decision.NONE, Because.UNGROUNDED)
    assert "wears out" in grounds(said, _RULE.within_us).lacking


def test_a_risk_that_parts_of_every_age_have_says_nothing_of_this_machine() -> None:
    lives = _lives(2.0, 40)
    short = Lives(entered_h=lives.entered_h, ended_h=lives.ended_h / 5, failed=lives.failed)
    said = _said(2, short, 300.0)

    assert said.risk is not None
    assert said.risk[2] > 0.5
    assert _decided(short, 300.0) == (Decision.NONE, Because.UNGROUNDED)
    assert "times that at whatever age" in grounds(said, _RULE.within_us).lacking


def test_a_trend_grounds_a_notice_beside_a_lifetime_that_does_not_and_by_its_own_risk_alone() -> None:
    two = _lives(2.0, 2, 4)
    said = _said(2, two, 1_000.0, trend=_trend())
    found = grounds(said, _RULE.within_us)

    assert "2 failure(s)" in found.lacking
    assert found.risk == pytest.approx(_trend().risk[2], abs=0.02)
    assert decide(None, [_said(1, two, 1_000.0, trend=_trend())], said, _RULE) == (Decision.GIVE, Because.RISK_HELD)
    assert decide(None, [_said(1, two, 1_000.0)], said, _RULE) == (Decision.NONE, Because.FIRST_TIME)


def test_a_rise_within_the_first_days_may_be_the_rhythm_of_a_week_and_is_not_announced() -> None:
    at = np.arange(100.0)
    rise = extrapolate(at, at / 100 + np.sin(at * 7) / 50, 3.0)
    assert isinstance(rise, Extrapolation)
    early = [choose("belt", day * DAY_US, trends={"current": rise}) for day in (1, 2)]

    assert decide(None, early[:1], early[1], _RULE) == (Decision.NONE, Because.UNGROUNDED)
    assert grounds(early[1], _RULE.within_us).lacking == "current was watched for 99 h, 168 h are asked for"


def test_a_sensor_at_its_limit_is_announced_however_short_it_was_watched() -> None:
    there = extrapolate(np.arange(24.0), np.full(24, 3.0), 3.0)
    assert isinstance(there, Extrapolation)
    said = [choose("belt", day * DAY_US, trends={"current": there}) for day in (1, 2)]

    assert decide(None, said[:1], said[1], _RULE) == (Decision.GIVE, Because.RISK_HELD)


def test_a_hazard_from_events_grounds_a_notice_by_itself() -> None:
    said = _said(2, _lives(2.0, 2, 4), 100.0, hazard=(0.2, 0.5, 0.8))

    assert grounds(said, _RULE.within_us).risk == pytest.approx(0.8)
    assert grounds(said, 7 * DAY_US).risk == pytest.approx(0.5)


def test_with_nothing_to_go_by_there_is_no_ground() -> None:
    found = grounds(choose("belt", 0), _RULE.within_us)

    assert (found.risk, found.lacking) == (None, "")
