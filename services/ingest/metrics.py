"""What ingest counts, for Prometheus; never a label per asset."""

from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from services.ingest.batch import Batch, Rejected
from services.ingest.inbox import Message
from shared.db.telemetry import Stored
from shared.db.trouble import FaultyDatabaseError
from shared.errors import UnavailableError
from shared.health import Health
from shared.instant import SECOND_US
from shared.model.facts import QuarantineReason

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BUCKETS_MESSAGES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 60_000)


class Metrics:
    """The meters of one ingest process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.messages = self._counter("messages", "Messages received, redelivered ones included")
        self.redelivered = self._counter("redelivered_messages", "Messages committed that the broker had sent before")
        self.readings = self._counter("readings", "Readings stored")
        self.duplicates = self._counter("duplicates", "Readings and events that were stored already", "kind")
        self.null_values = self._counter("null_values", "Values that were null")
        self.quarantined = self._counter("quarantined", "Messages, or parts of them, not stored", "reason")
        self.events = self._counter("events", "Events stored or closed")
        self.reconnects = self._counter("reconnects", "Connections lost", "to")
        self.failures = self._counter("commit_failures", "Attempts to commit that failed", "trouble")
        for reason in QuarantineReason:
            self.quarantined.labels(reason.value)
        for label in ("broker", "database"):
            self.reconnects.labels(label)
        for label in ("outage", "fault"):
            self.failures.labels(label)
        self.unacknowledged = Gauge(
            "vouch_ingest_unacknowledged", "Messages the broker waits for", registry=self.registry
        )
        self.commit_s = self._histogram("commit_seconds", "The transaction of a batch, begin to COMMIT", _BUCKETS_S)
        self.batch_s = self._histogram(
            "batch_seconds", "From taking a batch to its acknowledgement, outages included", _BUCKETS_S
        )
        self.batch_messages = self._histogram("batch_messages", "Messages of a batch", _BUCKETS_MESSAGES)
        self._up = Gauge(
            "vouch_ingest_up", "Whether the broker and the database are there", ["part"], registry=self.registry
        )
        self.lag_s = Gauge(
            "vouch_ingest_device_lag_seconds",
            "Receive time less the newest device time of the last batch",
            registry=self.registry,
        )

    def committed(self, batch: Batch, stored: Stored, faults: list[Rejected]) -> None:
        """Count a batch that is in the database."""
        self.readings.inc(stored.readings)
        self.events.inc(stored.events)
        self.null_values.inc(batch.checked.null_values)
        self.duplicates.labels("reading").inc(batch.checked.duplicates + stored.duplicate_readings)
        self.duplicates.labels("event").inc(stored.duplicate_events)
        for reason, count in Tally(rejected.fault.reason for rejected in faults).items():
            self.quarantined.labels(reason.value).inc(count)
        at_us = batch.facts.readings.at_us
        if len(at_us):
            self.lag_s.set((batch.facts.received_us - int(at_us.max())) / SECOND_US)

    def acknowledged(self, messages: Sequence[Message], taken_us: int, now_us: int) -> None:
        """Count a batch that the broker has been told of."""
        self.batch_messages.observe(len(messages))
        self.batch_s.observe((now_us - taken_us) / SECOND_US)
        self.redelivered.inc(sum([message.redelivered for message in messages]))

    def failed(self, error: UnavailableError, *, is_first: bool) -> None:
        """Count an attempt to commit that failed."""
        self.failures.labels("fault" if isinstance(error, FaultyDatabaseError) else "outage").inc()
        if is_first:
            self.reconnects.labels("database").inc()

    def watch(self, health: Health) -> None:
        """Show how the parts of the process are."""
        for name, part in health.parts.items():
            self._up.labels(name).set_function(lambda part=part: part.last.ok)

    def _histogram(self, name: str, what: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"vouch_ingest_{name}", what, buckets=buckets, registry=self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"vouch_ingest_{name}", what, labels, registry=self.registry)
