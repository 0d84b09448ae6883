"""What a prognosis says of one component of a machine, and the notice that may follow from it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

# The horizons for which a probability of failure is named, in hours: a day, a week, a month of 30 days.
HORIZONS_H: Final = (24, 168, 720)


class Method(StrEnum):
    """How a prognosis was made: by what the data of the asset model allow."""

    RUN_TO_FAILURE = "run_to_failure"
    EVENTS = "events"
    WEIBULL = "weibull"
    HEALTH_TREND = "health_trend"
    NONE = "not_enough_data"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Remaining useful life of `component` as seen at `at_us`; hours of calendar time; None = cannot be said.

    `p10_h` <= `p50_h` <= `p90_h` are quantiles of the remaining life; `risk` the probabilities of a failure within
    `HORIZONS_H`. `health` is 1 as new, 0 at the failure limit. `reason` says in words why this method, or why nothing
    can be said; `evidence` what it rests on, as JSON.
    """

    component: str
    at_us: int
    method: Method
    p10_h: float | None
    p50_h: float | None
    p90_h: float | None
    risk: tuple[float, float, float] | None
    health: float | None
    reason: str
    evidence: dict[str, Any]


class NoticeState(StrEnum):
    """What became of a notice of failure."""

    OPEN = "open"
    # The component failed within the window of the notice.
    CONFIRMED = "confirmed"
    # A planned repair came before the failure: neither right nor wrong.
    AVERTED = "averted"
    FALSE = "false"
