"""Output: good pieces for each required hour, and how many pieces are missing."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.finding import Reason
from shared.contracts.levels import RampUp
from shared.contracts.measured import OutputMeasure
from shared.contracts.terms import Contract, Kind
from shared.instant import HOUR_US
from shared.model.facts import Category, Party
from tests.unit.contracts.kinds.terms_made import POLICY, contract, facts, guarantee, judged, over, window, with_measure


@pytest.fixture
def terms() -> Contract:
    """Contract C, guarantee OUTPUT: 6,000 good units for each required hour; the ramp-up is looked at apart."""
    return contract(guarantee(Kind.OUTPUT, OutputMeasure(), "6000"))


def test_what_is_missing_is_counted_in_pieces(terms: Contract) -> None:
    span = window(terms)
    rows = [over(span, "good_units", 7100000, "1"), over(span, "required_h", 1200, "h")]
    found = judged(terms, facts(terms, rows), span)
    assert found.value == Fraction(71000, 12)
    assert (found.shortfall, found.expected) == (100000, 7200000)
    assert (found.unit, found.sum_unit) == ("1/h", "pieces")
    assert (found.measures["good_units"], found.measures["required_h"]) == (7100000, 1200)


def test_the_level_of_the_ramp_up_asks_for_less() -> None:
    ramp_up = RampUp(first_days=90, factor=Decimal("0.85"))
    terms = contract(guarantee(Kind.OUTPUT, OutputMeasure(), "6000", ramp_up=ramp_up))
    span = window(terms)
    rows = [over(span, "good_units", 5100, "1"), over(span, "required_h", 1, "h")]
    found = judged(terms, facts(terms, rows), span)
    assert (found.shortfall, found.expected) == (0, 5100)


def test_products_add_up_and_planned_busy_hours_stand_in(terms: Contract) -> None:
    span = window(terms)
    rows = [
        over(span, "good_units:SKU-A", 5000, "1"),
        over(span, "good_units:SKU-B", 2000, "1"),
        over(span, "good_units", 9999, "1"),
        over(span, "planned_busy_h", 1, "h"),
    ]
    assert judged(terms, facts(terms, rows), span).value == 7000


def test_hours_by_policy_leave_out_what_is_excluded(terms: Contract) -> None:
    ruled = with_measure(terms, policy=POLICY)
    span = window(ruled)
    durations = {
        "A1": {
            (Category.FP, "running", Party.NOBODY): 90 * HOUR_US,
            (Category.SM, "service", Party.SUPPLIER): 10 * HOUR_US,
        }
    }
    found = judged(ruled, facts(ruled, [over(span, "good_units", 500000, "1")], durations=durations), span)
    # What nobody knows of the clock is excluded by this policy.
    assert (found.denominator, found.value) == (100, 5000)


@pytest.mark.parametrize("role", ["required_h", "planned_busy_h"])
def test_hours_that_are_delivered_of_other_quarters_are_missing_not_told_by_the_clock(
    terms: Contract, role: str
) -> None:
    ruled = with_measure(terms, policy=POLICY)
    rows = [over(window(ruled), "good_units", 1, "1")]
    found = judged(ruled, facts(ruled, rows, known_names={role: frozenset({"A1"})}), window(ruled))
    assert (found.reason, found.notes) == (Reason.MISSING_QUANTITY, (f"{role} (h) is not known in 2026-Q1",))


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (["good_units"], "required_h (h) is not known in 2026-Q1"),
        (["required_h"], "good_units (1) is not known in 2026-Q1"),
    ],
)
def test_without_pieces_or_hours_nothing_is_judged(terms: Contract, rows: list[str], note: str) -> None:
    span = window(terms)
    known = facts(terms, [over(span, name, 1, "1" if name == "good_units" else "h") for name in rows])
    found = judged(terms, known, span)
    assert (found.value, found.reason, found.notes) == (None, Reason.MISSING_QUANTITY, (note,))


def test_no_required_hour_is_not_assessable(terms: Contract) -> None:
    span = window(terms)
    found = judged(terms, facts(terms, [over(span, "good_units", 0, "1"), over(span, "required_h", 0, "h")]), span)
    assert (found.value, found.reason, found.shortfall) == (None, Reason.NO_DENOMINATOR, 0)


@given(st.integers(0, 10**7), st.integers(1, 2000))
def test_pieces_are_missing_exactly_when_the_value_is_below_the_level(good: int, hours: int) -> None:
    terms = contract(guarantee(Kind.OUTPUT, OutputMeasure(), "6000"))
    span = window(terms)
    found = judged(
        terms, facts(terms, [over(span, "good_units", good, "1"), over(span, "required_h", hours, "h")]), span
    )
    assert found.value is not None
    assert found.shortfall is not None
    assert (found.shortfall > 0) == (found.value < 6000)
