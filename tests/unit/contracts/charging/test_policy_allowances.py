"""How much time of an allowance is within: by period, month, year and share, with notice and forbidden hours."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from shared.contracts.facts import Window
from shared.contracts.measured import Allowance, Notice, Per, Verdict
from shared.contracts.periods import Period, periods
from shared.contracts.terms import Contract, PeriodKind
from shared.instant import HOUR_US
from shared.model.facts import Category
from tests.unit.contracts.charged_time import (
    SERVICE,
    UP,
    charged,
    hours,
    policy_of,
    span,
    terms_of,
)
from tests.unit.contracts.kinds.terms_made import us, window

JANUARY_H = 744
BASE = policy_of("FP PP TS", "RS IU")


def _service(**parts: Any) -> Allowance:
    return Allowance(category=Category.SM, within=Verdict.EXCLUDED, beyond=Verdict.UNAVAILABLE, **parts)


def _terms(*allowances: Allowance, **parts: Any) -> Contract:
    return terms_of(replace(BASE, allowances=allowances), **parts)


@pytest.mark.parametrize(("prorate", "granted"), [(True, Fraction(80 * 10, 31)), (False, Fraction(80))])
def test_a_stub_period_is_granted_its_share_or_all_of_it(prorate: bool, granted: Fraction) -> None:
    terms = _terms(_service(hours=Decimal(80), prorate=prorate), end=date(2026, 3, 10))
    known = {UP: 140 * HOUR_US, SERVICE: 100 * HOUR_US}
    assert hours(charged(terms, window(terms, "2026-03"), {"A1": known}))["excluded"] == granted


def test_a_contract_year_across_a_change_of_the_clock_is_granted_whole() -> None:
    """April 2025 to March 2026 in Berlin begins and ends in different offsets, and has 8,760 h in all."""
    terms = _terms(
        _service(hours=Decimal(80)),
        zone="Europe/Berlin",
        start=date(2025, 10, 1),
        period=PeriodKind.CONTRACT_YEAR,
    )
    year = window(terms)
    assert year.end_us - year.start_us == 8760 * HOUR_US
    known = {SERVICE: 100 * HOUR_US, UP: 8660 * HOUR_US}
    assert hours(charged(terms, year, {"A1": known}))["excluded"] == 80


def test_hours_of_the_year_are_used_up_in_the_order_of_time() -> None:
    terms = _terms(_service(hours=Decimal(24), per=Per.YEAR))
    known = {"A1": {UP: 730 * HOUR_US, SERVICE: 14 * HOUR_US}}
    march = window(terms, "2026-03")
    earlier = {"A1": {SERVICE: 20 * HOUR_US, UP: 1396 * HOUR_US}}
    assert hours(charged(terms, march, known, earlier=earlier))["excluded"] == 4
    assert hours(charged(terms, march, known))["excluded"] == 14
    assert hours(charged(terms, march, known, earlier={"A1": {SERVICE: 30 * HOUR_US}})).get("excluded") is None


def test_hours_of_the_year_are_less_in_a_year_that_the_term_cuts() -> None:
    """From 1 July 2026, 184 of 365 days: 24 h a year are 12.0986 h."""
    terms = _terms(_service(hours=Decimal(24), per=Per.YEAR), start=date(2026, 7, 1))
    known = {"A1": {UP: 700 * HOUR_US, SERVICE: 44 * HOUR_US}}
    assert hours(charged(terms, window(terms), known))["excluded"] == Fraction(24 * 184, 365)


def test_what_a_year_leaves_rolls_into_the_next_one_only() -> None:
    terms = _terms(_service(hours=Decimal(24), per=Per.YEAR, rolls=True))
    second = window(terms, "2027-01")
    known = {"A1": {UP: 700 * HOUR_US, SERVICE: 44 * HOUR_US}}
    used = {"A1": {SERVICE: 10 * HOUR_US}}
    assert hours(charged(terms, second, known, last_year=used))["excluded"] == 24 + 14
    assert hours(charged(terms, second, known))["excluded"] == 24
    lapsing = _terms(_service(hours=Decimal(24), per=Per.YEAR))
    assert hours(charged(lapsing, second, known, last_year=used))["excluded"] == 24
    assert hours(charged(terms, window(terms, "2026-01"), known, last_year=used))["excluded"] == 24


def test_hours_of_a_month_are_those_of_each_month_of_a_longer_period() -> None:
    terms = _terms(_service(hours=Decimal(3), per=Per.MONTH), period=PeriodKind.CALENDAR_QUARTER)
    quarter = window(terms)
    line = [
        span("2026-01-31T20:00+00:00", "2026-02-01T01:00+00:00", Category.SM),
        span("2026-03-05T00:00+00:00", "2026-03-05T02:00+00:00", Category.SM),
    ]
    assert hours(charged(terms, quarter, {"A1": line}))["unavailable"] == 1
    by_sums = hours(charged(terms, quarter, {"A1": {SERVICE: 7 * HOUR_US, UP: 2153 * HOUR_US}}))
    assert by_sums["excluded"] == 7, "sums do not say in which month it was: 9 h in all"


def test_a_fraction_is_of_the_clock_of_the_whole_window() -> None:
    gaps = Allowance(
        category=Category.IU, fraction=Decimal("0.01"), within=Verdict.EXCLUDED, beyond=Verdict.UNAVAILABLE
    )
    terms = _terms(gaps)
    half = replace(window(terms), as_of_us=us("2026-01-16T00:00+00:00"))
    assert hours(charged(terms, half, {"A1": {UP: 350 * HOUR_US}})) == {
        "available": 350,
        "excluded": Fraction("7.44"),
        "unavailable": Fraction("2.56"),
    }


@pytest.mark.parametrize(
    ("announced", "unannounced", "excluded"),
    [
        ("2026-01-06T08:00+00:00", Notice.REQUIRED, 6),
        ("2026-01-06T08:00:01+00:00", Notice.REQUIRED, None),
        ("2026-01-06T08:00:01+00:00", Notice.PRESUMED, None),
        (None, Notice.PRESUMED, 6),
        (None, Notice.REQUIRED, None),
    ],
)
def test_planned_work_is_within_only_when_announced_in_time(
    announced: str | None, unannounced: Notice, excluded: int | None
) -> None:
    terms = _terms(_service(hours=Decimal(80), notice_days=14, unannounced=unannounced))
    work = span("2026-01-20T08:00+00:00", "2026-01-20T14:00+00:00", Category.SM, announced=announced)
    found = charged(terms, window(terms), {"A1": [work]})
    assert hours(found).get("excluded", 0) == (excluded or 0) + JANUARY_H - 6
    assert hours(found).get("unavailable") == (None if excluded else 6)
    assert any("presumed announced: 1" in note for note in found.notes) is (excluded == 6 and announced is None)


def test_days_of_notice_are_days_of_the_calendar_also_when_the_clock_changes() -> None:
    """Berlin, 29 March 2026: one day before 29 March 12:00 is 28 March 12:00, 23 h earlier."""
    terms = _terms(_service(hours=Decimal(80), notice_days=1, unannounced=Notice.REQUIRED), zone="Europe/Berlin")
    march = window(terms, "2026-03")
    work = span("2026-03-29T12:00+02:00", "2026-03-29T13:00+02:00", Category.SM, announced="2026-03-28T12:00+01:00")
    assert "unavailable" not in hours(charged(terms, march, {"A1": [work]}))


def test_work_that_a_failure_interrupts_began_when_it_first_did() -> None:
    terms = _terms(_service(hours=Decimal(80), notice_days=1))
    announced = "2026-01-19T09:00+00:00"  # a day before the second part, not before the first
    line = [
        span("2026-01-20T08:00+00:00", "2026-01-20T08:30+00:00", Category.SM, event_id=7, announced=announced),
        span("2026-01-20T08:30+00:00", "2026-01-20T09:00+00:00", Category.FO),
        span("2026-01-20T09:00+00:00", "2026-01-20T10:00+00:00", Category.SM, event_id=7, announced=announced),
    ]
    assert hours(charged(terms, window(terms), {"A1": line}))["unavailable"] == 2


def test_hours_of_the_day_in_which_no_work_is_allowed_are_local_and_count_as_beyond() -> None:
    """Contract D: not between 05:30 and 08:30 in Berlin; the work runs 04:00 to 09:00 local, 3 h of it forbidden."""
    terms = _terms(_service(hours=Decimal(24), not_between=((330, 510),)), zone="Europe/Berlin")
    work = span("2026-07-07T02:00+00:00", "2026-07-07T07:00+00:00", Category.SM)
    found = hours(charged(terms, window(terms, "2026-07"), {"A1": [work]}))
    assert (found["unavailable"], found["excluded"]) == (3, JANUARY_H - 3)


def test_forbidden_hours_may_run_over_midnight() -> None:
    terms = _terms(_service(not_between=((22 * 60, 6 * 60),)))
    work = span("2026-01-07T20:00+00:00", "2026-01-08T08:00+00:00", Category.SM)
    assert hours(charged(terms, window(terms), {"A1": [work]}))["unavailable"] == 8


def test_work_that_was_never_within_does_not_use_up_the_hours_of_the_year() -> None:
    terms = _terms(_service(hours=Decimal(24), per=Per.YEAR, not_between=((330, 510),)))
    february = window(terms, "2026-02")
    line = [span("2026-02-10T10:00+00:00", "2026-02-11T04:00+00:00", Category.SM)]
    before = [span("2026-01-10T05:30+00:00", "2026-01-10T12:30+00:00", Category.SM)]
    earlier = {"A1": {SERVICE: 7 * HOUR_US}}
    exact = charged(terms, february, {"A1": line}, earlier=earlier, earlier_timelines={"A1": before})
    assert "unavailable" not in hours(exact), "18 h beside the 4 h that were within in January"
    assert hours(charged(terms, february, {"A1": line}, earlier=earlier))["unavailable"] == 1


def test_where_no_intervals_are_known_notice_that_is_required_was_not_given() -> None:
    terms = _terms(_service(notice_days=14, unannounced=Notice.REQUIRED))
    found = charged(terms, window(terms), {"A1": {UP: 734 * HOUR_US, SERVICE: 10 * HOUR_US}})
    assert hours(found) == {"available": 734, "unavailable": 10}
    assert "counted as not announced" in found.notes[0]


def test_the_periods_of_the_contract_are_granted_each_its_own_hours_when_intervals_are_known() -> None:
    """Two months in one window: 100 h in the first and 20 h in the second are 20 h beyond, not none of 160 h."""
    terms = terms_of(replace(BASE, allowances=(_service(hours=Decimal(80)),), min_event_us=1))
    first, second = periods(terms)[:2]
    both = Period(start_us=first.start_us, end_us=second.end_us, full_us=second.end_us - first.start_us, label="")
    line = [
        span("2026-01-05T00:00+00:00", "2026-01-09T04:00+00:00", Category.SM),
        span("2026-02-05T00:00+00:00", "2026-02-05T20:00+00:00", Category.SM),
    ]
    found = charged(terms, Window(period=both, as_of_us=both.end_us), {"A1": line})
    assert hours(found)["unavailable"] == 20
