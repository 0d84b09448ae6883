"""Operating regimes: which rows of drivers (load, speed, product, ambient) belong together, and what is usual in each.

Pure. The number of regimes is found without labels: one, unless the drivers fall into well separated groups.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

# The regime of a row whose drivers are missing or far from everything seen in training.
UNKNOWN: Final = -1

# A mean silhouette above 0.7 is a strong structure (Kaufman and Rousseeuw 1990, table 2.4); less is one cloud.
_STRONG: Final = 0.7
# A reach that JSON can hold.
_ANYWHERE: Final = float(np.finfo(np.float64).max)
_MOST_REGIMES: Final = 12
# A group smaller than this share (and number) of rows is a handful of outliers, not a way of operating.
_LEAST_SHARE: Final = 0.01
_LEAST_ROWS: Final = 20
# Rows used for clustering and for the silhouette, whose cost is quadratic.
_SAMPLE: Final = 6_000
_SILHOUETTE_SAMPLE: Final = 1_200
# A row may lie this many times as far from its centre as the farthest training row did.
_REACH: Final = 3.0
# Beyond this many interquartile ranges from the median a driver tells no more: 1e300 must not become the scale.
_CLIP: Final = 50.0
_DISTINCT_DIGITS: Final = 5
_MAD_TO_SIGMA: Final = 1.482602218505602


@dataclass(frozen=True, kw_only=True)
class Regimes:
    """Regimes of `k` drivers: `middle`, `scale` (k,) standardise them; `centres` (r, k), `reach` (r,) are standardised.

    With one regime every row is in it, whatever its drivers: they then do not tell ways of operating apart.
    """

    middle: Array
    scale: Array
    centres: Array
    reach: Array

    @property
    def count(self) -> int:
        """How many regimes there are, at least 1."""
        return len(self.centres)

    def of(self, drivers: Array) -> Labels:
        """The regime 0..count-1 of each row of `drivers` (n, k), or UNKNOWN; (n,)."""
        if self.count == 1:
            return np.zeros(len(drivers), dtype=np.int64)
        standard = _standardised(drivers, self.middle, self.scale)
        squares = np.stack([((standard - centre) ** 2).sum(axis=1) for centre in self.centres], axis=1)
        is_missing = np.isnan(squares).any(axis=1)
        squares[is_missing] = 0.0
        nearest = squares.argmin(axis=1)
        distance = np.sqrt(squares[np.arange(len(nearest)), nearest])
        return np.where(is_missing | (distance > self.reach[nearest]), UNKNOWN, nearest).astype(np.int64)

    def as_parameters(self) -> dict[str, Any]:
        """Numbers only, as JSON; `from_parameters` is its inverse bit for bit."""
        return {
            "middle": self.middle.tolist(),
            "scale": self.scale.tolist(),
            "centres": self.centres.tolist(),
            "reach": self.reach.tolist(),
        }

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """What `as_parameters` wrote."""
        middle, scale, reach = (np.array(parameters[key], dtype=np.float64) for key in ("middle", "scale", "reach"))
        centres = np.array(parameters["centres"], dtype=np.float64).reshape(len(reach), len(middle))
        return cls(middle=middle, scale=scale, centres=centres, reach=reach)


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What is usual of `m` sensors in each of `r` regimes: `location`, `scale` (r + 1, m), in sensor units.

    The last row holds for all regimes together: for rows of an UNKNOWN regime. A scale of 0 is a constant sensor.
    """

    location: Array
    scale: Array

    def standardised(self, values: Array, regimes: Labels) -> Array:
        """Robust z-scores (n, m) of `values` (n, m), rows in `regimes` (n,); NaN stays NaN, a constant sensor is 0."""
        location, scale = self.location[regimes], self.scale[regimes]
        is_constant = scale == 0
        with np.errstate(over="ignore"):
            return np.where(
                is_constant & ~np.isnan(values), 0.0, (values - location) / np.where(is_constant, 1.0, scale)
            )

    def as_parameters(self) -> dict[str, Any]:
        """Numbers only, as JSON; `from_parameters` is its inverse bit for bit."""
        return {"location": self.location.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """What `as_parameters` wrote."""
        return cls(location=np.array(parameters["location"]), scale=np.array(parameters["scale"]))


def fit(drivers: Array, seed: int) -> Regimes:
    """The regimes of `drivers` (n, k), NaN = no value; k may be 0. The same rows and seed give the same regimes.

    k-means for 2..12 groups; the number with the highest mean silhouette (Rousseeuw 1987) is taken if that speaks of a
    strong structure, else one regime. Too few rows, constant or missing drivers: one regime.
    """
    middle, scale = _spread(drivers)
    known = drivers[np.isfinite(drivers).all(axis=1)]
    one = Regimes(middle=middle, scale=scale, centres=np.zeros((1, drivers.shape[1])), reach=np.full(1, _ANYWHERE))
    if not (scale > 0).any() or len(known) < 2 * _LEAST_ROWS:
        return one
    generator = np.random.default_rng(seed)
    rows = _standardised(_sample(known, _SAMPLE, generator), middle, scale)
    part = _sample(rows, _SILHOUETTE_SAMPLE, generator)
    best, centres = _STRONG, one.centres
    for candidate in _candidates(rows, seed):
        found = _nearest(part, candidate)
        quality = float(silhouette_score(part, found)) if len(np.unique(found)) > 1 else 0.0
        if quality > best:
            best, centres = quality, candidate
    if len(centres) == 1:
        return one
    return Regimes(middle=middle, scale=scale, centres=centres, reach=_reach(rows, centres))


def fit_scaling(values: Array, regimes: Labels, count: int) -> Scaling:
    """Median and spread of `values` (n, m) in each of `count` regimes of `regimes` (n,); NaN is left out.

    The spread is 1.4826 MAD; for a sensor that mostly repeats one value, where that is 0, the standard deviation of
    the values within 50 such interquartile ranges. A regime with fewer than 20 values takes what holds for all.
    """
    location, scale = _location_and_scale(values)
    locations, scales = np.tile(location, (count + 1, 1)), np.tile(scale, (count + 1, 1))
    for regime in range(count):
        rows = values[regimes == regime]
        is_enough = (~np.isnan(rows)).sum(axis=0) >= _LEAST_ROWS
        if is_enough.any():
            own_location, own_scale = _location_and_scale(rows[:, is_enough])
            locations[regime, is_enough], scales[regime, is_enough] = own_location, own_scale
    return Scaling(location=locations, scale=scales)


def _candidates(rows: Array, seed: int) -> Iterator[Array]:
    # Nearer ones are one point to k-means, which takes distances as differences of squares.
    rows = np.round(rows, _DISTINCT_DIGITS)
    distinct = len(np.unique(rows, axis=0))
    least = max(_LEAST_ROWS, _LEAST_SHARE * len(rows))
    for count in range(2, min(_MOST_REGIMES, distinct) + 1):
        groups = KMeans(n_clusters=count, n_init=4, random_state=seed).fit(rows)  # pyright: ignore[reportArgumentType]
        if np.bincount(groups.predict(rows), minlength=count).min() >= least:
            yield np.asarray(groups.cluster_centers_, dtype=np.float64)


def _reach(rows: Array, centres: Array) -> Array:
    """How far from each centre (r,) a row still belongs to it: at least a tenth of the way to the next centre."""
    nearest = _nearest(rows, centres)
    distance = np.sqrt(((rows - centres[nearest]) ** 2).sum(axis=1))
    farthest = np.array([distance[nearest == regime].max(initial=0.0) for regime in range(len(centres))])
    apart = np.sqrt(((centres[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2))
    np.fill_diagonal(apart, np.inf)
    return np.maximum(_REACH * farthest, 0.1 * apart.min(axis=1))


def _nearest(rows: Array, centres: Array) -> Labels:
    return np.stack([((rows - centre) ** 2).sum(axis=1) for centre in centres], axis=1).argmin(axis=1)


def _sample(rows: Array, size: int, generator: np.random.Generator) -> Array:
    return rows if len(rows) <= size else rows[np.sort(generator.choice(len(rows), size=size, replace=False))]


def _standardised(drivers: Array, middle: Array, scale: Array) -> Array:
    with np.errstate(over="ignore"):
        standard = np.where(scale > 0, (drivers - middle) / np.where(scale > 0, scale, 1.0), 0.0)
    standard[np.isnan(drivers) & (scale > 0)] = np.nan
    return np.clip(standard, -_CLIP, _CLIP)


def _spread(drivers: Array) -> tuple[Array, Array]:
    """Median and interquartile range (k,), or the standard deviation near the median where that range is 0."""
    middle, scale = np.zeros(drivers.shape[1]), np.zeros(drivers.shape[1])
    for column in range(drivers.shape[1]):
        known = drivers[np.isfinite(drivers[:, column]), column]
        if len(known):
            low, middle[column], high = np.quantile(known, (0.25, 0.5, 0.75))
            scale[column] = high / 2 - low / 2 or _deviation(known, middle[column])
    return middle, scale


def _location_and_scale(values: Array) -> tuple[Array, Array]:
    location, scale = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for column in range(values.shape[1]):
        known = values[np.isfinite(values[:, column]), column]
        if len(known):
            location[column] = np.median(known)
            with np.errstate(over="ignore"):
                mad = float(np.median(np.abs(known - location[column])))
            scale[column] = mad * _MAD_TO_SIGMA or _deviation(known, location[column])
    return location, scale


def _deviation(known: Array, middle: float) -> float:
    """Standard deviation without the one value in a hundred farthest from `middle`; 0 of a constant."""
    away = np.sort(np.abs(known - middle))[: max(1, int(0.99 * len(known)))]
    largest = float(away[-1])
    is_constant = largest <= 1e-12 * max(abs(middle), 1e-300)
    return 0.0 if is_constant else largest * float(np.sqrt(np.mean((away / largest) ** 2)))
