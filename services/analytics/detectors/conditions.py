"""What load, speed, product and weather explain of the sensors, taken away before anything is judged. Pure."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from services.analytics import regimes
from services.analytics.detectors.model import Array
from services.analytics.regimes import Regimes

_SEED: Final = 20_260_101
# Ridge, in squared standard deviations of the drivers' terms: keeps terms that hardly vary from extrapolating wildly.
_RIDGE: Final = 1e-3
# A driver this many times the trained half-range away from the middle is a condition nobody has trained for.
_OUTSIDE: Final = 1.5
# Rows are drawn in to so many deviations: of what drivers leave, and of sensors before anything is known of that.
_OUTLYING: Final = 4.0
_ABSURD: Final = 20.0
_LARGEST: Final = 1e120


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Conditions:
    """Of k drivers and m sensors: what is usual under given drivers.

    `regimes` tells ways of operating apart, each with its `location` (r, m); within them a quadratic response `weights`
    (t, m) to the standardised drivers, t = k + k (k + 1) / 2 terms less their means. `middle`, `half_range` (k,) is
    what the training saw.
    """

    regimes: Regimes
    location: Array
    middle: Array
    half_range: Array
    term_means: Array
    weights: Array

    def usual(self, drivers: Array) -> Array:
        """What the sensors usually are (n, m) under `drivers` (n, k); NaN in conditions nobody has trained for."""
        if drivers.shape[1] == 0:
            return np.broadcast_to(self.location[0], (len(drivers), self.location.shape[1]))
        standard = _standardised(drivers, self.middle, self.half_range)
        regime = self.regimes.of(drivers)
        usual = self.location[regime] + (_terms(standard) - self.term_means) @ self.weights
        usual[self.are_unseen(drivers)] = np.nan
        return usual

    def are_unseen(self, drivers: Array) -> np.ndarray:
        """Whether each row (n,) has drivers that are missing, or outside what the training saw."""
        if drivers.shape[1] == 0:
            return np.zeros(len(drivers), dtype=bool)
        standard = _standardised(drivers, self.middle, self.half_range)
        is_near = (np.abs(standard) <= _OUTSIDE).all(axis=1)
        return ~is_near | (self.regimes.of(drivers) == regimes.UNKNOWN)

    def as_parameters(self) -> dict[str, Any]:
        """Numbers only, as JSON."""
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        return {"regimes": self.regimes.as_parameters(), "width": self.location.shape[1], **arrays}

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """The inverse of `as_parameters`, bit for bit."""
        arrays = {name: np.array(parameters[name], dtype=np.float64) for name in _ARRAYS}
        arrays["weights"] = arrays["weights"].reshape(-1, parameters["width"])
        return cls(regimes=Regimes.from_parameters(parameters["regimes"]), **arrays)


_ARRAYS: Final = ("location", "middle", "half_range", "term_means", "weights")


def fit(values: Array, drivers: Array) -> Conditions:
    """From healthy rows `values` (n, m) with `drivers` (n, k), NaN = no value; k may be 0."""
    m, k = values.shape[1], drivers.shape[1]
    overall = np.nanmedian(values, axis=0)
    if k == 0:
        none = np.zeros(0)
        return Conditions(
            regimes=regimes.fit(drivers, _SEED), location=overall[None, :], middle=none, half_range=none,
            term_means=none, weights=np.zeros((0, m)),
        )  # fmt: skip
    low, high = np.nanmin(drivers, axis=0), np.nanmax(drivers, axis=0)
    middle, half_range = low / 2 + high / 2, high / 2 - low / 2
    found = regimes.fit(drivers, _SEED)
    labels = found.of(drivers)
    location = np.tile(overall, (found.count, 1))
    for regime in range(found.count):
        rows = values[labels == regime]
        if len(rows):
            middles = np.nanmedian(rows, axis=0) if np.isfinite(rows).any(axis=0).all() else overall
            location[regime] = middles
    terms = _terms(_standardised(drivers, middle, half_range))
    rest = values - location[labels]
    is_known = np.isfinite(terms).all(axis=1) & np.isfinite(rest).all(axis=1) & (labels != regimes.UNKNOWN)
    means = terms[is_known].mean(axis=0)
    weights = _robust_response(terms[is_known] - means, rest[is_known])
    left = rest - (terms - means) @ weights
    for regime in range(found.count):
        rows = left[is_known & (labels == regime)]
        if len(rows):
            location[regime] += np.median(rows, axis=0)
    return Conditions(
        regimes=found, location=location, middle=middle, half_range=half_range, term_means=means, weights=weights
    )


def _robust_response(terms: Array, rest: Array) -> Array:
    """Ridge regression of `rest` (n, m) on `terms` (n, t), a second time with outlying rows drawn in (Huber 1964).

    The first time absurd ones only: a response may be far larger than what rows scatter.
    """
    gram = terms.T @ terms / max(len(terms), 1) + _RIDGE * np.eye(terms.shape[1])
    usual = _bounded(rest, _ABSURD)
    # A sensor that mostly rests has no spread to bound it by.
    usual = np.where(np.ptp(usual, axis=0) > 0, usual, rest)
    weights = np.linalg.solve(gram, terms.T @ usual / max(len(terms), 1))
    bounded = _bounded(rest - terms @ weights, _OUTLYING)
    return weights + np.linalg.solve(gram, terms.T @ bounded / max(len(terms), 1))


def _bounded(values: Array, deviations: float) -> Array:
    """`values` (n, m), none further from its column's median than so many deviations (1.4826 MAD)."""
    if len(values) == 0:
        return values
    middle = np.median(values, axis=0)
    reach = deviations * 1.4826 * np.median(np.abs(values - middle), axis=0)
    return values.clip(middle - reach, middle + reach)


def _standardised(drivers: Array, middle: Array, half_range: Array) -> Array:
    moved = drivers.clip(-_LARGEST, _LARGEST) - middle
    # A driver that never moved in training explains nothing; one that now does is outside.
    still = np.where(moved == 0, 0.0, np.where(np.isnan(moved), np.nan, np.inf))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        standard = np.where(half_range > 0, moved / half_range, still)
    return standard.clip(-1e3, 1e3)


def _terms(standard: Array) -> Array:
    first, second = np.triu_indices(standard.shape[1])
    return np.hstack([standard, standard[:, first] * standard[:, second]])
