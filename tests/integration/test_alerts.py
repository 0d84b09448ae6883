"""Alerts on a real database and a real webhook: opened once, delivered once, also when analytics is killed between."""

import asyncio
import signal
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from services.analytics.alerts.delivery import deliver_due
from shared.db import alerts, outbox
from shared.db.outbox import Pending
from shared.db.pool import Connection, connect_async
from shared.instant import SECOND_US, from_us
from shared.model.alert import AlertKind, AlertState, Repair, RepairSource, Transition
from tests.integration.judging import CONTRACT, FLEET, interval, judge, load, state, timeline, us
from tests.integration.webhook import webhook
from tests.waiting import wait_for

Service = Callable[..., subprocess.Popen[bytes]]

# Apprise imports all its channels at the first use of one, and a dependency of e-mail asks for this module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_alerts_wait_for_their_webhook_and_reach_it_once_though_analytics_is_killed_between(
    connection: Connection, service: Service
) -> None:
    with webhook() as (port, _):
        pass  # a port that was free a moment ago: nobody listens on it yet
    assets = load(connection, _fleet(port), _running_contract())
    state(connection, assets["c1"], _ago(minutes=2), "up")
    state(connection, assets["c2"], _ago(days=30), "up")
    interval(connection, assets["c2"], _ago(days=15), _ago(days=5), "down")
    analytics = service("analytics", VOUCH_ANALYTICS_INTERVAL_S="0.5")
    wait_for(lambda: _attempted(connection) == 2, 30, "an attempt for both alerts")
    analytics.send_signal(signal.SIGKILL)
    analytics.wait(10)
    assert _undelivered(connection) == 2

    with webhook(port) as (_, received):
        service("analytics", VOUCH_ANALYTICS_INTERVAL_S="0.5")
        wait_for(lambda: _undelivered(connection) == 0, 30, "both deliveries to be marked")
        before = _assessed_at(connection)
        wait_for(lambda: _assessed_at(connection) > before, 30, "another pass, which must not alert again")
    assert sorted(one.title for one in received) == [
        "Compressor 1 (Lechtal Foods GmbH) is silent",
        "LF-1: guarantee TBA of 97.00% for term is at risk",
    ]
    assert len({one.key for one in received}) == 2
    assert None not in {one.key for one in received}


def test_a_restart_before_the_mark_repeats_the_message_under_the_same_key(
    database_url: str, connection: Connection
) -> None:
    with webhook() as (port, received):
        assets = load(connection, _fleet(port))
        _apply(database_url, _silence(assets["c1"], AlertState.OPEN))
        assert _deliver(database_url, us("2026-03-02T10:00")) == 1
        connection.execute("UPDATE delivery SET delivered_at = NULL")
        assert _deliver(database_url, us("2026-03-02T10:00")) == 1
    assert len(received) == 2
    assert received[0] == received[1]


def test_of_two_workers_one_opens_the_alert(database_url: str, connection: Connection) -> None:
    assets = load(connection, _fleet(9))
    assert _apply(database_url, _silence(assets["c1"], AlertState.OPEN))
    assert not _apply(database_url, _silence(assets["c1"], AlertState.OPEN))
    assert _apply(database_url, _silence(assets["c1"], AlertState.CLOSED))
    assert not _apply(database_url, _silence(assets["c1"], AlertState.CLOSED))
    assert connection.execute("SELECT to_state FROM alert_transition ORDER BY id").fetchall() == [
        ("open",),
        ("closed",),
    ]
    assert connection.execute("SELECT count(*) FROM delivery").fetchone() == (2,)


def test_a_channel_that_refuses_is_tried_again_later_and_keeps_its_order(
    database_url: str, connection: Connection
) -> None:
    at_us = us("2026-03-02T10:00")
    with webhook(status=503) as (port, refused):
        assets = load(connection, _fleet(port))
        _apply(database_url, _silence(assets["c1"], AlertState.OPEN))
        _apply(database_url, _silence(assets["c1"], AlertState.CLOSED))
        assert _deliver(database_url, at_us) == 0
        assert _deliver(database_url, at_us) == 0
        assert _deliver(database_url, at_us + SECOND_US) == 0
    assert [one.title for one in refused] == ["open", "open"]
    tried = connection.execute("SELECT attempts, next_attempt_at, last_error FROM delivery ORDER BY id").fetchall()
    assert tried[0][:2] == (2, from_us(at_us + 3 * SECOND_US))
    assert "503" in tried[0][2]
    assert tried[1][0] == 0
    assert _pending(database_url) == Pending(count=2, next_attempt_us=at_us + 3 * SECOND_US)
    with webhook(port) as (_, received):
        assert _deliver(database_url, at_us + 3 * SECOND_US) == 2
    assert [one.title for one in received] == ["open", "closed"]
    assert _pending(database_url) == Pending(count=0, next_attempt_us=None)


def test_a_dead_channel_does_not_hold_up_the_others(database_url: str, connection: Connection) -> None:
    with webhook() as (dead, _):
        pass
    with webhook() as (port, received):
        dead_first = _fleet(dead).replace("channels: [", f"channels: [{_channel('a-dead-one', dead)}, ")
        assets = load(connection, dead_first.replace(_channel("team", dead), _channel("team", port)))
        _apply(database_url, _silence(assets["c1"], AlertState.OPEN))
        assert _deliver(database_url, us("2026-03-02T10:00")) == 1
    assert len(received) == 1


def test_a_channel_gets_its_own_kinds_and_customers_only(database_url: str, connection: Connection) -> None:
    other = "{name: other, url: 'json://127.0.0.1:9/x', customer: other, kinds: [machine_silent]}"
    anomalies = "{name: anomalies, url: 'json://127.0.0.1:9/x', kinds: [anomaly]}"
    text = _fleet(9).replace("channels: [", f"channels: [{other}, {anomalies}, ")
    text = text.replace("Lechtal Foods GmbH}", "Lechtal Foods GmbH}, {slug: other, name: Other}")
    assets = load(connection, text)
    _apply(database_url, _silence(assets["c1"], AlertState.OPEN))
    rows = connection.execute("SELECT c.name FROM delivery d JOIN channel c ON c.id = d.channel_id").fetchall()
    assert rows == [("team",)]


def test_silence_opens_after_the_allowed_time_and_closes_when_heard_again(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection, _fleet(9))["c1"]
    state(connection, c1, "2026-03-02T08:00:00", "up")
    assert judge(database_url, "2026-03-02T08:01:00").transitions == ()
    (opened,) = judge(database_url, "2026-03-02T08:01:01").transitions
    assert (opened.kind, opened.to_state, opened.reason) == ("machine_silent", "open", "silent_too_long")
    assert "Contracts that depend on it: LF-1." in opened.body
    assert judge(database_url, "2026-03-02T09:00:00").transitions == ()
    state(connection, c1, "2026-03-02T09:00:30", "down")
    (closed,) = judge(database_url, "2026-03-02T09:00:31").transitions
    assert (closed.to_state, closed.reason) == ("closed", "heard_again")


def test_a_guarantee_is_at_risk_once_and_until_its_period_ends(database_url: str, connection: Connection) -> None:
    c2 = load(connection, _fleet(9), CONTRACT.replace("kempten/c1", "kempten/c2"))["c2"]
    state(connection, c2, "2025-12-31T00:00", "up")
    interval(connection, c2, "2026-03-10T00:00", "2026-03-11T00:00", "down")
    (opened,) = judge(database_url, "2026-03-12T00:00").transitions
    assert (opened.kind, opened.subject, opened.to_state) == ("guarantee_at_risk", "LF-1/TBA/2026-03", "open")
    assert opened.reason == "miss_certain"
    assert "24.0 h used of" in opened.body
    assert "Malus as things stand: 1,488.00 EUR." in opened.body
    assert judge(database_url, "2026-03-20T00:00").transitions == ()
    (closed,) = judge(database_url, "2026-04-01T12:00").transitions
    assert (closed.to_state, closed.reason) == ("closed", "period_ended")
    assert closed.title.endswith("period over, missed")


def test_analytics_stops_at_once_and_cleanly_when_told_to(service: Service, connection: Connection) -> None:
    assets = load(connection)
    analytics = service("analytics")
    state(connection, assets["c1"], "2026-03-02T08:00", "up")
    wait_for(lambda: timeline(connection, assets["c1"]), 20, "a first pass")
    analytics.terminate()
    assert analytics.wait(10) == 0


def test_a_port_for_the_meters_that_is_taken_stops_the_start_and_is_named(service: Service, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        analytics = service("analytics", VOUCH_ANALYTICS_METRICS_PORT=str(taken.getsockname()[1]))
        assert analytics.wait(20) == 2
    said = (tmp_path / "analytics-1.log").read_text(encoding="utf-8")
    assert ("VOUCH_ANALYTICS_METRICS_PORT" in said, "Traceback" in said) == (True, False)


def test_analytics_goes_on_after_the_database_has_cut_it_off(
    service: Service, connection: Connection, database_url: str
) -> None:
    assets = load(connection)
    analytics = service("analytics", VOUCH_ANALYTICS_INTERVAL_S="0.5")
    wait_for(lambda: len(_backends(connection)) == 5, 20, "five connections of analytics")
    cut = _backends(connection)
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::integer[]) AS pid", (cut,))
    # The fifth, which learns, looks once a minute.
    wait_for(lambda: len(_backends(connection)) >= 4 and not set(cut) & set(_backends(connection)), 20, "new ones")
    interval(connection, assets["c1"], "2026-03-02T08:00", "2026-03-02T09:00", "down")
    wait_for(lambda: connection.execute("SELECT FROM asset_day").fetchall(), 20, "a pass after the cut")
    assert analytics.poll() is None


def _channel(name: str, port: int) -> str:
    return f"{{name: {name}, url: 'json://127.0.0.1:{port}/hook', kinds: [guarantee_at_risk, machine_silent]}}"


def _fleet(port: int) -> str:
    return f"{FLEET}channels: [{_channel('team', port)}]\n"


def _running_contract() -> str:
    """Around now, on the machine whose silence nobody minds."""
    text = CONTRACT.replace("kempten/c1", "kempten/c2").replace("calendar_month", "term")
    return text.replace("2026-01-01", _ago(days=20)[:10]).replace("2026-12-31", _ago(days=-20)[:10])


def _ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def _silence(asset_id: int, to_state: AlertState) -> Transition:
    return Transition(
        kind=AlertKind.MACHINE_SILENT,
        subject=f"asset/{asset_id}",
        customer_id=1,
        asset_id=asset_id,
        contract_id=None,
        to_state=to_state,
        at_us=us("2026-03-02T10:00"),
        reason="",
        title=to_state.value,
        body="body",
    )


def _apply(database_url: str, transition: Transition) -> bool:
    async def work() -> bool:
        async with connect_async(database_url) as connection:
            return await alerts.apply(connection, transition)

    return asyncio.run(work())


def _deliver(database_url: str, at_us: int) -> int:
    async def work() -> int:
        async with connect_async(database_url) as connection:
            return await deliver_due(connection, at_us)

    return asyncio.run(work())


def _pending(database_url: str) -> Pending:
    async def work() -> Pending:
        async with connect_async(database_url) as connection:
            return await outbox.pending(connection)

    return asyncio.run(work())


def _attempted(connection: Connection) -> int:
    return _count(connection, "SELECT count(*) FROM delivery WHERE attempts > 0")


def _undelivered(connection: Connection) -> int:
    return _count(connection, "SELECT count(*) FROM delivery WHERE delivered_at IS NULL")


def _count(connection: Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def _assessed_at(connection: Connection) -> datetime:
    row = connection.execute("SELECT max(as_of) FROM assessment").fetchone()
    assert row is not None
    return row[0]


def _backends(connection: Connection) -> list[int]:
    rows = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    return [pid for (pid,) in rows]


def test_a_prediction_with_a_notice_becomes_a_delivered_alert_in_the_words_of_the_contract(
    database_url: str, connection: Connection
) -> None:
    with webhook() as (port, received):
        c2 = _foretold(connection, port)
        (opened,) = [one for one in judge(database_url, "2026-03-12T00:00").transitions if one.asset_id == c2]
        [(notice,)] = connection.execute("SELECT id FROM failure_notice").fetchall()
        assert (opened.kind, opened.subject) == ("predicted_failure", f"asset/{c2}/bearing/{notice}")
        assert judge(database_url, "2026-03-12T01:00").transitions == ()
        assert _deliver(database_url, us("2026-03-12T01:00")) == 1
    (told,) = received
    assert told.title == "Compressor 2 (Lechtal Foods GmbH): bearing is expected to fail in 5 days"
    lines = told.message.splitlines()
    assert lines[0].startswith("Compressor 2 at Kempten, Lechtal Foods GmbH. Its bearing is expected to fail about ")
    assert lines[2] == "To do: see to the bearing by 2026-03-13 12:00 UTC at the latest."
    assert lines[4] == "Method: trend of its sensors to their limits; power_kw on its way to its limit 90."
    assert lines[5].startswith("LF-1, guarantee TBA of 97.00% for 2026-03: P(miss) ")
    assert "is down for 6.0 h (median of 3 such stops of this machine)." in lines[5]
    assert "Malus as things stand 0.00 EUR, with these hours " in lines[5]


@pytest.mark.parametrize(
    ("state", "reason"), [("confirmed", "notice_confirmed"), ("averted", "notice_averted"), ("false", "notice_false")]
)
def test_the_alert_on_a_notice_closes_once_it_is_known_what_became_of_it(
    database_url: str, connection: Connection, state: str, reason: str
) -> None:
    c2 = _foretold(connection, 9)
    judge(database_url, "2026-03-12T00:00")
    connection.execute(
        "UPDATE failure_notice SET state = %s, decided_at = '2026-03-13Z',"
        " failed_at = CASE WHEN %s = 'confirmed' THEN timestamptz '2026-03-13Z' END",
        (state, state),
    )
    (closed,) = [one for one in judge(database_url, "2026-03-13T00:01").transitions if one.asset_id == c2]
    assert (closed.kind, closed.to_state, closed.reason) == ("predicted_failure", "closed", reason)


def test_a_notice_that_is_given_when_another_is_decided_alerts_by_itself(
    database_url: str, connection: Connection
) -> None:
    c2 = _foretold(connection, 9)
    (first,) = [one for one in judge(database_url, "2026-03-12T00:00").transitions if one.asset_id == c2]
    connection.execute(
        "UPDATE failure_notice SET state = 'confirmed', decided_at = given_at + interval '6 h',"
        " failed_at = given_at + interval '6 h'"
    )
    connection.execute(
        "INSERT INTO failure_notice (customer_id, asset_id, component, given_at, said_at, prediction_id, window_end,"
        " state, reason) SELECT customer_id, asset_id, component, at + interval '12 h', at + interval '12 h', id,"
        " at + interval '31 days', 'open', 'again' FROM prediction"
    )
    closed, opened = (one for one in judge(database_url, "2026-03-12T12:00").transitions if one.asset_id == c2)
    assert (closed.subject, closed.reason) == (first.subject, "notice_confirmed")
    assert (opened.reason, opened.subject != first.subject) == ("failure_predicted", True)
    assert "Notice was given 2026-03-12 12:00 UTC" in opened.body
    assert [one for one in judge(database_url, "2026-03-12T12:01").transitions if one.asset_id == c2] == []


def test_what_a_repair_usually_takes_is_told_of_the_customers_own_machines_only(
    database_url: str, connection: Connection
) -> None:
    text = FLEET.replace("Lechtal Foods GmbH}", "Lechtal Foods GmbH}, {slug: other, name: Other}")
    text = text.replace("name: Kempten}", "name: Kempten}, {customer: other, slug: ulm, name: Ulm}")
    text += "  - {customer: other, site: ulm, slug: x, name: Compressor X, model: compressor}\n"
    assets = load(connection, text)
    for slug, hours in (("c1", 2), ("c2", 4), ("x", 20)):
        state(connection, assets[slug], "2026-01-01T00:00", "up")
        interval(connection, assets[slug], "2026-01-10T00:00", f"2026-01-10T{hours:02}:00", "down")
    judge(database_url, "2026-02-01T00:00")
    assert _usual(database_url, assets["c1"]) == Repair(hours=3.0, count=2, source=RepairSource.MODEL)
    assert _usual(database_url, assets["x"]) == Repair(hours=20.0, count=1, source=RepairSource.MODEL)


def _usual(database_url: str, asset_id: int) -> Repair | None:
    async def work() -> Repair | None:
        async with connect_async(database_url) as connection:
            return await alerts.usual_repair(connection, asset_id, ["broken"])

    return asyncio.run(work())


def test_a_notice_of_a_history_that_is_still_worked_off_alerts_nobody(
    database_url: str, connection: Connection
) -> None:
    c2 = _foretold(connection, 9)
    connection.execute("UPDATE prediction SET at = at - interval '9 days', made_at = made_at - interval '9 days'")
    assert [one for one in judge(database_url, "2026-03-12T00:00").transitions if one.asset_id == c2] == []


def test_what_an_engineer_confirms_is_told_and_what_is_rejected_or_repeats_it_is_not(
    database_url: str, connection: Connection
) -> None:
    c2 = _foretold(connection, 9)
    connection.execute("DELETE FROM failure_notice")
    finding = _finding(connection, c2)
    assert _kinds(database_url, "2026-03-12T00:01", c2) == [("anomaly", "open")]
    _review(connection, finding, "confirmed")
    (told,) = judge(database_url, "2026-03-12T00:02").transitions
    assert (told.kind, told.reason) == ("confirmed_anomaly", "finding_confirmed")
    assert told.title == "Compressor 2 (Lechtal Foods GmbH) has a fault: bearing wear"
    assert "Confirmed by ada: bearing wear." in told.body
    assert "power_kw high (100%)" in told.body
    assert "LF-1, guarantee TBA of 97.00% for 2026-03: P(miss) " in told.body
    _review(connection, finding, "rejected")
    assert _kinds(database_url, "2026-03-12T00:03", c2) == [("anomaly", "closed"), ("confirmed_anomaly", "closed")]
    connection.execute("DELETE FROM finding_review")
    _review(connection, finding, "rejected")
    connection.execute("UPDATE anomaly SET suppressed_by = (SELECT min(id) FROM finding_review)")
    connection.execute("UPDATE finding_review SET superseded_at = reviewed_at, superseded_by = 'ada'")
    assert _kinds(database_url, "2026-03-12T00:04", c2) == []


def _foretold(connection: Connection, port: int) -> int:
    """A machine that had three stops of six hours, and a notice of its bearing five days before it should fail."""
    kinds = "kinds: [predicted_failure, confirmed_anomaly]"
    fleet_text = _fleet(port).replace("kinds: [guarantee_at_risk, machine_silent]", kinds)
    prognosis = "prognosis: {components: [{name: bearing, causes: [broken], limits: {power_kw: 90}}]}\n    codes:"
    fleet_text = fleet_text.replace("codes:", prognosis, 1)
    c2 = load(connection, fleet_text, CONTRACT.replace("kempten/c1", "kempten/c2"))["c2"]
    state(connection, c2, "2025-12-31T00:00", "up")
    for day in ("2026-01-10", "2026-02-10", "2026-02-20"):
        interval(connection, c2, f"{day}T00:00", f"{day}T06:00", "down")
    state(connection, c2, "2026-03-12T00:00", "up", 1)
    connection.execute(
        "INSERT INTO prediction (customer_id, asset_id, component, at, made_at, method, p10_h, p50_h, p90_h, p_24h,"
        " p_7d, p_30d, health, latest_at, reason, evidence) SELECT customer_id, id, 'bearing', '2026-03-12Z',"
        " '2026-03-12Z', 'health_trend', 40, 120, 200, 0.01, 0.7, 0.99, 0.4, '2026-03-13T12:00Z',"
        " 'power_kw rises to its limit of 90 kW', %s FROM asset WHERE id = %s",
        ('{"methods": [{"method": "health_trend", "sensor": "power_kw", "limit": 90.0}]}', c2),
    )
    connection.execute(
        "INSERT INTO failure_notice (customer_id, asset_id, component, given_at, said_at, prediction_id, expected_at,"
        " latest_at, window_end, state, reason) SELECT customer_id, asset_id, component, at, made_at, id,"
        " at + interval '120 h', latest_at, at + interval '30 days', 'open', 'likely' FROM prediction"
    )
    return c2


def _finding(connection: Connection, asset_id: int) -> int:
    """A finding that goes on; its id."""
    row = connection.execute(
        "WITH m AS (INSERT INTO model (customer_id, asset_id, detector, trained_from, trained_to, trained_at,"
        " parameters, sha256) SELECT customer_id, id, 'test', '2026-01-01Z', '2026-02-01Z', '2026-02-01Z', '{}', 'x'"
        " FROM asset WHERE id = %s RETURNING id, customer_id, asset_id)"
        " INSERT INTO anomaly (customer_id, asset_id, model_id, start_at, peak_score, contributions, signature)"
        " SELECT customer_id, asset_id, id, '2026-03-11T20:00Z', 2, '[{\"sensor\": \"power_kw\"}]', '{\"power_kw\": 1}'"
        " FROM m RETURNING id",
        (asset_id,),
    ).fetchone()
    assert row is not None
    return row[0]


def _review(connection: Connection, finding: int, verdict: str) -> None:
    connection.execute("SELECT set_config('vouch.customers', '*', false)")
    said = connection.execute(
        "SELECT FROM vouch_review_finding(%s, %s, 'bearing wear', '', 'ada', '2026-03-12T00:00Z')", (finding, verdict)
    ).fetchall()
    assert len(said) == 1


def _kinds(database_url: str, now: str, asset_id: int) -> list[tuple[str, str]]:
    made = judge(database_url, now).transitions
    return [(one.kind.value, one.to_state.value) for one in made if one.asset_id == asset_id]
