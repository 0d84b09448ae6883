"""Which facts bear on a guarantee and period: what whoever keeps facts must cut of them for its judge."""

from dataclasses import dataclass
from typing import Final

from shared.contracts.facts import Window
from shared.contracts.kinds.registry import needs_timelines, policy_of, window_of
from shared.contracts.measured import Per, Priority, ResponseMeasure
from shared.contracts.periods import Period, midnight_us, settlement_year
from shared.contracts.terms import Contract, Guarantee
from shared.instant import DAY_US, MINUTE_US

# How far before a window its judge may look to see when a stop began.
LEAD_US: Final = 31 * DAY_US

# What holidays and pauses may put off a promise beyond its service hours.
_PUT_OFF_US: Final = 14 * DAY_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """The facts of `[start_us, until_us)` that a judge looks at; guarantees of equal needs are given the same.

    `year_us` is when the settlement year of the start begins. `by_year`: the sums from then on are asked for; `rolls`:
    those of the year before, from `last_year_us`, too. `intervals`: from `LEAD_US` before the start, and of `by_year`.
    """

    start_us: int
    until_us: int
    year_us: int
    last_year_us: int
    intervals: bool
    by_year: bool
    rolls: bool

    @property
    def has_earlier(self) -> bool:
        """Whether what the settlement year brought before the start is asked for, and there is any of it."""
        return self.by_year and self.year_us < self.start_us

    @property
    def reach_us(self) -> int:
        """The first instant that facts are looked at of."""
        reached = self.start_us - LEAD_US if self.intervals else self.start_us
        if self.by_year or self.rolls:
            reached = min(reached, self.year_us)
        return min(reached, self.last_year_us) if self.rolls else reached


def undecided_us(contract: Contract) -> int:
    """How long after a period's end the clock alone may still decide about it: until the last promise has run out."""
    measures = (guarantee.measure for guarantee in contract.guarantees)
    promised = (_promised_us(each) for m in measures if isinstance(m, ResponseMeasure) for each in m.priorities)
    return max(promised, default=0)


def _promised_us(priority: Priority) -> int:
    longest_us = max(priority.respond_us or 0, priority.restore_us or 0)
    weekly_us = sum(end - start for _, start, end in priority.hours.weekly) * MINUTE_US
    clock_us = longest_us if not weekly_us else -(-longest_us // weekly_us) * 7 * DAY_US
    return clock_us + _PUT_OFF_US


def needs_of(contract: Contract, guarantee: Guarantee, period: Period, as_of_us: int) -> Needs:
    """What the guarantee's judge is given of the period, or of the stretch that decides about it."""
    window = Window(period=window_of(contract, guarantee, period), as_of_us=as_of_us)
    policy = policy_of(guarantee)
    allowances = () if policy is None else policy.allowances
    year_us = _year_start_us(contract, window.start_us)
    return Needs(
        start_us=window.start_us,
        until_us=window.until_us,
        year_us=year_us,
        last_year_us=_year_start_us(contract, year_us - 1),
        intervals=needs_timelines(guarantee),
        by_year=any(allowance.per is Per.YEAR for allowance in allowances),
        rolls=any(allowance.rolls for allowance in allowances),
    )


def reach_us(contract: Contract, period: Period) -> int:
    """How far back facts bear on what is said of a period: its start, or earlier where a guarantee looks back."""
    reached = (needs_of(contract, each, period, period.end_us).reach_us for each in contract.guarantees)
    return min(period.start_us, *reached)


def _year_start_us(contract: Contract, at_us: int) -> int:
    """When the settlement year of an instant begins, not before the term if the instant lies in it."""
    term_us = midnight_us(contract.start, contract.zone)
    year_us = settlement_year(contract, at_us).start_us
    return max(year_us, term_us) if term_us <= at_us else year_us
