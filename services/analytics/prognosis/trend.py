"""A degrading index or sensor and the limit it must not pass: when will it get there, or is there no trend. Pure.

Flat until an onset, then growing with a power of time or exponentially: each onset and growth of a small set is fitted
by least squares to medians of blocks, and all are averaged by how well they account for the data (Bayesian model
averaging by BIC, Hoeting et al. 1999), so that the growth is not guessed but weighed. Slow noise counts for as few
independent values as its correlation leaves (n (1 - r) / (1 + r), Bayley and Hammersley 1946). The level of the index
itself must reach the limit, not its noise.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from shared.model.prognosis import HORIZONS_H

Array = NDArray[np.float64]
LEAST_POINTS: Final = 16
# How sure it must be that the index has left its level towards the limit before anything is extrapolated.
SURE_OF_TREND: Final = 0.95
# Further ahead than this many times the stretch seen nothing is said: the growth may change in that time.
_AHEAD: Final = 10.0
_BLOCKS: Final = 64
_ROBUST: Final = 3
_SHAPELESS: Final = 1e-12
_ABSURD: Final = 1e6
_DRAWS: Final = 1_000
_POWERS: Final = (0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
_RATES: Final = (1.0, 2.0, 4.0)
# Evenly close in proportion to how long ago they lie, before the stretch seen too, down to three blocks: an onset later
# than any of them would be taken for an earlier one with a steeper growth, whose end is near.
_ONSETS: Final = tuple(1 - 2 * (3 / _BLOCKS / 2) ** (step / 46) for step in range(47))
_LEAST_INDEPENDENT: Final = 5.0
_CURVE: Final = (0.001, 0.01, 0.03, *(share / 20 for share in range(1, 20)), 0.97, 0.99)


class Absent(StrEnum):
    """Why nothing can be extrapolated."""

    TOO_LITTLE_DATA = "too_little_data"
    NO_TREND = "no_trend"
    TOO_FAR = "too_far"


@dataclass(frozen=True, kw_only=True, slots=True)
class NoTrend:
    """Nothing is extrapolated: why, in a code and in words, and the numbers behind it."""

    why: Absent
    reason: str
    evidence: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Extrapolation:
    """Calendar hours from the last value until the limit is reached, as quantiles (None: beyond what can be said).

    `risk` are the probabilities within `HORIZONS_H`; `health` is 1 at the level before the trend, 0 at the limit;
    `curve` holds (hours, probability) of the same law.
    """

    p10_h: float | None
    p50_h: float | None
    p90_h: float | None
    risk: tuple[float, float, float]
    health: float
    curve: tuple[tuple[float, float], ...]
    evidence: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Fits:
    """m shapes fitted to n blocks: `base` + `slope` s(x), s(1) = 1; the index is 0 at its median, 1 at the limit."""

    base: Array
    slope: Array
    slope_error: Array
    mean_error: Array
    mean_shape: Array
    weights: Array
    independent: float
    correlation: float


def extrapolate(at_h: Array, index: Array, limit: float, *, seed: int = 0) -> Extrapolation | NoTrend:
    """When `index` (n,) at the hours `at_h` (n,), ascending, reaches `limit`, seen from the last of them.

    The limit may lie above or below. Values that are missing, infinite or absurdly far from the others are left out.
    ValueError: times that are not ascending, or an infinite limit. The same input and seed give the same answer.
    """
    if (
        at_h.shape != index.shape
        or not np.isfinite(at_h).all()
        or np.any(np.diff(at_h) <= 0)
        or not math.isfinite(limit)
    ):
        raise ValueError("times are finite and ascending, one value each, and the limit is finite")
    known = np.isfinite(index)
    scale = limit - float(np.median(index[known])) if known.any() else 0.0
    if scale:
        known[known] = np.abs(index[known] - limit) < _ABSURD * abs(scale)
    evidence: dict[str, Any] = {"points": int(known.sum()), "limit": limit}
    if known.sum() < LEAST_POINTS:
        reason = f"{known.sum()} values, {LEAST_POINTS} are needed to tell a trend from noise"
        return NoTrend(why=Absent.TOO_LITTLE_DATA, reason=reason, evidence=evidence)
    if not scale:
        return _reached(evidence)
    span = float(at_h[-1] - at_h[known][0])
    when, level = _blocks((at_h[known] - at_h[known][0]) / span, (index[known] - limit) / scale + 1)
    if float(np.ptp(level)) < 1e-12:
        return NoTrend(why=Absent.NO_TREND, reason="the values do not change", evidence=evidence)
    return _answer(_fits(when, level), span, seed, evidence)


def _answer(fits: _Fits, span: float, seed: int, evidence: dict[str, Any]) -> Extrapolation | NoTrend:
    rising = stdtr(max(fits.independent - 3, 1.0), fits.slope / fits.slope_error)
    sure = float((fits.weights * rising).sum())
    best = int(np.argmax(fits.weights))
    evidence = evidence | {
        "hours": span,
        "probability_of_trend": round(sure, 4),
        "independent_values": round(fits.independent, 1),
        "correlation": round(fits.correlation, 3),
        "growth": _named(best, span),
        "growth_weight": round(float(fits.weights[best] / fits.weights.sum()), 3),
    }
    if sure < SURE_OF_TREND:
        reason = f"no trend towards the limit: the probability of one is {sure:.2f}, {SURE_OF_TREND} is asked for"
        return NoTrend(why=Absent.NO_TREND, reason=reason, evidence=evidence)
    left, now, before = _passages(fits, seed)
    hours = np.sort(left) * span
    if np.mean(left < _AHEAD) < 0.5:
        reason = f"the limit is more than {_AHEAD:.0f} times as far ahead as the stretch that was seen"
        return NoTrend(why=Absent.TOO_FAR, reason=reason, evidence=evidence)
    p10, p50, p90 = (_quantile(hours, share, span) for share in (0.1, 0.5, 0.9))
    day, week, month = (float(np.mean(hours <= horizon)) for horizon in HORIZONS_H)
    named = [(each, share) for share in _CURVE if (each := _quantile(hours, share, span)) is not None]
    return Extrapolation(
        p10_h=p10,
        p50_h=p50,
        p90_h=p90,
        risk=(day, week, month),
        health=float(np.clip((1 - now) / max(1 - before, 1e-9), 0.0, 1.0)),
        curve=tuple(named),
        evidence=evidence,
    )


def _reached(evidence: dict[str, Any]) -> Extrapolation:
    return Extrapolation(
        p10_h=0.0,
        p50_h=0.0,
        p90_h=0.0,
        risk=(1.0, 1.0, 1.0),
        health=0.0,
        curve=((0.0, 1.0),),
        evidence=evidence | {"growth": "the values are at the limit already"},
    )


def _blocks(when: Array, level: Array) -> tuple[Array, Array]:
    """Medians of at most `_BLOCKS` stretches of equally many values: single outliers have no say."""
    size = max(-(-when.size // _BLOCKS), min(_ROBUST, when.size // LEAST_POINTS))
    count = when.size // size
    # The oldest values that fill no block are left out, never the newest.
    first = when.size - count * size
    middles = [np.median(each[first:].reshape(count, size), axis=1) for each in (when, level)]
    return middles[0], middles[1]


@lru_cache(maxsize=1)
def _growths() -> tuple[Array, Array, NDArray[np.bool_]]:
    """All pairs of an onset and a growth: (onsets, powers or rates, whether it is a power), each (m,)."""
    onsets, growths = np.array(_ONSETS), np.array([*_POWERS, *_RATES])
    is_power = np.arange(growths.size) < len(_POWERS)
    return np.repeat(onsets, growths.size), np.tile(growths, onsets.size), np.tile(is_power, onsets.size)


def _named(chosen: int, span: float) -> str:
    onset, growth, is_power = (each[chosen] for each in _growths())
    since = f"since {(1 - onset) * span:.0f} h"
    return (
        f"power {growth:g} {since}" if is_power else f"exponential, {growth / (1 - onset) / span:.3g} per hour {since}"
    )


def _shapes(when: Array) -> Array:
    """s(x) of all growths (m, n), 0 at the onset and 1 at the last instant."""
    onsets = np.array(_ONSETS)[:, None]
    grown = np.maximum(when - onsets, 0.0) / (1 - onsets)
    powers = [grown**power for power in _POWERS]
    rates = [np.expm1(rate * grown) / math.expm1(rate) for rate in _RATES]
    return np.stack([*powers, *rates], axis=1).reshape(-1, when.size)


def _fits(when: Array, level: Array) -> _Fits:
    shapes, count = _shapes(when), when.size
    mean_shape, mean = shapes.mean(axis=1), float(level.mean())
    centred, about = shapes - mean_shape[:, None], level - mean
    power = (centred**2).sum(axis=1)
    # An onset after the last value that is known has no shape to fit.
    fitted = power > _SHAPELESS
    power = np.where(fitted, power, 1.0)
    slope = np.where(fitted, centred @ about / power, 0.0)
    total = float(about @ about)
    # What is left never falls to rounding errors, however smooth the index.
    rest = np.maximum(total - slope**2 * power, 1e-10 * total)
    best = int(np.argmin(rest))
    left = about - slope[best] * centred[best]
    correlation = float(np.clip(left[1:] @ left[:-1] / max(float(left @ left), 1e-300), 0.0, 0.95))
    independent = max(count * (1 - correlation) / (1 + correlation), min(_LEAST_INDEPENDENT, count))
    likely = -independent / 2 * np.log(rest / total) - math.log(independent) / 2 - math.log(slope.size)
    top = max(0.0, float(likely.max()))
    flat, weights = math.exp(-top), np.where(fitted, np.exp(likely - top), 0.0)
    all_weights = flat + weights.sum()
    noise = rest / max(count - 3, 1) * count / independent
    return _Fits(
        base=mean - slope * mean_shape,
        slope=slope,
        slope_error=np.sqrt(noise / power),
        mean_error=np.sqrt(noise / count),
        mean_shape=mean_shape,
        weights=weights / all_weights,
        independent=independent,
        correlation=correlation,
    )


def _passages(fits: _Fits, seed: int) -> tuple[Array, float, float]:
    """Draws of the time left in spans (`_DRAWS`,), infinite where never; then the level now and before the trend."""
    rng = np.random.default_rng(seed)
    order = np.cumsum(fits.weights) / fits.weights.sum()
    chosen = np.minimum(np.searchsorted(order, (np.arange(_DRAWS) + rng.random()) / _DRAWS), order.size - 1)
    freedom = max(fits.independent - 3, 1.0)
    spread = np.sqrt(freedom / rng.chisquare(freedom, _DRAWS))
    normal = rng.standard_normal((2, _DRAWS)) * spread
    slope = fits.slope[chosen] + fits.slope_error[chosen] * normal[0]
    middle = fits.base[chosen] + fits.slope[chosen] * fits.mean_shape[chosen] + fits.mean_error[chosen] * normal[1]
    base = middle - slope * fits.mean_shape[chosen]
    ratio = np.where(slope > 0, np.maximum(1 - base, 0.0) / np.where(slope > 0, slope, 1.0), np.inf)
    onset, growth, is_power = (each[chosen] for each in _growths())
    rate = np.where(is_power, 1.0, growth)
    share = np.where(is_power, ratio ** (1 / growth), np.log1p(ratio * np.expm1(rate)) / rate)
    reached = onset + (1 - onset) * share
    return np.maximum(reached - 1, 0.0), float(np.mean(base + slope)), float(np.median(base))


def _quantile(hours: Array, share: float, span: float) -> float | None:
    found = float(hours[min(math.ceil(share * hours.size), hours.size) - 1])
    return found if found < _AHEAD * span else None
