"""How likely more than a budget of downtime is still to come: the Takacs closed form. Pure; contracts decide by it."""

from typing import Final

import numpy as np
from scipy.special import gammaincc, gammaln, ndtr

MANY_FAILURES: Final = 1e6


def p_miss_takacs(remaining_h: float, budget_h: float, mtbf_h: float, mttr_h: float, down_now: int) -> float:
    """P(D(H) > B) of an alternating renewal process, exponential up (MTBF) and down (MTTR) times.

    Takacs (1957): the sum over k of Pois(k; (H - B)/MTBF) P(Gamma(k + j, MTTR) > B), j machines being down at the
    start (a bool does for one machine). Hours; MTBF and MTTR above 0. The sum leaves out less than 1e-15; where more
    than `MANY_FAILURES` are expected it is the normal law of the same mean and variance, then close to it.
    """
    if budget_h < 0:
        return 1.0
    if remaining_h <= budget_h:
        return 0.0
    mean = (remaining_h - budget_h) / mtbf_h
    if mean > MANY_FAILURES:
        return float(ndtr((mean / 2) ** 0.5 + (down_now - budget_h / mttr_h) / (2 * mean) ** 0.5))
    spread = 12 * mean**0.5 + 40
    count = np.arange(max(0, int(mean - spread)), int(mean + spread) + 1)
    weight = np.exp(count * np.log(mean) - mean - gammaln(count + 1))
    shape = count + int(down_now)
    exceeds = np.where(shape > 0, gammaincc(np.maximum(shape, 1), budget_h / mttr_h), 0.0)
    return float(np.clip(np.sum(weight * exceeds), 0.0, 1.0))
