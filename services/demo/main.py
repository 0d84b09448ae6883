"""The demo's composition root: servers, schema, services, history, the table, then live until Ctrl-C."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from types import FrameType

from rich.console import Console
from rich.markup import escape

from services.demo import board, children, detected, history, receiver, registry, story
from services.demo.live import Voice
from services.demo.stage import Stage
from services.demo.story import Story
from services.devices import simulated
from services.devices.publisher import Publisher
from shared import embedded
from shared.clock import now_us
from shared.embedded.process import port_for
from shared.errors import ConfigError
from shared.simulate.fleet import Fleet

_HOST = "127.0.0.1"
_READY_LIMIT_S = 60.0
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(*, folder: Path, days: int, port: int) -> None:
    """Start everything with its data in `folder`, show the contracts, publish live until Ctrl-C or SIGTERM.

    A later start in the same folder goes on with the same story; `days` is then what it was. Port 0: any free one.
    Raises ConfigError for a port in use, UnavailableError when a part does not come up or ends.
    """
    console = Console(highlight=False)
    api_port = _free(port)
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with _ended_by_signals() as asked_to_end:
        try:
            _perform(console, folder, days, api_port)
        except BaseException:
            # Interrupted anywhere, what was under way may complain with an error of its own.
            if not asked_to_end.is_set():
                raise
    console.print("stopped; the next start goes on from here")


def _perform(console: Console, folder: Path, days: int, api_port: int) -> None:
    with embedded.start(folder) as servers:
        console.print(servers.origin, soft_wrap=True)
        told = _story(console, folder, days)
        alerts_port = port_for("alerts", folder)
        key = registry.prepare(servers.database_url, folder, told, alerts_port=alerts_port, now_us=now_us())
        api = board.Api(host=_HOST, port=api_port, key=key)
        with (
            receiver.listening(alerts_port, lambda title, text: _tell(console, title, text)),
            children.running(folder, _settings(servers, api_port)) as services,
        ):
            stage = Stage(console=console, folder=folder, children=services, api=api, database_url=servers.database_url)
            _play(stage, servers.mqtt_url, told)


def _play(stage: Stage, mqtt_url: str, told: Story) -> None:
    fleet = Fleet(told.era, told.seed)
    stage.children.start("ingest")
    stage.children.start("api")
    stage.wait(stage.api.is_ready, _READY_LIMIT_S, "the API to be ready")
    with Publisher(mqtt_url, client_id="vouch-demo-devices") as publisher:
        simulated.await_listener(publisher, int(time.time()), _READY_LIMIT_S)
        told = history.publish(stage, publisher, fleet, told, until_s=int(time.time()))
        # Only now: judged half way, the missing rest would look like silence and alert everyone.
        stage.children.start("analytics")
        voice = Voice(stage, publisher, fleet, told)
        standings = history.judge(stage, voice, now_us())
        history.foretell(stage, voice, fleet.last_samples(told.published_to_s))
        _show(stage, fleet, told, standings)
        stage.console.print("live: one message a second a machine; Ctrl-C ends. Alerts appear here.")
        voice.speak_on()


def _tell(console: Console, title: str, text: str) -> None:
    console.print(f"[bold yellow]alert[/]  {escape(title)}\n{escape(indent(text, ' ' * 7))}", soft_wrap=True)


def _story(console: Console, folder: Path, days: int) -> Story:
    told = story.load(folder)
    if told is None:
        told = story.begin(int(time.time()), days)
        story.save(folder, told)
    else:
        console.print(f"going on with the demo in {folder}")
    return told


def _settings(servers: embedded.Servers, api_port: int) -> dict[str, str]:
    return {
        "VOUCH_DATABASE_URL": servers.database_url,
        "VOUCH_MQTT_URL": servers.mqtt_url,
        "VOUCH_API_HOST": _HOST,
        "VOUCH_API_PORT": str(api_port),
        "VOUCH_ANALYTICS_INTERVAL_S": "5",
    }


def _show(stage: Stage, fleet: Fleet, told: Story, standings: list[dict[str, object]]) -> None:
    stage.console.print(board.standings(standings))
    card = detected.scored(stage.api, fleet, told)
    stage.console.print(detected.table(card))
    stage.console.print(detected.summary(card), soft_wrap=True)
    stage.console.print(f"the same as JSON: {detected.save(stage.folder, card)}", soft_wrap=True)
    stage.console.print(f"overview: [bold]{stage.api.page}[/]", soft_wrap=True)


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise ConfigError(f"port {port}: {error.strerror}; name another with --port (0: any free one)") from error
        return probe.getsockname()[1]


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """The first signal sets the event and interrupts the block; further ones do nothing, not even to the end."""
    asked = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        if not asked.is_set():
            asked.set()
            raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in _ENDINGS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
