"""What opens and closes an alert: pure decisions over what holds now and whether the alert is open."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from services.analytics.alerts import failure_words, words
from services.analytics.alerts.consequence import Consequence
from services.analytics.judged import Judged
from shared.contracts.assessment import Assessment, Certainty, Outcome
from shared.contracts.terms import AlertPolicy
from shared.instant import HOUR_US
from shared.model.alert import AlertKind, AlertState, Confirmed, Hearing, Machine, Noticed, Transition, Watching
from shared.model.prognosis import NoticeState

# A finding older than the newest facts by more than this is history: nobody can act on it any more.
_FRESH_US = HOUR_US


class AlertReason(StrEnum):
    """Why an alert changed its state."""

    P_MISS_HIGH = "p_miss_high"
    MISS_CERTAIN = "miss_certain"
    P_MISS_LOW = "p_miss_low"
    PERIOD_ENDED = "period_ended"
    SILENT_TOO_LONG = "silent_too_long"
    HEARD_AGAIN = "heard_again"
    SILENCE_ALLOWED = "silence_allowed"
    FINDING_OPEN = "finding_open"
    FINDING_ENDED = "finding_ended"
    FINDING_REJECTED = "finding_rejected"
    FINDING_CONFIRMED = "finding_confirmed"
    CONFIRMATION_WITHDRAWN = "confirmation_withdrawn"
    FAILURE_PREDICTED = "failure_predicted"
    NOTICE_CONFIRMED = "notice_confirmed"
    NOTICE_AVERTED = "notice_averted"
    NOTICE_FALSE = "notice_false"


_OPENS = {
    AlertReason.P_MISS_HIGH,
    AlertReason.MISS_CERTAIN,
    AlertReason.SILENT_TOO_LONG,
    AlertReason.FINDING_OPEN,
    AlertReason.FINDING_CONFIRMED,
    AlertReason.FAILURE_PREDICTED,
}
_BECAME = {
    NoticeState.CONFIRMED: AlertReason.NOTICE_CONFIRMED,
    NoticeState.AVERTED: AlertReason.NOTICE_AVERTED,
    NoticeState.FALSE: AlertReason.NOTICE_FALSE,
}


def opens(reason: AlertReason | None) -> bool:
    """Whether the reason is one for which an alert opens."""
    return reason in _OPENS


def guarantee_subject(judged: Judged) -> str:
    """`contract/guarantee/period`: the same through all versions of the contract."""
    return f"{judged.contract.id}/{judged.guarantee.id}/{judged.period.label}"


def machine_subject(machine: Machine) -> str:
    """`asset/<id>`."""
    return f"asset/{machine.asset_id}"


def notice_subject(noticed: Noticed) -> str:
    """`asset/<id>/<component>/<id of the notice>`: what is said of one notice stands for no other."""
    return f"{machine_subject(noticed.machine)}/{noticed.component}/{noticed.notice_id}"


def of_guarantee(judged: Judged, *, is_open: bool, now_us: int) -> Transition | None:
    """The change of the alert on this guarantee and period, None when it stays as it is."""
    reason = risk(judged.assessment, judged.guarantee.alert, is_open=is_open)
    if reason is None:
        return None
    title, body = words.of_guarantee(judged, opened=reason in _OPENS)
    return Transition(
        kind=AlertKind.GUARANTEE_AT_RISK,
        subject=guarantee_subject(judged),
        customer_id=judged.customer_id,
        asset_id=None,
        contract_id=judged.contract_id,
        to_state=_state(reason),
        at_us=now_us,
        reason=reason,
        title=title,
        body=body,
    )


def risk(assessment: Assessment, policy: AlertPolicy, *, is_open: bool) -> AlertReason | None:
    """Open at `open_at`, close below `close_below`, stay between the two and while no probability can be named.

    A miss that is certain only because of data gaps is none yet: data may still arrive.
    """
    if assessment.complete or assessment.forecast is None:
        return AlertReason.PERIOD_ENDED if is_open else None
    forecast = assessment.forecast
    if forecast.certainty is Certainty.CERTAIN_MISS:
        undecided = is_open or assessment.outcome is Outcome.INCONCLUSIVE
        return None if undecided else AlertReason.MISS_CERTAIN
    if forecast.p_miss is None:
        return None
    if is_open:
        return AlertReason.P_MISS_LOW if forecast.p_miss < policy.close_below else None
    return AlertReason.P_MISS_HIGH if forecast.p_miss >= policy.open_at else None


def of_silence(hearing: Hearing, *, is_open: bool, now_us: int) -> Transition | None:
    """The change of the alert on this machine's silence, None when it stays as it is."""
    return _of_machine(
        AlertKind.MACHINE_SILENT,
        hearing.machine,
        silence(hearing, is_open=is_open, now_us=now_us),
        now_us,
        lambda opened: words.of_silence(hearing, now_us, opened=opened),
    )


def silence(hearing: Hearing, *, is_open: bool, now_us: int) -> AlertReason | None:
    """Open when a machine that was heard once is silent for longer than it may be; close when it is heard again.

    Only time in which somebody listened makes a machine silent.
    """
    if hearing.silent_after_us is None or hearing.last_heard_us is None:
        return AlertReason.SILENCE_ALLOWED if is_open else None
    if now_us - hearing.last_heard_us <= hearing.silent_after_us:
        return AlertReason.HEARD_AGAIN if is_open else None
    if is_open or hearing.listening_since_us is None:
        return None
    is_silent = now_us - hearing.listening_since_us > hearing.silent_after_us
    return AlertReason.SILENT_TOO_LONG if is_silent else None


def of_anomaly(watching: Watching, *, is_open: bool, now_us: int) -> Transition | None:
    """The change of the alert on this machine's anomaly, None when it stays as it is."""
    return _of_machine(
        AlertKind.ANOMALY,
        watching.machine,
        anomaly(watching, is_open=is_open, now_us=now_us),
        now_us,
        lambda opened: words.of_anomaly(watching, opened=opened),
    )


def of_confirmation(
    confirmed: Confirmed, found: Sequence[Consequence], *, is_open: bool, now_us: int
) -> Transition | None:
    """The change of the alert on what an engineer confirmed of this machine, None when it stays as it is."""
    return _of_machine(
        AlertKind.CONFIRMED_ANOMALY,
        confirmed.machine,
        confirmation(confirmed, is_open=is_open),
        now_us,
        lambda opened: failure_words.of_confirmation(confirmed, found, opened=opened),
    )


def confirmation(confirmed: Confirmed, *, is_open: bool) -> AlertReason | None:
    """Open once a finding that goes on is confirmed; close when it has ended, or the word was taken back."""
    if confirmed.since_us is None:
        return AlertReason.FINDING_ENDED if is_open else None
    if not confirmed.is_confirmed:
        return AlertReason.CONFIRMATION_WITHDRAWN if is_open else None
    return None if is_open else AlertReason.FINDING_CONFIRMED


def of_notice(noticed: Noticed, found: Sequence[Consequence], *, is_open: bool, now_us: int) -> Transition | None:
    """The change of the alert on a failure that was foretold of a component, None when it stays as it is."""
    return _of_machine(
        AlertKind.PREDICTED_FAILURE,
        noticed.machine,
        notice(noticed, is_open=is_open, now_us=now_us),
        now_us,
        lambda opened: failure_words.of_notice(noticed, found, now_us, opened=opened),
        subject=notice_subject(noticed),
    )


def notice(noticed: Noticed, *, is_open: bool, now_us: int) -> AlertReason | None:
    """Open with a notice that is not decided, close when it is known what became of it.

    A notice from a history that is still worked off opens nothing: what became of it is on its way. It is worked off
    when the latest prediction of the component is no older than two steps of its grid.
    """
    if noticed.state is not NoticeState.OPEN:
        return _BECAME[noticed.state] if is_open else None
    is_behind = now_us - noticed.prediction.at_us > 2 * noticed.every_us + _FRESH_US
    if is_open or is_behind or now_us > noticed.window_end_us:
        return None
    return AlertReason.FAILURE_PREDICTED


def anomaly(watching: Watching, *, is_open: bool, now_us: int) -> AlertReason | None:
    """Open with a finding that goes on in fresh data, close when none goes on, or what goes on does not count."""
    if watching.since_us is None:
        ended = AlertReason.FINDING_REJECTED if watching.is_dismissed else AlertReason.FINDING_ENDED
        return ended if is_open else None
    is_fresh = watching.last_fact_us is not None and now_us - watching.last_fact_us <= _FRESH_US
    return AlertReason.FINDING_OPEN if is_fresh and not is_open else None


def _of_machine(
    kind: AlertKind,
    machine: Machine,
    reason: AlertReason | None,
    now_us: int,
    write: Callable[[bool], tuple[str, str]],
    *,
    subject: str | None = None,
) -> Transition | None:
    if reason is None:
        return None
    title, body = write(reason in _OPENS)
    return Transition(
        kind=kind,
        subject=subject or machine_subject(machine),
        customer_id=machine.customer_id,
        asset_id=machine.asset_id,
        contract_id=None,
        to_state=_state(reason),
        at_us=now_us,
        reason=reason,
        title=title,
        body=body,
    )


def _state(reason: AlertReason) -> AlertState:
    return AlertState.OPEN if reason in _OPENS else AlertState.CLOSED
