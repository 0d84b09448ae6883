"""The price of a promise: what the same facts would have cost at other levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.backtest.bench import Bench
from shared.backtest.run import Judged, judge
from shared.contracts.finding import Outcome
from shared.contracts.levels import Levels
from shared.contracts.money import TieredMoney
from shared.contracts.periods import settlement_year
from shared.contracts.rounding import half_up
from shared.contracts.terms import Contract, Guarantee, Kind, PeriodKind
from shared.instant import DAY_US

# Kinds whose value is a share of what was possible, so that one range of levels suits them all.
_RATIOS = frozenset(
    {
        Kind.TIME_AVAILABILITY,
        Kind.TECHNICAL_AVAILABILITY,
        Kind.THRESHOLD_AVAILABILITY,
        Kind.PRODUCTION_AVAILABILITY,
        Kind.OEE,
        Kind.POWER_CURVE,
    }
)
# A year of the calendar, leap years in the mean of four.
_YEAR_DAYS = Fraction(36525, 100)
_PERIODS_A_YEAR = {
    PeriodKind.CALENDAR_MONTH: 12,
    PeriodKind.CALENDAR_QUARTER: 4,
    PeriodKind.CALENDAR_YEAR: 1,
    PeriodKind.CONTRACT_YEAR: 1,
}


class Basis(StrEnum):
    """How the money of the days asked about becomes that of a year."""

    WHOLE_YEARS = "whole_years"
    SCALED = "scaled"
    SCALED_TO_CAP = "scaled_to_cap"


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One guarantee at one flat level: malus less refund a year, None where an amount is not known.

    Of whole settlement years it is their mean; of other days that of 365.25 such days, at most what the caps leave of
    a year. `missed` of the `periods` that can be assessed would have been missed. `has_tiers`: the money hangs on
    limits of its own, which another level does not move.
    """

    guarantee_id: str
    level: Decimal
    malus_per_year: Decimal | None
    basis: Basis
    has_tiers: bool
    currency: str
    periods: int
    missed: int


_BASES = {
    Basis.WHOLE_YEARS: "the mean of whole settlement years, as they would have been settled",
    Basis.SCALED: "365.25 days like those asked about, which are no whole settlement years",
    Basis.SCALED_TO_CAP: "365.25 days like those asked about, held to what the caps of a year let be owed",
}


def levels_between(low: Decimal, high: Decimal, step: Decimal) -> list[Decimal]:
    """`low`, `low + step` and so on, `high` included when a step falls on it; ValueError for what is no range."""
    if not 0 < low <= high <= 1 or step <= 0:
        raise ValueError("levels are low:high:step with 0 < low <= high <= 1 and a step above 0")
    count = int((high - low) / step) + 1
    if count > 200:
        raise ValueError(f"{count} levels; at most 200")
    return [low + step * number for number in range(count)]


def prices(bench: Bench, levels: Sequence[Decimal]) -> list[Price]:
    """Each guarantee with a ratio at each level, the other promises as they are; seasons and ramp-ups are left out."""
    return list(_prices(bench, levels))


def said_of(prices: Sequence[Price]) -> Iterator[str]:
    """What the prices rest on, in sentences."""
    for basis, words in _BASES.items():
        named = dict.fromkeys(each.guarantee_id for each in prices if each.basis is basis)
        if named:
            yield f"Malus a year, {basis.replace('_', ' ')} ({', '.join(named)}): {words}."
    if tiered := dict.fromkeys(each.guarantee_id for each in prices if each.has_tiers):
        yield f"Tiers stay absolute: those of {', '.join(tiered)} keep their own limits at every level."


def _prices(bench: Bench, levels: Sequence[Decimal]) -> Iterator[Price]:
    for place, guarantee in enumerate(bench.contract.guarantees):
        if guarantee.kind not in _RATIOS:
            continue
        for level in levels:
            contract = _promising(bench.contract, place, level)
            yield _price(bench, guarantee, level, judge(bench, contract), place)


def _promising(contract: Contract, place: int, level: Decimal) -> Contract:
    guarantees = list(contract.guarantees)
    guarantees[place] = replace(guarantees[place], levels=Levels(base=level))
    return replace(contract, guarantees=tuple(guarantees))


def _price(bench: Bench, guarantee: Guarantee, level: Decimal, judged: Sequence[Judged], place: int) -> Price:
    found = [each.assessments[place] for each in judged]
    assessed = [each for each in found if each.outcome is not Outcome.NOT_ASSESSABLE]
    amounts = [each.settlement.malus for each in found]
    refunds = [each.settlement.refund or Decimal(0) for each in found]
    known = [amount for amount in amounts if amount is not None]
    is_known = bool(assessed) and len(known) == len(amounts)
    cost, basis = _a_year(bench, guarantee, Fraction(sum(known, Decimal(0)) - sum(refunds, Decimal(0))))
    return Price(
        guarantee_id=guarantee.id,
        level=level,
        malus_per_year=half_up(cost, guarantee.rounding.money_decimals) if is_known else None,
        basis=basis,
        has_tiers=any(isinstance(money, TieredMoney) for money in guarantee.malus),
        currency=bench.contract.currency,
        periods=len(assessed),
        missed=sum(each.outcome is Outcome.MISSED for each in assessed),
    )


def _a_year(bench: Bench, guarantee: Guarantee, cost: Fraction) -> tuple[Fraction, Basis]:
    """What `cost` over the days asked about is a year."""
    years = _whole_years(bench)
    if years:
        return cost / years, Basis.WHOLE_YEARS
    days = Fraction(bench.until_us - bench.start_us, DAY_US)
    scaled = cost * _YEAR_DAYS / days if days > 0 else cost
    most = _most_a_year(bench.contract, guarantee)
    if most is not None and most < scaled:
        return most, Basis.SCALED_TO_CAP
    return scaled, Basis.SCALED


def _whole_years(bench: Bench) -> int:
    """How many settlement years are asked about, if no part of another is and all are over; else 0."""
    years, reached_us = 0, bench.start_us
    while reached_us < bench.until_us:
        year = settlement_year(bench.contract, reached_us)
        if year.start_us != reached_us:
            return 0
        years, reached_us = years + 1, year.end_us
    return years if reached_us == bench.end_us else 0


def _most_a_year(contract: Contract, guarantee: Guarantee) -> Fraction | None:
    """The least of what caps of the year and of a year's periods, the guarantee's and the contract's, let be owed."""
    periods = _PERIODS_A_YEAR.get(contract.period)
    caps: list[Fraction] = []
    for each in (guarantee.caps, contract.caps):
        if each.malus_per_year is not None:
            caps.append(Fraction(each.malus_per_year))
        if each.malus_per_period is not None and periods is not None:
            caps.append(Fraction(each.malus_per_period) * periods)
    return min(caps, default=None)
