"""Hazard from events: the probability that a component fails within a horizon, by errors, replacements and ages. Pure.

Two questions, because failures are few: whether the machine fails is learnt from all its failures together, which
component it is, given that it fails, from the instants before failures by one model a component. Many failures are
announced by errors, others come with the age of a part or with the rhythm of visits. Those that nothing precedes stay
at the base rate: the model then says little, not wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.analytics.prognosis.event_features import Vocabulary, features
from services.analytics.prognosis.event_history import Array, EventHistory, Times, hours_since, hours_until, merged
from services.analytics.prognosis.event_trees import (
    BAGS,
    Bins,
    Boosted,
    bagged,
    chance,
    held_out_scale,
    rescaled,
)
from shared.instant import HOUR_US
from shared.model.prognosis import HORIZONS_H

ALGORITHM: Final = "events@1"
# A component with fewer failures has no model of its own: ages (`weibull`) say more of it then.
LEAST_FAILURES: Final = 10
# Rows in the wake of an error tell most, quiet ones are many and alike: of both a sample is enough, of so many rows,
# weighted back to what it stands for.
_WAKE_H: Final = 48
_MOST_ROWS: Final = (60_000, 24_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """No model: why, and what there was."""

    reason: str
    evidence: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HazardModel:
    """Probabilities of failure by component and horizon; `thin` names the components with too few failures for one.

    `evidence` says what it was trained on, as JSON.
    """

    vocabulary: Vocabulary
    bins: Bins
    horizons_h: tuple[float, ...]
    components: tuple[str, ...]
    thin: tuple[str, ...]
    whether: tuple[tuple[Boosted, ...], ...]
    scales: tuple[tuple[float, float], ...]
    which: dict[str, tuple[tuple[Boosted, ...], ...]]
    evidence: dict[str, Any]

    def risk(self, history: EventHistory, at_us: Times) -> dict[str, Array]:
        """For each component the probabilities (n, horizons) of a failure in (at, at + horizon], at each `at_us` (n,).

        Only events at or before each instant are looked at. A longer horizon never has the smaller probability.
        """
        return self.risks(history, at_us).components

    def risks(self, history: EventHistory, at_us: Times) -> "Risks":
        """The same, and the probability that the machine fails at all."""
        seen = self._seen(history, at_us)
        machine = self._machine(seen)
        if not at_us.size:
            return Risks(machine=machine, components=dict.fromkeys(self.components, machine))
        given = {part: np.column_stack([chance(each, seen) for each in self.which[part]]) for part in self.components}
        components = {part: np.maximum.accumulate(machine * each, axis=1) for part, each in given.items()}
        return Risks(machine=machine, components=components)

    def machine_risk(self, history: EventHistory, at_us: Times) -> Array:
        """The probabilities (n, horizons) that the machine fails, whatever component it is."""
        return self._machine(self._seen(history, at_us))

    def _seen(self, history: EventHistory, at_us: Times) -> Array:
        return self.bins.codes(features(history, at_us, self.vocabulary))

    def _machine(self, seen: Array) -> Array:
        if not len(seen):
            return np.empty((0, len(self.horizons_h)))
        return np.maximum.accumulate(
            np.column_stack(
                [rescaled(chance(each, seen), scale) for each, scale in zip(self.whether, self.scales, strict=True)]
            ),
            axis=1,
        )

    def as_parts(self) -> dict[str, Any]:
        """Lists, numbers, names and scikit-learn estimators: what skops keeps."""
        return {
            "algorithm": ALGORITHM,
            "vocabulary": self.vocabulary.as_parts(),
            "bins": self.bins.as_parts(),
            "horizons_h": list(self.horizons_h),
            "components": list(self.components),
            "thin": list(self.thin),
            "whether": [list(each) for each in self.whether],
            "scales": [list(each) for each in self.scales],
            "which": {part: [list(each) for each in horizons] for part, horizons in self.which.items()},
            "evidence": self.evidence,
        }

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> "HazardModel":
        """The inverse of `as_parts`; ValueError for parts of another algorithm."""
        if parts.get("algorithm") != ALGORITHM:
            raise ValueError(f"not a model of {ALGORITHM}: {parts.get('algorithm')!r}")
        return cls(
            vocabulary=Vocabulary.from_parts(parts["vocabulary"]),
            bins=Bins.from_parts(parts["bins"]),
            horizons_h=tuple(parts["horizons_h"]),
            components=tuple(parts["components"]),
            thin=tuple(parts["thin"]),
            whether=tuple(tuple(each) for each in parts["whether"]),
            scales=tuple((each[0], each[1]) for each in parts["scales"]),
            which={part: tuple(tuple(each) for each in horizons) for part, horizons in parts["which"].items()},
            evidence=parts["evidence"],
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Risks:
    """Probabilities of failure (n, horizons): of the machine, whatever fails, and by component."""

    machine: Array
    components: dict[str, Array]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Rows:
    """n instants of all machines to learn from: `seen` (n, k) in codes of `bins`, `weight`, `machine` (n,).

    `left_h` (n,): hours of observation left. `until_h` (n,): hours to the next failure, of the machine ("") and by
    component.
    """

    bins: Bins
    seen: Array
    weight: Array
    machine: NDArray[np.intp]
    left_h: Array
    until_h: dict[str, Array]


def train(
    histories: Sequence[EventHistory],
    *,
    horizons_h: Sequence[float] = HORIZONS_H,
    step_us: int = HOUR_US,
    seed: int = 0,
) -> HazardModel | Refusal:
    """Learn from machines of one kind; the rows are the instants of the grid `step_us` within each observation.

    A row whose horizon reaches beyond the observation is not used: its outcome is not known. The same histories and
    seed give the same model. Refused where no component has `LEAST_FAILURES` failures. ValueError: horizons that are
    not above 0 and ascending.
    """
    if not horizons_h or any(late <= early for early, late in pairwise((0, *horizons_h))):
        raise ValueError("horizons are above 0 and ascending")
    vocabulary = Vocabulary.of(histories)
    counts = {part: sum(_within(each, part).size for each in histories) for part in vocabulary.components}
    enough = [part for part, count in counts.items() if count >= LEAST_FAILURES]
    evidence = _evidence(histories, counts)
    if not enough:
        most = max(counts.values(), default=0)
        reason = f"no component has failed {LEAST_FAILURES} times (the most: {most}), too few to learn from"
        return Refusal(reason=reason, evidence=evidence)
    rows = _rows(histories, vocabulary, step_us, np.random.default_rng(seed))
    enough = [part for part in enough if all(_is_told(rows, part, each) for each in horizons_h)]
    if not enough or not all(_is_told(rows, "", each) for each in horizons_h):
        reason = "within a horizon either no machine fails or all do: the observation is too short for the horizons"
        return Refusal(reason=reason, evidence=evidence)
    return HazardModel(
        vocabulary=vocabulary,
        bins=rows.bins,
        horizons_h=tuple(horizons_h),
        components=tuple(enough),
        thin=tuple(part for part in vocabulary.components if part not in enough),
        whether=tuple(bagged(*_lesson(rows, "", each), seed, BAGS) for each in horizons_h),
        scales=tuple(_scale(rows, each, seed) for each in horizons_h),
        which={
            part: tuple(bagged(*_lesson(rows, part, each, failing=True), seed, 1) for each in horizons_h)
            for part in enough
        },
        evidence=evidence | {"rows": int(rows.weight.size)},
    )


def _scale(rows: _Rows, horizon_h: float, seed: int) -> tuple[float, float]:
    known = rows.left_h > horizon_h
    return held_out_scale(*_lesson(rows, "", horizon_h), rows.machine[known], seed)


def _evidence(histories: Sequence[EventHistory], counts: dict[str, int]) -> dict[str, Any]:
    return {
        "machines": len(histories),
        "hours": sum((each.to_us - each.from_us) // HOUR_US for each in histories),
        "errors": sum(int(at_us.size) for each in histories for at_us in each.errors.values()),
        "failures": counts,
    }


def _within(history: EventHistory, part: str) -> Times:
    failed_us = history.failures.get(part, np.empty(0, dtype=np.int64))
    return failed_us[(failed_us >= history.from_us) & (failed_us < history.to_us)]


def _rows(histories: Sequence[EventHistory], vocabulary: Vocabulary, step_us: int, rng: np.random.Generator) -> _Rows:
    grids = [each.rows_us(step_us) for each in histories]
    pairs = list(zip(histories, grids, strict=True))
    wake = [hours_since(merged(each.errors.values()), at_us) < _WAKE_H for each, at_us in pairs]
    chosen, weight = _sample(np.concatenate(wake), rng)
    bounds = np.cumsum([0, *(at_us.size for at_us in grids)])
    pairs = [
        (each, at_us[chosen[(chosen >= low) & (chosen < high)] - low])
        for (each, at_us), (low, high) in zip(pairs, pairwise(bounds), strict=True)
    ]
    until_h = {
        part: np.concatenate([hours_until(_failed(each, part, vocabulary), at_us) for each, at_us in pairs])
        for part in ("", *vocabulary.components)
    }
    seen = np.concatenate([features(each, at_us, vocabulary) for each, at_us in pairs])
    bins = Bins.of(seen, weight)
    return _Rows(
        bins=bins,
        seen=bins.codes(seen),
        weight=weight,
        machine=np.repeat(np.arange(len(pairs)), [at_us.size for _, at_us in pairs]),
        left_h=np.concatenate([(each.to_us - at_us) / HOUR_US for each, at_us in pairs]),
        until_h=until_h,
    )


def _failed(history: EventHistory, part: str, vocabulary: Vocabulary) -> Times:
    return merged(_within(history, each) for each in ([part] if part else vocabulary.components))


def _sample(wake: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[np.intp], Array]:
    """Row numbers, ascending, and how many rows each stands for."""
    weight = np.zeros(wake.size)
    for rows, most in zip((np.flatnonzero(wake), np.flatnonzero(~wake)), _MOST_ROWS, strict=True):
        kept = rows if rows.size <= most else rng.choice(rows, most, replace=False)
        weight[kept] = rows.size / max(1, kept.size)
    chosen = np.flatnonzero(weight)
    return chosen, weight[chosen]


def _is_told(rows: _Rows, part: str, horizon_h: float) -> bool:
    """Whether some rows of known outcome fail within the horizon and others do not."""
    _, fails, _ = _lesson(rows, part, horizon_h)
    return bool(fails.any() and not fails.all())


def _lesson(
    rows: _Rows, part: str, horizon_h: float, *, failing: bool = False
) -> tuple[Array, NDArray[np.bool_], Array]:
    """(seen, whether it fails within the horizon, weight) of the rows whose outcome is known.

    `failing`: only of those within whose horizon the machine fails.
    """
    known = rows.left_h > horizon_h
    if failing:
        known &= rows.until_h[""] <= horizon_h
    return rows.seen[known], rows.until_h[part][known] <= horizon_h, rows.weight[known]
