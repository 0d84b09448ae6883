"""Files in the layout of C-MAPSS to lives of engines: unit, cycle, 3 settings, 21 sensors by white space, no header."""

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.analytics.prognosis.histories import Array, History
from services.evaluate.tables import Table, read
from shared.errors import Fault, SpecError

_SETTINGS: Final = ("setting_1", "setting_2", "setting_3")
_SENSORS: Final = tuple(f"sensor_{number}" for number in range(1, 22))


def engines(path: Path, *, failed: bool) -> list[History]:
    """One history a unit, in the order of the file; a cycle counts as an hour; `failed`: each ends in failure.

    A setting or sensor may be missing (NaN). SpecError names file, line and reason: a row of other than 26 columns, a
    unit or cycle that is no whole number, cycles of a unit out of order or twice, a unit whose rows are not together.
    """
    table = read(path, " ", names=("unit", "cycle", *_SETTINGS, *_SENSORS))
    if not len(table):
        raise SpecError(table.source, [Fault("line 1", "there are no rows")])
    units, cycles = (np.array(table.read(column, _whole), dtype=np.int64) for column in ("unit", "cycle"))
    _refuse_disorder(table, units, cycles)
    drivers, values = (
        np.column_stack([table.numbers(column, may_miss=True) for column in columns])
        for columns in (_SETTINGS, _SENSORS)
    )
    starts = np.append(np.flatnonzero(np.diff(units, prepend=units[0] - 1)), len(units))
    return [
        History(
            name=str(units[low]), at_h=cycles[low:high].astype(np.float64), values=values[low:high],
            drivers=drivers[low:high], failed=failed,
        )
        for low, high in pairwise(starts)
    ]  # fmt: skip


def truths(path: Path, count: int) -> Array:
    """Remaining cycles (count,) after the last row of each unit; SpecError unless there is one row for each."""
    table = read(path, " ", names=("remaining",))
    remaining = np.array(table.read("remaining", _not_negative), dtype=np.float64)
    if len(remaining) != count:
        where = f"line {table.lines[-1]}" if len(table) else "line 1"
        reason = f"{len(remaining)} row(s) of truth for {count} engine(s) of the test file; one is needed for each"
        raise SpecError(table.source, [Fault(where, reason)])
    return remaining


def _refuse_disorder(table: Table, units: NDArray[np.int64], cycles: NDArray[np.int64]) -> None:
    faults: list[Fault] = []
    seen = {int(units[0])}
    for row in range(1, len(units)):
        unit = int(units[row])
        if unit == units[row - 1]:
            if cycles[row] <= cycles[row - 1]:
                reason = f"cycle {cycles[row]} of unit {unit} comes after cycle {cycles[row - 1]}"
                faults.append(table.fault(row, "cycle", reason))
        elif unit in seen:
            faults.append(table.fault(row, "unit", f"unit {unit} again: the rows of a unit stand together"))
        seen.add(unit)
    table.refuse(faults)


def _whole(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 9):
        raise ValueError(f"{cell!r} is no whole number")
    return int(cell)


def _not_negative(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError as error:
        raise ValueError(f"{cell!r} is no number") from error
    if not 0 <= value < 1e9:
        raise ValueError(f"{cell} is no remaining life")
    return value
