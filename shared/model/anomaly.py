"""What a detector says: the score of a bucket, which sensors carry it, and the findings derived from the scores."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """On which side of its expected value a sensor lies."""

    HIGH = "high"
    LOW = "low"


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

    Contributions: largest share first; none for a bucket below the threshold, which nobody has to explain.
    """

    at_us: int
    score: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A stretch `[start_us, until_us)` from its first to its last bucket above the threshold; one fault is one finding.

    `is_open`: the time known so far does not yet say that it has ended.
    """

    start_us: int
    until_us: int
    is_open: bool
    peak_score: float
