"""Reliability figures of repairable machines, from operating time and failures counted: means with chi-square limits.

Pure. Hours throughout. The operating clock counts, not the calendar: stand-by is no time at risk. Test for a trend
(`trend`) before any mean is quoted.
"""

import math
from typing import Final

from scipy.special import gammainccinv, gammaincinv

_SHORT: Final = 1e-8


def chi_square_quantile(p: float, dof: float) -> float:
    """The value a chi-square variable of `dof` > 0 degrees of freedom stays below with probability `p` in (0, 1)."""
    return 2 * float(gammaincinv(dof / 2, p) if p <= 0.5 else gammainccinv(dof / 2, 1 - p))


def mtbf_limits(
    hours: float, failures: int, confidence: float, *, two_sided: bool, time_terminated: bool = True
) -> tuple[float | None, float | None]:
    """(lower, upper) limit in hours of the mean operating time between failures, constant failure rate.

    2T/chi2 with 2r degrees of freedom; observation that ended at a time, not at a failure, has 2r + 2 in the lower
    one. One-sided, each bound stands alone at `confidence`. None where the data bound nothing: above without a
    failure, and below too if it ended at one. ValueError for negative hours or failures, confidence outside (0, 1).
    Source: IEC 60605-4; Epstein and Sobel 1953.
    """
    if hours < 0 or failures < 0:
        raise ValueError("hours and failures are not negative")
    if not 0 < confidence < 1:
        raise ValueError("confidence lies between 0 and 1, both excluded")
    tail = (1 - confidence) / 2 if two_sided else 1 - confidence
    lower_dof = 2 * failures + (2 if time_terminated else 0)
    lower = 2 * hours / chi_square_quantile(1 - tail, lower_dof) if lower_dof else None
    upper = 2 * hours / chi_square_quantile(tail, 2 * failures) if failures else None
    return lower, upper


def rate_limits(events: int, exposure_h: float, confidence: float) -> tuple[float, float]:
    """Two-sided limits of a Poisson rate, 1/h; the lower one is 0 without an event. `exposure_h` above 0.

    Source: ISO 14224 annex C (recalled): chi2(a/2; 2n)/2tau and chi2(1 - a/2; 2n + 2)/2tau.
    """
    tail = (1 - confidence) / 2
    lower = chi_square_quantile(tail, 2 * events) / (2 * exposure_h) if events else 0.0
    return lower, chi_square_quantile(1 - tail, 2 * events + 2) / (2 * exposure_h)


def demonstration_hours(mtbf_h: float, failures: int, confidence: float) -> float:
    """Operating hours that prove `mtbf_h` one-sided at `confidence` if no more than `failures` happen in them."""
    return mtbf_h * chi_square_quantile(confidence, 2 * failures + 2) / 2


def markov_availability(failure_rate: float, repair_rate: float, after: float) -> tuple[float, float, float | None]:
    """(steady state, at `after`, mean up to `after`) of one machine that is up at 0, with constant rates.

    Rates per unit of `after`, their sum above 0. The mean over no time is None. Source: IEC 61703, textbook form.
    """
    total = failure_rate + repair_rate
    steady, transient = repair_rate / total, failure_rate / total
    spent = total * after
    if not spent:
        return steady, 1.0, None
    decay = -math.expm1(-spent)
    # Of a time this short the series has all digits, the quotient not.
    share = decay / spent if spent > _SHORT else 1 - spent / 2
    return steady, 1 - transient * decay, 1 - transient * (1 - share)
