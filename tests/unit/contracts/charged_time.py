"""Charging time in tests: a policy, the intervals or sums of assets in a window, and hours by verdict back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

from shared.contracts.charging.policy import Charge, Key, charge
from shared.contracts.condition import parse
from shared.contracts.facts import Facts, Window
from shared.contracts.measured import Form, Override, Policy, TimeMeasure, Verdict
from shared.contracts.terms import Contract, Kind, PeriodKind
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.timeline import durations
from tests.unit.contracts.kinds.terms_made import POLICY, contract, guarantee, us

UP: Key = (Category.FP, "running", Party.NOBODY)
DOWN: Key = (Category.FO, "gearbox", Party.SUPPLIER)
SERVICE: Key = (Category.SM, "service", Party.SUPPLIER)
MISSING: Key = (Category.IU, "no_data", Party.UNKNOWN)
REQUEST: Key = (Category.RS, "curtailed", Party.CUSTOMER)


def policy_of(available: str, excluded: str = "", deemed: str = "", **parts: Any) -> Policy:
    """Verdicts from lists of categories; what no list names is unavailable."""
    named = {Verdict.AVAILABLE: available, Verdict.EXCLUDED: excluded, Verdict.DEEMED_AVAILABLE: deemed}
    verdicts = dict.fromkeys(Category, Verdict.UNAVAILABLE)
    for verdict, names in named.items():
        verdicts |= {Category(name): verdict for name in names.split()}
    return Policy(form=parts.pop("form", Form.EXCLUDED_FROM_DENOMINATOR), verdicts=verdicts, **parts)


def terms_of(policy: Policy = POLICY, *assets: str, level: str = "0.97", **parts: Any) -> Contract:
    """A contract by calendar month in UTC over 2026 to 2028, with one guarantee of time availability."""
    promised = {name: parts.pop(name) for name in ("weighting", "floor", "rounding") if name in parts}
    promise = guarantee(Kind.TIME_AVAILABILITY, TimeMeasure(policy=policy), level, **promised)
    settings: dict[str, Any] = {"zone": "Etc/UTC", "start": date(2026, 1, 1), "period": PeriodKind.CALENDAR_MONTH}
    extra = {name: parts.pop(name) for name in ("settlement_year", "unreported", "machines") if name in parts}
    return replace(contract(promise, *assets, **{**settings, **parts}), **extra)


def span(start: str, end: str, category: Category = Category.FP, cause: str = "", **parts: Any) -> Interval:
    """`span("2026-01-05T08:00+00:00", ...)`; an `announced` text becomes the instant."""
    announced = parts.pop("announced", None)
    return Interval(
        start_us=us(start),
        end_us=us(end),
        category=category,
        cause=cause or category.value.lower(),
        party=parts.pop("party", Party.SUPPLIER),
        announced_us=us(announced) if announced else None,
        **parts,
    )


def charged(
    terms: Contract, window: Window, known: Mapping[str, Sequence[Interval] | Mapping[Key, int]], **parts: Any
) -> Charge:
    """The charge of the contract's first policy; intervals are known by themselves and by their sums."""
    measure = terms.guarantees[0].measure
    assert isinstance(measure, TimeMeasure)
    return charge(terms, measure.policy, facts_of(window, known, **parts), window)


def facts_of(window: Window, known: Mapping[str, Sequence[Interval] | Mapping[Key, int]], **parts: Any) -> Facts:
    timelines = {asset: each for asset, each in known.items() if not isinstance(each, Mapping)}
    sums = {asset: dict(each) for asset, each in known.items() if isinstance(each, Mapping)}
    for asset, intervals in timelines.items():
        sums[asset] = durations(intervals, window.start_us, window.until_us)
    return Facts(durations=sums, timelines=timelines, **parts)


def hours(charge: Charge, asset: str = "A1") -> dict[str, Fraction]:
    """Hours by verdict, those above 0."""
    return {verdict.value: Fraction(us) / HOUR_US for verdict, us in charge.total(asset).items() if us}


def override(when: str, verdict: Verdict, **parts: Any) -> Override:
    return Override(when=parse(when), verdict=verdict, **parts)
