"""Detector of one sensor, second half: how improbable a value is after those remembered. Pure.

Two questions, and the larger answer counts. How far out is it: the tail of the remembered values beyond a high quantile
is taken as exponential (peaks over a threshold, Pickands 1975, shape 0; used on streams by Siffer et al. 2017, SPOT),
its scale from the median peak, so that one earlier outlier does not blind it. And has something like it been before:
the share of remembered values nearly as far out (conformal p-value, Vovk, Gammerman and Shafer 2005).
"""

from bisect import bisect_left, insort
from math import exp, isfinite, log
from typing import Final

import numpy as np

from services.analytics.detectors.model import Array, Times

_FEWEST: Final = 50
_TAIL_SHARE: Final = 0.02
_FEWEST_PEAKS: Final = 10
# A mean over w rows has w times fewer independent values: the tail must hold at least two windows.
_PEAKS_PER_WINDOW_ROW: Final = 2
# The rows just before belong to the same event: they are not yet what has been before.
_SAME_EVENT: Final = 12
# What is nearly as far out as this share of the way from the median has been seen before.
_ALIKE: Final = 0.85
# Less than a tenth of the training window's standard deviation is of no practical interest.
_LEAST_SCALE: Final = 0.1
_LEAST: Final = 1e-12


def surprise(at_us: Times, value: Array, window: int, memory_us: int) -> Array:
    """-log10 of the probability of each `value` (n,) to be as high, given those up to `memory_us` before; 0 to 12.

    NaN where `value` is, or where too few are remembered: 50, or four windows of the `window` rows it averages over.
    """
    out = np.full(len(value), np.nan)
    kept: list[float] = []
    oldest = 0
    times, values = at_us.tolist(), value.tolist()
    fewest = max(_FEWEST, 2 * _PEAKS_PER_WINDOW_ROW * window)
    for row, (at, x) in enumerate(zip(times, values, strict=True)):
        newest = row - _SAME_EVENT - 1
        while times[oldest] < at - memory_us:
            if oldest < newest and isfinite(values[oldest]):
                del kept[bisect_left(kept, values[oldest])]
            oldest += 1
        if newest >= oldest and isfinite(values[newest]):
            insort(kept, values[newest])
        if isfinite(x) and len(kept) >= fewest:
            out[row] = _surprise_of(x, kept, window)
    return out


def _surprise_of(x: float, kept: list[float], window: int) -> float:
    n = len(kept)
    peaks = max(_FEWEST_PEAKS, int(_TAIL_SHARE * n), _PEAKS_PER_WINDOW_ROW * window)
    beyond = kept[n - peaks - 1]
    if x <= beyond:
        return 0.0
    scale = max((kept[n - (peaks + 1) // 2] - beyond) / log(2), _LEAST_SCALE)
    far = peaks / n * exp(-min((x - beyond) / scale, 600.0))
    middle = kept[n // 2]
    alike = n - bisect_left(kept, middle + _ALIKE * (x - middle))
    seen = (1 + alike) / (n + 1) if alike else 0.0
    return -float(np.log10(max(far, seen, _LEAST)))
