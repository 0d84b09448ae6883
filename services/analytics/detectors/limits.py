"""Training: from the scores of healthy buckets to the limit that spends a false-alarm budget. Pure."""

from itertools import pairwise
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

# With fewer expected exceedances than this an empirical quantile rests on a handful of buckets.
_ENOUGH_EXCEEDANCES = 10
_TAIL_SHARE = 0.05


def tail_limit(scores: NDArray[np.float64], rate: float) -> float:
    """The value that a share `rate` of such scores exceeds; `scores` (n,), at least 20 of them, finite.

    With enough scores above it: the conformal quantile, the ceil((n + 1)(1 - rate))-th smallest (Vovk, Gammerman and
    Shafer 2005). Else the tail is extrapolated as exponential from its top 5 % (peaks over a threshold, Pickands 1975,
    with shape 0): what quadratic forms of normal values tend to. Its scale comes from the median of those peaks, not
    their mean, so that a few faulty rows in a window declared healthy do not blind the detector.
    """
    n = len(scores)
    ordered = np.sort(scores)[::-1]
    if n * rate >= _ENOUGH_EXCEEDANCES:
        return float(ordered[n - ceil((n + 1) * (1 - rate))])
    count = max(_ENOUGH_EXCEEDANCES, ceil(_TAIL_SHARE * n))
    threshold = float(ordered[count])
    scale = (float(np.median(ordered[:count])) - threshold) / log(2)
    return threshold + scale * log(count / (n * rate))


def time_blocks(n: int, blocks: int) -> list[slice]:
    """`n` rows in order of time, cut into contiguous stretches of nearly equal length.

    Neighbouring buckets resemble each other: rows held out one by one would be judged by their own neighbours.
    """
    edges = [n * i // blocks for i in range(blocks + 1)]
    return [slice(low, high) for low, high in pairwise(edges)]
