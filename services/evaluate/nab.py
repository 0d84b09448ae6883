"""The rules of the Numenta Anomaly Benchmark: what a detection in a series is worth. Pure.

Lavin and Ahmad 2015, "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark"
(arXiv:1510.03336), standard profile. Rows are counted, not hours: positions are row numbers in the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

# Standard profile of the benchmark: weights of a true positive, a false negative, a false positive.
A_TP: Final = 1.0
A_FN: Final = 1.0
A_FP: Final = 0.11

_PROBATION_SHARE: Final = 0.15
_PROBATION_MOST_ROWS: Final = 750
# Beyond this many window widths after a window a false positive costs its whole weight.
_FAR_BEHIND: Final = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Rows `first` to `last` of a file, both within it."""

    first: int
    last: int

    @property
    def width(self) -> int:
        """How many rows."""
        return self.last - self.first + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the detections in one file earned.

    `raw` is the file's score before normalisation; `caught` the earliest counting detection of each of `windows`
    windows (None: missed); `false_alarms` the rows of those outside any.
    """

    raw: float
    windows: int
    caught: tuple[int | None, ...]
    false_alarms: tuple[int, ...]


def probation_rows(rows: int) -> int:
    """How many rows at a file's beginning are for learning only: 15 %, at most 750."""
    return min(int(_PROBATION_SHARE * rows), _PROBATION_MOST_ROWS)


def scaled_sigmoid(position: Floats) -> Floats:
    """2 / (1 + exp(5 y)) - 1 of positions `y` (n,) in window widths from the window's right edge, left is negative."""
    return np.where(position >= _FAR_BEHIND, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 50.0))) - 1.0)


def outcome(rows: int, detections: Sequence[int] | Rows, windows: Sequence[Window]) -> Outcome:
    """What `detections` (row numbers) earn in a file of `rows` rows with disjoint `windows`.

    Rows in probation count for nothing; a window of which no row is beyond probation is none. In a window the first
    detection earns its sigmoid, as a share of what the window's first row would earn, the others nothing; a window
    without costs A_FN. A detection outside costs its sigmoid behind the last window before it (-1 where none is).
    """
    probation = probation_rows(rows)
    scored = sorted((window for window in windows if window.last >= probation), key=lambda window: window.first)
    at = np.unique(np.asarray(detections, dtype=np.intp))
    at = at[at >= probation]
    caught = tuple(_first_within(at, window) for window in scored)
    inside = np.zeros(len(at), dtype=bool)
    for window in scored:
        inside |= (at >= window.first) & (at <= window.last)
    false = at[~inside]
    earned = [-A_FN if row is None else _reward(row, window) for row, window in zip(caught, scored, strict=True)]
    return Outcome(
        raw=sum(earned) + float(_costs(false, sorted(windows, key=lambda window: window.first)).sum()),
        windows=len(scored),
        caught=caught,
        false_alarms=tuple(false.tolist()),
    )


def normalised(outcomes: Sequence[Outcome]) -> float | None:
    """100 (raw - null) / (perfect - null) over files: 100 is all windows caught in their first row and no false alarm,
    0 no detection at all; None where there is no window."""
    windows = sum(each.windows for each in outcomes)
    if windows == 0:
        return None
    null, perfect = -A_FN * windows, A_TP * windows
    return 100.0 * (sum(each.raw for each in outcomes) - null) / (perfect - null)


def _first_within(at: Rows, window: Window) -> int | None:
    within = at[(at >= window.first) & (at <= window.last)]
    return int(within[0]) if len(within) else None


def _reward(row: int, window: Window) -> float:
    position = -(window.last - row + 1) / window.width
    best, reached = scaled_sigmoid(np.array([-1.0, position])).tolist()
    return A_TP * reached / best


def _costs(false: Rows, windows: Sequence[Window]) -> Floats:
    position = np.full(len(false), _FAR_BEHIND)
    for window in windows:
        behind = false > window.last
        position[behind] = (false[behind] - window.last) / max(window.width - 1, 1)
    return A_FP * scaled_sigmoid(position)
