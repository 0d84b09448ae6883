"""What the customer pays for a period before any credit: beside the assessments of a backtest, from terms and rows."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from shared.backtest.bench import Bench
from shared.contracts.facts import Facts, Window
from shared.contracts.kinds.amounts import read
from shared.contracts.periods import Period
from shared.contracts.rounding import half_up, plain
from shared.contracts.terms import Contract, Guarantee
from shared.instant import from_us

_MONTHS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Fee:
    """The fee of one period in the contract's currency, without tax and index; None where it is not known.

    `steps` say in words how it comes about, or what is missing.
    """

    amount: Decimal | None
    steps: tuple[str, ...]


def fees_of(bench: Bench) -> tuple[Fee, ...]:
    """The fee of each period: by the month and by the unit; none at all where the contract says no fee."""
    terms = bench.contract.fees
    if terms.monthly is None and terms.annual is None and terms.per_unit is None:
        return ()
    facts = Facts(durations={name: {} for name in bench.contract.assets}, quantities=bench.log.quantities)
    return tuple(_fee(bench.contract, facts, Window(period=each, as_of_us=bench.as_of_us)) for each in bench.periods)


def _fee(contract: Contract, facts: Facts, window: Window) -> Fee:
    if window.running:
        return Fee(amount=None, steps=(f"{window.period.label} runs: its fee is not known yet",))
    months = _months(contract, window.period)
    base, base_steps = _base(contract, months)
    by_unit, unit_steps = _by_unit(contract, facts, window, months)
    steps = (*base_steps, *unit_steps)
    if by_unit is None:
        return Fee(amount=None, steps=steps)
    decimals = max(each.rounding.money_decimals for each in contract.guarantees)
    amount = half_up(base + by_unit, decimals)
    return Fee(amount=amount, steps=(*steps, f"fee of {window.period.label}: {amount:f} {contract.currency}"))


def _base(contract: Contract, months: Fraction) -> tuple[Fraction, tuple[str, ...]]:
    """What is due by time: months at the monthly fee, else at a twelfth of the annual one."""
    terms = contract.fees
    if terms.monthly is not None:
        base, rate = Fraction(terms.monthly), f"{terms.monthly} {contract.currency} a month"
    elif terms.annual is not None:
        base, rate = Fraction(terms.annual) / _MONTHS, f"{terms.annual} {contract.currency} a year"
    else:
        return Fraction(0), ()
    return base * months, (f"{plain(months)} month(s) at {rate} = {plain(base * months)}",)


def _by_unit(
    contract: Contract, facts: Facts, window: Window, months: Fraction
) -> tuple[Fraction | None, tuple[str, ...]]:
    """What is due for a quantity, at least for the minimum take; None while the quantity is not known."""
    terms = contract.fees
    if terms.per_unit is None or terms.unit_quantity is None:
        return Fraction(0), ()
    series = read(_naming(contract, terms.unit_quantity), facts, window, terms.unit_quantity)
    if series.value is None:
        return None, (*series.notes, f"{terms.unit_quantity} ({series.unit}) is not known in {window.period.label}")
    steps = [*series.notes, f"{terms.unit_quantity} {plain(series.value)} {series.unit}"]
    charged, least = series.value, Fraction(terms.minimum_take_per_month or 0) * months
    if charged < least:
        charged = least
        steps.append(f"less than the minimum take: {plain(least)} {series.unit} count")
    due = charged * Fraction(terms.per_unit)
    steps.append(f"{plain(charged)} * {terms.per_unit} {contract.currency} = {plain(due)}")
    return due, tuple(steps)


def _naming(contract: Contract, role: str) -> Guarantee:
    """A guarantee under whose name for the quantity its rows come."""
    return next((each for each in contract.guarantees if role in each.quantities), contract.guarantees[0])


def _months(contract: Contract, period: Period) -> Fraction:
    """The calendar months in a period; of one it has a part of, the share of its days."""
    first, end = (from_us(us).astimezone(contract.zone).date() for us in (period.start_us, period.end_us))
    return sum(_shares(first, end), Fraction(0))


def _shares(first: date, end: date) -> Iterator[Fraction]:
    while first < end:
        days = monthrange(first.year, first.month)[1]
        following = min(first.replace(day=1) + timedelta(days=days), end)
        yield Fraction((following - first).days, days)
        first = following
