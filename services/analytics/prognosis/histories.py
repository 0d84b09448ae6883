"""The life of one machine or component as prognosis takes it: sensor rows over its age, and whether it failed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """One life: `at_h` (n,) hours since new or last replaced, ascending; `values` (n, m) of sensors, `drivers` (n, k).

    NaN is no value. `failed`: the last row is the moment of failure; else the machine still ran then (censored).
    ValueError for no rows, for ages that are not finite and ascending, and for shapes that do not fit.
    """

    name: str
    at_h: Array
    values: Array
    drivers: Array
    failed: bool

    def __post_init__(self) -> None:
        n = len(self.at_h)
        if n == 0:
            raise ValueError(f"history {self.name}: no rows")
        if self.values.ndim != 2 or self.drivers.ndim != 2 or len(self.values) != n or len(self.drivers) != n:
            raise ValueError(f"history {self.name}: values and drivers need {n} rows, as many as ages")
        if not np.isfinite(self.at_h).all() or (np.diff(self.at_h) <= 0).any():
            raise ValueError(f"history {self.name}: ages must be finite and ascending, none twice")

    @property
    def life_h(self) -> float:
        """The age at the last row, in hours."""
        return float(self.at_h[-1])

    def until(self, row: int) -> "History":
        """The first `row` rows, as they were known then: nobody knew of a failure."""
        return History(
            name=self.name, at_h=self.at_h[:row], values=self.values[:row], drivers=self.drivers[:row], failed=False
        )
