"""Verdict to money, with the steps in words."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from shared.contracts.assessment import Settlement
from shared.contracts.finding import AssetFinding, Finding, Outcome, Reason
from shared.contracts.money import (
    CapacityMoney,
    Caps,
    CountMoney,
    Indexation,
    StepMoney,
    UnitMoney,
)
from shared.contracts.terms import FloorPerAsset, Kind, PeriodKind
from tests.unit.contracts.money_terms import contract, formula, guarantee, hours, money, ratio, ratios, settled

MEASURES = {"unavailable_h": Fraction(100), "denominator_h": Fraction(8000), "period_h": Fraction(8760)}
WIND_MALUS = formula("(level/measured - 1) * actual_output_mwh * rate", rate="62")
WIND_BONUS = formula("(measured/0.98 - 1) * actual_output_mwh * rate * share", above="0.98", rate="62", share="0.5")
WIND_CAPS = Caps(malus_per_period=Decimal("29750.00"), bonus_per_period=Decimal("12750.00"))
OUTPUT = {"actual_output_mwh": Fraction(4812)}


def by_formula(value: str | None, source: str = "unavailable_h * rate", cap: str | None = None) -> Settlement:
    terms = guarantee(
        malus=(formula(source, rate="62"),), caps=Caps(malus_per_period=None if cap is None else Decimal(cap))
    )
    if value is None:
        return settled(terms, hours("0", "0", measures=MEASURES))
    return settled(terms, ratio(value, measures=MEASURES))


def test_each_step_says_what_it_did() -> None:
    terms = guarantee(malus=(WIND_MALUS,), caps=WIND_CAPS, value_decimals=4)
    settlement = settled(terms, hours("7840", "8316.8", measures=OUTPUT))
    assert str(settlement.malus) == "8639.85"  # contract A, domain/contracts.md 3.2
    assert settlement.steps == (
        "measured 0.9427 against level 0.97: missed",
        "(level/measured - 1) * actual_output_mwh * rate = about 8639.854885 with "
        "actual_output_mwh = 4812, level = 0.97, measured = 0.9427, rate = 62",
        "rounded half up to 2 decimals: 8639.85 EUR",
        "cap of the period 29750.00 EUR: not reached",
    )


def test_without_rounding_of_the_value_wind_a_owes_more() -> None:
    terms = guarantee(malus=(WIND_MALUS,), caps=WIND_CAPS)
    assert str(settled(terms, hours("7840", "8316.8", measures=OUTPUT)).malus) == "8649.54"  # contracts.md 3.2 A


def test_a_bonus_is_earned_above_its_own_bound_only() -> None:
    terms = guarantee(malus=(WIND_MALUS,), bonus=(WIND_BONUS,), caps=WIND_CAPS, value_decimals=4)
    better = settled(terms, ratio("0.985", measures=OUTPUT))
    assert (str(better.malus), str(better.bonus)) == ("0.00", "761.08")  # contracts.md 3.2 A
    between = settled(terms, ratio("0.98", measures=OUTPUT))
    assert (str(between.malus), str(between.bonus)) == ("0.00", "0.00")
    assert "not better than 0.98: no bonus" in between.steps


def test_nothing_is_owed_at_the_level_or_where_nothing_counts() -> None:
    assert str(by_formula("0.97").malus) == "0.00"
    assert by_formula("0.97").steps == ("measured 0.97 against level 0.97: met, nothing is owed",)
    assert str(by_formula(None).malus) == "0.00"
    assert by_formula(None).steps == ("no time counts: nothing is owed",)
    assert str(by_formula("0.9699").malus) == "6200.00"


def test_money_is_rounded_half_up() -> None:
    assert str(by_formula("0.9", "1.005").malus) == "1.01"
    assert str(by_formula("0.9", "2 / 3").malus) == "0.67"


def test_a_cap_is_paid_and_said() -> None:
    settlement = by_formula("0.9", cap="490.009")
    assert (str(settlement.malus), settlement.capped, settlement.cap) == ("490.00", True, "period")
    assert settlement.steps[-1] == "cap of the period 490.009 EUR: 490.00 EUR is owed"


def test_a_formula_below_nothing_owes_nothing() -> None:
    settlement = by_formula("0.9", "-1 * rate")
    assert str(settlement.malus) == "0.00"
    assert "below nothing: nothing is owed" in settlement.steps


def test_a_quantity_that_is_not_known_leaves_the_malus_open() -> None:
    settlement = by_formula("0.9", "actual_output_mwh * rate")
    assert settlement.malus is None
    assert settlement.steps[-1] == "actual_output_mwh not known: the malus cannot be computed yet"


def test_no_availability_at_all_is_the_cap_and_without_one_has_no_sum() -> None:
    ratio_form = "(level/measured - 1) * rate"
    assert by_formula("0", ratio_form, "1000").malus == 1000
    assert by_formula("0", ratio_form).malus is None
    by_other = by_formula("0.9", "rate / (denominator_h - 8000)", "1000")
    assert by_other.malus is None
    assert "divides by zero" in by_other.steps[-1]


def test_no_agreed_malus_is_none_owed() -> None:
    settlement = settled(guarantee(), ratio("0.5"))
    assert str(settlement.malus) == "0.00"
    assert settlement.steps[-1] == "no malus is agreed"
    assert not settlement.agreed


def test_a_value_that_waits_for_a_quantity_is_not_nothing() -> None:
    waiting = Finding(
        value=None,
        numerator=Fraction(0),
        denominator=Fraction(0),
        sum_unit="kWh",
        reason=Reason.MISSING_QUANTITY,
        notes=("no actual_kwh in kWh",),
    )
    settlement = settled(guarantee(malus=(UnitMoney(price=Decimal(1)),)), waiting)
    assert (settlement.malus, settlement.bonus) == (None, 0)
    assert settlement.steps == ("no actual_kwh in kWh", "no value yet: the money cannot be computed")


@pytest.mark.parametrize(
    ("values", "owed", "said"),
    [
        ({"2024-04": "120", "2025-04": "126"}, "1050.00", "index HICP 2025-04 126 / 2024-04 120 = 1.05: 1050"),
        ({"2024-04": "120", "2025": "123"}, "1025.00", "index HICP 2025 123 / 2024-04 120 = 1.025: 1025"),
        ({"2024-04": "120"}, "1000.00", "index HICP of 2025-04 not given: settled at the base"),
        ({}, "1000.00", "index HICP of 2024-04 not given: settled without it"),
    ],
)
def test_rates_follow_the_index_of_the_periods_year(values: dict[str, str], owed: str, said: str) -> None:
    terms = guarantee(
        malus=(formula("1000"),),
        indexation=Indexation(
            index="HICP", base="2024-04", values={key: Decimal(value) for key, value in values.items()}
        ),
    )
    settlement = settled(
        terms,
        ratio("0.9"),
        start=date(2025, 4, 1),
        period=PeriodKind.CONTRACT_YEAR,
        settlement_year=PeriodKind.CONTRACT_YEAR,
    )
    assert str(settlement.malus) == owed
    assert said in settlement.steps


def test_one_more_hour_costs_what_it_adds_to_the_malus_and_takes_from_the_bonus() -> None:
    # 1 h of 10,000 is .01 pp.
    terms = guarantee(
        malus=(StepMoney(step_pp=Decimal(1), amount=Decimal(1000), rule=None),),
        bonus=(StepMoney(step_pp=Decimal(1), amount=Decimal(900), rule=None, above=Decimal("0.98")),),
        caps=Caps(malus_per_period=Decimal(5000)),
    )
    whole = contract(terms)
    for value, price in (("0.95", 10), ("0.99", 9), ("0.975", 0), ("0.9", 0)):  # of the last the cap has bitten
        assert money(whole, ratios(whole, value))[0].marginal_hour == price


def test_breaches_have_their_price_also_where_there_is_no_value() -> None:
    """No failure at all, and a run in vibration zone D: missed by its own test, with no failure to pay for."""
    terms = guarantee("NOTICE", "0.7", kind=Kind.FAILURE_NOTICE, malus=(CountMoney(amount=Decimal(800)),))
    decided = (Outcome.MISSED, Reason.ABOVE_LEVEL)
    none = Finding(value=None, numerator=Fraction(0), denominator=Fraction(0), breaches=0, decided=decided)
    assert str(settled(terms, none).malus) == "0.00"
    unknown = Finding(value=None, numerator=Fraction(0), denominator=Fraction(0), decided=decided)
    assert settled(terms, unknown).malus is None


def test_a_machine_meets_its_floor_with_the_value_the_contract_rounds() -> None:
    terms = guarantee(level="0.9", value_decimals=4, floor=FloorPerAsset(level=Decimal("0.93"), amount=Decimal(2500)))

    def machine(value: str) -> Finding:
        asset = AssetFinding(asset="P07", value=Fraction(value), numerator=Fraction(value), denominator=Fraction(1))
        return ratio("0.95", assets=(asset,))

    assert settled(terms, machine("0.92995")).malus == 0  # 0.9300 by the contract's rule
    assert settled(terms, machine("0.92994")).malus == 2500


def test_payment_for_capacity_is_held_against_the_level_of_its_period() -> None:
    # The capacity form of contracts.md 3.1, at a winter's level of 94 %: 93 % is 2 * .01 / .94 of it less.
    capacity = CapacityMoney(amount=Decimal(100000))
    terms = guarantee(level="0.97", malus=(capacity,), bonus=(capacity,))
    assert str(settled(terms, ratio("0.93"), level=Fraction("0.94")).malus) == "2127.66"
    assert str(settled(terms, ratio("0.95"), level=Fraction("0.94")).bonus) == "1063.83"
    assert settled(terms, ratio("0"), level=Fraction(0)).malus == 0
