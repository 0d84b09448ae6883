"""Rollups said once more, slowly and exactly: one series, reading by reading, in fractions."""

from collections.abc import Mapping
from fractions import Fraction

# Start of the bucket: count, low, high, mean, last, last_at, weighted mean, known time.
Buckets = dict[int, tuple[int, float, float, Fraction, float, int, Fraction, int]]


def buckets(readings: Mapping[int, float], hold_us: int, bucket_us: int, until_us: int) -> Buckets:
    """The buckets with a reading, of the values by their times, as known at `until_us`; all readings are before it."""
    times = sorted(readings)
    known: dict[int, int] = {}
    weighted: dict[int, Fraction] = {}
    for at, following in zip(times, [*times, until_us][1:], strict=True):
        start, end = at, min(at + hold_us, following, until_us)
        while start < end:
            bucket = start // bucket_us * bucket_us
            stop = min(end, bucket + bucket_us)
            known[bucket] = known.get(bucket, 0) + stop - start
            weighted[bucket] = weighted.get(bucket, Fraction(0)) + (stop - start) * Fraction(readings[at])
            start = stop
    found: Buckets = {}
    for bucket in {at // bucket_us * bucket_us for at in times}:
        inside = [at for at in times if bucket <= at < bucket + bucket_us]
        values = [readings[at] for at in inside]
        mean = sum(map(Fraction, values), Fraction(0)) / len(values)
        weighted_mean = weighted[bucket] / known[bucket]
        found[bucket] = (
            len(values), min(values), max(values), mean, values[-1], inside[-1], weighted_mean, known[bucket]
        )  # fmt: skip
    return found


def is_close(told: float, exact: Fraction, low: float, high: float) -> bool:
    """Whether a mean of values between `low` and `high` is right but for the rounding of its sum."""
    return abs(Fraction(told) - exact) <= max(abs(Fraction(low)), abs(Fraction(high))) * Fraction(1, 10**12)
