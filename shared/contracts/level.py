"""Which level holds in a period: asked for by the verdict, before the money."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from shared.contracts.calendar_days import anniversary, midnight_us, years_begun
from shared.contracts.levels import Levels
from shared.contracts.periods import Period
from shared.contracts.terms import Contract, Guarantee, Kind
from shared.instant import from_us


def level_of(contract: Contract, guarantee: Guarantee, period: Period) -> Fraction:
    """The level of a period: each day's, weighted by its clock time in the contract's zone, exactly.

    Outside the term the first and the last contract year's hold. `RampUp.level` stands as it is; what goes off as
    machines age makes a guarantee milder, so where lower is better the level rises by that share. The level of energy
    saved is for a whole period, and a stub's is its share by time (`so_far`: also of one that runs).
    """
    whole = Fraction(0)
    for first, following in _stretches(contract, guarantee.levels, period):
        start_us = max(period.start_us, midnight_us(first, contract.zone))
        end_us = min(period.end_us, midnight_us(following, contract.zone))
        whole += _level_on(contract, guarantee, first) * (end_us - start_us)
    by_period = guarantee.kind is Kind.ENERGY_SAVINGS
    return whole / (period.full_us if by_period else period.duration_us)


def so_far(guarantee: Guarantee, period: Period, until_us: int) -> Period:
    """The period whose level holds at `until_us`: of energy saved what has passed, since its level grows with time."""
    if guarantee.kind is not Kind.ENERGY_SAVINGS or until_us >= period.end_us:
        return period
    return replace(period, end_us=max(period.start_us, until_us))


def _level_on(contract: Contract, guarantee: Guarantee, day: date) -> Fraction:
    levels = guarantee.levels
    ramp_up = levels.ramp_up
    in_ramp_up = ramp_up is not None and 0 <= (day - contract.start).days < ramp_up.first_days
    if ramp_up is not None and in_ramp_up and ramp_up.level is not None:
        return Fraction(ramp_up.level)
    years = max(0, min(years_begun(contract.start, day), years_begun(contract.start, contract.end)))
    level = _season_or_year(levels, day.month, years)
    if levels.degradation_per_year is not None:
        share = Fraction(levels.degradation_per_year)
        level *= (1 + share if guarantee.kind.lower_is_better else 1 - share) ** years
    if ramp_up is not None and in_ramp_up and ramp_up.factor is not None:
        level *= Fraction(ramp_up.factor)
    return level


def _season_or_year(levels: Levels, month: int, years: int) -> Fraction:
    for season in levels.seasons:
        if month in season.months:
            return Fraction(season.level)
    if levels.by_contract_year:
        return Fraction(levels.by_contract_year[min(years, len(levels.by_contract_year) - 1)])
    return Fraction(levels.base)


def _stretches(contract: Contract, levels: Levels, period: Period) -> list[tuple[date, date]]:
    """The period's days, `[first, following)`, cut where the level may change."""
    first = from_us(period.start_us).astimezone(contract.zone).date()
    following = from_us(period.end_us - 1).astimezone(contract.zone).date() + timedelta(days=1)
    cuts = {first, following}
    if levels.ramp_up is not None:
        cuts |= {contract.start, contract.start + timedelta(days=levels.ramp_up.first_days)}
    if levels.by_contract_year or levels.degradation_per_year is not None:
        begun = range(years_begun(contract.start, first), years_begun(contract.start, following) + 1)
        cuts |= {anniversary(contract.start, years) for years in begun}
    if levels.seasons:
        months = range(first.year * 12 + first.month, following.year * 12 + following.month)
        cuts |= {date(index // 12, index % 12 + 1, 1) for index in months}
    return list(pairwise(sorted(cut for cut in cuts if first <= cut <= following)))
