"""Response time: promises kept, in service hours, by the tickets a period received."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.assess import assess
from shared.contracts.finding import Reason
from shared.contracts.measured import Priority, ResponseMeasure, ServiceHours
from shared.contracts.money import CountMoney
from shared.contracts.terms import Contract, Kind, PeriodKind
from shared.instant import DAY_US, HOUR_US
from shared.model.quantity import Ticket
from tests.unit.contracts.kinds.terms_made import contract, facts, guarantee, judged, us, window, with_measure

ALWAYS = ServiceHours(name="24x7")
OFFICE = ServiceHours(
    name="business_hours_DE_BY",
    weekly=tuple((weekday, 8 * 60, 17 * 60) for weekday in range(5)),
    holiday_region="DE_BY",
)
RESP = ResponseMeasure(
    priorities=(
        Priority(name="P1", respond_us=4 * HOUR_US, restore_us=24 * HOUR_US, hours=ALWAYS),
        Priority(name="P2", respond_us=8 * HOUR_US, restore_us=None, hours=OFFICE),
    ),
    pauses=("awaiting_customer_access",),
)


@pytest.fixture
def terms() -> Contract:
    """COMP-B, guarantee RESP (domain/contracts/B_compressor_service.yaml)."""
    promise = guarantee(Kind.RESPONSE_TIME, RESP, "1", malus=(CountMoney(amount=Decimal(250)),))
    return contract(promise, period=PeriodKind.CALENDAR_MONTH)


def _ticket(number: int, received: str | int, hours: str | None, mended: str | None = "10", **parts: object) -> Ticket:
    start = received if isinstance(received, int) else us(received)
    after = [None if each is None else start + int(Fraction(each) * HOUR_US) for each in (hours, mended)]
    ticket = Ticket(
        id=f"T{number}", asset="A1", priority="P1", received_us=start, on_site_us=after[0], restored_us=after[1]
    )
    return replace(ticket, **parts)  # pyright: ignore[reportArgumentType]


def test_one_of_three_answers_of_july_came_too_late(terms: Contract) -> None:
    # contracts.md 3.2 B: P1 times 2.5, 3.9, 5.2 h -> 1 breach = 250.00.
    times = ("2.5", "3.9", "5.2")
    tickets = [_ticket(n, f"2026-07-1{n}T22:00+02:00", hours) for n, hours in enumerate(times)]
    span = window(terms, "2026-07")
    result = assess(terms, terms.guarantees[0], facts(terms, tickets=tickets), span)
    found = result.finding
    assert (found.breaches, found.numerator, found.denominator) == (1, 5, 6)
    assert found.notes == ("T2 (P1): answered after 5.2 h, 4 h were promised",)
    assert result.settlement.malus == Decimal("250.00")


def test_exactly_the_promised_time_is_kept(terms: Contract) -> None:
    tickets = [_ticket(0, "2026-07-10T22:00+02:00", "4", "24")]
    assert judged(terms, facts(terms, tickets=tickets), window(terms, "2026-07")).value == 1


def test_answer_and_repair_too_late_are_two_breaches(terms: Contract) -> None:
    tickets = [_ticket(0, "2026-07-10T22:00+02:00", "5", "25")]
    found = judged(terms, facts(terms, tickets=tickets), window(terms, "2026-07"))
    assert (found.breaches, found.value) == (2, 0)


def test_business_hours_stand_still_over_night_weekend_and_holiday(terms: Contract) -> None:
    # Received on Friday 2026-04-03 (Good Friday); Easter Monday is a holiday, too: the clock runs on the 7th.
    p2 = {"priority": "P2", "on_site_us": us("2026-04-07T16:00+02:00")}
    tickets = [_ticket(0, "2026-04-03T09:00+02:00", None, None, **p2)]
    found = judged(terms, facts(terms, tickets=tickets), window(terms, "2026-04"))
    assert (found.numerator, found.denominator) == (1, 1)
    late = [replace(tickets[0], on_site_us=us("2026-04-07T16:01+02:00"))]
    assert judged(terms, facts(terms, tickets=late), window(terms, "2026-04")).breaches == 1


def test_hours_around_the_clock_stand_still_on_agreed_holidays(terms: Contract) -> None:
    resting = ServiceHours(name="24x7", holidays=frozenset({date(2026, 7, 11)}))
    rested = with_measure(terms, priorities=(replace(RESP.priorities[0], hours=resting),))
    tickets = [_ticket(0, "2026-07-10T23:00+02:00", "28", "28")]
    assert judged(rested, facts(rested, tickets=tickets), window(rested, "2026-07")).breaches == 0


@pytest.mark.parametrize(("pauses", "breaches"), [(("awaiting_customer_access",), 0), ((), 1)])
def test_pauses_stop_the_clock_only_where_they_are_agreed(
    terms: Contract, pauses: tuple[str, ...], breaches: int
) -> None:
    agreed = with_measure(terms, pauses=pauses)
    tickets = [_ticket(0, "2026-07-10T22:00+02:00", "5", paused_us=HOUR_US)]
    found = judged(agreed, facts(agreed, tickets=tickets), window(agreed, "2026-07"))
    assert found.breaches == breaches
    assert any("1 h of pauses do not count" in note for note in found.notes) == (not pauses)


def test_an_open_ticket_past_its_time_is_a_breach_and_one_not_due_is_not_counted(terms: Contract) -> None:
    now = us("2026-07-20T12:00+02:00")
    tickets = [_ticket(0, now - 5 * HOUR_US, None, None), _ticket(1, now - HOUR_US, None, None)]
    found = judged(terms, facts(terms, tickets=tickets), window(terms, "2026-07", as_of_us=now))
    assert (found.breaches, found.denominator) == (1, 1)
    # Three promises may still go either way.
    assert (found.low, found.high) == (0, Fraction(3, 4))
    assert "T1 (P1): not answered yet after 1 of 4 h, not counted" in found.notes


def test_a_ticket_of_the_last_night_is_judged_by_what_came_after_the_period(terms: Contract) -> None:
    span = window(terms, "2026-07")
    tickets = [_ticket(0, span.end_us - HOUR_US, "3", "30"), _ticket(1, span.end_us, "9", "9")]
    found = judged(terms, facts(terms, tickets=tickets), replace(span, as_of_us=span.end_us + 3 * DAY_US))
    # The first one was answered in time and mended too late; the second one is August's.
    assert (found.numerator, found.denominator, found.breaches) == (1, 2, 1)


def test_while_the_period_runs_what_comes_later_is_not_known(terms: Contract) -> None:
    now = us("2026-07-20T12:00+02:00")
    tickets = [_ticket(0, now - HOUR_US, "2", "3")]
    found = judged(terms, facts(terms, tickets=tickets), window(terms, "2026-07", as_of_us=now))
    assert (found.value, found.reason) == (None, Reason.NO_DENOMINATOR)


def test_a_closed_period_knows_what_came_after_its_end_however_early_it_is_asked(terms: Contract) -> None:
    span = window(terms, "2026-07")
    tickets = [_ticket(0, span.end_us - HOUR_US, "2", "3")]
    assert judged(terms, facts(terms, tickets=tickets), span).value == 1


def test_a_quota_lets_its_share_pass(terms: Contract) -> None:
    promise = guarantee(Kind.RESPONSE_TIME, RESP, "0.9")
    quota = contract(promise, period=PeriodKind.CALENDAR_MONTH)
    tickets = [_ticket(n, f"2026-07-{n + 1:02}T08:00+02:00", "5" if n < 3 else "1") for n in range(6)]
    found = judged(quota, facts(quota, tickets=tickets), window(quota, "2026-07"))
    # 3 of 12 broken, a tenth of 12 in whole promises is 1.
    assert (found.numerator, found.denominator, found.breaches) == (9, 12, 2)


def test_no_ticket_means_no_answer_to_the_question(terms: Contract) -> None:
    result = assess(terms, terms.guarantees[0], facts(terms), window(terms, "2026-07"))
    assert (result.value, result.reason) == (None, Reason.NO_TICKETS)
    assert result.settlement.malus == Decimal("0.00")


def test_a_priority_without_promise_is_left_out_and_named(terms: Contract) -> None:
    tickets = [_ticket(0, "2026-07-10T22:00+02:00", "99", priority="P9")]
    found = judged(terms, facts(terms, tickets=tickets), window(terms, "2026-07"))
    assert (found.value, found.reason) == (None, Reason.NO_DENOMINATOR)
    assert found.notes == ("T0: nothing is promised for priority P9, not counted",)


def test_the_interval_of_the_share_is_clopper_and_pearsons(terms: Contract) -> None:
    quarter_hour = HOUR_US // 4
    start = window(terms, "2026-07").start_us
    answers = with_measure(terms, priorities=(replace(RESP.priorities[0], restore_us=None),))
    tickets = [_ticket(n, start + n * quarter_hour, "5" if n < 8 else "1") for n in range(100)]
    found = judged(answers, facts(answers, tickets=tickets), window(answers, "2026-07"))
    # golden.json RESP-1: 92 of 100, 90 %.
    assert found.interval == pytest.approx((0.860282880786954, 0.9595711293759712), rel=1e-6)


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=12))
def test_every_promise_is_kept_or_broken_whatever_the_order(hours: list[tuple[int, int, int]]) -> None:
    promise = guarantee(Kind.RESPONSE_TIME, RESP, "1")
    terms = contract(promise, period=PeriodKind.CALENDAR_MONTH)
    span = window(terms, "2026-07")
    tickets = [
        _ticket(n, span.start_us + at * HOUR_US, str(answered), str(mended))
        for n, (at, answered, mended) in enumerate(hours)
    ]
    found = judged(terms, facts(terms, tickets=tickets), span)
    broken = sum((answered > 4) + (mended > 24) for _, answered, mended in hours)
    assert (found.breaches, found.denominator) == (broken, 2 * len(hours))
    assert judged(terms, facts(terms, tickets=tickets[::-1]), span) == found


def test_a_pause_longer_than_the_service_time_takes_all_of_it_and_is_noted(terms: Contract) -> None:
    agreed = with_measure(terms, pauses=("awaiting_customer_access",))
    tickets = [_ticket(0, "2026-07-10T22:00+02:00", "5", paused_us=7 * HOUR_US)]
    found = judged(agreed, facts(agreed, tickets=tickets), window(agreed, "2026-07"))
    assert (found.breaches, found.value) == (0, 1)
    assert "T0: paused 7 h, the service time until answered is 5 h: 0 h count" in found.notes
    assert not any("until mended" in note for note in found.notes), "10 h until then"
