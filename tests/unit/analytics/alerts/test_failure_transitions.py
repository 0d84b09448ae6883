"""The truth tables of notices of failure and of findings that engineers confirm, and their words."""

from dataclasses import replace

import pytest

from services.analytics.alerts import transitions
from services.analytics.alerts.consequence import Outage, consequence
from services.analytics.alerts.transitions import AlertReason, confirmation, notice
from shared.instant import DAY_US, HOUR_US
from shared.model.alert import AlertKind, AlertState, Repair, RepairSource
from shared.model.prognosis import Method, NoticeState
from tests.unit.analytics.alerts.failing import MARCH, NOW, SEEN, confirmed, judged, noticed

OUTAGE = Outage(
    start_us=NOW + 6 * DAY_US,
    cause="bearing_failure",
    repair=Repair(hours=18.0, count=4, source=RepairSource.MACHINE),
)


@pytest.mark.parametrize(
    ("state", "is_open", "expected"),
    [
        (NoticeState.OPEN, False, AlertReason.FAILURE_PREDICTED),
        (NoticeState.OPEN, True, None),
        (NoticeState.CONFIRMED, True, AlertReason.NOTICE_CONFIRMED),
        (NoticeState.AVERTED, True, AlertReason.NOTICE_AVERTED),
        (NoticeState.FALSE, True, AlertReason.NOTICE_FALSE),
        (NoticeState.CONFIRMED, False, None),
        (NoticeState.AVERTED, False, None),
        (NoticeState.FALSE, False, None),
    ],
)
def test_a_notice_opens_an_alert_and_what_became_of_it_closes_it(
    state: NoticeState, is_open: bool, expected: AlertReason | None
) -> None:
    assert notice(noticed(state=state), is_open=is_open, now_us=NOW) is expected


def test_a_notice_that_follows_on_another_has_an_alert_of_its_own() -> None:
    before = noticed(notice_id=11, state=NoticeState.CONFIRMED)
    closed = transitions.of_notice(before, [], is_open=True, now_us=NOW)
    opened = transitions.of_notice(noticed(notice_id=12), [], is_open=False, now_us=NOW)
    assert closed is not None
    assert opened is not None
    assert [(each.subject, each.to_state) for each in (closed, opened)] == [
        ("asset/7/main_bearing/11", AlertState.CLOSED),
        ("asset/7/main_bearing/12", AlertState.OPEN),
    ]


@pytest.mark.parametrize(("behind_h", "expected"), [(13, AlertReason.FAILURE_PREDICTED), (13.1, None), (24 * 60, None)])
def test_a_notice_from_a_history_that_is_still_worked_off_opens_nothing(
    behind_h: float, expected: AlertReason | None
) -> None:
    late = noticed()
    late = replace(late, prediction=replace(late.prediction, at_us=NOW - round(behind_h * HOUR_US)))
    assert notice(late, is_open=False, now_us=NOW) is expected
    assert notice(replace(late, state=NoticeState.AVERTED), is_open=True, now_us=NOW) is AlertReason.NOTICE_AVERTED


def test_a_notice_whose_window_is_over_opens_nothing_and_waits_for_its_verdict() -> None:
    assert notice(noticed(window_end_us=NOW - 1), is_open=False, now_us=NOW) is None
    assert notice(noticed(window_end_us=NOW - 1), is_open=True, now_us=NOW) is None


@pytest.mark.parametrize(
    ("goes_on", "is_confirmed", "is_open", "expected"),
    [
        (True, True, False, AlertReason.FINDING_CONFIRMED),
        (True, True, True, None),
        (True, False, True, AlertReason.CONFIRMATION_WITHDRAWN),
        (True, False, False, None),
        (False, True, True, AlertReason.FINDING_ENDED),
        (False, False, True, AlertReason.FINDING_ENDED),
        (False, True, False, None),
    ],
)
def test_a_confirmed_finding(goes_on: bool, is_confirmed: bool, is_open: bool, expected: AlertReason | None) -> None:
    found = confirmed(since_us=NOW - HOUR_US if goes_on else None, is_confirmed=is_confirmed)
    assert confirmation(found, is_open=is_open) is expected


def test_the_words_of_a_predicted_failure_say_what_when_why_what_to_do_and_what_the_contract_loses() -> None:
    found = [consequence(judged(230, 10), SEEN, OUTAGE)]
    opened = transitions.of_notice(noticed(), found, is_open=False, now_us=NOW)
    assert opened is not None
    assert (opened.kind, opened.subject, opened.to_state) == (
        AlertKind.PREDICTED_FAILURE,
        "asset/7/main_bearing/11",
        AlertState.OPEN,
    )
    assert opened.title == "Compressor 1 (Lechtal Foods GmbH): main bearing is expected to fail in 6 days"
    assert opened.body.splitlines() == [
        "Compressor 1 at Kempten, Lechtal Foods GmbH. Its main bearing is expected to fail about 2026-03-17 00:00 UTC:"
        " one chance in ten before 2026-03-14 00:00 UTC, nine in ten before 2026-03-23 00:00 UTC (as seen 2026-03-11"
        " 00:00 UTC).",
        "Probability of a failure: 1% within 24 h, 50% within 7 days, 98% within 30 days.",
        "To do: see to the main bearing by 2026-03-13 18:00 UTC at the latest.",
        "Notice was given 2026-03-10 00:00 UTC; the window it names ends 2026-04-09 00:00 UTC.",
        "Method: trend of its sensors to their limits; vibration_mm_s on its way to its limit 4.5.",
        "LF-1, guarantee TBA of 97.00% for 2026-03: P(miss) 41% as it stands, certain if it fails then and is down for"
        " 18.0 h (median of 4 such stops of this machine). Malus as things stand 1,000.00 EUR, with these hours"
        " 2,800.00 EUR. At most 5,000.00 EUR a period.",
    ]


def test_a_machine_without_a_contract_costs_nothing_and_says_so() -> None:
    opened = transitions.of_notice(noticed(), [], is_open=False, now_us=NOW)
    assert opened is not None
    assert opened.body.endswith("No contract that runs covers it, so no money depends on it.")


@pytest.mark.parametrize(
    ("outage", "said"),
    [
        (replace(OUTAGE, start_us=MARCH.end_us), "the same if it fails then, which is after the period's end."),
        (replace(OUTAGE, cause="wear_part"), "such a stop does not count against it."),
        (replace(OUTAGE, repair=None), "down for 5.0 h (mean of all 10 failures of the contract's machines)."),
    ],
)
def test_what_does_not_count_and_what_is_not_known_is_said(outage: Outage, said: str) -> None:
    found = [consequence(judged(230, 10), SEEN, outage)]
    opened = transitions.of_notice(noticed(), found, is_open=False, now_us=NOW)
    assert opened is not None
    assert said in opened.body


def test_a_latest_date_that_is_past_asks_for_work_at_once() -> None:
    opened = transitions.of_notice(noticed(latest_us=NOW - HOUR_US), [], is_open=False, now_us=NOW)
    assert opened is not None
    assert "To do: see to the main bearing at once; the latest sensible date, 2026-03-10 23:00 UTC, is past." in (
        opened.body
    )


def test_a_prediction_without_quantiles_names_the_window_and_the_method() -> None:
    likely = noticed(latest_us=None, expected_us=None)
    likely = replace(
        likely, prediction=replace(likely.prediction, p10_h=None, p50_h=None, p90_h=None, method=Method.EVENTS)
    )
    opened = transitions.of_notice(likely, [], is_open=False, now_us=NOW)
    assert opened is not None
    assert opened.title.endswith("main bearing is expected to fail")
    assert "Its main bearing is likely to fail before 2026-04-09 00:00 UTC." in opened.body
    assert "learnt from the events and ages of machines of this model" in opened.body


@pytest.mark.parametrize(
    ("state", "title"),
    [
        (NoticeState.CONFIRMED, "main bearing has failed as foretold"),
        (NoticeState.AVERTED, "main bearing was seen to before it failed"),
        (NoticeState.FALSE, "main bearing has not failed as foretold"),
    ],
)
def test_the_words_that_close_a_notice_say_what_became_of_it(state: NoticeState, title: str) -> None:
    became = noticed(state=state, reason="bearing_failure 6 days after the notice")
    closed = transitions.of_notice(became, [], is_open=True, now_us=NOW)
    assert closed is not None
    assert closed.title == f"Compressor 1 (Lechtal Foods GmbH): {title}"
    assert closed.body.endswith("Notice was given 2026-03-10 00:00 UTC; bearing_failure 6 days after the notice.")


def test_the_words_of_a_confirmed_finding_name_who_said_so_the_sensors_and_the_contract() -> None:
    found = [consequence(judged(230, 10), SEEN, replace(OUTAGE, start_us=NOW, repair=None))]
    opened = transitions.of_confirmation(confirmed(), found, is_open=False, now_us=NOW)
    assert opened is not None
    assert (opened.kind, opened.subject) == (AlertKind.CONFIRMED_ANOMALY, "asset/7")
    assert opened.title == "Compressor 1 (Lechtal Foods GmbH) has a fault: bearing wear"
    lines = opened.body.splitlines()
    assert lines[0] == "Compressor 1 at Kempten, Lechtal Foods GmbH. Confirmed by ada: bearing wear."
    assert lines[1].endswith(
        "2.2 times the threshold: vibration_mm_s high (70%), oil_temperature_c high (20%), power_kw low (10%)."
    )
    assert lines[2] == "Note: heard it too"
    assert "P(miss) 41% as it stands" in lines[3]
    assert "if it fails and is down for 5.0 h" in lines[3]
