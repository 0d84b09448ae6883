"""Machines that wear out on paper: a hidden wear that grows exponentially, seen through noisy sensors and two loads."""

import numpy as np

from services.analytics.prognosis.histories import History

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
