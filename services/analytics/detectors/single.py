"""Detector: one sensor alone, against its own past. Pure.

There are no other sensors to explain it by, so each row is compared with what the sensor itself did before: its value,
its jumps, its level and its spread over short and long windows (`single_statistics`), each with its own tail over the
remembered rows (`single_tail`). What was there before is not remarkable again; a condition that lasts becomes normal.
"""

from dataclasses import dataclass
from math import log10
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from services.analytics.detectors.model import Array, LeftOut, Refusal, Refused, Scores, Times
from services.analytics.detectors.single_statistics import KINDS, LOOK_BACK, expected, statistics
from services.analytics.detectors.single_tail import surprise
from shared.instant import DAY_US
from shared.model.detector import DetectorSettings

NAME: Final = "single@1"

_MIN_ROWS: Final = 100
_MONTH_US: Final = 30 * DAY_US
# How many buckets are remembered: two weeks at five minutes a bucket.
_REMEMBERED: Final = 4032
# Rows missing from a statistic's window may stretch it to this many times its length.
_STRETCH: Final = 2
# Squares and differences of values must not overflow: larger ones carry no more than their sign.
_LARGEST: Final = 1e120
# Beyond this the hyperbolic sine is larger than any value that is told apart.
_ASINH: Final = float(np.arcsinh(_LARGEST))
_NORMAL_QUARTILES: Final = 1.349
# Surprise that opens one finding in 10^x rows: measured on 64 simulated healthy series of eight kinds (white noise,
# daily seasons, periodic jobs, idle with bursts, heavy-tailed counts, random walks, sawteeth, two levels).
_LOG10_ROWS: Final = (2.19, 2.57, 2.81, 3.02, 3.21, 3.40, 3.61, 3.84, 4.17, 4.32)
_LIMITS: Final = (2.0, 2.4, 2.6, 2.8, 3.0, 3.2, 3.5, 4.0, 5.0, 6.0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SingleModel:
    """One sensor: `centre` and `scale` of the training window in its unit, `limit` the surprise that scores 1.

    `bucket_us`: the usual step from row to row in training, at least a bucket.
    """

    sensor: str
    bucket_us: int
    centre: float
    scale: float
    limit: float
    rows: int
    name: str = NAME

    @property
    def sensors(self) -> tuple[str, ...]:
        """The one sensor."""
        return (self.sensor,)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one sensor: drivers take no part."""
        return (self.sensor,)

    @property
    def left_out(self) -> dict[str, LeftOut]:
        """Nothing."""
        return {}

    @property
    def memory_us(self) -> int:
        """What is remembered, and what the oldest remembered row itself looks back on."""
        return self._remembered_us + self._span_us

    def score(self, at_us: Times, values: Array) -> Scores:
        """Score rows `values` (n, 1) at `at_us` (n,), ascending: (surprise / limit)^2 of the most surprising statistic.

        Surprise is -log10 of a probability; squared it grows like the quadratic forms of the other detectors.
        """
        n = len(at_us)
        score, leading = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
        implied = np.full((n, 1), np.nan)
        present = np.flatnonzero(np.isfinite(values[:, 0]))
        if len(present):
            level = _standardised(values[present, 0], self.centre, self.scale)
            surprises, kinds = self._surprises(at_us[present], level)
            most = np.where(np.isfinite(surprises), surprises, -1.0).argmax(axis=0)
            highest = surprises[most, np.arange(len(present))]
            score[present] = (highest / self.limit) ** 2
            leading[present] = kinds[most]
            implied[present, 0] = self.centre + self.scale * np.sinh(expected(level).clip(-_ASINH, _ASINH))
        share = np.where(np.isfinite(score) & (score > 0), 1.0, 0.0)[:, None]
        return Scores(score=score, share=share, expected=implied, leading=leading, detectors=KINDS)

    def as_parameters(self) -> dict[str, Any]:
        """The model as JSON: numbers and names only."""
        return {
            "sensor": self.sensor,
            "bucket_us": self.bucket_us,
            "centre": self.centre,
            "scale": self.scale,
            "limit": self.limit,
            "rows": self.rows,
        }

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """The inverse of `as_parameters`, bit for bit."""
        return cls(
            sensor=str(parameters["sensor"]),
            bucket_us=int(parameters["bucket_us"]),
            centre=float(parameters["centre"]),
            scale=float(parameters["scale"]),
            limit=float(parameters["limit"]),
            rows=int(parameters["rows"]),
        )

    @property
    def _remembered_us(self) -> int:
        return _REMEMBERED * self.bucket_us

    @property
    def _span_us(self) -> int:
        return _STRETCH * LOOK_BACK * self.bucket_us

    def _surprises(self, at_us: Times, level: Array) -> tuple[Array, NDArray[np.int64]]:
        found = list(statistics(at_us, level, self._span_us))
        rows = [surprise(at_us, each.value, each.window, self._remembered_us) for each in found]
        return np.array(rows), np.array([each.kind for each in found], dtype=np.int64)


def train(at_us: Times, values: Array, settings: DetectorSettings) -> SingleModel | Refusal:
    """Train on healthy rows `values` (n, 1) of the one sensor in `settings`, NaN = no value.

    Only the measure is taken here: where the sensor lies and how far it spreads. What is normal is learnt from all
    remembered rows as they come. A sensor that is constant gets a hundredth of its value as its measure (1 at zero).
    """
    present = values[np.isfinite(values[:, 0]), 0].clip(-_LARGEST, _LARGEST)
    if len(at_us) != len(values):
        raise ValueError(f"{len(at_us)} times for {len(values)} rows")
    if len(present) < _MIN_ROWS:
        return Refusal(reason=Refused.TOO_FEW_ROWS, rows=len(present), rows_needed=_MIN_ROWS)
    centre, scale = _measure(present)
    return SingleModel(
        sensor=settings.sensors[0],
        bucket_us=_step_us(at_us[np.isfinite(values[:, 0])], settings.bucket_us),
        centre=centre,
        scale=scale,
        limit=limit(settings.bucket_us, settings.false_alarms_per_month),
        rows=len(present),
    )


def limit(bucket_us: int, false_alarms_per_month: float) -> float:
    """The surprise that healthy sensors exceed so many times in 30 days of operation, from simulated ones; 2 to 6."""
    rows_per_alarm = _MONTH_US / bucket_us / false_alarms_per_month
    return float(np.interp(log10(rows_per_alarm), _LOG10_ROWS, _LIMITS))


def _step_us(at_us: Times, bucket_us: int) -> int:
    """The usual step from row to row, at least a bucket: rows may follow each other more slowly than buckets do."""
    return max(bucket_us, int(np.median(np.diff(at_us))))


def _measure(present: Array) -> tuple[float, float]:
    low, centre, high = (float(quantile) for quantile in np.quantile(present, [0.25, 0.5, 0.75]))
    rounding = 1e-9 * abs(centre)
    for scale in ((high - low) / _NORMAL_QUARTILES, float(np.std(present))):
        if scale > max(rounding, 1e-120):
            return centre, scale
    return centre, abs(centre) / 100 or 1.0


def _standardised(values: Array, centre: float, scale: float) -> Array:
    """Inverse hyperbolic sine of deviations in scales: nearly linear within one, logarithmic beyond."""
    return np.arcsinh((values.clip(-_LARGEST, _LARGEST) - centre) / scale)
