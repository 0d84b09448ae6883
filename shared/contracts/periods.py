"""The measurement periods of a contract: calendar arithmetic in its own zone, so that months have their true hours."""

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.contracts.terms import Contract, PeriodKind
from shared.instant import to_us

_MONTHS = {PeriodKind.CALENDAR_MONTH: 1, PeriodKind.CALENDAR_QUARTER: 3, PeriodKind.CALENDAR_YEAR: 12}


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """`[start_us, end_us)`, cut to the term; `full_us` is the length it would have uncut (a stub's is longer)."""

    start_us: int
    end_us: int
    full_us: int
    label: str

    @property
    def duration_us(self) -> int:
        return self.end_us - self.start_us


def periods(contract: Contract) -> list[Period]:
    """All periods of the term, in order and without gap; the first and the last may be stubs.

    Labels: `2026-03`, `2026-Q1`, `2026`, `Y1` (first contract year), `term`. A contract year that starts on
    29 February starts on 1 March in other years.
    """
    return [_cut(contract, first, following, label) for first, following, label in _spans(contract)]


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """When `day` begins in `zone`; where the clock skips midnight, the instant it is moved."""
    return to_us(datetime.combine(day, time(), tzinfo=zone))


def _cut(contract: Contract, first: date, following: date, label: str) -> Period:
    last = contract.end + timedelta(days=1)
    return Period(
        start_us=midnight_us(max(first, contract.start), contract.zone),
        end_us=midnight_us(min(following, last), contract.zone),
        full_us=midnight_us(following, contract.zone) - midnight_us(first, contract.zone),
        label=label,
    )


def _spans(contract: Contract) -> Iterator[tuple[date, date, str]]:
    """First day, day after the last, and label of each uncut period that the term touches."""
    match contract.period:
        case PeriodKind.TERM:
            yield contract.start, contract.end + timedelta(days=1), "term"
        case PeriodKind.CONTRACT_YEAR:
            number = 1
            while (first := _anniversary(contract.start, number - 1)) <= contract.end:
                yield first, _anniversary(contract.start, number), f"Y{number}"
                number += 1
        case kind:
            months = _MONTHS[kind]
            index = (contract.start.year * 12 + contract.start.month - 1) // months * months
            while (first := _month(index)) <= contract.end:
                yield first, _month(index + months), _label(first, kind)
                index += months


def _month(index: int) -> date:
    return date(index // 12, index % 12 + 1, 1)


def _label(first: date, kind: PeriodKind) -> str:
    if kind is PeriodKind.CALENDAR_MONTH:
        return f"{first.year}-{first.month:02}"
    if kind is PeriodKind.CALENDAR_QUARTER:
        return f"{first.year}-Q{first.month // 3 + 1}"
    return str(first.year)


def _anniversary(start: date, years: int) -> date:
    year = start.year + years
    if (start.month, start.day) == (2, 29) and not isleap(year):
        return date(year, 3, 1)
    return start.replace(year=year)
