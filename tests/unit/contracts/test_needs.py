"""Which facts bear on a guarantee and period."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shared.contracts.measured import Allowance, MtbfMeasure, Per, Policy, Verdict
from shared.contracts.needs import LEAD_US, Needs, needs_of, reach_us
from shared.contracts.periods import Period, periods
from shared.contracts.terms import Contract, Kind, PeriodKind
from shared.model.facts import Category
from tests.unit.contracts.charged_time import terms_of
from tests.unit.contracts.kinds.terms_made import POLICY, contract, guarantee, us


def _yearly(*, rolls: bool = False, notice_days: int | None = None) -> Policy:
    allowance = Allowance(
        category=Category.SM, hours=Decimal(24), per=Per.YEAR, rolls=rolls, notice_days=notice_days,
        within=Verdict.EXCLUDED, beyond=Verdict.UNAVAILABLE,
    )  # fmt: skip
    return replace(POLICY, allowances=(allowance,))


def _month(terms: Contract, label: str) -> Period:
    return next(each for each in periods(terms) if each.label == label)


def _needs(terms: Contract, period: Period) -> Needs:
    return needs_of(terms, terms.guarantees[0], period, period.end_us)


@pytest.mark.parametrize(
    ("policy", "since"),
    [
        pytest.param(POLICY, "2027-03-01", id="sums of the period"),
        pytest.param(_yearly(), "2027-01-01", id="what the settlement year has used of an allowance"),
        pytest.param(_yearly(rolls=True), "2026-01-01", id="what the year before left of it"),
    ],
)
def test_a_period_reaches_back_as_far_as_its_allowances_do(policy: Policy, since: str) -> None:
    terms = terms_of(policy)
    march = _month(terms, "2027-03")
    assert reach_us(terms, march) == us(f"{since}T00:00+00:00")
    assert reach_us(terms, march) == _needs(terms, march).reach_us


def test_intervals_reach_back_to_where_a_stop_may_have_begun() -> None:
    terms = terms_of(_yearly(notice_days=5))
    january, march = _month(terms, "2027-01"), _month(terms, "2027-03")
    assert reach_us(terms, january) == january.start_us - LEAD_US
    assert reach_us(terms, march) == january.start_us
    assert (_needs(terms, january).has_earlier, _needs(terms, march).has_earlier) == (False, True)


def test_the_year_that_a_term_begins_in_begins_with_it() -> None:
    terms = terms_of(_yearly(rolls=True), start=date(2026, 3, 1))
    april = _month(terms, "2026-04")
    assert _needs(terms, april).year_us == us("2026-03-01T00:00+00:00")
    assert _needs(terms, april).last_year_us == us("2026-01-01T00:00+00:00")


def test_a_test_that_rolls_looks_at_the_months_before() -> None:
    promise = guarantee(Kind.MTBF, MtbfMeasure(confidence=Decimal("0.8"), policy=POLICY, months=12), "5000")
    terms = contract(promise, zone="Etc/UTC", period=PeriodKind.CALENDAR_MONTH)
    june = _month(terms, "2027-06")
    assert _needs(terms, june).start_us == us("2026-07-01T00:00+00:00")
    assert reach_us(terms, june) == us("2026-07-01T00:00+00:00") - LEAD_US


def test_a_running_period_is_looked_at_as_far_as_it_has_come() -> None:
    terms = terms_of()
    march = _month(terms, "2027-03")
    found = needs_of(terms, terms.guarantees[0], march, march.start_us + 1)
    assert (found.start_us, found.until_us, found.intervals) == (march.start_us, march.start_us + 1, False)
