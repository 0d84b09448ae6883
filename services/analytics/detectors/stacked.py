"""Scores of many ensembles side by side: what `Ensemble.score` does for one, in columns of all of them. Pure.

Arrays are (places, assets, sensors): places of a common grid of buckets that ends with each asset's last row. Windows
and levels then run over columns of all assets together, what is a matrix of an asset's own over stacks of matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from services.analytics.detectors import pca, stuck, windows
from services.analytics.detectors.ensemble import MEMBERS, Ensemble, largest, standardised
from services.analytics.detectors.level import Level
from services.analytics.detectors.model import Array, Times
from services.analytics.detectors.relations import SPAN
from services.analytics.detectors.stuck import Stuck

_RELATION: Final = MEMBERS.index("relation")
_STUCK: Final = MEMBERS.index("stuck")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """Of `p` places, the last `wanted` of which are to be scored: `seen`, `usual` (p, a, m), NaN = no value, no row.

    `steps` (wanted + stuck.SPAN - 1, a, m): how far each sensor moved from the row before.
    """

    seen: Array
    usual: Array
    steps: Array
    wanted: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Said:
    """Of w places and a assets: `score`, `leading` (w, a), `own` (w, a, m) each sensor's part, `expected` (w, a, m)."""

    score: Array
    leading: Times
    own: Array
    expected: Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Related:
    """The relations of those of the assets that have any: `which` (r,), `weights` (r, m, m), `is_alone` (r, m).

    `leverage` (m, r, m, m), zeros for a sensor that is judged against its own past.
    """

    which: Times
    low: Array
    high: Array
    centre: Array
    weights: Array
    is_alone: np.ndarray
    leverage: Array

    @classmethod
    def of(cls, levels: Sequence[Level], m: int) -> Self | None:
        """None when nobody has any."""
        which = [a for a, level in enumerate(levels) if level.relations.related]
        if not which:
            return None
        relations = [levels[a].relations for a in which]
        is_alone = np.ones((len(which), m), dtype=bool)
        asset = np.repeat(np.arange(len(which)), [len(one.related) for one in relations])
        sensor = np.concatenate([np.array(one.related) for one in relations])
        is_alone[asset, sensor] = False
        leverage = np.zeros((m, len(which), m, m))
        leverage[sensor, asset] = np.concatenate([one.leverage for one in relations])
        return cls(
            which=np.array(which),
            low=np.stack([one.low for one in relations]),
            high=np.stack([one.high for one in relations]),
            centre=np.stack([one.centre for one in relations]),
            weights=np.stack([one.weights for one in relations]),
            is_alone=is_alone,
            leverage=leverage,
        )

    def implied(self, smooth: Array) -> Array:
        """`Relations.implied` of means (p, r, m)."""
        bounded = smooth.clip(self.low, self.high)
        bounded -= self.centre
        implied = _times(bounded, self.weights)
        np.copyto(implied, 0.0, where=self.is_alone)
        return implied

    def doubt(self, smooth: Array) -> Array:
        """`Relations.doubt` of means (p, r, m)."""
        doubt, deviation = np.ones_like(smooth), smooth - self.centre
        for sensor, leverage in enumerate(self.leverage):
            root = _times(deviation, leverage)
            doubt[:, :, sensor] += np.einsum("paj,paj->pa", root, root)
        np.copyto(doubt, 1.0, where=self.is_alone)
        return doubt


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Components:
    """T2 and Q of a assets: an ensemble's `PcaModel`, filled up with zeros for the sensors it leaves out."""

    is_part: np.ndarray
    centre: Array
    scale: Array
    loadings: Array
    precision: Array
    limits: Array

    @classmethod
    def of(cls, models: Sequence[Ensemble]) -> Self | None:
        """None when nobody has any; who has none has no part."""
        a, m = len(models), len(models[0].sensors)
        is_part, limits = np.zeros((a, m), dtype=bool), np.ones((2, a))
        centre, scale = np.zeros((a, m)), np.ones((a, m))
        loadings, precision = np.zeros((a, m, m)), np.ones((a, m))
        for i, (sensors, relation) in enumerate((model.sensors, model.relation) for model in models):
            if relation is None:
                continue
            whole = relation.sensors == sensors
            part = slice(None) if whole else [sensors.index(name) for name in relation.sensors]
            k = len(relation.variances)
            is_part[i, part], centre[i, part], scale[i, part] = True, relation.centre, relation.scale
            loadings[i, part, :k] = relation.loadings
            precision[i, :k] = relation.variances
            limits[:, i] = relation.t2_limit, relation.q_limit
        if not is_part.any():
            return None
        return cls(
            is_part=is_part, centre=centre, scale=scale, loadings=loadings, precision=1.0 / precision, limits=limits
        )

    def deviation(self, away: Array) -> Array:
        """Departures (w, a, m) in standard units, 0 for sensors that have no part."""
        deviation = pca.standardised(away, self.centre, self.scale)
        if not self.is_part.all():
            np.copyto(deviation, 0.0, where=~self.is_part)
        return deviation

    def score(self, deviation: Array) -> tuple[Array, Array]:
        """The larger of T2 and Q (w, a) in their limits, NaN where a value is missing; and M x (w, a, m).

        M as in `PcaModel.score`, of which x' M x would be the sum of both.
        """
        t2_limit, q_limit = self.limits
        back = self.loadings.swapaxes(1, 2)
        projected = _times(deviation, self.loadings)
        residual = deviation - _times(projected, back)
        weighted = projected * (self.precision / t2_limit[:, None])
        gradient = _times(weighted, back)
        gradient += residual / q_limit[:, None]
        ones = np.ones(deviation.shape[2])
        projected *= weighted
        np.square(residual, out=residual)
        return np.maximum(projected @ ones, (residual @ ones) / q_limit), gradient

    def diagonal(self) -> Array:
        """The diagonal of M (a, m)."""
        t2_limit, q_limit = self.limits[:, :, None]
        squares = self.loadings**2
        inside = (squares @ self.precision[:, :, None])[:, :, 0]
        return inside / t2_limit + (1.0 - squares.sum(axis=2)) / q_limit


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stack:
    """The numbers of a ensembles of m sensors and the same spans, in columns (a, m): `scale`, `stuck`, `level`."""

    scale: Array
    level: Level
    related: _Related | None
    components: _Components | None
    stuck: Stuck

    @classmethod
    def of(cls, models: Sequence[Ensemble]) -> Self:
        """Ensembles of as many sensors and the same spans."""
        a, m = len(models), len(models[0].sensors)
        levels = [model.level for model in models]
        columns = (-1, a, m)
        return cls(
            scale=np.concatenate([model.scale for model in models]).reshape(a, m),
            level=replace(
                levels[0],
                centre=np.concatenate([level.centre for level in levels], axis=1).reshape(columns),
                spread=np.concatenate([level.spread for level in levels], axis=1).reshape(columns),
                limits=np.concatenate([level.limits for level in levels]).reshape(a, -1).T[:, :, None],
            ),
            related=_Related.of(levels, m),
            components=_Components.of(models),
            stuck=Stuck(
                usual=np.concatenate([model.stuck.usual for model in models]).reshape(a, m),
                reach=np.concatenate([model.stuck.reach for model in models]).reshape(a, m),
            ),
        )

    def score(self, rows: Rows) -> Said:
        """What the members say of the wanted places."""
        away = rows.seen - rows.usual
        standard = standardised(away, self.scale)
        own, deviation = self._levels(standard, rows.wanted)
        away, usual = away[-rows.wanted :], rows.usual[-rows.wanted :]
        np.subtract(standard[-rows.wanted :], deviation, out=deviation)
        deviation *= self.scale
        deviation += usual
        score = largest(own)
        said = Said(score=score, leading=np.zeros(score.shape, dtype=np.int64), own=own, expected=deviation)
        self._add_relation(said, away, usual)
        self._add_stuck(said, rows.steps, usual)
        said.score[np.isnan(largest(away))] = np.nan
        return said

    def _levels(self, standard: Array, wanted: int) -> tuple[Array, Array]:
        spans, related, doubt = self.level.spans, self.related, np.ones(1)
        rest = standard[-(wanted + spans[-1] - 1) :]
        if related is not None:
            is_all = len(related.which) == standard.shape[1]
            [smooth] = trailing(standard if is_all else standard[:, related.which], (SPAN,), len(rest))
            if is_all:
                rest = rest - related.implied(smooth)
                doubt = related.doubt(smooth[-wanted:])
            else:
                rest, doubt = rest.copy(), np.ones((wanted, *standard.shape[1:]))
                rest[:, related.which] -= related.implied(smooth)
                doubt[:, related.which] = related.doubt(smooth[-wanted:])
        return self.level.score(trailing(rest, spans, wanted), doubt)

    def _add_relation(self, said: Said, away: Array, usual: Array) -> None:
        if self.components is None:
            return
        deviation = self.components.deviation(away)
        score, gradient = self.components.score(deviation)
        leads = score > np.nan_to_num(said.score)
        if not leads.any():
            return
        np.copyto(said.score, score, where=leads)
        said.leading[leads] = _RELATION
        # Nearly as fast for all rows as for some of them.
        diagonal = self.components.diagonal()
        deviation -= gradient / diagonal
        deviation *= self.components.scale
        deviation += self.components.centre
        deviation += usual
        np.square(gradient, out=gradient)
        gradient /= diagonal
        each = leads[:, :, None]
        np.copyto(said.own, gradient, where=each)
        np.copyto(said.expected, deviation, where=each & self.components.is_part)

    def _add_stuck(self, said: Said, steps: Array, usual: Array) -> None:
        [moved] = trailing(steps, (stuck.SPAN,), len(usual))
        # The logarithm only where it may come to 1.
        least = np.where(self.stuck.reach > 0, self.stuck.usual * np.exp(-self.stuck.reach) * (1 + 1e-9), -1.0)
        is_quiet = moved <= least
        if not is_quiet.any():
            return
        place, asset = np.nonzero(is_quiet.any(axis=2))
        among = Stuck(usual=self.stuck.usual[asset], reach=self.stuck.reach[asset])
        quiet = among.score(moved[place, asset])
        score = largest(quiet)
        leads = (score >= 1) & (score > np.nan_to_num(said.score[place, asset]))
        place, asset, quiet = place[leads], asset[leads], quiet[leads]
        said.score[place, asset], said.leading[place, asset] = score[leads], _STUCK
        said.own[place, asset] = np.where(quiet >= 1, quiet, 0.0)
        said.expected[place, asset] = usual[place, asset]


def trailing(values: Array, spans: tuple[int, ...], wanted: int) -> list[Array]:
    """`Windows.means` of rows without gaps (p, ...), of the last `wanted` only; NaN = no value, no row."""
    is_seen = np.isfinite(values)
    counts = None if is_seen.all() else is_seen.astype(np.float64)
    sums = values if counts is None else np.where(is_seen, values, 0.0)
    found, width = [], 1
    for span in spans:
        while width < span:
            sums = sums[width:] + sums[:-width]
            counts = None if counts is None else counts[width:] + counts[:-width]
            width *= 2
        means = sums[-wanted:] / span if counts is None else windows.shrunk(sums[-wanted:], counts[-wanted:], span)
        found.append(means)
    return found


def _times(rows: Array, matrices: Array) -> Array:
    """Rows (p, a, m) times each asset's own matrix (a, m, k)."""
    product = np.empty((*rows.shape[:2], matrices.shape[2]))
    np.matmul(rows.swapaxes(0, 1), matrices, out=product.swapaxes(0, 1))
    return product
