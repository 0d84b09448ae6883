"""What ingest counts, for Prometheus; never a label per asset."""

from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.ingest.batch import Batch, Rejected
from shared.db.telemetry import Stored
from shared.instant import SECOND_US

_COMMIT_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The meters of one ingest process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = self._counter("messages", "Messages received, redelivered ones included")
        self.readings = self._counter("readings", "Readings stored")
        self.duplicates = self._counter("duplicates", "Readings and events that were stored already", "kind")
        self.null_values = self._counter("null_values", "Values that were null")
        self.quarantined = self._counter("quarantined", "Messages, or parts of them, not stored", "reason")
        self.events = self._counter("events", "Events stored or closed")
        self.reconnects = self._counter("reconnects", "Connections lost", "to")
        self.unacknowledged = Gauge(
            "vouch_ingest_unacknowledged", "Messages the broker waits for", registry=self.registry
        )
        self.commit_s = Histogram(
            "vouch_ingest_commit_seconds",
            "From the payloads of a batch to its COMMIT",
            buckets=_COMMIT_BUCKETS_S,
            registry=self.registry,
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

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"vouch_ingest_{name}", what, labels, registry=self.registry)
