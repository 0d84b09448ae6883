"""What a finding looks like: its sensors' signed shares, and how alike two findings are. Pure."""

from collections.abc import Iterable, Mapping
from math import hypot
from typing import Final

from shared.model.anomaly import Contribution, Direction

# Sensor to share of the finding, positive where it lies above what was expected, negative below.
Signature = Mapping[str, float]

# Within some 26 degrees: the same sensors, in the same directions, in much the same proportions.
ALIKE: Final = 0.9
# What lies this much farther out than what was rejected is no repetition of it.
NO_WORSE: Final = 1.5


def signature(contributions: Iterable[Contribution]) -> dict[str, float]:
    """The signature of a finding with these contributions."""
    return {one.sensor: one.share if one.direction is Direction.HIGH else -one.share for one in contributions}


def similarity(one: Signature, other: Signature) -> float:
    """The cosine of the angle between two signatures, in [-1, 1]; sensors that one lacks count as 0 there.

    1: the same sensors in the same directions and proportions. 0: nothing in common, or one of them is empty.
    """
    lengths = hypot(*one.values()) * hypot(*other.values())
    if lengths == 0:
        return 0.0
    return max(-1.0, min(1.0, sum(share * other.get(sensor, 0.0) for sensor, share in sorted(one.items())) / lengths))


def repeats(one: Signature, peak_score: float, rejected: Signature, rejected_peak: float) -> bool:
    """Whether a finding is a rejected one again: as alike as `ALIKE`, and no more than `NO_WORSE` times as far out."""
    return similarity(one, rejected) >= ALIKE and peak_score <= NO_WORSE * rejected_peak
