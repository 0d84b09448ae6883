"""Public holidays by rule, region by region: what a business calendar leaves out. Pure.

Source: for Bavaria the Feiertagsgesetz (FTG) article 1; 3 October by the Einigungsvertrag article 2 (2). Assumption
day is a holiday only in municipalities with more Catholics than Protestants, so it is a region of its own.
"""

from datetime import date, timedelta
from typing import Final

_GERMANY: Final = frozenset({(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)})
_GERMANY_EASTER: Final = frozenset({-2, 1, 39, 50})
_BAVARIA: Final = _GERMANY | {(1, 6), (11, 1)}
_BAVARIA_EASTER: Final = _GERMANY_EASTER | {60}
_RULES: Final = {
    "DE": (_GERMANY, _GERMANY_EASTER),
    "DE_BY": (_BAVARIA, _BAVARIA_EASTER),
    "DE_BY_CATHOLIC": (_BAVARIA | {(8, 15)}, _BAVARIA_EASTER),
}
REGIONS: Final = tuple(_RULES)
# 500 years of Reformation: a holiday in all of Germany, once.
_ONCE: Final = {2017: frozenset({date(2017, 10, 31)})}
_FIRST_YEAR, _LAST_YEAR = 1995, 2199


def holidays_for(region: str, year: int) -> frozenset[date]:
    """The public holidays of `region` (`DE`, `DE_BY`, `DE_BY_CATHOLIC`) in `year`, 1995 to 2199.

    ValueError for a region whose rules are not here, or a year they do not speak for (Germany's day of repentance was
    one of them until 1994).
    """
    if region not in _RULES:
        raise ValueError(f"no holiday rules for {region!r}; known: {', '.join(REGIONS)}")
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise ValueError(f"holiday rules are for {_FIRST_YEAR} to {_LAST_YEAR}, not {year}")
    fixed, from_easter = _RULES[region]
    sunday = easter(year)
    days = {date(year, month, day) for month, day in fixed} | {sunday + timedelta(days=days) for days in from_easter}
    return frozenset(days) | _ONCE.get(year, frozenset())


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the anonymous algorithm (Meeus, Astronomical Algorithms, ch. 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)
