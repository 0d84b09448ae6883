"""Member: windowed means of each sensor, or of what the others leave of it, against its healthy level. Pure.

A multivariate control chart for small sustained shifts: means over trailing windows (Lowry, Woodall, Champ and Rigdon
1992 with a window of limited memory instead of an exponential one), one statistic a sensor, their largest counts
(Hawkins 1991, regression-adjusted variables).
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, Self

import numpy as np
from scipy.stats import chi2

from services.analytics.detectors import windows
from services.analytics.detectors.limits import time_blocks
from services.analytics.detectors.model import Array
from services.analytics.detectors.relations import Relations

SPANS: Final = (8, 32, 128)
# A span is used when this many separate windows of it lie in the training rows.
_LEAST_WINDOWS: Final = 12
_BLOCKS: Final = 10
_FOLDS: Final = 5
# A level that wanders is followed beyond the training window as a random walk is: its variance grows with the distance.
GROWTH: Final = 9.0
# With a level of b blocks known, chance alone makes the error of the next (1 + 1 / b) times the variance; b from 2 on.
_BY_CHANCE: Final = 1.2
# No shift is a fault that is smaller than about one standard deviation of single rows at the usual limits.
_FLOOR: Final = 0.25
# Where held-out rows are held against what the limits assume.
_QUANTILES: Final = (0.5, 0.9)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Level:
    """Of m sensors and s spans: `centre`, `spread` (s, m) of the windowed rests, `limits` (s,) of their squares."""

    spans: tuple[int, ...]
    relations: Relations
    centre: Array
    spread: Array
    limits: Array

    def score(self, means: list[Array], doubt: Array) -> tuple[Array, Array]:
        """Each sensor's score (n, m), and its deviation (n, m) in scales.

        From windowed means (n, m) of what the relations leave, one array a span, and their `doubt` (n, m).
        """
        score = deviation = np.zeros(0)
        for position, left in enumerate(means):
            away = left - self.centre[position]
            own = (away / (self.spread[position] * np.sqrt(self.limits[position]))) ** 2
            if position == 0:
                score, deviation = own, away
                continue
            is_larger = own > score
            is_larger |= np.isnan(score)
            np.copyto(score, own, where=is_larger)
            np.copyto(deviation, away, where=is_larger)
        return score / doubt, deviation

    def as_parameters(self) -> dict[str, Any]:
        """Numbers only, as JSON."""
        return {
            "spans": list(self.spans),
            "relations": self.relations.as_parameters(),
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "limits": self.limits.tolist(),
        }

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """The inverse of `as_parameters`, bit for bit."""
        return cls(
            spans=tuple(parameters["spans"]),
            relations=Relations.from_parameters(parameters["relations"]),
            centre=np.array(parameters["centre"], dtype=np.float64),
            spread=np.array(parameters["spread"], dtype=np.float64),
            limits=np.array(parameters["limits"], dtype=np.float64),
        )


def spans_for(rows: int) -> tuple[int, ...]:
    """The spans that `rows` training rows say enough about."""
    return tuple(span for span in SPANS if span * _LEAST_WINDOWS <= rows) or SPANS[:1]


def fit(found: Relations, rows: Array, means: list[Array], spans: tuple[int, ...], looks_per_finding: float) -> Level:
    """From what the relations leave of healthy rows (n, m), and its windowed means (n, m), one array a span.

    NaN where a window says too little. `looks_per_finding`: how many rows may pass for one false finding of it.
    """
    is_known = windows.complete(rows)
    rows = rows[is_known]
    wander = wander_of(rows)
    without = [wander_of(np.delete(rows, block, axis=0)) for block in time_blocks(len(rows), _FOLDS)]
    centre, spread, limits = [], [], []
    for span, left in zip(spans, (each[is_known] for each in means), strict=True):
        middle, width = _location(left[windows.complete(left)], wander)
        rate = min(0.5, span / looks_per_finding / len(spans) / left.shape[1])
        centre.append(middle)
        spread.append(width)
        limits.append(_excess(left, span, without) * float(chi2.isf(rate, 1)))
    return Level(
        spans=spans,
        relations=found,
        centre=np.array(centre),
        spread=np.array(spread),
        limits=np.array(limits),
    )


def _location(left: Array, wander: Array) -> tuple[Array, Array]:
    """Mean, and standard deviation with what the level wanders: by how much blocks of time miss those before them."""
    return left.mean(axis=0), np.maximum(np.sqrt(left.var(axis=0) + GROWTH * wander), _FLOOR)


def wander_of(rows: Array) -> Array:
    """Variance (m,) by which blocks of time of `rows` (n, m) miss the mean of those before them beyond chance."""
    blocks = np.stack([rows[block].mean(axis=0) for block in time_blocks(len(rows), _BLOCKS)])
    known = np.cumsum(blocks, axis=0)[1:-1] / np.arange(2, _BLOCKS)[:, None]
    error = ((blocks[2:] - known) ** 2).mean(axis=0)
    step = (np.diff(blocks, axis=0) ** 2).mean(axis=0) / 2
    return np.maximum(error - _BY_CHANCE * step, 0.0)


def _excess(left: Array, span: int, without: list[Array]) -> float:
    """By how much held-out blocks exceed what normal values would: at least 1. `without`: the wander outside of each.

    A window that reaches into a held-out block from before it is no stranger to the rows kept: it is left out.
    """
    squares, is_whole = [], windows.complete(left)
    for block, wander in zip(time_blocks(len(left), _FOLDS), without, strict=True):
        others = is_whole.copy()
        others[block] = False
        middle, width = _location(left[others], wander)
        squares.append(reduce(np.maximum, (((left[block][span - 1 :] - middle) / width) ** 2).T))
    held_out = np.concatenate(squares)
    held_out = held_out[np.isfinite(held_out)]
    if len(held_out) == 0:
        return 1.0
    expected = chi2.ppf(np.array(_QUANTILES) ** (1 / left.shape[1]), 1)
    return float(max(1.0, np.max(np.quantile(held_out, _QUANTILES) / expected)))
