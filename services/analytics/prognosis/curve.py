"""Survival of a component over the hours to come: what the methods of prognosis are brought together in. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.model.prognosis import HORIZONS_H, Prediction

Array = NDArray[np.float64]
QUANTILES: Final = (0.1, 0.5, 0.9)
# The highest probability that a curve holds: its hazard stays finite.
_MOST: Final = 1 - 1e-12
_INSTANT_H: Final = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """Cumulative hazard (k,) at `hours` (k,), ascending from 0 at 0, with straight lines between.

    Past the last point the hazard goes on as in the last stretch if `goes_on`; else nothing is said there.
    """

    hours: Array
    hazard: Array
    goes_on: bool

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]], *, goes_on: bool = False) -> "Curve":
        """Through (hours, probability of failure until then), in any order; none is below that of an earlier hour."""
        # What has happened by now happens within the first instant.
        sure: dict[float, float] = {0.0: 0.0, _INSTANT_H: 0.0}
        for after, share in points:
            known = max(after, _INSTANT_H)
            sure[known] = max(share, sure.get(known, 0.0))
        hours = np.array(sorted(sure))
        shares = np.maximum.accumulate([sure[each] for each in hours.tolist()])
        hazard = -np.log1p(-np.minimum(shares, _MOST))
        return cls(hours=hours, hazard=hazard, goes_on=goes_on)

    @property
    def until_h(self) -> float:
        """The hour up to which it says something."""
        return float("inf") if self.goes_on else float(self.hours[-1])

    def at(self, hours: Array) -> Array:
        """Cumulative hazard at each of `hours` (m,); as at the last point beyond it unless it goes on."""
        inside = np.interp(hours, self.hours, self.hazard)
        if not self.goes_on:
            return inside
        return inside + np.maximum(hours - self.hours[-1], 0.0) * self._last_slope

    def quantile_h(self, share: float) -> float | None:
        """Hours until which it fails with probability `share`; None where the curve does not reach it."""
        wanted = -np.log1p(-share)
        if wanted <= self.hazard[-1]:
            reached = max(1, int(np.searchsorted(self.hazard, wanted)))
            low, high = self.hazard[reached - 1], self.hazard[reached]
            return float(
                self.hours[reached - 1]
                + (wanted - low) / (high - low) * (self.hours[reached] - self.hours[reached - 1])
            )
        slope = self._last_slope if self.goes_on else 0.0
        return float(self.hours[-1] + (wanted - self.hazard[-1]) / slope) if slope > 0 else None

    @property
    def _last_slope(self) -> float:
        return float((self.hazard[-1] - self.hazard[-2]) / (self.hours[-1] - self.hours[-2]))

    @property
    def risk(self) -> tuple[float, float, float]:
        """Probabilities of failure within `HORIZONS_H`."""
        day, week, month = -np.expm1(-self.at(np.array(HORIZONS_H, dtype=np.float64)))
        return float(day), float(week), float(month)


def curve_of(prediction: Prediction) -> Curve:
    """The curve through the risks and quantiles that a prediction names; it goes on beyond them as it was."""
    quantiles = (prediction.p10_h, prediction.p50_h, prediction.p90_h)
    named = [(hours, share) for hours, share in zip(quantiles, QUANTILES, strict=True) if hours is not None]
    risks = list(zip(HORIZONS_H, prediction.risk, strict=True)) if prediction.risk is not None else []
    return Curve.through([*named, *((float(hours), share) for hours, share in risks)], goes_on=True)


def earliest(curves: Sequence[Curve]) -> Curve:
    """Survival of all of `curves`, taken as independent: their hazards add up (competing risks).

    It says something as far as the longest of them; where a shorter one ends, its hazard stops growing.
    """
    hours = np.unique(np.concatenate([each.hours for each in curves]))
    hazard = np.sum([each.at(hours) for each in curves], axis=0)
    return Curve(hours=hours, hazard=hazard, goes_on=any(each.goes_on for each in curves))
