"""Messages to rows in one transaction: read, validate, store; what is bad goes to the quarantine."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from services.ingest import registration, stored
from services.ingest.batch import Batch, Rejected, rejections
from services.ingest.database import Database
from services.ingest.decode import decode
from services.ingest.heard import HeardAssets
from services.ingest.inbox import Message
from services.ingest.metrics import Metrics
from services.ingest.sparkplug.host import SparkplugHost
from services.ingest.sparkplug.topic import is_ours as is_sparkplug
from services.ingest.validate import validate
from services.ingest.wire import Decoded, Fault
from shared import topics
from shared.db import connectivity, heartbeat, quarantine, telemetry
from shared.db import registration as registrations
from shared.db.catalog import Catalog
from shared.instant import SECOND_US
from shared.model.facts import QuarantineReason
from shared.model.payload import Format

_BEAT_US = 5 * SECOND_US

_log = structlog.get_logger()


class Commit:
    """Whoever called it may acknowledge the messages when it returns.

    Every method raises UnavailableError while the database is away and RefusedError for data it will never take.
    """

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        *,
        client_id: str,
        max_payload_bytes: int,
        sparkplug: SparkplugHost | None,
    ) -> None:
        self._database, self._metrics, self._sparkplug = database, metrics, sparkplug
        self._client_id, self._max_payload_bytes = client_id, max_payload_bytes
        self._heard = HeardAssets()
        self._beat_us = 0
        self.may_be_stored = False
        """Whether the last call came as far as its COMMIT, which may have been done although its answer was lost."""

    def __call__(self, messages: Sequence[Message], received_us: int) -> None:
        """Commit the messages as received at one moment."""
        said = [stored.without(message) if message.content_type else message for message in messages]
        self._commit(said, self._read, received_us, plain_up_to=self._max_payload_bytes)

    def failed(self, message: Message, error: Exception, received_us: int) -> None:
        """Commit a message that nothing can be made of: all of it to the quarantine, with the error."""
        fault = _failed(error)
        self._commit([message], lambda *_: [fault], received_us, plain_up_to=0)

    def tick(self, now_us: int, *, is_listening: bool) -> None:
        """What is due by the clock, also when no message comes: signs of life not noted yet, and ingest's own."""
        heard = self._heard.due(now_us)
        is_beat_due = is_listening and now_us - self._beat_us >= _BEAT_US
        if not heard and not is_beat_due:
            return
        connection = self._database.connection()
        with telemetry.transaction(connection):
            telemetry.note_heard(connection, heard, slack_us=self._heard.interval_us)
            if is_beat_due:
                heartbeat.beat(connection, self._client_id, now_us)
        if heard:
            self._heard.noted_due(now_us)
        if is_beat_due:
            self._beat_us = now_us

    def leave(self) -> None:
        """Before the process ends: note every sign of life that waits."""
        connection = self._database.connection()
        with telemetry.transaction(connection):
            telemetry.note_heard(connection, self._heard.all())

    def _commit(self, messages: Sequence[Message], read: "_Read", received_us: int, *, plain_up_to: int) -> None:
        self.may_be_stored = False
        connection = self._database.connection()
        batch = self._validated(messages, read, received_us, plain_up_to)
        with self._metrics.commit_s.time(), telemetry.transaction(connection):
            kept = telemetry.store(connection, batch.facts)
            self._heard.add(batch.facts.heard, kept.newest_us, received_us)
            # What a connection's loss ends is what was known by then.
            heard = self._heard.of({said.asset_id for said in batch.statements})
            telemetry.note_heard(connection, heard)
            connectivity.note(connection, batch.statements, received_us)
            faults = batch.faults(kept)
            quarantine.insert(connection, rejections(messages, faults), received_us)
            if self._sparkplug is not None:
                self._sparkplug.save(connection)
            self.may_be_stored = True
        if self._sparkplug is not None:
            self._sparkplug.committed()
        self._heard.noted(heard)
        self._metrics.committed(batch, kept, faults)
        # It is stored: that nobody reads the log any more must not make the caller try again.
        with suppress(OSError):
            self._tell(messages, faults)

    def _tell(self, messages: Sequence[Message], faults: Sequence[Rejected]) -> None:
        if faults:
            reasons = Counter(rejected.fault.reason.value for rejected in faults)
            _log.warning("parts_quarantined", messages=len(messages), reasons=dict(reasons))

    def _validated(self, messages: Sequence[Message], read: "_Read", received_us: int, plain_up_to: int) -> Batch:
        """Against the fleet as last read; again when something unknown is named that is known by now, or may be."""

        def against(catalog: Catalog) -> Batch:
            if self._sparkplug is not None:
                self._sparkplug.begin(self._database.connection(), received_us)
            return validate(
                messages,
                lambda message: read(message, catalog, received_us),
                catalog,
                received_us,
                plain_up_to=plain_up_to,
            )

        catalog = self._database.catalog(received_us)
        batch = against(catalog)
        if not batch.unknown:
            return batch
        newer = self._database.newer_catalog(catalog, received_us)
        if newer is not None:
            catalog, batch = newer, against(newer)
        if self._registers(batch, received_us):
            newer = self._database.newer_catalog(catalog, received_us)
            batch = batch if newer is None else against(newer)
        return batch

    def _registers(self, batch: Batch, received_us: int) -> bool:
        """Whether something unknown became known by the rules of the fleet."""
        wanted = registration.wanted(batch.unknown, batch.catalog)
        if not wanted:
            return False
        with telemetry.transaction(self._database.connection()):
            done = registrations.register(self._database.connection(), wanted, received_us)
        if done.full:
            _log.warning("registration_rules_full", rules=list(done.full))
        if done.assets or done.sensors:
            _log.info("registered", assets=done.assets, sensors=done.sensors)
        return bool(done.assets or done.sensors)

    def _read(self, message: Message, catalog: Catalog, received_us: int) -> Sequence[Decoded]:
        try:
            if self._sparkplug is not None and is_sparkplug(message.topic):
                return self._sparkplug.read(message, received_us)
            limit, declared = self._max_payload_bytes, declared_format(message, catalog)
            return [decode(message, declared=declared, received_us=received_us, max_payload_bytes=limit)]
        except Exception as error:  # noqa: BLE001  (a fault of ours must not cost the rest of the batch a second try)
            _log.exception("message_failed", topic=message.topic)
            return [_failed(error)]


_Read = Callable[[Message, Catalog, int], Sequence[Decoded]]


def declared_format(message: Message, catalog: Catalog) -> Format | None:
    """How the model of the message's asset says that its devices encode."""
    parts = topics.parse(message.topic)
    asset = None if parts is None else catalog.assets.get(f"{parts.customer}/{parts.site}/{parts.asset}")
    return None if asset is None else asset.payload_format


def _failed(error: Exception) -> Decoded:
    """Nobody's message with one fault: nothing in it is relied on."""
    return Decoded(faults=[Fault(QuarantineReason.MALFORMED_PAYLOAD, f"{type(error).__name__}: {str(error)!a}")])
