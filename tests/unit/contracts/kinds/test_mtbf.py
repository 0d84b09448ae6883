"""Mean time between failures: what the test proves, over months that roll."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.assess import assess
from shared.contracts.finding import Outcome, Reason
from shared.contracts.kinds.mtbf import window_of
from shared.contracts.measured import MtbfMeasure
from shared.contracts.periods import periods
from shared.contracts.terms import Contract, Kind, PeriodKind
from shared.indicators.reliability import mtbf_limits
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import Category, Party
from shared.model.quantity import Quantity
from tests.unit.contracts.kinds.terms_made import POLICY, contract, facts, guarantee, judged, over, stop, us, window

RELIAB = MtbfMeasure(confidence=Decimal("0.8"), policy=POLICY, months=12)


@pytest.fixture
def terms() -> Contract:
    """Contract D, guarantee RELIAB: 5,000 h, one-sided 80 %, twelve months that roll, pooled."""
    return contract(guarantee(Kind.MTBF, RELIAB, "5000"), "P01", "P02")


def _counted(terms: Contract, hours: int, failures: int) -> list[Quantity]:
    span = window(terms, "2026-Q4")
    return [over(span, "operating_h", hours, "h", asset="P01"), over(span, "failures", failures, "1", asset="P01")]


def test_21300_hours_and_4_failures_prove_neither(terms: Contract) -> None:
    span = window(terms, "2026-Q4")
    found = judged(terms, facts(terms, _counted(terms, 21300, 4)), span)
    # contracts.md 3.2 D: 5,325 h; one-sided 80 %: lower 3,169, upper 9,273.
    assert found.value == 5325
    assert found.interval == pytest.approx((3169, 9273), abs=1)
    assert found.decided == (Outcome.INCONCLUSIVE, Reason.NOT_PROVEN)


@pytest.mark.parametrize(
    ("hours", "failures", "decided"),
    [
        # golden.json MTBF-5: hours that prove 5,000 h at 80 % with 0 to 3 failures.
        pytest.param(8048, 0, (Outcome.MET, Reason.PROVEN_ABOVE), id="no failure proves a lower bound"),
        pytest.param(8047, 0, (Outcome.INCONCLUSIVE, Reason.NOT_PROVEN), id="an hour too little"),
        pytest.param(27576, 3, (Outcome.MET, Reason.PROVEN_ABOVE), id="3 failures in 27,576 h"),
        pytest.param(27575, 3, (Outcome.INCONCLUSIVE, Reason.NOT_PROVEN), id="3 failures in 27,575 h"),
        pytest.param(2000, 4, (Outcome.MISSED, Reason.PROVEN_BELOW), id="4 failures in 2,000 h"),
    ],
)
def test_the_test_decides_at_the_hours_of_the_demonstration_plan(
    terms: Contract, hours: int, failures: int, decided: tuple[Outcome, Reason]
) -> None:
    found = judged(terms, facts(terms, _counted(terms, hours, failures)), window(terms, "2026-Q4"))
    assert found.decided == decided


def test_without_a_failure_there_is_no_mean_but_a_verdict(terms: Contract) -> None:
    result = assess(terms, terms.guarantees[0], facts(terms, _counted(terms, 9000, 0)), window(terms, "2026-Q4"))
    assert (result.value, result.outcome, result.finding.reason) == (None, Outcome.MET, Reason.NO_FAILURES)


def test_timelines_count_running_hours_and_failures_of_all_pumps(terms: Contract) -> None:
    span = window(terms, "2026-Q4")
    start = span.start_us
    running = (Category.FP, "running", Party.NOBODY)
    durations = {
        "P01": {running: 3000 * HOUR_US, (Category.TS, "standby", Party.NOBODY): 900 * HOUR_US},
        "P02": {(Category.PP, "derated", Party.NOBODY): 1000 * HOUR_US},
    }
    timelines = {
        "P01": [stop(start + DAY_US, start + 2 * DAY_US), stop(start + 9 * DAY_US, start + 10 * DAY_US)],
        "P02": [stop(start + 9 * DAY_US, start + 10 * DAY_US)],
    }
    found = judged(terms, facts(terms, durations=durations, timelines=timelines), span)
    assert (found.numerator, found.denominator, found.value) == (4000, 3, Fraction(4000, 3))
    assert found.measures["failures"] == 3


def test_the_window_rolls_twelve_months_and_never_reaches_before_the_term(terms: Contract) -> None:
    promise = terms.guarantees[0]
    each = {period.label: window_of(terms, promise, period) for period in periods(terms)}
    assert each["2026-Q1"].start_us == us("2026-01-01T00:00+01:00")
    assert each["2026-Q4"].start_us == us("2026-01-01T00:00+01:00")
    assert each["2027-Q1"].start_us == us("2026-04-01T00:00+02:00")
    assert each["2027-Q1"].end_us == us("2027-04-01T00:00+02:00")
    assert window_of(terms, promise, each["2027-Q1"]) == each["2027-Q1"]


def test_a_period_before_the_term_is_looked_at_as_it_is(terms: Contract) -> None:
    first = periods(terms)[0]
    before = replace(first, start_us=first.start_us - 90 * DAY_US, end_us=first.start_us)
    assert window_of(terms, terms.guarantees[0], before).start_us == before.start_us


def test_without_months_the_period_is_the_window(terms: Contract) -> None:
    plain = guarantee(Kind.MTBF, replace(RELIAB, months=None), "5000")
    period = periods(terms)[4]
    assert window_of(terms, plain, period) == period


def test_failures_of_the_months_before_count(terms: Contract) -> None:
    span = window(terms, "2026-Q4")
    march = us("2026-03-05T00:00+01:00")
    known = facts(terms, timelines={"P01": [stop(march, march + HOUR_US)]})
    assert judged(terms, known, span).denominator == 1


@pytest.mark.parametrize("role", ["operating_h", "failures"])
def test_counts_of_other_months_are_missing_not_told_by_events(terms: Contract, role: str) -> None:
    span = window(terms, "2026-Q4")
    march = us("2026-03-05T00:00+01:00")
    known = facts(terms, timelines={"P01": [stop(march, march + HOUR_US)]}, known_names={role: frozenset({"P01"})})
    found = judged(terms, known, span)
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert any(note.startswith(f"{role} (") for note in found.notes)


def test_failures_that_others_answer_for_are_left_out_and_said(terms: Contract) -> None:
    march = us("2026-03-05T00:00+01:00")
    outage = replace(stop(march, march + HOUR_US), party=Party.CUSTOMER)
    found = judged(terms, facts(terms, timelines={"P01": [outage]}), window(terms, "2026-Q4"))
    assert found.denominator == 0
    assert found.notes == ("left out: 1 forced outages that the customer or a third party answers for",)


def test_failures_that_come_ever_faster_are_noted(terms: Contract) -> None:
    span = window(terms, "2026-Q4")
    late = [stop(span.end_us - day * DAY_US, span.end_us - day * DAY_US + HOUR_US) for day in (20, 15, 10, 5)]
    durations = {"P01": {(Category.FP, "running", Party.NOBODY): 8000 * HOUR_US}}
    found = judged(terms, facts(terms, durations=durations, timelines={"P01": late}), span)
    assert any("ever more often (Laplace U" in note for note in found.notes)
    spread = [stop(span.end_us - day * DAY_US, span.end_us - day * DAY_US + HOUR_US) for day in (320, 230, 140, 50)]
    calm = judged(terms, facts(terms, durations=durations, timelines={"P01": spread}), span)
    assert not any("Laplace" in note for note in calm.notes)


def test_nothing_known_of_failures_is_missing_not_none(terms: Contract) -> None:
    found = judged(terms, facts(terms), window(terms, "2026-Q4"))
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert found.notes == ("failures (1) is not known in 2026-Q4",)


def test_no_operating_hour_is_not_assessable(terms: Contract) -> None:
    found = judged(terms, facts(terms, _counted(terms, 0, 0)), window(terms, "2026-Q4"))
    assert (found.value, found.reason, found.decided) == (None, Reason.NO_DENOMINATOR, None)


def test_a_count_that_a_rows_share_makes_broken_is_not_used(terms: Contract) -> None:
    span = window(terms, "2026-Q4")
    row = over((span.end_us - HOUR_US, span.end_us + HOUR_US), "failures", 1, "1", asset="P01")
    found = judged(terms, facts(terms, [row]), span)
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)


@given(st.integers(1, 100000), st.integers(0, 30), st.sampled_from(["0.6", "0.8", "0.95"]))
def test_met_and_missed_exclude_each_other_and_more_failures_never_help(hours: int, failures: int, at: str) -> None:
    terms = contract(guarantee(Kind.MTBF, replace(RELIAB, confidence=Decimal(at)), "5000"), "P01")
    span = window(terms, "2026-Q4")
    order = [Outcome.MISSED, Outcome.INCONCLUSIVE, Outcome.MET]
    verdicts = [
        judged(terms, facts(terms, _counted(terms, hours, count)), span).decided for count in (failures, failures + 1)
    ]
    ranks = [order.index(each[0]) for each in verdicts if each is not None]
    assert ranks[1] <= ranks[0]
    lower, upper = mtbf_limits(hours, failures, float(at), two_sided=False)
    assert lower is not None
    assert upper is None or lower < upper


@pytest.mark.parametrize(("unreported", "hours"), [(Category.FP, 2 * 744 - 1), (Category.IU, 0)])
def test_time_that_no_source_speaks_of_is_operating_time_where_the_contract_says_so(
    unreported: Category, hours: int
) -> None:
    """Two pumps in January, a stop of an hour on record and nothing else."""
    monthly = replace(RELIAB, months=None)
    promise = guarantee(Kind.MTBF, monthly, "500")
    terms = contract(promise, "P01", "P02", zone="Etc/UTC", period=PeriodKind.CALENDAR_MONTH)
    span = window(terms)
    down = stop(span.start_us + 5 * HOUR_US, span.start_us + 6 * HOUR_US)
    known = {"P01": {(down.category, down.cause, down.party): HOUR_US}}
    given = facts(terms, durations=known, timelines={"P01": [down], "P02": []})
    found = judged(replace(terms, unreported=unreported), given, span)
    assert (found.measures["operating_h"], found.denominator) == (hours, 1)
