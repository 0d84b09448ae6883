"""Whether a machine has become another than the one its detector was trained on: told, never silently learnt. Pure."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.analytics.detectors.model import Array, Scores

# Fewer rows tell nothing of a distribution.
ROWS_NEEDED: Final = 200
# Half of the rows at 70 % of the departure at which findings open: healthy rows are there a few times in a hundred.
_ELEVATED: Final = 0.5
_MOST_UNSEEN: Final = 0.2
_MOST_MISSING: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """What of a recent stretch is unlike the training.

    `typical_score`: the median score, told when it is high. `unseen_share`: rows under drivers that nobody trained for.
    `missing`: sensors and drivers that mostly have no value any more; `carried_by`: sensors with most of the score.
    """

    rows: int
    typical_score: float | None
    unseen_share: float
    missing: tuple[str, ...]
    carried_by: tuple[str, ...]

    def as_parameters(self) -> dict[str, Any]:
        """The drift as JSON."""
        return {
            "rows": self.rows,
            "typical_score": self.typical_score,
            "unseen_share": round(self.unseen_share, 4),
            "missing": list(self.missing),
            "carried_by": list(self.carried_by),
        }


def noticed(columns: tuple[str, ...], sensors: tuple[str, ...], values: Array, scores: Scores) -> Drift | None:
    """The drift of a recent stretch of running time; None: it looks like the training, or is too short to tell.

    `values` (n, len(columns)) are the rows that gave `scores`; `columns` and `sensors` are the model's.
    """
    if len(values) < ROWS_NEEDED:
        return None
    is_seen = np.isfinite(values)
    missing = tuple(name for name, share in zip(columns, is_seen.mean(axis=0), strict=True) if share < _MOST_MISSING)
    is_scored = np.isfinite(scores.score)
    unseen = float((is_seen.all(axis=1) & ~is_scored).mean())
    typical = float(np.median(scores.score[is_scored])) if is_scored.any() else 0.0
    is_elevated = typical >= _ELEVATED
    if not (missing or is_elevated or unseen > _MOST_UNSEEN):
        return None
    return Drift(
        rows=len(values),
        typical_score=typical if is_elevated else None,
        unseen_share=unseen,
        missing=missing,
        carried_by=_carriers(sensors, scores, is_scored) if is_elevated else (),
    )


def _carriers(sensors: tuple[str, ...], scores: Scores, is_scored: np.ndarray) -> tuple[str, ...]:
    """The sensors that together carry most of the scores, largest first."""
    share = scores.share[is_scored].mean(axis=0)
    order = np.argsort(-share, kind="stable")
    enough = int(np.searchsorted(np.cumsum(share[order]), 0.5 * share.sum())) + 1
    return tuple(sensors[i] for i in order[:enough])
