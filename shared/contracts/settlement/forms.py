"""The forms of money: one function each, from a shortfall to an exact amount and how it came about, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from shared.contracts.money import (
    CapacityMoney,
    CountMoney,
    FormulaMoney,
    Money,
    StepMoney,
    StepRule,
    TieredMoney,
    UnitMoney,
)
from shared.contracts.rounding import plain
from shared.contracts.settlement.shortfall import Shortfall

_ZERO = Fraction(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """An exact amount before rounding and caps, never below 0; None when it is not known.

    `limitless`: it is not known because it grows without limit, so that its cap is owed.
    """

    amount: Fraction | None
    steps: tuple[str, ...]
    limitless: bool = False


def price_malus(money: Money, missed: Shortfall) -> Priced:
    """What a missed value costs by one form."""
    match money:
        case FormulaMoney():
            return _formula(money, missed, "malus")
        case TieredMoney():
            return _tier(money, missed)
        case StepMoney():
            return _steps(money, missed.pp, f"shortfall {plain(missed.pp)} pp")
        case UnitMoney():
            return _units(money, missed.missing, "shortfall", missed.missing_unit)
        case CountMoney():
            return price_breaches(money, missed.breaches)
        case CapacityMoney():
            return _capacity(money, missed, is_bonus=False)


def price_bonus(money: Money, met: Shortfall) -> Priced:
    """What a value better than promised earns by one form; ValueError for a form that knows no bonus."""
    match money:
        case FormulaMoney(above=above) | StepMoney(above=above):
            limit = met.level if above is None else Fraction(above)
            over = -met.beyond(limit)
            if above is not None and over <= 0:
                return Priced(amount=_ZERO, steps=(f"not better than {plain(limit)}: no bonus",))
            if isinstance(money, FormulaMoney):
                return _formula(money, met, "bonus")
            return _steps(money, over * 100, f"{plain(over * 100)} pp better than {plain(limit)}")
        case UnitMoney():
            return _units(money, None if met.missing is None else -met.missing, "better by", met.missing_unit)
        case CapacityMoney():
            return _capacity(money, met, is_bonus=True)
        case TieredMoney() | CountMoney():
            raise ValueError(f"there is no bonus by {type(money).__name__}")


def _formula(money: FormulaMoney, shortfall: Shortfall, name: str) -> Priced:
    values: Mapping[str, Fraction] = {
        **{constant: Fraction(amount) for constant, amount in money.constants.items()},
        **shortfall.measures,
        "level": shortfall.level,
        "measured": shortfall.measured,
        "shortfall_pp": shortfall.pp,
    }
    formula = money.formula
    if missing := sorted(formula.names - values.keys()):
        return Priced(amount=None, steps=(f"{', '.join(missing)} not known: the {name} cannot be computed yet",))
    inputs = ", ".join(f"{constant} = {plain(values[constant])}" for constant in sorted(formula.names))
    amount = formula.evaluate(values)
    if amount is None:
        step = f"{formula.source} divides by zero with {inputs}"
        return Priced(amount=None, steps=(step,), limitless=not shortfall.measured)
    step = f"{formula.source} = {plain(amount)} with {inputs}"
    if amount < 0:
        return Priced(amount=_ZERO, steps=(step, "below nothing: nothing is owed"))
    return Priced(amount=amount, steps=(step,))


def _tier(money: TieredMoney, missed: Shortfall) -> Priced:
    reached = [tier for tier in money.tiers if missed.beyond(Fraction(tier.below)) > 0]
    if not reached:
        return Priced(amount=_ZERO, steps=("in no tier: nothing is owed",))
    tier = min(reached, key=lambda tier: missed.beyond(Fraction(tier.below)))
    amount = Fraction(tier.fraction) * Fraction(money.of)
    side = "above" if missed.lower_is_better else "below"
    step = f"tier {side} {tier.below}: {tier.fraction} * {money.of_name} {plain(Fraction(money.of))} = {plain(amount)}"
    return Priced(amount=amount, steps=(step,))


def _steps(money: StepMoney, pp: Fraction, said: str) -> Priced:
    count = max(pp / Fraction(money.step_pp), _ZERO)
    return _counted(count, money.rule, Fraction(money.amount), f"{said} / {money.step_pp} pp")


def _units(money: UnitMoney, units: Fraction | None, said: str, unit: str) -> Priced:
    if units is None:
        return Priced(amount=None, steps=("shortfall in the guarantee's own quantity not known",))
    count = max(units / Fraction(money.per), _ZERO)
    said = f"{said} {plain(max(units, _ZERO))} {unit}" + (f" / {money.per}" if money.per != 1 else "")
    priced = _counted(count, money.rule, Fraction(money.price), said)
    if money.share == 1 or priced.amount is None:
        return priced
    amount = priced.amount * Fraction(money.share)
    return Priced(amount=amount, steps=(*priced.steps, f"share of it {money.share}: {plain(amount)}"))


def _counted(count: Fraction, rule: StepRule | None, price: Fraction, said: str) -> Priced:
    if rule is None:
        amount = count * price
        return Priced(amount=amount, steps=(f"{said} * {plain(price)} = {plain(amount)}",))
    whole = count.numerator // count.denominator if rule is StepRule.FULL else -(-count.numerator // count.denominator)
    kind = "full" if rule is StepRule.FULL else "started"
    amount = whole * price
    step = f"{said} = {plain(count)}: {whole} {kind} step(s) * {plain(price)} = {plain(amount)}"
    return Priced(amount=amount, steps=(step,))


def price_breaches(money: CountMoney, breaches: int | None) -> Priced:
    """What so many breaches cost, which needs no value."""
    if breaches is None:
        return Priced(amount=None, steps=("number of breaches not known: the malus cannot be computed yet",))
    amount = max(breaches, 0) * Fraction(money.amount)
    step = f"{max(breaches, 0)} breach(es) beyond what is allowed * {money.amount} = {plain(amount)}"
    return Priced(amount=amount, steps=(step,))


def _capacity(money: CapacityMoney, found: Shortfall, *, is_bonus: bool) -> Priced:
    """The difference of the capacity payment to its amount; the payment is never below nothing."""
    measured, whole = found.measured, Fraction(money.amount)
    target = found.level if money.target is None else Fraction(money.target)
    if not target:
        return Priced(amount=_ZERO, steps=("no availability is promised: the capacity payment is in full",))
    if is_bonus:
        paid = whole * (1 + max(measured - target, _ZERO) / target)
        how = f"(1 + ({plain(measured)} - {plain(target)}) / {plain(target)})"
    else:
        paid = whole * max(min(Fraction(1), 1 - 2 * (target - measured) / target), _ZERO)
        how = f"(1 - 2 * ({plain(target)} - {plain(measured)}) / {plain(target)})"
    amount = abs(paid - whole)
    if not amount:
        return Priced(amount=_ZERO, steps=(f"capacity payment {money.amount}: in full",))
    side = "more" if is_bonus else "less"
    step = f"capacity payment {money.amount} * {how} = {plain(paid)}: {plain(amount)} {side}"
    return Priced(amount=amount, steps=(step,))
