"""A stretch in which nothing can be committed: what is said of it, and how long the writer rests between attempts."""

import random
from typing import Final

import structlog

from shared.db.trouble import FaultyDatabaseError
from shared.errors import UnavailableError
from shared.instant import SECOND_US

_FIRST_WAIT_S: Final = 0.1
# What somebody must repair is not repaired in a tenth of a second.
_FIRST_WAIT_OF_FAULT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 10.0
_DOUBLINGS: Final = 10
_SAY_AGAIN_US: Final = 60 * SECOND_US

_log = structlog.get_logger()


class Outage:
    """From the first failed attempt of one batch to its COMMIT.

    An outage is said at its begin, when its reason becomes another, and each minute; a fault with each attempt.
    """

    def __init__(self, *, messages_held: int) -> None:
        self._messages_held = messages_held
        self._attempts = 0
        self._began_us = self._said_us = 0
        self._reason = ""

    def failed(self, error: UnavailableError, now_us: int) -> float:
        """Say it where it is news; the seconds to rest before the next attempt."""
        is_fault, is_first = isinstance(error, FaultyDatabaseError), not self._attempts
        if is_first:
            self._began_us = now_us
        if is_fault or str(error) != self._reason or now_us - self._said_us >= _SAY_AGAIN_US:
            self._reason, self._said_us = str(error), now_us
            _log.error(
                "database_faulty" if is_fault else "database_lost" if is_first else "database_still_lost",
                error=self._reason,
                messages_held=self._messages_held,
                attempts=self._attempts + 1,
                for_s=(now_us - self._began_us) // SECOND_US,
            )
        self._attempts += 1
        first_s = _FIRST_WAIT_OF_FAULT_S if is_fault else _FIRST_WAIT_S
        longest_s = min(_LONGEST_WAIT_S, first_s * 2 ** min(self._attempts - 1, _DOUBLINGS))
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311  (spreads the attempts of several processes)

    def over(self, now_us: int) -> None:
        """An attempt has succeeded."""
        if self._attempts:
            _log.info("database_back", attempts=self._attempts, for_s=(now_us - self._began_us) // SECOND_US)
