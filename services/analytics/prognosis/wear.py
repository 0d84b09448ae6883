"""A learned index of wear: what a regression in each regime reads from one row, then averaged. Pure.

The literature calls it a health index by linear regression (Wang, Yu, Siegel and Lee 2008, similarity-based prognosis).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from services.analytics.prognosis.condition import Readings
from services.analytics.prognosis.histories import Array

# Pseudo-rows of no effect that the regression of a regime must outweigh.
_PRIOR_ROWS: Final = 10.0
_LEAST_ROWS: Final = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class Wear:
    """Linear in the standardised sensors: `weights` (r + 1, s + 1), constant last; the last row for unknown regimes."""

    weights: Array

    def of(self, readings: Readings) -> Array:
        """The index in each step (b, 1): about 1 far from failure, about -1 at it."""
        weights = self.weights[readings.regime]
        return readings.averaged(((readings.z * weights[:, :-1]).sum(axis=1) + weights[:, -1])[:, None])

    def as_parts(self) -> dict[str, Any]:
        """Arrays only."""
        return {"weights": self.weights}

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Self:
        """What `as_parts` wrote."""
        return cls(weights=parts["weights"])


def fit(lives: Sequence[Readings], targets: Sequence[Array], count: int) -> Wear:
    """Ridge regression of `targets`, one (b,) by step for each life, on the rows' z in each of `count` regimes."""
    z = np.concatenate([life.z for life in lives])
    regime = np.concatenate([life.regime for life in lives])
    target = np.concatenate([target[life.step] for life, target in zip(lives, targets, strict=True)])
    everything = _ridge(z, target)
    weights = np.tile(everything, (count + 1, 1))
    for each in range(count):
        rows = regime == each
        if rows.sum() >= _LEAST_ROWS:
            weights[each] = _ridge(z[rows], target[rows])
    return Wear(weights=weights)


def _ridge(z: Array, target: NDArray[np.float64]) -> Array:
    middle, level = z.mean(axis=0), float(target.mean())
    away = z - middle
    slopes = np.linalg.solve(away.T @ away + _PRIOR_ROWS * np.eye(z.shape[1]), away.T @ (target - level))
    return np.append(slopes, level - middle @ slopes)
