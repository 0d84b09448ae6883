"""Worked examples of a guarantee: made-up facts of one whole period, judged and settled by the real kernel."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from shared.contracts.assessment import Assessment
from shared.contracts.explain.given import GIVEN, Given, assessed
from shared.contracts.explain.words import amount, number, value
from shared.contracts.kinds.amounts import unit_of
from shared.contracts.level import level_of
from shared.contracts.money import FormulaMoney, StepMoney
from shared.contracts.periods import Period
from shared.contracts.rounding import half_up
from shared.contracts.terms import Contract, Guarantee, Kind
from shared.instant import HOUR_US

_BELOW: Final = Fraction(1, 100)


def examples(contract: Contract, guarantee: Guarantee, period: Period) -> Iterator[tuple[str, list[str]]]:
    """A miss, and a success where it earns a bonus; each a title and its steps."""
    level = level_of(contract, guarantee, period)
    worse = level * (1 + _BELOW) if guarantee.kind.lower_is_better else _under(guarantee, level)
    yield "Example of a miss", _told(contract, guarantee, _worked(contract, guarantee, period, worse), period)
    better = _over(guarantee, level)
    if guarantee.bonus and better is not None:
        yield "Example of a bonus", _told(contract, guarantee, _worked(contract, guarantee, period, better), period)


def _under(guarantee: Guarantee, level: Fraction) -> Fraction:
    """A value just below the level, beyond a dead band in any case."""
    band = guarantee.dead_band
    width = Fraction(0) if band is None else Fraction(band.pp or 0) / 100 + Fraction(band.fraction or 0) * level
    if level >= 1:
        return level * (1 - _BELOW) - width
    return max(level - width - min(_BELOW, (1 - level) / 5), level / 2)


def _over(guarantee: Guarantee, level: Fraction) -> Fraction | None:
    """A value that earns a bonus; None where there is no room above."""
    above = [
        Fraction(each.above) for each in guarantee.bonus if isinstance(each, FormulaMoney | StepMoney) and each.above
    ]
    start = max([level, *above])
    if guarantee.kind.lower_is_better:
        return level * (1 - 5 * _BELOW)
    better = start + (1 - start) / 2 if start < 1 else start * (1 + _BELOW)
    return None if guarantee.kind is not Kind.POWER_CURVE and start == 1 else better


def _worked(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> tuple[Given, Assessment]:
    """The facts that give about `target`, and what they come to."""
    chosen = GIVEN[guarantee.kind](contract, guarantee, period, target)
    named = {
        name
        for money in (*guarantee.malus, *guarantee.bonus)
        if isinstance(money, FormulaMoney)
        for name in money.formula.names - money.constants.keys()
        if unit_of(name) is not None and name not in chosen.quantities
    }
    more = dict.fromkeys(sorted(named), Decimal(1_000))
    given = replace(chosen, quantities={**chosen.quantities, **more})
    return given, assessed(contract, guarantee, period, given)


def _told(contract: Contract, guarantee: Guarantee, worked: tuple[Given, Assessment], period: Period) -> list[str]:
    given, found = worked
    quantities = ", ".join(f"{name} = {number(each)}" for name, each in given.quantities.items())
    whose = "of each machine " if given.each and len(contract.assets) > 1 else ""
    told = [given.words, f"{whose}{quantities}" if quantities else ""]
    lines = [f"suppose that in {period.label} " + ", ".join(part for part in told if part)]
    if found.measured is None:
        return [*lines, *found.finding.notes]
    lines.append(f"{_ratio(found)}{value(guarantee.kind, found.measured)}: {_outcome(found)}")
    lines += found.settlement.steps
    return [*lines, *_paid(contract, found)]


def _ratio(found: Assessment) -> str:
    finding = found.finding
    if not finding.denominator or finding.denominator == 1:
        return ""
    scale = HOUR_US if finding.sum_unit == "us" else 1
    unit = "h" if finding.sum_unit == "us" else ("" if finding.sum_unit == "1" else finding.sum_unit)
    up, whole = (_short(each / scale) for each in (finding.numerator, finding.denominator))
    return f"{up} / {whole} {unit}".rstrip() + " = "


def _short(exact: Fraction) -> str:
    return number(half_up(exact, 3))


def _outcome(found: Assessment) -> str:
    return f"{found.outcome.value.replace('_', ' ')} ({found.reason.value.replace('_', ' ')})"


def _paid(contract: Contract, found: Assessment) -> Sequence[str]:
    settled = found.settlement
    said = [("owed by the supplier", settled.malus), ("owed by the customer", settled.bonus)]
    owed = [f"{who}: {amount(each, contract.currency)}" for who, each in said if each]
    if settled.instead is not None:
        owed.append(f"service in place of money: {settled.instead}")
    return owed or (["no money is owed"] if settled.malus is not None else [])
