"""Detector: principal components with Hotelling's T2 and Q over bucket means of a machine's sensors. Pure."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from sklearn.decomposition import PCA

from services.analytics.detectors.limits import tail_limit, time_blocks
from services.analytics.detectors.model import Array, LeftOut, Refusal, Refused

NAME: Final = "pca_t2_q@1"

_BLOCKS = 5
_MIN_ROWS = 100
_MIN_ROWS_PER_SENSOR = 10
# Squares of values must neither overflow nor vanish: larger ones carry no more than their sign, closer ones are equal.
_LARGEST, _SMALLEST = 1e120, 1e-120
# Beyond a million standard deviations further is not worse.
_FARTHEST = 1e6
# In the fit a single healthy row weighs no more than this many standard deviations.
_WINSOR = 5.0
# Variance (in squared standard deviations) below which departures are rounding, not evidence.
_VARIANCE_FLOOR = 1e-6
# 5 %..95 % of a normal distribution span this many standard deviations.
_CENTRAL_SPAN = 3.2897


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scores:
    """Of n rows and m sensors: `score` (n,), 1.0 = threshold; `share`, `expected` (n, m), expected in sensor units."""

    score: Array
    share: Array
    expected: Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PcaModel:
    """m sensors, k = m - 1 components: `centre`, `scale` (m,) in sensor units, `loadings` (m, k), `variances` (k,)."""

    sensors: tuple[str, ...]
    centre: Array
    scale: Array
    loadings: Array
    variances: Array
    t2_limit: float
    q_limit: float
    rows: int
    left_out: dict[str, LeftOut]

    def index(self, values: Array) -> Array:
        """The score (n,) of complete rows alone."""
        t2, q = _statistics(standardised(values, self.centre, self.scale), self.loadings, self.variances)
        return np.maximum(t2 / self.t2_limit, q / self.q_limit)

    def score(self, values: Array) -> Scores:
        """Score complete rows `values` (n, m): max(T2 / limit, Q / limit), and what each sensor contributes.

        T2 = sum t_a^2 / lambda_a over the kept components (Hotelling 1947), Q = squared prediction error (Jackson and
        Mudholkar 1979). Contributions are reconstruction-based (Alcala and Qin 2009, Automatica 45(7), 1593-1600) on
        the combined index x' M x with M = P L^-1 P' / T2 limit + (I - P P') / Q limit (Yue and Qin 2001): sensor i
        contributes (M x)_i^2 / M_ii, the drop of the index when that sensor takes the value the others imply, and that
        value, x_i - (M x)_i / M_ii, is the expected one. For a large fault of one sensor that sensor provably leads.
        """
        deviation = standardised(values, self.centre, self.scale)
        index = self._index_matrix()
        gradient, diagonal = deviation @ index, np.diag(index)
        contribution = gradient**2 / diagonal
        total = contribution.sum(axis=1, keepdims=True)
        share = np.divide(contribution, total, out=np.zeros_like(contribution), where=total > 0)
        expected = self.centre + self.scale * (deviation - gradient / diagonal)
        return Scores(score=self.index(values), share=share, expected=expected)

    def _index_matrix(self) -> Array:
        inside = (self.loadings / self.variances) @ self.loadings.T / self.t2_limit
        outside = (np.eye(len(self.sensors)) - self.loadings @ self.loadings.T) / self.q_limit
        return inside + outside

    def as_parameters(self) -> dict[str, Any]:
        """The model as JSON: numbers and names only."""
        return {
            "sensors": list(self.sensors),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "loadings": self.loadings.tolist(),
            "variances": self.variances.tolist(),
            "t2_limit": self.t2_limit,
            "q_limit": self.q_limit,
            "rows": self.rows,
            "left_out": {sensor: why.value for sensor, why in self.left_out.items()},
        }

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """The inverse of `as_parameters`, bit for bit."""
        return cls(
            sensors=tuple(parameters["sensors"]),
            centre=np.array(parameters["centre"], dtype=np.float64),
            scale=np.array(parameters["scale"], dtype=np.float64),
            loadings=np.array(parameters["loadings"], dtype=np.float64),
            variances=np.array(parameters["variances"], dtype=np.float64),
            t2_limit=float(parameters["t2_limit"]),
            q_limit=float(parameters["q_limit"]),
            rows=int(parameters["rows"]),
            left_out={sensor: LeftOut(why) for sensor, why in parameters["left_out"].items()},
        )


def train(values: Array, sensors: tuple[str, ...], false_alarm_rate: float) -> PcaModel | Refusal:
    """Train on healthy rows `values` (n, len(sensors)) in order of time, NaN where a sensor has no value.

    A sensor that is constant, or has no value in more than half of the rows, is left out; rows in which one of the
    others has none are dropped. `false_alarm_rate` is the share of healthy rows that may score 1 or more: the limits
    come from rows that the components scored were not fitted on (five blocks of time, each held out once).
    """
    left_out = {name: why for name, column in zip(sensors, values.T, strict=True) if (why := unusable(column))}
    kept = [i for i, name in enumerate(sensors) if name not in left_out]
    rows = values[np.isfinite(values[:, kept]).all(axis=1)][:, kept]
    needed = max(_MIN_ROWS, _MIN_ROWS_PER_SENSOR * len(kept))
    if len(kept) < 2:
        return Refusal(reason=Refused.TOO_FEW_SENSORS, rows=len(rows), rows_needed=needed, left_out=left_out)
    if len(rows) < needed:
        return Refusal(reason=Refused.TOO_FEW_ROWS, rows=len(rows), rows_needed=needed, left_out=left_out)
    centre, scale = _robust_location(rows)
    deviation = standardised(rows, centre, scale)
    plane = _fit(deviation)
    t2_limit, q_limit = _limits(deviation, false_alarm_rate)
    return PcaModel(
        sensors=tuple(sensors[i] for i in kept),
        centre=centre + scale * plane.shift,
        scale=scale,
        loadings=plane.loadings,
        variances=plane.variances,
        t2_limit=t2_limit,
        q_limit=q_limit,
        rows=len(rows),
        left_out=left_out,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Plane:
    shift: Array
    loadings: Array
    variances: Array


def unusable(column: Array) -> LeftOut | None:
    """Why a sensor with these healthy values (n,), NaN = none, takes no part; None when it may."""
    present = column[np.isfinite(column)].clip(-_LARGEST, _LARGEST)
    if len(present) == 0 or 2 * len(present) < len(column):
        return LeftOut.MISSING
    # Means of one and the same value differ by rounding.
    if np.ptp(present) <= max(1e-9 * np.max(np.abs(present)), _SMALLEST):
        return LeftOut.CONSTANT
    return None


def _robust_location(rows: Array) -> tuple[Array, Array]:
    """Median, and the 5..95 % span as a standard deviation: unlike the MAD it sees a second mode of operation."""
    rows = rows.clip(-_LARGEST, _LARGEST)
    low, centre, high = np.quantile(rows, [0.05, 0.5, 0.95], axis=0)
    span = (high - low) / _CENTRAL_SPAN
    scale = np.where(span > 1e-9 * np.maximum(np.abs(low), np.abs(high)), span, np.std(rows, axis=0))
    # What varied may do so no longer in the rows that are complete.
    return centre, np.where(scale > 0, scale, 1.0)


def standardised(values: Array, centre: Array, scale: Array) -> Array:
    """Values (n, m), or (n, assets, m), in scales of their own from their centre, bounded."""
    with np.errstate(over="ignore"):
        return ((values.clip(-_LARGEST, _LARGEST) - centre) / scale).clip(-_FARTHEST, _FARTHEST)


def _fit(deviation: Array) -> _Plane:
    """All components but the quietest, which Q is left with.

    A broken relation shows in directions that healthy data hardly vary in. T2 weighs each by its own variance; in Q
    they would drown under the noisiest of the directions left out. The limits come from held-out rows, so components
    that carry little variance do not make the model overconfident.
    """
    bounded = deviation.clip(-_WINSOR, _WINSOR)
    # Rows that do not vary at all divide zero by zero in a ratio that is not used here.
    with np.errstate(invalid="ignore"):
        fitted = PCA(n_components=bounded.shape[1] - 1, svd_solver="full").fit(bounded)
    return _Plane(
        shift=np.asarray(fitted.mean_),
        loadings=np.asarray(fitted.components_).T,
        variances=np.maximum(np.asarray(fitted.explained_variance_), _VARIANCE_FLOOR),
    )


def _statistics(deviation: Array, loadings: Array, variances: Array) -> tuple[Array, Array]:
    projected = deviation @ loadings
    residual = deviation - projected @ loadings.T
    return (projected**2 / variances).sum(axis=1), (residual**2).sum(axis=1)


def _limits(deviation: Array, rate: float) -> tuple[float, float]:
    """Limits of T2 and Q such that together they spend the budget once: each to its own rate, then both widened."""
    held_out = [_held_out(deviation, block) for block in time_blocks(len(deviation), _BLOCKS)]
    t2, q = (np.concatenate(parts) for parts in zip(*held_out, strict=True))
    t2_limit = max(tail_limit(t2, rate), _VARIANCE_FLOOR)
    q_limit = max(tail_limit(q, rate), _VARIANCE_FLOOR)
    widen = max(tail_limit(np.maximum(t2 / t2_limit, q / q_limit), rate), 1.0)
    return t2_limit * widen, q_limit * widen


def _held_out(deviation: Array, block: slice) -> tuple[Array, Array]:
    plane = _fit(np.delete(deviation, block, axis=0))
    return _statistics(deviation[block] - plane.shift, plane.loadings, plane.variances)
