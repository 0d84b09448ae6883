"""Banking: surplus of earlier periods for later ones."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from shared.contracts.finding import Finding, Outcome, Reason
from shared.contracts.money import (
    BandKind,
    CarryOver,
    DeadBand,
    StepMoney,
    UnitMoney,
)
from shared.contracts.terms import Kind
from tests.unit.contracts.money_terms import contract, entry, guarantee, money, ratios

BY_PP = StepMoney(step_pp=Decimal(1), amount=Decimal(1000), rule=None)


def test_surplus_makes_good_for_the_next_periods() -> None:
    terms = guarantee(malus=(BY_PP,), carry_over=CarryOver(periods=1, max_pp=Decimal("1.0")))
    whole = contract(terms)
    found = money(whole, ratios(whole, "0.985", "0.965", "0.96"))
    assert [str(one.malus) for one in found] == ["0.00", "0.00", "1000.00"]
    assert [one.surplus for one in found] == [1, 0, 0]
    assert [one.carried_in for one in found] == [0, Fraction(1, 2), 0]
    assert found[1].steps[0] == "0.5 pp carried over from the period of 2026-01-01"
    short = money(whole, ratios(whole, "0.973", "0.96"))
    assert (str(short[1].malus), short[1].carried_in) == ("700.00", Fraction(3, 10))


def test_surplus_goes_oldest_first_lapses_and_reaches_the_dead_band_only() -> None:
    terms = guarantee(
        malus=(BY_PP,),
        carry_over=CarryOver(periods=2),
        dead_band=DeadBand(kind=BandKind.DEDUCTIBLE, pp=Decimal("0.5")),
    )
    whole = contract(terms)
    found = money(whole, ratios(whole, "0.98", "0.975", "0.968", "0.95", "0.96"))
    # 1 and .5 are kept; .2 pp lies in the band and uses none; of 2 pp 1.5 lie beyond it and .5 is left to make good.
    assert [one.carried_in for one in found] == [0, 0, 0, Fraction(1, 2), 0]
    assert [str(one.malus) for one in found] == ["0.00", "0.00", "0.00", "1000.00", "500.00"]


def test_surplus_of_energy_saved_is_carried_in_its_own_unit() -> None:
    # Contract D SAVINGS: half of 3.916 MWh is kept (contracts.md 3.2).
    terms = guarantee(
        "SAVINGS", "60", kind=Kind.ENERGY_SAVINGS,
        malus=(UnitMoney(price=Decimal(140)),), carry_over=CarryOver(periods=2, share=Decimal("0.5")),
    )  # fmt: skip
    whole = contract(terms)

    def saved(mwh: str, **parts: Any) -> Finding:
        return Finding(
            value=Fraction(mwh), numerator=Fraction(mwh), denominator=Fraction(1), unit="MWh", sum_unit="MWh", **parts
        )

    lower = saved("63", decided=(Outcome.MISSED, Reason.BELOW_LEVEL), shortfall=Fraction(2))
    entries = [entry(whole, terms, finding, number) for number, finding in enumerate([saved("63.916"), saved("57")])]
    found = money(whole, entries)
    assert (found[1].carried_in, str(found[1].malus)) == (Fraction("1.958"), "145.88")
    by_bound = money(whole, [entries[0], entry(whole, terms, lower, 1)])[1]
    assert (by_bound.carried_in, str(by_bound.malus)) == (Fraction("1.958"), "5.88")
    enough = saved("63", decided=(Outcome.MISSED, Reason.BELOW_LEVEL), shortfall=Fraction(1))
    made = money(whole, [entries[0], entry(whole, terms, enough, 1)])[1]
    assert (made.carried_in, str(made.malus)) == (1, "0.00")


def test_a_gap_in_the_periods_breaks_the_chain_and_what_is_kept_of_a_ratio_in_units_is_bounded_in_pp() -> None:
    terms = guarantee(malus=(BY_PP,), carry_over=CarryOver(periods=3))
    whole = contract(terms)
    first, second, third = ratios(whole, "0.98", "0.97", "0.965")
    assert money(whole, [first, second, third])[-1].carried_in == Fraction(1, 2)
    assert money(whole, [first, third])[-1].carried_in == 0
    curve = guarantee(
        kind=Kind.POWER_CURVE,
        malus=(UnitMoney(price=Decimal(62)),),
        carry_over=CarryOver(periods=1, max_pp=Decimal(1)),
        dead_band=DeadBand(kind=BandKind.DEDUCTIBLE, pp=Decimal("0.5")),
    )
    whole = contract(curve)

    def energy(made: int) -> Finding:
        value, asked = Fraction(made, 5000), Fraction(4850)
        return Finding(
            value=value, numerator=Fraction(made), denominator=Fraction(5000), sum_unit="MWh",
            shortfall=asked - made, expected=asked,
        )  # fmt: skip

    better, worse = (entry(whole, curve, energy(made), number) for number, made in enumerate((4950, 4750)))
    found = money(whole, [better, worse])
    # 100 MWh more, 50 are one point; then 100 less, 25 of them within half a point, 50 made good: 25 * 62.
    assert [found[0].surplus, found[1].carried_in, str(found[1].malus)] == [50, 50, "1550.00"]


def test_what_earned_a_bonus_is_not_kept_as_well() -> None:
    per_pp = StepMoney(step_pp=Decimal(1), amount=Decimal(500), rule=None)
    terms = guarantee(malus=(BY_PP,), bonus=(per_pp,), carry_over=CarryOver(periods=3))
    whole = contract(terms)
    found = money(whole, ratios(whole, "0.99", "0.96"))
    assert [(str(one.malus), str(one.bonus), one.surplus) for one in found] == [
        ("0.00", "1000.00", 0),
        ("1000.00", "0.00", 0),
    ]


def test_what_lies_below_the_value_a_bonus_is_paid_above_is_kept() -> None:
    above = StepMoney(step_pp=Decimal(1), amount=Decimal(500), rule=None, above=Decimal("0.98"))
    terms = guarantee(malus=(BY_PP,), bonus=(above,), carry_over=CarryOver(periods=3))
    whole = contract(terms)
    found = money(whole, ratios(whole, "0.975", "0.99"))
    assert [(str(one.bonus), one.surplus) for one in found] == [("0.00", Fraction(1, 2)), ("500.00", 1)]
