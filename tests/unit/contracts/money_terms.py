"""Contracts and entries for tests of money, straight from the terms: no YAML, no facts."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from shared.contracts.assessment import Settlement
from shared.contracts.finding import Finding, Outcome, Reason
from shared.contracts.formula import parse
from shared.contracts.levels import Levels
from shared.contracts.measured import Form, Policy, TimeMeasure, Verdict
from shared.contracts.money import Caps, Fees, FormulaMoney
from shared.contracts.periods import Period, periods
from shared.contracts.rounding import half_up
from shared.contracts.settlement.entry import Entry
from shared.contracts.settlement.ledger import fold
from shared.contracts.settlement.settle import is_missed, settle
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
from shared.instant import HOUR_US
from shared.model.facts import Category

_POLICY = Policy(form=Form.EXCLUDED_FROM_DENOMINATOR, verdicts=dict.fromkeys(Category, Verdict.AVAILABLE))


def guarantee(name: str = "TBA", level: str = "0.97", **parts: Any) -> Guarantee:
    """A guarantee of time availability at `level`, not rounded; any field of `Guarantee`, or `value_decimals`."""
    decimals = parts.pop("value_decimals", None)
    given = {
        "kind": Kind.TIME_AVAILABILITY,
        "indicator": "time_availability_v1",
        "levels": Levels(base=Decimal(level)),
        "measure": TimeMeasure(policy=_POLICY),
        "rounding": Rounding(value_decimals=decimals),
        "alert": AlertPolicy(open_at=0.8, close_below=0.6),
    }
    return Guarantee(id=name, **{**given, **parts})


def contract(*guarantees: Guarantee, **parts: Any) -> Contract:
    """A contract in EUR and calendar quarters of 2026 to 2028; any field of `Contract`."""
    given: dict[str, Any] = {
        "id": "LINE-C",
        "version": 1,
        "customer": "alba",
        "currency": "EUR",
        "zone": ZoneInfo("Europe/Rome"),
        "start": date(2026, 1, 1),
        "end": date(2028, 12, 31),
        "period": PeriodKind.CALENDAR_QUARTER,
        "settlement_year": PeriodKind.CALENDAR_YEAR,
        "machines": (Machine(name="L7"),),
        "fees": Fees(),
        "caps": Caps(),
        "statements": Statements(),
        "unreported": None,
        "offering": None,
        "texts": {},
        "source": "",
        "sha256": "",
    }
    return Contract(guarantees=guarantees, **{**given, **parts})


def formula(source: str, above: str | None = None, **constants: str) -> FormulaMoney:
    """Money by formula; constants as text."""
    return FormulaMoney(
        formula=parse(source),
        constants={name: Decimal(number) for name, number in constants.items()},
        above=None if above is None else Decimal(above),
    )


def hours(available: str, required: str, **parts: Any) -> Finding:
    """The finding of a time kind from hours; any field of `Finding` beside."""
    numerator, denominator = Fraction(available) * HOUR_US, Fraction(required) * HOUR_US
    value = numerator / denominator if denominator else None
    return Finding(value=value, numerator=numerator, denominator=denominator, **parts)


def ratio(value: str, **parts: Any) -> Finding:
    """A finding of this value over 10,000 hours."""
    return hours(str(Fraction(value) * 10_000), "10000", **parts)


def measured_of(terms: Guarantee, finding: Finding) -> Fraction | None:
    """The value as the contract rounds it."""
    decimals = terms.rounding.value_decimals
    return finding.value if finding.value is None or decimals is None else Fraction(half_up(finding.value, decimals))


def settled(terms: Guarantee, finding: Finding, *, level: Fraction | None = None, **parts: Any) -> Settlement:
    """The money of the first period of a contract (`parts`: its fields) that has this guarantee alone."""
    whole = contract(terms, **parts)
    period = periods(whole)[0]
    found = entry(whole, terms, finding, period, level=level)
    return settle(
        whole, terms, finding, level=found.level, measured=found.measured, outcome=found.outcome, period=period
    )


def entry(
    whole: Contract,
    terms: Guarantee,
    finding: Finding,
    period: Period | int,
    *,
    level: Fraction | None = None,
    complete: bool = True,
) -> Entry:
    """An entry of the contract's period, given itself or by its number from 0."""
    at = periods(whole)[period] if isinstance(period, int) else period
    asked = Fraction(terms.levels.base) if level is None else level
    measured = measured_of(terms, finding)
    return Entry(
        guarantee_id=terms.id,
        period_start_us=at.start_us,
        period_end_us=at.end_us,
        complete=complete,
        level=asked,
        measured=measured,
        outcome=_outcome(terms, finding, asked, measured),
        finding=finding,
    )


def _outcome(terms: Guarantee, finding: Finding, level: Fraction, measured: Fraction | None) -> Outcome:
    if finding.decided is not None:
        return finding.decided[0]
    if measured is None:
        return Outcome.NOT_ASSESSABLE
    return Outcome.MISSED if is_missed(terms, finding, level, measured) else Outcome.MET


def ratios(whole: Contract, *values: str | None, terms: Guarantee | None = None) -> list[Entry]:
    """The first periods of a guarantee (the first one) at these values; None: not known."""
    asked = terms or whole.guarantees[0]
    findings = [unknown() if value is None else ratio(value) for value in values]
    return [entry(whole, asked, finding, number) for number, finding in enumerate(findings)]


def unknown() -> Finding:
    return Finding(value=None, numerator=Fraction(0), denominator=Fraction(0), reason=Reason.MISSING_QUANTITY)


def money(whole: Contract, entries: Sequence[Entry], name: str | None = None) -> list[Settlement]:
    """What a guarantee (the first one) is settled at, period by period."""
    folded = fold(whole, entries)
    asked = name or whole.guarantees[0].id
    return [folded[key] for key in sorted(folded) if key[0] == asked]


def maluses(whole: Contract, entries: Sequence[Entry], name: str | None = None) -> list[str | None]:
    """The malus of each, as text."""
    return [None if one.malus is None else str(one.malus) for one in money(whole, entries, name)]
