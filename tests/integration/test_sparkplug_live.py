"""An edge node against ingest as a process: born, read by alias, asked to be born again, dead by its will."""

import json
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen

import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from services.ingest.replays import Replay
from services.ingest.sparkplug import payload
from services.ingest.sparkplug.number import DataType
from services.ingest.sparkplug.payload import Report
from shared import fleet
from shared.broker import Broker
from shared.clock import now_us
from shared.db import catalog
from shared.db import fleet as fleets
from shared.db.pool import Connection
from tests.edge_node import GROUP, NODE, EdgeNode, metric
from tests.waiting import wait_for

LIMIT_S = 20.0
STATE = "spBv1.0/STATE/vouch"
FLEET = {
    "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}],
    "sites": [{"customer": "lechtal", "slug": "kempten", "name": "Kempten"}],
    "models": [
        {
            "slug": "compressor",
            "name": "Compressor",
            "telemetry_hold_s": 300,
            "sensors": [{"name": "power_kw", "unit": "kW"}, {"name": "temp", "unit": "degC"}],
        }
    ],
    "assets": [
        {
            "customer": "lechtal",
            "site": "kempten",
            "slug": "c1",
            "name": "Compressor 1",
            "model": "compressor",
            "sparkplug": {"group": GROUP, "node": NODE, "device": "compressor-1"},
        }
    ],
}


class Client:
    """An MQTT client that keeps what it gets."""

    def __init__(self, mqtt_url: str, will: tuple[str, bytes] | None) -> None:
        self.got: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self._subscribed: queue.Queue[None] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _client, _userdata, message: self.got.put(message)
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        if will is not None:
            self._client.will_set(*will, qos=1)
        broker = Broker.parse(mqtt_url)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._subscribed.get(timeout=LIMIT_S)

    def say(self, *sent: tuple[str, bytes]) -> None:
        """At QoS 0, as edge nodes do."""
        for topic, data in sent:
            self._client.publish(topic, data, qos=0).wait_for_publish(LIMIT_S)

    def die(self) -> None:
        """Without a word: the broker has to publish the will."""
        self._client.loop_stop()
        connected = self._client.socket()
        if connected is not None:
            connected.close()

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def client(mqtt_url: str, will: tuple[str, bytes] | None = None) -> Iterator[Client]:
    opened = Client(mqtt_url, will)
    yield opened
    opened.leave()


def host_state(mqtt_url: str) -> tuple[bool, bool]:
    """What a client is told that comes now: whether it is retained, and whether the host is online."""
    with client(mqtt_url) as newcomer:
        newcomer.subscribe(STATE)
        try:
            said = newcomer.got.get(timeout=1)
        except queue.Empty:
            return False, False
        return said.retain, json.loads(said.payload)["online"]


def stored(connection: Connection) -> list[tuple[str, float]]:
    return connection.execute(
        "SELECT s.name, r.value FROM reading r JOIN sensor s ON s.id = r.series_id ORDER BY r.at, s.name"
    ).fetchall()


@pytest.fixture
def ingest(service: Callable[..., Popen[bytes]], connection: Connection, mqtt_url: str) -> Popen[bytes]:
    """A host application for one compressor, online."""
    fleets.save(connection, fleet.parse(yaml.safe_dump(FLEET), "test"))
    started = service("ingest", VOUCH_SPARKPLUG_HOST_ID="vouch", VOUCH_SPARKPLUG_REORDER_WAIT_MS="200")
    wait_for(lambda: host_state(mqtt_url) == (True, True), what="the retained STATE of the host")
    return started


def connection_state(connection: Connection) -> str | None:
    row = connection.execute("SELECT state FROM asset_connection").fetchone()
    return None if row is None else row[0]


def test_an_edge_node_is_born_read_asked_to_be_born_again_and_dies_by_its_will(
    ingest: Popen[bytes], connection: Connection, mqtt_url: str
) -> None:
    started_ms = now_us() // 1_000 - 60_000
    node = EdgeNode(at_ms=started_ms, bd_seq=4)
    power = metric("Power_kW", 71.5, alias=1, unit="kW")
    temp = metric("Motor 1/Temp", -3, DataType.INT16, alias=2)
    with client(mqtt_url, will=node.death()) as edge:
        edge.subscribe(f"spBv1.0/{GROUP}/NCMD/{NODE}")
        edge.say(node.birth(), node.device_birth("compressor-1", power, temp))
        wait_for(lambda: stored(connection) == [("power_kw", 71.5), ("temp", -3.0)], what="the values of the birth")
        assert connection_state(connection) == "online"

        node.at_ms += 1_000
        edge.say(node.data(metric(None, 72.5, write_type=False, alias=1), device="compressor-1"))
        node.skip()
        node.at_ms += 1_000
        edge.say(node.data(metric(None, -4, DataType.INT16, alias=2), device="compressor-1"))
        asked = edge.got.get(timeout=LIMIT_S)
        report = payload.parse(bytes(asked.payload))
        assert isinstance(report, Report)
        assert [(said.name, said.value) for said in report.metrics] == [("Node Control/Rebirth", True)]
        assert stored(connection) == [("power_kw", 71.5), ("temp", -3.0), ("power_kw", 72.5), ("temp", -4.0)]

        node.at_ms += 1_000
        edge.say(node.birth(), node.device_birth("compressor-1", power, temp))
        wait_for(lambda: len(stored(connection)) == 6, what="the values of the second birth")
        edge.die()
        wait_for(lambda: connection_state(connection) == "offline", what="the node's death to take its device offline")
    losses = connection.execute("SELECT end_at FROM asset_event WHERE code = '$offline'").fetchall()
    assert losses == [(None,)]
    assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)

    ingest.kill()
    ingest.wait()
    wait_for(lambda: host_state(mqtt_url) == (True, False), what="the will of the host")


def test_a_host_that_comes_back_reads_by_the_births_it_knows_and_says_so(
    ingest: Popen[bytes], service: Callable[..., Popen[bytes]], connection: Connection, mqtt_url: str
) -> None:
    node = EdgeNode(at_ms=now_us() // 1_000 - 60_000)
    with client(mqtt_url, will=node.death()) as edge:
        edge.subscribe(f"spBv1.0/{GROUP}/NCMD/{NODE}")
        edge.say(node.birth(), node.device_birth("compressor-1", metric("Power_kW", 1.0, alias=1)))
        wait_for(lambda: len(stored(connection)) == 1, what="the value of the birth")
        ingest.terminate()
        ingest.wait()
        wait_for(lambda: host_state(mqtt_url) == (True, False), what="the host to say that it leaves")
        service("ingest", VOUCH_SPARKPLUG_HOST_ID="vouch")
        wait_for(lambda: host_state(mqtt_url) == (True, True), what="the host to be online again")
        node.at_ms += 1_000
        edge.say(node.data(metric(None, 2.0, write_type=False, alias=1), device="compressor-1"))
        wait_for(lambda: stored(connection) == [("power_kw", 1.0), ("power_kw", 2.0)], what="the value by alias")
        assert edge.got.empty()
    assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)


def test_what_no_birth_explained_is_read_again_once_there_is_one(
    ingest: Popen[bytes], connection: Connection, mqtt_url: str
) -> None:
    node = EdgeNode(at_ms=now_us() // 1_000 - 60_000)
    birth, device_birth = node.birth(), node.device_birth("compressor-1", metric("Power_kW", 1.0, alias=1))
    node.at_ms += 1_000
    with client(mqtt_url) as edge:
        edge.say(node.data(metric(None, 2.0, write_type=False, alias=1), device="compressor-1"))
        held = "SELECT id, reason FROM quarantine WHERE resolved_at IS NULL"
        [(row_id, reason)] = wait_for(lambda: connection.execute(held).fetchall(), what="the data without a birth")
        assert reason == "sparkplug_unknown_alias"
        edge.say(birth, device_birth)
        wait_for(lambda: stored(connection) == [("power_kw", 1.0)], what="the value of the birth")
    told = Replay(
        connection=connection, known=catalog.load(connection), by="test", now_us=now_us(), max_payload_bytes=1_000_000
    )
    assert told.run([row_id]).resolved == 1
    assert stored(connection) == [("power_kw", 1.0), ("power_kw", 2.0)]
    assert connection.execute(held).fetchall() == []
