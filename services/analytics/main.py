"""Analytics, the process: by NOTIFY and by timer it judges, delivers, foretells and learns; it survives an outage."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import perf_counter
from typing import Final

import structlog
from prometheus_client import REGISTRY

from services.analytics import metrics
from services.analytics.alerts.delivery import deliver_due
from services.analytics.aside import on_one_core
from services.analytics.foretelling.foretell import foretell_due
from services.analytics.learning.train import learn_due
from services.analytics.refresh import Pass, run_once
from shared.clock import now_us
from shared.db import dirty, notify, outbox, probe
from shared.db.pool import AsyncConnection, connect_async
from shared.errors import UnavailableError
from shared.health import Health, Part
from shared.instant import SECOND_US
from shared.logs import configure
from shared.metrics_endpoint import served
from shared.model.alert import AlertState
from shared.settings import AnalyticsSettings

_log = structlog.get_logger(__name__)
_Work = Callable[[AsyncConnection], Awaitable[None]]

# Live machines mark something dirty many times a second: between two rounds the marks gather for so long.
_GATHER_S: Final = 1.0
_SHORTEST_WAIT_S: Final = 0.2
_LONGEST_RECONNECT_S: Final = 30.0
# How often it is looked whether there is something to learn from.
_LEARN_EVERY_S: Final = 60.0


def run(settings: AnalyticsSettings) -> None:
    """Serve until SIGTERM or SIGINT; the pass and the message under way are finished first."""
    configure(settings.log_format)
    health = Health({"database": Part(now_us, probe=lambda: probe.database(settings.database_url))})
    port, host = settings.analytics_metrics_port, settings.metrics_host
    with served(REGISTRY, port, "VOUCH_ANALYTICS_METRICS_PORT", health=health, host=host):
        asyncio.run(_Analytics(settings).serve())


class _Analytics:
    """Five tasks, each on its own connection: they listen, judge, deliver, foretell and learn."""

    def __init__(self, settings: AnalyticsSettings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._bells = {notify.DIRTY: asyncio.Event(), notify.OUTBOX: asyncio.Event()}

    async def serve(self) -> None:
        on_one_core()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(initializer=on_one_core))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._end)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._connected("listen", self._listen))
            tasks.create_task(self._connected("judge", self._judge))
            tasks.create_task(self._connected("deliver", self._deliver))
            foretelling = tasks.create_task(self._connected("foretell", self._foretell))
            learning = tasks.create_task(self._connected("learn", self._learn))
            await self._stop.wait()
            # What the last two were at is done again by whoever comes next; a training may take minutes.
            for task in (listening, foretelling, learning):
                task.cancel()
        _log.info("analytics_stopped")

    def _end(self) -> None:
        self._stop.set()
        for bell in self._bells.values():
            bell.set()

    async def _connected(self, task: str, work: _Work) -> None:
        """Run `work` on a connection, and again on a new one when the database was away, until the stop."""
        wait_s = _SHORTEST_WAIT_S
        while not self._stop.is_set():
            try:
                async with connect_async(self._settings.database_url) as connection:
                    wait_s = _SHORTEST_WAIT_S
                    await work(connection)
            except UnavailableError as error:
                _log.warning("database_unavailable", task=task, error=str(error), retry_in_s=wait_s)
                await _wait(self._stop, wait_s)
                wait_s = min(2 * wait_s, _LONGEST_RECONNECT_S)

    async def _listen(self, connection: AsyncConnection) -> None:
        async for channel in notify.listen(connection, *self._bells):
            self._bells[channel].set()

    async def _judge(self, connection: AsyncConnection) -> None:
        _log.info("analytics_ready")
        while not self._stop.is_set():
            await self._round(connection, now_us())
            await _wait(self._stop, _GATHER_S)
            await _wait(self._bells[notify.DIRTY], self._settings.analytics_interval_s)
            self._bells[notify.DIRTY].clear()

    async def _round(self, connection: AsyncConnection, at_us: int) -> None:
        """Passes back to back until nothing is left that was dirty before `at_us`."""
        is_full = True
        while is_full and not self._stop.is_set():
            started = perf_counter()
            done = await run_once(connection, at_us)
            _count(done, perf_counter() - started)
            metrics.BACKLOG.set(await dirty.waiting(connection, at_us))
            is_full = done.is_full

    async def _deliver(self, connection: AsyncConnection) -> None:
        while not self._stop.is_set():
            await deliver_due(connection, now_us())
            pending = await outbox.pending(connection)
            metrics.OUTBOX.set(pending.count)
            wait_s = self._settings.analytics_interval_s
            if pending.next_attempt_us is not None:
                due_in_s = (pending.next_attempt_us - now_us()) / SECOND_US
                wait_s = min(wait_s, max(due_in_s, _SHORTEST_WAIT_S))
            await _wait(self._bells[notify.OUTBOX], wait_s)
            self._bells[notify.OUTBOX].clear()

    async def _foretell(self, connection: AsyncConnection) -> None:
        while not self._stop.is_set():
            started = perf_counter()
            made = await foretell_due(connection, now_us())
            if made:
                metrics.PREDICTIONS.inc(made)
                await notify.send(connection, notify.JUDGED)
                _log.info("foretold", predictions=made, seconds=round(perf_counter() - started, 3))
            await _wait(self._stop, self._settings.analytics_interval_s)

    async def _learn(self, connection: AsyncConnection) -> None:
        while not self._stop.is_set():
            await learn_due(connection, now_us())
            await _wait(self._stop, _LEARN_EVERY_S)


def _count(done: Pass, seconds: float) -> None:
    metrics.PASSES.inc()
    metrics.PASS_SECONDS.observe(seconds)
    metrics.WINDOWS.inc(done.windows)
    metrics.ASSESSMENTS.inc(done.assessments)
    for made in done.transitions:
        metrics.TRANSITIONS.labels(kind=made.kind, to_state=made.to_state).inc()
        event = "alert_opened" if made.to_state is AlertState.OPEN else "alert_closed"
        _log.info(event, kind=made.kind, subject=made.subject, reason=made.reason)
    if done.is_full:
        _log.info("backlog_pass", assets=done.assets, windows=done.windows, seconds=round(seconds, 3))


async def _wait(event: asyncio.Event, limit_s: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), limit_s)
