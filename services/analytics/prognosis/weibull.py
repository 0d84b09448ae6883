"""Lifetimes of a component, some still running, some seen only from an age on, and what life is left. Pure.

A Weibull law with unknown shape and scale. Nothing is plugged in: predictions are averaged over what shapes and scales
the lives leave possible. For a given shape b the rate L = scale^-b has a gamma posterior, so that survival beyond age a
is closed, (S / (S + (a + x)^b - a^b))^r with S the lives' own sum of t^b - entered^b; only the shape needs a grid.
Source: Lawless 2003, Statistical Models and Methods for Lifetime Data, ch. 4 and 5; Klein and Moeschberger 2003, ch. 3
(truncation). Without a fleet the prior is flat in log scale (right Haar): the intervals are as good for any scale.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import digamma, gammaln, polygamma

from shared.model.prognosis import HORIZONS_H

Array = NDArray[np.float64]
# Without a fleet prior: two failures at least, else the shape is the prior's alone; and no quantile is given beyond
# this many times the longest life seen, where only the prior's tail speaks.
LEAST_FAILURES: Final = 2
_BEYOND: Final = 100.0
_COARSE, _FINE = 81, 61
_HALVINGS: Final = 60
_NEW: Final = 1e-290


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Lives:
    """n lives of one kind of component, in operating hours; each (n,).

    A life was watched from the age `entered_h` (0: from new) to `ended_h`, when it failed or (not `failed`) still ran
    or was replaced in time. ValueError: not 0 <= entered < ended, or not finite.
    """

    entered_h: Array
    ended_h: Array
    failed: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not self.entered_h.shape == self.ended_h.shape == self.failed.shape:
            raise ValueError("one entry, end and outcome a life")
        if not np.isfinite(self.ended_h).all() or not ((self.entered_h >= 0) & (self.entered_h < self.ended_h)).all():
            raise ValueError("a life is watched from an age of 0 or more to a higher, finite one")

    @property
    def failures(self) -> int:
        """How many ended in a failure."""
        return int(self.failed.sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Prior:
    """What is thought of a component before its own lives: log-normal shape, gamma rate worth `failures` failures.

    `shape` is the median, `shape_spread` the standard deviation of its logarithm. `scale_h` None: any scale alike.
    """

    shape: float
    shape_spread: float
    scale_h: float | None = None
    failures: float = 0.0
    origin: str = "general"


# Shapes of machine parts lie between about 0.7 (early failures) and 4 (sharp wear-out): median 1.5, a factor of 2
# either way at one standard deviation. Abernethy 2006, The New Weibull Handbook, table of shapes.
GENERAL: Final = Prior(shape=1.5, shape_spread=math.log(2))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Lifetime:
    """What is known of a component's life: possible shapes (k,), their `weights` (k,), and the rate's posterior.

    Ages are divided by `unit_h`. `rate` (k,) and `events` are the gamma posterior's rate and shape.
    """

    unit_h: float
    shapes: Array
    weights: Array
    rate: Array
    events: float
    evidence: dict[str, Any]

    def survival(self, age_h: float, after_h: Array) -> Array:
        """P(no failure within each of `after_h` (m,) operating hours | alive at `age_h`); (m,)."""
        age, after = age_h / self.unit_h, np.asarray(after_h, dtype=np.float64)[:, None] / self.unit_h
        # (a + x)^b - a^b in logarithms: neither far ages nor sharp shapes overflow.
        shrunk = -np.expm1(-self.shapes * np.log1p(after / max(age, _NEW)))
        more = self.shapes * np.log(age + after) + np.log(shrunk)
        return np.exp(-self.events * np.logaddexp(0.0, more - np.log(self.rate))) @ self.weights

    def remaining_h(self, age_h: float, share: float) -> float | None:
        """Operating hours within which it fails with probability `share`; None beyond a hundred of the longest life."""
        low, high = self.unit_h * 1e-9, self.unit_h * _BEYOND
        if 1 - self.survival(age_h, np.array([high]))[0] < share:
            return None
        for _ in range(_HALVINGS):
            middle = math.sqrt(low * high)
            low, high = (low, middle) if 1 - self.survival(age_h, np.array([middle]))[0] >= share else (middle, high)
        return high

    @property
    def wears_out(self) -> float:
        """The probability that the shape is above 1: that the hazard grows with age at all."""
        return float(self.weights[self.shapes > 1].sum())

    def moments(self) -> tuple[float, float, float, float]:
        """(mean, variance) of log shape, then of log scale in hours."""
        logs = np.log(self.shapes)
        mean = float(self.weights @ logs)
        scales = math.log(self.unit_h) - (digamma(self.events) - np.log(self.rate)) / self.shapes
        scale = float(self.weights @ scales)
        spread = polygamma(1, self.events) / self.shapes**2 + (scales - scale) ** 2
        return mean, float(self.weights @ (logs - mean) ** 2), scale, float(self.weights @ spread)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remaining:
    """Calendar hours of life left as quantiles (None: too far to say), and `risk` within `HORIZONS_H`."""

    p10_h: float | None
    p50_h: float | None
    p90_h: float | None
    risk: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class TooFew:
    """No lifetime can be named: how many failures there are, and how many are needed."""

    failures: int
    needed: int

    @property
    def reason(self) -> str:
        """In words."""
        return f"{self.failures} failure(s) of this component on record, {self.needed} are needed for a lifetime"


def fit(lives: Lives, prior: Prior = GENERAL) -> Lifetime | TooFew:
    """The posterior of shape and scale. Refused without a scale in the prior and fewer than `LEAST_FAILURES`."""
    if prior.scale_h is None and lives.failures < LEAST_FAILURES:
        return TooFew(failures=lives.failures, needed=LEAST_FAILURES)
    unit = float(max([*lives.ended_h, prior.scale_h or 0.0]))
    centre, width = math.log(prior.shape), 5 * prior.shape_spread
    for points in (_COARSE, _FINE):
        logs = np.linspace(centre - width, centre + width, points)
        weights, rate = _posterior(np.exp(logs), lives, prior, unit)
        mean = float(weights @ logs)
        spread = max(math.sqrt(float(weights @ (logs - mean) ** 2)), 2 * width / points)
        centre, width = mean, 5 * spread if points == _COARSE else width
    evidence = {
        "lives": int(lives.ended_h.size),
        "failures": lives.failures,
        "hours": float(np.sum(lives.ended_h - lives.entered_h)),
        "prior": {
            "origin": prior.origin,
            "shape": prior.shape,
            "scale_h": prior.scale_h,
            "worth_failures": prior.failures,
        },
        "maximum_likelihood": maximum_likelihood(lives),
    }
    return Lifetime(
        unit_h=unit,
        shapes=np.exp(logs),
        weights=weights,
        rate=rate,
        events=lives.failures + (prior.failures if prior.scale_h else 0.0),
        evidence=evidence,
    )


def _posterior(shapes: Array, lives: Lives, prior: Prior, unit: float) -> tuple[Array, Array]:
    """(weights summing to 1, rates of the gamma posterior) for each of `shapes` (k,), ages in `unit`."""
    count, spent = lives.failures, _exposure(shapes, lives, unit)
    likely = count * np.log(shapes) + shapes * float(np.sum(np.log(lives.ended_h[lives.failed] / unit)))
    if prior.scale_h is None:
        # Flat in log scale is flat in log rate, divided by the shape.
        likely = likely - np.log(shapes) - count * np.log(spent)
        rate = spent
    else:
        given = np.maximum(prior.failures * (prior.scale_h / unit) ** shapes, _NEW)
        rate = spent + given
        likely = likely + prior.failures * np.log(given) - (count + prior.failures) * np.log(rate)
        likely = likely + gammaln(count + prior.failures) - gammaln(prior.failures)
    likely = likely - 0.5 * (np.log(shapes / prior.shape) / prior.shape_spread) ** 2
    weights = np.exp(likely - likely.max())
    return weights / weights.sum(), rate


def _exposure(shapes: Array, lives: Lives, unit: float) -> Array:
    powers = shapes[:, None]
    return np.sum((lives.ended_h / unit) ** powers - (lives.entered_h / unit) ** powers, axis=1)


def maximum_likelihood(lives: Lives) -> dict[str, float] | None:
    """Shape and scale in hours that make the lives most likely; None without two distinct failures.

    Agrees with lifelines and reliability; with truncation the sum of t^b - entered^b takes the place of the sum of t^b.
    """
    if len(set(lives.ended_h[lives.failed])) < 2:
        return None
    unit, count = float(lives.ended_h.max()), lives.failures
    logs = float(np.sum(np.log(lives.ended_h[lives.failed] / unit)))

    def unlikely(log_shape: float) -> float:
        shape = np.array([math.exp(log_shape)])
        return -float(count * log_shape + shape[0] * logs - count * np.log(_exposure(shape, lives, unit)[0]))

    found = minimize_scalar(unlikely, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-10})
    shape = math.exp(float(found.x))
    spent = float(_exposure(np.array([shape]), lives, unit)[0])
    return {"shape": shape, "scale_h": unit * (spent / count) ** (1 / shape)}


def fleet_prior(groups: Sequence[Lives]) -> Prior | None:
    """What other groups (the same component on other models) say of a further one; None without two usable groups.

    Empirical Bayes by moments: the spread between the groups' shapes and scales beyond their own uncertainty is what a
    further group may differ by. Source: DerSimonian and Laird 1986; Morris 1983.
    """
    fits = [found for found in (fit(each) for each in groups) if isinstance(found, Lifetime)]
    if len(fits) < 2:
        return None
    moments = np.array([each.moments() for each in fits])
    shape, shape_spread = _between(moments[:, 0], moments[:, 1])
    scale, scale_spread = _between(moments[:, 2], moments[:, 3])
    worth = 1 / (math.exp(shape) * scale_spread) ** 2
    return Prior(
        shape=math.exp(shape),
        shape_spread=shape_spread,
        scale_h=math.exp(scale),
        failures=float(np.clip(worth, 0.5, sum(each.failures for each in groups))),
        origin=f"{len(fits)} other groups of the fleet",
    )


def _between(means: Array, variances: Array) -> tuple[float, float]:
    """(mean, standard deviation a further group has about it) of what differs between groups."""
    sure = 1 / variances
    centre = float(sure @ means / sure.sum())
    excess = float(sure @ (means - centre) ** 2) - (means.size - 1)
    between = max(0.0, excess / (float(sure.sum()) - float((sure**2).sum() / sure.sum())))
    weights = 1 / (variances + between)
    return float(weights @ means / weights.sum()), math.sqrt(between + 1 / float(weights.sum()))


def remaining(lifetime: Lifetime, age_h: float, operating_share: float) -> Remaining:
    """Life left in calendar time of a component of `age_h` operating hours that runs `operating_share` of the time.

    ValueError: a negative or infinite age, a share outside (0, 1].
    """
    if not 0 <= age_h < math.inf:
        raise ValueError(f"an age is 0 or more and finite, not {age_h}")
    if not 0 < operating_share <= 1:
        raise ValueError(f"the share of time in operation lies in (0, 1], not {operating_share}")
    quantiles = [lifetime.remaining_h(age_h, share) for share in (0.1, 0.5, 0.9)]
    p10, p50, p90 = (None if each is None else each / operating_share for each in quantiles)
    day, week, month = 1 - lifetime.survival(age_h, np.array(HORIZONS_H) * operating_share)
    return Remaining(p10_h=p10, p50_h=p50, p90_h=p90, risk=(float(day), float(week), float(month)))
