"""Learning, its terms: what a training is of, what it leaves, and when its model takes the champion's place. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import numpy as np

from services.analytics.learning.lives import Array
from services.analytics.learning.material import Past
from shared.db.models import Tried
from shared.instant import DAY_US, HOUR_US
from shared.model.registry import Purpose

# A challenger takes over if its loss is lower by this share: less is noise between two trainings on nearly the same.
MARGIN: Final = 0.02
# What is held back to compare on: the most recent part of what is known, by time.
HELD_BACK: Final = 0.25
# Fewer outcomes than this decide nothing.
LEAST_OUTCOMES: Final = 20
# A training is due by so many failures since the last one, or by time if there was any.
NEW_FAILURES: Final = 5
_AGED_US: Final = 30 * DAY_US
_RETRY_US: Final = HOUR_US
_LONGEST_RETRY_US: Final = DAY_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Nothing could be learnt, and why."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Learnt:
    """A model as `parts` that can be kept (see `artefacts`), and what it came from."""

    method: str
    parts: dict[str, Any]
    features: tuple[str, ...]
    calibration: dict[str, Any]
    data_sha256: str
    rows: int
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """How wrong predictions were in the mean over `count` outcomes; lower is better, NaN without any."""

    value: float
    count: int

    @classmethod
    def of(cls, parts: Iterable[Array]) -> "Loss":
        """Of errors of any shape; NaN ones have no outcome."""
        flat = np.concatenate([np.empty(0), *(np.ravel(part) for part in parts)])
        known = flat[np.isfinite(flat)]
        return cls(value=float(known.mean()) if known.size else float("nan"), count=int(known.size))


class Lesson(Protocol):
    """What is learnt for a purpose. All that is learnt or asked lies before the instants given."""

    @property
    def purpose(self) -> Purpose: ...

    @property
    def metric(self) -> str: ...

    def learn(self, pasts: Sequence[Past], until_us: int) -> Learnt | Refused: ...

    def loss(self, parts: dict[str, Any], pasts: Sequence[Past], start_us: int, end_us: int) -> Loss: ...

    def plain_loss(self, pasts: Sequence[Past], start_us: int, end_us: int) -> Loss: ...


class Due(StrEnum):
    """Why a training is due."""

    FIRST = "nothing was learnt yet"
    FAILURES = "new failures"
    AGED = "a month has passed, and something failed"
    RETRY = "the last one came to nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """Whether a challenger takes over, and why; `against`: whom it was compared with."""

    wins: bool
    against: str
    reason: str


def due(tried: Tried | None, failures: int, now_us: int) -> Due | None:
    """Whether a training is due, given the last one that was tried and how many failures are known now."""
    if tried is None:
        return Due.FIRST if failures else None
    since = now_us - tried.tried_us
    if tried.failed:
        return Due.RETRY if since >= min(_RETRY_US * 2 ** min(tried.failed - 1, 10), _LONGEST_RETRY_US) else None
    if failures - tried.failures >= NEW_FAILURES:
        return Due.FAILURES
    return Due.AGED if since >= _AGED_US and failures > tried.failures else None


def contest(challenger: Loss, other: Loss, against: str, metric: str) -> Contest:
    """Decide by the losses of both on the same data held back."""
    if min(challenger.count, other.count) < LEAST_OUTCOMES:
        reason = f"{challenger.count} outcomes held back, {LEAST_OUTCOMES} are needed to compare with {against}"
        return Contest(wins=False, against=against, reason=reason)
    said = (
        f"{metric} {challenger.value:.4g} against {other.value:.4g} of {against}, {challenger.count} outcomes held back"
    )
    wins = challenger.value < other.value * (1 - MARGIN)
    needed = f"lower by {MARGIN:.0%} as asked" if wins else f"not lower by {MARGIN:.0%}"
    return Contest(wins=wins, against=against, reason=f"{said}: {needed}")
