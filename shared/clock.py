"""The wall clock: read by `main` modules and commands only, once a pass; everywhere else time is an argument."""

from datetime import UTC, datetime

from shared.instant import DAY_US as DAY_US
from shared.instant import HOUR_US as HOUR_US
from shared.instant import MINUTE_US as MINUTE_US
from shared.instant import SECOND_US as SECOND_US
from shared.instant import from_us as from_us
from shared.instant import to_us as to_us


def now_us() -> int:
    """UTC microseconds since the epoch, now."""
    return to_us(datetime.now(UTC))
