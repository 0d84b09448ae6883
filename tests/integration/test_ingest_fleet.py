"""Ingest as a process and what a fleet file says of its devices: their units, their connection, who may be new."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from services.devices.publisher import Publisher
from shared import fleet
from shared.clock import now_us
from shared.db import fleet as fleets
from shared.db.pool import Connection
from tests.integration.test_ingest import Ingest
from tests.waiting import wait_for

_FLEET = """
customers: [{slug: lechtal, name: Lechtal Foods}]
sites: [{customer: lechtal, slug: kempten, name: Kempten}]
models:
  - slug: compressor
    name: Compressor
    telemetry_hold_s: 300
    sensors:
      - {name: oil, unit: degC, reported_unit: degF, physical: [-40, 200], expected: [-10, 90]}
assets: [{customer: lechtal, site: kempten, slug: c1, name: Compressor 1, model: compressor}]
registration:
  - {name: gauges, customer: lechtal, site: kempten, model: compressor, from: birth, slugs: ["g-*"], sensors: learn}
"""
_PLACE = "vouch/v1/lechtal/kempten"
_NOON_MS = 1_772_366_400_000


@pytest.fixture
def ingest(service: Callable[..., Popen[bytes]], tmp_path: Path, connection: Connection) -> Ingest:
    """Ingest for one compressor that reports in degF, not started yet."""
    fleets.save(connection, fleet.parse(_FLEET, "test"))
    return Ingest(service, tmp_path)


def _status(*, online: bool, ts: int | None = None) -> bytes:
    return json.dumps({"ts": now_us() // 1_000 if ts is None else ts, "online": online}).encode()


def _device(mqtt_url: str) -> mqtt.Client:
    """A device as it connects: its last will beside it, its first word retained."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="c1", protocol=MQTTProtocolVersion.MQTTv5)
    client.will_set(f"{_PLACE}/c1/status", _status(online=False), qos=1, retain=True)
    broker = urlsplit(mqtt_url)
    client.connect(broker.hostname or "", broker.port or 1883)
    client.loop_start()
    said = client.publish(f"{_PLACE}/c1/status", _status(online=True), qos=1, retain=True)
    said.wait_for_publish(10)
    return client


def _cut(device: mqtt.Client) -> None:
    """The device's connection breaks: no DISCONNECT, so that the broker tells its last will."""
    device.loop_stop()
    socket = device.socket()
    assert socket is not None
    socket.close()


def _connection_of(connection: Connection) -> str | None:
    row = connection.execute("SELECT state FROM asset_connection").fetchone()
    return None if row is None else row[0]


def test_a_retained_status_is_seen_at_the_first_start_and_a_last_will_when_it_comes(
    ingest: Ingest, connection: Connection, mqtt_url: str
) -> None:
    device = _device(mqtt_url)
    ingest.start()
    wait_for(lambda: _connection_of(connection) == "online", what="the retained word of the device")
    assert connection.execute("SELECT count(last_heard_at) FROM asset_status").fetchone() == (0,)
    wait_for(lambda: connection.execute("SELECT FROM ingest_heartbeat").fetchall(), what="ingest's own sign of life")
    _cut(device)
    wait_for(lambda: _connection_of(connection) == "offline", what="the last will")
    assert connection.execute("SELECT code, end_at FROM asset_event").fetchall() == [("$offline", None)]
    again = _device(mqtt_url)
    wait_for(lambda: _connection_of(connection) == "online", what="the device again")
    assert connection.execute("SELECT code, end_at >= start_at FROM asset_event").fetchall() == [("$offline", True)]
    again.disconnect()
    again.loop_stop()


def test_what_is_reported_in_another_unit_is_stored_in_the_sensors_own_and_a_wrong_unit_refused(
    ingest: Ingest, connection: Connection, mqtt_url: str
) -> None:
    ingest.start()
    with Publisher(mqtt_url, client_id="device") as device:
        plain = [{"ts": _NOON_MS, "values": {"oil": 212}}, {"ts": _NOON_MS + 1, "values": {"oil": 50}}]
        device.publish(
            f"{_PLACE}/c1/telemetry", json.dumps([*plain, {"ts": _NOON_MS + 2, "values": {"oil": 500}}]).encode()
        )
        senml = [{"n": "oil", "u": unit, "v": 32, "t": _NOON_MS / 1_000 + 9} for unit in ("Fah", "Cel")]
        for record in senml:
            device.publish(f"{_PLACE}/c1/telemetry", json.dumps([record]).encode())
    wait_for(lambda: connection.execute("SELECT count(*) FROM quarantine").fetchone() == (2,), what="both refusals")
    rows = connection.execute("SELECT round(value::numeric, 9), quality FROM reading ORDER BY at").fetchall()
    assert [(float(value), quality) for value, quality in rows] == [(100.0, 1), (10.0, 0), (0.0, 0)]
    refused = dict(connection.execute("SELECT reason, detail FROM quarantine").fetchall())
    assert refused["unit_mismatch"].endswith("oil: 'Cel' is what is stored, but the model says it reports 'degF'")
    assert refused["out_of_physical_range"].startswith("[2].values.oil: 260.0")


def test_a_new_machine_registers_itself_by_its_birth_and_the_rest_is_refused(
    ingest: Ingest, connection: Connection, mqtt_url: str
) -> None:
    ingest.start()
    with Publisher(mqtt_url, client_id="device") as device:
        reading = json.dumps({"ts": _NOON_MS, "values": {"oil": 212, "level": 3}}).encode()
        device.publish(f"{_PLACE}/g-1/telemetry", reading)
        wait_for(lambda: connection.execute("SELECT FROM quarantine").fetchall(), what="telemetry before the birth")
        device.publish(f"{_PLACE}/g-1/status", _status(online=True))
        device.publish(f"{_PLACE}/x-1/status", _status(online=True))
        device.publish(f"{_PLACE}/g-1/telemetry", reading)
    wait_for(lambda: connection.execute("SELECT count(*) FROM reading").fetchone() == (2,), what="both readings")
    assert connection.execute("SELECT slug, registered_at IS NULL FROM asset ORDER BY 1").fetchall() == [
        ("c1", True),
        ("g-1", False),
    ]
    assert connection.execute("SELECT reason, detail FROM quarantine ORDER BY id").fetchall() == [
        ("unknown_asset", 'no asset "lechtal/kempten/g-1"'),
        ("unknown_asset", 'no asset "lechtal/kempten/x-1"'),
    ]
