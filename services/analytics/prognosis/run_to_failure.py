"""Remaining life learnt from lives that ended in failure: an ensemble over folds, calibrated on lives held out. Pure.

Each fold leaves out some lives whole; its member is trained on the others and asked about those left out. The answer
is the mean of the members, its uncertainty what those answers were off by (cross-conformal, Vovk 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from services.analytics.prognosis import calibration, condition, features, regressors, wear
from services.analytics.prognosis.calibration import Spread, at_level, chance_within
from services.analytics.prognosis.condition import Condition, Readings
from services.analytics.prognosis.histories import Array, History
from services.analytics.prognosis.regressors import Regressors
from services.analytics.prognosis.wear import Wear
from shared.model.prognosis import HORIZONS_H, Method, Prediction

NAME: Final = "run_to_failure@1"
LEAST_FAILURES: Final = 10
_LEAST_STEPS: Final = 10
_FOLDS: Final = 5
# Moments taken of each life: neighbours tell the same, and a long life shall not count for more than a short one.
_MOMENTS: Final = 50
_MOST_MOMENTS: Final = 20_000
_FIRST_STEP: Final = 4
# Of a typical life: farther from failure a machine does not show how far. 125 of about 200 cycles (Heimes 2008).
_CAP_SHARE: Final = 0.625


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why no model can be learnt."""

    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimates:
    """Of n moments: `at_h` (n,) age; `point_h` (n,) the mean answer, at most the cap; `quantiles_h` (n, LEVELS).

    `health` (n,) is 1 as new and 0 as machines were when they failed.
    """

    at_h: Array
    point_h: Array
    quantiles_h: Array
    health: Array

    def chance_within(self, horizon_h: float) -> Array:
        """Probability (n,) of a failure within so many hours."""
        return chance_within(self.quantiles_h, horizon_h)


@dataclass(frozen=True, kw_only=True, eq=False)
class LifeModel:
    """What is known of how such machines wear out. `as_new`, `as_failed`: the index of wear at both ends of a life."""

    condition: Condition
    wear: tuple[Wear, ...]
    members: tuple[Regressors, ...]
    spread: Spread
    cap_h: float
    as_new: float
    as_failed: float
    lives: int

    def estimate(self, histories: Sequence[History]) -> Estimates:
        """Estimates at the last row of each history, in their order."""
        lives = [self.condition.read(history) for history in histories]
        return self._estimates(lives, [np.array([len(life.age) - 1]) for life in lives])

    def along(self, history: History, moments: int | None = None) -> Estimates:
        """Estimates along one life, each from the rows up to then: at every step, or at so many evenly spread."""
        life = self.condition.read(history)
        ends = np.arange(len(life.age)) if moments is None else _spread_out(len(life.age), moments)
        return self._estimates([life], [ends])

    def predict(self, histories: Sequence[History], component: str, at_us: int) -> list[Prediction]:
        """What is said of `component` of each machine at `at_us`, the time of its last row."""
        found = self.estimate(histories)
        risks = np.stack([found.chance_within(horizon) for horizon in HORIZONS_H], axis=1)
        p10_h, p50_h, p90_h = (at_level(found.quantiles_h, level) for level in (0.1, 0.5, 0.9))
        reason = f"{self.lives} lives of such machines ended in failure: how they wore out tells"
        return [
            Prediction(
                component=component, at_us=at_us, method=Method.RUN_TO_FAILURE, p10_h=float(p10_h[i]),
                p50_h=float(p50_h[i]), p90_h=float(p90_h[i]), risk=(float(day), float(week), float(month)),
                health=float(found.health[i]), reason=reason,
                evidence={"model": NAME, "lives": self.lives, "cap_h": self.cap_h, "point_h": float(found.point_h[i])},
            )
            for i, (day, week, month) in enumerate(risks)
        ]  # fmt: skip

    def as_parts(self) -> dict[str, Any]:
        """Estimators of scikit-learn, arrays and plain values, for skops."""
        return {
            "condition": self.condition.as_parts(),
            "wear": [each.as_parts() for each in self.wear],
            "members": [each.as_parts() for each in self.members],
            "spread": self.spread.as_parts(),
            "cap_h": self.cap_h,
            "as_new": self.as_new,
            "as_failed": self.as_failed,
            "lives": self.lives,
        }

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Self:
        """What `as_parts` wrote."""
        return cls(
            condition=Condition.from_parts(parts["condition"]),
            wear=tuple(Wear.from_parts(each) for each in parts["wear"]),
            members=tuple(Regressors.from_parts(each) for each in parts["members"]),
            spread=Spread.from_parts(parts["spread"]),
            cap_h=parts["cap_h"],
            as_new=parts["as_new"],
            as_failed=parts["as_failed"],
            lives=parts["lives"],
        )

    def _estimates(self, lives: Sequence[Readings], ends: Sequence[NDArray[np.int64]]) -> Estimates:
        known = _known(self.condition, lives, ends)
        indices = [_wear_along(each, lives) for each in self.wear]
        said = [
            member.of(np.hstack([known, _path_of(index, ends)]))
            for member, index in zip(self.members, indices, strict=True)
        ]
        point = np.mean([each.mean(axis=1) for each in said], axis=0)
        disagreement = np.mean([each.std(axis=1) for each in said], axis=0)
        age = np.concatenate([life.age[at] for life, at in zip(lives, ends, strict=True)])
        quantiles = self.spread.quantiles(point * self.condition.step_h, _traits(age, disagreement))
        worn = np.mean([_lately(index, ends) for index in indices], axis=0)
        return Estimates(
            at_h=age * self.condition.step_h,
            point_h=point * self.condition.step_h,
            quantiles_h=quantiles,
            health=np.clip((worn - self.as_failed) / ((self.as_new - self.as_failed) or 1.0), 0.0, 1.0),
        )


def train(histories: Sequence[History], *, seed: int, cap_h: float | None = None) -> LifeModel | Refusal:
    """Learn from `histories`; those that did not fail tell only what is usual.

    `cap_h`: farther from failure than this no difference is looked for; None takes 0.625 of the median life. Refused:
    fewer than 10 lives that ended in failure after 10 steps or more, and sensors that show nothing but noise.
    """
    failed = [history for history in histories if history.failed and len(history.at_h) >= _LEAST_STEPS]
    if len(failed) < LEAST_FAILURES:
        return Refusal(reason=f"{len(failed)} life or lives ended in failure; {LEAST_FAILURES} are needed")
    if len({(history.values.shape[1], history.drivers.shape[1]) for history in histories}) > 1:
        return Refusal(reason="the histories have different sensors or drivers")
    learnt = condition.fit(histories, seed)
    if learnt is None:
        return Refusal(reason="no sensor changes over a life: all are constant or noise")
    cap = (cap_h or _CAP_SHARE * float(np.median([history.life_h for history in failed]))) / learnt.step_h
    return _Training(learnt, [learnt.read(history) for history in failed], cap, seed).model()


class _Training:
    """The lives that failed, read once: what the folds share. Ages and remaining lives in steps."""

    def __init__(self, learnt: Condition, lives: list[Readings], cap: float, seed: int) -> None:
        self._condition, self._lives, self._cap, self._seed = learnt, lives, cap, seed
        moments = min(_MOMENTS, max(1, _MOST_MOMENTS // len(lives)))
        self._ends = [_spread_out(len(life.age), moments) for life in lives]
        self._known = _known(learnt, lives, self._ends)
        self._life = np.repeat(np.arange(len(lives)), [len(ends) for ends in self._ends])
        remaining = [life.age[-1] - life.age for life in lives]
        self._remaining = np.concatenate([each[ends] for each, ends in zip(remaining, self._ends, strict=True)])
        # About 1 far from failure, about -1 at it.
        self._wear_targets = [np.minimum(each, cap) / (0.5 * cap) - 1.0 for each in remaining]

    def model(self) -> LifeModel:
        lives = len(self._lives)
        fold = np.random.default_rng(self._seed).permutation(lives) % _FOLDS
        members: list[tuple[Wear, Regressors]] = []
        points = np.zeros((_FOLDS, len(self._life)))
        disagreement = np.zeros(len(self._life))
        for each in range(_FOLDS):
            index, member, said = self._member(fold, each)
            held_out = fold[self._life] == each
            points[each], disagreement[held_out] = said.mean(axis=1), said[held_out].std(axis=1)
            members.append((index, member))
        point = points[fold[self._life], np.arange(len(self._life))]
        age = np.concatenate([life.age[ends] for life, ends in zip(self._lives, self._ends, strict=True)])
        step_h = self._condition.step_h
        traits = _traits(age, disagreement)
        spread = calibration.fit(
            point * step_h, traits, self._remaining * step_h, cap=self._cap * step_h,
            gain=self._gain(point, points), seed=self._seed,
        )  # fmt: skip
        paths = [np.mean([index.of(life) for index, _ in members], axis=0) for life in self._lives]
        return LifeModel(
            condition=self._condition,
            wear=tuple(index for index, _ in members),
            members=tuple(member for _, member in members),
            spread=spread,
            cap_h=self._cap * step_h,
            as_new=float(np.median([path[:15].mean() for path in paths])),
            as_failed=float(np.median([path[-5:].mean() for path in paths])),
            lives=lives,
        )

    def _gain(self, point: Array, points: Array) -> float:
        """By what factor the mean of the members errs less than one of them.

        Krogh and Vedelsby 1995: its squared error is theirs less their variance about it.
        """
        squared = float(np.mean((np.minimum(self._remaining, self._cap) - point) ** 2))
        return float(np.sqrt(max(0.5, 1.0 - float(points.var(axis=0).mean()) / max(squared, 1e-9))))

    def _member(self, fold: NDArray[np.int64], left_out: int) -> tuple[Wear, Regressors, Array]:
        """Trained without the lives of a fold, and what it says of all."""
        taken = np.flatnonzero(fold != left_out)
        index = wear.fit(
            [self._lives[i] for i in taken], [self._wear_targets[i] for i in taken], self._condition.regimes.count
        )
        table = np.hstack([self._known, _path_of(_wear_along(index, self._lives), self._ends)])
        rows = fold[self._life] != left_out
        targets = np.minimum(self._remaining[rows], self._cap)
        member = regressors.fit(table[rows], targets, self._cap, self._seed * _FOLDS + left_out)
        return index, member, member.of(table)


def _spread_out(steps: int, moments: int) -> NDArray[np.int64]:
    first = min(_FIRST_STEP, steps - 1)
    return np.unique(np.linspace(first, steps - 1, moments).round().astype(np.int64))


def _known(learnt: Condition, lives: Sequence[Readings], ends: Sequence[NDArray[np.int64]]) -> Array:
    return np.concatenate(
        [features.of(learnt.signals_of(life), life.age, at) for life, at in zip(lives, ends, strict=True)]
    )


def _wear_along(index: Wear, lives: Sequence[Readings]) -> list[Array]:
    return [index.of(life) for life in lives]


def _path_of(worn: Sequence[Array], ends: Sequence[NDArray[np.int64]]) -> Array:
    return np.concatenate([features.of_signals(each, at) for each, at in zip(worn, ends, strict=True)])


def _lately(worn: Sequence[Array], ends: Sequence[NDArray[np.int64]]) -> Array:
    return np.concatenate([features.recent_level(each, at)[:, 0] for each, at in zip(worn, ends, strict=True)])


def _traits(age: Array, disagreement: Array) -> Array:
    return np.column_stack([np.log(np.maximum(age, 1.0)), disagreement])
