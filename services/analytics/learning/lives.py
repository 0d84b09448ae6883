"""Prognosis, first stage: from a machine's timeline to the lives of its components, and when it ran. Pure.

A failure is a forced outage with one of the component's causes; it is one failure until the machine has run again, and
the component is new from then on. Planned work with one of its causes makes it new, too. The age of a component that
was never replaced counts from the machine's first record: that it was new then is an assumption.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.instant import HOUR_US
from shared.model.facts import Category, Interval
from shared.model.foretelling import Component

Times = NDArray[np.int64]
Array = NDArray[np.float64]

_RUNNING: Final = frozenset({Category.FP, Category.PP})
_PLANNED: Final = frozenset({Category.SM, Category.PCA})
# An hour tells how the machine is if it ran for at least this share of it; the rest of it moves the mean little.
_RAN: Final = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """A component from when it was new (or first known) to its failure, its replacement in time, or the present.

    `is_new`: it began with a repair, not with the first record.
    """

    start_us: int
    end_us: int
    failed: bool
    is_new: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """A component was replaced: out of order (`failed`) or planned from `at_us`, and back in operation at `back_us`.

    `back_us` None: not yet.
    """

    at_us: int
    back_us: int | None
    failed: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Line:
    """A machine's past: `edges_us` (2n,) its starts and stops in turn, `ran_h` (2n,) the hours it had run by then.

    `renewals` of each component in order. `repairs_us` (k, 2): starts and ends of planned corrective work of which
    nobody said what it was on, ascending: any component may have been seen to.
    """

    first_us: int
    known_us: int
    edges_us: Times
    ran_h: Array
    renewals: dict[str, tuple[Renewal, ...]]
    repairs_us: Times

    def hours_run(self, at_us: Times) -> Array:
        """Hours of operation since the first record by each of `at_us` (n,)."""
        if not self.edges_us.size:
            return np.zeros(len(at_us))
        return np.interp(at_us, self.edges_us, self.ran_h)

    def has_run(self, hours_us: Times) -> NDArray[np.bool_]:
        """Whether it ran through the hours that begin at `hours_us` (n,), but for a short stop at most."""
        return self.hours_run(hours_us + HOUR_US) - self.hours_run(hours_us) >= _RAN

    def until(self, component: str, at_us: int) -> list[Renewal]:
        """The renewals of a component that had begun before `at_us`, as they stood then."""
        return [
            each
            if each.back_us is None or each.back_us <= at_us
            else Renewal(at_us=each.at_us, back_us=None, failed=each.failed)
            for each in self.renewals[component]
            if each.at_us < at_us
        ]

    def lives(self, component: str, at_us: int) -> list[Life]:
        """The lives of a component by `at_us`, the last one the present one unless it is out of order."""
        return list(self._lives(component, at_us))

    def _lives(self, component: str, at_us: int) -> Iterator[Life]:
        start, is_new = self.first_us, False
        for renewal in self.until(component, at_us):
            if start < renewal.at_us:
                yield Life(start_us=start, end_us=renewal.at_us, failed=renewal.failed, is_new=is_new)
            if renewal.back_us is None:
                return
            start, is_new = renewal.back_us, True
        if start < at_us:
            yield Life(start_us=start, end_us=at_us, failed=False, is_new=is_new)

    def seen_by(self, component: str, at_us: int) -> int:
        """Since when a component has been as at `at_us`: its renewal, a repair of whatever, or the first record."""
        ends = [each.back_us for each in self.until(component, at_us) if each.back_us is not None]
        ends += self.repairs_us[self.repairs_us[:, 1] <= at_us, 1].tolist()
        return max(ends, default=self.first_us)

    def failures_us(self, component: str) -> list[int]:
        """When the component failed."""
        return [each.at_us for each in self.renewals[component] if each.failed]

    def planned_us(self, component: str) -> list[int]:
        """When planned work began that may have been on the component."""
        return [each.at_us for each in self.renewals[component] if not each.failed] + self.repairs_us[:, 0].tolist()


def line(intervals: Sequence[Interval], components: Sequence[Component], known_us: int) -> Line:
    """The past of one machine; `intervals` ordered and disjoint, none after `known_us`; ValueError without any."""
    if not intervals:
        raise ValueError("nothing is known of the machine")
    stretches: list[list[int]] = []
    for each in intervals:
        if each.category in _RUNNING:
            if stretches and stretches[-1][1] == each.start_us:
                stretches[-1][1] = each.end_us
            else:
                stretches.append([each.start_us, each.end_us])
    edges = np.array(stretches, np.int64).reshape(-1)
    spent = np.diff(edges, prepend=edges[:1])
    spent[::2] = 0
    starts = [start for start, _ in stretches]
    named = {cause for each in components for cause in each.causes}
    return Line(
        first_us=intervals[0].start_us,
        known_us=known_us,
        edges_us=edges,
        ran_h=np.cumsum(spent) / HOUR_US,
        renewals={each.name: tuple(_renewals(intervals, each, starts)) for each in components},
        repairs_us=np.array(
            [
                (each.start_us, each.end_us)
                for each in intervals
                if each.category is Category.PCA and each.cause not in named
            ],
            np.int64,
        ).reshape(-1, 2),
    )


def _renewals(intervals: Sequence[Interval], component: Component, starts: Sequence[int]) -> Iterator[Renewal]:
    """`starts`: when the machine began to run, ascending."""
    open_us, failed = None, False
    for each in intervals:
        if each.cause not in component.causes or each.category not in {Category.FO, *_PLANNED}:
            continue
        if open_us is not None:
            back = _back(starts, open_us)
            if back is None or back > each.start_us:
                # Still the same stop; what began as planned work and turns out a failure stays planned work.
                continue
            yield Renewal(at_us=open_us, back_us=back, failed=failed)
        open_us, failed = each.start_us, each.category is Category.FO
    if open_us is not None:
        yield Renewal(at_us=open_us, back_us=_back(starts, open_us), failed=failed)


def _back(starts: Sequence[int], at_us: int) -> int | None:
    place = bisect_left(starts, at_us)
    return starts[place] if place < len(starts) else None
