"""How good remaining lives are that were said of machines whose end is known: for champion and challenger. Pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from services.analytics.prognosis.calibration import at_level
from services.analytics.prognosis.histories import Array, History
from services.analytics.prognosis.run_to_failure import LifeModel

# Moments of each held-back life at which the model is asked.
_MOMENTS: Final = 20
_TOLD: Final = (0.1, 0.5, 0.9)


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


def evaluate_model(model: LifeModel, held_back: Sequence[History]) -> dict[str, float]:
    """Figures of `model` on lives that ended in failure and that it was not trained on, at moments along each.

    `rmse_h` of the point against the truth, both at most the cap; `pinball_h`, the mean over P10, P50 and P90, against
    the whole truth; `coverage_ratio` and `width_h` of P10 .. P90. ValueError when none of them failed.
    """
    lives = [history for history in held_back if history.failed]
    if not lives:
        raise ValueError("no held-back life that ended in failure")
    found = [model.along(life, _MOMENTS) for life in lives]
    point = np.concatenate([each.point_h for each in found])
    quantiles = np.concatenate([each.quantiles_h for each in found])
    truth = np.concatenate([life.life_h - each.at_h for life, each in zip(lives, found, strict=True)])
    low, high = at_level(quantiles, 0.1), at_level(quantiles, 0.9)
    return {
        "lives": float(len(lives)),
        "rmse_h": rmse(point, np.minimum(truth, model.cap_h)),
        "pinball_h": float(np.mean([pinball(at_level(quantiles, level), truth, level) for level in _TOLD])),
        "coverage_ratio": coverage(low, high, truth),
        "width_h": float(np.mean(high - low)),
    }
