"""From a point to a distribution of remaining life, by how far held-out lives were from what was said of them. Pure.

Residuals of lives that a member never saw, divided by their expected size, are pooled by the level said (Mondrian
conformal prediction, Vovk et al. 2005; normalised by a learned scale, Lei et al. 2018; cross-conformal, Vovk 2015).
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from services.analytics.prognosis.histories import Array

# The quantiles a distribution is told by.
LEVELS: Final = (0.02, *(round(0.05 * i, 2) for i in range(1, 20)), 0.98)
_BINS: Final = 8
_LEAST_IN_BIN: Final = 100
# No residual is expected to be smaller than this share of the cap.
_LEAST_SCALE: Final = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """`sizes` expects the size of a residual; `table` (bins, levels) of its quantiles about the points `centres`."""

    cap: float
    sizes: HistGradientBoostingRegressor
    centres: Array
    table: Array

    def quantiles(self, point: Array, traits: Array) -> Array:
        """Remaining life at LEVELS (n, levels), ascending, not below 0, for `point` (n,) with `traits` (n, t)."""
        size = _size(self.sizes, point, traits, self.cap)
        shape = np.stack([np.interp(point, self.centres, column) for column in self.table.T], axis=1)
        return np.maximum(point[:, None] + size[:, None] * shape, 0.0)

    def as_parts(self) -> dict[str, Any]:
        """An estimator of scikit-learn, arrays and numbers."""
        return {"cap": self.cap, "sizes": self.sizes, "centres": self.centres, "table": self.table}

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Self:
        """What `as_parts` wrote."""
        return cls(**parts)


def fit(point: Array, traits: Array, truth: Array, *, cap: float, gain: float, seed: int) -> Spread:
    """Learn from what was said (n,) of lives held out, and the remaining life that came true (n,), not capped.

    `gain` in 0 .. 1: how the residuals of what will be said compare with those of what was said.
    """
    residual = truth - point
    sizes = HistGradientBoostingRegressor(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=max(20, len(point) // 50),
        early_stopping=False,  # pyright: ignore[reportArgumentType]
        random_state=seed,
    )  # fmt: skip
    # The size is that of the capped life: how far beyond the cap a life goes says nothing of how well it is known.
    sizes.fit(np.column_stack([point, traits]), np.abs(np.minimum(truth, cap) - point))
    shape = residual / _size(sizes, point, traits, cap)
    order = np.argsort(point, kind="stable")
    bins = np.array_split(order, max(1, min(_BINS, len(order) // _LEAST_IN_BIN)))
    return Spread(
        cap=cap,
        sizes=sizes,
        centres=np.array([float(point[rows].mean()) for rows in bins]),
        table=gain * np.stack([np.quantile(shape[rows], LEVELS) for rows in bins]),
    )


def chance_within(quantiles: Array, horizon_h: float) -> Array:
    """Probability (n,) that a life with `quantiles` (n, levels) at LEVELS ends within `horizon_h`."""
    beyond = quantiles[:, -1:] + np.maximum(quantiles[:, -1:] - quantiles[:, -4:-3], 1e-9)
    at = np.hstack([np.zeros((len(quantiles), 1)), quantiles, beyond])
    levels = np.array([0.0, *LEVELS, 1.0])
    return np.array([float(np.interp(horizon_h, row, levels)) for row in at])


def at_level(quantiles: Array, level: float) -> Array:
    """The quantile (n,) at one of LEVELS."""
    return quantiles[:, LEVELS.index(level)]


def _size(sizes: HistGradientBoostingRegressor, point: Array, traits: Array, cap: float) -> Array:
    return np.maximum(sizes.predict(np.column_stack([point, traits])), _LEAST_SCALE * cap)
