"""Notices over a fleet's predictions: once each, held back by the quota, and said."""

from typing import Any

from services.analytics.foretelling.announce import Announced, Standing, announce, quota_words
from services.analytics.foretelling.foresee import Foreseen
from services.analytics.learning.lives import Line, line
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.model.foretelling import Component, NoticeRule
from shared.model.prognosis import Method, NoticeState, Prediction

RULE = NoticeRule(risk=0.5, within_us=7 * DAY_US, false_quota=0.3)
BEARING = Component(name="bearing", causes=frozenset({"bf"}), limits={})
CONFIRMED, FALSE, AVERTED = NoticeState.CONFIRMED, NoticeState.FALSE, NoticeState.AVERTED


def machine(failed_day: float | None, days: int = 40) -> Line:
    def stretch(start: float, end: float, category: Category, cause: str) -> Interval:
        return Interval(
            start_us=round(start * DAY_US), end_us=round(end * DAY_US), category=category, cause=cause,
            party=Party.SUPPLIER,
        )  # fmt: skip

    if failed_day is None:
        return line([stretch(0, days, Category.FP, "on")], (BEARING,), days * DAY_US)
    stop = stretch(failed_day, failed_day + 1, Category.FO, "bf")
    parts = [stretch(0, failed_day, Category.FP, "on"), stop, stretch(failed_day + 1, days, Category.FP, "on")]
    return line(parts, (BEARING,), days * DAY_US)


def said(day: float, risk: float, asset_id: int = 1, **known: Any) -> Foreseen:
    risks = risk / 4, risk, min(1.0, 1.2 * risk)
    by = {"method": "events", "p10_h": None, "p50_h": None, "p90_h": None, "risk": list(risks), **known}
    prediction = Prediction(
        component="bearing", at_us=round(day * DAY_US), method=Method(by["method"]), p10_h=None, p50_h=None, p90_h=None,
        risk=risks, health=None, reason="by errors", evidence={"methods": [by]},
    )  # fmt: skip
    return Foreseen(asset_id=asset_id, prediction=prediction, version=None, latest_us=None)


def steps(found: Announced) -> list[tuple[int, str, float]]:
    return [(each.asset_id, each.state.value, (each.decided_us or each.given_us) / DAY_US) for each in found.steps]


def go(foreseen: list[Foreseen], lines: dict[int, Line], record: Any = ()) -> Announced:
    return announce(foreseen, RULE, lines, {}, record)


def test_a_notice_is_given_when_the_risk_has_held_and_not_again_until_it_is_decided() -> None:
    found = go([said(day, 0.6) for day in (1, 2, 3, 4)], {1: machine(None)})
    assert steps(found) == [(1, "open", 2)]
    assert found.steps[0].window_end_us == 9 * DAY_US
    assert "60% within 7 days, 50% is asked for; by errors" in found.steps[0].reason


def test_what_became_of_it_is_decided_on_the_way() -> None:
    confirmed = go([said(day, 0.6) for day in (1, 2, 3)] + [said(5, 0.1)], {1: machine(4)})
    assert steps(confirmed) == [(1, "open", 2), (1, "confirmed", 4)]
    assert confirmed.steps[1].reason == "it failed 2.0 days after the notice"
    false = go([said(day, 0.6) for day in range(1, 12)], {1: machine(None)})
    assert steps(false) == [(1, "open", 2), (1, "false", 9)], "and not given again before the risk has fallen"


def test_it_goes_on_from_how_it_stood() -> None:
    whole = [said(day, risk) for day, risk in enumerate((0.6, 0.6, 0.6, 0.1, 0.6, 0.6, 0.1, 0.6, 0.6, 0.6), start=1)]
    at_once = steps(go(whole, {1: machine(3.5)}))
    standing: dict[tuple[int, str], Standing] = {}
    piece_by_piece = [step for each in whole for step in steps(announce([each], RULE, {1: machine(3.5)}, standing, ()))]
    assert at_once == piece_by_piece
    assert [state for _, state, _ in at_once] == ["open", "confirmed", "open"]


def test_above_the_quota_nothing_is_announced_and_the_prediction_says_so() -> None:
    record = [(day * DAY_US, state) for day, state in enumerate([FALSE, FALSE, FALSE, CONFIRMED, CONFIRMED])]
    found = go([said(day, 0.6) for day in (20, 21)], {1: machine(None)}, record)
    assert steps(found) == []
    assert found.foreseen[-1].prediction.reason == (
        "by errors; not announced: 3 of the 5 notices decided within a year were false, 30% is the quota"
    )


def test_what_is_known_by_age_alone_is_shown_and_not_announced_and_the_prediction_says_so() -> None:
    found = go([said(day, 0.6, method="weibull", failures=2) for day in (20, 21)], {1: machine(None)})
    assert steps(found) == []
    assert found.foreseen[-1].prediction.reason == (
        "by errors; not announced: too little says that it is this machine, now: by age alone: "
        "only 2 failure(s) of the component are on record, 5 are asked for"
    )


def test_the_quota_is_the_models_and_counts_from_five_decided_within_a_year() -> None:
    day = HOUR_US * 24
    few = [(0, FALSE)] * 4 + [(0, AVERTED)] * 5
    assert quota_words(few, RULE, day) is None
    assert quota_words([(0, FALSE)] * 5, RULE, day) is not None
    assert quota_words([(0, FALSE)] * 5, RULE, 400 * day) is None
    assert quota_words([(0, FALSE)] * 5, RULE, -day) is None, "nobody knew then"


def test_machines_of_a_model_share_the_quota_in_the_order_of_time() -> None:
    lines = {number: machine(None) for number in range(1, 8)}
    early = [said(day, 0.6, number) for number in range(1, 6) for day in (1, 2)]
    late = [said(day, 0.6, 7) for day in (20, 21)]
    found = go([*late, *early, *(said(12, 0.1, number) for number in range(1, 6))], lines)
    assert [state for asset_id, state, _ in steps(found) if asset_id == 7] == []
    assert [state for _, state, _ in steps(found)].count("false") == 5


def test_one_false_notice_silences_nobody_even_where_none_may_be_false() -> None:
    none = NoticeRule(risk=0.5, within_us=7 * DAY_US, false_quota=0.0)
    risks = {1: 0.6, 2: 0.6, 10: 0.1, 11: 0.6, 12: 0.6}
    found = announce([said(day, risk) for day, risk in risks.items()], none, {1: machine(None)}, {}, ())
    assert steps(found) == [(1, "open", 2), (1, "false", 9), (1, "open", 12)]
    assert quota_words([(0, CONFIRMED)] * 4, none, DAY_US) is None
    assert quota_words([(0, CONFIRMED)] * 4 + [(0, FALSE)], none, DAY_US) is not None
    assert quota_words([(0, CONFIRMED)] * 4 + [(0, FALSE)], none, 400 * DAY_US) is None


def test_a_machine_that_cannot_be_gone_over_stops_no_other() -> None:
    twice = [said(day, 0.6, 2) for day in (1, 2, 2, 3)]
    found = go([*twice, *(said(day, 0.6) for day in (1, 2, 3))], {1: machine(None), 2: machine(None)})
    assert steps(found) == [(1, "open", 2)]
    assert {each.asset_id for each in found.foreseen} == {1}
    assert {asset_id: str(why) for asset_id, why in found.failed.items()} == {
        2: "predictions are of one component and in order of time"
    }
