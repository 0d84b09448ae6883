"""Puts ingest together: paho's thread fills the inbox, the writer empties it, the first signal ends both in order."""

import signal
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

import structlog

from services.ingest.inbox import Inbox
from services.ingest.metrics import Metrics
from services.ingest.pipeline import Pipeline
from services.ingest.subscriber import Subscriber
from shared import logs, topics
from shared.clock import now_us
from shared.metrics_endpoint import served
from shared.settings import IngestSettings

_LARGEST_RECEIVE_MAXIMUM: Final = 65_535
_INBOX_BYTES: Final = 48 * 1024 * 1024
_POLL_S: Final = 0.2

_log = structlog.get_logger()


def run(settings: IngestSettings) -> None:
    """Ingest until SIGTERM or SIGINT: the current batch is committed and acknowledged, then the session is left."""
    logs.configure(settings.log_format)
    metrics = Metrics()
    inbox = Inbox(_INBOX_BYTES)

    subscriber = Subscriber(
        mqtt_url=settings.mqtt_url,
        client_id=settings.ingest_client_id,
        subscriptions=[topics.SUBSCRIPTION],
        # Above the batch size, so that batches arrive while one is written.
        receive_maximum=min(3 * settings.ingest_batch_messages, _LARGEST_RECEIVE_MAXIMUM),
        is_tapping=settings.ingest_reader == "tap",
        inbox=inbox,
        on_received=lambda messages: metrics.messages.inc(len(messages)),
        on_ready=lambda: _log.info("ingest_ready", client_id=settings.ingest_client_id),
        on_lost=metrics.reconnects.labels("broker").inc,
    )
    metrics.unacknowledged.set_function(lambda: subscriber.unacknowledged)
    pipeline = Pipeline(settings, inbox=inbox, acknowledge=subscriber.acknowledge, metrics=metrics, clock_us=now_us)
    with served(metrics.registry, settings.ingest_metrics_port, "VOUCH_INGEST_METRICS_PORT"):
        _run_until_signal(subscriber, inbox, pipeline)
    _log.info("ingest_stopped")


def _run_until_signal(subscriber: Subscriber, inbox: Inbox, pipeline: Pipeline) -> None:
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: signals.append(received))
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer") as executor:
        writer = executor.submit(pipeline.run)
        subscriber.start()
        while not signals and not writer.done():
            wait([writer], timeout=_POLL_S)
        inbox.close()
        wait([writer])
        subscriber.stop()
        writer.result()
