"""What an observed availability says of the machine behind it: limits and spread. Pure.

Not for settlement: whether a guarantee was met is a fact of the period and has no sampling error.
"""

import math
from dataclasses import dataclass

from scipy.special import fdtri


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Time up and down in one unit, ended by so many failures and repairs."""

    up: float
    down: float
    failures: int
    repairs: int


def f_limits(sample: Sample, alpha: float) -> tuple[float, float] | None:
    """Limits at 1 - alpha for exponential up and down times, observed to full cycles; None without a full one."""
    if not (sample.failures and sample.repairs and sample.up):
        return None
    unavailability = sample.down / sample.repairs / (sample.up / sample.failures)
    dof = 2 * sample.failures, 2 * sample.repairs
    return _between(unavailability, dof, alpha)


def keesee_limits(sample: Sample, alpha: float) -> tuple[float, float] | None:
    """As `f_limits`, for observation that ended at a time; None without a repair.

    Source: Keesee 1965, as the R package mcotear computes it (ao_keesee).
    """
    if not (sample.repairs and sample.up):
        return None
    unavailability = sample.down / sample.repairs / (sample.up / (sample.failures + 1))
    return _between(unavailability, (2 * sample.failures + 2, 2 * sample.repairs), alpha)


def _between(unavailability: float, dof: tuple[int, int], alpha: float) -> tuple[float, float]:
    worst, best = float(fdtri(*dof, 1 - alpha / 2)), float(fdtri(*dof, alpha / 2))
    return 1 / (1 + unavailability * worst), 1 / (1 + unavailability * best)


def renewal_sd(mean_up: float, mean_down: float, sd_up: float, sd_down: float, time: float) -> float:
    """Standard deviation of the availability realised over `time`, for independent up and down times; all in one unit.

    Source: alternating renewal process, sqrt((U^2 sD^2 + D^2 sU^2)/(U + D)^3/T). Slots of a machine are not
    independent: the binomial formula over them is far too small.
    """
    spread = mean_up**2 * sd_down**2 + mean_down**2 * sd_up**2
    return math.sqrt(spread / (mean_up + mean_down) ** 3 / time)
