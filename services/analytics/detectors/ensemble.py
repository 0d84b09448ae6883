"""Detector of several sensors: members that look for different faults, behind one score. Pure.

`relation`: one row breaks how the sensors go together (T2 and Q). `level`: a sensor, or what the others leave of it,
has left its level for a while. `stuck`: a sensor no longer moves. What drivers explain is taken away first.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from services.analytics.detectors import stuck, windows
from services.analytics.detectors.conditions import Conditions
from services.analytics.detectors.level import Level
from services.analytics.detectors.model import Array, LeftOut, Scores, Times
from services.analytics.detectors.pca import PcaModel
from services.analytics.detectors.relations import SPAN
from services.analytics.detectors.stuck import Stuck

NAME: Final = "ensemble@1"
MEMBERS: Final = ("level", "relation", "stuck")
# In means over windows a single row weighs no more than this many standard deviations.
CLIP: Final = 8.0
LARGEST: Final = 1e120
# Rows scored at a time: what belongs to them stays in the processor's cache.
_AT_ONCE: Final = 8_192


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ensemble:
    """A trained ensemble of m sensors and k drivers; `scale` (m,) in sensor units. `relation` is None when left out.

    `every`: the buckets from row to row in training; windows are counted in such steps, however dense later rows are.
    """

    columns: tuple[str, ...]
    sensors: tuple[str, ...]
    bucket_us: int
    every: int
    conditions: Conditions
    scale: Array
    level: Level
    relation: PcaModel | None
    stuck: Stuck
    rows: int
    left_out: dict[str, LeftOut]
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        return NAME

    @property
    def memory_us(self) -> int:
        return max(self.level.spans[-1] + SPAN, 2 * stuck.SPAN) * self.every * self.bucket_us

    def score(self, at_us: Times, values: Array) -> Scores:
        """Score rows `values` (n, m + k) at bucket starts `at_us` (n,), ascending; NaN = no value.

        The largest member's score counts. A row without any usable value, or under drivers outside all that was
        trained, cannot be scored.
        """
        m, n = len(self.sensors), len(at_us)
        scores = Scores(
            score=np.full(n, np.nan),
            share=np.zeros((n, m)),
            expected=np.full((n, m), np.nan),
            leading=np.zeros(n, dtype=np.int64),
            detectors=MEMBERS,
        )
        for first in range(0, n, _AT_ONCE):
            last = min(first + _AT_ONCE, n)
            low = int(np.searchsorted(at_us, at_us[first] - self.memory_us))
            self._score_into(scores, at_us[low:last], values[low:last], slice(first, last))
        return scores

    def _score_into(self, scores: Scores, at_us: Times, values: Array, rows: slice) -> None:
        m = len(self.sensors)
        wanted = rows.stop - rows.start
        usual = self.conditions.usual(values[:, m:])
        seen = values[:, :m].clip(-LARGEST, LARGEST)
        away = seen - usual
        standard = standardised(away, self.scale)
        own, deviation = self._levels(at_us, standard, wanted)
        usual, away = usual[-wanted:], away[-wanted:]
        said = _Said(
            score=largest(own),
            own=own,
            expected=usual + self.scale * (standard[-wanted:] - deviation),
            leading=np.zeros(wanted, dtype=np.int64),
        )
        self._add_relation(said, away, usual)
        self._add_stuck(said, at_us, seen, usual)
        said.score[np.isnan(largest(away))] = np.nan
        scores.score[rows], scores.leading[rows] = said.score, said.leading
        scores.expected[rows] = said.expected
        known = np.nan_to_num(said.own, copy=False)
        total = known @ np.ones((m, 1))
        np.divide(known, total, out=scores.share[rows], where=total > 0)

    def _levels(self, at_us: Times, standard: Array, wanted: int) -> tuple[Array, Array]:
        related, spans = self.level.relations, self.level.spans
        [smooth] = windows.laid_out(at_us, standard, self.bucket_us, SPAN, self.every).means((SPAN,))
        rest = standard - related.implied(smooth)
        means = windows.laid_out(at_us, rest, self.bucket_us, spans[-1], self.every).means(spans)
        return self.level.score([each[-wanted:] for each in means], related.doubt(smooth[-wanted:]))

    def _add_relation(self, said: "_Said", away: Array, usual: Array) -> None:
        if self.relation is None:
            return
        part = np.array([self.sensors.index(name) for name in self.relation.sensors])
        judged = away if len(part) == away.shape[1] else away[:, part]
        is_whole = ~np.isnan(judged @ np.zeros(len(part)))
        score = np.full(len(away), np.nan)
        score[is_whole] = self.relation.index(judged[is_whole])
        leads = np.flatnonzero(score > np.nan_to_num(said.score))
        found = self.relation.score(judged[leads])
        said.score[leads], said.leading[leads] = score[leads], MEMBERS.index("relation")
        said.own[leads] = 0.0
        where = np.ix_(leads, part)
        said.own[where], said.expected[where] = found.share, found.expected + usual[where]

    def _add_stuck(self, said: "_Said", at_us: Times, seen: Array, usual: Array) -> None:
        steps = stuck.steps_of(at_us, seen, self.every * self.bucket_us)
        [moved] = windows.laid_out(at_us, steps, self.bucket_us, stuck.SPAN, self.every).means((stuck.SPAN,))
        quiet = self.stuck.score(moved[-len(usual) :])
        score = largest(quiet)
        leads = (score >= 1) & (score > np.nan_to_num(said.score))
        said.score[leads], said.leading[leads] = score[leads], MEMBERS.index("stuck")
        said.own[leads] = np.where(quiet[leads] >= 1, quiet[leads], 0.0)
        said.expected[leads] = usual[leads]

    def as_parameters(self) -> dict[str, Any]:
        """The model as JSON: numbers and names only."""
        return {
            "columns": list(self.columns),
            "sensors": list(self.sensors),
            "bucket_us": self.bucket_us,
            "every": self.every,
            "conditions": self.conditions.as_parameters(),
            "scale": self.scale.tolist(),
            "level": self.level.as_parameters(),
            "relation": None if self.relation is None else self.relation.as_parameters(),
            "stuck": self.stuck.as_parameters(),
            "rows": self.rows,
            "left_out": {name: why.value for name, why in self.left_out.items()},
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Self:
        """The inverse of `as_parameters`, bit for bit."""
        relation = parameters["relation"]
        return cls(
            columns=tuple(parameters["columns"]),
            sensors=tuple(parameters["sensors"]),
            bucket_us=int(parameters["bucket_us"]),
            every=int(parameters["every"]),
            conditions=Conditions.from_parameters(parameters["conditions"]),
            scale=np.array(parameters["scale"], dtype=np.float64),
            level=Level.from_parameters(parameters["level"]),
            relation=None if relation is None else PcaModel.from_parameters(relation),
            stuck=Stuck.from_parameters(parameters["stuck"]),
            rows=int(parameters["rows"]),
            left_out={name: LeftOut(why) for name, why in parameters["left_out"].items()},
            warnings=tuple(parameters["warnings"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Said:
    """What members said so far of n rows: the largest `score` (n,), whose it is, each sensor's part (n, m) of it."""

    score: Array
    own: Array
    expected: Array
    leading: Times


def standardised(away: Array, scale: Array) -> Array:
    """Departures (n, m) in scales (m,), bounded: one row is no more than a row."""
    with np.errstate(over="ignore"):
        return (away / scale).clip(-CLIP, CLIP)


def largest(own: Array) -> Array:
    """The largest of each row; NaN where all are. Column by column: numpy is slow over a short last axis."""
    found = own[..., 0].copy()
    for column in range(1, own.shape[-1]):
        np.fmax(found, own[..., column], out=found)
    return found
