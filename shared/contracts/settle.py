"""Verdict to money: the malus of one guarantee over one window, with every step in words."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from shared.contracts.assessment import Settlement
from shared.contracts.rounding import down, half_up, plain
from shared.contracts.terms import Guarantee, Malus

# What a malus formula may name beside the constants of its contract; a quantity is delivered from outside.
MEASURES = frozenset({"level", "measured", "shortfall_pp", "unavailable_h", "denominator_h", "period_h"})
QUANTITIES = frozenset({"actual_output_mwh"})


def settle(
    guarantee: Guarantee,
    currency: str,
    *,
    measured: Fraction | None,
    measures: Mapping[str, Fraction],
    quantities: Mapping[str, Decimal],
) -> Settlement:
    """The money the supplier owes. `measured` None: not assessable; `measures` gives the time-based names.

    Order: formula, never below nothing, rounding half up, cap of the period. Nothing is owed at or above the level.
    A formula that divides by zero because nothing was available is owed its cap, the limit it grows to; for any other
    reason, and without a cap, it has no value, and neither has one with a quantity that is not known.
    """
    places = guarantee.money_decimals
    nothing = half_up(Fraction(0), places)
    agreed = guarantee.malus is not None
    level = Fraction(guarantee.level)
    if measured is None:
        return _settled(nothing, currency, "no time counts: nothing is owed", agreed=agreed)
    relation = f"measured {plain(measured)} against level {plain(level)}"
    if measured >= level:
        return _settled(nothing, currency, f"{relation}: met, nothing is owed", agreed=agreed)
    if guarantee.malus is None:
        return _settled(nothing, currency, f"{relation}: missed", "no malus is agreed", agreed=agreed)
    steps = [f"{relation}: missed"]
    return _malus(guarantee.malus, currency, places, steps, _values(guarantee, measured, measures, quantities))


def _values(
    guarantee: Guarantee, measured: Fraction, measures: Mapping[str, Fraction], quantities: Mapping[str, Decimal]
) -> dict[str, Fraction]:
    level = Fraction(guarantee.level)
    agreed = guarantee.malus.constants if guarantee.malus else {}
    return {
        **{name: Fraction(amount) for name, amount in quantities.items()},
        **{name: Fraction(amount) for name, amount in agreed.items()},
        **measures,
        "level": level,
        "measured": measured,
        "shortfall_pp": (level - measured) * 100,
    }


def _malus(malus: Malus, currency: str, places: int, steps: list[str], values: dict[str, Fraction]) -> Settlement:
    missing = sorted(malus.formula.names - values.keys())
    if missing:
        return _settled(None, currency, *steps, f"{', '.join(missing)} not known: the malus cannot be computed yet")
    inputs = ", ".join(f"{name} = {plain(values[name])}" for name in sorted(malus.formula.names))
    amount = malus.formula.evaluate(values)
    if amount is None:
        steps.append(f"{malus.formula.source} divides by zero with {inputs}")
        if values["measured"] or malus.cap is None:
            return _settled(None, currency, *steps)
        return _capped(malus.cap, currency, places, steps)
    steps.append(f"{malus.formula.source} = {plain(amount)} with {inputs}")
    owed = half_up(max(amount, Fraction(0)), places)
    if amount < 0:
        steps.append("below nothing: nothing is owed")
    steps.append(f"rounded half up to {places} decimals: {owed} {currency}")
    if malus.cap is None:
        return _settled(owed, currency, *steps)
    if owed > malus.cap:
        return _capped(malus.cap, currency, places, steps)
    return _settled(owed, currency, *steps, f"cap of the period {malus.cap} {currency}: not reached")


def _capped(cap: Decimal, currency: str, places: int, steps: list[str]) -> Settlement:
    owed = down(Fraction(cap), places)
    return Settlement(
        agreed=True,
        malus=owed,
        currency=currency,
        capped=True,
        steps=(*steps, f"cap of the period {cap} {currency}: {owed} {currency} is owed"),
    )


def _settled(malus: Decimal | None, currency: str, *steps: str, agreed: bool = True) -> Settlement:
    return Settlement(agreed=agreed, malus=malus, currency=currency, capped=False, steps=steps)
