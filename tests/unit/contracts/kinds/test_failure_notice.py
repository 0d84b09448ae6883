"""Failure notice: failures announced in time, the quota, false alarms, and vibration zone D."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.assess import assess
from shared.contracts.finding import Outcome, Reason
from shared.contracts.measured import NoticeMeasure
from shared.contracts.money import CountMoney
from shared.contracts.terms import Contract, Kind
from shared.instant import DAY_US, HOUR_US, MINUTE_US
from shared.model.facts import Interval, Party
from shared.model.quantity import Quantity
from tests.unit.contracts.kinds.terms_made import (
    POLICY,
    contract,
    facts,
    guarantee,
    judged,
    over,
    stop,
    us,
    window,
    with_measure,
)

NOTICE = NoticeMeasure(days=14, policy=POLICY)


@pytest.fixture
def terms() -> Contract:
    """Contract D, guarantee NOTICE: .70 of failures announced 14 days ahead, 800 for each beyond the quota."""
    return contract(guarantee(Kind.FAILURE_NOTICE, NOTICE, "0.70", malus=(CountMoney(amount=Decimal(800)),)))


def _failure(terms: Contract, day: float, ahead_days: float | None) -> Interval:
    start = window(terms).start_us + int(day * DAY_US)
    told = None if ahead_days is None else start - int(ahead_days * DAY_US)
    return stop(start, start + HOUR_US, announced_us=told)


def _counts(terms: Contract, failures: int, announced: int) -> list[Quantity]:
    span = window(terms)
    return [over(span, "failures", failures, "1"), over(span, "failures_with_notice", announced, "1")]


@pytest.mark.parametrize("by", ["timeline", "quantities"])
def test_eight_failures_five_in_time_are_one_beyond_the_quota(terms: Contract, by: str) -> None:
    timeline = [_failure(terms, 20 + 2 * n, 14 if n < 5 else 13) for n in range(8)]
    known = facts(terms, timelines={"A1": timeline}) if by == "timeline" else facts(terms, _counts(terms, 8, 5))
    result = assess(terms, terms.guarantees[0], known, window(terms))
    # contracts.md 3.2 D: .625 < .70; 3 unannounced - floor(.3 x 8) = 1 x 800.
    assert (result.value, result.outcome, result.finding.breaches) == (Fraction(5, 8), Outcome.MISSED, 1)
    assert result.settlement.malus == Decimal("800.00")


def test_late_and_missing_announcements_are_named(terms: Contract) -> None:
    timeline = [_failure(terms, 20, 13.5), _failure(terms, 30, None), _failure(terms, 40, -1)]
    found = judged(terms, facts(terms, timelines={"A1": timeline}), window(terms))
    assert (found.value, found.denominator) == (0, 3)
    assert found.notes == (
        "A1 failed 2026-01-21T00:00+01:00: announced 13.5 days ahead, 14 are asked for",
        "A1 failed 2026-01-31T00:00+01:00: no announcement on record",
        "A1 failed 2026-02-10T00:00+01:00: announced -1 days ahead, 14 are asked for",
    )


def test_days_of_notice_are_calendar_days_across_the_clocks_change(terms: Contract) -> None:
    start = us("2026-04-05T12:00+02:00")
    known = facts(terms, timelines={"A1": [stop(start, start + HOUR_US, announced_us=us("2026-03-22T12:00+01:00"))]})
    assert judged(terms, known, window(terms, "2026-Q2")).value == 1


def test_no_failure_is_no_breach_and_no_money(terms: Contract) -> None:
    known = facts(terms, timelines={"A1": []}, durations={"A1": {}})
    result = assess(terms, terms.guarantees[0], known, window(terms))
    assert (result.outcome, result.reason) == (Outcome.NOT_ASSESSABLE, Reason.NO_FAILURES)
    assert result.settlement.malus == Decimal("0.00")


def test_no_timeline_and_no_counts_are_missing(terms: Contract) -> None:
    found = judged(terms, facts(terms), window(terms))
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert "failures (1) is not known in 2026-Q1" in found.notes


def test_failures_without_a_word_on_notice_are_missing_it_not_unannounced(terms: Contract) -> None:
    """PUMP-D: `failures` is delivered for RELIAB; nothing tells of notice."""
    span = window(terms)
    rows = [over(span, "failures", 4, "1")]
    result = assess(terms, terms.guarantees[0], facts(terms, rows, timelines={"A1": [_failure(terms, 20, None)]}), span)
    assert (result.value, result.reason, result.settlement.malus) == (None, Reason.MISSING_QUANTITY, None)
    assert "failures_with_notice (1) is not known in 2026-Q1" in result.finding.notes


def test_failures_without_a_word_on_notice_go_by_events_that_tell_of_it(terms: Contract) -> None:
    timeline = [_failure(terms, 20, 14), _failure(terms, 30, None)]
    known = facts(terms, [over(window(terms), "failures", 4, "1")], timelines={"A1": timeline})
    found = judged(terms, known, window(terms))
    assert (found.value, found.denominator) == (Fraction(1, 2), 2)
    assert "failures_with_notice (1) is not known: failures and notice go by events" in found.notes


def test_of_no_failure_nobody_needs_notice(terms: Contract) -> None:
    found = judged(terms, facts(terms, [over(window(terms), "failures", 0, "1")]), window(terms))
    assert (found.value, found.reason) == (None, Reason.NO_FAILURES)


@pytest.mark.parametrize("role", ["failures", "failures_with_notice"])
def test_counts_of_other_quarters_are_missing_in_one_without(terms: Contract, role: str) -> None:
    timelines = {"A1": [_failure(terms, 20, None)]}
    known = facts(terms, timelines=timelines, known_names={role: frozenset({"A1"})})
    found = judged(terms, known, window(terms))
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert f"{role} (1) is not known in 2026-Q1" in found.notes


def test_a_failure_that_the_customer_answers_for_is_not_charged(terms: Contract) -> None:
    timeline = [replace(_failure(terms, 20, None), party=Party.CUSTOMER), _failure(terms, 30, 14)]
    found = judged(terms, facts(terms, timelines={"A1": timeline}), window(terms))
    assert (found.value, found.denominator, found.breaches) == (1, 1, 0)
    assert found.notes == ("left out: 1 forced outages that the customer or a third party answers for",)


def test_more_announced_than_failed_cannot_be(terms: Contract) -> None:
    found = judged(terms, facts(terms, _counts(terms, 3, 4)), window(terms))
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert found.notes[0] == "4 failures with notice of 3 failures"


@pytest.mark.parametrize(("made", "is_missed"), [(10, False), (11, True)])
def test_too_many_false_announcements_miss_whatever_the_share(terms: Contract, made: int, is_missed: bool) -> None:
    limited = with_measure(terms, max_false_share=Decimal("0.2"))
    rows = [*_counts(limited, 8, 8), over(window(limited), "announcements", made, "1")]
    result = assess(limited, limited.guarantees[0], facts(limited, rows), window(limited))
    assert (result.outcome is Outcome.MISSED) == is_missed
    assert result.settlement.malus == Decimal("0.00")


@pytest.mark.parametrize(("false", "is_missed"), [(0, False), (2, False), (3, True)])
def test_only_what_proved_wrong_is_false_and_not_what_came_too_late_or_of_a_failure_that_does_not_count(
    terms: Contract, false: int, is_missed: bool
) -> None:
    limited = with_measure(terms, max_false_share=Decimal("0.2"))
    span = window(limited)
    rows = [
        *_counts(limited, 8, 6),
        over(span, "announcements", 10, "1"),
        over(span, "false_announcements", false, "1"),
    ]
    result = assess(limited, limited.guarantees[0], facts(limited, rows), span)
    assert (result.outcome is Outcome.MISSED) == is_missed
    said = f"{false} of 10 announcements were false, 0.2 is the limit"
    assert (said in result.finding.notes) == is_missed


def test_false_announcements_of_other_quarters_are_missing_in_one_without(terms: Contract) -> None:
    limited = with_measure(terms, max_false_share=Decimal("0.2"))
    rows = [*_counts(limited, 8, 6), over(window(limited), "announcements", 10, "1")]
    known = facts(limited, rows, known_names={"false_announcements": frozenset({"A1"})})
    found = judged(limited, known, window(limited))
    assert found.decided is None
    assert found.notes == ("false_announcements (1) is not known: the limit on false ones is not looked at",)


def test_more_false_announcements_than_announcements_cannot_be(terms: Contract) -> None:
    limited = with_measure(terms, max_false_share=Decimal("0.2"))
    span = window(limited)
    rows = [*_counts(limited, 8, 8), over(span, "announcements", 1, "1"), over(span, "false_announcements", 2, "1")]
    found = judged(limited, facts(limited, rows), span)
    assert found.decided is None
    assert found.notes == ("2 false announcements of 1: the limit on them is not looked at",)


def _vibrations(terms: Contract, *values: str) -> list[Quantity]:
    start = window(terms).start_us
    step = 30 * MINUTE_US
    spans = [(start + n * step, start + (n + 1) * step) for n in range(len(values))]
    return [over(span, "vibration_mm_s", value, "mm/s") for span, value in zip(spans, values, strict=True)]


@pytest.mark.parametrize(
    ("values", "is_missed"),
    [
        pytest.param(["4.6"] * 4, False, id="exactly two hours"),
        pytest.param(["4.6"] * 5, True, id="half an hour more"),
        pytest.param(["4.6"] * 4 + ["4.5"] + ["9"] * 4, False, id="4.5 is still zone C, and breaks the run"),
    ],
)
def test_running_in_zone_d_is_limited(terms: Contract, values: list[str], is_missed: bool) -> None:
    # Contract D: ISO 20816-3 group 2, rigid: zone D above 4.5 mm/s; no longer than 2 h.
    limited = with_measure(terms, vibration_group=2, vibration_support="rigid", zone_d_max_us=2 * HOUR_US)
    known = facts(limited, [*_counts(limited, 8, 8), *_vibrations(limited, *values)])
    result = assess(limited, limited.guarantees[0], known, window(limited))
    assert (result.outcome is Outcome.MISSED) == is_missed
    assert any("2.5 h in vibration zone D" in note for note in result.finding.notes) == is_missed


def test_a_limit_that_nothing_is_known_for_is_said(terms: Contract) -> None:
    limited = with_measure(
        terms,
        max_false_share=Decimal("0.2"),
        vibration_group=2,
        vibration_support="rigid",
        zone_d_max_us=2 * HOUR_US,
    )
    found = judged(limited, facts(limited, _counts(limited, 8, 8)), window(limited))
    assert found.decided is None
    assert found.notes == (
        "announcements (1) is not known: the limit on false ones is not looked at",
        "vibration_mm_s is not known: the limit on zone D is not looked at",
    )


@given(st.integers(1, 60), st.data(), st.decimals("0", "1", places=2))
def test_breaches_are_what_the_quota_lacks_and_none_when_it_is_met(
    total: int, data: st.DataObject, level: Decimal
) -> None:
    announced = data.draw(st.integers(0, total))
    terms = contract(guarantee(Kind.FAILURE_NOTICE, NOTICE, str(level)))
    found = judged(terms, facts(terms, _counts(terms, total, announced)), window(terms))
    assert found.value is not None
    assert found.breaches is not None
    assert (found.breaches > 0) == (found.value < Fraction(level))
