"""A period that runs, and hours that were reported: the level, the budget and who answers, as far as it has come."""

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest

from shared.contracts import spec
from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment, Certainty, Outcome
from shared.contracts.document import as_document
from shared.contracts.facts import Facts, Window
from shared.contracts.level import level_of, so_far
from shared.contracts.periods import periods
from shared.contracts.settlement.ledger import entry_of, fold
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import Category, Party
from shared.model.quantity import Quantity

HEAD: Final = """
contract: {id: X, version: 1, customer: acme, currency: EUR, tz: UTC}
term: {start: 2026-01-01, end: 2026-12-31, period: calendar_quarter}
assets: [{id: A}]
guarantees:
"""
SAVINGS: Final = (
    "  - {id: S, kind: energy_savings, level_mwh_per_period: 60, tariff: {value: 140, unit: EUR/MWh}, decision: %s,"
    " baseline: {model: linear, driver: volume_m3, n: 12, b0: 100, b1: 0, s: 2, x_mean: 1000, sxx: 100000}}"
)
TECHNICAL: Final = "  - {id: T, kind: technical_availability, level: 0.92, settlement: {malus: {per_pp: 100}}}"
TIME: Final = (
    "  - {id: T, kind: time_availability, level: 0.9, planned_window: {hours_per_asset_per_period: 10, "
    "responsible: service_partner}}"
)
JANUARY_US: Final = 31 * DAY_US


def _assessed(guarantee: str, passed_us: int | None = None, **parts: Any) -> Assessment:
    """The first quarter as far as it has passed; `quantities` are sums over that time, by name with their unit."""
    contract = spec.parse(HEAD + guarantee, "so_far")
    quarter = periods(contract)[0]
    until_us = quarter.end_us if passed_us is None else quarter.start_us + passed_us
    quantities = [
        Quantity(asset="A", name=name, start_us=quarter.start_us, end_us=until_us, value=Decimal(value), unit=unit)
        for name, (value, unit) in parts.get("quantities", {}).items()
    ]
    facts = Facts(durations={"A": parts.get("known", {})}, quantities=quantities)
    return assess(contract, contract.guarantees[0], facts, Window(period=quarter, as_of_us=until_us))


@pytest.mark.parametrize("decision", ["point_estimate", "lower_bound_80"])
def test_energy_saved_so_far_is_held_against_the_level_s_share_of_the_time_passed(decision: str) -> None:
    """25 MWh saved in January, of 60 in the quarter: 60 * 31 / 90 = 20.67 are due by then."""
    found = _assessed(
        SAVINGS % decision, JANUARY_US, quantities={"volume_m3": ("1000", "m3"), "actual_mwh": ("75", "MWh")}
    )
    assert found.level == Fraction(60 * 31, 90)
    assert found.outcome is Outcome.MET
    assert found.settlement.malus == 0
    assert "its share of the period so far: met" in found.settlement.steps[0]


def test_the_level_of_energy_saved_grows_to_the_whole_period_s() -> None:
    contract = spec.parse(HEAD + SAVINGS % "point_estimate", "so_far")
    quarter, guarantee = periods(contract)[0], contract.guarantees[0]
    levels = [
        level_of(contract, guarantee, so_far(guarantee, quarter, quarter.start_us + passed * DAY_US))
        for passed in (0, 45, 90, 120)
    ]
    assert levels == [0, 30, 60, 60]


def test_the_ledger_settles_what_runs_by_the_same_share() -> None:
    found = _assessed(
        SAVINGS % "point_estimate", JANUARY_US, quantities={"volume_m3": ("1000", "m3"), "actual_mwh": ("85", "MWh")}
    )
    contract = spec.parse(HEAD + SAVINGS % "point_estimate", "so_far")
    (settled,) = fold(contract, [entry_of(found)]).values()
    assert str(settled.malus) == str(found.settlement.malus) == "793.33"  # (60 * 31 / 90 - 15) * 140
    assert "its share of the period so far" in settled.steps[0]


def test_the_budget_of_reported_hours_is_of_those_hours() -> None:
    """Of 1,200 required hours 96 may be lost; 120 were, and the period is over."""
    found = _assessed(TECHNICAL, quantities={"required_h": ("1200", "h"), "own_fault_h": ("120", "h")})
    assert found.outcome is Outcome.MISSED
    assert found.budget is not None
    assert (found.budget.total_us, found.budget.used_us) == (96 * HOUR_US, 120 * HOUR_US)
    assert found.forecast is not None
    assert found.forecast.certainty is Certainty.CERTAIN_MISS


def test_while_it_runs_required_hours_go_on_as_they_came() -> None:
    """400 h were required of the first 30 of 90 days: 1,200 by the end, of which 96 may be lost."""
    found = _assessed(TECHNICAL, 30 * DAY_US, quantities={"required_h": ("400", "h"), "own_fault_h": ("40", "h")})
    assert found.budget is not None
    assert (found.budget.total_us, found.budget.left_us) == (96 * HOUR_US, 56 * HOUR_US)
    assert found.forecast is not None
    assert (found.forecast.certainty, found.forecast.remaining_h) == (Certainty.OPEN, 800.0)


def test_whom_an_allowance_names_answers_for_what_is_beyond_it() -> None:
    known = {
        (Category.FP, "running", Party.NOBODY): 90 * DAY_US - 40 * HOUR_US,
        (Category.SM, "service", Party.SUPPLIER): 30 * HOUR_US,
        (Category.FO, "pump", Party.SUPPLIER): 10 * HOUR_US,
    }
    found = _assessed(TIME, known=known)
    assert found.answers == {"service_partner": 20 * HOUR_US, "supplier": 10 * HOUR_US}
    document = as_document(found, spec.parse(HEAD + TIME, "so_far").zone)
    assert document["unavailable_hours_by_party"] == {"service_partner": 20.0, "supplier": 10.0}
