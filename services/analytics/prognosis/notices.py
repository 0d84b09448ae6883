"""Notices of failure: when one is given, and what became of it. Pure.

The risk that counts is that of the methods that may ground a notice (`grounds`), not all that a prediction says.
A notice is false if no failure follows within its window. A planned repair before the failure proves neither.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np

from services.analytics.prognosis.curve import curve_of
from services.analytics.prognosis.grounds import grounds
from shared.instant import HOUR_US
from shared.model.foretelling import NoticeRule
from shared.model.prognosis import NoticeState, Prediction

# After a notice was decided the risk must fall below this share of the rule's before another is given (hysteresis).
REARM: Final = 0.8


class Decision(StrEnum):
    """What follows from a prediction: a notice is given, the open one stays, or there is none."""

    GIVE = "give"
    KEEP = "keep"
    NONE = "none"


class Because(StrEnum):
    """Why a decision was made."""

    RISK_HELD = "the risk was reached by two predictions in a row"
    FIRST_TIME = "the risk is reached for the first time: the next prediction has to bear it out"
    OPEN = "the open notice stands until it is decided"
    BELOW = "the risk is below what a notice asks for"
    NO_RISK = "no risk can be named"
    UNGROUNDED = "too little says that it is this machine, now"
    SETTLED = "the risk has not fallen below the lower bound since the last notice was decided"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenNotice:
    """A notice of the failure of `component`, given at `given_at_us`, decided by `window_end_us` at the latest."""

    component: str
    given_at_us: int
    window_end_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What became of a notice: when it was decided, and for a confirmed one the failure and the `lead_us` it gave."""

    state: NoticeState
    decided_at_us: int | None
    failed_at_us: int | None
    lead_us: int | None


def risk_within(prediction: Prediction, within_us: int) -> float | None:
    """The probability of a failure within `within_us` that the prediction implies; None where it names none.

    Between what it names the hazard is even; further ahead than that it is what it was at the last named hour.
    """
    if prediction.risk is None:
        return None
    return float(-np.expm1(-curve_of(prediction).at(np.array([within_us / HOUR_US]))[0]))


def decide(
    notice: OpenNotice | None,
    earlier: Sequence[Prediction],
    prediction: Prediction,
    rule: NoticeRule,
    *,
    decided_us: int | None = None,
) -> tuple[Decision, Because]:
    """What follows from `prediction` of one component, given its open notice and the predictions before it, in order.

    `decided_us`: when its last notice was decided, None: it had none; of `earlier` only what came after that counts.
    Whether the quota of false notices is kept is not asked here: it is shared by all machines of a model.
    ValueError: predictions of several components, or out of order.
    """
    instants = [each.at_us for each in (*earlier, prediction)]
    if len({each.component for each in (*earlier, prediction)}) > 1 or any(b <= a for a, b in pairwise(instants)):
        raise ValueError("predictions are of one component and in order of time")
    if notice is not None:
        return Decision.KEEP, Because.OPEN
    whole = risk_within(prediction, rule.within_us)
    if whole is None or whole < rule.risk:
        return Decision.NONE, Because.NO_RISK if whole is None else Because.BELOW
    found = grounds(prediction, rule.within_us)
    if (found.risk or 0.0) < rule.risk:
        return Decision.NONE, Because.UNGROUNDED if found.lacking else Because.BELOW
    held = _held(earlier, decided_us, rule)
    return (Decision.GIVE if held is Because.RISK_HELD else Decision.NONE), held


def _held(earlier: Sequence[Prediction], decided_us: int | None, rule: NoticeRule) -> Because:
    """Whether the risk was there before, and was gone since the last notice."""
    since = [each for each in earlier if decided_us is None or each.at_us > decided_us]
    risks = [_grounded(each, rule) for each in since if each.risk is not None]
    if decided_us is not None and not any(each < REARM * rule.risk for each in risks):
        return Because.SETTLED
    return Because.RISK_HELD if since and _grounded(since[-1], rule) >= rule.risk else Because.FIRST_TIME


def _grounded(prediction: Prediction, rule: NoticeRule) -> float:
    return grounds(prediction, rule.within_us).risk or 0.0


def exceeds_quota(decided: Sequence[Decided], false_quota: float) -> bool:
    """Whether more of the confirmed and false notices were false than the quota allows, in whole notices, rounded up.

    A single false one exceeds no quota above 0: it says too little.
    """
    false = sum(each.state is NoticeState.FALSE for each in decided)
    confirmed = sum(each.state is NoticeState.CONFIRMED for each in decided)
    return false > math.ceil(false_quota * (false + confirmed))


def given(prediction: Prediction, rule: NoticeRule) -> OpenNotice:
    """The notice that `prediction` gives rise to."""
    return OpenNotice(
        component=prediction.component,
        given_at_us=prediction.at_us,
        window_end_us=prediction.at_us + rule.within_us,
    )


def outcome(notice: OpenNotice, failures_us: Sequence[int], repairs_us: Sequence[int], now_us: int) -> Decided:
    """What became of `notice` by `now_us`, from the starts of failures and of planned repairs of its component.

    The first of them after the notice and within its window decides; of both at once the failure. What comes later than
    `now_us` is not known yet. A failure at the instant of the notice was not foretold, and does not count.
    """
    until_us = min(now_us, notice.window_end_us)
    failed_us = min((at for at in failures_us if notice.given_at_us < at <= until_us), default=None)
    repaired_us = min((at for at in repairs_us if notice.given_at_us < at <= until_us), default=None)
    if failed_us is not None and (repaired_us is None or failed_us <= repaired_us):
        lead_us = failed_us - notice.given_at_us
        return Decided(state=NoticeState.CONFIRMED, decided_at_us=failed_us, failed_at_us=failed_us, lead_us=lead_us)
    if repaired_us is not None:
        return Decided(state=NoticeState.AVERTED, decided_at_us=repaired_us, failed_at_us=None, lead_us=None)
    if now_us > notice.window_end_us:
        return Decided(state=NoticeState.FALSE, decided_at_us=notice.window_end_us, failed_at_us=None, lead_us=None)
    return Decided(state=NoticeState.OPEN, decided_at_us=None, failed_at_us=None, lead_us=None)
