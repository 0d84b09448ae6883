"""The clock of response and restore times: business hours in a zone, without holidays and pauses. Pure.

Instants are UTC microseconds, windows half-open. Business hours are what the wall clock shows, so a day on which it is
moved has an hour more or less if the hours cover the change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.indicators.holidays import holidays_for
from shared.instant import from_us, to_us

_MINUTES_A_DAY = 24 * 60

__all__ = ["Calendar", "elapsed_us", "elapsed_without_us", "holidays_for"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """When the clock runs: `weekly` holds (weekday, start minute, end minute), Monday 0, minutes of the local day.

    ValueError for a weekday outside 0 to 6 or minutes that are not 0 <= start < end <= 1440.
    """

    zone: ZoneInfo
    weekly: tuple[tuple[int, int, int], ...]
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        for weekday, start, end in self.weekly:
            if not (0 <= weekday <= 6 and 0 <= start < end <= _MINUTES_A_DAY):
                raise ValueError(f"no hours of a week: ({weekday}, {start}, {end})")


def elapsed_us(calendar: Calendar | None, start_us: int, end_us: int) -> int:
    """Business microseconds in `[start_us, end_us)`; without a calendar every one. ValueError when the end is first."""
    return elapsed_without_us(calendar, start_us, end_us, ())


def elapsed_without_us(calendar: Calendar | None, start_us: int, end_us: int, pauses: Iterable[tuple[int, int]]) -> int:
    """As `elapsed_us`, less the business time in `pauses` (start, end), which may overlap each other and the ends."""
    if end_us < start_us:
        raise ValueError("the end lies before the start")
    running = [(start_us, end_us)] if calendar is None else list(_open(calendar, start_us, end_us))
    stopped = _merged((max(start, start_us), min(end, end_us)) for start, end in pauses)
    return sum(
        end - start - sum(max(0, min(end, off) - max(start, on)) for on, off in stopped)
        for start, end in _merged(running)
    )


def _open(calendar: Calendar, start_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    # One day more at each end, for hours that begin before the start, and for zones.
    day = from_us(start_us).astimezone(calendar.zone).date() - timedelta(days=1)
    last = from_us(end_us).astimezone(calendar.zone).date()
    while day <= last:
        if day not in calendar.holidays:
            for weekday, start, end in calendar.weekly:
                if weekday == day.weekday():
                    opens, closes = _instant(calendar.zone, day, start), _instant(calendar.zone, day, end)
                    yield max(opens, start_us), min(closes, end_us)
        day += timedelta(days=1)


def _instant(zone: ZoneInfo, day: date, minute: int) -> int:
    days, minute = divmod(minute, _MINUTES_A_DAY)
    local = datetime.combine(day + timedelta(days=days), time(minute // 60, minute % 60), tzinfo=zone)
    return to_us(local)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
