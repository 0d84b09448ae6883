"""Watching: the times in which a machine was one and the same to its detector, between resets. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.db.dirty import Window
from shared.db.watching import Watched

# Later than anything.
_NEVER_US = 2**62


@dataclass(frozen=True, kw_only=True, slots=True)
class Era:
    """The time from a reset at `since_us` (None: from the beginning), for the cause `by`, to the next one, if any.

    `declared` is the healthy window somebody named for it.
    """

    since_us: int | None
    by: str | None
    until_us: int | None
    declared: Window | None

    @property
    def start_us(self) -> int:
        return 0 if self.since_us is None else self.since_us

    @property
    def end_us(self) -> int:
        """2**62 for the latest, which goes on."""
        return _NEVER_US if self.until_us is None else self.until_us

    def clip(self, window: Window) -> Window | None:
        """The part of a window in this era; None: there is none."""
        start_us, end_us = max(window.start_us, self.start_us), min(window.end_us, self.end_us)
        return Window(start_us=start_us, end_us=end_us) if start_us < end_us else None


def eras(asset: Watched) -> list[Era]:
    """The eras of an asset in order. Who names a healthy window says that nothing before its end was a reset."""
    healthy_to_us = asset.declared.end_us if asset.declared else 0
    resets = [reset for reset in asset.resets if reset[0] > healthy_to_us]
    return list(_between(resets, asset.declared))


def _between(resets: list[tuple[int, str]], declared: Window | None) -> Iterator[Era]:
    since_us, by = None, None
    for at_us, cause in resets:
        yield Era(since_us=since_us, by=by, until_us=at_us, declared=declared)
        since_us, by, declared = at_us, cause, None
    yield Era(since_us=since_us, by=by, until_us=None, declared=declared)
