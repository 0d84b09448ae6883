"""The scores of many assets at once: those of the same kind side by side, others one by one. Pure.

What an asset costs by itself, a millisecond of calls, is thereby shared; the cost is linear in assets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from services.analytics.detectors import stuck
from services.analytics.detectors.ensemble import LARGEST, MEMBERS, Ensemble
from services.analytics.detectors.model import Array, Model, Scores, Times
from services.analytics.detectors.relations import SPAN
from services.analytics.detectors.stacked import Rows, Said, Stack

# Values laid side by side at a time: what belongs to them stays in the processor's cache.
_AT_ONCE: Final = 131_072
# Rows of one asset that are scored at a time; longer series are cut, and their pieces stand side by side.
_PIECE: Final = 512
# Where rows are fewer than one in so many buckets, a grid of buckets would be mostly empty.
_SPARSE: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Piece:
    """Rows of an asset with the memory before them, the last `wanted` of which are to be scored."""

    model: Ensemble
    at_us: Times
    values: Array
    wanted: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Places:
    """Of pieces' rows, one piece after the other: `back` (rows,), how many buckets before the piece's last row.

    `start` (pieces + 1,); `reach` (pieces,): the first wanted row's `back`, + 1; `is_even`: whether rows fit a grid.
    """

    back: Times
    start: Times
    reach: Times
    is_even: np.ndarray

    @classmethod
    def of(cls, pieces: Sequence[_Piece]) -> Self:
        count = np.array([len(piece.at_us) for piece in pieces])
        start = np.concatenate([np.zeros(1, np.int64), np.cumsum(count)])
        at_us = np.concatenate([piece.at_us for piece in pieces])
        bucket_us = np.array([piece.model.bucket_us for piece in pieces])
        wanted = np.array([piece.wanted for piece in pieces])
        before_us = np.repeat(at_us[start[1:] - 1], count) - at_us
        width = np.repeat(bucket_us, count)
        back = before_us // width
        is_off = back * width != before_us
        is_off[:-1] |= back[:-1] <= back[1:]
        # The last row of each is followed by another piece.
        is_off[start[1:] - 1] = False
        reach = back[start[1:] - wanted] + 1
        is_even = ~np.logical_or.reduceat(is_off, start[:-1]) & (reach <= _SPARSE * wanted + _PIECE)
        return cls(back=back, start=start, reach=reach, is_even=is_even)


def score_many(
    models: Sequence[Model], at_us: Sequence[Times], values: Sequence[Array], first_us: Sequence[int] | None = None
) -> list[Scores]:
    """What `score(at_us[i], values[i])` of each of the models gives; of the rows from `first_us[i]` on where given.

    Then rows before it only warm up: a model's `memory_us` of them is all it needs. Ensembles of as many columns and
    the same spans go side by side, when rows are whole buckets apart, with gaps or without: their scores are those of
    `score` but for the rounding of matrix products. Others are scored one by one.
    """
    found: list[list[Scores]] = [[] for _ in models]
    pieces: list[_Piece] = []
    owners: list[int] = []
    for i, model in enumerate(models):
        begin = 0 if first_us is None else int(at_us[i].searchsorted(first_us[i]))
        if not isinstance(model, Ensemble) or model.every > 1 or begin == len(at_us[i]):
            low = _memory(model, at_us[i], begin)
            found[i].append(_last(model.score(at_us[i][low:], values[i][low:]), len(at_us[i]) - begin))
            continue
        for piece in _cut(model, at_us[i], values[i], begin):
            pieces.append(piece)
            owners.append(i)
    for i, scores in zip(owners, _scored(pieces), strict=True):
        found[i].append(scores)
    return [_joined(parts) for parts in found]


def _memory(model: Model, at_us: Times, row: int) -> int:
    """The first row that `row` remembers."""
    return int(at_us.searchsorted(at_us[row] - model.memory_us)) if row < len(at_us) else row


def _cut(model: Ensemble, at_us: Times, values: Array, begin: int) -> Iterator[_Piece]:
    for first in range(begin, len(at_us), _PIECE):
        last = min(first + _PIECE, len(at_us))
        low = _memory(model, at_us, first)
        yield _Piece(model=model, at_us=at_us[low:last], values=values[low:last], wanted=last - first)


def _scored(pieces: Sequence[_Piece]) -> list[Scores]:
    if not pieces:
        return []
    places = _Places.of(pieces)
    found: dict[int, Scores] = {}
    kinds: dict[tuple[int, tuple[int, ...], int, int], list[int]] = {}
    for i, (piece, is_even, reach) in enumerate(
        zip(pieces, places.is_even.tolist(), places.reach.tolist(), strict=True)
    ):
        if is_even:
            # Of similar length: a piece is scored as far as the longest beside it.
            model = piece.model
            kind = len(model.sensors), model.level.spans, len(model.columns), (reach - 1).bit_length()
            kinds.setdefault(kind, []).append(i)
        else:
            found[i] = _last(piece.model.score(piece.at_us, piece.values), piece.wanted)
    for (m, _, _, _), alike in kinds.items():
        size = int(places.reach[alike].max()) + _warm_up(pieces[alike[0]].model)
        each = max(1, _AT_ONCE // (size * m))
        for first in range(0, len(alike), each):
            which = alike[first : first + each]
            found.update(zip(which, _side_by_side(pieces, places, which), strict=True))
    return [found[i] for i in range(len(pieces))]


def _warm_up(model: Ensemble) -> int:
    """Places before the first wanted one that its score depends on."""
    return max(model.level.spans[-1] + SPAN - 2, stuck.SPAN)


def _side_by_side(pieces: Sequence[_Piece], places: _Places, which: Sequence[int]) -> list[Scores]:
    chosen = [pieces[i] for i in which]
    backs = [places.back[places.start[i] : places.start[i + 1]] for i in which]
    wanted = int(places.reach[which].max())
    size = wanted + _warm_up(chosen[0].model)
    is_dense = all(len(back) >= size and back[-size] == size - 1 for back in backs)
    rows = _dense(chosen, size, wanted) if is_dense else _on_grid(chosen, backs, size, wanted)
    said = Stack.of([piece.model for piece in chosen]).score(rows)
    return _told(said, [back[-piece.wanted :] for back, piece in zip(backs, chosen, strict=True)])


def _dense(chosen: Sequence[_Piece], size: int, wanted: int) -> Rows:
    """When each has its last `size` rows in a row."""
    m = len(chosen[0].model.sensors)
    values = np.concatenate([piece.values[-size:] for piece in chosen]).reshape(len(chosen), size, -1)
    seen = np.empty((size, len(chosen), m))
    np.clip(values[:, :, :m].swapaxes(0, 1), -LARGEST, LARGEST, out=seen)
    usual = _location(chosen, size)
    if values.shape[2] > m:
        known = [piece.model.conditions.usual(each[:, m:]) for piece, each in zip(chosen, values, strict=True)]
        usual = np.stack(known, axis=1)
    return Rows(seen=seen, usual=usual, steps=_steps(seen, wanted), wanted=wanted)


def _on_grid(chosen: Sequence[_Piece], backs: Sequence[Times], size: int, wanted: int) -> Rows:
    """Rows laid where they belong; a row's step is from the row before, however many buckets that is away."""
    m, assets = len(chosen[0].model.sensors), len(chosen)
    values = np.concatenate([piece.values[:, :m] for piece in chosen]).clip(-LARGEST, LARGEST)
    back = np.concatenate(backs)
    asset = np.repeat(np.arange(assets), [len(each) for each in backs])
    is_near = back < size
    place = (size - 1 - back[is_near], asset[is_near])
    seen = np.full((size, assets, m), np.nan)
    seen[place] = values[is_near]
    usual = _location(chosen, size)
    if chosen[0].values.shape[1] > m:
        usual = np.full_like(seen, np.nan)
        known = np.concatenate([piece.model.conditions.usual(piece.values[:, m:]) for piece in chosen])
        usual[place] = known[is_near]
    steps = _steps(seen, wanted)
    apart = np.where(asset[:-1] == asset[1:], back[:-1] - back[1:], 0)
    late = np.flatnonzero((apart > 1) & (apart <= stuck.SPAN) & (back[1:] < len(steps))) + 1
    steps[len(steps) - 1 - back[late], asset[late]] = np.abs(values[late] - values[late - 1])
    return Rows(seen=seen, usual=usual, steps=steps, wanted=wanted)


def _location(chosen: Sequence[_Piece], size: int) -> Array:
    """What is usual (size, assets, m) where there are no drivers."""
    location = np.stack([piece.model.conditions.location[0] for piece in chosen])
    return np.broadcast_to(location, (size, *location.shape))


def _steps(seen: Array, wanted: int) -> Array:
    rows = wanted + stuck.SPAN
    steps = seen[1 - rows :] - seen[-rows:-1]
    return np.abs(steps, out=steps)


def _told(said: Said, backs: Sequence[Times]) -> list[Scores]:
    """Each asset's rows, `backs` buckets before the last place."""
    known = np.nan_to_num(said.own, copy=False)
    total = (known @ np.ones(known.shape[2]))[:, :, None]
    np.divide(known, total, out=known, where=total > 0)
    # Where nothing is carried all parts are zero already.
    score, share, expected = (np.ascontiguousarray(each.swapaxes(0, 1)) for each in (said.score, known, said.expected))
    leading = np.ascontiguousarray(said.leading.T)
    found = []
    for a, back in enumerate(backs):
        is_dense = len(back) == back[0] + 1
        rows = slice(score.shape[1] - len(back), None) if is_dense else score.shape[1] - 1 - back
        found.append(
            Scores(
                score=score[a, rows],
                share=share[a, rows],
                expected=expected[a, rows],
                leading=leading[a, rows],
                detectors=MEMBERS,
            )
        )
    return found


def _last(scores: Scores, wanted: int) -> Scores:
    first = len(scores.score) - wanted
    return Scores(
        score=scores.score[first:],
        share=scores.share[first:],
        expected=scores.expected[first:],
        leading=scores.leading[first:],
        detectors=scores.detectors,
    )


def _joined(parts: Sequence[Scores]) -> Scores:
    if len(parts) == 1:
        return parts[0]
    return Scores(
        score=np.concatenate([part.score for part in parts]),
        share=np.concatenate([part.share for part in parts]),
        expected=np.concatenate([part.expected for part in parts]),
        leading=np.concatenate([part.leading for part in parts]),
        detectors=parts[0].detectors,
    )
