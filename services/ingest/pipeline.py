"""The path of a message: batch by batch from the inbox through COMMIT to the acknowledgement."""

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from services.ingest.commit import Commit
from services.ingest.database import Database
from services.ingest.inbox import Inbox, Message
from services.ingest.metrics import Metrics
from shared.errors import UnavailableError
from shared.settings import IngestSettings

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 10.0

_log = structlog.get_logger()

Acknowledge = Callable[[Sequence[int | None]], None]


class Pipeline:
    """The writer: owns the database connection and at most one batch at a time.

    While the database is away it keeps that batch, acknowledges nothing and so lets the broker keep the rest.
    """

    def __init__(
        self,
        settings: IngestSettings,
        *,
        inbox: Inbox,
        acknowledge: Acknowledge,
        metrics: Metrics,
        clock_us: Callable[[], int],
    ) -> None:
        self._settings, self._inbox, self._acknowledge = settings, inbox, acknowledge
        self._metrics, self._clock_us = metrics, clock_us
        self._database = Database(settings.database_url)
        self._commit = Commit(self._database, metrics, max_payload_bytes=settings.ingest_max_payload_bytes)

    def run(self) -> None:
        """Until the inbox is closed; what is not committed then is not acknowledged and comes again."""
        settings = self._settings
        try:
            self._until_done(lambda _: self._database.catalog(self._clock_us()), messages_held=0)
            while messages := self._inbox.take(
                most=settings.ingest_batch_messages, linger_s=settings.ingest_linger_ms / 1_000
            ):
                if self._deliver(messages, self._clock_us()):
                    self._acknowledge([message.mid for message in messages])
        finally:
            self._database.drop()

    def _deliver(self, messages: Sequence[Message], received_us: int) -> bool:
        """Commit the messages, in halves when one of them cannot be; False when stopped before that was done."""
        try:
            return self._persist(messages, lambda batch: self._commit(batch, received_us))
        except Exception as error:  # noqa: BLE001  (whatever one message does, the others go on)
            self._database.forget_catalog()
            if len(messages) == 1:
                _log.exception("message_failed", topic=messages[0].topic)
                failure = error
                return self._persist(messages, lambda batch: self._commit.failed(batch[0], failure, received_us))
        middle = len(messages) // 2
        return self._deliver(messages[:middle], received_us) and self._deliver(messages[middle:], received_us)

    def _persist(self, messages: Sequence[Message], commit: Callable[[Sequence[Message]], None]) -> bool:
        """Commit, again and again while the database is away; False when stopped before it came back."""

        def attempt_to(attempt: int) -> None:
            # A COMMIT may have been done although its answer was lost.
            again = [message._replace(redelivered=True) for message in messages] if attempt else messages
            with self._metrics.commit_s.time():
                commit(again)

        return self._until_done(attempt_to, messages_held=len(messages))

    def _until_done(self, step: Callable[[int], object], *, messages_held: int) -> bool:
        for attempt in itertools.count():
            try:
                step(attempt)
            except UnavailableError as error:
                self._database.drop()
                if attempt == 0:
                    self._metrics.reconnects.labels("database").inc()
                    _log.error("database_lost", error=str(error), messages_held=messages_held)
                if self._inbox.rest(_wait_s(attempt)):
                    break
            else:
                if attempt:
                    _log.info("database_back", attempts=attempt)
                return True
        return False


def _wait_s(attempt: int) -> float:
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**attempt)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  (spreads the reconnects of several processes)
