"""Ingest as a process, from real MQTT messages to the rows of a real TimescaleDB."""

import json
import re
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from psycopg import sql

from services.devices.publisher import Publisher
from services.ingest.wire import MAX_CODE
from shared import fleet
from shared.clock import now_us
from shared.db import fleet as fleets
from shared.db import quarantine
from shared.db.pool import Connection
from shared.instant import from_us
from shared.model.facts import QuarantineReason
from tests.waiting import wait_for

FLEET = """
customers: [{slug: lechtal, name: Lechtal Foods}]
sites: [{customer: lechtal, slug: kempten, name: Kempten}]
models:
  - slug: compressor
    name: Compressor
    telemetry_hold_s: 300
    sensors:
      - {name: power_kw, unit: kW, physical: [0, 400], expected: [0, 280]}
      - {name: temp, unit: degC}
assets:
  - {customer: lechtal, site: kempten, slug: c1, name: Compressor 1, model: compressor}
  - {customer: lechtal, site: kempten, slug: c2, name: Compressor 2, model: compressor}
"""
C1 = "vouch/v1/lechtal/kempten/c1"
C2 = "vouch/v1/lechtal/kempten/c2"
NOON = "2026-03-01T12:00:00Z"
NOON_MS = 1_772_366_400_000

Publish = Callable[[str, object], None]


class Ingest:
    """The process under test and its log."""

    def __init__(self, start: Callable[..., Popen[bytes]], logs: Path) -> None:
        self._start, self._logs = start, logs
        self._number = 0

    def start(self, **env: str) -> Popen[bytes]:
        process = self._start("ingest", **env)
        self._number += 1
        wait_for(lambda: self.logged("ingest_ready"), what="ingest to subscribe")
        return process

    def logged(self, event: str) -> int:
        """How often the process started last has logged an event."""
        log = (self._logs / f"ingest-{self._number}.log").read_text(encoding="utf-8")
        return sum(json.loads(line)["event"] == event for line in log.splitlines() if line.startswith("{"))


@pytest.fixture
def ingest(service: Callable[..., Popen[bytes]], tmp_path: Path, connection: Connection) -> Ingest:
    """Ingest for a fleet of two compressors, not started yet."""
    fleets.save(connection, fleet.parse(FLEET, "test"))
    return Ingest(service, tmp_path)


@pytest.fixture
def publish(mqtt_url: str) -> Iterator[Publish]:
    """Publishes bytes as they are, anything else as JSON."""
    with Publisher(mqtt_url, client_id="device") as publisher:

        def send(topic: str, payload: object) -> None:
            publisher.publish(topic, payload if isinstance(payload, bytes) else json.dumps(payload).encode())

        yield send


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def meters(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def readings(connection: Connection, sensor: str = "power_kw", asset: str = "c1") -> dict[str, tuple[float, int]]:
    rows = connection.execute(
        "SELECT r.at, r.value, r.quality FROM reading r JOIN sensor s ON s.id = r.series_id"
        " JOIN asset a ON a.id = s.asset_id WHERE s.name = %s AND a.slug = %s ORDER BY r.at",
        (sensor, asset),
    )
    return {at.strftime("%FT%TZ"): (value, quality) for at, value, quality in rows}


def count(connection: Connection, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    return connection.execute(query).fetchall()[0][0]


BAD = {
    "a wrong topic": ("vouch/v1/lechtal/telemetry", {}, "malformed_topic", r"expected vouch/v1/\{customer\}"),
    "a channel that is none": (f"{C1}/telemetri", {}, "malformed_topic", "expected"),
    "an unknown asset": (
        "vouch/v1/lechtal/kempten/c9/telemetry",
        {"ts": NOON, "values": {"power_kw": 1}},
        "unknown_asset",
        "lechtal/kempten/c9",
    ),
    "an unknown sensor": (
        f"{C1}/telemetry",
        {"ts": NOON, "values": {"humidity": 1}},
        "unknown_sensor",
        r"^values\.humidity: no such sensor",
    ),
    "an empty payload": (f"{C1}/telemetry", b"", "empty_payload", "no payload"),
    "10 MB": (f"{C1}/telemetry", b"[" + b" " * 10_000_000 + b"]", "payload_too_large", "10000002 bytes"),
    "malformed JSON": (f"{C1}/telemetry", b'{"ts": 1, "values": {"power_kw": 1', "malformed_payload", "not JSON"),
    "bytes that are no text": (f"{C1}/telemetry", b"\xff\xfe\x00", "malformed_payload", "not UTF-8 at byte 0"),
    "NaN": (
        f"{C1}/telemetry",
        b'{"ts": 1772366400000, "values": {"temp": NaN}}',
        "value_not_finite",
        r"^values\.temp: NaN is not finite",
    ),
    "a string for a number": (
        f"{C1}/telemetry",
        [{"ts": NOON, "values": {}}, {"ts": NOON, "values": {"temp": "hot"}}],
        "value_not_a_number",
        r'^\[1\]\.values\.temp: "hot" is not a number',
    ),
    "true for a number": (f"{C1}/telemetry", {"ts": NOON, "values": {"temp": True}}, "value_not_a_number", "true"),
    "a time without zone": (
        f"{C1}/telemetry",
        {"ts": "2026-03-01T12:00:00", "values": {"temp": 1}},
        "time_without_zone",
        "^ts: ",
    ),
    "a time that is none": (f"{C1}/telemetry", {"ts": "noon", "values": {"temp": 1}}, "time_malformed", "^ts: .noon"),
    "a time ten years off": (
        f"{C1}/telemetry",
        {"ts": NOON_MS + 315_360_000_000, "values": {"temp": 1}},
        "time_implausible",
        "^ts: 2036-.* lies in the future",
    ),
    "a clock that was never set": (
        f"{C1}/event",
        {"ts": 0, "code": "1"},
        "time_implausible",
        "^ts: 1970-.* lies before 1990",
    ),
    "an impossible value": (
        f"{C1}/telemetry",
        {"ts": NOON, "values": {"power_kw": 401}},
        "out_of_physical_range",
        r"^values\.power_kw: 401(\.0)? kW",
    ),
    "an event without code": (f"{C1}/event", {"ts": NOON}, "malformed_payload", "^code: missing"),
    "a code too long for an index": (
        f"{C1}/event",
        {"ts": NOON, "code": "".join(map(chr, range(0x4E00, 0x4E00 + 3_000)))},
        "malformed_payload",
        "^code: ",
    ),
    "an event text PostgreSQL cannot hold": (
        f"{C1}/event",
        {"ts": NOON, "code": "1", "text": "\0"},
        "malformed_payload",
        "^text: ",
    ),
    "a status that says nothing": (f"{C1}/status", {"ts": NOON, "online": 1}, "malformed_payload", "^online: "),
}


def test_each_bad_input_is_quarantined_with_its_own_code_and_the_stream_goes_on(
    ingest: Ingest, connection: Connection, publish: Publish
) -> None:
    port = free_port()
    ingest.start(VOUCH_INGEST_METRICS_PORT=str(port))
    for number, (topic, payload, _, _) in enumerate(BAD.values()):
        publish(topic, payload)
        publish(f"{C2}/telemetry", {"ts": NOON_MS + number * 1_000, "values": {"power_kw": number}})
    wait_for(lambda: len(readings(connection, asset="c2")) == len(BAD), what="the good readings between the bad")
    rows = connection.execute("SELECT topic, payload, reason, detail FROM quarantine ORDER BY id").fetchall()
    expected = [(topic, p if isinstance(p, bytes) else json.dumps(p).encode()) for topic, p, _, _ in BAD.values()]
    assert [(topic, payload) for topic, payload, _, _ in rows] == expected
    for (name, (_, _, reason, detail)), (_, _, found, said) in zip(BAD.items(), rows, strict=True):
        assert found == reason, name
        assert re.search(detail, said), f"{name}: {said}"
    assert not readings(connection)
    wait_for(lambda: meters(port)["vouch_ingest_unacknowledged"] == 0, what="every message to be acknowledged")


def test_good_parts_of_a_message_are_stored_beside_its_bad_ones(
    ingest: Ingest, connection: Connection, publish: Publish
) -> None:
    ingest.start()
    publish(
        f"{C1}/telemetry",
        [
            {"ts": NOON, "values": {"power_kw": 300, "temp": None}},
            {"ts": "2026-03-01T13:00:30+01:00", "values": {"power_kw": 12.5, "temp": "hot"}},
            {"ts": "2026-03-01T12:01:00", "values": {"power_kw": 1}},
            {"ts": NOON_MS + 60_000, "values": {"power_kw": 500, "temp": 7, "humidity": 3}},
        ],
    )
    wait_for(lambda: readings(connection), what="the readings")
    assert readings(connection) == {NOON: (300.0, 1), "2026-03-01T12:00:30Z": (12.5, 0)}
    assert readings(connection, "temp") == {"2026-03-01T12:01:00Z": (7.0, 0)}
    rows = connection.execute("SELECT reason, detail FROM quarantine ORDER BY detail").fetchall()
    assert [(reason, detail.partition(":")[0]) for reason, detail in rows] == [
        ("value_not_a_number", "[1].values.temp"),
        ("time_without_zone", "[2].ts"),
        ("unknown_sensor", "[3].values.humidity"),
        ("out_of_physical_range", "[3].values.power_kw"),
    ]


def test_facts_mark_the_minutes_they_touch_and_wake_who_listens(
    ingest: Ingest, connection: Connection, database_url: str, publish: Publish
) -> None:
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN vouch_dirty")
        ingest.start()
        before = now_us()
        publish(f"{C1}/telemetry", {"ts": "2026-03-01T11:58:00Z", "values": {"power_kw": 1}})
        publish(f"{C1}/event", {"start": "2026-03-02T08:30:00Z", "end": "2026-03-02T10:00:00Z", "code": "111"})
        publish(f"{C2}/status", {"ts": NOON, "online": True})
        notified = next(iter(listener.notifies(timeout=20)))
    assert (notified.channel, notified.payload) == ("vouch_dirty", "")

    def heard() -> list[tuple[str, bool, str | None]]:
        rows = connection.execute(
            "SELECT a.slug, s.last_heard_at >= %s, s.last_fact_at FROM asset_status s JOIN asset a ON a.id = s.asset_id"
            " ORDER BY a.slug",
            (from_us(before),),
        ).fetchall()
        return [(slug, is_recent, fact and fact.strftime("%FT%TZ")) for slug, is_recent, fact in rows]

    expected = [("c1", True, "2026-03-02T10:00:00Z"), ("c2", True, None)]
    wait_for(lambda: heard() == expected, what="both machines to be heard with what they reported")
    windows = connection.execute("SELECT start_at, end_at FROM dirty_mark ORDER BY start_at").fetchall()
    spans = [(start.strftime("%FT%T"), end.strftime("%FT%T")) for start, end in windows]
    assert spans == [("2026-03-01T11:58:00", "2026-03-01T12:03:00"), ("2026-03-02T08:30:00", "2026-03-02T10:00:00")]


def test_the_last_will_of_a_machine_is_no_sign_of_life(
    ingest: Ingest, connection: Connection, publish: Publish
) -> None:
    ingest.start()
    publish(f"{C1}/status", {"ts": NOON, "online": False})
    publish(f"{C2}/status", {"ts": NOON, "online": True})
    wait_for(lambda: count(connection, "asset_status"), what="the machine that is online")
    assert connection.execute("SELECT a.slug FROM asset_status s JOIN asset a ON a.id = s.asset_id").fetchall() == [
        ("c2",)
    ]


def test_the_same_again_is_a_duplicate_another_value_a_conflict_and_late_data_is_stored(
    ingest: Ingest, connection: Connection, publish: Publish
) -> None:
    ingest.start()
    publish(f"{C1}/telemetry", {"ts": NOON, "values": {"power_kw": 1, "temp": 20}})
    wait_for(lambda: readings(connection), what="the first readings")
    connection.execute("TRUNCATE dirty_window, dirty_batch")
    publish(f"{C1}/telemetry", {"ts": NOON, "values": {"power_kw": 1}})
    publish(f"{C1}/telemetry", {"ts": NOON, "values": {"temp": 21}})
    publish(
        f"{C1}/telemetry",
        [
            {"ts": "2014-07-01T00:00:00Z", "values": {"power_kw": 5}},
            {"ts": "2014-07-01T00:00:00Z", "values": {"power_kw": 5}},
            {"ts": "2014-07-01T00:00:00Z", "values": {"power_kw": 6}},
        ],
    )
    wait_for(lambda: count(connection, "quarantine") == 2, what="both conflicts")
    assert readings(connection) == {"2014-07-01T00:00:00Z": (5.0, 0), NOON: (1.0, 0)}
    assert readings(connection, "temp") == {NOON: (20.0, 0)}
    rows = connection.execute("SELECT reason, detail FROM quarantine ORDER BY detail").fetchall()
    assert {reason for reason, _ in rows} == {"conflicting_reading"}
    assert [detail.split(" is not")[0] for _, detail in rows] == ["[2].values.power_kw: 6.0", "values.temp: 21.0"]
    marked = connection.execute("SELECT start_at FROM dirty_mark").fetchall()
    assert [start.strftime("%FT%H") for (start,) in marked] == ["2014-07-01T00"]


def test_an_open_event_is_closed_once_and_then_stays(ingest: Ingest, connection: Connection, publish: Publish) -> None:
    opening = {"start": "2026-03-01T08:00:00Z", "code": "111", "text": "Emergency stop"}
    closing = opening | {"end": "2026-03-01T11:30:00+01:00"}
    ingest.start()
    publish(f"{C1}/event", opening)
    wait_for(lambda: count(connection, "asset_event"), what="the event")
    assert connection.execute(
        "SELECT count(*) FROM dirty_mark WHERE start_at = '2026-03-01T08:00Z' AND end_at > now() - interval '2 hours'"
    ).fetchone() == (1,)
    connection.execute("TRUNCATE dirty_window, dirty_batch")
    publish(f"{C1}/event", [closing, closing])
    publish(f"{C1}/event", opening)
    publish(f"{C1}/event", opening | {"end": "2026-03-01T12:00:00Z"})
    wait_for(lambda: count(connection, "quarantine"), what="the other end")
    rows = connection.execute("SELECT kind, code, text, start_at, end_at, topic, payload FROM asset_event").fetchall()
    assert [(kind, code, text, topic) for kind, code, text, _, _, topic, _ in rows] == [
        ("interval", "111", "Emergency stop", f"{C1}/event")
    ]
    assert (rows[0][4] - rows[0][3]).total_seconds() == 2.5 * 3600
    assert json.loads(rows[0][6]) == closing
    assert connection.execute("SELECT reason, detail FROM quarantine").fetchall() == [
        ("conflicting_event", "end: 2026-03-01T12:00:00+00:00 is not the end that was reported before")
    ]
    marked = connection.execute("SELECT start_at, end_at FROM dirty_mark").fetchall()
    assert [(start.strftime("%H:%M"), end.strftime("%H:%M")) for start, end in marked] == [("08:00", "10:30")]


def test_the_longest_code_fits_its_index(ingest: Ingest, connection: Connection, publish: Publish) -> None:
    ingest.start()
    code = "".join(map(chr, range(0x20000, 0x20000 + MAX_CODE)))
    publish(f"{C1}/event", {"ts": NOON, "code": code})
    wait_for(lambda: count(connection, "asset_event"), what="the event")
    assert connection.execute("SELECT code FROM asset_event").fetchone() == (code,)


def test_a_fleet_loaded_while_running_is_picked_up_at_once(
    ingest: Ingest, connection: Connection, publish: Publish
) -> None:
    ingest.start()
    publish("vouch/v1/lechtal/kempten/c3/telemetry", {"ts": NOON, "values": {"power_kw": 1}})
    wait_for(lambda: count(connection, "quarantine") == 1, what="the machine nobody knows")
    added = FLEET + "  - {customer: lechtal, site: kempten, slug: c3, name: Compressor 3, model: compressor}\n"
    fleets.save(connection, fleet.parse(added, "test"))
    publish("vouch/v1/lechtal/kempten/c3/telemetry", {"ts": NOON, "values": {"power_kw": 2}})
    wait_for(lambda: readings(connection, asset="c3"), what="the machine added")
    assert count(connection, "quarantine") == 1


def test_a_machine_removed_while_running_costs_the_others_nothing(
    ingest: Ingest, connection: Connection, publish: Publish
) -> None:
    ingest.start(VOUCH_INGEST_LINGER_MS="300")
    publish(f"{C1}/event", {"ts": NOON, "code": "1"})
    wait_for(lambda: count(connection, "asset_event"), what="ingest to know the fleet")
    connection.execute("DELETE FROM sensor WHERE asset_id = (SELECT id FROM asset WHERE slug = 'c2')")
    connection.execute("DELETE FROM asset WHERE slug = 'c2'")
    for second in range(10):
        publish(f"{C1}/event", {"ts": NOON_MS + 1_000 + second, "code": "1"})
        publish(f"{C2}/event", {"ts": NOON_MS + 1_000 + second, "code": "1"})
    wait_for(lambda: count(connection, "asset_event") == 11, what="the events of the machine that stayed")
    wait_for(lambda: count(connection, "quarantine") == 10, what="the events of the machine removed")
    assert connection.execute("SELECT DISTINCT reason, customer_id, asset_id FROM quarantine").fetchall() == [
        ("unknown_asset", None, None)
    ]


def test_while_the_database_is_away_the_broker_keeps_what_comes_and_nothing_is_lost_or_doubled(
    ingest: Ingest, connection: Connection, database_url: str, publish: Publish
) -> None:
    ingest.start(VOUCH_INGEST_BATCH_MESSAGES="50")
    database = urlsplit(database_url).path.removeprefix("/")
    messages, lost = 1_000, 0
    with psycopg.connect(urlsplit(database_url)._replace(path="/postgres").geturl(), autocommit=True) as admin:
        for number in range(messages):
            publish(f"{C1}/telemetry", {"ts": NOON_MS + 1_000 * number, "values": {"power_kw": 1, "temp": 1}})
            publish(f"{C2}/telemetry", f"nonsense {number}".encode())
            if number % 300 == 100:
                wait_for(lambda least=number: count(connection, "reading") > least, what="some readings")
                allow(admin, database, allowed=False)
                end_others(admin, database, connection)
                lost += 1
            if number % 300 == 250:
                wait_for(lambda seen=lost: ingest.logged("database_lost") == seen, what="ingest to notice")
                allow(admin, database, allowed=True)
    wait_for(lambda: count(connection, "quarantine") >= messages <= len(readings(connection)), what="all that came")
    assert len(readings(connection, "temp")) == messages
    assert count(connection, "quarantine") == messages
    assert ingest.logged("database_back") == lost == 3


def test_a_stop_while_the_database_is_away_is_clean_and_loses_nothing(
    ingest: Ingest, connection: Connection, database_url: str, publish: Publish
) -> None:
    database = urlsplit(database_url).path.removeprefix("/")
    with psycopg.connect(urlsplit(database_url)._replace(path="/postgres").geturl(), autocommit=True) as admin:
        process = ingest.start()
        publish(f"{C1}/telemetry", {"ts": NOON, "values": {"power_kw": 1}})
        wait_for(lambda: readings(connection), what="the first reading")
        allow(admin, database, allowed=False)
        end_others(admin, database, connection)
        publish(f"{C1}/telemetry", {"ts": NOON_MS + 1_000, "values": {"power_kw": 2}})
        wait_for(lambda: ingest.logged("database_lost"), what="ingest to notice")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        ingest.start()
        wait_for(lambda: ingest.logged("database_lost"), what="ingest to wait for the database")
        allow(admin, database, allowed=True)
    wait_for(lambda: len(readings(connection)) == 2, what="the reading that waited")


def allow(admin: psycopg.Connection, database: str, *, allowed: bool) -> None:
    value = sql.SQL("true" if allowed else "false")
    admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(database), value))


def end_others(admin: psycopg.Connection, database: str, kept: Connection) -> None:
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = %s AND pid <> %s AND backend_type = 'client backend'",
        (database, kept.info.backend_pid),
    )


def test_a_rejection_that_is_delivered_again_is_noted_once_and_a_new_one_like_it_every_time(
    connection: Connection,
) -> None:
    def note(detail: str, *, redelivered: bool) -> int:
        rejection = quarantine.Rejection(
            customer_id=None,
            asset_id=None,
            topic="vouch/v1/x",
            payload=b"\0",
            reason=QuarantineReason.MALFORMED_TOPIC,
            detail=detail,
            redelivered=redelivered,
        )
        quarantine.insert(connection, [rejection], now_us())
        return count(connection, "quarantine")

    assert note("one", redelivered=True) == 1
    assert note("one", redelivered=True) == 1
    assert note("two", redelivered=True) == 2
    assert note("one", redelivered=False) == 3


def test_when_the_session_is_taken_over_its_messages_come_again_and_count_once(
    ingest: Ingest, connection: Connection, mqtt_url: str, publish: Publish
) -> None:
    ingest.start(VOUCH_INGEST_BATCH_MESSAGES="20")
    taken = 0
    for number in range(2_000):
        publish(f"{C1}/telemetry", {"ts": NOON_MS + 1_000 * number, "values": {"power_kw": 1}})
        if number in {500, 1_500}:
            wait_for(lambda least=number // 2: count(connection, "reading") > least, what="a stream that flows")
            take_over(mqtt_url)
            taken += 1
            wait_for(lambda times=taken: ingest.logged("ingest_ready") > times, what="ingest to be back")
    wait_for(lambda: count(connection, "reading") >= 2_000, what="all readings")
    assert count(connection, "reading") == 2_000
    assert count(connection, "quarantine") == 0
    # The broker says why as it closes; an acknowledgement sent at that moment may find the connection closed first.
    assert ingest.logged("session_taken_over") + ingest.logged("broker_lost") == taken == 2


def test_a_message_nobody_waits_for_is_stored_too_and_not_acknowledged(
    ingest: Ingest, connection: Connection, mqtt_url: str, publish: Publish
) -> None:
    ingest.start()
    parts = urlsplit(mqtt_url)
    device = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    device.connect(parts.hostname or "", parts.port or 1883)
    while not device.is_connected():
        device.loop(0.1)
    device.publish(f"{C1}/telemetry", json.dumps({"ts": NOON, "values": {"power_kw": 1}}), qos=0)
    wait_for(lambda: device.loop(0.02) or readings(connection), what="the reading of QoS 0")
    device.disconnect()
    publish(f"{C1}/telemetry", {"ts": NOON_MS + 1_000, "values": {"power_kw": 2}})
    wait_for(lambda: len(readings(connection)) == 2, what="the reading after it")
    assert ingest.logged("broker_lost") == 0


def take_over(mqtt_url: str) -> None:
    """Be the client `vouch-ingest` for a moment: the broker ends the other's connection."""
    intruder = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id="vouch-ingest", protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
    )
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3_600
    properties.ReceiveMaximum = 10
    parts = urlsplit(mqtt_url)
    intruder.connect(parts.hostname or "", parts.port or 1883, clean_start=False, properties=properties)
    while not intruder.is_connected():
        intruder.loop(0.1)
    intruder.disconnect()
    while intruder.loop(0.1) == mqtt.MQTT_ERR_SUCCESS:
        pass


def test_a_stop_is_clean_and_what_comes_meanwhile_waits_at_the_broker(
    ingest: Ingest, connection: Connection, publish: Publish
) -> None:
    process = ingest.start()
    publish(f"{C1}/telemetry", {"ts": NOON, "values": {"power_kw": 1}})
    wait_for(lambda: readings(connection), what="the first reading")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert ingest.logged("ingest_stopped") == 1
    publish(f"{C1}/telemetry", {"ts": NOON_MS + 1_000, "values": {"power_kw": 2}})
    ingest.start()
    wait_for(lambda: len(readings(connection)) == 2, what="the reading that waited")


def test_a_port_for_the_meters_that_is_taken_stops_the_start_and_is_named(
    service: Callable[..., Popen[bytes]], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = service("ingest", VOUCH_INGEST_METRICS_PORT=str(taken.getsockname()[1]))
        assert process.wait(20) == 2
    assert "VOUCH_INGEST_METRICS_PORT" in (tmp_path / "ingest-1.log").read_text(encoding="utf-8")


def test_the_meters_count_what_happened(ingest: Ingest, connection: Connection, publish: Publish) -> None:
    port = free_port()
    ingest.start(VOUCH_INGEST_METRICS_PORT=str(port))
    publish(f"{C1}/telemetry", {"ts": NOON, "values": {"power_kw": 1, "temp": None}})
    wait_for(lambda: readings(connection), what="the reading")
    publish(f"{C1}/telemetry", {"ts": NOON, "values": {"power_kw": 1, "humidity": 4}})
    publish(f"{C1}/event", {"ts": NOON, "code": "1"})

    def all_settled() -> dict[str, float]:
        seen = meters(port)
        return seen if seen["vouch_ingest_events_total"] and not seen["vouch_ingest_unacknowledged"] else {}

    seen = wait_for(all_settled, what="the event to be counted and acknowledged")
    own = {name.removeprefix("vouch_ingest_"): seen[name] for name in seen if name.startswith("vouch_ingest_")}
    assert {name: value for name, value in own.items() if name.endswith("_total")} == {
        "messages_total": 3,
        "redelivered_messages_total": 0,
        "readings_total": 1,
        "null_values_total": 1,
        "events_total": 1,
    }
    assert seen['vouch_ingest_quarantined_total{reason="unknown_sensor"}'] == 1
    assert seen['vouch_ingest_duplicates_total{kind="reading"}'] == 1
    assert seen["vouch_ingest_commit_seconds_count"] >= 2
    assert seen["vouch_ingest_batch_seconds_count"] == seen["vouch_ingest_batch_messages_count"] >= 2
    assert seen["vouch_ingest_batch_messages_sum"] == 3
    assert seen['vouch_ingest_up{part="broker"}'] == seen['vouch_ingest_up{part="database"}'] == 1
    assert seen["vouch_ingest_device_lag_seconds"] > 0
