"""How much of an allowance one asset is granted, and over which stretch of time. Third step of charging."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction

from shared.contracts.charging.ruling import Key, Ruling, needs_timelines
from shared.contracts.charging.stretches import stretches
from shared.contracts.facts import Facts, Window
from shared.contracts.measured import Allowance, Per
from shared.contracts.periods import Period, midnight_us, periods_between, settlement_year
from shared.contracts.terms import Contract
from shared.instant import HOUR_US, from_us

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What one asset may use up in `[start_us, end_us)`; None without limit."""

    start_us: int
    end_us: int
    us: Fraction | None


def grants(contract: Contract, allowance: Allowance, window: Window) -> list[Grant]:
    """What one asset is granted in the window, in order; nothing used up earlier is taken off yet.

    Hours are granted for a whole period (month, settlement year) and in proportion for a part of one, unless the
    allowance is not prorated: then any part has all of it. The settlement year in which the window begins has all its
    hours (a stub at the edge of the term its share), later ones in the same window their share. A fraction is of
    the window's clock time. A running window is granted all of it from its start.
    """
    if allowance.fraction is not None:
        clock_us = window.end_us - window.start_us
        return [Grant(start_us=window.start_us, end_us=window.end_us, us=Fraction(allowance.fraction) * clock_us)]
    if allowance.hours is None:
        return [Grant(start_us=window.start_us, end_us=window.end_us, us=None)]
    if allowance.per is Per.YEAR:
        return list(_by_year(contract, allowance, window))
    spans = _months(contract, window) if allowance.per is Per.MONTH else _grid(contract, window)
    return [
        Grant(start_us=start_us, end_us=end_us, us=_hours_us(allowance) * (share if allowance.prorate else 1))
        for start_us, end_us, share in (_overlap(span, window) for span in spans)
        if start_us < end_us
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What each asset may use up in one window, under one policy: allowances without what earlier time has used."""

    contract: Contract
    ruling: Ruling
    facts: Facts
    window: Window
    granted: dict[Allowance, list[Grant]] = field(default_factory=dict)

    def left(self, allowance: Allowance, asset: str) -> list[Grant]:
        """What the asset is granted in the window; of the settlement year in which it begins what is left by then.

        That is its hours less what facts of the allowance used up earlier in the year, and where it rolls, with what
        the year before left on top.
        """
        if allowance not in self.granted:
            self.granted[allowance] = grants(self.contract, allowance, self.window)
        granted = self.granted[allowance]
        first = granted[0]
        if allowance.per is not Per.YEAR or first.us is None:
            return granted
        left_us = first.us + self._carried(allowance, asset) - self._used_earlier(allowance, asset)
        return [replace(first, us=max(Fraction(0), left_us)), *granted[1:]]

    def left_us(self, allowance: Allowance, asset: str) -> Fraction | None:
        """The same as one sum over the window; None without limit."""
        granted = [grant.us for grant in self.left(allowance, asset)]
        limits = [us for us in granted if us is not None]
        return sum(limits, Fraction(0)) if len(limits) == len(granted) else None

    def _carried(self, allowance: Allowance, asset: str) -> Fraction:
        """What the settlement year before left over; nothing before the term, or when that year is not known."""
        contract, known = self.contract, self.facts.last_year.get(asset)
        year = settlement_year(contract, self.window.start_us)
        if not allowance.rolls or known is None or year.start_us <= midnight_us(contract.start, contract.zone):
            return Fraction(0)
        before = settlement_year(contract, year.start_us - 1)
        granted = _hours_us(allowance) * _share_of_year(contract, allowance, before)
        return max(Fraction(0), granted - self._used(allowance, known))

    def _used_earlier(self, allowance: Allowance, asset: str) -> int:
        intervals = self.facts.earlier_timelines.get(asset)
        if not intervals or not needs_timelines(self.ruling.policy):
            return self._used(allowance, self.facts.earlier.get(asset, {}))
        earlier = stretches(self.contract, self.ruling, intervals, intervals[0].start_us, self.window.start_us)
        return sum(each.duration_us for each in earlier if each.rule == allowance and not each.barred)

    def _used(self, allowance: Allowance, time_us: Mapping[Key, int]) -> int:
        return sum(duration for key, duration in time_us.items() if self.ruling.rule(key) == allowance)


def _by_year(contract: Contract, allowance: Allowance, window: Window) -> Iterator[Grant]:
    year = settlement_year(contract, window.start_us)
    share = _share_of_year(contract, allowance, year)
    yield Grant(start_us=window.start_us, end_us=min(year.end_us, window.end_us), us=_hours_us(allowance) * share)
    while year.end_us < window.end_us:
        year = settlement_year(contract, year.end_us)
        start_us, end_us, share = _overlap(year, window)
        yield Grant(start_us=start_us, end_us=end_us, us=_hours_us(allowance) * share)


def _share_of_year(contract: Contract, allowance: Allowance, year: Period) -> Fraction:
    """What of a settlement year lies in the term, where a stub has only its share; all of a year outside of it."""
    start_us = max(year.start_us, midnight_us(contract.start, contract.zone))
    end_us = min(year.end_us, midnight_us(contract.end + _DAY, contract.zone))
    if not allowance.prorate or start_us >= end_us:
        return Fraction(1)
    return Fraction(end_us - start_us, year.full_us)


def _grid(contract: Contract, window: Window) -> list[Period]:
    first = from_us(window.start_us).astimezone(contract.zone).date()
    last = from_us(window.end_us - 1).astimezone(contract.zone).date()
    return periods_between(contract, first, last + _DAY)


def _months(contract: Contract, window: Window) -> Iterator[Period]:
    """The whole calendar months that the window touches."""
    day = from_us(window.start_us).astimezone(contract.zone).date().replace(day=1)
    while (start_us := midnight_us(day, contract.zone)) < window.end_us:
        following = (day + 31 * _DAY).replace(day=1)
        end_us = midnight_us(following, contract.zone)
        yield Period(start_us=start_us, end_us=end_us, full_us=end_us - start_us, label=f"{day:%Y-%m}")
        day = following


def _overlap(span: Period, window: Window) -> tuple[int, int, Fraction]:
    """What of a period lies in the window, and which share of its uncut length that is."""
    start_us, end_us = max(span.start_us, window.start_us), min(span.end_us, window.end_us)
    return start_us, end_us, Fraction(max(0, end_us - start_us), span.full_us)


def _hours_us(allowance: Allowance) -> Fraction:
    assert allowance.hours is not None
    return Fraction(allowance.hours) * HOUR_US
