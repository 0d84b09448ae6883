"""Lost connections and silence in the ledger: what was known ends there, and nobody is silent while nobody listens."""

from collections.abc import Sequence
from typing import Any

import pytest
from psycopg import sql

from shared.db import alerts, connectivity, heartbeat
from shared.db.pool import Connection
from shared.instant import SECOND_US, from_us
from shared.model.connection import Statement
from tests.integration.asking import asking, bearer, key
from tests.integration.judging import FLEET, interval, judge, load, power, state, timeline, us


def _says(
    connection: Connection, asset_id: int, received: str, *, online: bool, at: str | None = None, **flags: bool
) -> int:
    """A status as ingest takes it: received at a time, with the device's own time in it, else the same."""
    said = Statement(
        asset_id=asset_id,
        customer_id=1,
        is_online=online,
        at_us=us(at or received),
        topic="vouch/v1/lechtal/kempten/c1/status",
        payload=f"{online} {at or received}".encode(),
        **flags,
    )
    with connection.transaction():
        return connectivity.note(connection, [said], us(received))


def _events(connection: Connection, code: str) -> Sequence[tuple[str, str | None]]:
    return connection.execute(
        "SELECT to_char(start_at, 'MM-DD HH24:MI:SS'), to_char(end_at, 'MM-DD HH24:MI:SS') FROM asset_event"
        " WHERE code = %s ORDER BY start_at",
        (code,),
    ).fetchall()


@pytest.fixture
def c1(connection: Connection) -> int:
    return load(connection)["c1"]


def test_a_state_is_known_until_the_connection_is_lost_and_again_from_the_next_fact(
    database_url: str, connection: Connection, c1: int
) -> None:
    _says(connection, c1, "2026-03-02T07:59:00", online=True)
    state(connection, c1, "2026-03-02T08:00:00", "up")
    judge(database_url, "2026-03-02T09:30:00")
    _says(connection, c1, "2026-03-02T09:00:00", online=False, at="2026-03-02T07:59:00")
    judge(database_url, "2026-03-02T10:00:00")
    assert timeline(connection, c1) == [("03-02 08:00:00", "03-02 09:00:00", "FP", "running")]
    _says(connection, c1, "2026-03-02T10:30:00", online=True)
    judge(database_url, "2026-03-02T11:00:00")
    assert _events(connection, "$offline") == [("03-02 09:00:00", "03-02 10:30:00")]
    assert timeline(connection, c1) == [
        ("03-02 08:00:00", "03-02 09:00:00", "FP", "running"),
        ("03-02 09:00:00", "03-02 10:30:00", "IU", "connection_lost"),
    ]
    state(connection, c1, "2026-03-02T11:30:00", "down")
    judge(database_url, "2026-03-02T12:00:00")
    assert timeline(connection, c1)[2:] == [("03-02 11:30:00", "03-02 12:00:00", "FO", "broken")]


def test_facts_of_the_time_without_a_connection_that_come_late_fill_it(
    database_url: str, connection: Connection, c1: int
) -> None:
    state(connection, c1, "2026-03-02T08:00:00", "up")
    _says(connection, c1, "2026-03-02T09:00:00", online=False)
    _says(connection, c1, "2026-03-02T10:00:00", online=True)
    judge(database_url, "2026-03-02T10:10:00")
    state(connection, c1, "2026-03-02T09:15:00", "service")
    power(connection, c1, {"2026-03-02T09:05:00": 40.0})
    judge(database_url, "2026-03-02T10:20:00")
    assert timeline(connection, c1) == [
        ("03-02 08:00:00", "03-02 09:00:00", "FP", "running"),
        ("03-02 09:00:00", "03-02 09:05:00", "IU", "connection_lost"),
        ("03-02 09:05:00", "03-02 09:15:00", "FP", "running"),
        ("03-02 09:15:00", "03-02 10:20:00", "SM", "service"),
    ]


def test_readings_before_the_loss_vouch_only_until_it_and_open_intervals_end_there(
    database_url: str, connection: Connection, c1: int
) -> None:
    power(connection, c1, {"2026-03-02T08:55:00": 40.0})
    _says(connection, c1, "2026-03-02T09:00:00", online=False)
    judge(database_url, "2026-03-02T10:00:00")
    assert timeline(connection, c1) == [("03-02 08:55:00", "03-02 09:00:00", "FP", "running")]
    interval(connection, c1, "2026-03-02T08:00:00", None, "down")
    judge(database_url, "2026-03-02T11:00:00")
    assert timeline(connection, c1) == [("03-02 08:00:00", "03-02 09:00:00", "FO", "broken")]
    interval(connection, c1, "2026-03-02T08:00:00", "2026-03-02T10:30:00", "down")
    judge(database_url, "2026-03-02T11:10:00")
    assert timeline(connection, c1) == [("03-02 08:00:00", "03-02 10:30:00", "FO", "broken")]


def test_a_state_that_was_lost_is_not_carried_on_and_costs_no_pass(
    database_url: str, connection: Connection, c1: int
) -> None:
    state(connection, c1, "2026-03-02T08:00:00", "up")
    _says(connection, c1, "2026-03-02T09:00:00", online=False)
    judge(database_url, "2026-03-02T10:00:00")
    assert judge(database_url, "2026-03-03T10:00:00").assets == 0


def test_a_model_may_say_who_answers_for_a_lost_connection(database_url: str, connection: Connection) -> None:
    ours = '      "$offline": {category: IU, cause: network_of_the_site, party: customer}\n'
    c1 = load(connection, FLEET.replace('      "down"', f'{ours}      "down"'))["c1"]
    _says(connection, c1, "2026-03-02T09:00:00", online=False)
    _says(connection, c1, "2026-03-02T10:00:00", online=True)
    judge(database_url, "2026-03-02T10:10:00")
    assert timeline(connection, c1) == [("03-02 09:00:00", "03-02 10:00:00", "IU", "network_of_the_site")]


def test_the_last_word_of_a_connection_is_kept_and_a_retained_copy_of_it_changes_nothing(
    connection: Connection, c1: int
) -> None:
    assert _says(connection, c1, "2026-03-02T08:00:00", online=True) == 0
    before = connection.execute("SELECT * FROM asset_connection").fetchall()
    assert [row[2] for row in before] == ["online"]
    _says(connection, c1, "2026-03-02T09:00:00", online=True, at="2026-03-02T08:00:00", is_retained=True)
    assert connection.execute("SELECT * FROM asset_connection").fetchall() == before
    assert _says(connection, c1, "2026-03-02T10:00:00", online=False, at="2026-03-02T07:59:59") == 1
    assert _says(connection, c1, "2026-03-02T11:00:00", online=False, at="2026-03-02T07:59:59", is_retained=True) == 0
    assert connection.execute("SELECT state, to_char(received_at, 'HH24:MI') FROM asset_connection").fetchall() == [
        ("offline", "10:00")
    ]


async def test_whoever_asks_sees_the_connection_of_a_machine_and_every_loss_among_its_events(
    database_url: str, connection: Connection, c1: int
) -> None:
    async with asking(database_url) as client:
        client.headers = bearer(key(connection, "customer", "lechtal"))
        assert (await client.get(f"/api/v1/assets/{c1}")).json()["connection"] is None
        _says(connection, c1, "2026-03-02T08:00:00", online=True)
        _says(connection, c1, "2026-03-02T10:00:00", online=False, at="2026-03-02T09:59:59")
        for shown in ((await client.get(f"/api/v1/assets/{c1}")).json(), (await client.get("/api/v1/assets")).json()):
            machine = shown["items"][0] if "items" in shown else shown
            assert (machine["connection"], machine["connection_at"]) == ("offline", "2026-03-02T09:59:59Z")
        listed = (await client.get(f"/api/v1/assets/{c1}/events", params={"from": "2026-03-02T00:00:00Z"})).json()
        assert [(event["code"], event["start_at"], event["end_at"]) for event in listed["items"]] == [
            ("$offline", "2026-03-02T09:59:59Z", None)
        ]


def test_a_retained_offline_after_an_outage_of_ours_dates_from_when_we_stopped_listening(
    connection: Connection, c1: int
) -> None:
    _says(connection, c1, "2026-03-02T08:00:00", online=True)
    state(connection, c1, "2026-03-02T08:00:00", "up")
    for at in ("2026-03-02T08:59:55", "2026-03-02T09:00:00", "2026-03-02T11:00:00"):
        heartbeat.beat(connection, "vouch-ingest", us(at))
    _says(connection, c1, "2026-03-02T11:00:01", online=False, at="2026-03-02T08:00:00", is_retained=True)
    assert _events(connection, "$offline") == [("03-02 09:00:00", None)]


def test_processes_of_ingest_hand_the_listening_on(connection: Connection) -> None:
    beats = [("a", "08:00:00"), ("a", "08:00:20"), ("b", "08:00:30"), ("b", "08:00:55"), ("a", "08:01:10")]
    for client, at in beats:
        heartbeat.beat(connection, client, us(f"2026-03-02T{at}"))
    rows = connection.execute("SELECT since_at, lost_at FROM ingest_heartbeat").fetchall()
    assert rows == [(from_us(us("2026-03-02T08:00:00")), None)] * 2
    heartbeat.beat(connection, "b", us("2026-03-02T09:00:00"))
    row = connection.execute("SELECT since_at, lost_at FROM ingest_heartbeat WHERE client_id = 'b'").fetchone()
    assert row == (from_us(us("2026-03-02T09:00:00")), from_us(us("2026-03-02T08:01:10")))


def test_a_silence_is_an_event_from_the_last_sign_of_life_to_the_next(
    database_url: str, connection: Connection, c1: int
) -> None:
    state(connection, c1, "2026-03-02T08:00:00", "up")
    judge(database_url, "2026-03-02T08:00:59")
    assert _events(connection, "$silent") == []
    judge(database_url, "2026-03-02T08:01:01")
    judge(database_url, "2026-03-02T08:30:00")
    assert _events(connection, "$silent") == [("03-02 08:00:00", None)]
    state(connection, c1, "2026-03-02T09:00:00", "up", seq=1)
    state(connection, c1, "2026-03-02T09:00:30", "up", seq=2)
    judge(database_url, "2026-03-02T09:00:40")
    assert _events(connection, "$silent") == [("03-02 08:00:00", "03-02 09:00:00")]
    assert {row[2] for row in timeline(connection, c1)} == {"FP"}


def test_while_nobody_listens_no_machine_is_silent(database_url: str, connection: Connection, c1: int) -> None:
    heartbeat.beat(connection, "vouch-ingest", us("2026-03-02T08:00:00"))
    state(connection, c1, "2026-03-02T08:00:00", "up")
    assert judge(database_url, "2026-03-02T10:00:00").transitions == ()
    heartbeat.beat(connection, "vouch-ingest", us("2026-03-02T10:00:00"))
    assert judge(database_url, "2026-03-02T10:00:30").transitions == ()
    _listens(connection, "2026-03-02T10:00:00", "2026-03-02T10:01:01")
    assert [one.reason for one in judge(database_url, "2026-03-02T10:01:01").transitions] == ["silent_too_long"]
    assert _events(connection, "$silent") == [("03-02 08:00:00", None)]


def test_the_silent_among_a_hundred_thousand_machines_are_found_by_one_range_of_one_index(
    connection: Connection, c1: int
) -> None:
    connection.execute(
        "INSERT INTO asset (customer_id, site_id, model_id, slug, name, silent_after_s)"
        " SELECT customer_id, site_id, model_id, 'm' || n, 'm', 60 FROM asset, generate_series(1, 100000) n"
        " WHERE id = %s",
        (c1,),
    )
    connection.execute(
        "INSERT INTO asset_status (asset_id, customer_id, last_heard_at, silent_due_at)"
        " SELECT id, customer_id, %(now)s, %(now)s::timestamptz + id * interval '1 ms' FROM asset",
        {"now": from_us(us("2026-03-02T08:00:00"))},
    )
    connection.execute("ANALYZE asset, asset_status")
    now_us = us("2026-03-02T08:00:00") + 20_000
    plan = _plan(connection, alerts._SQL["silent_or_alerted"], {"now": from_us(now_us), "gone": from_us(now_us)})
    nodes = [(node["Node Type"], node.get("Relation Name")) for node in plan]
    assert "asset_status_silent" in {node.get("Index Name") for node in plan}
    assert not [relation for kind, relation in nodes if kind == "Seq Scan" and relation in ("asset", "asset_status")]


def _listens(connection: Connection, start: str, end: str) -> None:
    for now_us in range(us(start), us(end) + 1, 10 * SECOND_US):
        heartbeat.beat(connection, "vouch-ingest", now_us)


def _plan(connection: Connection, query: bytes, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    explain = sql.SQL("EXPLAIN (FORMAT JSON) ") + sql.SQL(query.decode().rstrip().rstrip(";"))  # pyright: ignore[reportArgumentType]
    row = connection.execute(explain, parameters).fetchone()
    assert row is not None
    waiting, nodes = [row[0][0]["Plan"]], []
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += node.get("Plans", [])
    return nodes
