"""Instants and durations as integers: UTC microseconds since 1970-01-01, converted only at the edges."""

from datetime import UTC, datetime, timedelta

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_US = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Microseconds since the epoch; a datetime without zone is refused with ValueError."""
    if at.tzinfo is None:
        raise ValueError(f"a time needs a zone: {at.isoformat()}")
    return (at - _EPOCH) // _ONE_US


def from_us(us: int) -> datetime:
    """The UTC datetime of `us` microseconds since the epoch, exact."""
    return _EPOCH + timedelta(microseconds=us)
