"""Which source a chart is read from, stretch by stretch. Pure.

The rollups give the extremes of a minute or an hour, but not of a part of one, nor the first and last reading exactly,
nor what ingest has marked since: there the readings themselves are taken.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.db.series import Outline, Source
from shared.instant import HOUR_US, MINUTE_US

Span = tuple[int, int]

MOST_READINGS: Final = 1_000_000
"""How many readings a chart is drawn from at most: 24 MB, and below a second of PostgreSQL's time."""
# Minutes and hours that are hardly over may not be rolled up yet, even where nothing is marked.
_SETTLING_US: Final = 2 * MINUTE_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Spans by source, ordered and disjoint; `stale` is what is read from a rollup although it waits to be redone."""

    spans: dict[Source, tuple[Span, ...]]
    stale: tuple[Span, ...] = ()


def extent(outline: Outline, window: Span) -> Span:
    """The part of the window that the series has anything in, so that no point is spent on time before or after."""
    first_us = [at_us for at_us in outline.first_us.values() if at_us is not None]
    start_us = max(window[0], min(first_us, default=window[0]))
    end_us = window[1] if outline.last_us is None else outline.last_us + 1
    return start_us, max(end_us, start_us + 1)


def rollup(span_us: int, buckets: int) -> Source:
    """The coarsest rollup that is as fine as a bucket of the chart; minutes where none is."""
    return Source.HOUR if span_us >= HOUR_US * max(1, buckets) else Source.MINUTE


def choose(outline: Outline, span_us: int, buckets: int) -> Source:
    """The source with the fewest rows among those that are as fine as a bucket of the chart."""
    coarse = rollup(span_us, buckets)
    is_fine_enough = span_us >= coarse.step_us * max(1, buckets)
    most = span_us // coarse.step_us if is_fine_enough else MOST_READINGS
    return Source.RAW if outline.rolled <= most else coarse


def reach(outline: Outline, wanted: Source, window: Span, now_us: int, *, patience_us: int | None = None) -> Reach:
    """Where to read `wanted` and where something else; what retention dropped comes from the next coarser source.

    With `patience_us`, readings stand in for what waits to be rolled up only over that much time, the newest; before
    it the rollup is taken as it is, and is `stale`.
    """
    pending = _within(outline.pending, window)
    replaced = pending if patience_us is None else _newest(pending, patience_us)
    spans: dict[Source, list[Span]] = {source: [] for source in Source}
    for source, part in _kept(outline, wanted, window):
        exact = [] if source is Source.RAW else list(_exact(outline, source, part, replaced, now_us))
        spans[Source.RAW] += exact
        spans[source] += _without([part], exact)
    found = {source: tuple(_merged(listed)) for source, listed in spans.items()}
    rolled = [*found[Source.MINUTE], *found[Source.HOUR]]
    return Reach(spans=found, stale=tuple(_merged(part for span in rolled for part in _within(pending, span))))


def _kept(outline: Outline, source: Source, window: Span) -> Iterator[tuple[Source, Span]]:
    """The window by source: from where retention left `source`, before that by the coarser one that reaches back."""
    start_us, end_us = window
    coarser = {Source.RAW: Source.MINUTE, Source.MINUTE: Source.HOUR}.get(source)
    first_us = outline.first_us[source]
    if coarser is not None and _reaches_back(outline, coarser, first_us):
        cut_us = end_us if first_us is None else max(start_us, min(end_us, _up(first_us, coarser.step_us)))
        yield from _kept(outline, coarser, (start_us, cut_us))
        start_us = cut_us
    if start_us < end_us:
        yield source, (start_us, end_us)


def _reaches_back(outline: Outline, source: Source, first_us: int | None) -> bool:
    older_us = [at for each in Source if each.step_us >= source.step_us and (at := outline.first_us[each]) is not None]
    return bool(older_us) and (first_us is None or min(older_us) + HOUR_US <= first_us)


def _exact(outline: Outline, source: Source, part: Span, pending: Sequence[Span], now_us: int) -> Iterator[Span]:
    """The spans of a part in which a rollup will not do: its cut edges, the first and last reading, what is pending."""
    first_us, last_us, step_us = outline.first_us[Source.RAW], outline.last_us, source.step_us
    if first_us is None or last_us is None:
        return
    start_us, end_us = part
    settled_us = _down(min(end_us, last_us, now_us - _SETTLING_US), step_us)
    wanted = [
        (start_us, _up(start_us, step_us)),
        (_down(first_us, step_us), _down(first_us, step_us) + step_us),
        *((_down(one, step_us), _up(other, step_us)) for one, other in pending),
        (settled_us, end_us),
    ]
    yield from _within(_merged(wanted), (max(start_us, _down(first_us, step_us)), end_us))


def _newest(spans: Sequence[Span], most_us: int) -> list[Span]:
    found: list[Span] = []
    for start_us, end_us in reversed(spans):
        taken_us = min(end_us - start_us, most_us)
        if taken_us > 0:
            found.insert(0, (end_us - taken_us, end_us))
        most_us -= taken_us
    return found


def _within(spans: Iterable[Span], window: Span) -> list[Span]:
    cut = [(max(start_us, window[0]), min(end_us, window[1])) for start_us, end_us in spans]
    return [(start_us, end_us) for start_us, end_us in cut if start_us < end_us]


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start_us, end_us in sorted(span for span in spans if span[0] < span[1]):
        if merged and start_us <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_us))
        else:
            merged.append((start_us, end_us))
    return merged


def _without(spans: Iterable[Span], holes: Sequence[Span]) -> list[Span]:
    left = list(spans)
    for hole_start, hole_end in holes:
        left = [
            piece
            for start_us, end_us in left
            for piece in ((start_us, min(end_us, hole_start)), (max(start_us, hole_end), end_us))
            if piece[0] < piece[1]
        ]
    return left


def _down(at_us: int, step_us: int) -> int:
    return at_us // step_us * step_us


def _up(at_us: int, step_us: int) -> int:
    return -(-at_us // step_us) * step_us
