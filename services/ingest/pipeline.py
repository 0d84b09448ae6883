"""The path of a message: batch by batch from the inbox through COMMIT to the acknowledgement."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from services.ingest.commit import Commit
from services.ingest.database import Database
from services.ingest.inbox import Inbox, Message
from services.ingest.metrics import Metrics
from services.ingest.outage import Outage
from services.ingest.sparkplug.host import SparkplugHost
from shared.db.telemetry import RefusedError
from shared.errors import UnavailableError
from shared.settings import IngestSettings

# How long nothing may come before what is due by the clock is looked after.
_IDLE_S: Final = 1.0

_log = structlog.get_logger()


class Session(Protocol):
    """The broker's side, as the pipeline sees it."""

    @property
    def is_ready(self) -> bool:
        """Whether it is connected and subscribed."""
        ...

    def acknowledge(self, mids: Sequence[int | None]) -> None:
        """Acknowledge messages in the order they were received."""
        ...

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Send a message."""
        ...


class Pipeline:
    """The writer: owns the database connection and at most one batch at a time.

    While the database is away it keeps that batch, acknowledges nothing and so lets the broker keep the rest.
    `on_database` is told what is wrong with the database, and None when nothing is any more.
    """

    def __init__(
        self,
        settings: IngestSettings,
        *,
        inbox: Inbox,
        session: Session,
        sparkplug: SparkplugHost | None,
        metrics: Metrics,
        clock_us: Callable[[], int],
        on_database: Callable[[str | None], None],
    ) -> None:
        self._settings, self._inbox, self._session, self._sparkplug = settings, inbox, session, sparkplug
        self._metrics, self._clock_us, self._on_database = metrics, clock_us, on_database
        self._database = Database(settings.database_url)
        self._commit = Commit(
            self._database,
            metrics,
            client_id=settings.ingest_client_id,
            max_payload_bytes=settings.ingest_max_payload_bytes,
            sparkplug=sparkplug,
        )

    def run(self) -> None:
        """Until the inbox is closed; what is not committed then is not acknowledged and comes again."""
        most, linger_s = self._settings.ingest_batch_messages, self._settings.ingest_linger_ms / 1_000
        try:
            self._until_done(lambda _: self._database.catalog(self._clock_us()), messages_held=0)
            while not self._inbox.is_closed:
                messages = self._inbox.take(most=most, linger_s=linger_s, idle_s=_IDLE_S)
                taken_us = self._clock_us()
                if messages and self._deliver(messages, taken_us):
                    self._session.acknowledge([message.mid for message in messages])
                    self._metrics.acknowledged(messages, taken_us, self._clock_us())
                self._tick(taken_us)
            if rest := self._inbox.rest_of_qos_0():
                self._deliver(rest, self._clock_us())
            self._commit.leave()
        except UnavailableError as error:
            _log.warning("left_without_database", error=str(error))
        finally:
            self._database.drop()

    def _tick(self, now_us: int) -> None:
        if self._sparkplug is not None:
            for command in self._sparkplug.commands(now_us):
                self._session.publish(command.topic, command.payload, qos=command.qos, retain=command.retain)
        if not self._inbox.is_closed:
            is_listening = self._session.is_ready
            try:
                self._until_done(lambda _: self._commit.tick(now_us, is_listening=is_listening), messages_held=0)
            except RefusedError:
                _log.exception("tick_failed")

    def _deliver(self, messages: Sequence[Message], received_us: int) -> bool:
        """Commit the messages, in halves when one of them cannot be; False when stopped before that was done."""
        try:
            return self._persist(messages, lambda batch: self._commit(batch, received_us))
        except Exception as error:  # noqa: BLE001  (whatever one message does, the others go on)
            self._database.forget_catalog()
            if len(messages) == 1:
                return self._deliver_one(messages[0], error, received_us)
        middle = len(messages) // 2
        return self._deliver(messages[:middle], received_us) and self._deliver(messages[middle:], received_us)

    def _deliver_one(self, message: Message, error: Exception, received_us: int) -> bool:
        """Once more, as another process may have written the same meanwhile; then nothing can be made of it."""
        try:
            return self._persist([message], lambda batch: self._commit(batch, received_us))
        except Exception as again:  # noqa: BLE001
            _log.exception("message_failed", topic=message.topic, first=str(error))
            failure = again
            return self._persist([message], lambda batch: self._commit.failed(batch[0], failure, received_us))

    def _persist(self, messages: Sequence[Message], commit: Callable[[Sequence[Message]], None]) -> bool:
        """Commit, again and again while the database is away; False when stopped before it came back."""

        def attempt_to(attempt: int) -> None:
            may_be_stored = attempt > 0 and self._commit.may_be_stored
            commit([message._replace(redelivered=True) for message in messages] if may_be_stored else messages)

        return self._until_done(attempt_to, messages_held=len(messages))

    def _until_done(self, step: Callable[[int], object], *, messages_held: int) -> bool:
        outage, attempt = Outage(messages_held=messages_held), 0
        while True:
            try:
                step(attempt)
            except UnavailableError as error:
                self._database.drop()
                self._metrics.failed(error, is_first=attempt == 0)
                self._on_database(str(error))
                if self._inbox.rest(outage.failed(error, self._clock_us())):
                    return False
                attempt += 1
            else:
                outage.over(self._clock_us())
                self._on_database(None)
                return True
