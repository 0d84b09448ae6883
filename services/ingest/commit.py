"""Messages to rows in one transaction: read, validate, store; what is bad goes to the quarantine."""

from collections import Counter
from collections.abc import Sequence

import structlog

from services.ingest.batch import Batch, rejections
from services.ingest.database import Database
from services.ingest.decode import decode
from services.ingest.inbox import Message
from services.ingest.metrics import Metrics
from services.ingest.validate import Read, validate
from services.ingest.wire import Decoded, Fault
from shared.db import quarantine, telemetry
from shared.model.facts import QuarantineReason

_log = structlog.get_logger()


class Commit:
    """Whoever called it may acknowledge the messages when it returns."""

    def __init__(self, database: Database, metrics: Metrics, *, max_payload_bytes: int) -> None:
        self._database, self._metrics, self._max_payload_bytes = database, metrics, max_payload_bytes

    def __call__(self, messages: Sequence[Message], received_us: int) -> None:
        """Commit the messages as received at one moment.

        Raises UnavailableError while the database is away, RefusedError for data it will never take.
        """
        self._commit(
            messages, lambda message: self._read(message, received_us), received_us, plain_up_to=self._max_payload_bytes
        )

    def failed(self, message: Message, error: Exception, received_us: int) -> None:
        """Commit a message that nothing can be made of: all of it to the quarantine, with the error."""
        fault = _failed(error)
        self._commit([message], lambda _: [fault], received_us, plain_up_to=0)

    def _commit(self, messages: Sequence[Message], read: Read, received_us: int, *, plain_up_to: int) -> None:
        batch = self._validate(messages, read, received_us, plain_up_to)
        with telemetry.transaction(self._database.connection()):
            stored = telemetry.store(self._database.connection(), batch.facts)
            faults = batch.faults(stored)
            quarantine.insert(self._database.connection(), rejections(messages, faults), received_us)
        self._metrics.committed(batch, stored, faults)
        if faults:
            reasons = Counter(rejected.fault.reason.value for rejected in faults)
            _log.warning("parts_quarantined", messages=len(messages), reasons=dict(reasons))

    def _validate(self, messages: Sequence[Message], read: Read, received_us: int, plain_up_to: int) -> Batch:
        """Against the fleet as last read; against the fleet as it is now when something unknown is named."""
        catalog = self._database.catalog(received_us)
        batch = validate(messages, read, catalog, received_us, plain_up_to=plain_up_to)
        newer = self._database.newer_catalog(catalog, received_us) if batch.has_unknown else None
        if newer is None:
            return batch
        return validate(messages, read, newer, received_us, plain_up_to=plain_up_to)

    def _read(self, message: Message, received_us: int) -> Sequence[Decoded]:
        limit = self._max_payload_bytes
        try:
            return [decode(message, declared=None, received_us=received_us, max_payload_bytes=limit)]
        except Exception as error:  # noqa: BLE001  (a fault of ours must not cost the rest of the batch a second try)
            _log.exception("message_failed", topic=message.topic)
            return [_failed(error)]


def _failed(error: Exception) -> Decoded:
    """Nobody's message with one fault: nothing in it is relied on."""
    return Decoded(faults=[Fault(QuarantineReason.MALFORMED_PAYLOAD, f"{type(error).__name__}: {str(error)!a}")])
