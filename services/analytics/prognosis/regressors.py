"""One member of the ensemble: two small networks and boosted trees on the same features. Pure, given the seed.

Networks read a smooth function from few hundred lives, trees do not extrapolate; their mean errs less than either.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from services.analytics.prognosis.histories import Array

_ACTIVATIONS: Final = ("relu", "tanh")
_LAYERS: Final = (48, 24)
_EPOCHS: Final = 30
_BATCH: Final = 128
# The middle and half the width of the range of targets, as shares of the cap.
_MIDDLE: Final = 0.64
_WIDTH: Final = 0.32


@dataclass(frozen=True, kw_only=True, eq=False)
class Regressors:
    """Remaining life up to `cap` from features (e, f) within `low`..`high` (f,), standardised by `mean`, `spread`."""

    cap: float
    low: Array
    high: Array
    mean: Array
    spread: Array
    models: tuple[Any, ...]

    def of(self, features: Array) -> Array:
        """What each of the models says (e, models), within 0 .. cap; features never seen are taken to their limits."""
        standard = (np.clip(features, self.low, self.high) - self.mean) / self.spread
        said = np.stack([model.predict(standard) for model in self.models], axis=1)
        return np.clip((said * _WIDTH + _MIDDLE) * self.cap, 0.0, self.cap)

    def as_parts(self) -> dict[str, Any]:
        """Estimators of scikit-learn, arrays and numbers."""
        return {
            "cap": self.cap,
            "low": self.low,
            "high": self.high,
            "mean": self.mean,
            "spread": self.spread,
            "models": list(self.models),
        }

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Self:
        """What `as_parts` wrote."""
        return cls(**{**parts, "models": tuple(parts["models"])})


def fit(features: Array, targets: Array, cap: float, seed: int) -> Regressors:
    """Learn `targets` (e,) in 0 .. cap from `features` (e, f)."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    standard, scaled = (features - mean) / spread, (targets / cap - _MIDDLE) / _WIDTH
    models: list[Any] = [_network(activation, seed, min(_BATCH, len(features))) for activation in _ACTIVATIONS]
    models.append(
        HistGradientBoostingRegressor(
            max_iter=60, learning_rate=0.15, max_leaf_nodes=15, min_samples_leaf=40, l2_regularization=5.0,
            max_features=0.3, early_stopping=False,  # pyright: ignore[reportArgumentType]
            random_state=seed,
        )
    )  # fmt: skip
    with warnings.catch_warnings():
        # The number of epochs is the regularisation: stopping before convergence is meant.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model in models:
            model.fit(standard, scaled)
    return Regressors(
        cap=cap, low=features.min(axis=0), high=features.max(axis=0), mean=mean, spread=spread, models=tuple(models)
    )


def _network(activation: str, seed: int, batch: int) -> MLPRegressor:
    return MLPRegressor(
        hidden_layer_sizes=_LAYERS, activation=activation, alpha=0.1, learning_rate_init=2e-3,
        batch_size=batch,  # pyright: ignore[reportArgumentType]
        max_iter=_EPOCHS, random_state=seed,
    )  # fmt: skip
