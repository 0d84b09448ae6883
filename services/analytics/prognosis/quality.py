"""How good remaining lives are that were said of machines whose end is known. Pure."""

import numpy as np

from services.analytics.prognosis.histories import Array


def rmse(said: Array, truth: Array) -> float:
    """Root mean squared error, in the unit of both (n,)."""
    return float(np.sqrt(np.mean((said - truth) ** 2)))


def nasa_score(said: Array, truth: Array) -> float:
    """Sum of exp(d/10) - 1 for lives said too long, exp(-d/13) - 1 for too short, d in cycles (Saxena et al. 2008)."""
    away = said - truth
    return float(np.sum(np.expm1(np.where(away < 0, -away / 13.0, away / 10.0))))


def coverage(low: Array, high: Array, truth: Array) -> float:
    """The share of truths (n,) within low .. high, both included."""
    return float(np.mean((low <= truth) & (truth <= high)))


def pinball(quantile: Array, truth: Array, level: float) -> float:
    """Mean pinball loss of a quantile at `level` (Koenker and Bassett 1978); lower is better."""
    away = truth - quantile
    return float(np.mean(np.maximum(level * away, (level - 1.0) * away)))
