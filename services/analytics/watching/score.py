"""Watching, its second stage: the scores of what was touched, of many machines at once, and what they add up to.

Readings are taken in portions that fit into memory: a portion holds the buckets of many machines, or a part of one's.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.analytics.detectors.findings import findings, quiet_us, widened
from services.analytics.detectors.many import score_many
from services.analytics.detectors.model import Array, Model, Scores
from services.analytics.watching.eras import Era
from services.analytics.watching.observe import Ask, observe
from shared.db import anomalies
from shared.db.anomalies import EXPLAINED_FROM, BucketMeans, Found, Scored, Series
from shared.db.dirty import Window, coalesce
from shared.db.pool import AsyncConnection
from shared.db.watching import Watched
from shared.model.anomaly import BucketScore, Contribution

# Sensor values in memory at once, 8 bytes each and a few copies of them: some 50 MB.
_VALUES_AT_ONCE: Final = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Score `window` of an asset with the model of its era; the timeline is known to `known_to_us`.

    `is_due`: its findings must be looked at even if no score becomes another.
    """

    asset: Watched
    era: Era
    model_id: int
    model: Model
    window: Window
    known_to_us: int
    is_due: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    task: Task
    window: Window

    @property
    def values(self) -> int:
        """How many values are read for it, at most."""
        span_us = self.window.end_us - self.window.start_us + self.task.model.memory_us
        return (span_us // self.task.asset.settings.bucket_us + 1) * len(self.task.model.columns)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Outcome:
    gone: anomalies.Times
    scores: list[BucketScore]


async def score(connection: AsyncConnection, tasks: Sequence[Task]) -> None:
    """Bring the scores of tasks up to date, and then the findings of those for which that made a difference."""
    concerned = {id(task) for task in tasks if task.is_due}
    for portion in _portions(tasks):
        asks = [Ask(asset=p.task.asset, columns=p.task.model.columns, window=_with_memory(p)) for p in portion]
        rows = await observe(connection, asks, exact=False)
        windows = [(piece.task.asset.asset_id, piece.window) for piece in portion]
        known = await anomalies.scores(connection, windows)
        outcomes = await asyncio.to_thread(_outcomes, portion, rows, known)
        told = list(zip((piece.task for piece in portion), outcomes, strict=True))
        await anomalies.replace_scores(
            connection,
            [(task.asset.asset_id, one.gone) for task, one in told],
            [Scored(model_id=task.model_id, scores=one.scores) for task, one in told],
        )
        concerned |= {id(task) for task, one in told if len(one.gone) or one.scores}
    await _find(connection, [task for task in tasks if id(task) in concerned])


def _portions(tasks: Sequence[Task]) -> Iterator[list[_Piece]]:
    portion: list[_Piece] = []
    values = 0
    for piece in (piece for task in tasks for piece in _pieces(task)):
        if portion and values + piece.values > _VALUES_AT_ONCE:
            yield portion
            portion, values = [], 0
        portion.append(piece)
        values += piece.values
    if portion:
        yield portion


def _pieces(task: Task) -> Iterator[_Piece]:
    bucket_us, width = task.asset.settings.bucket_us, max(1, len(task.model.columns))
    # A piece reads its memory besides: as much again at most, or a long memory would be read over and over.
    step_us = max(_VALUES_AT_ONCE // width * bucket_us - task.model.memory_us, task.model.memory_us, bucket_us)
    step_us = -(-step_us // bucket_us) * bucket_us
    for low in range(task.window.start_us, task.window.end_us, step_us):
        yield _Piece(task=task, window=Window(start_us=low, end_us=min(low + step_us, task.window.end_us)))


def _with_memory(piece: _Piece) -> Window:
    """The window and as far before it as its scores depend on; not beyond the reset at which the era began."""
    bucket_us = piece.task.asset.settings.bucket_us
    memory_us = -(-piece.task.model.memory_us // bucket_us) * bucket_us
    first_us = -(-piece.task.era.start_us // bucket_us) * bucket_us
    return Window(start_us=max(piece.window.start_us - memory_us, first_us), end_us=piece.window.end_us)


def _outcomes(portion: Sequence[_Piece], rows: Sequence[BucketMeans], known: Sequence[Series]) -> list[_Outcome]:
    first_us = [piece.window.start_us for piece in portion]
    models = [piece.task.model for piece in portion]
    scored = score_many(models, [each.at_us for each in rows], [each.values for each in rows], first_us)
    fresh = [_last(*one) for one in zip(rows, scored, strict=True)]
    return [_outcome(*one) for one in zip(portion, fresh, scored, known, strict=True)]


def _last(rows: BucketMeans, scored: Scores) -> BucketMeans:
    """The rows that were scored; those before them only warmed up."""
    first = len(rows.at_us) - len(scored.score)
    return BucketMeans(at_us=rows.at_us[first:], values=rows.values[first:])


def _outcome(piece: _Piece, rows: BucketMeans, scored: Scores, known: Series) -> _Outcome:
    """What differs from the scores that are known: most of what is scored again is as it was, and costs no write."""
    wanted = np.flatnonzero(np.isfinite(scored.score))
    at_us = rows.at_us[wanted]
    stored = np.array([anomalies.short(one) for one in scored.score[wanted].tolist()])
    fresh = stored >= EXPLAINED_FROM
    if len(known.at_us):
        place = np.searchsorted(known.at_us, at_us).clip(max=len(known.at_us) - 1)
        is_same = (known.at_us[place] == at_us) & (known.score[place] == stored)
        fresh |= ~(is_same & (known.model_id[place] == piece.task.model_id))
    else:
        fresh[:] = True
    gone = known.at_us[~np.isin(known.at_us, at_us)]
    return _Outcome(gone=gone, scores=_bucket_scores(piece.task.model, rows, scored, wanted[fresh]))


def _bucket_scores(model: Model, rows: BucketMeans, scored: Scores, which: anomalies.Times) -> list[BucketScore]:
    at_us, value = rows.at_us[which].tolist(), scored.score[which].tolist()
    return [
        BucketScore(at_us=at, score=one)
        if one < EXPLAINED_FROM
        else BucketScore(
            at_us=at,
            score=one,
            contributions=_contributions(model, scored.share[i], rows.values[i], scored.expected[i]),
            detector=scored.detectors[int(scored.leading[i])],
        )
        for at, one, i in zip(at_us, value, which.tolist(), strict=True)
    ]


def _contributions(model: Model, share: Array, observed: Array, expected: Array) -> tuple[Contribution, ...]:
    """Largest share first; a sensor of which either value is not known tells nothing."""
    return tuple(
        Contribution(
            sensor=model.sensors[j], share=float(share[j]), observed=float(observed[j]), expected=float(expected[j])
        )
        for j in np.argsort(-share, kind="stable").tolist()
        if np.isfinite(observed[j]) and np.isfinite(expected[j])
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """Time of a task's asset and era, with all the findings that start in it."""

    task: Task
    window: Window

    @property
    def of(self) -> tuple[int, int]:
        return self.task.asset.asset_id, self.task.era.start_us

    @property
    def key(self) -> tuple[int, int, int]:
        return self.task.asset.asset_id, self.window.start_us, self.window.end_us


async def _find(connection: AsyncConnection, tasks: Sequence[Task]) -> None:
    """Bring findings up to date: a function of the whole series of scores, computed around what was touched.

    Each finding comes from one span: what was touched on both sides of one is looked at together.
    """
    spans = _disjoint([_Span(task=task, window=_around(task)) for task in tasks])
    series: dict[tuple[int, int, int], Series] = {}
    while unread := [span for span in spans if span.key not in series]:
        read = await anomalies.scores(connection, [(span.task.asset.asset_id, span.window) for span in unread])
        series |= {span.key: one for span, one in zip(unread, read, strict=True)}
        spans = _disjoint([_wide_enough(span, series[span.key]) for span in spans])
    if spans:
        found = await asyncio.to_thread(_found, spans, [series[span.key] for span in spans])
        await anomalies.replace_findings(connection, found)


def _disjoint(spans: Sequence[_Span]) -> list[_Span]:
    """The same time in the fewest spans, in order."""
    together: dict[tuple[int, int], list[_Span]] = {}
    for span in spans:
        together.setdefault(span.of, []).append(span)
    return [
        _Span(task=each[0].task, window=window)
        for each in together.values()
        for window in coalesce(span.window for span in each)
    ]


def _around(task: Task) -> Window:
    quiet = quiet_us(task.asset.settings)
    low = task.window.start_us - 2 * quiet
    if task.asset.open_since_us is not None and task.asset.open_since_us >= task.era.start_us:
        low = min(low, task.asset.open_since_us)
    return _in_era(task, low, task.window.end_us + 2 * quiet)


def _in_era(task: Task, low: int, high: int) -> Window:
    low = max(low, task.era.start_us)
    return Window(start_us=low, end_us=max(low, min(high, task.era.end_us)))


def _wide_enough(span: _Span, series: Series) -> _Span:
    """The span itself when no finding can cross its edges, else a wider one."""
    quiet = quiet_us(span.task.asset.settings)
    wider = widened(series.at_us, series.score, span.window.start_us, span.window.end_us, quiet)
    return _Span(task=span.task, window=_in_era(span.task, *wider))


def _found(spans: Sequence[_Span], series: Sequence[Series]) -> list[Found]:
    return [_found_in(span, one) for span, one in zip(spans, series, strict=True)]


def _found_in(span: _Span, series: Series) -> Found:
    task, window = span.task, span.window
    # What a reset ended goes on no more.
    known_to_us = task.known_to_us if task.era.until_us is None else task.era.end_us + 2**61
    # In the last quiet stretch a finding may begin whose departure lies beyond the window.
    sure_us = window.end_us if window.end_us == task.era.end_us else window.end_us - quiet_us(task.asset.settings)
    return Found(
        asset_id=task.asset.asset_id,
        model_id=task.model_id,
        window=Window(start_us=window.start_us, end_us=max(window.start_us, sure_us)),
        findings=findings(series.at_us, series.score, task.asset.settings, known_to_us),
    )
