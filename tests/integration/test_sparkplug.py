"""Sparkplug B against a real database: sources of the fleet file, sessions that outlive a restart, and rebirths."""

from typing import Any

import pytest
import yaml

from services.ingest.inbox import Message
from services.ingest.sparkplug import payload
from services.ingest.sparkplug.host import REBIRTH_INTERVAL_US, SparkplugHost
from services.ingest.sparkplug.payload import Report
from services.ingest.validate import validate
from services.ingest.wire import Decoded
from shared import fleet
from shared.db import catalog, sparkplug
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect
from shared.db.telemetry import transaction
from shared.errors import SpecError
from shared.instant import SECOND_US
from shared.model.facts import QuarantineReason as Reason
from shared.model.sparkplug import NodeKey, SourceKey
from tests.edge_node import GROUP, NODE, EdgeNode, metric

T_MS = 1_772_366_400_000
NOW_US = T_MS * 1_000 + 5 * SECOND_US
WAIT_US = 2 * SECOND_US
C1 = "lechtal/kempten/c1"
LOAD = metric("load", 0.5, alias=1)
POWER = metric("Power_kW", 71.5, alias=2, unit="kW")


def asset(slug: str, device: str | None = None) -> dict[str, Any]:
    said = {"customer": "lechtal", "site": "kempten", "slug": slug, "name": slug, "model": "compressor"}
    return said if device is None else said | {"sparkplug": {"group": GROUP, "node": NODE, "device": device}}


def declare(connection: Connection, *assets: dict[str, Any]) -> None:
    declared = {
        "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}],
        "sites": [{"customer": "lechtal", "slug": "kempten", "name": "Kempten"}],
        "models": [
            {
                "slug": "compressor",
                "name": "Compressor",
                "telemetry_hold_s": 300,
                "sensors": [{"name": "power_kw", "unit": "kW"}, {"name": "load", "unit": "1"}],
            }
        ],
        "assets": list(assets),
    }
    fleets.save(connection, fleet.parse(yaml.safe_dump(declared), "test"))


def speaks(connection: Connection) -> dict[str, str]:
    """Source to path."""
    return {str(key): source.path for key, source in sparkplug.sources(connection).items()}


class Host:
    """A host application as ingest runs it, without the rest of ingest."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.host = SparkplugHost("vouch", reorder_wait_us=WAIT_US, max_payload_bytes=10_000)

    def batch(
        self, *sent: tuple[str, bytes], fails: bool = False, answers: bool = True, redelivered: bool = False
    ) -> list[Decoded]:
        """Read messages and commit what they change.

        `fails`: the transaction is rolled back; `answers` False: it is committed, but nobody hears of it.
        """
        self.host.begin(self.connection, NOW_US)
        messages = [Message(topic, data, None, redelivered) for topic, data in sent]
        said = [part for message in messages for part in self.host.read(message, NOW_US)]
        try:
            with transaction(self.connection):
                self.host.save(self.connection)
                assert not fails
        except AssertionError:
            self.host.rolled_back()
        else:
            if answers:
                self.host.committed()
        return said

    def asks(self, at_us: int) -> list[str]:
        return [command.topic for command in self.host.commands(at_us)]


@pytest.fixture
def host(connection: Connection) -> Host:
    declare(connection, asset("c1", "c1"))
    return Host(connection)


def reasons(decoded: list[Decoded]) -> list[Reason]:
    return [fault.reason for said in decoded for fault in said.faults]


def test_sources_follow_the_fleet_file(connection: Connection) -> None:
    declare(connection, asset("c1", "d1"), asset("c2", "d2"))
    first = connection.execute("SELECT id FROM sparkplug_source ORDER BY id").fetchall()
    declare(connection, asset("c1", "d1"), asset("c2", "d2"))
    assert connection.execute("SELECT id FROM sparkplug_source ORDER BY id").fetchall() == first
    declare(connection, asset("c1", "d2"), asset("c2", "d1"), asset("c3"))
    assert speaks(connection) == {f"{GROUP}/{NODE}/d2": C1, f"{GROUP}/{NODE}/d1": "lechtal/kempten/c2"}
    declare(connection, asset("c1"))
    assert speaks(connection) == {f"{GROUP}/{NODE}/d1": "lechtal/kempten/c2"}


def test_a_source_of_another_asset_is_refused_by_name_and_nothing_is_stored(connection: Connection) -> None:
    declare(connection, asset("c1", "d1"))
    with pytest.raises(SpecError, match=rf"assets\[1\]\.sparkplug: {GROUP}/{NODE}/d1 speaks for {C1} already"):
        declare(connection, asset("c2"), asset("c3", "d1"))
    assert connection.execute("SELECT count(*) FROM asset").fetchone() == (1,)


def test_two_assets_with_one_source_and_names_that_are_no_levels_are_refused() -> None:
    text = yaml.safe_dump({"assets": [asset("c1", "d1"), asset("c2", "d1"), asset("c3", "a/b"), asset("c4", "")]})
    with pytest.raises(SpecError) as refused:
        fleet.parse(text, "test")
    faults = [fault.path for fault in refused.value.faults]
    assert "assets[1].sparkplug" in faults
    assert {"assets[2].sparkplug.device", "assets[3].sparkplug.device"} <= set(faults)


def test_after_a_restart_data_are_read_by_the_births_of_before(host: Host) -> None:
    node = EdgeNode(at_ms=T_MS, bd_seq=9)
    host.batch(node.birth(LOAD), node.device_birth("c1", POWER))
    (said,) = Host(host.connection).batch(node.data(metric(None, 72.0, write_type=False, alias=2), device="c1"))
    assert (said.path, said.samples[0].values, said.samples[0].units) == (C1, {"power_kw": 72.0}, {"power_kw": "kW"})
    assert said.faults == []


def test_after_a_restart_a_death_still_finds_its_birth(host: Host) -> None:
    node, before = EdgeNode(at_ms=T_MS, bd_seq=9), EdgeNode(at_ms=T_MS, bd_seq=8)
    host.batch(node.birth(LOAD), node.device_birth("c1", POWER))
    restarted = Host(host.connection)
    assert restarted.batch(before.death()) == []
    assert restarted.host.ignored_deaths == 1
    (said,) = restarted.batch(node.death())
    assert said.status is not None
    assert (said.path, said.status.online) == (C1, False)
    assert sparkplug.sessions(host.connection)[NodeKey(GROUP, NODE)].births == {}


def test_a_batch_that_is_not_committed_was_never_read(host: Host) -> None:
    node = EdgeNode(at_ms=T_MS)
    births = node.birth(LOAD), node.device_birth("c1", POWER)
    host.batch(*births, fails=True)
    assert sparkplug.sessions(host.connection) == {}
    assert reasons(host.batch(*births)) == []
    data = node.data(metric(None, 72.0, alias=2), device="c1")
    host.batch(data, fails=True)
    assert reasons(host.batch(data)) == []
    assert host.asks(NOW_US + 10 * WAIT_US) == []


def test_what_is_delivered_again_after_a_commit_without_answer_opens_no_gap(host: Host, database_url: str) -> None:
    node = EdgeNode(at_ms=T_MS)
    births = node.birth(LOAD), node.device_birth("c1", POWER)
    sent = node.data(metric(None, 72.0, alias=2), device="c1"), node.data(LOAD)
    host.batch()
    host.batch(*births, *sent, answers=False)
    with connect(database_url) as other:
        host.connection = other
        assert reasons(host.batch(*births, *sent, redelivered=True)) == []
        assert sparkplug.sessions(other)[NodeKey(GROUP, NODE)].expected == 4
        assert host.asks(NOW_US + 10 * WAIT_US) == []


def test_a_batch_whose_commit_was_not_answered_means_the_same_when_it_is_read_again(
    host: Host, database_url: str
) -> None:
    node = EdgeNode(at_ms=T_MS)
    host.batch(node.birth(), node.device_birth("c1", POWER))
    node.at_ms += 1_000
    # Data by the alias of the first birth, and a second birth that gives the alias to another metric.
    sent = [node.data(metric(None, 72.0, alias=2), device="c1")]
    node.at_ms += 1_000
    sent += [node.birth(), node.device_birth("c1", metric("load", 0.25, alias=2))]
    once = host.batch(*sent, answers=False)
    assert once[0].samples[0].values == {"power_kw": 72.0}
    with connect(database_url) as other:
        host.connection = other
        again = host.batch(*sent, redelivered=True)
    assert [said.samples for said in again] == [said.samples for said in once]


def test_historical_readings_are_stored_and_are_no_sign_of_life(host: Host) -> None:
    node = EdgeNode(at_ms=T_MS)
    host.batch(node.birth(LOAD), node.device_birth("c1", POWER))
    known = catalog.load(host.connection)
    for is_historical in (True, False):
        told = metric(None, 72.0, alias=2, timestamp=T_MS - 60_000, is_historical=is_historical)
        topic, data = node.data(told, device="c1")
        messages = [Message(topic, data, None)]
        batch = validate(messages, lambda m: host.host.read(m, NOW_US), known, NOW_US, plain_up_to=10_000)
        assert batch.facts.readings.value.tolist() == [72.0]
        assert bool(batch.facts.heard) is not is_historical


def test_a_missing_birth_is_asked_for_at_once_and_not_again_for_a_while(host: Host) -> None:
    node = EdgeNode(at_ms=T_MS)
    data = node.data(metric(None, 72.0, alias=2), device="c1")
    assert reasons(host.batch(data)) == [Reason.SPARKPLUG_UNKNOWN_ALIAS]
    (command,) = host.host.commands(NOW_US)
    asked = payload.parse(command.payload)
    assert isinstance(asked, Report)
    assert (command.topic, command.qos, command.retain) == (f"spBv1.0/{GROUP}/NCMD/{NODE}", 0, False)
    assert [(said.name, said.value) for said in asked.metrics] == [("Node Control/Rebirth", True)]
    host.batch(node.data(device="c1"))
    assert host.asks(NOW_US + REBIRTH_INTERVAL_US - 1) == []
    assert len(host.asks(NOW_US + REBIRTH_INTERVAL_US)) == 1
    host.batch(node.birth(LOAD), node.device_birth("c1", POWER))
    assert host.asks(NOW_US + 9 * REBIRTH_INTERVAL_US) == []
    assert host.host.rebirths == 2


def test_a_gap_is_waited_for_and_then_a_birth_is_asked_for_without_another_message(host: Host) -> None:
    node = EdgeNode(at_ms=T_MS)
    host.batch(node.birth(LOAD), node.device_birth("c1", POWER))
    node.skip()
    (said,) = host.batch(node.data(metric(None, 72.0, alias=2), device="c1"))
    assert said.samples[0].values == {"power_kw": 72.0}
    assert host.asks(NOW_US + WAIT_US - 1) == []
    assert len(host.asks(NOW_US + WAIT_US)) == 1


def test_a_birth_that_is_needed_is_still_needed_after_a_restart(host: Host) -> None:
    host.batch(EdgeNode(at_ms=T_MS).data(metric(None, 72.0, alias=2), device="c1"))
    restarted = Host(host.connection)
    restarted.batch()
    assert len(restarted.asks(NOW_US)) == 1


def test_a_source_that_is_added_is_known_with_the_next_batch(host: Host) -> None:
    node = EdgeNode(at_ms=T_MS)
    births = node.birth(LOAD), node.device_birth("c2", POWER)
    assert reasons(host.batch(*births)) == [Reason.UNKNOWN_ASSET]
    declare(host.connection, asset("c2", "c2"))
    assert [said.path for said in host.batch(*births)] == ["lechtal/kempten/c2"]


def test_messages_of_nodes_nobody_declared_leave_no_trace_but_their_reason(host: Host) -> None:
    stranger = EdgeNode(at_ms=T_MS, node="stranger")
    assert reasons(host.batch(stranger.birth(LOAD), stranger.data(LOAD))) == [Reason.UNKNOWN_ASSET] * 2
    assert reasons(host.batch(("spBv1.0/plant/NOTHING/x", b""))) == [Reason.MALFORMED_TOPIC]
    assert sparkplug.sessions(host.connection) == {}
    assert host.asks(NOW_US + REBIRTH_INTERVAL_US) == []


def test_our_own_will_that_comes_late_is_answered_with_our_birth(host: Host) -> None:
    said = b'{"online": false, "timestamp": 1}'
    host.batch(("spBv1.0/STATE/another", said), ("spBv1.0/STATE/vouch", b'{"online": true, "timestamp": 1}'))
    assert host.host.commands(NOW_US) == []
    assert host.batch(("spBv1.0/STATE/vouch", said)) == []
    (command,) = host.host.commands(NOW_US)
    assert (command.topic, command.qos, command.retain) == ("spBv1.0/STATE/vouch", 1, True)
    assert command.payload == b'{"online":true,"timestamp":%d}' % (NOW_US // 1_000)
    assert host.host.commands(NOW_US) == []


def test_what_is_retained_or_a_command_is_not_read_and_what_is_too_large_is_refused(host: Host) -> None:
    node = EdgeNode(at_ms=T_MS)
    topic, data = node.device_birth("c1", POWER)
    host.batch()
    assert host.host.read(Message(topic, data, None, retained=True), NOW_US) == []
    assert host.host.read(Message(node.topic("NCMD"), data, None), NOW_US) == []
    (said,) = host.host.read(Message(node.topic("DDATA", "c1"), bytes(10_001), None), NOW_US)
    assert (said.path, reasons([said])) == (C1, [Reason.PAYLOAD_TOO_LARGE])
    (said,) = host.host.read(Message(node.topic("DDATA", "c1"), b"\xff", None), NOW_US)
    assert (said.path, reasons([said])) == (C1, [Reason.MALFORMED_PAYLOAD])


def test_out_of_the_quarantine_data_are_read_by_the_births_known_now(host: Host) -> None:
    node = EdgeNode(at_ms=T_MS)
    topic, data = node.data(metric(None, 72.0, alias=2), device="c1")
    host.batch((topic, data))
    host.batch(node.birth(LOAD), node.device_birth("c1", POWER))
    before = sparkplug.sessions(host.connection)
    (said,) = host.host.read_again(Message(topic, data, None, redelivered=True), NOW_US)
    assert (said.samples[0].values, said.is_historical, said.status) == ({"power_kw": 72.0}, True, None)
    host.batch()
    assert [node.expected for node in sparkplug.sessions(host.connection).values()] == [
        node.expected for node in before.values()
    ]


def test_sources_are_seen_by_their_customer_only(host: Host) -> None:
    connection = host.connection
    with connection.transaction():
        connection.execute("SET LOCAL ROLE vouch_api")
        connection.execute("SELECT set_config('vouch.customers', '', true)")
        assert connection.execute("SELECT count(*) FROM sparkplug_source").fetchone() == (0,)
        connection.execute("SELECT set_config('vouch.customers', '*', true)")
        assert connection.execute("SELECT count(*) FROM sparkplug_source").fetchone() == (1,)
    assert SourceKey(GROUP, NODE, "c1") in sparkplug.sources(connection)
