"""What every detector is to those who use it: trained, it scores rows; untrained, it says why. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Times = NDArray[np.int64]


class Refused(StrEnum):
    """Why no model could be trained."""

    TOO_FEW_ROWS = "too_few_rows"
    TOO_FEW_SENSORS = "too_few_sensors"
    TOO_SCATTERED = "too_scattered"
    CONTAMINATED = "contaminated"
    NOT_FINITE = "not_finite"


class LeftOut(StrEnum):
    """Why a sensor or a detector takes no part in a model."""

    CONSTANT = "constant"
    MISSING = "missing"
    NOT_TRANSFERABLE = "not_transferable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """No model: the reason, and the complete rows there were against those needed."""

    reason: Refused
    rows: int
    rows_needed: int
    left_out: dict[str, LeftOut] = field(default_factory=dict)

    def as_parameters(self) -> dict[str, Any]:
        """The refusal as JSON."""
        return {
            "refused": self.reason.value,
            "rows": self.rows,
            "rows_needed": self.rows_needed,
            "left_out": {sensor: why.value for sensor, why in self.left_out.items()},
        }


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scores:
    """Of n rows and the m sensors of a model.

    `score` (n,): 1.0 = the threshold, NaN = cannot be scored. `share` (n, m): what each sensor carries of it, sums to
    1 or is all 0. `expected` (n, m), in sensor units. `leading` (n,): position in `detectors` of the one that carries
    the score.
    """

    score: Array
    share: Array
    expected: Array
    leading: NDArray[np.int64]
    detectors: tuple[str, ...]


class Model(Protocol):
    """A trained detector: numbers, and a score that depends on the rows in `[at - memory_us, at]` only."""

    @property
    def name(self) -> str:
        """Algorithm and version, such as `ensemble@1`."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns `score` wants, in order: the sensors that take part, then the drivers."""
        ...

    @property
    def sensors(self) -> tuple[str, ...]:
        """The sensors that scores are shared among."""
        ...

    @property
    def memory_us(self) -> int:
        """How far back before a row its score may depend on other rows."""
        ...

    @property
    def rows(self) -> int:
        """The rows it was trained on."""
        ...

    @property
    def left_out(self) -> dict[str, LeftOut]:
        """Sensors and drivers that take no part, and why."""
        ...

    def score(self, at_us: Times, values: Array) -> Scores:
        """Score rows `values` (n, len(columns)) at bucket starts `at_us` (n,), ascending; NaN = no value.

        Rows before the first one that is wanted only warm up.
        """
        ...

    def as_parameters(self) -> dict[str, Any]:
        """The model as JSON, numbers and names only; `record.model_of` is the inverse, bit for bit."""
        ...
