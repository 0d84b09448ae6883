"""Vibration severity zones of industrial machines: ISO 20816-3 as a table of data. Pure.

The limits are recalled and printed tables differ: compare with the edition the contract names before citing it.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

SOURCE: Final = "ISO 20816-3:2022 (was 10816-3), table recalled; vibration velocity, 10 to 1,000 Hz"
ZONES: Final = ("A", "B", "C", "D")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Zone boundaries, mm/s RMS."""

    a_b: Fraction
    b_c: Fraction
    c_d: Fraction


def _limits(a_b: str, b_c: str, c_d: str) -> Limits:
    return Limits(a_b=Fraction(a_b), b_c=Fraction(b_c), c_d=Fraction(c_d))


# Group 1: above 300 kW to 50 MW; group 2: 15 to 300 kW.
TABLE: Final = {
    (1, "rigid"): _limits("2.3", "4.5", "7.1"),
    (1, "flexible"): _limits("3.5", "7.1", "11.0"),
    (2, "rigid"): _limits("1.4", "2.8", "4.5"),
    (2, "flexible"): _limits("2.3", "4.5", "7.1"),
}
CHANGE: Final = Fraction(1, 4)


def limits(group: int, support: str) -> Limits:
    """The boundaries for machines of `group` 1 or 2 on a `rigid` or `flexible` support; ValueError for others."""
    found = TABLE.get((group, support))
    if found is None:
        raise ValueError(f"no limits for group {group!r}, support {support!r}: group 1 or 2, rigid or flexible")
    return found


def zone(v: float | Fraction, group: int, support: str) -> str:
    """`A` to `D` of a velocity `v`, mm/s RMS; a value on a boundary belongs to the lower (better) zone.

    ValueError for a negative velocity, and as `limits`.
    """
    if v < 0:
        raise ValueError("a velocity (RMS) is not negative")
    # A float stands for the decimal it was written as: 7.1 is on the boundary 7.1.
    exact = v if isinstance(v, Fraction) else Fraction(repr(float(v)))
    bounds = limits(group, support)
    return ZONES[sum(exact > bound for bound in (bounds.a_b, bounds.b_c, bounds.c_d))]


def significant_change(group: int, support: str) -> Fraction:
    """The change in mm/s RMS beyond which one is significant even inside a zone: a quarter of B/C (criterion II)."""
    return CHANGE * limits(group, support).b_c


def alarm(baseline: Fraction, group: int, support: str) -> Fraction:
    """Where to set the alarm above a `baseline`, mm/s RMS: a quarter of B/C above it, never over 1.25 B/C."""
    b_c = limits(group, support).b_c
    return min(baseline + CHANGE * b_c, (1 + CHANGE) * b_c)
