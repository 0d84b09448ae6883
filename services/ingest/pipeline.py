"""The path of a message: batch by batch from the inbox through decode, validate and COMMIT to the acknowledgement."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from services.ingest.batch import Batch, rejections
from services.ingest.database import Database
from services.ingest.decode import decode
from services.ingest.inbox import Inbox, Message
from services.ingest.metrics import Metrics
from services.ingest.validate import validate
from services.ingest.wire import Decoded, Fault
from shared.db import quarantine, telemetry
from shared.errors import UnavailableError
from shared.model.facts import QuarantineReason
from shared.settings import IngestSettings

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 10.0

_log = structlog.get_logger()

Acknowledge = Callable[[Sequence[int | None]], None]
Read = Callable[[Message], Decoded]


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

    def _commit(self, messages: Sequence[Message], read: Read, received_us: int) -> None:
        """One transaction from payloads to COMMIT; whoever called may acknowledge when it returns."""
        decoded = [read(message) for message in messages]
        batch = self._validate(messages, decoded, received_us)
        connection = self._database.connection()
        with telemetry.transaction(connection):
            stored = telemetry.store(connection, batch.facts)
            faults = batch.faults(stored)
            quarantine.insert(connection, rejections(messages, faults), received_us)
        self._metrics.committed(batch, stored, faults)
        if faults:
            reasons = Counter(rejected.fault.reason.value for rejected in faults)
            _log.warning("parts_quarantined", messages=len(messages), reasons=dict(reasons))

    def _validate(self, messages: Sequence[Message], decoded: Sequence[Decoded], received_us: int) -> Batch:
        """Against the fleet as last read; against the fleet as it is now when something unknown is named."""
        catalog = self._database.catalog(received_us)
        batch = validate(messages, decoded, catalog, received_us)
        newer = self._database.newer_catalog(catalog, received_us) if batch.has_unknown else None
        return batch if newer is None else validate(messages, decoded, newer, received_us)

    def _deliver(self, messages: Sequence[Message], received_us: int) -> bool:
        """Commit the messages, in halves when one of them cannot be; False when stopped before that was done."""
        try:
            return self._persist(messages, self._read, received_us)
        except Exception as error:  # noqa: BLE001  (whatever one message does, the others go on)
            self._database.forget_catalog()
            if len(messages) == 1:
                _log.exception("message_failed", topic=messages[0].topic)
                fault = _failed(error)
                return self._persist(messages, lambda _: fault, received_us)
        middle = len(messages) // 2
        return self._deliver(messages[:middle], received_us) and self._deliver(messages[middle:], received_us)

    def _persist(self, messages: Sequence[Message], read: Read, received_us: int) -> bool:
        """Commit, again and again while the database is away; False when stopped before it came back."""

        def commit(attempt: int) -> None:
            # A COMMIT may have been done although its answer was lost.
            again = [message._replace(redelivered=True) for message in messages] if attempt else messages
            with self._metrics.commit_s.time():
                self._commit(again, read, received_us)

        return self._until_done(commit, messages_held=len(messages))

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

    def _read(self, message: Message) -> Decoded:
        try:
            return decode(message.topic, message.payload, self._settings.ingest_max_payload_bytes)
        except Exception as error:  # noqa: BLE001  (a fault of ours must not cost the rest of the batch a second try)
            _log.exception("message_failed", topic=message.topic)
            return _failed(error)


def _failed(error: Exception) -> Decoded:
    """Nobody's message with one fault: nothing in it is relied on."""
    return Decoded(faults=[Fault(QuarantineReason.MALFORMED_PAYLOAD, f"{type(error).__name__}: {str(error)!a}")])


def _wait_s(attempt: int) -> float:
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**attempt)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  (spreads the reconnects of several processes)
