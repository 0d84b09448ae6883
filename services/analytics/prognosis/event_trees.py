"""The trees behind the hazard from events: boosted on logarithmic loss, so that they speak in probabilities. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from services.analytics.prognosis.event_history import Array

Boosted = HistGradientBoostingClassifier
BAGS: Final = 6
# The rows of one failure are near copies of each other: each bag sees some of them, and the mean over bags, which also
# differ in the columns they may look at, is smoother and better calibrated than any one (Friedman 2002).
_BAG_SHARE: Final = 0.25
_LEAST_BAG: Final = 10_000
_NEWTON: Final = 25
_PULL: Final = 1e-6
_FAR: Final = 30.0
_LEAST_CHANCE: Final = 1e-7
_BOOSTING: Final[dict[str, Any]] = {
    "learning_rate": 0.1,
    "max_iter": 100,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_features": 0.5,
    "early_stopping": False,
}
_MOST_BINS: Final = 255


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bins:
    """Where each of k columns is cut, ascending: so that the weight of the rows is shared evenly, or between values.

    What a tree of this kind looks at is only between which cuts a value lies. Cut once for all trees of a training,
    because scikit-learn takes longer to cut weighted rows for each than to grow it.
    """

    edges: tuple[Array, ...]

    @classmethod
    def of(cls, seen: Array, weight: Array) -> "Bins":
        """Of n rows (n, k), NaN left out, of `weight` (n,)."""
        return cls(edges=tuple(_edges(column, weight) for column in seen.T))

    def codes(self, seen: Array) -> Array:
        """The number of the stretch that each value lies in, (n, k); a value on a cut lies below it, NaN stays."""
        columns = [
            np.where(np.isnan(column), np.nan, np.searchsorted(edges, column))
            for edges, column in zip(self.edges, seen.T, strict=True)
        ]
        return np.column_stack(columns)

    def as_parts(self) -> list[list[float]]:
        """As plain lists."""
        return [each.tolist() for each in self.edges]

    @classmethod
    def from_parts(cls, parts: Sequence[Sequence[float]]) -> "Bins":
        """The inverse of `as_parts`."""
        return cls(edges=tuple(np.array(each, np.float64) for each in parts))


def _edges(column: Array, weight: Array) -> Array:
    known = ~np.isnan(column)
    values, place = np.unique(column[known], return_inverse=True)
    if values.size <= _MOST_BINS:
        return (values[1:] + values[:-1]) / 2
    until = np.cumsum(np.bincount(place, weight[known]))
    cuts = np.arange(1, _MOST_BINS) / _MOST_BINS * until[-1]
    return np.unique(values[np.minimum(np.searchsorted(until, cuts), values.size - 2)])


def bagged(seen: Array, fails: NDArray[np.bool_], weight: Array, seed: int, bags: int) -> tuple[Boosted, ...]:
    """As many models as `bags`, each of a sample of the n rows; `seen` (n, k) may hold NaN. None at all if all fail."""
    if fails.all():
        return ()
    size = min(fails.size, max(_LEAST_BAG, round(_BAG_SHARE * fails.size)))
    return tuple(_boosted(seen, fails, weight, seed + bag, size) for bag in range(bags))


def _boosted(seen: Array, fails: NDArray[np.bool_], weight: Array, seed: int, size: int) -> Boosted:
    rows = np.sort(np.random.default_rng(seed).choice(fails.size, size, replace=False))
    if np.unique(fails[rows]).size < 2:
        rows = np.arange(fails.size)
    return Boosted(random_state=seed, **_BOOSTING).fit(seen[rows], fails[rows], sample_weight=weight[rows])


def held_out_scale(
    seen: Array, fails: NDArray[np.bool_], weight: Array, machine: NDArray[np.intp], seed: int
) -> tuple[float, float]:
    """(a, b) of log odds a + b x by which models are right on machines they have not seen; (0, 1) if that is not told.

    Models of either half of the machines, by turns, are asked about the other. Where nothing precedes failures, far
    ahead above all, trees find what was only chance: b then lies near 0, and what is left is the base rate. Source:
    Platt 1999.
    """
    odds, half = np.full(fails.size, np.nan), machine % 2 == 0
    for taught in (half, ~half):
        if np.unique(fails[taught]).size < 2 or not (~taught).any():
            return 0.0, 1.0
        models = bagged(seen[taught], fails[taught], weight[taught], seed, 1)
        odds[~taught] = _log_odds(chance(models, seen[~taught]))
    return _logistic(odds, fails, weight)


def _logistic(odds: Array, fails: NDArray[np.bool_], weight: Array) -> tuple[float, float]:
    """Newton's method with a slight pull of the slope towards 1; a slope below 0 is none."""
    columns, found, weight = np.column_stack([np.ones(odds.size), odds]), np.array([0.0, 1.0]), weight / weight.sum()
    for _ in range(_NEWTON):
        said = 1 / (1 + np.exp(-np.clip(columns @ found, -_FAR, _FAR)))
        pull = _PULL * (found - [0.0, 1.0])
        slope = columns.T @ (weight * (said - fails)) + pull
        curve = (columns * (weight * said * (1 - said))[:, None]).T @ columns + _PULL * np.eye(2)
        found = found - np.clip(np.linalg.solve(curve, slope), -1.0, 1.0)
    return float(found[0]), float(max(found[1], 0.0))


def rescaled(said: Array, scale: tuple[float, float]) -> Array:
    """Probabilities (n,) brought to what `held_out_scale` found."""
    return 1 / (1 + np.exp(-(scale[0] + scale[1] * _log_odds(said))))


def _log_odds(said: Array) -> Array:
    known = np.clip(said, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    return np.log(known) - np.log1p(-known)


def chance(models: tuple[Boosted, ...], seen: Array) -> Array:
    """The mean probability (n,) of a failure; without models it is sure."""
    if not models:
        return np.ones(len(seen))
    return np.mean([each.predict_proba(seen) for each in models], axis=0)[:, 1]
