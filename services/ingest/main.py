"""Puts ingest together: paho's thread fills the inbox, the writer empties it, the first signal ends both in order."""

import signal
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Final

import structlog

from services.ingest import content, replays
from services.ingest.inbox import Inbox
from services.ingest.metrics import Metrics
from services.ingest.pipeline import Pipeline
from services.ingest.sparkplug import state
from services.ingest.sparkplug.host import SparkplugHost
from services.ingest.sparkplug.topic import SUBSCRIPTION as SPARKPLUG
from services.ingest.subscriber import Subscriber
from shared import logs, topics
from shared.clock import now_us
from shared.db import probe
from shared.health import Health, Part
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
    inbox = Inbox(_INBOX_BYTES, weigh=partial(content.weight, max_payload_bytes=settings.ingest_max_payload_bytes))
    broker = Part(now_us, "not connected yet")
    database = Part(now_us, probe=lambda: probe.database(settings.database_url))
    health = Health({"broker": broker, "database": database})
    metrics.watch(health)

    def on_ready() -> None:
        broker.report(None)
        _log.info("ingest_ready", client_id=settings.ingest_client_id)

    def on_lost() -> None:
        broker.report("the connection is lost")
        metrics.reconnects.labels("broker").inc()

    sparkplug = _sparkplug(settings)
    subscriber = Subscriber(
        mqtt_url=settings.mqtt_url,
        client_id=settings.ingest_client_id,
        subscriptions=_subscriptions(settings),
        # Above the batch size, so that batches arrive while one is written.
        receive_maximum=min(3 * settings.ingest_batch_messages, _LARGEST_RECEIVE_MAXIMUM),
        is_tapping=settings.ingest_reader == "tap",
        inbox=inbox,
        on_received=lambda messages: metrics.messages.inc(len(messages)),
        on_ready=on_ready,
        on_lost=on_lost,
        own_state=None if sparkplug is None else lambda: state.messages(sparkplug.host_id, now_us() // 1_000),
    )
    metrics.unacknowledged.set_function(lambda: subscriber.unacknowledged)
    pipeline = Pipeline(
        settings,
        inbox=inbox,
        session=subscriber,
        sparkplug=sparkplug,
        metrics=metrics,
        clock_us=now_us,
        on_database=database.report,
    )
    port, host = settings.ingest_metrics_port, settings.metrics_host
    observed = served(metrics.registry, port, "VOUCH_INGEST_METRICS_PORT", health=health, host=host)
    with observed, replays.served(settings, now_us):
        _run_until_signal(subscriber, inbox, pipeline)
    _log.info("ingest_stopped")


def _subscriptions(settings: IngestSettings) -> list[str]:
    share = "" if settings.ingest_share is None else f"$share/{settings.ingest_share}/"
    # The messages of a Sparkplug node have an order that one process must see.
    return [share + topics.SUBSCRIPTION, *([] if settings.sparkplug_host_id is None else [SPARKPLUG])]


def _sparkplug(settings: IngestSettings) -> SparkplugHost | None:
    if settings.sparkplug_host_id is None:
        return None
    return SparkplugHost(
        settings.sparkplug_host_id,
        reorder_wait_us=settings.sparkplug_reorder_wait_ms * 1_000,
        max_payload_bytes=settings.ingest_max_payload_bytes,
    )


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
