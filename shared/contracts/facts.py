"""What the judge of a guarantee is given: the window it looks at and all that is known of it. By asset name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.contracts.charging.ruling import Key
from shared.contracts.periods import Period
from shared.model.facts import Interval
from shared.model.quantity import Quantity, Ticket


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A period as far as `as_of_us`; a guarantee that looks back further says so by `window_of` of its kind."""

    period: Period
    as_of_us: int

    @property
    def start_us(self) -> int:
        return self.period.start_us

    @property
    def end_us(self) -> int:
        return self.period.end_us

    @property
    def until_us(self) -> int:
        """The end of the facts used, never outside the period."""
        return max(self.start_us, min(self.as_of_us, self.end_us))

    @property
    def running(self) -> bool:
        return self.as_of_us < self.end_us


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of a window, nothing of it after the window's `until_us`.

    `durations`: microseconds of each asset by (category, cause, party), every asset of the contract among them; what
    is missing of the clock nobody knows. `earlier`: the same from the settlement year's start to the window's, for what
    is granted by the year; `last_year`: of the whole settlement year before, for what rolls over. `timelines`: each
    asset's ordered, disjoint intervals, for guarantees that need them (see `needs_timelines` of the kinds); parts of a
    line under their own names. `earlier_timelines`: the intervals of `earlier`, where notice or hours of the day decide
    what of a yearly allowance was used up; without them all of its time counts as used. `known_names`: of each name of
    a quantity the assets (or the contract) that it is delivered of at any time, before the window or after: silence of
    what is delivered is a gap. `by_name`: the quantities by name and asset.
    """

    durations: Mapping[str, Mapping[Key, int]]
    earlier: Mapping[str, Mapping[Key, int]] = field(default_factory=dict)
    last_year: Mapping[str, Mapping[Key, int]] = field(default_factory=dict)
    timelines: Mapping[str, Sequence[Interval]] = field(default_factory=dict)
    earlier_timelines: Mapping[str, Sequence[Interval]] = field(default_factory=dict)
    quantities: Sequence[Quantity] = ()
    tickets: Sequence[Ticket] = ()
    known_names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    by_name: Mapping[str, Mapping[str, Sequence[Quantity]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named: dict[str, dict[str, list[Quantity]]] = {}
        for row in self.quantities:
            named.setdefault(row.name, {}).setdefault(row.asset, []).append(row)
        object.__setattr__(self, "by_name", named)
