"""Readings to amounts by the hour: how much a counter rose. Exact: a value is the decimal it is written as. Pure."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from shared.instant import HOUR_US

# By the start of the hour, UTC microseconds.
Amounts = dict[int, Fraction]


def counted(at_us: NDArray[np.int64], value: NDArray[np.float64], start_us: int) -> Amounts:
    """How much a counter rose in each hour from `start_us` on in which it was read.

    `at_us` (n,) ascends; readings before `start_us` are what the first rise is from. A rise over a gap belongs to the
    hour of the reading that ends it, so that hours add up to what was counted. A counter that falls was set to 0 and
    has counted from there. The very first reading of a series says of no rise.
    """
    hour = at_us // HOUR_US * HOUR_US
    amounts: Amounts = {}
    if not len(hour):
        return amounts
    falls = np.flatnonzero(value[1:] < value[:-1]) + 1
    begins = np.flatnonzero(np.append(True, hour[1:] != hour[:-1]))
    ends = np.append(begins[1:], len(hour))
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        if hour[begin] < start_us:
            continue
        before = max(begin - 1, 0)
        rise = _written(float(value[end - 1])) - _written(float(value[before]))
        within = falls[(falls >= max(begin, 1)) & (falls < end)]
        rise += sum(map(_written, value[within - 1].tolist()), Decimal(0))
        amounts[int(hour[begin])] = Fraction(rise)
    return amounts


def _written(value: float) -> Decimal:
    return Decimal(repr(value))
