"""Failures in timelines: unbroken time that counts as unavailable, with a forced outage in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.contracts.charging.ruling import Ruling
from shared.contracts.charging.stretches import Stretch, stretches
from shared.contracts.facts import Facts, Window
from shared.contracts.measured import Policy
from shared.contracts.terms import Contract
from shared.model.facts import Category, Interval, Party

# Who answers for outages that are none of the machine's (EN 13306: externally disabled is not down); what is disputed
# or unknown is, until somebody has agreed.
_EXTERNAL: Final = frozenset({Party.CUSTOMER, Party.THIRD_PARTY})


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A failure of one asset; `announced_us`: when the other party was first told of it, None: nobody recorded that."""

    asset: str
    start_us: int
    end_us: int
    announced_us: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failures:
    """The failures of a window in order of time, and how many outages are others' to answer for."""

    own: tuple[Failure, ...]
    external: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What people must know of outages that are left out."""
        if not self.external:
            return ()
        return (f"left out: {self.external} forced outages that the customer or a third party answers for",)


def failures(contract: Contract, policy: Policy, facts: Facts, window: Window, same_failure_us: int = 0) -> Failures:
    """The failures that begin in the window as far as it has come, of the contract's assets.

    A failure is the longest unbroken time that `policy` counts as unavailable, if some of it is a forced outage that
    neither the customer nor a third party answers for; planned work alone is none. One that begins within
    `same_failure_us` after the end of another is the same. Where the intervals reach back before the window, what began
    there belongs to the time before.
    """
    ruling = Ruling(policy=policy)
    found: list[Failure] = []
    external = 0
    for asset in contract.assets:
        timeline = facts.timelines.get(asset, ())
        if not timeline:
            continue
        start_us = min(window.start_us, timeline[0].start_us)
        ruled = stretches(contract, ruling, timeline, start_us, window.until_us)
        runs = list(_runs(ruled))
        own = ((start, end) for start, end, is_external in runs if not is_external)
        external += sum(is_external and start >= window.start_us for start, _, is_external in runs)
        found += _joined(asset, timeline, own, same_failure_us)
    begun = [failure for failure in found if failure.start_us >= window.start_us]
    return Failures(own=tuple(sorted(begun, key=lambda each: (each.start_us, each.asset))), external=external)


def _runs(ruled: Sequence[Stretch]) -> Iterator[tuple[int, int, bool]]:
    """Start and end of unbroken stops with a forced outage in them, and whether all of these are external."""
    run: list[Stretch] = []
    for stretch in [*ruled, None]:
        if stretch is not None and stretch.is_stop:
            run.append(stretch)
            continue
        if parties := [each.key[2] for each in run if each.key[0] is Category.FO]:
            yield run[0].start_us, run[-1].end_us, _EXTERNAL.issuperset(parties)
        run = []


def _joined(
    asset: str, timeline: Sequence[Interval], runs: Iterator[tuple[int, int]], same_failure_us: int
) -> list[Failure]:
    announced = [
        (each.start_us, each.announced_us)
        for each in timeline
        if each.announced_us is not None and each.category is Category.FO
    ]
    joined: list[Failure] = []
    for start, end in runs:
        if joined and start - joined[-1].end_us <= same_failure_us:
            joined[-1] = replace(joined[-1], end_us=end)
            continue
        told = [announced_us for begun_us, announced_us in announced if start <= begun_us < end]
        joined.append(Failure(asset=asset, start_us=start, end_us=end, announced_us=min(told, default=None)))
    return joined
