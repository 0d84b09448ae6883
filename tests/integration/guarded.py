"""The broker as it is shipped: deploy/mosquitto/mosquitto.conf with a folder of `vouch broker init`, on loopback."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from services.devices import broker_folder
from services.devices.authority import Authority
from shared.broker import Broker
from shared.embedded import broker, process
from shared.embedded.binaries import Programs

SHIPPED = Path(__file__).parents[2] / "deploy" / "mosquitto" / "mosquitto.conf"
NOT_AUTHORISED = 0x87
DISCONNECT_WITH_WILL = 0x04
LIMIT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A running broker of the shipped configuration; `env` is what `admin.env` and `ingest.env` say, together."""

    password_port: int
    certificate_port: int
    env: dict[str, str]
    accounts: Path
    made: Path
    pid: int

    @property
    def ca_file(self) -> Path:
        return Path(self.env["VOUCH_MQTT_CA_FILE"])

    @property
    def authority(self) -> Authority:
        return broker_folder.authority(Path(self.env["VOUCH_MQTT_AUTHORITY"]))

    @property
    def ingest(self) -> tuple[str, str]:
        """Username and password of ingest's account."""
        return _account(self.env["VOUCH_MQTT_URL"])

    @property
    def admin(self) -> tuple[str, str]:
        """Username and password of the administrator's account."""
        return _account(self.env["VOUCH_MQTT_ADMIN_URL"])

    def account_names(self) -> set[str]:
        """Usernames in the file that mosquitto keeps."""
        return {client["username"] for client in json.loads(self.accounts.read_text())["clients"]}


@contextmanager
def running(programs: Programs, folder: Path) -> Iterator[Guarded]:
    """Only what cannot be the same outside the image is put in place: paths, ports, and the address to listen at."""
    folder.mkdir()
    folder.chmod(0o755)
    made = folder / "made"
    broker_folder.create(made, hosts=["localhost", "127.0.0.1"], service_host=None, now=datetime.now(UTC))
    # What the image's entry point does with what is mounted there.
    place = (made / "broker").rename(folder / "vouch")
    for path in (place, *place.iterdir()):
        programs.account.own(path)
    certificate_port = process.port_for("certificates", folder)

    def configure(port: int, data: Path) -> str:
        mosquitto = programs.broker.mosquitto
        assert mosquitto
        text = SHIPPED.read_text(encoding="utf-8")
        for shipped, here in {
            "/usr/lib/mosquitto_dynamic_security.so": str(_plugin(mosquitto)),
            "/mosquitto/vouch/": f"{place}/",
            "/mosquitto/data/": f"{data}/",
            "listener 8883": f"listener {port} 127.0.0.1",
            "listener 8884": f"listener {certificate_port} 127.0.0.1",
        }.items():
            assert shipped in text
            text = text.replace(shipped, here)
        return text

    with broker.running(programs.broker, folder, programs.account, configure=configure) as url:
        port = urlsplit(url).port
        assert port
        env = {}
        for line in "".join((made / name).read_text() for name in ("admin.env", "ingest.env")).splitlines():
            name, _, value = line.partition("=")
            env[name] = value.replace(":8883", f":{port}").replace(":8884", f":{certificate_port}")
        yield Guarded(
            password_port=port,
            certificate_port=certificate_port,
            env=env,
            accounts=place / "dynamic-security.json",
            made=made,
            pid=int((folder / "mosquitto.pid").read_text(encoding="ascii")),
        )


def _account(url: str) -> tuple[str, str]:
    address = Broker.parse(url)
    return address.username or "", address.password


def _plugin(mosquitto: Path) -> Path:
    for folder in ("lib", "lib/*", "lib64"):
        for found in mosquitto.resolve().parents[1].glob(f"{folder}/mosquitto_dynamic_security.so"):
            return found
    raise AssertionError(f"no dynamic security plugin beside {mosquitto}")


class Party:
    """A client of the test's own: what each packet was answered with, and what it was sent. Connects on `with`."""

    def __init__(
        self, guarded: Guarded, username: str | None, password: str | None = None, *, client_id: str | None = None,
        certificate: Path | None = None, will: str | None = None,
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5, keep_alive_s: int = 60,
    ) -> None:  # fmt: skip
        self.received: list[tuple[str, bytes]] = []
        self.connack: ReasonCode | None = None
        self.lost: ReasonCode | None = None
        self._changed = threading.Condition()
        self._answers: dict[int, ReasonCode] = {}
        self._keep_alive_s = keep_alive_s
        self._port = guarded.certificate_port if certificate else guarded.password_port
        client_id = client_id if client_id is not None else username or ""
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol, reconnect_on_failure=False
        )
        if username is not None:
            client.username_pw_set(username, password)
        context = ssl.create_default_context(cafile=guarded.ca_file)
        if certificate:
            context.load_cert_chain(certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
        client.tls_set_context(context)
        if will:
            client.will_set(will, b"gone", qos=1)
        client.on_connect = lambda _c, _u, _f, reason, _p: self._note("connack", reason)
        client.on_disconnect = lambda _c, _u, _f, reason, _p: self._note("lost", reason)
        client.on_publish = lambda _c, _u, mid, reason, _p: self._answer(mid, reason)
        client.on_subscribe = lambda _c, _u, mid, reasons, _p: self._answer(mid, reasons[0])
        client.on_message = lambda _c, _u, message: self.received.append((message.topic, bytes(message.payload)))
        self._client = client

    def __enter__(self) -> "Party":
        self._client.connect("127.0.0.1", self._port, keepalive=self._keep_alive_s)
        self._client.loop_start()
        with self._changed:
            assert self._changed.wait_for(lambda: self.connack or self.lost, LIMIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        client = self._client
        client.disconnect()
        client.loop_stop()
        # They refer to us and we to the client, which closes its sockets when nothing refers to it any more.
        client.on_connect = client.on_disconnect = client.on_subscribe = client.on_publish = client.on_message = None

    @property
    def is_refused(self) -> bool:
        return self.connack is not None and self.connack.value == NOT_AUTHORISED

    def publish(self, topic: str, payload: bytes = b"{}") -> int:
        """Reason code of the acknowledgement."""
        return self._answered(self._client.publish(topic, payload, qos=1).mid)

    def subscribe(self, topic: str) -> int:
        """Reason code of the acknowledgement."""
        _, mid = self._client.subscribe(topic, qos=1)
        assert mid
        return self._answered(mid)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish without waiting for an answer."""
        self._client.publish(topic, payload, qos=1)

    def leave_with_will(self) -> None:
        """Disconnect in the way that has the broker send the last will."""
        self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=DISCONNECT_WITH_WILL))

    def loss(self) -> str:
        """Wait until the broker ends the connection; why."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.lost, LIMIT_S), "the connection was not ended"
        return str(self.lost)

    def _answered(self, mid: int) -> int:
        with self._changed:
            assert self._changed.wait_for(lambda: mid in self._answers or self.lost, LIMIT_S), "no answer"
            return self._answers[mid].value

    def _answer(self, mid: int, reason: ReasonCode) -> None:
        with self._changed:
            self._answers[mid] = reason
            self._changed.notify_all()

    def _note(self, what: str, reason: ReasonCode) -> None:
        with self._changed:
            setattr(self, what, reason)
            self._changed.notify_all()
