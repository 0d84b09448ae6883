"""Notices of failure: a truth table of decisions, and what becomes of them."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.analytics.prognosis.notices import (
    Because,
    Decided,
    Decision,
    OpenNotice,
    decide,
    exceeds_quota,
    given,
    outcome,
    risk_within,
)
from shared.instant import DAY_US
from shared.model.foretelling import NoticeRule
from shared.model.prognosis import Method, NoticeState, Prediction

_RULE = NoticeRule(risk=0.5, within_us=30 * DAY_US, false_quota=0.3)


def _said(day: int, month: float | None, component: str = "bearing") -> Prediction:
    risk = None if month is None else (0.0, month / 4, month)
    trend = {"method": "health_trend", "p10_h": None, "p50_h": None, "p90_h": None, "risk": risk}
    return Prediction(
        component=component,
        at_us=day * DAY_US,
        method=Method.HEALTH_TREND,
        p10_h=None,
        p50_h=None,
        p90_h=None,
        risk=risk,
        health=None,
        reason="",
        evidence={"methods": [trend] if risk else []},
    )


def _was(state: NoticeState) -> Decided:
    return Decided(state=state, decided_at_us=3 * DAY_US, failed_at_us=None, lead_us=None)


_OPEN = OpenNotice(component="bearing", given_at_us=DAY_US, window_end_us=31 * DAY_US)


@pytest.mark.parametrize(
    ("notice", "earlier", "now", "decided", "expected"),
    [
        (None, [0.6], 0.6, None, (Decision.GIVE, Because.RISK_HELD)),
        (None, [0.5], 0.5, None, (Decision.GIVE, Because.RISK_HELD)),
        (None, [], 0.9, None, (Decision.NONE, Because.FIRST_TIME)),
        (None, [0.9, 0.2], 0.9, None, (Decision.NONE, Because.FIRST_TIME)),
        (None, [None], 0.9, None, (Decision.NONE, Because.FIRST_TIME)),
        (None, [0.9], 0.49, None, (Decision.NONE, Because.BELOW)),
        (None, [0.9], None, None, (Decision.NONE, Because.NO_RISK)),
        (_OPEN, [0.1], 0.1, None, (Decision.KEEP, Because.OPEN)),
        (_OPEN, [0.9], 0.9, None, (Decision.KEEP, Because.OPEN)),
        # Decided on day 10; predictions are of the days 11, 12, ...: the risk has to fall below 0.4 in between.
        (None, [0.9, 0.9], 0.9, 10, (Decision.NONE, Because.SETTLED)),
        (None, [0.45, 0.9], 0.9, 10, (Decision.NONE, Because.SETTLED)),
        (None, [0.39, 0.9], 0.9, 10, (Decision.GIVE, Because.RISK_HELD)),
        (None, [0.39], 0.9, 10, (Decision.NONE, Because.FIRST_TIME)),
    ],
)
def test_a_notice_is_given_once_and_only_when_the_risk_holds(
    notice: OpenNotice | None,
    earlier: list[float | None],
    now: float | None,
    decided: int | None,
    expected: tuple[Decision, Because],
) -> None:
    before = [_said(11 + place, risk) for place, risk in enumerate(earlier)]

    decided_us = None if decided is None else decided * DAY_US

    found = decide(notice, before, _said(30, now), _RULE, decided_us=decided_us)

    assert found == expected


def test_a_horizon_between_the_named_ones_has_a_risk_between_theirs() -> None:
    prediction = _said(0, 0.6)

    assert risk_within(prediction, 30 * DAY_US) == pytest.approx(0.6)
    assert risk_within(prediction, 7 * DAY_US) == pytest.approx(0.15)
    assert 0.15 < (risk_within(prediction, 14 * DAY_US) or 0) < 0.6
    assert (risk_within(prediction, 60 * DAY_US) or 0) > 0.6


def test_predictions_of_several_components_or_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="one component"):
        decide(None, [_said(1, 0.5, "seal")], _said(2, 0.5), _RULE)
    with pytest.raises(ValueError, match="order of time"):
        decide(None, [_said(2, 0.5)], _said(2, 0.5), _RULE)


def test_a_notice_opens_at_its_prediction_and_lasts_as_long_as_the_rule_looks_ahead() -> None:
    assert given(_said(1, 0.6), _RULE) == _OPEN


@pytest.mark.parametrize(
    ("failures", "repairs", "now", "state", "decided"),
    [
        ([5], [], 6, NoticeState.CONFIRMED, 5),
        ([31], [], 40, NoticeState.CONFIRMED, 31),
        ([5], [3], 6, NoticeState.AVERTED, 3),
        ([5], [5], 6, NoticeState.CONFIRMED, 5),
        ([5], [9], 20, NoticeState.CONFIRMED, 5),
        ([5], [], 4, NoticeState.OPEN, None),
        ([32], [], 33, NoticeState.FALSE, 31),
        ([1], [], 40, NoticeState.FALSE, 31),
        ([0], [], 20, NoticeState.OPEN, None),
        ([], [], 31, NoticeState.OPEN, None),
        ([], [40], 41, NoticeState.FALSE, 31),
    ],
)
def test_what_comes_first_within_the_window_decides_a_notice(
    failures: list[int], repairs: list[int], now: int, state: NoticeState, decided: int | None
) -> None:
    found = outcome(_OPEN, [day * DAY_US for day in failures], [day * DAY_US for day in repairs], now * DAY_US)

    assert found.state is state
    assert found.decided_at_us == (None if decided is None else decided * DAY_US)
    assert (found.lead_us is not None) == (state is NoticeState.CONFIRMED)


@for_all(st.lists(st.integers(0, 40)), st.lists(st.integers(0, 40)), st.integers(1, 50), st.integers(0, 20))
def test_a_decision_on_a_notice_is_final(failures: list[int], repairs: list[int], now: int, later: int) -> None:
    known = [day * DAY_US for day in failures], [day * DAY_US for day in repairs]

    found = outcome(_OPEN, *known, now * DAY_US)

    if found.state is not NoticeState.OPEN:
        assert outcome(_OPEN, *known, (now + later) * DAY_US) == found


def test_a_single_false_notice_silences_nobody() -> None:
    assert not exceeds_quota([_was(NoticeState.FALSE)], 0.3)
    assert exceeds_quota([_was(NoticeState.FALSE), _was(NoticeState.FALSE)], 0.3)
    assert exceeds_quota([_was(NoticeState.FALSE)], 0.0)
