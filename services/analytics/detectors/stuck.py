"""Member: a sensor that hardly moves any more, against its own liveliness. Pure."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from services.analytics.detectors import windows
from services.analytics.detectors.model import Array, Times

SPAN: Final = 32
# A sensor counts as stuck when it moves this many times less than it usually does, and less than it ever did by as much
# again as that was from the usual.
_LEAST_RATIO: Final = 20.0
# One that rested as much as this in its healthy window may rest.
_MOST_RATIO: Final = 1e4
_STILL: Final = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stuck:
    """Of m sensors: `usual` (m,), the mean step from row to row beyond what drivers move, and how far its logarithm may
    sink, `reach` (m,).

    A reach of 0: a sensor that rests by nature (counters, set points, coarse readings) is not looked at.
    """

    usual: Array
    reach: Array

    def score(self, steps: Array) -> Array:
        """Each sensor's score (n, m) from windowed mean absolute steps (n, m), in sensor units."""
        with np.errstate(divide="ignore", invalid="ignore"):
            quiet = np.log(self.usual / np.maximum(steps, _STILL * self.usual))
            return np.where(self.reach > 0, quiet / self.reach, 0.0).clip(0.0, None)

    def as_parameters(self) -> dict[str, Any]:
        """Numbers only, as JSON."""
        return {"usual": self.usual.tolist(), "reach": self.reach.tolist()}

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """The inverse of `as_parameters`, bit for bit."""
        return cls(
            usual=np.array(parameters["usual"], dtype=np.float64), reach=np.array(parameters["reach"], dtype=np.float64)
        )


def steps_of(at_us: Times, values: Array, step_us: int) -> Array:
    """How far each sensor moved (n, m) to each row at `at_us` (n,) from the last one at least `step_us` before it.

    NaN where either is missing, or where that row is more than SPAN steps ago: nobody would look back that far.
    """
    steps = np.full_like(values, np.nan)
    apart = np.diff(at_us)
    if len(apart) == 0:
        return steps
    if apart.min() >= step_us:
        np.abs(np.subtract(values[1:], values[:-1]), out=steps[1:])
        steps[1:][apart > SPAN * step_us] = np.nan
        return steps
    before = np.searchsorted(at_us, at_us - step_us, side="right") - 1
    has_any = (before >= 0) & (at_us - at_us[before] <= SPAN * step_us)
    steps[has_any] = np.abs(values[has_any] - values[before[has_any]])
    return steps


def fit(steps: Array) -> Stuck:
    """From healthy windowed mean absolute steps (n, m) less what drivers move; NaN where a window says too little."""
    known = steps[windows.complete(steps)]
    if len(known) == 0:
        none = np.zeros(steps.shape[1])
        return Stuck(usual=none, reach=none)
    usual, least = np.median(known, axis=0), known.min(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.maximum((usual / least) ** 2, _LEAST_RATIO)
        reach = np.where((least > 0) & (ratio <= _MOST_RATIO), np.log(ratio), 0.0)
    return Stuck(usual=usual, reach=np.nan_to_num(reach))
