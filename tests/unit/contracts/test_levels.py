"""The level of a period: seasons, contract years, ramp-up and ageing, by clock time in the contract's zone."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.calendar_days import anniversary, midnight_us, years_begun
from shared.contracts.level import level_of
from shared.contracts.levels import Levels, RampUp, Season
from shared.contracts.periods import periods, periods_between
from shared.contracts.terms import Contract, Guarantee, Kind, PeriodKind
from shared.instant import to_us
from tests.unit.contracts.money_terms import contract, guarantee


def held(levels: Levels, kind: Kind = Kind.TIME_AVAILABILITY, **parts: Any) -> tuple[Contract, Guarantee]:
    terms = guarantee(levels=levels, kind=kind)
    return contract(terms, **parts), terms


def test_a_flat_level_is_itself() -> None:
    whole, terms = held(Levels(base=Decimal("0.97")))
    assert {level_of(whole, terms, period) for period in periods(whole)} == {Fraction(97, 100)}


def test_seasons_weigh_by_the_hours_of_their_months_also_when_a_clock_is_moved() -> None:
    # 96 % Jun-Oct and Dec-Feb, 94 % Mar-May and Nov (a public tender, contracts.md 3.1 no. 4); March 2026 has 743 h.
    levels = Levels(base=Decimal("0.96"), seasons=(Season(months=frozenset({3, 4, 5, 11}), level=Decimal("0.94")),))
    whole, terms = held(levels)
    first, second, third, _ = periods(whole)[:4]
    hours = 31 * 24 + 28 * 24
    assert level_of(whole, terms, first) == (Fraction("0.96") * hours + Fraction("0.94") * 743) / (hours + 743)
    assert level_of(whole, terms, third) == Fraction("0.96")
    assert Fraction("0.94") < level_of(whole, terms, second) < Fraction("0.96")


def test_the_first_days_of_the_term_are_held_to_less() -> None:
    # Contract C OUTPUT: 60 days at 85 % of 6000 pieces an hour, the quarter has 2159 h.
    by_factor = Levels(base=Decimal(6000), ramp_up=RampUp(first_days=60, factor=Decimal("0.85")))
    whole, terms = held(by_factor, Kind.OUTPUT)
    first, second = periods(whole)[:2]
    assert level_of(whole, terms, first) == Fraction(5100 * 1440 + 6000 * 719, 2159)
    assert level_of(whole, terms, second) == 6000
    whole, terms = held(Levels(base=Decimal("0.97"), ramp_up=RampUp(first_days=90, level=Decimal("0.9"))))
    assert level_of(whole, terms, first) == Fraction("0.9")


def test_contract_years_step_and_the_last_level_stays() -> None:
    levels = Levels(base=Decimal("0.5"), by_contract_year=(Decimal("0.95"), Decimal("0.96"), Decimal("0.97")))
    whole, terms = held(
        levels, start=date(2024, 4, 1), end=date(2029, 3, 31), period=PeriodKind.CALENDAR_YEAR, zone=ZoneInfo("UTC")
    )
    found = [level_of(whole, terms, period) for period in periods(whole)]
    assert found[0] == Fraction("0.95")
    assert found[1] == (Fraction("0.95") * 90 + Fraction("0.96") * 275) / 365
    assert found[4:] == [Fraction("0.97")] * 2


def test_ageing_compounds_by_the_contract_year_and_raises_what_is_better_low() -> None:
    levels = Levels(base=Decimal("0.97"), degradation_per_year=Decimal("0.01"))
    whole, terms = held(levels, period=PeriodKind.CONTRACT_YEAR)
    lower, consumption = held(levels, Kind.ENERGY_INTENSITY, period=PeriodKind.CONTRACT_YEAR)
    for number, period in enumerate(periods(whole)):
        assert level_of(whole, terms, period) == Fraction("0.97") * Fraction(99, 100) ** number
        assert level_of(lower, consumption, period) == Fraction("0.97") * Fraction(101, 100) ** number


def test_outside_the_term_the_first_and_the_last_year_hold() -> None:
    levels = Levels(
        base=Decimal(1),
        by_contract_year=(Decimal("0.95"), Decimal("0.96")),
        degradation_per_year=Decimal("0.1"),
        ramp_up=RampUp(first_days=30, level=Decimal("0.5")),
    )
    whole, terms = held(levels, end=date(2027, 12, 31), period=PeriodKind.CONTRACT_YEAR)
    before = periods_between(whole, date(2023, 1, 1), date(2025, 1, 1))
    after = periods_between(whole, date(2029, 1, 1), date(2031, 1, 1))
    assert {level_of(whole, terms, period) for period in before} == {Fraction("0.95")}
    assert {level_of(whole, terms, period) for period in after} == {Fraction("0.96") * Fraction("0.9")}


def test_energy_to_be_saved_in_a_stub_is_its_share() -> None:
    whole, terms = held(Levels(base=Decimal(60)), Kind.ENERGY_SAVINGS, start=date(2026, 3, 1), zone=ZoneInfo("UTC"))
    stub, full = periods(whole)[:2]
    assert level_of(whole, terms, stub) == Fraction(60 * 31, 90)
    assert level_of(whole, terms, full) == 60


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Australia/Lord_Howe", "America/Santiago"])
@settings(max_examples=25)
@given(day=st.integers(min_value=0, max_value=1400))
def test_a_period_is_the_mean_of_its_days_by_clock_time(zone: str, day: int) -> None:
    levels = Levels(
        base=Decimal("0.9"),
        by_contract_year=(Decimal("0.91"), Decimal("0.93")),
        seasons=(Season(months=frozenset({6, 7}), level=Decimal("0.8")),),
        ramp_up=RampUp(first_days=45, factor=Decimal("0.5")),
        degradation_per_year=Decimal("0.02"),
    )
    whole, terms = held(levels, start=date(2024, 2, 29), end=date(2027, 11, 5), zone=ZoneInfo(zone))
    first = date.fromordinal(whole.start.toordinal() + min(day, 1340))
    (period, *_) = periods_between(whole, first, whole.end)
    days = [
        one
        for number in range(100)
        for one in periods_between(
            whole, date.fromordinal(first.toordinal() + number), date.fromordinal(first.toordinal() + number + 1)
        )
        if one.start_us < period.end_us
    ]
    total = sum(level_of(whole, terms, one) * one.duration_us for one in days)
    assert level_of(whole, terms, period) == total / period.duration_us


def test_years_turn_on_the_anniversary() -> None:
    leap = date(2024, 2, 29)
    assert [anniversary(leap, years) for years in (-1, 1, 4)] == [date(2023, 3, 1), date(2025, 3, 1), date(2028, 2, 29)]
    assert years_begun(leap, date(2025, 2, 28)) == 0
    assert years_begun(leap, date(2025, 3, 1)) == 1
    assert years_begun(leap, date(2024, 2, 28)) == -1
    moved = midnight_us(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
    assert moved == to_us(datetime(2018, 11, 4, 3, tzinfo=UTC))
