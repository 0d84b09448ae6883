"""From raw rows to the few slow signals that tell how worn a machine is. Pure, learnt without labels.

Sensors are standardised within their operating regime; then the directions that move slowly against the noise between
neighbouring rows are taken: minimum/maximum autocorrelation factors (Switzer and Green 1984). What wears is slow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from services.analytics import regimes
from services.analytics.prognosis.histories import Array, History
from services.analytics.regimes import UNKNOWN, Regimes, Scaling

# A typical life is looked at in about so many steps, whatever the rate of sampling.
_STEPS_A_LIFE: Final = 200
# A history of more steps than this is cut at its beginning: twenty typical lives.
_MOST_STEPS: Final = 4_000
# Beyond so many robust standard deviations a sensor says "far away", no more.
_CLIP: Final = 8.0
# Variance against the noise between neighbours: 1 of white noise. A sensor, a direction must stand out to take part.
_LEAST_SENSOR_RATIO: Final = 1.1
_LEAST_SIGNAL_RATIO: Final = 1.5
_MOST_SIGNALS: Final = 6
_RIDGE: Final = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Readings:
    """One history, standardised: `z` (n, s) without gaps, its `regime` (n,) and `step` (n,); `age` (b,) in steps.

    `step[i]` is which of the b steps row i falls into; `age[j]` is the age at the last row known in step j.
    """

    age: Array
    step: NDArray[np.int64]
    regime: NDArray[np.int64]
    z: Array

    def averaged(self, rows: Array) -> Array:
        """Mean of `rows` (n, c) in each step (b, c); a step without rows repeats the one before it."""
        count = np.bincount(self.step, minlength=len(self.age))
        filled = np.maximum.accumulate(np.where(count > 0, np.arange(len(count)), 0))
        sums = np.stack([np.bincount(self.step, weights=column, minlength=len(count)) for column in rows.T], axis=1)
        return (sums / np.maximum(count, 1)[:, None])[filled]


@dataclass(frozen=True, kw_only=True, eq=False)
class Condition:
    """How rows are read: the length of a step, regimes, scaling, the sensors `kept`, the signals' `directions`."""

    step_h: float
    regimes: Regimes
    scaling: Scaling
    kept: NDArray[np.int64]
    directions: Array

    @property
    def signals(self) -> int:
        """How many slow signals there are."""
        return self.directions.shape[1]

    def read(self, history: History) -> Readings:
        """Standardised rows; a gap, or a row in an unknown regime, repeats what was known before it.

        ValueError when the history has other sensors or drivers, by their number, than those learnt from.
        """
        wanted = (self.scaling.location.shape[1], len(self.regimes.middle))
        if (history.values.shape[1], history.drivers.shape[1]) != wanted:
            raise ValueError(f"history {history.name}: {wanted[0]} sensor(s) and {wanted[1]} driver(s) are needed")
        return _read(history, self.step_h, self.regimes, self.scaling, self.kept)

    def signals_of(self, readings: Readings) -> Array:
        """The slow signals in each step (b, signals)."""
        return readings.averaged(readings.z @ self.directions)

    def as_parts(self) -> dict[str, Any]:
        """Numbers and arrays only."""
        return {
            "step_h": self.step_h,
            "regimes": self.regimes.as_parameters(),
            "scaling": self.scaling.as_parameters(),
            "kept": self.kept.tolist(),
            "directions": self.directions,
        }

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Self:
        """What `as_parts` wrote."""
        return cls(
            step_h=parts["step_h"],
            regimes=Regimes.from_parameters(parts["regimes"]),
            scaling=Scaling.from_parameters(parts["scaling"]),
            kept=np.array(parts["kept"], dtype=np.int64),
            directions=parts["directions"],
        )


def fit(histories: Sequence[History], seed: int) -> Condition | None:
    """Learn from lives, failed or not; None when no sensor shows anything but noise or constants."""
    drivers = np.concatenate([history.drivers for history in histories])
    values = np.concatenate([history.values for history in histories])
    found = regimes.fit(drivers, seed)
    scaling = regimes.fit_scaling(values, found.of(drivers), found.count)
    moving = np.flatnonzero((scaling.scale > 0).any(axis=0)).astype(np.int64)
    if not len(moving):
        return None
    step_h = _step_h(histories)
    lives = [_read(history, step_h, found, scaling, moving) for history in histories]
    z = [life.averaged(life.z) for life in lives]
    # A jump between neighbouring steps holds the noise of both.
    noise = _second_moment(np.concatenate([np.diff(each, axis=0) for each in z])) / 2
    spread = np.cov(np.concatenate(z), rowvar=False).reshape(noise.shape)
    ratio = np.diag(spread) / np.maximum(np.diag(noise), _RIDGE)
    slow = ratio > _LEAST_SENSOR_RATIO
    if not slow.any():
        return None
    directions = _directions(spread[np.ix_(slow, slow)], noise[np.ix_(slow, slow)])
    return Condition(step_h=step_h, regimes=found, scaling=scaling, kept=moving[slow], directions=directions)


def _read(history: History, step_h: float, found: Regimes, scaling: Scaling, kept: NDArray[np.int64]) -> Readings:
    # `0.5`: sampling that wavers around the step must not leave every second step empty.
    step = np.floor((history.at_h - history.at_h[0]) / step_h + 0.5)
    recent = step > step[-1] - _MOST_STEPS
    step = (step[recent] - step[recent][0]).astype(np.int64)
    regime = found.of(history.drivers[recent])
    z = np.clip(scaling.standardised(history.values[recent], regime)[:, kept], -_CLIP, _CLIP)
    z[regime == UNKNOWN] = np.nan
    age = np.maximum.accumulate(_last_in_step(history.at_h[recent], step)) / step_h
    return Readings(age=age, step=step, regime=regime, z=_without_gaps(z))


def _last_in_step(at_h: Array, step: NDArray[np.int64]) -> Array:
    last = np.full(int(step[-1]) + 1, -np.inf)
    last[step] = at_h
    return last


def _without_gaps(z: Array) -> Array:
    known = np.where(np.isnan(z), -1, np.arange(len(z))[:, None])
    last = np.maximum.accumulate(known, axis=0)
    filled = np.take_along_axis(z, np.maximum(last, 0), axis=0)
    return np.where(last < 0, 0.0, filled)


def _step_h(histories: Sequence[History]) -> float:
    gaps = np.concatenate([np.diff(history.at_h) for history in histories])
    sampling = float(np.median(gaps)) if len(gaps) else 1.0
    life = float(np.median([history.life_h - history.at_h[0] for history in histories]))
    return sampling * max(1, round(life / (_STEPS_A_LIFE * sampling)))


def _second_moment(rows: Array) -> Array:
    return rows.T @ rows / max(len(rows), 1)


def _directions(spread: Array, noise: Array) -> Array:
    """Columns ordered from slow to fast, each with noise of variance 1 and divided by its spread: unit variance."""
    ridge = _RIDGE * np.eye(len(noise))
    ratio, vectors = eigh(spread + ridge, noise + ridge)
    ratio, vectors = ratio[::-1], vectors[:, ::-1]
    count = min(_MOST_SIGNALS, max(1, int((ratio > _LEAST_SIGNAL_RATIO).sum())))
    signed = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(ratio))] < 0, -1.0, 1.0)
    return signed[:, :count] / np.sqrt(ratio[:count])
