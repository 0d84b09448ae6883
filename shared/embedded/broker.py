"""One MQTT broker in a folder, on loopback: mosquitto, or amqtt for a trial."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

from shared.embedded import process
from shared.embedded.account import Account
from shared.embedded.binaries import Broker

_SIGNALS = [(SIGTERM, 10.0)]
_LARGEST_PACKET_BYTES = 64 * 1024 * 1024


Configure = Callable[[int, Path], str]


@contextmanager
def running(
    broker: Broker, folder: Path, account: Account, *, save_s: int = 30, configure: Configure | None = None
) -> Iterator[str]:
    """Start the broker with its data below `folder` and yield its URL; raises UnavailableError when it fails.

    Killed, it forgets what it acknowledged since it last saved its queues, which it does about every `save_s`.
    `configure` gives mosquitto another configuration, from the port it is awaited at and the folder for its data.
    """
    name = "mosquitto" if broker.mosquitto else "amqtt"
    pid_file, log, configuration = (folder / f"{name}.{suffix}" for suffix in ("pid", "log", "conf"))
    if pid_file.exists():
        process.end_leftover(
            int(pid_file.read_text(encoding="ascii")), known_by=f"-c {configuration}", signals=_SIGNALS
        )
    port = process.port_for(name, folder)
    if broker.mosquitto:
        data = folder / name
        data.mkdir(exist_ok=True)
        account.own(data)
        text = configure(port, data) if configure else _mosquitto(port, data, save_s)
        configuration.write_text(text, encoding="utf-8")
        command = [str(broker.mosquitto), "-c", str(configuration)]
    else:
        configuration.write_text(_amqtt(port), encoding="utf-8")
        command = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(configuration)]
        # Not the servers' account, which may not reach this Python; amqtt does not mind root.
        account = Account(uid=os.geteuid(), gid=os.getegid())
    configuration.chmod(0o644)
    server = process.launch(command, account=account, log=log, last_signal=SIGTERM)
    try:
        pid_file.write_text(str(server.pid), encoding="ascii")
        process.await_port(server, port, log=log)
        yield f"mqtt://127.0.0.1:{port}{'' if broker.mosquitto else '?protocol=3.1.1'}"
    finally:
        process.stop(server, _SIGNALS)
        pid_file.unlink(missing_ok=True)


def _mosquitto(port: int, data: Path, save_s: int) -> str:
    # Its defaults, 20 messages in flight and 1,000 queued, would drop what ingest has not stored yet.
    return f"""\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {data}/
autosave_interval {save_s}
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 65535
max_packet_size {_LARGEST_PACKET_BYTES}
log_type error
log_type warning
log_type notice
connection_messages false
"""


def _amqtt(port: int) -> str:
    return json.dumps(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
