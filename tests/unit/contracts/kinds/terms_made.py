"""Contracts of one guarantee, windows and quantities for the judges' tests, made of the kernel's own values."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding
from shared.contracts.kinds.registry import JUDGES
from shared.contracts.levels import Levels
from shared.contracts.measured import Form, Measure, Policy, Verdict
from shared.contracts.money import Caps, Fees
from shared.contracts.periods import Period, periods
from shared.contracts.terms import (
    AlertPolicy,
    Contract,
    Guarantee,
    Kind,
    Machine,
    PeriodKind,
    Rounding,
    Statements,
)
from shared.instant import to_us
from shared.model.facts import Category, Interval, Party
from shared.model.quantity import Quantity

# Not scheduled work, repair, forced outage, suspension or silence: everything else can be used (contract D's default).
DOWN = frozenset({Category.SM, Category.PCA, Category.FO, Category.S})
POLICY = Policy(
    form=Form.EXCLUDED_FROM_DENOMINATOR,
    verdicts={
        category: Verdict.UNAVAILABLE
        if category in DOWN
        else Verdict.EXCLUDED
        if category in {Category.FM, Category.IU}
        else Verdict.AVAILABLE
        for category in Category
    },
)


def guarantee(kind: Kind, measure: Measure, level: str, **parts: Any) -> Guarantee:
    return Guarantee(
        id=kind.value.upper(),
        kind=kind,
        indicator=f"{kind.value}@1",
        levels=Levels(base=Decimal(level), ramp_up=parts.pop("ramp_up", None)),
        measure=measure,
        rounding=Rounding(),
        alert=AlertPolicy(open_at=0.5, close_below=0.4),
        **parts,
    )


def contract(
    promise: Guarantee,
    *assets: str,
    zone: str = "Europe/Berlin",
    start: date = date(2026, 1, 1),
    end: date = date(2028, 12, 31),
    period: PeriodKind = PeriodKind.CALENDAR_QUARTER,
) -> Contract:
    return Contract(
        id="TEST",
        version=1,
        customer="test",
        currency="EUR",
        zone=ZoneInfo(zone),
        start=start,
        end=end,
        period=period,
        settlement_year=PeriodKind.CALENDAR_YEAR,
        machines=tuple(Machine(name=name) for name in assets or ("A1",)),
        guarantees=(promise,),
        fees=Fees(),
        caps=Caps(),
        statements=Statements(),
        unreported=None,
        offering=None,
        texts={},
        source="",
        sha256="",
    )


def window(terms: Contract, label: str | None = None, as_of_us: int | None = None) -> Window:
    """The first period, or the one of that label, closed or as far as `as_of_us`."""
    period: Period = next(each for each in periods(terms) if label in {None, each.label})
    return Window(period=period, as_of_us=period.end_us if as_of_us is None else as_of_us)


def us(text: str) -> int:
    """`2026-07-01T00:00+02:00` as microseconds."""
    return to_us(datetime.fromisoformat(text))


def over(span: Window | tuple[int, int], name: str, value: str | int, unit: str, asset: str = "A1") -> Quantity:
    """An amount over a window or over `(start_us, end_us)`."""
    start, end = (span.start_us, span.end_us) if isinstance(span, Window) else span
    return Quantity(asset=asset, name=name, start_us=start, end_us=end, value=Decimal(value), unit=unit)


def stop(
    start_us: int,
    end_us: int,
    category: Category = Category.FO,
    announced_us: int | None = None,
    cause: str = "bearing",
) -> Interval:
    return Interval(
        start_us=start_us,
        end_us=end_us,
        category=category,
        cause=cause,
        party=Party.SUPPLIER,
        announced_us=announced_us,
    )


def facts(terms: Contract, quantities: Iterable[Quantity] = (), **parts: Any) -> Facts:
    durations = parts.pop("durations", {})
    return Facts(
        durations={asset: durations.get(asset, {}) for asset in terms.assets}, quantities=list(quantities), **parts
    )


def judged(terms: Contract, known: Facts, span: Window) -> Finding:
    """What the judge of the contract's guarantee finds."""
    promise = terms.guarantees[0]
    return JUDGES[promise.kind](terms, promise, known, span)


def with_measure(terms: Contract, **parts: Any) -> Contract:
    """The contract with other parts of what its guarantee measures."""
    promise = terms.guarantees[0]
    return replace(terms, guarantees=(replace(promise, measure=replace(promise.measure, **parts)),))
