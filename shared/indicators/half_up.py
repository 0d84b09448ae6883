"""Commercial rounding of exact amounts. Pure."""

from fractions import Fraction
from math import floor


def half_up(value: Fraction, places: int) -> Fraction:
    """`value` to so many decimal places, half away from zero."""
    scale = 10**places
    rounded = Fraction(floor(abs(value) * scale + Fraction(1, 2)), scale)
    return -rounded if value < 0 else rounded
