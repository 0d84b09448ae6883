"""What was quarantined is listed, shown, replayed once its cause is mended, or discarded; nothing is doubled."""

import os
import pty
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli import app
from services.ingest import late
from services.ingest.batch import rejections
from services.ingest.inbox import Message
from services.ingest.replays import Outcome, Replay, served
from shared import fleet
from shared.clock import now_us
from shared.db import catalog, quarantine, telemetry
from shared.db import fleet as fleets
from shared.db.pool import Connection
from shared.errors import VouchError
from shared.instant import DAY_US, SECOND_US, from_us
from shared.settings import IngestSettings
from tests.integration.asking import asking, bearer, key
from tests.integration.judging import us
from tests.waiting import wait_for

_LIMIT = 1_048_576
_THEN = us("2026-03-01T12:00:00Z")
_TOPIC = "vouch/v1/lechtal/kempten/c1/telemetry"
_FLEET = """
customers: [{{slug: lechtal, name: Lechtal Foods}}]
sites: [{{customer: lechtal, slug: kempten, name: Kempten}}]
models:
  - {{slug: compressor, name: Compressor, telemetry_hold_s: 300, sensors: [{sensors}]}}
assets:
  - {{customer: lechtal, site: kempten, slug: c1, name: Compressor 1, model: compressor}}
"""
_POWER, _TEMP = "{name: power_kw, unit: kW, physical: [0, 400]}", "{name: temp, unit: degC}"
Vouch = Callable[..., Result]


def declare(connection: Connection, *sensors: str) -> None:
    fleets.save(connection, fleet.parse(_FLEET.format(sensors=", ".join(sensors)), "test"))


def receive(connection: Connection, *messages: Message, at_us: int = _THEN) -> None:
    """Take messages in as ingest does."""
    batch = late.read(messages, catalog.load(connection), at_us, max_payload_bytes=_LIMIT)
    with telemetry.transaction(connection):
        faults = batch.faults(telemetry.store(connection, batch.facts))
        quarantine.insert(connection, rejections(messages, faults), at_us)


def said(payload: bytes, *, topic: str = _TOPIC, content_type: str | None = None) -> Message:
    return Message(topic, payload, 1, content_type=content_type)


def replay(connection: Connection) -> Outcome:
    """Replay everything that is open."""
    told = Replay(
        connection=connection, known=catalog.load(connection), by="anna", now_us=now_us(), max_payload_bytes=_LIMIT
    )
    return told.run(quarantine.matching(connection, quarantine.Filter()))


def states(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT reason, coalesce(resolution, 'open') FROM quarantine ORDER BY id").fetchall()


def values(connection: Connection) -> list[float]:
    return [value for (value,) in connection.execute("SELECT value FROM reading ORDER BY series_id, at")]


@pytest.fixture
def vouch(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Vouch:
    """Runs `vouch quarantine` with these arguments."""
    monkeypatch.setenv("VOUCH_DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(app, ["quarantine", *arguments])


def test_a_message_is_stored_when_its_sensor_has_been_declared_and_its_good_parts_are_not_doubled(
    connection: Connection,
) -> None:
    declare(connection, _POWER)
    receive(connection, said(b'{"ts": "2026-03-01T11:00:00Z", "values": {"power_kw": 7, "temp": 40, "oil": 3}}'))
    assert values(connection) == [7]
    assert replay(connection) == Outcome(messages=1, resolved=0, failing=2)
    declare(connection, _POWER, _TEMP)
    assert replay(connection) == Outcome(messages=1, resolved=1, failing=1)
    assert values(connection) == [7, 40]
    [open_one] = quarantine.read(connection, quarantine.matching(connection, quarantine.Filter()), payload_limit=0)
    assert open_one.detail == "values.oil: no such sensor"
    assert open_one.attempted_at is not None
    resolved = connection.execute(
        "SELECT resolved_by, resolved_at > received_at FROM quarantine WHERE resolution <> ''"
    )
    assert resolved.fetchall() == [("anna", True)]


def test_a_part_that_fails_for_another_reason_than_before_says_the_new_one(connection: Connection) -> None:
    declare(connection, _TEMP)
    receive(connection, said(b'{"ts": "2026-03-01T11:00:00Z", "values": {"power_kw": 4000}}'))
    declare(connection, _TEMP, _POWER)
    assert replay(connection).failing == 1
    assert states(connection) == [("out_of_physical_range", "open")]


def test_a_message_of_a_machine_nobody_knew_becomes_the_machine_s(connection: Connection) -> None:
    receive(connection, said(b'{"ts": "2026-03-01T11:00:00Z", "values": {"power_kw": 7, "oil": 3}}'))
    declare(connection, _POWER)
    assert replay(connection).failing == 1
    [(customer, asset, reason)] = connection.execute("SELECT customer_id, asset_id, reason FROM quarantine").fetchall()
    assert (customer, asset, reason) == (1, 1, "unknown_sensor")
    assert values(connection) == [7]


def test_a_time_is_as_plausible_as_it_was_when_the_message_came(connection: Connection) -> None:
    declare(connection, _POWER)
    receive(connection, said(b'{"ts": "2026-03-01T15:00:00Z", "values": {"power_kw": 7}}'))
    assert replay(connection).failing == 1
    assert values(connection) == []


def test_a_replay_is_no_sign_of_life_of_today_and_marks_what_it_stored(connection: Connection) -> None:
    declare(connection, _POWER)
    receive(connection, said(b'{"ts": "2026-03-01T11:00:00Z", "values": {"temp": 1}}'))
    declare(connection, _POWER, _TEMP)
    connection.execute("TRUNCATE dirty_window, dirty_batch")
    replay(connection)
    heard = connection.execute("SELECT last_heard_at, last_fact_at FROM asset_status").fetchall()
    assert heard == [(None, from_us(us("2026-03-01T11:00:00Z")))]
    assert connection.execute("SELECT count(*) FROM dirty_mark").fetchall() == [(1,)]


def test_the_message_is_read_as_what_mqtt_said_it_is(connection: Connection) -> None:
    declare(connection, _POWER)
    senml = b'[{"n": "temp", "v": 40, "t": 1772362800}]'
    receive(connection, said(senml, content_type="application/senml+json"))
    assert connection.execute("SELECT content_type FROM quarantine").fetchall() == [("application/senml+json",)]
    declare(connection, _POWER, _TEMP)
    assert replay(connection).resolved == 1
    assert values(connection) == [40]


def test_what_is_delivered_again_is_not_noted_again_whatever_became_of_it(connection: Connection) -> None:
    declare(connection, _POWER)
    message = said(b'{"ts": "2026-03-01T11:00:00Z", "values": {"oil": 1}}')
    receive(connection, message)
    quarantine.discard(connection, [1], by="anna", note="test", at_us=_THEN)
    receive(connection, message._replace(redelivered=True), at_us=_THEN + SECOND_US)
    assert states(connection) == [("unknown_sensor", "discarded")]
    receive(connection, message, at_us=_THEN + SECOND_US)
    receive(connection, message._replace(redelivered=True), at_us=_THEN + 8 * DAY_US)
    assert [state for _, state in states(connection)] == ["discarded", "open", "open"]


def test_one_message_the_database_refuses_does_not_keep_the_others(connection: Connection) -> None:
    declare(connection, _TEMP)
    event = b'{"ts": "2026-03-01T11:00:00Z", "code": "%b", "x": 1}'
    receive(
        connection,
        *(said(b'{"ts": "2026-03-01T11:00:0%dZ", "values": {"power_kw": 7}}' % second) for second in range(4)),
        said(event % b"up", topic="vouch/v1/lechtal/kempten/c2/event"),
    )
    connection.execute("ALTER TABLE reading ADD CONSTRAINT refused CHECK (at <> '2026-03-01T11:00:02Z')")
    declare(connection, _TEMP, _POWER)
    assert replay(connection) == Outcome(messages=5, resolved=3, failing=2)
    assert values(connection) == [7, 7, 7]


def test_the_commands_list_show_replay_and_discard(connection: Connection, vouch: Vouch) -> None:
    declare(connection, _POWER)
    receive(
        connection,
        said(b'{"ts": "2026-03-01T11:00:00Z", "values": {"temp": 1}}'),
        said(b"\xff\xfe", topic="vouch/v1/lechtal/kempten/c1/event"),
        said(b"hello", topic="vouch/v1/lechtal/kempten/c9/telemetry"),
    )
    listed = vouch("list").stdout.splitlines()
    assert [line.split()[3] for line in listed] == ["unknown_asset", "malformed_payload", "unknown_sensor"]
    assert len(vouch("list", "--asset", "lechtal/kempten/c1").stdout.splitlines()) == 2
    assert (
        len(vouch("list", "--topic", "vouch/v1/lechtal/kempten/c9", "--since", "2026-03-01").stdout.splitlines()) == 1
    )
    assert "fffe" in vouch("show", "2").stdout
    assert vouch("show", "1").stdout.endswith('"values": {"temp": 1}}\n')
    declare(connection, _POWER, _TEMP)
    done = vouch("replay", "--reason", "unknown_sensor")
    assert done.stdout == "1 message(s) replayed: 1 part(s) resolved, 0 still fail\n"
    done = vouch("discard", "2", "--note", "a test", "--by", "anna")
    assert done.stdout == "1 part(s) discarded\n"
    assert "by anna" in vouch("show", "2").stdout
    assert [line.split()[0] for line in vouch("list").stdout.splitlines()] == ["3"]
    assert [line.split()[0] for line in vouch("list", "--state", "all").stdout.splitlines()] == ["3", "2", "1"]


def test_discarding_by_a_filter_asks_first(connection: Connection, vouch: Vouch, database_url: str) -> None:
    declare(connection, _POWER)
    receive(connection, said(b"1"), said(b"2"), said(b"3", topic="nobody/knows"))
    by_filter = ("discard", "--asset", "lechtal/kempten/c1", "--note", "a test")
    refused = vouch(*by_filter)
    assert isinstance(refused.exception, VouchError)
    assert "2 part(s) would be discarded; --yes" in str(refused.exception)
    for answer, outcome in ((b"n\n", b"Aborted"), (b"y\n", b"2 part(s) discarded")):
        assert len(quarantine.matching(connection, quarantine.Filter())) == 3
        told = _at_a_terminal(["quarantine", *by_filter], answer, database_url)
        assert b"2 part(s) will be discarded. Go on?" in told
        assert outcome in told
    assert vouch("discard", "--topic", "nobody", "--note", "x", "--yes").stdout == "1 part(s) discarded\n"


def _at_a_terminal(arguments: list[str], answer: bytes, database_url: str) -> bytes:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        command = [Path(sysconfig.get_path("scripts")) / "vouch", *arguments]
        env = os.environ | {"VOUCH_DATABASE_URL": database_url}
        done = subprocess.run(
            command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, timeout=60, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.stdout


def test_a_wrong_question_is_told_what_is_wrong(vouch: Vouch) -> None:
    for arguments, told in [
        (["replay"], "either ids or a filter"),
        (["replay", "1", "--reason", "unknown_sensor"], "not both"),
        (["replay", "77"], "there is no part 77"),
        (["list", "--reason", "because"], "--reason: 'because' is not one of"),
        (["list", "--since", "soon"], "--since: 'soon' is no time"),
        (["list", "--state", "gone"], "--state: 'gone' is not one of"),
        (["discard", "1", "--note", " "], "--note: must say why"),
        (["show", "77"], "there is no quarantined part 77"),
        *(
            ([*command, *wrong], told)
            for command in (["list"], ["replay"], ["discard", "--note", "x", "--yes"])
            for wrong, told in [
                (["--topic", ""], "--topic: empty"),
                (["--asset", ""], "--asset: '' is not customer/site/asset"),
                (["--asset", "lechtal//c1"], "--asset: 'lechtal//c1' is not customer/site/asset"),
                (["--asset", "lechtal/kempten/c1"], "--asset: the fleet has no lechtal/kempten/c1"),
            ]
        ),
    ]:
        answer = vouch(*arguments)
        assert isinstance(answer.exception, VouchError), arguments
        assert told in str(answer.exception)


async def test_what_is_asked_for_through_the_api_is_carried_out_by_ingest_once(
    database_url: str, connection: Connection
) -> None:
    declare(connection, _POWER)
    for sensor in (b"temp", b"oil"):
        receive(connection, said(b'{"ts": "2026-03-01T11:00:00Z", "values": {"%b": 1}}' % sensor))
    declare(connection, _POWER, _TEMP)
    path = "/api/v1/quarantine/1"
    with served(IngestSettings(database_url=database_url), now_us):
        async with asking(database_url) as client:
            client.headers = {**bearer(key(connection, "service_engineer")), "Idempotency-Key": "one"}
            asked = await client.post(f"{path}/replay")
            assert (asked.status_code, asked.json()["outcome"]) == (200, None)
            wait_for(lambda: states(connection)[0][1] == "replayed", what="ingest to replay it")
            again = (await client.post(f"{path}/replay")).json()
            assert (again["id"], again["outcome"]) == (asked.json()["id"], "replayed")
            assert connection.execute("SELECT count(*) FROM quarantine_request").fetchall() == [(1,)]
            assert (await client.get(path)).json()["resolved_by"] == "user-service_engineer"
            other = await client.post("/api/v1/quarantine/2/replay", headers={"Idempotency-Key": "two"})
            assert other.status_code == 200
            failing = "SELECT outcome FROM quarantine_request WHERE idempotency_key = 'two'"
            wait_for(lambda: connection.execute(failing).fetchall() == [("failing",)], what="the other part")
    assert values(connection) == [1]


async def test_the_api_discards_with_who_and_why_and_refuses_what_is_done_already(
    database_url: str, connection: Connection
) -> None:
    declare(connection, _POWER)
    receive(connection, said(b"1"), said(b"2"))
    path = "/api/v1/quarantine/1/discard"
    async with asking(database_url) as client:
        client.headers = bearer(key(connection, "admin"))
        assert (await client.post(path, json={"note": "x"})).status_code == 422
        client.headers["Idempotency-Key"] = "one"
        assert (await client.post(path, json={"note": " "})).status_code == 422
        done = (await client.post(path, json={"note": "a test"})).json()
        assert (done["outcome"], done["requested_by"]) == ("discarded", "user-admin")
        assert (await client.post(path, json={"note": "a test"})).json() == done
        reused = await client.post("/api/v1/quarantine/2/discard", json={"note": "x"})
        assert reused.status_code == 409
        later = await client.post(path, json={"note": "x"}, headers={"Idempotency-Key": "two"})
        assert (later.status_code, later.json()["type"]) == (409, "/problems/conflict")
        assert [row["id"] for row in (await client.get("/api/v1/quarantine")).json()["items"]] == [2]
        everything = (await client.get("/api/v1/quarantine", params={"state": "all"})).json()["items"]
        assert everything[1]["note"] == "a test"


@pytest.mark.parametrize(("role", "status"), [("customer", 403), ("account_manager", 403), ("service_engineer", 404)])
async def test_nobody_asks_for_what_they_may_not_see(
    database_url: str, connection: Connection, role: str, status: int
) -> None:
    declare(connection, _POWER)
    receive(connection, said(b"1"), said(b"2", topic="nobody/knows"))
    connection.execute("INSERT INTO customer (slug, name) VALUES ('other', 'Other')")
    async with asking(database_url) as client:
        client.headers = {**bearer(key(connection, role, "other")), "Idempotency-Key": "one"}
        for row in (1, 2):
            assert (await client.post(f"/api/v1/quarantine/{row}/replay")).status_code == status
            assert (await client.post(f"/api/v1/quarantine/{row}/discard", json={"note": "x"})).status_code == status
    assert connection.execute("SELECT count(*) FROM quarantine_request").fetchall() == [(0,)]
