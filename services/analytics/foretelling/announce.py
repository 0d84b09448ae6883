"""Prediction, its last stage: which predictions give rise to a notice, and what became of the open ones. Pure.

Goes over the machines of a model together, instant by instant, because they share the quota of false notices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from services.analytics.foretelling.foresee import Foreseen
from services.analytics.learning.lives import Line
from services.analytics.prognosis.grounds import grounds
from services.analytics.prognosis.notices import (
    Because,
    Decided,
    Decision,
    OpenNotice,
    decide,
    exceeds_quota,
    given,
    outcome,
)
from shared.db.notices import Given
from shared.instant import DAY_US
from shared.model.foretelling import NoticeRule
from shared.model.prognosis import NoticeState, Prediction

# The false share of fewer notices than this is chance.
LEAST_DECIDED: Final = 5
YEAR_US: Final = 365 * DAY_US
_Place = tuple[int, str]


@dataclass(kw_only=True, slots=True)
class Standing:
    """How it stands with the notices of a component: the open one, what became of the last, what was said since."""

    notice: OpenNotice | None = None
    decided: Decided | None = None
    said: list[Prediction] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced:
    """The predictions, some with words about notices added, and what is to be done about notices, in order.

    `failed`: machines of which neither can be said, with why.
    """

    foreseen: tuple[Foreseen, ...]
    steps: tuple[Given, ...]
    failed: Mapping[int, Exception]


def announce(
    foreseen: Sequence[Foreseen],
    rule: NoticeRule,
    lines: Mapping[int, Line],
    standing: dict[_Place, Standing],
    record: Sequence[tuple[int, NoticeState]],
) -> Announced:
    """Go over predictions of a model's machines in the order of time; `record`: notices decided before, when and how.

    `standing` is changed to how it stands afterwards.
    """
    known = list(record)
    told: list[Foreseen] = []
    steps: list[Given] = []
    failed: dict[int, Exception] = {}
    for each in sorted(foreseen, key=lambda one: (one.prediction.at_us, one.asset_id)):
        if each.asset_id in failed:
            continue
        place = each.asset_id, each.prediction.component
        stands = standing.setdefault(place, Standing())
        try:
            if closed := close(place, stands, lines[each.asset_id], each.prediction.at_us):
                steps.append(closed)
                known.append((closed.decided_us or 0, closed.state))
            prediction, step = _said(place, stands, each, rule, quota_words(known, rule, each.prediction.at_us))
        except Exception as error:  # noqa: BLE001  (what one machine's data does must not stop the others)
            failed[each.asset_id] = error
            continue
        steps += [step] if step else []
        stands.said.append(prediction)
        told.append(replace(each, prediction=prediction))
    return Announced(
        foreseen=tuple(each for each in told if each.asset_id not in failed),
        steps=tuple(each for each in steps if each.asset_id not in failed),
        failed=failed,
    )


def close(place: _Place, stands: Standing, line: Line, at_us: int) -> Given | None:
    """What became of the open notice by `at_us`, if that is decided; it is closed then."""
    notice = stands.notice
    if notice is None:
        return None
    found = outcome(notice, line.failures_us(place[1]), line.planned_us(place[1]), at_us)
    if found.state is NoticeState.OPEN:
        return None
    stands.notice, stands.decided, stands.said = None, found, []
    return Given(
        asset_id=place[0],
        component=place[1],
        given_us=notice.given_at_us,
        window_end_us=notice.window_end_us,
        state=found.state,
        decided_us=found.decided_at_us,
        failed_us=found.failed_at_us,
        reason=_fate(found),
    )


def quota_words(record: Sequence[tuple[int, NoticeState]], rule: NoticeRule, at_us: int) -> str | None:
    """Why no notice may be given at `at_us`; None: it may."""
    lately = [
        Decided(state=state, decided_at_us=decided_us, failed_at_us=None, lead_us=None)
        for decided_us, state in record
        if at_us - YEAR_US <= decided_us <= at_us
    ]
    false = sum(each.state is NoticeState.FALSE for each in lately)
    settled = false + sum(each.state is NoticeState.CONFIRMED for each in lately)
    if settled < LEAST_DECIDED or not exceeds_quota(lately, rule.false_quota):
        return None
    return f"{false} of the {settled} notices decided within a year were false, {rule.false_quota:.0%} is the quota"


def _said(
    place: _Place, stands: Standing, each: Foreseen, rule: NoticeRule, quota: str | None
) -> tuple[Prediction, Given | None]:
    prediction = each.prediction
    decided_us = stands.decided.decided_at_us if stands.decided else None
    decision, because = decide(stands.notice, stands.said, prediction, rule, decided_us=decided_us)
    if because is Because.UNGROUNDED:
        why_not = grounds(prediction, rule.within_us).lacking
        return _unannounced(prediction, f"{because}: {why_not}"), None
    if decision is not Decision.GIVE:
        return prediction, None
    if quota is not None:
        return _unannounced(prediction, quota), None
    stands.notice = given(prediction, rule)
    asked = f"{grounds(prediction, rule.within_us).risk or 0:.0%} within {rule.within_us // DAY_US} days"
    return prediction, Given(
        asset_id=place[0],
        component=place[1],
        given_us=stands.notice.given_at_us,
        window_end_us=stands.notice.window_end_us,
        state=NoticeState.OPEN,
        decided_us=None,
        failed_us=None,
        reason=f"{because}: {asked}, {rule.risk:.0%} is asked for; {prediction.reason}",
    )


def _unannounced(prediction: Prediction, why: str) -> Prediction:
    return replace(prediction, reason=f"{prediction.reason}; not announced: {why}")


def _fate(found: Decided) -> str:
    if found.state is NoticeState.CONFIRMED:
        return f"it failed {(found.lead_us or 0) / DAY_US:.1f} days after the notice"
    if found.state is NoticeState.AVERTED:
        return "planned work came before a failure: neither right nor wrong"
    return "no failure came within the window"
