"""The true hours of calendar periods in a zone: months with a moved clock, leap years. Pure."""

import re
from datetime import date, datetime, time
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from shared.instant import HOUR_US, to_us

_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*)*")
_AREAS: Final = ("Europe", "America", "Asia", "Australia", "Africa", "Atlantic", "Pacific", "Indian")
_PERIOD: Final = re.compile(r"(?P<year>[12]\d{3})(?:-(?P<month>0[1-9]|1[0-2])|-?Q(?P<quarter>[1-4]))?")


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name, or of its last part alone (`Berlin`); ValueError when there is none."""
    if name == "any":
        return ZoneInfo("Etc/UTC")
    candidates = (name, *(f"{area}/{name}" for area in _AREAS if "/" not in name))
    for key in candidates if _ZONE.fullmatch(name) else ():
        try:
            return ZoneInfo(key)
        except (KeyError, OSError, ValueError):
            continue
    raise ValueError(f"unknown zone {name!r}")


def hours(zone_of: ZoneInfo, first: date, following: date) -> Fraction:
    """Hours from the start of `first` to the start of `following` in the zone; ValueError when that is before."""
    if following < first:
        raise ValueError(f"{following} lies before {first}")
    return Fraction(_midnight_us(following, zone_of) - _midnight_us(first, zone_of), HOUR_US)


def days(period: str) -> tuple[date, date]:
    """First day and day after the last of `2026`, `2026-03`, `2026Q1` or `2025-04..2026-03`; ValueError for others."""
    start, dots, end = period.partition("..")
    first, following = _period(start)
    return (first, _period(end)[1]) if dots else (first, following)


def _period(text: str) -> tuple[date, date]:
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no period: 2026, 2026-03, 2026Q1, or two of them with .. between")
    year = int(found["year"])
    if found["month"]:
        return _months(year, int(found["month"]), 1)
    return _months(year, 3 * int(found["quarter"]) - 2, 3) if found["quarter"] else _months(year, 1, 12)


def _months(year: int, month: int, count: int) -> tuple[date, date]:
    after = month - 1 + count
    return date(year, month, 1), date(year + after // 12, after % 12 + 1, 1)


def _midnight_us(day: date, zone_of: ZoneInfo) -> int:
    return to_us(datetime.combine(day, time(), tzinfo=zone_of))
