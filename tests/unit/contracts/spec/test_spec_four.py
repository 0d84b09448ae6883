"""The four contracts of deploy/contracts: whole, with the numbers of domain/contracts.md 3.2, and what of their first,
less exact wording is understood."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import spec
from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment, Outcome
from shared.contracts.facts import Facts, Window
from shared.contracts.kinds.amounts import unit_of
from shared.contracts.periods import Period, periods
from shared.contracts.terms import Contract, Kind
from shared.errors import SpecError
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.model.quantity import Quantity, Ticket

FOLDER = Path(__file__).parents[4] / "deploy" / "contracts"
NAMES = ("A_wind_turbine", "B_compressor_service", "C_packaging_line", "D_pump_drive")


def _text(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def _contract(name: str, *changes: tuple[str, str]) -> Contract:
    text = _text(name)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return spec.parse(text, name)


def _assessed(
    contract: Contract,
    guarantee: str,
    label: str,
    hours: Mapping[str, Mapping[tuple[Category, str], float]] | None = None,
    quantities: dict[str, Any] | None = None,
    tickets: tuple[Ticket, ...] = (),
) -> Assessment:
    """The guarantee over a whole period; `hours` by asset, category and cause, one after the other."""
    period = next(each for each in periods(contract) if each.label == label)
    timelines = {name: _timeline(period, (hours or {}).get(name, {})) for name in contract.assets}
    durations: dict[str, dict[Any, int]] = {name: {} for name in contract.assets}
    for name, timeline in timelines.items():
        for each in timeline:
            key = (each.category, each.cause, each.party)
            durations[name][key] = durations[name].get(key, 0) + each.duration_us
    rows = tuple(
        Quantity(
            asset=contract.assets[0], name=name, start_us=period.start_us, end_us=period.end_us,
            value=Decimal(str(value)), unit=unit_of(name) or "1",
        )
        for name, value in (quantities or {}).items()
    )  # fmt: skip
    facts = Facts(durations=durations, timelines=timelines, quantities=rows, tickets=tickets)
    [terms] = [each for each in contract.guarantees if each.id == guarantee]
    return assess(contract, terms, facts, Window(period=period, as_of_us=period.end_us))


def _timeline(period: Period, hours: Mapping[tuple[Category, str], float]) -> list[Interval]:
    """The stretches in the order given, then full performance until the end."""
    at, found = period.start_us, []
    for (category, cause), length in hours.items():
        end = at + round(length * HOUR_US)
        found.append(Interval(start_us=at, end_us=end, category=category, cause=cause, party=Party.UNKNOWN))
        at = end
    if at < period.end_us:
        running = Interval(start_us=at, end_us=period.end_us, category=Category.FP, cause="running", party=Party.NOBODY)
        found.append(running)
    return found


def test_the_four_stand_whole_with_their_guarantees_and_kinds() -> None:
    found = {name: {each.id: each.kind for each in _contract(name).guarantees} for name in NAMES}
    assert found == {
        "A_wind_turbine": {"TBA": Kind.TIME_AVAILABILITY, "PCURVE": Kind.POWER_CURVE},
        "B_compressor_service": {
            "SUPPLY": Kind.THRESHOLD_AVAILABILITY, "SEC": Kind.ENERGY_INTENSITY, "RESP": Kind.RESPONSE_TIME,
        },
        "C_packaging_line": {"TECH": Kind.TECHNICAL_AVAILABILITY, "OEE": Kind.OEE, "OUTPUT": Kind.OUTPUT},
        "D_pump_drive": {
            "FLEET_AVAIL": Kind.TIME_AVAILABILITY, "SAVINGS": Kind.ENERGY_SAVINGS, "RELIAB": Kind.MTBF,
            "NOTICE": Kind.FAILURE_NOTICE,
        },
    }  # fmt: skip


def test_caps_by_share_are_amounts_of_the_fees() -> None:
    a, b, c = (_contract(name) for name in NAMES[:3])
    tba, supply, tech = (each.guarantees[0].caps for each in (a, b, c))
    # 35 % and 15 % of 85 000; all fees of ten years; 20 % of a month's 9 800 and 10 % of a year's 117 600.
    assert (tba.malus_per_period, tba.bonus_per_period) == (Decimal(29750), Decimal(12750))
    assert tba.malus_lifetime == Decimal(850_000)
    assert (supply.malus_per_period, supply.malus_per_year) == (Decimal(1960), Decimal(11760))
    assert (tech.malus_per_period, tech.malus_per_year) == (None, Decimal(12000))


WIND_A_HOURS = {
    (Category[name], ""): hours
    for name, hours in {
        "PP": 300, "TS": 40, "OEN": 600, "RS": 60, "OEL": 80, "SM": 95, "PCA": 40, "FO": 310, "S": 25, "FM": 48,
        "IU": 262,
    }.items()
}  # fmt: skip


def test_the_wind_turbine_owes_what_the_worked_settlement_says() -> None:
    # golden.json WIND-A: .9427 after rounding, LD_A_rounded_4dp.
    found = _assessed(_contract(NAMES[0]), "TBA", "Y2", {"T01": WIND_A_HOURS}, {"actual_output_mwh": 4812})
    assert found.value_rounded == Decimal("0.9427")
    assert (found.settlement.malus, found.settlement.bonus) == (Decimal("8639.85"), Decimal("0.00"))


def test_the_wind_turbine_earns_half_of_what_is_above() -> None:
    # contracts.md 3.2: (.985/.98 - 1) * 4812 * 62 * .5 = 761.08.
    down = {(Category.FO, "gearbox"): 8760 * 0.015}
    found = _assessed(_contract(NAMES[0]), "TBA", "Y2", {"T01": down}, {"actual_output_mwh": 4812})
    assert found.value_rounded == Decimal("0.9850")
    assert found.settlement.bonus == Decimal("761.08")


def test_the_compressor_station_credits_a_tier_of_the_monthly_fee() -> None:
    # golden.json COMP-B2 in minutes: gaps 360, planned 120, customer 150, bad 260.
    minutes = {
        (Category.IU, "no_data"): 360, (Category.SM, "planned_maintenance"): 120,
        (Category.OEL, "customer_demand"): 150, (Category.FO, "compressor"): 260,
    }  # fmt: skip
    hours = {key: each / 60 for key, each in minutes.items()}
    found = _assessed(_contract(NAMES[1]), "SUPPLY", "2026-07", {"AIR1": hours})
    assert found.finding.denominator == 44_010 * 60_000_000
    assert found.settlement.malus == Decimal("490.00")


def test_the_compressor_station_pays_for_energy_beyond_the_band() -> None:
    # golden.json COMP-B: LD_deductible, LD_franchise.
    used = {"volume_m3": 1_116_000, "inlet_c": 26, "actual_kwh": 127_900}
    deductible = _assessed(_contract(NAMES[1]), "SEC", "2026-07", quantities=used)
    franchise = _assessed(
        _contract(NAMES[1], ("type: deductible", "type: franchise")), "SEC", "2026-07", quantities=used
    )
    assert deductible.finding.denominator == Decimal("124057.908")
    assert (deductible.settlement.malus, franchise.settlement.malus) == (Decimal("197.34"), Decimal("557.10"))


def test_a_late_technician_is_one_breach() -> None:
    # contracts.md 3.2: P1 answered after 2.5, 3.9 and 5.2 h.
    contract = _contract(NAMES[1])
    received = next(each for each in periods(contract) if each.label == "2026-07").start_us
    tickets = tuple(
        Ticket(
            id=str(taken), asset="AIR1", priority="P1", received_us=received,
            on_site_us=received + round(taken * HOUR_US), restored_us=received + round(taken * HOUR_US),
        )
        for taken in (2.5, 3.9, 5.2)
    )  # fmt: skip
    assert _assessed(contract, "RESP", "2026-07", tickets=tickets).settlement.malus == Decimal("250.00")


@pytest.mark.parametrize(
    ("required", "available", "malus"),
    [
        ("1200", "1094.4", "1800.00"),
        ("1250", "1161.25", "0.00"),
        ("1150", "1058.0", "0.00"),
        ("1260", "1166.76", "0.00"),
    ],
)
def test_the_packaging_line_pays_full_steps_beyond_its_band(required: str, available: str, malus: str) -> None:
    # golden.json LINE-C: .912 is .3 pp beyond the band, three full steps of 600; .920 is met.
    hours = {"required_h": required, "own_fault_h": Decimal(required) - Decimal(available)}
    found = _assessed(_contract(NAMES[2]), "TECH", "2026-Q1", quantities=hours)
    assert found.settlement.malus == Decimal(malus)


def test_the_pumps_pay_started_tenths_and_floors() -> None:
    # golden.json PUMP-D: 210 h excluded, 402 h down, of these P07 40 and 118.
    contract = _contract(NAMES[3])
    hours: dict[str, dict[tuple[Category, str], float]]
    hours = {"P07": {(Category.OEL, "customer_power_loss"): 40, (Category.FO, "seal"): 118}}
    for index, name in enumerate(each for each in contract.assets if each != "P07"):
        down = 25 + (index < 9)
        hours[name] = {(Category.OEL, "customer_power_loss"): 170 / 11, (Category.FO, "seal"): down}
    found = _assessed(contract, "FLEET_AVAIL", "2026-Q1", hours)
    assert float(found.value or 0) == pytest.approx(0.9843567592808778, abs=1e-12)
    assert found.settlement.malus == Decimal("3700.00")


@pytest.mark.parametrize(
    ("decision", "outcome", "malus"),
    [
        ("point_estimate", Outcome.MET, "0.00"),
        ("lower_bound_90", Outcome.MISSED, "731.55"),
        ("probability_ge_0.8", Outcome.MISSED, None),
    ],
)
def test_the_same_savings_have_three_verdicts(decision: str, outcome: Outcome, malus: str | None) -> None:
    # golden.json ENB-2, a month each: 150, 160, 170 (1000 m3) with 255, 270, 281 MWh.
    contract = _contract(NAMES[3], ("decision: point_estimate", f"decision: {decision}"))
    period = next(each for each in periods(contract) if each.label == "2026-Q2")
    [savings] = [each for each in contract.guarantees if each.id == "SAVINGS"]
    months = [
        each
        for each in periods(
            spec.parse(
                _text(NAMES[3])
                .replace("calendar_quarter", "calendar_month")
                .replace("cap_per_quarter", "cap_per_month"),
                "months",
            )
        )
        if each.label in {"2026-04", "2026-05", "2026-06"}
    ]
    rows = tuple(
        Quantity(asset="P01", name=name, start_us=m.start_us, end_us=m.end_us, value=Decimal(value), unit=unit)
        for m, driver, energy in zip(months, (150, 160, 170), (255, 270, 281), strict=True)
        for name, value, unit in (("pumped_volume_1000m3", driver, "1000 m3"), ("actual_mwh", energy, "MWh"))
    )  # fmt: skip
    facts = Facts(durations={name: {} for name in contract.assets}, quantities=rows)
    found = assess(contract, savings, facts, Window(period=period, as_of_us=period.end_us))
    assert float(found.value or 0) == pytest.approx(63.916084, abs=1e-5)
    assert found.outcome is outcome
    if malus is not None:
        assert found.settlement.malus == Decimal(malus)


def test_failures_without_notice_cost_beyond_the_quota() -> None:
    # contracts.md 3.2: 8 failures, 5 with notice: 3 without, 2 allowed.
    found = _assessed(_contract(NAMES[3]), "NOTICE", "2026-Q1", quantities={"failures": 8, "failures_with_notice": 5})
    assert found.settlement.malus == Decimal("800.00")


def _faults(text: str) -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        spec.parse(text, "first wording")
    return {fault.path: fault.reason for fault in refused.value.faults}


def test_conditions_in_words_are_refused_with_what_they_are_in_cel() -> None:
    text = _text(NAMES[0])
    words = {
        "category == 'IU' && cause == 'customer_network'": "IU and cause == customer_network",
        "category == 'FO' && cause == 'operator_error_customer'": "FO and cause == operator_error_customer",
        "category == 'S' && cause == 'site_access_denied'": "category == S and cause == site_access_denied",
    }
    for cel, first in words.items():
        text = text.replace(cel, first)
    faults = _faults(text)
    assert list(faults) == [f"guarantees[0].overrides[{index}].when" for index in range(3)]
    assert [reason.partition("; in CEL: ")[2] for reason in faults.values()] == list(words)


def test_a_condition_on_measured_flow_is_refused_because_facts_have_no_flow() -> None:
    text = _text(NAMES[1]).replace(
        'evidence: "flow meter: flow above 1.10 times the contracted flow"',
        'when: "flow > 1.10 * contracted_flow", evidence: flow_meter',
    )
    assert _faults(text) == {
        "guarantees[0].excluded[1].when": "unknown variable 'contracted_flow', only category, cause, party"
    }


def test_the_first_wording_of_the_other_two_is_read_as_it_stands() -> None:
    exact, first = (
        _contract(NAMES[2]),
        _contract(NAMES[2], ("{first_days: 60, factor: 0.85}", "{first_days: 60, level: 0.85}")),
    )
    assert exact.guarantees == first.guarantees
    pumps = _contract(NAMES[3], (", x_mean: 155, sxx: 14300", ""))
    assert [each.id for each in pumps.guarantees] == ["FLEET_AVAIL", "SAVINGS", "RELIAB", "NOTICE"]


def test_a_bound_without_the_baseline_s_spread_can_never_be_decided_and_is_refused() -> None:
    text = (
        _text(NAMES[3])
        .replace(", x_mean: 155, sxx: 14300", "")
        .replace("decision: point_estimate", "decision: lower_bound_90")
    )
    assert _faults(text) == {"guarantees[1].decision": "lower_bound_90 needs x_mean and sxx of the baseline"}
