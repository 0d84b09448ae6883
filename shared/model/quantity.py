"""What was measured or counted over a stretch of time, and the tickets of a service desk: facts beside the timeline."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction


class SumKind(StrEnum):
    """How the readings of a sensor are summed up by the hour."""

    COUNTER = "counter"
    RATE = "rate"
    MEAN = "mean"

    def unit_of(self, unit: str) -> str:
        """The unit of the sum of readings in `unit`."""
        return f"({unit})*h" if self is SumKind.RATE else unit


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """A named amount of one asset over `[start_us, end_us)`: energy, volume, pieces, or the mean of a temperature.

    `value` is in `unit`, exact: as reported, or a fraction where a conversion has no end (minutes in hours).
    Which names add up over time and which are means is the reader's affair.
    """

    asset: str
    name: str
    start_us: int
    end_us: int
    value: Decimal | Fraction
    unit: str

    @property
    def duration_us(self) -> int:
        return self.end_us - self.start_us


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A request for service. Times that have not come yet are None; `paused_us` is time the clock stood still."""

    id: str
    asset: str
    priority: str
    received_us: int
    on_site_us: int | None
    restored_us: int | None
    paused_us: int = 0
