"""`vouch evaluate anomaly`, first stage: a file to rows in order of time, in buckets, each with its label."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.analytics.detectors.model import Array, Times
from services.evaluate.counts import Flags
from services.evaluate.tables import Table
from shared.errors import Fault, SpecError, VouchError

_ALONE_US: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """The n rows of a file in order of time: `bucket` (n,) is the position of each in `at_us` (b,), `values` (b, m).

    `set_aside` are the columns that are no sensors, with the reason; `two_valued` the sensors of nothing but 0 and 1.
    """

    source: str
    at_us: Times
    bucket: NDArray[np.intp]
    values: Array
    sensors: tuple[str, ...]
    set_aside: dict[str, str]
    two_valued: tuple[str, ...]
    label: Flags
    bucket_us: int
    notes: list[str]

    def at_rows(self, flags: Flags) -> Flags:
        """Flags (n,) of the rows from those (b,) of their buckets, once the bucket is over: with its last row.

        A row before the last of its bucket sees the bucket before.
        """
        is_last = np.diff(self.bucket, append=len(self.at_us)) > 0
        return np.concatenate([[False], flags])[self.bucket + is_last]


def rows_of(cells: Table, timestamp: str, label: str, ignore: tuple[str, ...], train_rows: int) -> Rows:
    """The rows, in buckets of the median step of the first `train_rows`. SpecError for a column or cell that is wrong,
    VouchError where there are no more rows than that."""
    for name in ignore:
        cells.cells(name)
    if len(cells) <= train_rows:
        raise VouchError(f"{cells.source}: {len(cells)} row(s), no more than the {train_rows} to train on")
    set_aside = {**dict.fromkeys(ignore, "ignored"), timestamp: "the time", label: "the label"}
    sensors = tuple(name for name in cells.names if name not in set_aside)
    if not sensors:
        raise SpecError(cells.source, [Fault("header", "no column is left to watch")])
    at_us, labels = cells.instants_us(timestamp), _labels(cells, label)
    values = np.column_stack([cells.numbers(name, may_miss=True) for name in sensors])
    order = np.argsort(at_us, kind="stable")
    notes = [] if (order == np.arange(len(order))).all() else ["times were not in order: sorted"]
    at_us, values = at_us[order], values[order]
    steps = np.diff(at_us)
    if (steps == 0).any():
        notes.append(f"{int((steps == 0).sum())} row(s) at a time that was there already: averaged")
    learnt = steps[: train_rows - 1]
    bucket_us = max(1, int(np.median(learnt[learnt > 0]))) if (learnt > 0).any() else _ALONE_US
    starts, bucket = np.unique(at_us // bucket_us * bucket_us, return_inverse=True)
    return Rows(
        source=cells.source,
        at_us=starts,
        bucket=bucket,
        values=_means(values, bucket, len(starts)),
        sensors=sensors,
        set_aside=set_aside,
        two_valued=tuple(name for i, name in enumerate(sensors) if np.isin(values[:, i], [0.0, 1.0]).all()),
        label=labels[order],
        bucket_us=bucket_us,
        notes=notes,
    )


def _labels(cells: Table, label: str) -> Flags:
    labels = cells.numbers(label)
    wrong = np.flatnonzero((labels != 0) & (labels != 1))
    cells.refuse([cells.fault(int(row), label, f"{labels[row]:g} is no label: 0 or 1") for row in wrong])
    return labels > 0


def _means(values: Array, bucket: NDArray[np.intp], buckets: int) -> Array:
    """Means (b, m) of the values (n, m) that share a bucket; NaN where there is none."""
    is_seen = np.isfinite(values)
    sums, counts = np.zeros((buckets, values.shape[1])), np.zeros((buckets, values.shape[1]))
    np.add.at(sums, bucket, np.where(is_seen, values.clip(-1e120, 1e120), 0.0))
    np.add.at(counts, bucket, is_seen)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
