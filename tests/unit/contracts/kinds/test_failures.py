"""Failures in timelines: what is one, when it begins, and when two are the same."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import condition
from shared.contracts.kinds.failures import failures
from shared.contracts.measured import MtbfMeasure, Override, Policy, Verdict
from shared.contracts.terms import Contract, Kind
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval, Party
from tests.unit.contracts.kinds.terms_made import POLICY, contract, facts, guarantee, stop, window


@pytest.fixture
def terms() -> Contract:
    return contract(guarantee(Kind.MTBF, MtbfMeasure(confidence=Decimal("0.8"), policy=POLICY), "5000"))


def _h(terms: Contract, first: float, last: float, category: Category = Category.FO, **parts: object) -> Interval:
    start = window(terms).start_us
    return replace(stop(start + int(first * HOUR_US), start + int(last * HOUR_US), category), **parts)  # pyright: ignore[reportArgumentType]


def _starts(terms: Contract, *timeline: Interval, same_h: int = 0, policy: Policy = POLICY) -> list[float]:
    span = window(terms)
    known = facts(terms, timelines={"A1": timeline})
    found = failures(terms, policy, known, span, same_h * HOUR_US)
    return [(each.start_us - span.start_us) / HOUR_US for each in found.own]


def test_an_unbroken_stop_of_several_causes_is_one_failure(terms: Contract) -> None:
    outage = [_h(terms, 10, 12), _h(terms, 12, 20, Category.PCA), _h(terms, 20, 21, cause="gearbox")]
    assert _starts(terms, *outage, _h(terms, 21, 30, Category.FP), _h(terms, 30, 31)) == [10, 30]


def test_planned_work_alone_is_no_failure_and_the_stop_before_one_belongs_to_it(terms: Contract) -> None:
    work = [_h(terms, 10, 12, Category.SM), _h(terms, 20, 22, Category.PCA), _h(terms, 22, 23)]
    assert _starts(terms, *work) == [20]


def test_an_outage_that_the_contract_does_not_charge_is_no_failure(terms: Contract) -> None:
    grid = Override(when=condition.parse("cause == 'grid'"), verdict=Verdict.EXCLUDED)
    stops = [_h(terms, 10, 12, cause="grid"), _h(terms, 20, 22)]
    assert _starts(terms, *stops, policy=replace(POLICY, overrides=(grid,))) == [20]


@pytest.mark.parametrize(
    ("party", "is_failure"),
    [(Party.CUSTOMER, False), (Party.THIRD_PARTY, False)]
    + [(party, True) for party in (Party.SUPPLIER, Party.NOBODY, Party.DISPUTED, Party.UNKNOWN)],
)
def test_an_outage_that_others_answer_for_is_no_failure_of_the_machine(
    terms: Contract, party: Party, is_failure: bool
) -> None:
    """EN 13306: externally disabled is not down."""
    known = facts(terms, timelines={"A1": [_h(terms, 10, 12, party=party), _h(terms, 20, 22)]})
    found = failures(terms, POLICY, known, window(terms))
    assert (len(found.own), found.external, bool(found.notes)) == (1 + is_failure, 1 - is_failure, not is_failure)


def test_a_stop_that_begins_with_others_outage_and_goes_on_with_its_own_is_a_failure(terms: Contract) -> None:
    assert _starts(terms, _h(terms, 10, 12, party=Party.CUSTOMER), _h(terms, 12, 14)) == [10]


def test_an_outage_that_others_answer_for_does_not_make_two_failures_one(terms: Contract) -> None:
    stops = [_h(terms, 5, 10), _h(terms, 20, 21, party=Party.CUSTOMER), _h(terms, 30, 31)]
    assert _starts(terms, *stops, same_h=15) == [5, 30]


def test_outages_of_others_before_the_window_are_not_counted(terms: Contract) -> None:
    known = facts(terms, timelines={"A1": [_h(terms, -3, 2, party=Party.CUSTOMER)]})
    assert failures(terms, POLICY, known, window(terms)).external == 0


def test_a_stop_too_short_for_the_contract_is_no_failure(terms: Contract) -> None:
    assert _starts(terms, _h(terms, 10, 10.5), policy=replace(POLICY, min_event_us=HOUR_US)) == []


@pytest.mark.parametrize(("same_h", "starts"), [(0, [5, 34]), (23, [5, 34]), (24, [5])])
def test_a_failure_soon_after_the_repair_is_the_same(terms: Contract, same_h: int, starts: list[float]) -> None:
    assert _starts(terms, _h(terms, 5, 10), _h(terms, 34, 35), same_h=same_h) == starts


def test_what_began_before_the_window_belongs_to_the_time_before(terms: Contract) -> None:
    assert _starts(terms, _h(terms, -3, 2), _h(terms, 5, 6)) == [5]


def test_nothing_after_the_running_window_is_seen(terms: Contract) -> None:
    running = window(terms, as_of_us=window(terms).start_us + 8 * HOUR_US)
    known = facts(terms, timelines={"A1": [_h(terms, 5, 20), _h(terms, 30, 31)]})
    assert [each.end_us for each in failures(terms, POLICY, known, running).own] == [running.until_us]


@given(st.sets(st.integers(0, 300), max_size=20), st.integers(0, 50))
def test_joining_never_adds_failures_and_no_join_counts_every_run(hours: set[int], same_h: int) -> None:
    terms = contract(guarantee(Kind.MTBF, MtbfMeasure(confidence=Decimal("0.8"), policy=POLICY), "5000"))
    timeline = [_h(terms, hour, hour + 1) for hour in sorted(hours)]
    runs = [hour for hour in sorted(hours) if hour - 1 not in hours]
    assert _starts(terms, *timeline) == runs
    joined = _starts(terms, *timeline, same_h=same_h)
    assert set(joined) <= set(runs)
    assert bool(joined) == bool(runs)
