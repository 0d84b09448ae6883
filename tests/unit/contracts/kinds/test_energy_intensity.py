"""Energy intensity: actual against what the formula expects of the drivers."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import formula
from shared.contracts.assess import assess
from shared.contracts.assessment import Outcome
from shared.contracts.facts import Window
from shared.contracts.finding import Reason
from shared.contracts.measured import IntensityMeasure
from shared.contracts.money import BandKind, DeadBand, UnitMoney
from shared.contracts.terms import Contract, Kind, PeriodKind
from shared.instant import HOUR_US
from shared.model.quantity import Quantity
from tests.unit.contracts.kinds.terms_made import contract, facts, guarantee, judged, over, window

SEC = IntensityMeasure(
    expected=formula.parse("(a*hours + b*volume_m3) * (1 + k*(inlet_c - 20))"),
    constants={"a": Decimal("18.0"), "b": Decimal("0.0985"), "k": Decimal("0.001")},
    valid_range={
        "volume_m3_per_h": (Decimal(600), Decimal(2400)),
        "inlet_c": (Decimal(5), Decimal(40)),
    },
)


def _contract(*assets: str) -> Contract:
    """COMP-B (domain/contracts/B_compressor_service.yaml), guarantee SEC."""
    band = DeadBand(kind=BandKind.DEDUCTIBLE, fraction=Decimal("0.02"))
    malus = (UnitMoney(price=Decimal("0.145")),)
    promise = guarantee(Kind.ENERGY_INTENSITY, SEC, "1", dead_band=band, malus=malus)
    return contract(promise, *assets, period=PeriodKind.CALENDAR_MONTH)


@pytest.fixture
def terms() -> Contract:
    return _contract()


def _july(span: Window) -> list[Quantity]:
    """Golden case COMP-B: July 2026 in Berlin, 744 h."""
    return [
        over(span, "volume_m3", 1116000, "m3"),
        over(span, "inlet_c", 26, "degC"),
        over(span, "actual_kwh", 127900, "kWh"),
    ]


def _hourly(span: Window, hour: int, volume: str, inlet: str, actual: str) -> list[Quantity]:
    at = (span.start_us + hour * HOUR_US, span.start_us + (hour + 1) * HOUR_US)
    return [
        over(at, "volume_m3", volume, "m3"),
        over(at, "inlet_c", inlet, "degC"),
        over(at, "actual_kwh", actual, "kWh"),
    ]


def test_july_of_comp_b_is_expected_exactly_and_used_too_much(terms: Contract) -> None:
    span = window(terms, "2026-07")
    found = judged(terms, facts(terms, _july(span)), span)
    # golden.json COMP-B: E_guar and excess.
    assert found.expected == Fraction("124057.908")
    assert found.shortfall == Fraction("3842.092")
    assert found.value == Fraction(127900) / Fraction("124057.908")
    assert (found.numerator, found.denominator, found.sum_unit) == (127900, Fraction("124057.908"), "kWh")
    assert found.measures["expected_kwh"] == Fraction("124057.908")
    assert found.measures["hours"] == 744
    assert found.notes == ()


@pytest.mark.parametrize(("kind", "owed"), [(BandKind.DEDUCTIBLE, "197.34"), (BandKind.FRANCHISE, "557.10")])
def test_july_of_comp_b_costs_what_lies_beyond_the_band(terms: Contract, kind: BandKind, owed: str) -> None:
    promise = terms.guarantees[0]
    agreed = replace(promise, dead_band=DeadBand(kind=kind, fraction=Decimal("0.02")))
    span = window(terms, "2026-07")
    result = assess(terms, agreed, facts(terms, _july(span)), span)
    # contracts.md 3.2 B and golden.json COMP-B: LD_deductible, LD_franchise.
    assert (result.outcome, result.settlement.malus) == (Outcome.MISSED, Decimal(owed))


def test_hourly_drivers_expect_the_same_as_their_month(terms: Contract) -> None:
    span = window(terms, "2026-07")
    hourly = [each for hour in range(744) for each in _hourly(span, hour, "1500", "26", "170")]
    found = judged(terms, facts(terms, hourly), span)
    assert found.expected == Fraction("124057.908")
    assert found.numerator == 744 * 170


def test_hours_outside_the_valid_range_are_left_out_on_both_sides_and_listed(terms: Contract) -> None:
    span = window(terms, "2026-07")
    rows = [
        *_hourly(span, 0, "1500", "26", "170"),
        *_hourly(span, 1, "2500", "26", "999"),
        *_hourly(span, 2, "2500", "26", "999"),
        *_hourly(span, 3, "1500", "41", "999"),
        *_hourly(span, 4, "600", "40", "90"),
    ]
    found = judged(terms, facts(terms, rows), span)
    assert found.numerator == 260
    assert found.measures["hours"] == 2
    listed = [note for note in found.notes if note.startswith("left out")]
    assert listed == [
        "left out, volume_m3_per_h outside 600 to 2400: 2026-07-01T01:00+02:00 to 2026-07-01T03:00+02:00",
        "left out, inlet_c outside 5 to 40: 2026-07-01T03:00+02:00 to 2026-07-01T04:00+02:00",
    ]


def test_energy_in_coarser_steps_counts_its_share_of_time_and_says_so(terms: Contract) -> None:
    span = window(terms, "2026-07")
    drivers = [*_hourly(span, 0, "1500", "26", "0")[:2], *_hourly(span, 1, "1500", "50", "0")[:2]]
    meter = over((span.start_us, span.start_us + 2 * HOUR_US), "actual_kwh", 340, "kWh")
    found = judged(terms, facts(terms, [*drivers, meter]), span)
    assert found.numerator == 170
    assert "actual_kwh comes in coarser steps than what is left out: its share of time counts" in found.notes


def test_a_level_below_one_allows_less() -> None:
    stricter = contract(guarantee(Kind.ENERGY_INTENSITY, SEC, "0.9"), period=PeriodKind.CALENDAR_MONTH)
    span = window(stricter, "2026-07")
    found = judged(stricter, facts(stricter, _july(span)), span)
    allowed = Fraction("124057.908") * 9 / 10
    assert (found.expected, found.shortfall) == (allowed, 127900 - allowed)


def test_hours_without_a_driver_are_no_consumption_either(terms: Contract) -> None:
    span = window(terms, "2026-07")
    rows = [*_hourly(span, 0, "1500", "26", "170"), *_hourly(span, 1, "1500", "26", "170")[1:]]
    found = judged(terms, facts(terms, rows), span)
    assert found.numerator == 170
    assert any("volume_m3 not known" in note for note in found.notes)


def test_without_a_meter_nothing_is_judged_and_its_unit_is_named(terms: Contract) -> None:
    span = window(terms, "2026-07")
    found = judged(terms, facts(terms, _july(span)[:2]), span)
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert found.notes == ("actual_kwh (kWh) is not known in 2026-07",)


def test_nothing_within_the_valid_range_is_not_assessable(terms: Contract) -> None:
    span = window(terms, "2026-07")
    found = judged(terms, facts(terms, _hourly(span, 0, "100", "26", "5")), span)
    assert (found.value, found.reason) == (None, Reason.NO_DENOMINATOR)


def test_two_stations_are_each_expected_alone_and_then_summed() -> None:
    terms = _contract("A1", "A2")
    span = window(terms, "2026-07")
    rows = _july(span) + [replace(row, asset="A2") for row in _july(span)]
    found = judged(terms, facts(terms, rows), span)
    assert found.expected == 2 * Fraction("124057.908")
    assert [(each.asset, each.value) for each in found.assets] == [("A1", found.value), ("A2", found.value)]


@given(st.lists(st.tuples(st.integers(600, 2400), st.integers(5, 40), st.integers(0, 500)), min_size=1, max_size=8))
def test_the_order_of_rows_and_their_number_change_nothing(hours: list[tuple[int, int, int]]) -> None:
    terms = _contract()
    span = window(terms, "2026-07")
    rows = [row for hour, each in enumerate(hours) for row in _hourly(span, hour, *map(str, each))]
    found = judged(terms, facts(terms, rows), span)
    by_hand = sum(
        (18 + Fraction("0.0985") * volume) * (1 + Fraction("0.001") * (inlet - 20)) for volume, inlet, _ in hours
    )
    assert found.expected == by_hand
    assert judged(terms, facts(terms, rows[::-1]), span) == found


def test_rows_of_uneven_edges_give_a_value_of_few_digits_and_lose_nothing(terms: Contract) -> None:
    """Loggers off the full ten minutes by seconds of their own: parts of rows to 12 decimals still add up to them."""
    span = window(terms, "2026-07")
    rows: list[Quantity] = []
    for shift, (name, value, unit) in enumerate((("volume_m3", "101.3", "m3"), ("actual_kwh", "11.7", "kWh")), 1):
        edges = [span.start_us, *(span.start_us + each * 600_000_000 + each * each * shift for each in range(1, 4_464))]
        rows += [over(each, name, value, unit) for each in pairwise([*edges, span.end_us])]
    rows.append(over(span, "inlet_c", "25", "degC"))
    found = judged(terms, facts(terms, rows), span)
    assert found.numerator == 4_464 * Fraction("11.7")
    assert found.value is not None
    assert len(str(found.value.denominator)) < 40
