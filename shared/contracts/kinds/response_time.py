"""Response time: the share of promised times, to answer and to mend, that a service desk kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding, Reason
from shared.contracts.kinds.amounts import distinct, formula_quantities
from shared.contracts.level import level_of
from shared.contracts.measured import Priority, ResponseMeasure, ServiceHours
from shared.contracts.rounding import plain
from shared.contracts.terms import Contract, Guarantee
from shared.indicators.business_hours import Calendar, elapsed_us, holidays_for
from shared.indicators.quota import clopper_pearson
from shared.instant import HOUR_US, from_us
from shared.model.quantity import Ticket

# Of the interval shown beside the share; settlement takes the share itself.
CONFIDENCE: Final = 0.9
_DAY_MINUTES: Final = 24 * 60


_NO_TICKETS: Final = Finding(
    value=None, numerator=Fraction(0), denominator=Fraction(0), sum_unit="promises", reason=Reason.NO_TICKETS
)


class _State(StrEnum):
    """What became of a promise; `pending`: neither kept nor broken yet."""

    KEPT = "kept"
    BROKEN = "broken"
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Promise:
    """One promised time of one ticket."""

    state: _State
    notes: tuple[str, ...]


def judge_response_time(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Promises kept by promises made, over the tickets received in the window; each broken one is a breach.

    A promise counts once it is kept or its time is over, also where that is after the period's end: a ticket belongs
    to the period it was received in. Service time less pauses, where the contract has any: how long a ticket paused is
    known and not when, so that all of it counts as a pause in service time, of each of the ticket's promises, and takes
    nothing below 0; a note says where it is longer than the service time passed. `breaches` are the broken ones beyond
    what the level lets pass.
    """
    measure = guarantee.measure
    assert isinstance(measure, ResponseMeasure)
    received = [each for each in facts.tickets if window.start_us <= each.received_us < window.until_us]
    if not received:
        return _NO_TICKETS
    named = {priority.name: priority for priority in measure.priorities}
    promises = [
        promise
        for ticket in sorted(received, key=lambda each: (each.received_us, each.id))
        if ticket.priority in named
        for promise in _promises(contract, measure, named[ticket.priority], ticket, window)
    ]
    kept, broken, pending = (sum(each.state is state for each in promises) for state in _State)
    total = kept + broken
    allowed = (1 - level_of(contract, guarantee, window.period)) * total
    return Finding(
        value=Fraction(kept, total) if total else None,
        numerator=Fraction(kept),
        denominator=Fraction(total),
        sum_unit="promises",
        low=Fraction(kept, total + pending) if pending else None,
        high=Fraction(kept + pending, total + pending) if pending else None,
        interval=clopper_pearson(kept, total, CONFIDENCE) if total else None,
        breaches=max(0, broken - allowed.numerator // allowed.denominator),
        reason=None if total else Reason.NO_DENOMINATOR,
        measures={
            **formula_quantities(guarantee, facts, window),
            "tickets": Fraction(len(received)),
            "promises": Fraction(total),
            "promises_kept": Fraction(kept),
        },
        notes=distinct([*(note for each in promises for note in each.notes), *_left_out(measure, received)]),
    )


def _promises(
    contract: Contract, measure: ResponseMeasure, priority: Priority, ticket: Ticket, window: Window
) -> Iterator[_Promise]:
    paused_us = ticket.paused_us if measure.pauses else 0
    for what, promised_us, at_us in (
        ("answered", priority.respond_us, ticket.on_site_us),
        ("mended", priority.restore_us, ticket.restored_us),
    ):
        if promised_us is None:
            continue
        done_us = None if at_us is not None and window.running and at_us > window.as_of_us else at_us
        until_us = max(ticket.received_us, window.as_of_us if done_us is None else done_us)
        calendar = _calendar(contract, priority.hours, ticket.received_us, until_us)
        passed_us = elapsed_us(calendar, ticket.received_us, until_us)
        took_us = max(0, passed_us - paused_us)
        state = _state(took_us, promised_us, is_done=done_us is not None)
        told = _note(ticket, what, state, took_us, promised_us, is_done=done_us is not None)
        yield _Promise(state=state, notes=(*told, *_long_pause(ticket, what, passed_us, paused_us)))


def _state(took_us: int, promised_us: int, *, is_done: bool) -> _State:
    if took_us > promised_us:
        return _State.BROKEN
    return _State.KEPT if is_done else _State.PENDING


def _note(ticket: Ticket, what: str, state: _State, took_us: int, promised_us: int, *, is_done: bool) -> Iterator[str]:
    took, promised = (plain(Fraction(us, HOUR_US), 2) for us in (took_us, promised_us))
    if state is _State.PENDING:
        yield f"{ticket.id} ({ticket.priority}): not {what} yet after {took} of {promised} h, not counted"
    if state is _State.BROKEN:
        how = f"{what} after" if is_done else f"not {what} after"
        yield f"{ticket.id} ({ticket.priority}): {how} {took} h, {promised} h were promised"


def _long_pause(ticket: Ticket, what: str, passed_us: int, paused_us: int) -> Iterator[str]:
    if paused_us > passed_us:
        paused, passed = (plain(Fraction(us, HOUR_US), 2) for us in (paused_us, passed_us))
        yield f"{ticket.id}: paused {paused} h, the service time until {what} is {passed} h: 0 h count"


def _calendar(contract: Contract, hours: ServiceHours, start_us: int, end_us: int) -> Calendar | None:
    """The clock of a priority, with the holidays of the years it may run in; None: it never stops."""
    years = (from_us(us).astimezone(contract.zone).year for us in (start_us, end_us))
    holidays = hours.holidays
    if hours.holiday_region is not None:
        first, last = years
        holidays = holidays.union(*(holidays_for(hours.holiday_region, year) for year in range(first, last + 1)))
    if not hours.weekly and not holidays:
        return None
    weekly = hours.weekly or tuple((weekday, 0, _DAY_MINUTES) for weekday in range(7))
    return Calendar(zone=contract.zone, weekly=weekly, holidays=holidays)


def _left_out(measure: ResponseMeasure, tickets: Sequence[Ticket]) -> Iterator[str]:
    """Tickets nothing is promised for, and pauses that are not agreed."""
    named = {priority.name for priority in measure.priorities}
    for ticket in tickets:
        if ticket.priority not in named:
            yield f"{ticket.id}: nothing is promised for priority {ticket.priority}, not counted"
        elif ticket.paused_us and not measure.pauses:
            hours = plain(Fraction(ticket.paused_us, HOUR_US), 2)
            yield f"{ticket.id}: {hours} h of pauses do not count, none is agreed"
