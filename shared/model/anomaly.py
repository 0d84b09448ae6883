"""What a detector says: the score of a bucket, which sensors carry it, and the findings derived from the scores."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """On which side of its expected value a sensor lies."""

    HIGH = "high"
    LOW = "low"


class Severity(StrEnum):
    """How far out a finding is, by its peak score; 1.0 = the threshold."""

    WATCH = "watch"
    WARNING = "warning"
    CRITICAL = "critical"


# Statistics grow with the square of a departure: these are one and a half and three times as far as the threshold.
_WARNING_FROM, _CRITICAL_FROM = 2.25, 9.0


def severity(peak_score: float) -> Severity:
    """The severity of a finding with this peak."""
    if peak_score >= _CRITICAL_FROM:
        return Severity.CRITICAL
    return Severity.WARNING if peak_score >= _WARNING_FROM else Severity.WATCH


@dataclass(frozen=True, kw_only=True, slots=True)
class Contribution:
    """How much one sensor carries of a score: `share` in [0, 1], and its value against what the other sensors imply."""

    sensor: str
    share: float
    observed: float
    expected: float

    @property
    def direction(self) -> Direction:
        return Direction.HIGH if self.observed > self.expected else Direction.LOW


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketScore:
    """The score of the bucket that starts at `at_us`; 1.0 = the threshold.

    Contributions: largest share first; none for a bucket below the threshold, which nobody has to explain, and no
    `detector` that leads.
    """

    at_us: int
    score: float
    contributions: tuple[Contribution, ...] = ()
    detector: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A stretch `[start_us, until_us)` from its first to its last bucket above the threshold; one fault is one finding.

    `is_open`: the time known so far does not yet say that it has ended.
    """

    start_us: int
    until_us: int
    is_open: bool
    peak_score: float
