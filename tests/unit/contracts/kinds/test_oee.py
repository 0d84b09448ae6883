"""OEE from sums: golden cases through the judge, mixed products, hours by quantity or by policy."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.finding import Reason
from shared.contracts.measured import OeeMeasure, Verdict
from shared.contracts.terms import Contract, Kind
from shared.instant import HOUR_US, MINUTE_US
from shared.model.facts import Category, Party
from tests.unit.contracts.kinds.terms_made import POLICY, contract, facts, guarantee, judged, over, window, with_measure


def _contract(*assets: str, **ideal_per_h: int) -> Contract:
    rates = {name.replace("_", "-"): Decimal(rate) for name, rate in ideal_per_h.items()}
    return contract(guarantee(Kind.OEE, OeeMeasure(ideal_per_h=rates), "0.78"), *assets)


@pytest.mark.parametrize(
    ("ideal_per_h", "good", "made", "planned_min", "ran_min", "parts"),
    [
        # golden.json ISO22400-1: PRI .5 min, PBT 450, APT 375; availability, effectiveness, quality ratio, OEE index.
        pytest.param(120, 668, 690, 450, 375, (0.8333333333, 0.92, 0.968115942, 0.7422222222), id="ISO22400-1"),
        # golden.json OEE-1: 60 pieces a minute.
        pytest.param(3600, 18848, 19271, 420, 373, (0.888095238, 0.861081323, 0.97804992, 0.747936508), id="OEE-1"),
        # golden.json OEE-2: a piece a minute; rounded factors would give 79.1 %.
        pytest.param(60, 380, 400, 480, 420, (0.875, 0.952380952, 0.95, 0.7916666667), id="OEE-2"),
    ],
)
def test_golden_shifts_come_out_with_their_parts(
    ideal_per_h: int, good: int, made: int, planned_min: int, ran_min: int, parts: tuple[float, ...]
) -> None:
    terms = _contract(only=ideal_per_h)
    span = window(terms)
    shift = (span.start_us, span.start_us + planned_min * MINUTE_US)
    rows = [
        over(shift, "good_units", good, "1"),
        over(shift, "produced_units", made, "1"),
        replace(over(shift, "planned_busy_h", 1, "h"), value=Decimal(planned_min) / 60),
        over(shift, "operating_h", str(Decimal(ran_min * 1000) / 60000), "h"),
    ]
    found = judged(terms, facts(terms, rows), span)
    named = [found.measures[name] for name in ("availability", "performance", "quality")]
    assert [float(each) for each in (*named, found.value or 0)] == pytest.approx(parts, rel=1e-6)


def test_mixed_products_count_their_own_ideal_time() -> None:
    # Contract C: 120 and 90 a minute.
    terms = _contract(SKU_A=7200, SKU_B=5400)
    span = window(terms)
    rows = [
        over(span, "good_units:SKU-A", 720000, "1"),
        over(span, "good_units:SKU-B", 270000, "1"),
        over(span, "planned_busy_h", 200, "h"),
    ]
    found = judged(terms, facts(terms, rows), span)
    assert (found.numerator, found.denominator, found.value) == (150, 200, Fraction(3, 4))
    assert "performance" not in found.measures


def test_a_product_without_an_ideal_rate_is_not_left_out_silently() -> None:
    terms = _contract(SKU_A=7200)
    span = window(terms)
    rows = [over(span, "good_units:SKU-X", 5, "1"), over(span, "planned_busy_h", 200, "h")]
    found = judged(terms, facts(terms, rows), span)
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert found.notes == ("good_units:SKU-X: no ideal rate is agreed for this product",)


def test_pieces_of_several_products_must_come_by_product() -> None:
    terms = _contract(SKU_A=7200, SKU_B=5400)
    span = window(terms)
    found = judged(terms, facts(terms, [over(span, "good_units", 5, "1"), over(span, "planned_busy_h", 2, "h")]), span)
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert found.notes == ("good_units must come by product: SKU-A, SKU-B",)


def test_each_line_that_lacks_something_is_seen() -> None:
    terms = _contract("A1", "A2", only=100)
    span = window(terms)
    rows = [over(span, "good_units", 5, "1"), over(span, "planned_busy_h", 2, "h", asset="A2")]
    found = judged(terms, facts(terms, rows), span)
    assert found.notes == (
        "good_units (1) is not known in 2026-Q1",
        "planned_busy_h (h) is not known in 2026-Q1",
    )


def test_without_planned_hours_the_policy_says_what_was_planned() -> None:
    terms = with_measure(_contract(only=100), policy=POLICY)
    span = window(terms)
    clock = span.end_us - span.start_us
    durations = {
        "A1": {
            (Category.FP, "running", Party.NOBODY): clock - 459 * HOUR_US,
            (Category.FO, "jam", Party.SUPPLIER): 100 * HOUR_US,
            (Category.FM, "flood", Party.NOBODY): 359 * HOUR_US,
        }
    }
    found = judged(terms, facts(terms, [over(span, "good_units", 90000, "1")], durations=durations), span)
    # 2,159 h of the quarter less 359 h of force majeure.
    assert (found.numerator, found.denominator, found.value) == (900, 1800, Fraction(1, 2))
    assert found.measures["availability"] == Fraction(1700, 1800)


def test_planned_hours_of_other_quarters_are_missing_not_told_by_the_policy() -> None:
    terms = with_measure(_contract(only=100), policy=POLICY)
    span = window(terms)
    rows = [over(span, "good_units", 90000, "1")]
    found = judged(terms, facts(terms, rows, known_names={"planned_busy_h": frozenset({"A1"})}), span)
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert found.notes == ("planned_busy_h (h) is not known in 2026-Q1",)


def test_operating_hours_of_other_quarters_leave_only_the_parts_unknown() -> None:
    terms = with_measure(_contract(only=100), policy=POLICY)
    span = window(terms)
    rows = [over(span, "good_units", 90000, "1")]
    running = {"A1": {(Category.FP, "running", Party.NOBODY): span.end_us - span.start_us}}
    for known, parts in (({}, set[str]()), ({"operating_h": frozenset({"A1"})}, {"operating_h", "availability"})):
        found = judged(terms, facts(terms, rows, durations=running, known_names=known), span)
        assert found.value is not None
        assert {"operating_h", "availability"} - found.measures.keys() == parts


def test_time_deemed_available_is_planned_time() -> None:
    deemed = replace(POLICY, verdicts={**POLICY.verdicts, Category.FM: Verdict.DEEMED_AVAILABLE})
    terms = with_measure(_contract(only=100), policy=deemed)
    span = window(terms)
    durations = {"A1": {(Category.FP, "running", Party.NOBODY): HOUR_US, (Category.FM, "flood", Party.NOBODY): HOUR_US}}
    found = judged(terms, facts(terms, [over(span, "good_units", 100, "1")], durations=durations), span)
    assert found.value == Fraction(1, 2)


def test_no_planned_time_is_not_assessable() -> None:
    terms = _contract(only=100)
    span = window(terms)
    rows = [over(span, "good_units", 0, "1"), over(span, "planned_busy_h", 0, "h")]
    found = judged(terms, facts(terms, rows), span)
    assert (found.value, found.reason) == (None, Reason.NO_DENOMINATOR)


@pytest.mark.parametrize(
    ("given_row", "lacking"),
    [
        ("good_units", "planned_busy_h (h) is not known in 2026-Q1"),
        ("planned_busy_h", "good_units (1) is not known in 2026-Q1"),
    ],
)
def test_what_is_missing_is_named_with_its_unit(given_row: str, lacking: str) -> None:
    terms = _contract(only=100)
    span = window(terms)
    unit = "1" if given_row == "good_units" else "h"
    found = judged(terms, facts(terms, [over(span, given_row, 5, unit)]), span)
    assert (found.value, found.reason, found.notes) == (None, Reason.MISSING_QUANTITY, (lacking,))


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 24)), min_size=1, max_size=6))
def test_lines_and_shifts_add_up_as_sums_never_as_ratios(shifts: list[tuple[int, int]]) -> None:
    terms = _contract("A1", "A2", only=100)
    span = window(terms)
    rows = []
    for number, (good, hours) in enumerate(shifts):
        at = (span.start_us + number * 24 * HOUR_US, span.start_us + (number * 24 + hours) * HOUR_US)
        for asset in ("A1", "A2"):
            rows += [
                over(at, "good_units", good, "1", asset=asset),
                over(at, "planned_busy_h", hours, "h", asset=asset),
            ]
    found = judged(terms, facts(terms, rows), span)
    ideal, planned = Fraction(sum(good for good, _ in shifts), 100), sum(hours for _, hours in shifts)
    assert found.value == ideal / planned
    assert (found.numerator, found.denominator) == (2 * ideal, 2 * planned)
    assert [each.value for each in found.assets] == [found.value, found.value]
