"""Is a failure rate constant? To be asked before any MTBF is quoted. Pure; hours on the operating clock."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from scipy.special import ndtr


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """Time-truncated tests of one machine's failure times.

    `laplace_u` above 0: failures come faster (deterioration); `p_value` is two-sided under a constant rate. `beta`
    above 1 says the same by Crow-AMSAA, `unbiased_beta` corrects it for few failures, `intensity_per_h` is its rate
    at the end. None: with every failure at the very end there is no estimate.
    """

    laplace_u: float
    p_value: float
    beta: float | None
    unbiased_beta: float | None
    intensity_per_h: float | None


def trend(times_h: Sequence[Fraction], until_h: Fraction) -> Trend:
    """Laplace and Crow-AMSAA over failures at `times_h` in (0, until_h]; ValueError for none, or one outside.

    Source: Laplace U = (mean t - T/2) / (T sqrt(1/12n)); IEC 61164, Crow 1975: beta = n / sum ln(T/t).
    """
    n = len(times_h)
    if not n or any(not 0 < t <= until_h for t in times_h):
        raise ValueError("needs failures, each after 0 and not after the end")
    u = float(sum(times_h) / n - until_h / 2) / (float(until_h) * math.sqrt(1 / (12 * n)))
    logs = sum(math.log(until_h / t) for t in times_h)
    beta = n / logs if logs else None
    return Trend(
        laplace_u=u,
        p_value=2 * float(ndtr(-abs(u))),
        beta=beta,
        unbiased_beta=None if beta is None else (n - 1) / n * beta,
        intensity_per_h=None if beta is None else n * beta / float(until_h),
    )
