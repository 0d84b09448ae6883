"""Availability by time: sums over assets, bounds, weights; required time of a line and what stopped it first."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.condition import parse as condition
from shared.contracts.facts import Facts
from shared.contracts.finding import Finding, Reason
from shared.contracts.formula import parse as formula
from shared.contracts.kinds.registry import needs_timelines
from shared.contracts.kinds.time import judge_technical, judge_time
from shared.contracts.measured import Form, Override, TimeMeasure, Verdict
from shared.contracts.money import FormulaMoney
from shared.contracts.terms import Contract, Kind, Machine, Weighting
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval, Party
from tests.unit.contracts.charged_time import (
    DOWN,
    MISSING,
    REQUEST,
    UP,
    facts_of,
    policy_of,
    span,
    terms_of,
)
from tests.unit.contracts.kinds.terms_made import contract, guarantee, over, window

BASE = policy_of("FP PP TS", "RS", "FM")


def _found(terms: Contract, known: dict[str, Any], **parts: Any) -> Finding:
    month = window(terms)
    return judge_time(terms, terms.guarantees[0], facts_of(month, known, **parts), month)


def test_a_fleet_is_the_sum_of_its_hours_never_the_mean_of_its_ratios() -> None:
    terms = terms_of(BASE, "A1", "A2")
    found = _found(
        terms, {"A1": {UP: 700 * HOUR_US, DOWN: 44 * HOUR_US}, "A2": {UP: 100 * HOUR_US, REQUEST: 644 * HOUR_US}}
    )
    assert found.value == Fraction(800, 844)
    assert [(each.asset, each.value) for each in found.assets] == [("A1", Fraction(700, 744)), ("A2", Fraction(1))]


def test_a_fleet_may_be_weighted_by_rated_power_its_hours_stay_what_they_were() -> None:
    machines = (Machine(name="A1", rated_kw=Decimal(3000)), Machine(name="A2", rated_kw=Decimal(1000)))
    terms = terms_of(BASE, machines=machines, weighting=Weighting.RATED_POWER)
    found = _found(terms, {"A1": {UP: 704 * HOUR_US, DOWN: 40 * HOUR_US}, "A2": {UP: 744 * HOUR_US}})
    assert found.value == 1 - Fraction(3 * 40, 4 * 744)
    assert found.denominator == 2 * 744 * HOUR_US, "weights are 1 on average"
    assert found.by_verdict[Verdict.UNAVAILABLE] == found.measures["unavailable_h"] * HOUR_US == 40 * HOUR_US
    unknown = replace(terms, machines=(machines[0], Machine(name="A2")))
    with pytest.raises(ValueError, match="that of A2 is not known"):
        _found(unknown, {"A1": {}, "A2": {}})


def test_deemed_available_counts_on_both_sides_in_either_form() -> None:
    known = {
        "A1": {
            UP: 600 * HOUR_US,
            (Category.FM, "flood", Party.NOBODY): 100 * HOUR_US,
            REQUEST: 20 * HOUR_US,
            DOWN: 24 * HOUR_US,
        }
    }
    assert _found(terms_of(BASE), known).value == Fraction(700, 724)
    deemed = replace(BASE, form=Form.DEEMED_AVAILABLE)
    assert _found(terms_of(deemed), known).value == Fraction(720, 744)


def test_bounds_take_what_is_unknown_or_disputed_as_down_and_as_up() -> None:
    disputed = (Category.RS, "curtailed", Party.DISPUTED)
    known = {"A1": {UP: 600 * HOUR_US, DOWN: 44 * HOUR_US, disputed: 60 * HOUR_US, REQUEST: 20 * HOUR_US}}
    found = _found(terms_of(replace(BASE, disputed=Verdict.UNAVAILABLE)), known)
    assert found.value == Fraction(600, 724)
    assert (found.low, found.high) == (Fraction(600, 724), Fraction(680, 724))


def test_where_nothing_counts_there_is_no_value() -> None:
    found = _found(terms_of(BASE), {"A1": {REQUEST: 744 * HOUR_US}})
    assert (found.value, found.reason, found.denominator, found.low) == (None, Reason.NO_DENOMINATOR, 0, None)


def test_time_that_nobody_spoke_of_is_information_unavailable() -> None:
    found = _found(terms_of(BASE), {"A1": {UP: 700 * HOUR_US}})
    assert {(t.category, t.cause, t.party): t.duration_us for t in found.tallies} == {
        UP: 700 * HOUR_US,
        MISSING: 44 * HOUR_US,
    }


def test_money_formulas_may_name_hours_and_what_the_data_delivers() -> None:
    terms = terms_of(BASE)
    malus = FormulaMoney(formula=formula("unavailable_h * energy_mwh"), constants={})
    terms = replace(terms, guarantees=(replace(terms.guarantees[0], malus=(malus,)),))
    month = window(terms)
    known = {"A1": {UP: 700 * HOUR_US, DOWN: 24 * HOUR_US, REQUEST: 20 * HOUR_US}}
    found = _found(terms, known, quantities=[over(month, "energy_mwh", 5, "MWh")])
    assert found.measures == {
        "available_h": 700, "unavailable_h": 24, "excluded_h": 20, "denominator_h": 724, "period_h": 744,
        "energy_mwh": 5,
    }  # fmt: skip


# A line: required hours, and the machine that stopped first.

EXTERNAL = ("upstream_starved", "film_out_of_spec")
LINE = replace(
    policy_of("FP PP TS", "SM RS"),
    overrides=tuple(Override(when=condition(f"cause == '{cause}'"), verdict=Verdict.EXCLUDED) for cause in EXTERNAL),
)


def _line(*, root_stop: bool = False) -> Contract:
    promise = guarantee(Kind.TECHNICAL_AVAILABILITY, TimeMeasure(policy=LINE, root_stop=root_stop), "0.92")
    machine = Machine(name="L7", parts=("filler", "labeler", "packer"), bottleneck="filler")
    terms = contract(promise, zone="Europe/Rome")
    return replace(terms, machines=(machine,), unreported="FP")


def _technical(terms: Contract, facts: Facts) -> Finding:
    return judge_technical(terms, terms.guarantees[0], facts, window(terms))


@pytest.mark.parametrize(
    ("label", "required", "available", "value"),
    [
        # LINE-C, computed: four quarters of 2026, hours as reported.
        ("2026-Q1", "1200", "1094.4", Fraction("0.912")),
        ("2026-Q2", "1250", "1161.25", Fraction("0.929")),
        ("2026-Q3", "1150", "1058.0", Fraction("0.92")),
        ("2026-Q4", "1260", "1166.76", Fraction("0.926")),
    ],
)
def test_reported_hours_of_a_line_give_its_value_exactly(
    label: str, required: str, available: str, value: Fraction
) -> None:
    terms = _line()
    quarter = window(terms, label)
    fault = str(Decimal(required) - Decimal(available))
    rows = [over(quarter, "required_h", required, "h", "L7"), over(quarter, "own_fault_h", fault, "h", "L7")]
    found = judge_technical(terms, terms.guarantees[0], Facts(durations={"L7": {}}, quantities=rows), quarter)
    assert found.value == value
    assert found.numerator == Fraction(available) * HOUR_US
    assert found.measures["required_h"] == Fraction(required)
    assert found.measures["unavailable_h"] == Fraction(fault)


def test_hours_stay_those_of_events_when_reported_ones_go_before_them() -> None:
    """LINE-C: 90 of 1100 h reported, events tell of 60 min of own stops in 2159 h."""
    terms = _line()
    quarter = window(terms)
    sums = {
        (Category.FO, "jam", Party.SUPPLIER): HOUR_US,
        (Category.SM, "service", Party.SUPPLIER): 48 * HOUR_US,
        (Category.FP, "running", Party.NOBODY): 2110 * HOUR_US,
    }
    reported = (("planned_busy_h", 1200), ("required_h", 1100), ("own_fault_h", 90))
    rows = [over(quarter, role, hours, "h", "L7") for role, hours in reported]
    found = _technical(terms, Facts(durations={"L7": sums}, quantities=rows))
    assert (found.value, found.numerator, found.denominator) == (
        Fraction(1010, 1100),
        1010 * HOUR_US,
        1100 * HOUR_US,
    )
    assert {(each.category, each.cause, each.party): each.duration_us for each in found.tallies} == sums
    assert "required_h, own_fault_h go before what events say, which would be a value of about 0.999526" in found.notes
    assert float(Fraction(2110, 2111)) == pytest.approx(0.999526, abs=5e-7)


@pytest.mark.parametrize("role", ["required_h", "own_fault_h"])
def test_hours_that_are_reported_of_other_quarters_are_missing_not_told_by_the_clock(role: str) -> None:
    terms = _line()
    quarter = window(terms)
    others = {"required_h", "own_fault_h"} - {role}
    rows = [over(quarter, each, 1000, "h", "L7") for each in others]
    facts = Facts(durations={"L7": {}}, quantities=rows, known_names={role: frozenset({"L7"})})
    found = _technical(terms, facts)
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert f"{role} (h) is not known in 2026-Q1" in found.notes


def test_planned_busy_time_of_other_quarters_is_only_missed_where_required_time_is_not_reported() -> None:
    terms = _line()
    quarter = window(terms)
    known = Facts(durations={"L7": {}}, known_names={"planned_busy_h": frozenset({"L7"})})
    assert _technical(terms, known).reason is Reason.MISSING_QUANTITY
    required = [over(quarter, "required_h", 1000, "h", "L7")]
    assert _technical(terms, replace(known, quantities=required)).value == 1


def test_hours_reported_of_one_line_say_nothing_of_another() -> None:
    terms = replace(_line(), machines=(Machine(name="L7"), Machine(name="L8")))
    rows = [over(window(terms), "required_h", 1000, "h", "L7")]
    facts = Facts(durations={"L7": {}, "L8": {}}, quantities=rows, known_names={"required_h": frozenset({"L7"})})
    assert _technical(terms, facts).denominator == (1000 + 2159) * HOUR_US
    other = replace(facts, known_names={"required_h": frozenset({"L7", "L8"})})
    assert _technical(terms, other).reason is Reason.MISSING_QUANTITY


@given(
    required=st.integers(0, 2000),
    own_fault=st.none() | st.integers(0, 2500),
    down=st.integers(0, 2159),
    excluded=st.integers(0, 2159),
)
def test_reported_required_time_is_the_denominator_whatever_stood(
    required: int, own_fault: int | None, down: int, excluded: int
) -> None:
    terms = _line()
    quarter = window(terms)
    planned = min(excluded, 2159 - down)
    sums = {
        (Category.FO, "jam", Party.SUPPLIER): down * HOUR_US,
        (Category.SM, "service", Party.SUPPLIER): planned * HOUR_US,
    }
    rows = [over(quarter, "required_h", required, "h", "L7")]
    if own_fault is not None:
        rows.append(over(quarter, "own_fault_h", own_fault, "h", "L7"))
    found = _technical(terms, Facts(durations={"L7": sums}, quantities=rows))
    fault = down if own_fault is None else own_fault
    assert found.denominator == required * HOUR_US
    assert found.numerator == max(0, required - fault) * HOUR_US
    assert sum(tally.duration_us for tally in found.tallies) == 2159 * HOUR_US


def test_required_time_is_planned_busy_time_less_planned_maintenance_and_external_stops() -> None:
    terms = _line()
    quarter = window(terms)
    sums = {
        (Category.FO, "jam", Party.SUPPLIER): 30 * HOUR_US,
        (Category.FO, "film_out_of_spec", Party.CUSTOMER): 20 * HOUR_US,
        (Category.SM, "service", Party.SUPPLIER): 50 * HOUR_US,
    }
    facts = Facts(durations={"L7": sums}, quantities=[over(quarter, "planned_busy_h", 670, "h", "L7")])
    found = _technical(terms, facts)
    assert found.value == 1 - Fraction(30, 670 - 20 - 50)
    assert found.denominator == 600 * HOUR_US
    assert found.by_verdict[Verdict.EXCLUDED] == 70 * HOUR_US


def test_stops_outside_planned_busy_time_are_nobodys() -> None:
    """A shift of 8 h with a stop of 2 h that goes on for 6 h after it."""
    terms = _line()
    shift = span("2026-01-05T06:00+01:00", "2026-01-05T14:00+01:00")
    stop = span("2026-01-05T12:00+01:00", "2026-01-05T20:00+01:00", Category.FO, "jam")
    rows = [over((shift.start_us, shift.end_us), "planned_busy_h", 8, "h", "L7")]
    found = _technical(terms, facts_of(window(terms), {"L7": [stop]}, quantities=rows))
    assert (found.value, found.denominator) == (Fraction(6, 8), 8 * HOUR_US)


def test_without_any_quantity_required_time_is_the_clock_less_what_is_excluded() -> None:
    terms = _line()
    sums = {
        (Category.FO, "jam", Party.SUPPLIER): 100 * HOUR_US,
        (Category.SM, "service", Party.SUPPLIER): 159 * HOUR_US,
    }
    assert _technical(terms, Facts(durations={"L7": sums})).value == 1 - Fraction(100, 2159 - 159)


def test_own_fault_as_reported_is_held_against_required_time_from_events() -> None:
    terms = _line()
    quarter = window(terms)
    sums = {(Category.SM, "service", Party.SUPPLIER): 159 * HOUR_US}
    facts = Facts(durations={"L7": sums}, quantities=[over(quarter, "own_fault_h", 100, "h", "L7")])
    found = _technical(terms, facts)
    assert found.value == Fraction(1900, 2000)
    assert found.by_verdict[Verdict.EXCLUDED] == 159 * HOUR_US


def test_more_own_fault_than_required_time_is_a_value_of_nothing_and_is_said() -> None:
    terms = _line()
    quarter = window(terms)
    rows = [over(quarter, "required_h", 10, "h", "L7"), over(quarter, "own_fault_h", 12, "h", "L7")]
    found = _technical(terms, Facts(durations={"L7": {}}, quantities=rows))
    assert (found.value, found.denominator) == (0, 10 * HOUR_US)
    assert any("as much own fault as required time" in note for note in found.notes)


def _stop(start: str, end: str, cause: str, category: Category = Category.FO) -> Interval:
    return span(f"2026-01-05T{start}+01:00", f"2026-01-05T{end}+01:00", category, cause)


def _by_cause(found: Finding) -> dict[str, Fraction]:
    minutes = {tally.cause: (tally.unavailable_us + tally.excluded_us) / 60_000_000 for tally in found.tallies}
    return {cause: each for cause, each in minutes.items() if each}


def test_a_line_stands_when_its_bottleneck_does_by_what_stopped_first() -> None:
    """The packer jams, the filler backs up after two minutes and starts again last: all by the packer's jam."""
    terms = _line(root_stop=True)
    line = {
        "filler": [_stop("10:02", "10:20", "downstream_blocked"), _stop("12:00", "12:05", "nozzle")],
        "packer": [_stop("10:00", "10:15", "jam"), _stop("14:00", "14:10", "jam")],
    }
    found = _technical(terms, replace(facts_of(window(terms), line), durations={"L7": {}}))
    assert _by_cause(found) == {"jam": 18, "nozzle": 5}


def test_an_unbroken_stop_may_pass_from_machine_to_machine() -> None:
    terms = _line(root_stop=True)
    line = {
        "L7/labeler": [_stop("10:00", "10:10", "film_out_of_spec")],
        "L7/packer": [_stop("10:05", "10:20", "jam")],
        "L7/filler": [_stop("10:15", "10:30", "downstream_blocked")],
    }
    found = _technical(terms, replace(facts_of(window(terms), line), durations={"L7": {}}))
    assert _by_cause(found) == {"film_out_of_spec": 15}
    assert found.by_verdict[Verdict.EXCLUDED] == Fraction(1, 4) * HOUR_US


def test_stops_that_only_touch_are_two() -> None:
    terms = _line(root_stop=True)
    line = {"filler": [_stop("10:10", "10:30", "nozzle")], "packer": [_stop("10:00", "10:10", "jam")]}
    found = _technical(terms, replace(facts_of(window(terms), line), durations={"L7": {}}))
    assert _by_cause(found) == {"nozzle": 20}


def test_micro_stops_count_and_unknown_time_of_the_bottleneck_is_unknown() -> None:
    terms = replace(_line(root_stop=True), unreported=None)
    seconds = span("2026-01-05T10:00:00+01:00", "2026-01-05T10:00:07+01:00", Category.FO, "jam")
    unknown = span("2026-01-05T11:00:00+01:00", "2026-01-05T12:00:00+01:00", Category.IU, "logger")
    found = _technical(terms, replace(facts_of(window(terms), {"filler": [seconds, unknown]}), durations={"L7": {}}))
    assert {tally.cause: tally.unavailable_us for tally in found.tallies} == {
        "jam": 7_000_000,
        "logger": HOUR_US,
        "no_data": 2158 * HOUR_US - 7_000_000,
    }


def test_a_line_whose_bottleneck_nobody_logs_keeps_its_own_time_and_says_so() -> None:
    terms = _line(root_stop=True)
    own = {(Category.FO, "jam", Party.SUPPLIER): 159 * HOUR_US}
    facts = facts_of(window(terms), {"packer": [_stop("10:00", "11:00", "jam")]})
    found = _technical(terms, replace(facts, durations={"L7": own}))
    assert found.value == Fraction(2000, 2159)
    assert any("nothing known of its bottleneck filler" in note for note in found.notes)


def test_a_line_that_is_logged_as_one_machine_is_judged_as_one() -> None:
    """Parts of which no stop is on record ran, or nobody logs them: the line's own stops stand, root or not."""
    terms = _line(root_stop=True)
    ran = span("2026-01-01T00:00+01:00", "2026-04-01T00:00+02:00")
    line = {"L7": [_stop("10:00", "11:00", "jam")], "filler": [ran], "packer": [ran]}
    found = _technical(terms, facts_of(window(terms), line))
    assert (_by_cause(found), found.notes) == ({"jam": 60}, ())


def test_stops_told_of_the_whole_line_are_stops_of_its_bottleneck() -> None:
    terms = _line(root_stop=True)
    line = {
        "L7": [_stop("10:00", "11:00", "power"), _stop("12:00", "12:30", "jam")],
        "filler": [_stop("10:30", "11:15", "nozzle")],
        "packer": [_stop("11:55", "12:10", "film_out_of_spec")],
    }
    found = _technical(terms, facts_of(window(terms), line))
    assert _by_cause(found) == {"power": 75, "film_out_of_spec": 30}


def test_time_availability_of_a_line_goes_by_the_same_rule() -> None:
    terms = terms_of(LINE, unreported="FP", start=date(2026, 1, 1))
    machine = Machine(name="L7", parts=("filler",), bottleneck="filler")
    promise = replace(terms.guarantees[0], measure=TimeMeasure(policy=LINE, root_stop=True))
    terms = replace(terms, machines=(machine,), guarantees=(promise,))
    month = window(terms)
    facts = replace(facts_of(month, {"filler": [_stop("10:00", "11:00", "jam")]}), durations={"L7": {}})
    assert judge_time(terms, promise, facts, month).value == Fraction(743, 744)


def test_technical_availability_is_given_intervals_so_that_stops_outside_busy_time_show() -> None:
    assert all(needs_timelines(terms.guarantees[0]) for terms in (_line(), _line(root_stop=True)))


def test_busy_time_of_a_line_nothing_is_known_of_is_unknown_and_the_rest_is_nobodys() -> None:
    terms = replace(_line(), unreported=None)
    shift = span("2026-01-05T06:00+01:00", "2026-01-05T14:00+01:00")
    rows = [over((shift.start_us, shift.end_us), "planned_busy_h", 8, "h", "L7")]
    found = _technical(terms, Facts(durations={"L7": {}}, timelines={"L7": []}, quantities=rows))
    assert {each.category: each.duration_us for each in found.tallies if each.duration_us} == {Category.IU: 8 * HOUR_US}
