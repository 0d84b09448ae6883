"""Power curve: energy against the reference curve's, without the time in which the machine could not run."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.finding import Reason
from shared.contracts.measured import PowerCurveMeasure
from shared.contracts.terms import Contract, Kind
from shared.instant import DAY_US, HOUR_US, MINUTE_US
from shared.model.facts import Category, Interval
from shared.model.quantity import Quantity
from tests.unit.contracts.kinds.terms_made import contract, facts, guarantee, judged, over, stop, window

SLOT_US = 10 * MINUTE_US


@pytest.fixture
def terms() -> Contract:
    """Contract A, guarantee PCURVE: .97 of the reference curve."""
    return contract(guarantee(Kind.POWER_CURVE, PowerCurveMeasure(), "0.97"))


def _slots(start_us: int, actual: list[str | None], reference: list[str | None]) -> list[Quantity]:
    rows = []
    for name, values in (("actual_output_mwh", actual), ("reference_mwh", reference)):
        for number, value in enumerate(values):
            at = (start_us + number * SLOT_US, start_us + (number + 1) * SLOT_US)
            rows += [] if value is None else [over(at, name, value, "MWh")]
    return rows


def test_a_period_as_one_row_is_held_against_its_reference(terms: Contract) -> None:
    span = window(terms)
    rows = [over(span, "actual_output_mwh", 4812, "MWh"), over(span, "reference_mwh", 5000, "MWh")]
    found = judged(terms, facts(terms, rows), span)
    assert found.value == Fraction(4812, 5000)
    assert (found.shortfall, found.expected) == (38, 4850)
    assert (found.measures["actual_output_mwh"], found.measures["reference_mwh"]) == (4812, 5000)


def test_only_time_that_both_know_is_compared(terms: Contract) -> None:
    span = window(terms)
    rows = _slots(span.start_us, ["0.3", "0.3", None], ["0.32", None, "0.32"])
    assert judged(terms, facts(terms, rows), span).value == Fraction(30, 32)


def test_rows_that_touch_a_stop_are_left_out_whole_on_both_sides(terms: Contract) -> None:
    span = window(terms)
    rows = _slots(span.start_us, ["0.3", "0.1", "0.0", "0.3"], ["0.3", "0.3", "0.3", "0.3"])
    outage = stop(span.start_us + SLOT_US + 7 * MINUTE_US, span.start_us + 3 * SLOT_US)
    found = judged(terms, facts(terms, rows, timelines={"A1": [outage]}), span)
    assert (found.numerator, found.denominator) == (Fraction(6, 10), Fraction(6, 10))
    assert any("0.33 h of rows in which the machine could not run" in note for note in found.notes)


def _days(start_us: int, actual: list[int], reference: list[int]) -> list[Quantity]:
    return [
        over((start_us + day * DAY_US, start_us + (day + 1) * DAY_US), name, value, "MWh")
        for name, values in (("actual_output_mwh", actual), ("reference_mwh", reference))
        for day, value in enumerate(values)
    ]


def test_days_that_lie_in_a_stop_are_left_out_on_both_sides(terms: Contract) -> None:
    span = window(terms)
    second, third = span.start_us + DAY_US, span.start_us + 2 * DAY_US
    outage = [stop(second, second + HOUR_US), stop(second + HOUR_US, third + 6 * HOUR_US, Category.SM)]
    rows = _days(span.start_us, [13, 1, 10], [14, 14, 14])
    found = judged(terms, facts(terms, rows, timelines={"A1": outage}), span)
    assert (found.numerator, found.denominator) == (23, 28)
    assert [note for note in found.notes if "could not run" in note] == [
        "left out: 24 h of rows in which the machine could not run",
        "rows of more than an hour hold 6 h in which the machine could not run: they count as they are",
    ]


def test_rows_beside_a_stop_are_kept(terms: Contract) -> None:
    span = window(terms)
    rows = _slots(span.start_us, ["0.3", "0.0", "0.3"], ["0.3", "0.3", "0.3"])
    outage = stop(span.start_us + SLOT_US, span.start_us + 2 * SLOT_US)
    assert judged(terms, facts(terms, rows, timelines={"A1": [outage]}), span).denominator == Fraction(6, 10)


@pytest.mark.parametrize("category", [Category.FP, Category.PP, Category.TS, Category.IU])
def test_time_in_which_it_could_run_counts_whatever_it_made(terms: Contract, category: Category) -> None:
    span = window(terms)
    rows = _slots(span.start_us, ["0.3", "0.1"], ["0.3", "0.3"])
    slow = stop(span.start_us + SLOT_US, span.start_us + 2 * SLOT_US, category)
    found = judged(terms, facts(terms, rows, timelines={"A1": [slow]}), span)
    assert found.value == Fraction(4, 6)


def test_a_curve_of_nothing_is_not_assessable(terms: Contract) -> None:
    span = window(terms)
    found = judged(terms, facts(terms, _slots(span.start_us, ["0"], ["0"])), span)
    assert (found.value, found.reason) == (None, Reason.NO_DENOMINATOR)


def test_without_the_reference_nothing_is_judged(terms: Contract) -> None:
    span = window(terms)
    found = judged(terms, facts(terms, [over(span, "actual_output_mwh", 1, "MWh")]), span)
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert found.notes == ("reference_mwh (MWh) is not known in 2026-Q1",)


def test_turbines_add_up_as_energy() -> None:
    terms = contract(guarantee(Kind.POWER_CURVE, PowerCurveMeasure(), "0.97"), "T1", "T2")
    span = window(terms)
    rows = [
        over(span, name, value, "MWh", asset=asset)
        for asset, actual in (("T1", 90), ("T2", 300))
        for name, value in (("actual_output_mwh", actual), ("reference_mwh", 100 if asset == "T1" else 300))
    ]
    found = judged(terms, facts(terms, rows), span)
    assert found.value == Fraction(390, 400)
    assert [(each.asset, each.value) for each in found.assets] == [("T1", Fraction(9, 10)), ("T2", 1)]


@given(st.lists(st.tuples(st.decimals("0", "1", places=3), st.decimals("0.1", "1", places=3)), min_size=1, max_size=9))
def test_ten_minute_rows_give_what_their_sum_does(slots: list[tuple[Decimal, Decimal]]) -> None:
    terms = contract(guarantee(Kind.POWER_CURVE, PowerCurveMeasure(), "0.97"))
    span = window(terms)
    rows = _slots(span.start_us, [str(actual) for actual, _ in slots], [str(reference) for _, reference in slots])
    sums = [sum((Fraction(each[side]) for each in slots), Fraction(0)) for side in (0, 1)]
    found = judged(terms, facts(terms, rows[::-1]), span)
    assert (found.numerator, found.denominator) == tuple(sums)


class _Counted(Mapping[str, Sequence[Interval]]):
    """Timelines that remember whose was asked for."""

    def __init__(self, timelines: Mapping[str, Sequence[Interval]]) -> None:
        self.timelines, self.asked = timelines, list[str]()

    def __getitem__(self, asset: str) -> Sequence[Interval]:
        self.asked.append(asset)
        return self.timelines[asset]

    def __iter__(self) -> Iterator[str]:
        return iter(self.timelines)

    def __len__(self) -> int:
        return len(self.timelines)


def test_a_turbine_costs_the_same_however_many_there_are() -> None:
    """Only its own rows and its own stops are looked at."""
    names = [f"T{number}" for number in range(30)]
    terms = contract(guarantee(Kind.POWER_CURVE, PowerCurveMeasure(), "0.97"), *names)
    span = window(terms)
    rows = [
        over((span.start_us, span.start_us + HOUR_US), role, 1, "MWh", asset=name)
        for name in names
        for role in ("reference_mwh", "actual_output_mwh")
    ]
    timelines = _Counted({name: [stop(span.start_us + HOUR_US, span.end_us)] for name in names})
    found = judged(terms, facts(terms, rows, timelines=timelines), span)
    assert (found.value, found.denominator) == (1, 30)
    assert sorted(timelines.asked) == sorted([*names, *names])
