"""Quarantined messages on their second way: read again as they came, and what is good now is stored.

A message is held against the fleet of today and the clock of then: its times were plausible or not when it came.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from services.ingest import late, stored
from services.ingest.batch import rejections
from services.ingest.inbox import Message
from services.ingest.sparkplug.host import SparkplugHost
from shared.db import backfills, catalog, replays, telemetry
from shared.db.catalog import Catalog
from shared.db.pool import Connection, connect
from shared.db.replays import HeldMessage
from shared.db.telemetry import RefusedError
from shared.errors import UnavailableError
from shared.settings import IngestSettings

# Messages may be large and are held at once: a transaction takes few.
_PARTS_AT_ONCE: Final = 50
_POLL_S: Final = 0.5
# What NOTIFY could not tell, because the connection was being made, is found after this.
_LOOK_AGAIN_S: Final = 5.0
_RETRY_S: Final = 2.0

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a replay came to: messages tried, parts resolved, parts that still fail."""

    messages: int = 0
    resolved: int = 0
    failing: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            messages=self.messages + other.messages,
            resolved=self.resolved + other.resolved,
            failing=self.failing + other.failing,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """Reads messages again on behalf of `by`, against the fleet `known`."""

    connection: Connection
    known: Catalog
    by: str
    now_us: int
    max_payload_bytes: int

    def run(self, ids: Sequence[int], advance: Callable[[int], object] = lambda _: None) -> Outcome:
        """Replay the messages of these parts, each whole and once; a part that fails now stays, with its new reason.

        `advance` is told how many of `ids` are done. Raises UnavailableError; what is done by then stays done.
        """
        outcome = Outcome()
        tried: set[int] = set()
        for start in range(0, len(ids), _PARTS_AT_ONCE):
            chunk = ids[start : start + _PARTS_AT_ONCE]
            outcome += self._attempt([row_id for row_id in chunk if row_id not in tried], tried)
            advance(len(chunk))
        return outcome

    def _attempt(self, ids: Sequence[int], tried: set[int]) -> Outcome:
        """All messages in one transaction; in halves when the database refuses one of them."""
        held: list[HeldMessage] = []
        outcome = Outcome()
        try:
            with telemetry.transaction(self.connection):
                held = replays.lock(self.connection, ids)
                for alike in _alike(held):
                    outcome += self._store(alike)
        except RefusedError as error:
            if len(held) > 1:
                middle = len(held) // 2
                parts = [message.parts[0].id for message in held]
                return self._attempt(parts[:middle], tried) + self._attempt(parts[middle:], tried)
            _log.warning("replay_refused", topics=[message.topic for message in held], error=str(error))
            outcome = self._leave(held)
        tried.update(row.id for message in held for row in message.parts)
        return outcome

    def _store(self, held: Sequence[HeldMessage]) -> Outcome:
        """Messages that came at one moment, in the same units; what of them was stored then is a duplicate now."""
        messages = [_message(message) for message in held]
        sparkplug = SparkplugHost("", reorder_wait_us=0, max_payload_bytes=self.max_payload_bytes)
        sparkplug.begin(self.connection, self.now_us)
        batch = late.read(
            messages,
            self.known.as_stored(stored.names(held[0].content_type)),
            held[0].received_us,
            max_payload_bytes=self.max_payload_bytes,
            sparkplug=sparkplug,
        )
        written = telemetry.store(self.connection, batch.facts)
        backfills.note_facts(self.connection, written.newest_us)
        faults = batch.faults(written)
        outcome = Outcome()
        for place, message in enumerate(held):
            own = [fault._replace(message=0) for fault in faults if fault.message == place]
            remaining = rejections([messages[place]], own)
            resolved = replays.settle(self.connection, message, remaining, by=self.by, at_us=self.now_us)
            outcome += Outcome(messages=1, resolved=resolved, failing=len(remaining))
        return outcome

    def _leave(self, held: Sequence[HeldMessage]) -> Outcome:
        for message in held:
            replays.attempted(self.connection, message, self.now_us)
        return Outcome(messages=len(held), failing=sum(len(message.parts) for message in held))


def _alike(held: Sequence[HeldMessage]) -> Iterator[list[HeldMessage]]:
    """The messages in groups of one moment and of the same units, by time."""
    groups: dict[tuple[int, tuple[str, ...]], list[HeldMessage]] = {}
    for message in held:
        units = tuple(sorted(stored.names(message.content_type)))
        groups.setdefault((message.received_us, units), []).append(message)
    for _, group in sorted(groups.items()):
        yield group


def _message(held: HeldMessage) -> Message:
    return Message(
        held.topic, held.payload, None, redelivered=True, content_type=held.content_type, retained=held.retained
    )


@contextmanager
def served(settings: IngestSettings, clock_us: Callable[[], int]) -> Iterator[None]:
    """Carry out what the API asks for, in a thread and on a connection of its own, until the block ends."""
    worker = _Worker(settings, clock_us)
    thread = threading.Thread(target=worker.run, name="replays", daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.ended.set()
        thread.join()


class _Worker:
    """Waits for requests; while the database is away, for the database."""

    def __init__(self, settings: IngestSettings, clock_us: Callable[[], int]) -> None:
        self._settings, self._clock_us = settings, clock_us
        self.ended = threading.Event()

    def run(self) -> None:
        """Until `ended`."""
        while not self.ended.is_set():
            try:
                with connect(self._settings.database_url) as connection:
                    replays.listen(connection)
                    self._serve(connection)
            except UnavailableError:
                # The writer has logged it, and needs its connection more.
                self.ended.wait(_RETRY_S)

    def _serve(self, connection: Connection) -> None:
        while not self.ended.is_set():
            while not self.ended.is_set() and self._carry_out_next(connection):
                pass
            for _ in range(round(_LOOK_AGAIN_S / _POLL_S)):
                if self.ended.is_set() or replays.wait(connection, _POLL_S):
                    break

    def _carry_out_next(self, connection: Connection) -> bool:
        """Carry out the oldest request in one transaction with the note that it is done; False when there is none."""
        now_us = self._clock_us()
        with telemetry.transaction(connection):
            request = replays.take_request(connection)
            if request is None:
                return False
            try:
                outcome = Replay(
                    connection=connection,
                    known=catalog.load(connection),
                    by=request.requested_by,
                    now_us=now_us,
                    max_payload_bytes=self._settings.ingest_max_payload_bytes,
                ).run([request.quarantine_id])
                _log.info("quarantine_replayed", request=request.id, by=request.requested_by, failing=outcome.failing)
            except UnavailableError:
                raise
            except Exception:  # noqa: BLE001  (whatever one message does, the other requests go on)
                _log.exception("replay_failed", request=request.id)
            replays.finish(connection, request, now_us)
        return True
