"""Exact numbers to the decimals people read and pay: rounding half up, never through binary floats."""

from decimal import Decimal
from fractions import Fraction


def half_up(value: Fraction, decimals: int) -> Decimal:
    """`value` to `decimals` places, halves away from zero; the result keeps its trailing zeros."""
    scaled = abs(value) * 10**decimals
    digits = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return _decimal(digits, decimals, negative=value < 0)


def down(value: Fraction, decimals: int) -> Decimal:
    """`value` to `decimals` places towards zero: what a cap is paid at."""
    scaled = abs(value) * 10**decimals
    return _decimal(scaled.numerator // scaled.denominator, decimals, negative=value < 0)


def plain(value: Fraction, decimals: int = 6) -> str:
    """A number for people: without trailing zeros, `about` before it when the decimals do not hold it exactly."""
    rounded = half_up(value, decimals)
    text = f"{rounded:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if Fraction(rounded) == value else f"about {text}"


def lowest_met(level: Fraction | Decimal, decimals: int | None) -> Fraction:
    """The smallest exact value that, rounded by the contract's rule (None: not rounded), still reaches `level`."""
    exact = Fraction(level)
    if decimals is None:
        return exact
    unit = Fraction(1, 10**decimals)
    steps = -(-exact.numerator * 10**decimals // exact.denominator)
    return steps * unit - unit / 2


def _decimal(digits: int, decimals: int, *, negative: bool) -> Decimal:
    sign = 1 if negative and digits else 0
    return Decimal((sign, tuple(int(digit) for digit in str(digits)), -decimals))
