"""Amounts of measured quantities in a window: sums, means, stretches, and what makes rows unusable."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import formula
from shared.contracts.facts import Window
from shared.contracts.kinds.amounts import formula_quantities, products, read, stretches, unit_of
from shared.contracts.measured import OutputMeasure
from shared.contracts.money import FormulaMoney
from shared.contracts.terms import Contract, Kind
from shared.instant import HOUR_US
from shared.model.quantity import Quantity
from tests.unit.contracts.kinds.terms_made import contract, facts, guarantee, over, window

OUTPUT = guarantee(Kind.OUTPUT, OutputMeasure(), "1")


@pytest.fixture
def terms() -> Contract:
    return contract(OUTPUT)


def _hours(span: Window, first: int, last: int) -> tuple[int, int]:
    return span.start_us + first * HOUR_US, span.start_us + last * HOUR_US


def test_energy_adds_up_and_temperature_is_a_mean_by_time(terms: Contract) -> None:
    span = window(terms)
    known = facts(
        terms,
        [
            over(_hours(span, 0, 1), "actual_kwh", "10.5", "kWh"),
            over(_hours(span, 1, 4), "actual_kwh", "30", "kWh"),
            over(_hours(span, 0, 1), "inlet_c", 20, "degC"),
            over(_hours(span, 1, 4), "inlet_c", 28, "degC"),
        ],
    )
    assert read(OUTPUT, known, span, "actual_kwh").value == Fraction(81, 2)
    assert read(OUTPUT, known, span, "inlet_c").value == 26


def test_a_row_over_the_edge_counts_its_share_of_time_and_a_mean_its_value(terms: Contract) -> None:
    span = window(terms)
    edge = (span.start_us - 3 * HOUR_US, span.start_us + HOUR_US)
    known = facts(terms, [over(edge, "actual_kwh", 8, "kWh"), over(edge, "inlet_c", 8, "degC")])
    energy = read(OUTPUT, known, span, "actual_kwh")
    assert energy.value == 2
    assert "over the window's edge" in energy.notes[0]
    assert read(OUTPUT, known, span, "inlet_c").value == 8


def test_nothing_after_the_running_window_counts(terms: Contract) -> None:
    whole = window(terms)
    running = window(terms, as_of_us=whole.start_us + 2 * HOUR_US)
    known = facts(terms, [over(_hours(whole, n, n + 1), "actual_kwh", 1, "kWh") for n in range(4)])
    assert read(OUTPUT, known, running, "actual_kwh").value == 2


def test_what_is_called_otherwise_is_found_by_the_contracts_name(terms: Contract) -> None:
    span = window(terms)
    named = replace(OUTPUT, quantities={"actual_kwh": "meter_7", "good_units": "packs"})
    known = facts(terms, [over(span, "meter_7", 5, "kWh"), over(span, "packs:SKU-A", 7, "1")])
    assert read(named, known, span, "actual_kwh").value == 5
    assert products(named, known, "good_units") == ("good_units:SKU-A",)
    assert read(named, known, span, "good_units:SKU-A").value == 7


def test_rows_of_the_contracts_assets_go_before_those_of_parts_and_meters(terms: Contract) -> None:
    span = window(terms)
    part = over(span, "good_units", 3, "1", asset="A1/filler")
    assert read(OUTPUT, facts(terms, [part]), span, "good_units").value == 3
    both = [part, over(span, "good_units", 2, "1")]
    assert read(OUTPUT, facts(terms, both), span, "good_units").value == 2


def test_a_row_in_another_unit_is_not_added_up(terms: Contract) -> None:
    span = window(terms)
    series = read(OUTPUT, facts(terms, [over(span, "actual_mwh", 5000, "kWh")]), span, "actual_mwh")
    assert series.value is None
    assert series.notes == ("actual_mwh is in kWh, MWh is expected: not used",)


@pytest.mark.parametrize(
    ("role", "unit"), [("inlet_c", "Cel"), ("header_pressure_bar_g", "bar(g)"), ("volume_m3", "m³")]
)
def test_other_spellings_of_the_same_unit_are_welcome(terms: Contract, role: str, unit: str) -> None:
    span = window(terms)
    assert read(OUTPUT, facts(terms, [over(span, role, 5, unit)]), span, role).value == 5


def test_rows_that_overlap_are_never_counted_twice(terms: Contract) -> None:
    span = window(terms)
    month, hour = over(span, "actual_kwh", 100, "kWh"), over(_hours(span, 3, 4), "actual_kwh", 1, "kWh")
    series = read(OUTPUT, facts(terms, [month, hour]), span, "actual_kwh")
    assert series.value is None
    assert "overlap" in series.notes[0]


def test_an_exact_repeat_counts_once(terms: Contract) -> None:
    span = window(terms)
    row = over(span, "actual_kwh", 100, "kWh")
    assert read(OUTPUT, facts(terms, [row, row]), span, "actual_kwh").value == 100


def test_missing_time_of_a_meter_is_noted_and_of_counts_it_is_not(terms: Contract) -> None:
    span = window(terms)
    known = facts(
        terms, [over(_hours(span, 0, 10), name, 1, unit_of(name) or "") for name in ("actual_kwh", "failures")]
    )
    assert read(OUTPUT, known, span, "actual_kwh").notes == ("actual_kwh is known for 10 of 2159 h",)
    assert read(OUTPUT, known, span, "failures").notes == ()


def test_money_formulas_get_the_quantities_they_name_and_no_constant(terms: Contract) -> None:
    span = window(terms)
    price = FormulaMoney(formula=formula.parse("good_units * rate + absent"), constants={"rate": Decimal(3)})
    named = replace(OUTPUT, malus=(price,))
    known = facts(terms, [over(span, "good_units", 7, "1"), over(span, "rate", 9, "1"), over(span, "other", 9, "1")])
    assert formula_quantities(named, known, span) == {"good_units": 7}


def test_stretches_are_cut_where_any_driver_changes(terms: Contract) -> None:
    span = window(terms)
    known = facts(
        terms,
        [
            over(_hours(span, 0, 4), "volume_m3", 100, "m3"),
            over(_hours(span, 0, 1), "inlet_c", 20, "degC"),
            over(_hours(span, 2, 4), "inlet_c", 30, "degC"),
        ],
    )
    series = [read(OUTPUT, known, span, role) for role in ("volume_m3", "inlet_c")]
    assert [(each.hours, dict(each.values)) for each in stretches(series)] == [
        (1, {"volume_m3": 25, "inlet_c": 20}),
        (1, {"volume_m3": 25}),
        (2, {"volume_m3": 50, "inlet_c": 30}),
    ]


def test_a_fleets_sum_is_known_only_where_every_asset_reports() -> None:
    terms = contract(OUTPUT, "A1", "A2")
    span = window(terms)
    known = facts(
        terms,
        [
            over(_hours(span, 0, 2), "actual_kwh", 4, "kWh"),
            over(_hours(span, 1, 2), "actual_kwh", 1, "kWh", asset="A2"),
        ],
    )
    assert [dict(each.values) for each in stretches([read(OUTPUT, known, span, "actual_kwh")])] == [
        {},
        {"actual_kwh": 3},
    ]


def test_a_fleets_mean_is_the_mean_of_its_assets() -> None:
    terms = contract(OUTPUT, "A1", "A2")
    span = window(terms)
    rows = [
        over(_hours(span, 0, 2), "inlet_c", 20, "degC"),
        over(_hours(span, 0, 2), "inlet_c", 30, "degC", asset="A2"),
    ]
    series = read(OUTPUT, facts(terms, rows), span, "inlet_c")
    assert series.value == 25
    assert [dict(each.values) for each in stretches([series])] == [{"inlet_c": 25}]


@st.composite
def _rows(draw: st.DrawFn) -> list[tuple[int, int, Decimal]]:
    """Disjoint rows: (start, end) in hours of the window, and a value."""
    bounds = sorted(draw(st.sets(st.integers(0, 200), min_size=2, max_size=12)))
    values = st.decimals(-1000, 1000, places=3, allow_nan=False)
    return [(start, end, draw(values)) for start, end in zip(bounds[::2], bounds[1::2], strict=False)]


@given(_rows(), st.integers(1, 199), st.randoms())
def test_splitting_the_window_and_adding_gives_the_same_sum(
    rows: list[tuple[int, int, Decimal]], cut: int, shuffle: Random
) -> None:
    terms = contract(OUTPUT)
    span = window(terms)
    quantities: list[Quantity] = [over(_hours(span, a, b), "actual_kwh", str(v), "kWh") for a, b, v in rows]
    shuffle.shuffle(quantities)
    at_us = span.start_us + cut * HOUR_US
    parts = [replace(span.period, end_us=at_us), replace(span.period, start_us=at_us)]
    sums = [
        read(OUTPUT, facts(terms, quantities), Window(period=part, as_of_us=part.end_us), "actual_kwh").value or 0
        for part in parts
    ]
    assert sum(sums) == sum((Fraction(value) for *_, value in rows), Fraction(0))


@given(_rows(), _rows())
def test_stretches_hold_all_of_every_sum(
    one: list[tuple[int, int, Decimal]], other: list[tuple[int, int, Decimal]]
) -> None:
    terms = contract(OUTPUT)
    span = window(terms)
    quantities = [over(_hours(span, a, b), "actual_kwh", str(v), "kWh") for a, b, v in one]
    quantities += [over(_hours(span, a, b), "volume_m3", str(v), "m3") for a, b, v in other]
    series = [read(OUTPUT, facts(terms, quantities), span, role) for role in ("actual_kwh", "volume_m3")]
    cut = stretches(series)
    for each in series:
        assert sum((stretch.values.get(each.role, Fraction(0)) for stretch in cut), Fraction(0)) == each.value
    assert all(left.end_us == right.start_us for left, right in pairwise(cut))
