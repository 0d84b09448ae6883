"""The readings of a batch as columns: checked, sorted and without repetition, by numpy instead of a loop over rows."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.db.catalog import SensorColumns
from shared.db.telemetry import Readings
from shared.instant import MINUTE_US, from_us

# Recorded data of any machine that speaks to us is younger; a clock that was never set shows 1970 or 1980.
EARLIEST_US: Final = 631_152_000_000_000  # 1990-01-01T00:00:00Z
# How far a machine's clock may be ahead of ours.
AHEAD_US: Final = 5 * MINUTE_US
UNCERTAIN: Final = 1


@dataclass(kw_only=True, slots=True)
class Samples:
    """What the messages of a batch say, in the order they came.

    Per sample: message (its place in the batch), index (its place in the message), time and number of readings. Per
    reading: place of its sensor in the catalog, and value (None: no value).
    """

    message: list[int] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    at_us: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    sensor: list[int] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Checked:
    """`readings` are to be stored; `origin` has for each the number of its reading in the samples, shape (n,).

    `value` is each reading of the samples in the unit it is stored in, shape (m,).
    Of the samples, `implausible` are the numbers of those whose time cannot be; of their readings, `outside` of those
    beyond the physical range and `conflicting` of those that say other than an earlier one of the same instant.
    """

    readings: Readings
    value: NDArray[np.float64]
    origin: NDArray[np.intp]
    sample: NDArray[np.intp]
    implausible: NDArray[np.intp]
    outside: NDArray[np.intp]
    conflicting: NDArray[np.intp]
    duplicates: int
    null_values: int


def is_plausible(at_us: int, received_us: int) -> bool:
    """Whether a machine may have meant this time."""
    return EARLIEST_US <= at_us <= received_us + AHEAD_US


def time_fault(at_us: int) -> str:
    """What is wrong with an implausible time, in the same words whenever the message comes again."""
    try:
        at = from_us(at_us).isoformat()
    except OverflowError:
        at = f"{at_us} us since 1970"
    return f"{at} lies {'before 1990' if at_us < EARLIEST_US else 'in the future'}"


def check(samples: Samples, sensors: SensorColumns, received_us: int) -> Checked:
    """Sort out what cannot be stored; of readings of one sensor and instant the first stays."""
    at_us = np.array(samples.at_us, np.int64)
    count = np.array(samples.count, np.intp)
    sensor = np.array(samples.sensor, np.intp)
    value = np.array(samples.value, np.float64) * sensors.scale[sensor] + sensors.offset[sensor]
    sample = np.repeat(np.arange(len(count)), count)
    is_implausible = ((at_us < EARLIEST_US) | (at_us > received_us + AHEAD_US)) & (count > 0)
    is_null = np.isnan(value)
    is_timed = ~is_implausible[sample]
    is_outside = (value < sensors.physical_low[sensor]) | (value > sensors.physical_high[sensor])
    good = np.flatnonzero(is_timed & ~is_null & ~is_outside)
    series_id = sensors.series_id[sensor]
    order = good[np.lexsort((at_us[sample[good]], series_id[good]))]
    repeats, differs = _repeats(series_id[order], at_us[sample[order]], value[order])
    origin = order[~repeats]
    place = sensor[origin]
    uncertain = (value[origin] < sensors.expected_low[place]) | (value[origin] > sensors.expected_high[place])
    return Checked(
        readings=Readings(
            series_id=series_id[origin],
            at_us=at_us[sample[origin]],
            value=value[origin],
            quality=np.where(uncertain, UNCERTAIN, 0).astype(np.int16),
            asset_id=sensors.asset_id[place],
            hold_us=sensors.hold_us[place],
        ),
        value=value,
        origin=origin,
        sample=sample,
        implausible=np.flatnonzero(is_implausible),
        outside=np.flatnonzero(is_outside & is_timed),
        conflicting=np.sort(order[differs]),
        duplicates=int((repeats & ~differs).sum()),
        null_values=int(is_null.sum()),
    )


def _repeats(
    series_id: NDArray[np.int32], at_us: NDArray[np.int64], value: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of sorted rows: which repeat the series and time of an earlier one, and which of these have another value."""
    repeats = np.zeros(len(value), np.bool_)
    repeats[1:] = (series_id[1:] == series_id[:-1]) & (at_us[1:] == at_us[:-1])
    first = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(value))))
    return repeats, value != value[first]
