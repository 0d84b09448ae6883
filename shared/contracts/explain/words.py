"""Numbers, levels and lists as people write them."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Final

from shared.contracts.rounding import half_up, plain
from shared.contracts.terms import Kind

_UNITS: Final[dict[Kind, str]] = {
    Kind.ENERGY_INTENSITY: "of the expected energy",
    Kind.ENERGY_SAVINGS: "MWh in a period",
    Kind.OUTPUT: "good pieces in a required hour",
    Kind.MTBF: "hours between failures",
}


def number(amount: Decimal | int | None) -> str:
    """Without trailing zeros."""
    if amount is None:
        return "nothing"
    text = f"{Decimal(amount):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount(money: Decimal | Fraction, currency: str) -> str:
    """Money to its cents."""
    return f"{half_up(Fraction(money), 2):f} {currency}"


def percent(share: Fraction) -> str:
    return f"{plain(share * 100, 4)} %"


def value(kind: Kind, exact: Fraction) -> str:
    """A value of a kind in its own unit: shares in per cent."""
    if kind in {Kind.ENERGY_SAVINGS, Kind.OUTPUT, Kind.MTBF}:
        return f"{plain(exact, 2)} {_UNITS[kind]}"
    unit = f" {_UNITS[kind]}" if kind in _UNITS else ""
    return f"{percent(exact)}{unit}"


def hours(us: int) -> str:
    """A length of time, in the unit it is easiest read in."""
    seconds = Fraction(us, 1_000_000)
    if seconds < 60:
        return f"{plain(seconds)} s"
    if seconds < 3_600:
        return f"{plain(seconds / 60)} min"
    return f"{plain(seconds / 3_600)} h"


def listed(words: Iterable[str]) -> str:
    return ", ".join(words)
