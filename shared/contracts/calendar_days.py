"""Days to instants and to contract years: the calendar arithmetic below periods and levels."""

from calendar import isleap
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from shared.instant import to_us


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """When `day` begins in `zone`; where the clock skips midnight, the instant it is moved."""
    return to_us(datetime.combine(day, time(), tzinfo=zone))


def anniversary(start: date, years: int) -> date:
    """`start` that many years later (earlier if negative); one of 29 February is on 1 March in other years."""
    year = start.year + years
    if (start.month, start.day) == (2, 29) and not isleap(year):
        return date(year, 3, 1)
    return start.replace(year=year)


def years_begun(start: date, day: date) -> int:
    """How many years after `start` the year began that `day` is in: 0 in the first, negative before `start`."""
    years = day.year - start.year
    return years - (anniversary(start, years) > day)
