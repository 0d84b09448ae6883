"""The wall clock: read by `main` modules and commands only, once a pass; everywhere else time is an argument."""

from datetime import UTC, datetime

from shared.instant import to_us


def now_us() -> int:
    """UTC microseconds since the epoch, now."""
    return to_us(datetime.now(UTC))
