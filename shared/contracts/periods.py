"""The measurement periods of a contract: calendar arithmetic in its own zone, so that months have their true hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from shared.contracts.calendar_days import anniversary, midnight_us, years_begun
from shared.contracts.terms import Contract, PeriodKind
from shared.instant import from_us

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
    return periods_between(contract, contract.start, contract.end + timedelta(days=1))


def periods_between(contract: Contract, start: date, end: date) -> list[Period]:
    """The contract's grid of periods between two days, `[start, end)`, in order and without gap; also outside its term.

    What `start` or `end` cuts is a stub. Contract years before the term are `Y0`, `Y-1`; a contract whose term is one
    period has one period here as well, a stub if it lies within the term.
    """
    return [
        Period(
            start_us=midnight_us(max(first, start), contract.zone),
            end_us=midnight_us(min(following, end), contract.zone),
            full_us=midnight_us(following, contract.zone) - midnight_us(first, contract.zone),
            label=label,
        )
        for first, following, label in _spans(contract, contract.period, start, end)
    ]


def settlement_year(contract: Contract, at_us: int) -> Period:
    """The whole settlement year that holds at an instant: what year caps and yearly allowances count in."""
    day = from_us(at_us).astimezone(contract.zone).date()
    ((first, following, label),) = _spans(contract, contract.settlement_year, day, day + timedelta(days=1))
    start_us, end_us = midnight_us(first, contract.zone), midnight_us(following, contract.zone)
    return Period(start_us=start_us, end_us=end_us, full_us=end_us - start_us, label=label)


def _spans(contract: Contract, kind: PeriodKind, start: date, end: date) -> Iterator[tuple[date, date, str]]:
    """First day, day after the last, and label of each uncut period that `[start, end)` touches."""
    if start >= end:
        return
    match kind:
        case PeriodKind.TERM:
            term = contract.start, contract.end + timedelta(days=1)
            yield *(term if term[0] <= start and end <= term[1] else (start, end)), "term"
        case PeriodKind.CONTRACT_YEAR:
            years = years_begun(contract.start, start)
            while (first := anniversary(contract.start, years)) < end:
                years += 1
                yield first, anniversary(contract.start, years), f"Y{years}"
        case _:
            months = _MONTHS[kind]
            index = (start.year * 12 + start.month - 1) // months * months
            while (first := _month(index)) < end:
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
