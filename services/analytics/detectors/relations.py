"""Which sensors are better judged against the others than against their own past, by evidence without labels. Pure."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from services.analytics.detectors.limits import time_blocks
from services.analytics.detectors.model import Array

# Rows that windows hold on whose means relations are learnt and used.
SPAN: Final = 16
# Blocks of time the evidence is taken from; the first ones are too short a past to learn a relation from.
_BLOCKS: Final = 10
_FIRST_JUDGED: Final = 3
# A relation is used when it halves the mean square error of what comes after the rows it was learnt from.
_WORTH: Final = 0.5
# Ridge, in variances of the sensors: related sensors share what they explain instead of cancelling each other.
_RIDGE: Final = 0.1
# A sensor implies no more of others than it does this many times its trained half-range away from the middle.
_OUTSIDE: Final = 1.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Relations:
    """Of m sensors, in standardised units.

    `weights` (m, m): smoothed deviations (n, m) from `centre` (m,) times it are what the others imply of each sensor; a
    column of zeros for a sensor that is judged against its own past. `related` lists the others, `leverage` (r, m, m)
    says how far outside the relation's training rows a row lies; `low`, `high` (m,) bound what is inferred from.
    """

    centre: Array
    low: Array
    high: Array
    weights: Array
    related: tuple[int, ...]
    leverage: Array

    def implied(self, smooth: Array) -> Array:
        """What the others imply of each sensor (n, m), from `smooth` (n, m), means over windows of `SPAN` rows.

        Means, because noise in what explains would make every relation look weaker than it is. Bounded, because a
        sensor that is far out for a fault of its own says nothing of the others.
        """
        implied = (smooth.clip(self.low, self.high) - self.centre) @ self.weights
        if len(self.related) < implied.shape[1]:
            # A missing value of one sensor is no matter to those that are not judged against it.
            alone = [i for i in range(implied.shape[1]) if i not in self.related]
            implied[:, alone] = 0.0
        return implied

    def doubt(self, smooth: Array) -> Array:
        """The factor (n, m) by which what is left of a sensor varies more than it did in training.

        1 + x' C^-1 x / (independent rows): predictions outside the trained range are uncertain by known measure (Draper
        and Smith 1998, 3.1), and a relation that was only found between two drifts says little there.
        """
        doubt = np.ones_like(smooth)
        if self.related:
            deviation = smooth - self.centre
            for position, sensor in enumerate(self.related):
                root = deviation @ self.leverage[position]
                doubt[:, sensor] += np.einsum("ij,ij->i", root, root)
        return doubt

    def as_parameters(self) -> dict[str, Any]:
        """Numbers only, as JSON."""
        return {
            "centre": self.centre.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "weights": self.weights.tolist(),
            "related": list(self.related),
            "leverage": self.leverage.tolist(),
        }

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """The inverse of `as_parameters`, bit for bit."""
        centre = np.array(parameters["centre"], dtype=np.float64)
        related = tuple(parameters["related"])
        return cls(
            centre=centre,
            low=np.array(parameters["low"], dtype=np.float64),
            high=np.array(parameters["high"], dtype=np.float64),
            weights=np.array(parameters["weights"], dtype=np.float64),
            related=related,
            leverage=np.array(parameters["leverage"], dtype=np.float64).reshape(len(related), len(centre), len(centre)),
        )


def fit(means: Array) -> Relations:
    """From means over windows of `SPAN` rows (n, m), complete, in order of time.

    Each sensor's regression on the others is held against the sensor's own past mean, block after block of time, each
    with what was learnt from the blocks before it only: a relation must hold later, not just fit.
    """
    m = means.shape[1]
    sums = _Sums.of(means)
    centre = means.mean(axis=0)
    gram = sums.gram.sum(axis=0) / len(means) - np.outer(centre, centre)
    weights, related, leverage = np.zeros((m, m)), [], []
    independent = max(len(means) / SPAN, 2.0)
    for sensor in range(m):
        others = np.delete(np.arange(m), sensor)
        if not _is_worth(sums, sensor, others):
            continue
        inner = gram[np.ix_(others, others)] + _RIDGE * np.eye(m - 1)
        weights[others, sensor] = np.linalg.solve(inner, gram[others, sensor])
        root = np.zeros((m, m))
        root[np.ix_(others, others)] = np.linalg.inv(np.linalg.cholesky(inner)).T / np.sqrt(independent)
        related.append(sensor)
        leverage.append(root)
    low, high = means.min(axis=0), means.max(axis=0)
    middle, reach = low / 2 + high / 2, _OUTSIDE * (high - low) / 2
    return Relations(
        centre=centre,
        low=middle - reach,
        high=middle + reach,
        weights=weights,
        related=tuple(related),
        leverage=np.array(leverage).reshape(-1, m, m),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Sums:
    """Per block of time: `rows` (b,), `total` (b, m) and `gram` (b, m, m), sums of rows and of their products."""

    rows: Array
    total: Array
    gram: Array

    @classmethod
    def of(cls, means: Array) -> Self:
        blocks = [means[block] for block in time_blocks(len(means), _BLOCKS)]
        return cls(
            rows=np.array([float(len(block)) for block in blocks]),
            total=np.stack([block.sum(axis=0) for block in blocks]),
            gram=np.stack([block.T @ block for block in blocks]),
        )


def _is_worth(sums: _Sums, sensor: int, others: NDArray[np.int64]) -> bool:
    alone, together = 0.0, 0.0
    for block in range(_FIRST_JUDGED, _BLOCKS):
        rows = sums.rows[:block].sum()
        centre = sums.total[:block].sum(axis=0) / rows
        gram = sums.gram[:block].sum(axis=0) / rows - np.outer(centre, centre)
        inner = gram[np.ix_(others, others)] + _RIDGE * np.eye(len(others))
        direction = np.zeros(len(centre))
        direction[sensor] = 1.0
        plain = direction.copy()
        direction[others] = -np.linalg.solve(inner, gram[others, sensor])
        off = sums.total[block] / sums.rows[block] - centre
        alone += float(plain @ off) ** 2
        together += float(direction @ off) ** 2
    return together < _WORTH * alone
