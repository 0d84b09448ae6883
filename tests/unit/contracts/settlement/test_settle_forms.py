"""Each form of money at the figures of the four contracts."""

from decimal import Decimal
from fractions import Fraction

import pytest

from shared.contracts.assessment import Settlement
from shared.contracts.finding import AssetFinding, Finding, Outcome, Reason
from shared.contracts.money import (
    BandKind,
    CapacityMoney,
    Caps,
    CarryOver,
    CountMoney,
    DeadBand,
    MakeGood,
    StepMoney,
    StepRule,
    Tier,
    TieredMoney,
    UnitMoney,
)
from shared.contracts.terms import FloorPerAsset, Kind
from tests.unit.contracts.money_terms import formula, guarantee, hours, ratio, settled

DEDUCTIBLE, FRANCHISE = BandKind.DEDUCTIBLE, BandKind.FRANCHISE


def test_full_steps_are_counted_exactly() -> None:
    # Contract C, Q1: .3 / .1 is 3 steps, where binary floats give 2 (contracts.md 3.2).
    terms = guarantee(
        level="0.92",
        dead_band=DeadBand(kind=DEDUCTIBLE, pp=Decimal("0.5")),
        malus=(StepMoney(step_pp=Decimal("0.1"), amount=Decimal(600), rule=StepRule.FULL),),
    )
    settlement = settled(terms, hours("1094.4", "1200"))
    assert settlement.malus == 1800
    assert settlement.steps == (
        "measured 0.912 against level 0.92: missed",
        "shortfall 0.8 pp - dead band 0.5 pp = 0.3 pp",
        "shortfall 0.3 pp / 0.1 pp = 3: 3 full step(s) * 600 = 1800",
        "rounded half up to 2 decimals: 1800.00 EUR",
    )


@pytest.mark.parametrize(("rule", "owed"), [(StepRule.STARTED, "1200.00"), (None, "771.89"), (StepRule.FULL, "0.00")])
def test_started_and_proportional_steps(rule: StepRule | None, owed: str) -> None:
    # Contract D, Q1-2026: one started tenth, or in proportion (golden PUMP-D).
    terms = guarantee(level="0.985", malus=(StepMoney(step_pp=Decimal("0.1"), amount=Decimal(1200), rule=rule),))
    assert str(settled(terms, hours("25296", "25698")).malus) == owed


def test_each_asset_below_its_floor_costs_also_where_the_fleet_is_fine() -> None:
    assets = (
        AssetFinding(asset="P07", value=Fraction(2001, 2119), numerator=Fraction(2001), denominator=Fraction(2119)),
        AssetFinding(asset="P08", value=Fraction(95, 100), numerator=Fraction(95), denominator=Fraction(100)),
        AssetFinding(asset="P09", value=None, numerator=Fraction(0), denominator=Fraction(0)),
    )
    terms = guarantee(
        level="0.985",
        floor=FloorPerAsset(level=Decimal("0.95"), amount=Decimal(2500)),
        malus=(StepMoney(step_pp=Decimal("0.1"), amount=Decimal(1200), rule=StepRule.STARTED),),
        caps=Caps(malus_per_period=Decimal(12000)),
    )
    both = settled(terms, hours("25296", "25698", assets=assets))
    assert str(both.malus) == "3700.00"  # 1 200 + 2 500, contract D (contracts.md 3.2)
    assert "P07 about 0.944313 below its floor 0.95: 2500" in both.steps
    alone = settled(terms, ratio("0.99", assets=assets))
    assert (str(alone.malus), str(alone.bonus)) == ("2500.00", "0.00")


@pytest.mark.parametrize(
    ("value", "owed"),
    [("0.995", "0.00"), ("0.9949", "490.00"), ("0.99", "490.00"), ("0.9899", "980.00"), ("0", "1960.00")],
)
def test_the_lowest_tier_reached_is_credited(value: str, owed: str) -> None:
    # Contract B SUPPLY (contracts.md 3.2); a tier begins below its bound.
    tiers = tuple(
        Tier(below=Decimal(below), fraction=Decimal(share))
        for below, share in (("0.995", "0.05"), ("0.99", "0.10"), ("0.98", "0.20"))
    )
    terms = guarantee(level="0.995", malus=(TieredMoney(tiers=tiers, of=Decimal(9800), of_name="base_monthly"),))
    settlement = settled(terms, ratio(value))
    assert str(settlement.malus) == owed
    if value == "0.9949":
        assert "tier below 0.995: 0.05 * base_monthly 9800 = 490" in settlement.steps


def intensity(actual: str, expected: str = "124057.908") -> Finding:
    used, due = Fraction(actual), Fraction(expected)
    return Finding(
        value=used / due, numerator=used, denominator=due, sum_unit="kWh", shortfall=used - due, expected=due
    )


@pytest.mark.parametrize(("kind", "owed"), [(DEDUCTIBLE, "197.34"), (FRANCHISE, "557.10")])
def test_a_dead_band_is_deducted_or_is_a_threshold(kind: BandKind, owed: str) -> None:
    # Contract B SEC, July 2026 (golden COMP-B).
    terms = guarantee(
        kind=Kind.ENERGY_INTENSITY,
        level="1",
        dead_band=DeadBand(kind=kind, fraction=Decimal("0.02")),
        malus=(UnitMoney(price=Decimal("0.145")),),
    )
    settlement = settled(terms, intensity("127900"))
    assert str(settlement.malus) == owed
    assert settlement.marginal_hour is None
    if kind is DEDUCTIBLE:
        assert "shortfall 3842.092 kWh - dead band 2481.15816 kWh = 1360.93384 kWh" in settlement.steps
    assert str(settled(terms, intensity("126539.06616")).malus) == "0.00"  # at the band exactly
    assert settled(terms, intensity("126539.06617")).malus == (0 if kind is DEDUCTIBLE else Decimal("359.77"))


def test_energy_saved_earns_its_share_and_no_band_is_taken_off() -> None:
    terms = guarantee(
        kind=Kind.ENERGY_INTENSITY,
        level="1",
        dead_band=DeadBand(kind=DEDUCTIBLE, fraction=Decimal("0.02")),
        malus=(UnitMoney(price=Decimal("0.145")),),
        bonus=(UnitMoney(price=Decimal("0.145"), share=Decimal("0.5")),),
    )
    settlement = settled(terms, intensity("123057.908"))
    assert (str(settlement.malus), str(settlement.bonus)) == ("0.00", "72.50")
    assert settled(terms, intensity("125000")).bonus == 0


def test_the_lower_bound_decides_about_savings_and_their_money() -> None:
    # Contract D SAVINGS: 63.916 MWh, lower bound 54.775 (contracts.md 3.2).
    def saved(**parts: object) -> Settlement:
        finding = Finding(
            value=Fraction("63.916"), numerator=Fraction("63.916"), denominator=Fraction(1), unit="MWh", sum_unit="MWh",
            **parts,  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
        terms = guarantee(
            kind=Kind.ENERGY_SAVINGS,
            level="60",
            malus=(UnitMoney(price=Decimal(140)),),
            carry_over=CarryOver(periods=2, share=Decimal("0.5")),
        )
        return settled(terms, finding)

    point = saved()
    assert (point.malus, point.surplus) == (0, Fraction("1.958"))
    assert point.steps[-1] == "1.958 MWh may be carried over"
    lower = saved(decided=(Outcome.MISSED, Reason.BELOW_LEVEL), shortfall=Fraction("5.22535"), expected=Fraction("250"))
    assert (str(lower.malus), lower.surplus) == ("731.55", 0)
    open_one = saved(decided=(Outcome.INCONCLUSIVE, Reason.NOT_PROVEN))
    assert open_one.malus == 0
    assert open_one.steps[-1].endswith("not proven, nothing is owed")


def test_a_test_without_failures_needs_no_value() -> None:
    finding = Finding(
        value=None, numerator=Fraction(0), denominator=Fraction(0), unit="h", sum_unit="h",
        decided=(Outcome.MET, Reason.PROVEN_ABOVE),
    )  # fmt: skip
    terms = guarantee(kind=Kind.MTBF, level="5000", make_good=MakeGood(by="root_cause_plan", within_days=30))
    settlement = settled(terms, finding)
    assert (settlement.malus, settlement.instead) == (0, None)


def test_breaches_beyond_what_is_allowed_cost_each() -> None:
    # Contract D NOTICE: 5 of 8 announced, 3 unannounced, 2 allowed (contracts.md 3.2).
    finding = Finding(
        value=Fraction(5, 8), numerator=Fraction(5), denominator=Fraction(8), sum_unit="failures", breaches=1
    )
    terms = guarantee(kind=Kind.FAILURE_NOTICE, level="0.70", malus=(CountMoney(amount=Decimal(800)),))
    assert str(settled(terms, finding).malus) == "800.00"


@pytest.mark.parametrize(
    ("value", "paid", "malus", "bonus"),
    [
        ("0.985", "101546.39", "0.00", "1546.39"),
        ("0.94", "93814.43", "6185.57", "0.00"),
        ("0", "0.00", "100000.00", "0.00"),
    ],
)
def test_a_capacity_payment_follows_the_availability(value: str, paid: str, malus: str, bonus: str) -> None:
    # contracts.md 3.1, no. 9, golden T = .97 and 100 000; the payment is never below nothing.
    terms = guarantee(
        malus=(CapacityMoney(amount=Decimal(100000), target=Decimal("0.97")),),
        bonus=(CapacityMoney(amount=Decimal(100000), target=Decimal("0.97")),),
    )
    settlement = settled(terms, ratio(value))
    assert (str(settlement.malus), str(settlement.bonus)) == (malus, bonus)
    assert settlement.malus is not None
    assert settlement.bonus is not None
    assert 100000 - settlement.malus + settlement.bonus == Decimal(paid)


def test_service_is_owed_instead_and_the_money_is_said() -> None:
    # Contract C OUTPUT: 14 EUR for each 1000 units, if the extra shift is not given.
    finding = Finding(
        value=Fraction(5900), numerator=Fraction(7_080_000), denominator=Fraction(1200), unit="1/h", sum_unit="units",
        shortfall=Fraction(120_500), expected=Fraction(7_200_000),
    )  # fmt: skip
    terms = guarantee(
        kind=Kind.OUTPUT,
        level="6000",
        make_good=MakeGood(by="extra_shift_support", within_days=30),
        malus=(UnitMoney(price=Decimal(14), per=Decimal(1000)),),
    )
    settlement = settled(terms, finding)
    assert (str(settlement.malus), str(settlement.computed_malus)) == ("0.00", "1687.00")
    assert settlement.instead == "extra_shift_support within 30 days"
    assert settlement.steps[-1] == (
        "extra_shift_support within 30 days is owed instead of 1687.00 EUR, which is owed if it is not rendered"
    )
    plan = settled(guarantee(make_good=MakeGood(by="root_cause_plan", within_days=30)), ratio("0.9"))
    assert (plan.malus, plan.instead) == (0, "root_cause_plan within 30 days")


def test_service_is_owed_also_where_its_money_is_not_known_yet() -> None:
    terms = guarantee(malus=(formula("actual_kwh * 2"),), make_good=MakeGood(by="extra_shift", within_days=30))
    settlement = settled(terms, ratio("0.9"))
    assert (settlement.malus, settlement.computed_malus) == (0, None)
    assert settlement.steps[-1] == (
        "extra_shift within 30 days is owed instead of the money, which is owed if it is not rendered"
    )
