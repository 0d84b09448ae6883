"""The same readings and events, published in each format to a real broker, become the same rows."""

import gzip
import json
from collections.abc import Callable
from subprocess import Popen
from typing import Any

import cbor2
import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from shared import fleet
from shared.broker import Broker
from shared.db import fleet as fleets
from shared.db.pool import Connection
from tests.waiting import wait_for

NOON_MS = 1_772_366_400_000
NOON_S = NOON_MS // 1_000
LIST = [
    {"ts": "2026-03-01T12:00:00Z", "values": {"power_kw": 12.5, "temp": 20.25}},
    {"ts": NOON_S + 1, "values": {"power_kw": 13.0, "temp": -3.5}},
]
COLUMNS = {"ts": [NOON_MS, NOON_MS + 1_000], "values": {"power_kw": [12.5, 13.0], "temp": [20.25, -3.5]}}
TAGS = [
    {"timestamp_ms": NOON_MS, "power_kw": 12.5, "temp": 20.25},
    {"timestamp_ms": NOON_MS + 1_000, "power_kw": 13.0, "temp": -3.5},
]
SENML = [
    {"bn": "urn:dev:ow:10e2073a01080063:", "bt": NOON_S, "n": "power_kw", "u": "kW", "v": 12.5},
    {"n": "temp", "u": "Cel", "v": 20.25},
    {"n": "power_kw", "u": "kW", "t": 1, "v": 13.0},
    {"n": "temp", "u": "Cel", "t": 1, "v": -3.5},
]
SENML_LABELS = {"bn": -2, "bt": -3, "n": 0, "u": 1, "v": 2, "t": 6}
SENML_IN_CBOR = [{SENML_LABELS[label]: value for label, value in record.items()} for record in SENML]
EVENT = {"start": NOON_S, "end": NOON_MS + 1_000, "code": "111", "text": "Emergency stop"}

# Per machine: what it publishes, below which topic and with which content type.
TELEMETRY: dict[str, list[tuple[str, bytes, str | None]]] = {
    "list": [("telemetry", json.dumps(LIST).encode(), None)],
    "columns": [("telemetry", json.dumps(COLUMNS).encode(), "application/json; charset=utf-8")],
    "tags": [("telemetry", json.dumps(TAGS).encode(), "")],
    "sensors": [
        (f"telemetry/{name}", json.dumps({"timestamp_ms": tag["timestamp_ms"], "value": tag[name]}).encode(), None)
        for tag in TAGS
        for name in ("power_kw", "temp")
    ],
    "gzip": [("telemetry", gzip.compress(json.dumps(LIST).encode()), None)],
    "msgpack": [("telemetry", msgspec.msgpack.encode(LIST), "application/msgpack")],
    "cbor": [("telemetry", cbor2.dumps(COLUMNS), "application/cbor")],
    "declared": [("telemetry", msgspec.msgpack.encode(LIST), None)],
    "senml-json": [("telemetry", json.dumps(SENML).encode(), "application/senml+json")],
    "senml-sniffed": [("telemetry", json.dumps(SENML).encode(), None)],
    "senml-cbor": [("telemetry", gzip.compress(cbor2.dumps(SENML_IN_CBOR)), "application/senml+cbor+gzip")],
}
EVENTS: dict[str, tuple[bytes, str]] = {
    "list": (json.dumps(EVENT).encode(), "application/json"),
    "msgpack": (msgspec.msgpack.encode([EVENT]), "application/vnd.msgpack"),
    "cbor": (cbor2.dumps([EVENT]), "application/cbor"),
}
ROWS = [
    ("power_kw", NOON_S, 12.5),
    ("power_kw", NOON_S + 1, 13.0),
    ("temp", NOON_S, 20.25),
    ("temp", NOON_S + 1, -3.5),
]

MODEL = {
    "slug": "compressor",
    "name": "Compressor",
    "telemetry_hold_s": 300,
    "sensors": [{"name": "power_kw", "unit": "kW"}, {"name": "temp", "unit": "degC"}],
}


def fleet_of(slugs: list[str]) -> str:
    document: dict[str, Any] = {
        "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}],
        "sites": [{"customer": "lechtal", "slug": "kempten", "name": "Kempten"}],
        "models": [MODEL, MODEL | {"slug": "declared", "payload": "msgpack"}],
        "assets": [
            {
                "customer": "lechtal",
                "site": "kempten",
                "slug": slug,
                "name": slug,
                "model": "declared" if slug == "declared" else "compressor",
            }
            for slug in slugs
        ],
    }
    return json.dumps(document)


def publish(mqtt_url: str, messages: list[tuple[str, bytes, str | None]]) -> None:
    """To the machines' topics, with MQTT 5's content type."""
    broker = Broker.parse(mqtt_url)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect(broker.host, broker.port)
    client.loop_start()
    for topic, payload, content_type in messages:
        properties = Properties(PacketTypes.PUBLISH)
        if content_type is not None:
            properties.ContentType = content_type
        sent = client.publish(f"vouch/v1/lechtal/kempten/{topic}", payload, qos=1, properties=properties)
        sent.wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def is_heard(mqtt_url: str, connection: Connection) -> bool:
    publish(mqtt_url, [("list/status", b'{"ts": 1772366400, "online": true}', None)])
    return bool(connection.execute("SELECT FROM asset_status WHERE last_heard_at IS NOT NULL").fetchall())


def stored(connection: Connection) -> tuple[int, int, int]:
    """How many readings, events and refusals there are."""
    rows = connection.execute(
        "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM asset_event), (SELECT count(*) FROM quarantine)"
    ).fetchall()
    return rows[0]


def test_every_format_becomes_the_same_rows(
    service: Callable[..., Popen[bytes]], mqtt_url: str, connection: Connection
) -> None:
    fleets.save(connection, fleet.parse(fleet_of(list(TELEMETRY)), "test"))
    service("ingest")
    messages = [
        (f"{slug}/{topic}", payload, content_type)
        for slug, said in TELEMETRY.items()
        for topic, payload, content_type in said
    ]
    messages += [(f"{slug}/event", payload, content_type) for slug, (payload, content_type) in EVENTS.items()]
    messages.append(("list/telemetry", b"<html>", "text/html"))
    wait_for(lambda: is_heard(mqtt_url, connection), what="ingest to subscribe")
    publish(mqtt_url, messages)
    everything = (len(ROWS) * len(TELEMETRY), len(EVENTS), 1)
    wait_for(lambda: stored(connection) == everything, what="all that was published")
    rows = connection.execute(
        "SELECT a.slug, s.name, extract(epoch FROM r.at)::float8, r.value FROM reading r"
        " JOIN sensor s ON s.id = r.series_id JOIN asset a ON a.id = s.asset_id ORDER BY a.slug, s.name, r.at"
    ).fetchall()
    for slug in TELEMETRY:
        assert [tuple(row[1:]) for row in rows if row[0] == slug] == ROWS, slug
    events = connection.execute(
        "SELECT DISTINCT kind, code, text, extract(epoch FROM start_at)::int, extract(epoch FROM end_at)::int"
        " FROM asset_event"
    ).fetchall()
    assert events == [("interval", "111", "Emergency stop", NOON_S, NOON_S + 1)]
    assert connection.execute("SELECT reason FROM quarantine").fetchall() == [("unsupported_content_type",)]
