"""Rows that were flagged against rows that should have been: counts, the ratios of them, and events. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """True and false positives, false and true negatives, in rows."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, flagged: Flags, truth: Flags) -> Self:
        """Counts of n rows: `flagged` (n,) against `truth` (n,)."""
        return cls(
            tp=int((flagged & truth).sum()),
            fp=int((flagged & ~truth).sum()),
            fn=int((~flagged & truth).sum()),
            tn=int((~flagged & ~truth).sum()),
        )

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(tp=self.tp + other.tp, fp=self.fp + other.fp, fn=self.fn + other.fn, tn=self.tn + other.tn)

    def document(self) -> dict[str, Any]:
        """Counts and ratios as JSON: FAR = FP / (FP + TN), MAR = FN / (FN + TP); None where nothing is divided."""
        return {
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "tn": self.tn,
            "precision": _ratio(self.tp, self.tp + self.fp),
            "recall": _ratio(self.tp, self.tp + self.fn),
            "f1": _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn),
            "far": _ratio(self.fp, self.fp + self.tn),
            "mar": _ratio(self.fn, self.fn + self.tp),
        }


def total(counts: Iterable[Counts]) -> Counts:
    """The counts of all rows together."""
    return sum(counts, Counts(tp=0, fp=0, fn=0, tn=0))


def events_of(truth: Flags) -> list[tuple[int, int]]:
    """Stretches `[start, end)` of rows in a row that are true, from `truth` (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], truth, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def best_by(
    factors: Sequence[float], flags: Callable[[float], Sequence[Flags]], truths: Sequence[Flags]
) -> dict[str, Any]:
    """The ratios at the factor with the highest F1 of all rows together; with labels known, so no result to quote."""
    documents = [
        {
            "factor": factor,
            **total(Counts.of(said, truth) for said, truth in zip(flags(factor), truths, strict=True)).document(),
        }
        for factor in factors
    ]
    return max(documents, key=lambda one: one["f1"] or 0.0)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
