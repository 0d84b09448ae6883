"""First stage of the hazard from events: what is known of one machine - its errors, replacements, failures. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.instant import HOUR_US

Times = NDArray[np.int64]
Array = NDArray[np.float64]
_NEVER: Final[Times] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EventHistory:
    """The events of machine `name` as observed in [`from_us`, `to_us`), UTC microseconds; times (n,) ascending.

    `errors` by kind, `replacements` by component (planned or after a failure; they may precede `from_us`), `failures`
    by component. `properties` do not change: a number (an age) or a word (a model). ValueError: unsorted times, an end
    that is not after the start, a property that is no finite number.
    """

    name: str
    from_us: int
    to_us: int
    errors: Mapping[str, Times] = field(default_factory=dict)
    replacements: Mapping[str, Times] = field(default_factory=dict)
    failures: Mapping[str, Times] = field(default_factory=dict)
    properties: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.to_us <= self.from_us:
            raise ValueError(f"{self.name}: the observation ends before it begins")
        for events in (self.errors, self.replacements, self.failures):
            for kind, at_us in events.items():
                if np.any(np.diff(at_us) < 0):
                    raise ValueError(f"{self.name}: the times of {kind} are not in order")
        for name, value in self.properties.items():
            if not isinstance(value, str) and not np.isfinite(value):
                raise ValueError(f"{self.name}: {name} is no finite number")

    def until(self, to_us: int) -> "EventHistory":
        """What was known at `to_us`, which lies after `from_us`: nothing of that instant or later."""

        def cut(events: Mapping[str, Times]) -> dict[str, Times]:
            return {kind: at_us[: np.searchsorted(at_us, to_us)] for kind, at_us in events.items()}

        return EventHistory(
            name=self.name,
            from_us=self.from_us,
            to_us=min(to_us, self.to_us),
            errors=cut(self.errors),
            replacements=cut(self.replacements),
            failures=cut(self.failures),
            properties=self.properties,
        )

    def renewed_us(self, component: str) -> Times:
        """When `component` was new: at each replacement and each failure, which ends in one; ascending, each once."""
        return merged([self.replacements.get(component, _NEVER), self.failures.get(component, _NEVER)])

    def rows_us(self, step_us: int) -> Times:
        """The instants of the grid `step_us` within the observation."""
        first = -(-self.from_us // step_us) * step_us
        return np.arange(first, self.to_us, step_us, dtype=np.int64)


def merged(times: Iterable[Times]) -> Times:
    """All the instants once, ascending."""
    return np.unique(np.concatenate([_NEVER, *times]))


def hours_since(times_us: Times, at_us: Times) -> Array:
    """Hours from the last of `times_us` (n,) at or before each of `at_us` (m,); NaN where there was none."""
    last = np.searchsorted(times_us, at_us, side="right") - 1
    if not times_us.size:
        return np.full(at_us.size, np.nan)
    return np.where(last >= 0, (at_us - times_us[np.maximum(last, 0)]) / HOUR_US, np.nan)


def hours_until(times_us: Times, at_us: Times) -> Array:
    """Hours to the first of `times_us` (n,) after each of `at_us` (m,); infinite where none follows."""
    following = np.searchsorted(times_us, at_us, side="right")
    if not times_us.size:
        return np.full(at_us.size, np.inf)
    last = times_us.size - 1
    return np.where(following <= last, (times_us[np.minimum(following, last)] - at_us) / HOUR_US, np.inf)


def count_within(times_us: Times, at_us: Times, hours: float) -> Array:
    """How many of `times_us` lie in (at - hours, at], for each of `at_us` (m,)."""
    until = np.searchsorted(times_us, at_us, side="right")
    before = np.searchsorted(times_us, at_us - round(hours * HOUR_US), side="right")
    return (until - before).astype(np.float64)
