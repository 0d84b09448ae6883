"""Machines that wear out on paper: a hidden wear that grows exponentially, seen through noisy sensors and two loads."""

from collections.abc import Sequence

import numpy as np

from services.analytics.prognosis.calibration import at_level
from services.analytics.prognosis.histories import History
from services.analytics.prognosis.quality import coverage, pinball, rmse
from services.analytics.prognosis.run_to_failure import LifeModel

_GAINS = np.array([1.0, -0.7, 0.5, 0.0, 1.5])


def machine(seed: int, *, step_h: float = 1.0, failed: bool = True) -> History:
    """One life of 60 to 140 steps; four sensors that move and one of noise only, a sixth that is constant."""
    generator = np.random.default_rng(seed)
    steps = int(generator.integers(60, 141))
    share = np.arange(1, steps + 1) / steps
    wear = np.expm1(4 * share) / np.expm1(4) + 0.1 * generator.random()
    load = generator.integers(0, 2, size=steps).astype(float)
    values = (wear[:, None] * 10 * _GAINS) * (1 + load[:, None]) + 50 * load[:, None]
    values = values + generator.normal(scale=0.4, size=values.shape)
    return History(
        name=f"M{seed}",
        at_h=np.arange(1.0, steps + 1.0) * np.float64(step_h),
        values=np.hstack([values, np.full((steps, 1), 3.0)]),
        drivers=load[:, None] * 40 + generator.normal(scale=0.1, size=(steps, 1)),
        failed=failed,
    )


def fleet(machines: int, first_seed: int = 0) -> list[History]:
    """So many lives that ended in failure."""
    return [machine(first_seed + seed) for seed in range(machines)]


def figures_of(model: LifeModel, held_back: Sequence[History]) -> dict[str, float]:
    """Figures of `model` on lives that ended in failure and that it was not trained on, at moments along each.

    `rmse_h` of the point against the truth, both at most the cap; `pinball_h`, the mean over P10, P50 and P90, against
    the whole truth; `coverage_ratio` and `width_h` of P10 .. P90.
    """
    lives = [history for history in held_back if history.failed]
    found = [model.along(life, 20) for life in lives]
    point = np.concatenate([each.point_h for each in found])
    quantiles = np.concatenate([each.quantiles_h for each in found])
    truth = np.concatenate([life.life_h - each.at_h for life, each in zip(lives, found, strict=True)])
    low, high = at_level(quantiles, 0.1), at_level(quantiles, 0.9)
    return {
        "lives": float(len(lives)),
        "rmse_h": rmse(point, np.minimum(truth, model.cap_h)),
        "pinball_h": float(np.mean([pinball(at_level(quantiles, level), truth, level) for level in (0.1, 0.5, 0.9)])),
        "coverage_ratio": coverage(low, high, truth),
        "width_h": float(np.mean(high - low)),
    }
