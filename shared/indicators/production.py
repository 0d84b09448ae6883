"""Production lost while a machine could not run: potential power by its curve, or an ideal rate. Pure and exact."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise


def potential(curve: Sequence[tuple[Fraction, Fraction]], at: Fraction) -> Fraction:
    """Output of a curve of (driver, output) points at a driver value, linear between points; 0 outside of them.

    ValueError unless the drivers ascend. A wind turbine gives nothing below cut-in and above cut-out.
    """
    if any(one[0] >= other[0] for one, other in pairwise(curve)):
        raise ValueError("the drivers of a curve must ascend")
    for (low, start), (high, end) in pairwise(curve):
        if low <= at <= high:
            return start + (end - start) * (at - low) / (high - low)
    return Fraction(0)


def lost(potential_output: Sequence[Fraction], actual: Sequence[Fraction]) -> Fraction:
    """Sum of what each slot (n,) made less than its potential; a slot above its potential gives nothing back."""
    pairs = zip(potential_output, actual, strict=True)
    return sum((max(Fraction(0), ideal - real) for ideal, real in pairs), Fraction(0))


def by_production(actual: Fraction, lost_output: Fraction) -> Fraction | None:
    """Production-based availability: output by output and loss; None when there is neither."""
    return actual / (actual + lost_output) if actual + lost_output else None
