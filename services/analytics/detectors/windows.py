"""Trailing means over rows on a time grid: what detectors of sustained change look at. Pure."""

from dataclasses import dataclass

import numpy as np

from services.analytics.detectors.model import Array, Times

# A mean of less than this share of a window's rows says too little of it.
_LEAST_SHARE = 0.25


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Windows:
    """Rows `values` (n, m) laid on a grid of buckets, on which sums over trailing windows are taken.

    `place` (n,) is each row's place on the grid; gaps longer than the longest window are shortened to it, which changes
    none. `seen` (places, m) is 1 where there is a value, `filled` the value or 0. Windows are counted in steps of
    `every` buckets.
    """

    place: Times
    filled: Array
    seen: Array
    is_whole: bool
    every: int

    def means(self, spans: tuple[int, ...]) -> list[Array]:
        """For each span, a power of two: (n, m) means over the span of steps that ends with the row.

        Values in one step count as their mean, once. A mean of k of w of them is shrunk by sqrt(k / w), to the spread
        of a whole one; NaN below a quarter. Sums are taken by doubling, so that a mean depends on the rows of its
        window alone, to the last bit.
        """
        found: list[Array] = []
        sums, counts = self._steps()
        width = 1
        for span in spans:
            while width < span:
                sums = _with_earlier(sums, width * self.every)
                counts = _with_earlier(counts, width * self.every)
                width *= 2
            found.append(self._shrunk(sums[self.place], counts[self.place], span))
        return found

    def _steps(self) -> tuple[Array, Array]:
        """The mean of the step that ends with each place (places, m), 0 where it has no value, and whether it has."""
        if self.every == 1:
            return self.filled, self.seen
        sums, counts = self.filled.copy(), self.seen.copy()
        for lag in range(1, min(self.every, len(sums))):
            sums[lag:] += self.filled[:-lag]
            counts[lag:] += self.seen[:-lag]
        return sums / np.maximum(counts, 1.0), np.minimum(counts, 1.0)

    def _shrunk(self, sums: Array, counts: Array, span: int) -> Array:
        if self.is_whole and len(counts) and counts[-1].min() >= span and counts.min() >= span:
            return sums / span
        return shrunk(sums, counts, span)


def laid_out(at_us: Times, values: Array, bucket_us: int, longest: int, every: int = 1) -> Windows:
    """Rows at ascending bucket starts `at_us` (n,) on the grid of `bucket_us`; NaN = no value.

    For windows of up to `longest` steps of `every` buckets.
    """
    if len(at_us) == 0:
        return Windows(place=at_us, filled=values, seen=values, is_whole=True, every=every)
    steps = np.minimum(np.diff(at_us) // bucket_us, longest * every)
    place = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.maximum(steps, 1))])
    is_seen = np.isfinite(values)
    is_whole = bool(is_seen.all())
    present = values if is_whole else np.where(is_seen, values, 0.0)
    size = int(place[-1]) + 1
    if size == len(at_us):
        seen = is_seen.astype(np.float64)
        return Windows(place=place, filled=present, seen=seen, is_whole=is_whole, every=every)
    filled, seen = np.zeros((size, values.shape[1])), np.zeros((size, values.shape[1]))
    filled[place], seen[place] = present, is_seen
    return Windows(place=place, filled=filled, seen=seen, is_whole=False, every=every)


def complete(values: Array) -> np.ndarray:
    """Whether each row (n,) of `values` (n, m) has all of them. A product: numpy is slow over a short last axis."""
    return np.isfinite(values @ np.zeros(values.shape[1]))


def shrunk(sums: Array, counts: Array, span: int) -> Array:
    """Means from sums of `counts` values each, of windows of `span`: shrunk, or NaN (see `Windows.means`)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(counts >= _LEAST_SHARE * span, sums / np.sqrt(counts * span), np.nan)


def _with_earlier(sums: Array, width: int) -> Array:
    doubled = sums.copy()
    doubled[width:] += sums[:-width]
    return doubled
