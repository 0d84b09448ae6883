"""Prognosis, its reading: what is known of machines' pasts, read for many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.analytics.learning.lives import Array, Line, Times, line
from shared.db import predictions, timeline
from shared.db.models import Foretold
from shared.db.pool import AsyncConnection
from shared.db.predictions import Hours, Machine
from shared.instant import DAY_US, HOUR_US

# How far back sensors are looked at: what a component says of its end it says in its last two years.
_LONGEST_US: Final = 731 * DAY_US


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Past:
    """A machine as known: its line, the hours of its sensors by name, and when it reported which code."""

    machine: Machine
    line: Line
    hours: Mapping[str, Hours]
    codes: Mapping[str, Times]

    def means(self, sensors: Sequence[str], start_us: int, end_us: int) -> tuple[Times, Array]:
        """Hours (n,) wholly in `[start_us, end_us)` in which it ran, and the means in them (n, m); NaN: unknown."""
        known = [self.hours[name].at_us for name in sensors if name in self.hours]
        at_us = np.unique(np.concatenate([np.empty(0, np.int64), *known]))
        at_us = at_us[(at_us >= start_us) & (at_us + HOUR_US <= end_us)]
        at_us = at_us[self.line.has_run(at_us)]
        values = np.full((len(at_us), len(sensors)), np.nan)
        for column, name in enumerate(sensors):
            if (found := self.hours.get(name)) is not None:
                _, here, there = np.intersect1d(at_us, found.at_us, assume_unique=True, return_indices=True)
                values[here, column] = found.value[there]
        return at_us, values


async def pasts(
    connection: AsyncConnection, model: Foretold, machines: Sequence[Machine], sensors: Sequence[str]
) -> list[Past]:
    """The pasts of machines of one model, of each up to where it is known; those of which nothing is are left out."""
    ids = [each.asset_id for each in machines]
    first_us = min((each.first_us for each in machines), default=0)
    known_us = max((each.known_to_us for each in machines), default=0)
    lines = await timeline.timelines(connection, ids, first_us, known_us)
    codes = await predictions.events(connection, ids, known_us)
    series = [series for each in machines for name, series in each.series.items() if name in sensors]
    hours = await predictions.hours(connection, series, max(first_us, known_us - _LONGEST_US), known_us)
    found: list[Past] = []
    for machine in machines:
        until = machine.known_to_us
        known = [each for each in lines[machine.asset_id] if each.start_us < until]
        if known:
            found.append(
                Past(
                    machine=machine,
                    line=line(known, model.prognosis.components, until),
                    hours={
                        name: hours[key] for name, key in machine.series.items() if name in sensors and key in hours
                    },
                    codes={code: at_us[at_us < until] for code, at_us in codes[machine.asset_id].items()},
                )
            )
    return found
