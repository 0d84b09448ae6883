"""What a miss costs and a success earns, in words: forms, bands, caps, and what joins periods and guarantees."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from shared.contracts.explain.words import amount, listed, number, percent, value
from shared.contracts.money import (
    BandKind,
    CapacityMoney,
    Caps,
    CountMoney,
    FormulaMoney,
    Money,
    StepMoney,
    StepRule,
    TieredMoney,
    UnitMoney,
)
from shared.contracts.terms import Contract, Guarantee, Kind

_STEPS: Final = {
    StepRule.FULL: "full steps only",
    StepRule.STARTED: "each step that has begun",
    None: "parts in proportion",
}
_PIECES: Final[dict[Kind, tuple[str, str]]] = {
    Kind.ENERGY_INTENSITY: ("kWh too much", "kWh saved"),
    Kind.ENERGY_SAVINGS: ("MWh missing", "MWh more"),
    Kind.PRODUCTION_AVAILABILITY: ("MWh missing", "MWh more"),
    Kind.OUTPUT: ("pieces missing", "pieces more"),
    Kind.MTBF: ("hours missing", "hours more"),
}
_FEES: Final = {"base_monthly": "the monthly fee", "annual_fee": "the annual fee"}
_BREACHES: Final = {
    Kind.RESPONSE_TIME: "promise broken",
    Kind.FAILURE_NOTICE: "failure not announced beyond what the level allows",
}


def money(contract: Contract, guarantee: Guarantee) -> Iterator[str]:
    """Every rule of the guarantee's money, in the order they work."""
    if not (guarantee.malus or guarantee.bonus or guarantee.make_good or guarantee.floor):
        yield "none is agreed: the value is reported"
    yield from _band(guarantee)
    for each in guarantee.malus:
        yield f"a miss costs {_malus(each, contract, guarantee)}"
    for each in guarantee.bonus:
        yield f"better than promised earns {_bonus(each, contract, guarantee)}"
    if guarantee.make_good is not None:
        instead = guarantee.make_good.by.replace("_", " ")
        money_after = "; the money is owed when it is not" if guarantee.malus else ""
        yield f"in place of money: {instead}, rendered within {guarantee.make_good.within_days} days{money_after}"
    yield from caps(contract, guarantee.caps, "this guarantee")
    yield from _across(guarantee)


def caps(contract: Contract, limits: Caps, whose: str) -> Iterator[str]:
    """Each cap, in the order they bite."""
    named = (
        (limits.malus_per_period, "malus in a period"),
        (limits.malus_per_year, "malus in a settlement year"),
        (limits.malus_lifetime, "malus over the whole term"),
        (limits.bonus_per_period, "bonus in a period"),
        (limits.bonus_per_year, "bonus in a settlement year"),
    )
    for limit, what in named:
        if limit is not None:
            yield f"{whose}: at most {amount(limit, contract.currency)} of {what}"


def _band(guarantee: Guarantee) -> Iterator[str]:
    band = guarantee.dead_band
    if band is None:
        return
    width = (
        f"{number(band.pp)} percentage points" if band.pp is not None else f"{percent(Fraction(band.fraction or 0))}"
    )
    paid = "only what lies beyond is paid" if band.kind is BandKind.DEDUCTIBLE else "beyond it all of it is paid"
    yield f"a shortfall of up to {width} costs nothing; {paid} ({band.kind})"


def _malus(form: Money, contract: Contract, guarantee: Guarantee) -> str:
    currency = contract.currency
    match form:
        case FormulaMoney():
            return f"{form.formula.source}{_constants(form)}, in {currency}; never below nothing"
        case StepMoney():
            of = f"{amount(form.amount, currency)} for each {number(form.step_pp)} percentage point(s) of shortfall"
            return f"{of}, {_STEPS[form.rule]}"
        case UnitMoney():
            return f"{_price(form, currency)} {_PIECES.get(guarantee.kind, ('units missing', ''))[0]}"
        case TieredMoney():
            of = _FEES.get(form.of_name, "an agreed amount")
            steps = (
                f"below {value(guarantee.kind, Fraction(t.below))} {percent(Fraction(t.fraction))}" for t in form.tiers
            )
            return (
                f"a share of {of} ({amount(form.of, currency)}): {listed(steps)}; the lowest tier reached alone counts"
            )
        case CountMoney():
            return f"{amount(form.amount, currency)} for each {_BREACHES.get(guarantee.kind, 'breach')}"
        case CapacityMoney():
            return f"twice the part of {amount(form.amount, currency)} by which the value misses {_target(form)}"


def _bonus(form: Money, contract: Contract, guarantee: Guarantee) -> str:
    currency = contract.currency
    match form:
        case FormulaMoney():
            above = f", above {value(guarantee.kind, Fraction(form.above))}" if form.above is not None else ""
            return f"{form.formula.source}{_constants(form)}, in {currency}{above}"
        case StepMoney():
            above = value(guarantee.kind, Fraction(form.above)) if form.above is not None else "the level"
            per = f"{amount(form.amount, currency)} for each {number(form.step_pp)} percentage point(s) above {above}"
            return f"{per}, {_STEPS[form.rule]}"
        case UnitMoney():
            share = "" if form.share == 1 else f", {percent(Fraction(form.share))} of it"
            return f"{_price(form, currency)} {_PIECES.get(guarantee.kind, ('', 'units more'))[1]}{share}"
        case CapacityMoney():
            return f"the part of {amount(form.amount, currency)} by which the value exceeds {_target(form)}"
        case _:
            return "nothing"


def _target(form: CapacityMoney) -> str:
    return "the level" if form.target is None else number(form.target)


def _price(form: UnitMoney, currency: str) -> str:
    per = "each of the" if form.per == 1 else f"each {number(form.per)}"
    return f"{number(form.price)} {currency} for {per}"


def _constants(form: FormulaMoney) -> str:
    used: Mapping[str, Decimal] = {name: each for name, each in form.constants.items() if name in form.formula.names}
    return f" with {listed(f'{name} = {number(each)}' for name, each in used.items())}" if used else ""


def _across(guarantee: Guarantee) -> Iterator[str]:
    """What joins this period with others, and this guarantee with others."""
    if guarantee.exclusive_of:
        before = listed(guarantee.exclusive_of)
        yield f"in a period in which {before} owes malus this guarantee owes none, also when that is given back later"
    kept = guarantee.carry_over
    if kept is not None:
        most = f", at most {number(kept.max_pp)} percentage points" if kept.max_pp is not None else ""
        share = "" if kept.share == 1 else f"{percent(Fraction(kept.share))} of "
        earned = "; what earns a bonus is not kept as well" if guarantee.bonus else ""
        yield f"{share}what is better than promised makes good for the next {kept.periods} period(s){most}{earned}"
    if guarantee.true_up is not None:
        refund = "its malus is given back" if guarantee.true_up.refund_if_met else "nothing is given back"
        floors = (
            ", what is for machines below their floor only if each is above it over the year" if guarantee.floor else ""
        )
        yield (
            f"at the end of the settlement year its sums are looked at as a whole; if they meet the level, "
            f"{refund}{floors}"
        )
    index = guarantee.indexation
    if index is not None:
        known = listed(f"{name} {number(each)}" for name, each in index.values.items()) or "none given yet"
        yield f"amounts follow {index.index} from {index.base} on; values: {known}"
