"""The settlement year as a whole: held against the level by the rules of a period, floors and tolerance with it."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.assessment import Settlement
from shared.contracts.finding import AssetFinding, Finding
from shared.contracts.money import BandKind, Caps, DeadBand, StepMoney, TrueUp, TrueUpBasis, UnitMoney
from shared.contracts.terms import FloorPerAsset, Kind
from tests.unit.contracts.money_terms import contract, entry, guarantee, hours, money, ratios

YEAR_END = TrueUp(basis=TrueUpBasis.RATIO_OF_SUMS, refund_if_met=True)
BY_PP = StepMoney(step_pp=Decimal(1), amount=Decimal(1000), rule=None)


def _quarter(*machines: str) -> Finding:
    """A quarter of 1,000 h for each machine, of which so many were up."""
    assets = tuple(
        AssetFinding(asset=f"P{number}", value=Fraction(up) / 1000, numerator=Fraction(up), denominator=Fraction(1000))
        for number, up in enumerate(machines, 1)
    )
    return hours(str(sum(int(up) for up in machines)), str(1000 * len(machines)), assets=assets)


def _year(*quarters: Finding, **parts: Any) -> list[Settlement]:
    floor = FloorPerAsset(level=Decimal("0.90"), amount=Decimal(2500))
    terms = guarantee(level="0.95", malus=(BY_PP,), floor=floor, true_up=YEAR_END, **parts)
    whole = contract(terms)
    return money(whole, [entry(whole, terms, each, number) for number, each in enumerate(quarters)])


def test_a_machine_below_its_floor_all_year_gets_nothing_of_its_floors_back() -> None:
    found = _year(*[_quarter("1000", "1000", "1000", "850")] * 4)
    assert [str(one.malus) for one in found] == ["2500.00"] * 4
    assert str(found[-1].refund) == "0.00"
    assert found[-1].steps[-1].endswith("met, P4 below the floor, nothing goes back")


def test_the_value_s_part_goes_back_all_the_same() -> None:
    """Q1 is 2 pp below the level and a machine below its floor all year: 2,000 go back, 4 * 2,500 do not."""
    found = _year(_quarter("960", "960", "960", "840"), *[_quarter("1000", "1000", "1000", "850")] * 3)
    assert [str(one.malus) for one in found] == ["4500.00", "2500.00", "2500.00", "2500.00"]
    assert str(found[-1].refund) == "2000.00"


def test_floors_the_year_has_met_go_back() -> None:
    found = _year(_quarter("1000", "1000", "1000", "850"), *[_quarter("1000", "1000", "1000", "1000")] * 3)
    assert [str(found[0].malus), str(found[-1].refund)] == ["2500.00", "2500.00"]


def test_of_a_malus_that_a_cap_has_cut_the_floors_part_stays() -> None:
    quarters = _quarter("960", "960", "960", "840"), *[_quarter("1000", "1000", "1000", "850")] * 3
    found = _year(*quarters, caps=Caps(malus_per_period=Decimal(3000)))
    assert [str(found[0].malus), str(found[-1].refund)] == ["3000.00", "500.00"]


def test_a_year_within_the_tolerance_of_consumption_has_met_it() -> None:
    """1,050, 1,010, 1,000 and 1,000 kWh for 1,000 expected each, 2 % tolerated: 1.015 over the year."""
    terms = guarantee(
        "SEC",
        "1",
        kind=Kind.ENERGY_INTENSITY,
        dead_band=DeadBand(kind=BandKind.DEDUCTIBLE, fraction=Decimal("0.02")),
        malus=(UnitMoney(price=Decimal("0.1")),),
        true_up=YEAR_END,
    )
    whole = contract(terms)

    def used(kwh: int) -> Finding:
        return Finding(
            value=Fraction(kwh, 1000), numerator=Fraction(kwh), denominator=Fraction(1000), sum_unit="kWh",
            shortfall=Fraction(kwh - 1000), expected=Fraction(1000),
        )  # fmt: skip

    quarters = [entry(whole, terms, used(kwh), at) for at, kwh in enumerate((1050, 1010, 1000, 1000))]
    found = money(whole, quarters)
    assert [str(one.malus) for one in found] == ["3.00", "0.00", "0.00", "0.00"]
    assert str(found[-1].refund) == "3.00"


def test_a_malus_that_goes_back_does_not_revive_one_that_stood_behind_it() -> None:
    first = guarantee("FIRST", malus=(BY_PP,), true_up=YEAR_END)
    behind = guarantee("BEHIND", malus=(BY_PP,), exclusive_of=("FIRST",))
    whole = contract(first, behind)
    entries = [one for terms in (first, behind) for one in ratios(whole, "0.96", "0.99", "0.99", "0.99", terms=terms)]
    assert str(money(whole, entries, "FIRST")[-1].refund) == "1000.00"
    assert [one.malus for one in money(whole, entries, "BEHIND")] == [0, 0, 0, 0]


_up = st.integers(800, 1000).map(str)


@settings(max_examples=60)
@given(st.lists(st.tuples(_up, _up), min_size=4, max_size=4), st.none() | st.integers(0, 9000).map(Decimal))
def test_a_year_gives_back_no_more_than_it_owes_and_floors_only_once_they_are_met(
    quarters: list[tuple[str, str]], cap: Decimal | None
) -> None:
    found = _year(*(_quarter(*each) for each in quarters), caps=Caps(malus_per_period=cap))
    owed = sum((one.malus or Decimal(0) for one in found), Decimal(0))
    refund, last = found[-1].refund, found[-1].steps[-1]
    assert refund is not None
    assert 0 <= refund <= owed
    year = [sum(int(up) for up in machine) for machine in zip(*quarters, strict=True)]
    met, floors_met = sum(year) >= 8000 * 0.95, all(up >= 4000 * 0.9 for up in year)
    assert met or refund == 0
    if met and floors_met:
        assert refund == owed
    elif met:
        assert "below the floor" in last
