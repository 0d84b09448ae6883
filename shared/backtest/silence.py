"""What a log's silence means: whether it lists when machines ran, or stops only. Between timelines and assumptions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.backtest.timelines import Timelines
from shared.contracts.terms import Contract
from shared.model.facts import Category

# Running by name. Technical standby is not: real logs of stops list it.
_RUNNING: Final = frozenset({Category.FP, Category.PP})


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """Time of the days asked about, over all machines: the clock's, that events name running, and anything else."""

    clock_us: int
    running_us: int
    other_us: int

    @property
    def rest_us(self) -> int:
        """Time that events name nothing else than running."""
        return self.clock_us - self.other_us

    @property
    def unnamed_us(self) -> int:
        """Time that no event speaks of."""
        return self.rest_us - self.running_us

    @property
    def lists_stops_only(self) -> bool:
        """Whether what is not listed is running: a log that says when machines ran does so for most of the time."""
        return 2 * self.running_us <= self.rest_us


def silence_of(timelines: Timelines, names: Sequence[str], start_us: int, end_us: int) -> Silence:
    """What the events of `names` leave open in `[start_us, end_us)`."""
    running_us = other_us = 0
    for name in names:
        for (category, _, _), duration_us in timelines.durations(name, start_us, end_us).items():
            if category in _RUNNING:
                running_us += duration_us
            else:
                other_us += duration_us
    clock_us = max(0, end_us - start_us) * len(names)
    return Silence(clock_us=clock_us, running_us=running_us, other_us=other_us)


def spoken_of(contract: Contract, events: Sequence[str]) -> list[str]:
    """Whose time is looked at: the machines, but of a line whose parts alone have events these parts."""
    parts = {name.partition("/")[0] for name in events if name not in contract.assets}
    return [*events, *(name for name in contract.assets if name not in events and name not in parts)]
