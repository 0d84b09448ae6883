"""Lives and repairs of which some are still running: what is censored counts its time, not an end. Pure; hours."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SHAPES: Final = (1e-3, 1e3)
_HALVINGS: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Survival:
    """Kaplan-Meier after each distinct failure time: the share still alive, and Greenwood's variance of it."""

    at_h: tuple[Fraction, ...]
    share: tuple[Fraction, ...]
    variance: tuple[Fraction, ...]


def kaplan_meier(ended_h: Sequence[Fraction], running_h: Sequence[Fraction]) -> Survival:
    """Exact survival of lives that `ended_h` and of those still `running_h` when last seen.

    A life censored at a failure time was at risk of it. Where the share falls to 0 the variance is 0 by convention.
    Source: Kaplan and Meier 1958; Greenwood 1926.
    """
    share, summed = Fraction(1), Fraction(0)
    times = sorted(set(ended_h))
    shares: list[Fraction] = []
    variances: list[Fraction] = []
    ends, lives = Counter(ended_h), sorted((*ended_h, *running_h))
    for at in times:
        risk, ended = len(lives) - bisect_left(lives, at), ends[at]
        share *= Fraction(risk - ended, risk)
        summed += Fraction(ended, risk * (risk - ended)) if risk > ended else Fraction(0)
        shares.append(share)
        variances.append(share * share * summed)
    return Survival(at_h=tuple(times), share=tuple(shares), variance=tuple(variances))


def weibull(ended_h: Sequence[Fraction], running_h: Sequence[Fraction]) -> tuple[float, float] | None:
    """Maximum likelihood (shape beta, scale eta in hours); None without two distinct ends above 0.

    The profile equation in beta has one root; eta follows from it. Agrees with lifelines and reliability.
    """
    if len(set(ended_h)) < 2 or min((*ended_h, *running_h)) <= 0:
        return None
    longest = float(max((*ended_h, *running_h)))
    ends = np.array([float(life) / longest for life in ended_h])
    lives = np.array([float(life) / longest for life in (*ended_h, *running_h)])
    beta = _root(ends, lives)
    if beta is None:
        return None
    return beta, longest * float(np.sum(lives**beta) / len(ends)) ** (1 / beta)


def _root(ends: NDArray[np.float64], lives: NDArray[np.float64]) -> float | None:
    logs, mean_log = np.log(lives), float(np.mean(np.log(ends)))

    def profile(beta: float) -> float:
        weights = lives**beta
        return float(np.sum(weights * logs) / np.sum(weights)) - 1 / beta - mean_log

    low, high = _SHAPES
    if profile(low) > 0 or profile(high) < 0:
        return None
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if profile(middle) > 0 else (middle, high)
    return math.sqrt(low * high)


def conditional_failure(beta: float, eta: float, age: float, window: float) -> float:
    """P(a Weibull life of `age` ends within `window`), all in one unit of time; beta and eta above 0."""
    if age <= window:
        return -math.expm1((age / eta) ** beta - ((age + window) / eta) ** beta)
    # The same without the difference of two nearly equal ages.
    return -math.expm1(-((age / eta) ** beta) * math.expm1(beta * math.log1p(window / age)))


def remaining_life(beta: float, eta: float, age: float, share: float) -> float:
    """The time after `age` within which a Weibull life ends with probability `share` in (0, 1)."""
    hazard = -math.log1p(-share)
    if age <= eta:
        return eta * ((age / eta) ** beta + hazard) ** (1 / beta) - age
    return age * math.expm1(math.log1p(hazard * (eta / age) ** beta) / beta)
