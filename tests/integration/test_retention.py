"""Dropping old rows on a real database: nothing goes too soon, and what was derived from it stays."""

import pytest
from typer.testing import CliRunner

from services.cli import app
from shared.db import retention
from shared.db.pool import Connection
from shared.db.retention import Dropped, Kind
from shared.errors import VouchError
from tests.integration.judging import cube, documents, interval, judge, load, power, state, timeline, us
from tests.integration.test_rollups import stored

NOW = "2026-03-30T12:00"
# Chunks of a week begin on Thursdays.
OLD = {"2026-03-02T08:00": 90.0, "2026-03-02T08:05": 0.0, "2026-03-02T08:58": 91.0}
YOUNG = {"2026-03-29T08:00": 90.0}


BOTH_KINDS = pytest.mark.parametrize("c1", ["hypertable", "plain tables"], indirect=True)


@pytest.fixture
def c1(request: pytest.FixtureRequest, database_url: str, connection: Connection) -> int:
    """A compressor with old and young readings, rolled up and judged."""
    if getattr(request, "param", "") == "plain tables":
        _make_plain(connection)
    c1 = load(connection)["c1"]
    power(connection, c1, OLD)
    power(connection, c1, YOUNG)
    judge(database_url, NOW)
    return c1


def _make_plain(connection: Connection) -> None:
    for table in ("reading", "reading_minute", "reading_hour"):
        connection.execute(f"CREATE TABLE plain (LIKE {table} INCLUDING ALL)".encode())
        connection.execute(f"DROP TABLE {table}".encode())
        connection.execute(f"ALTER TABLE plain RENAME TO {table}".encode())


def run(connection: Connection, now: str = NOW) -> list[Dropped]:
    return retention.run(connection, us(now))


def count(connection: Connection, table: str) -> int:
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
    return rows


@BOTH_KINDS
def test_old_readings_go_and_what_was_derived_from_them_stays(connection: Connection, c1: int) -> None:
    def derived() -> list[object]:
        minutes = stored(connection, "reading_minute", "c1", "power_kw")
        return [timeline(connection, c1), cube(connection), minutes]

    before = derived()
    assert run(connection) == []
    retention.declare(connection, Kind.READINGS, 14)
    [dropped] = run(connection)
    assert (dropped.kind, dropped.count > 0, dropped.pending) == (Kind.READINGS, True, 0)
    assert count(connection, "reading") == len(YOUNG)
    assert derived() == before
    assert [one.count for one in run(connection)] == [0]
    assert connection.execute("SELECT at, value FROM vouch_latest(NULL, 0, 10) WHERE at > '2026-03-29'").fetchall()


@BOTH_KINDS
def test_readings_that_are_not_rolled_up_yet_are_kept(connection: Connection, c1: int, database_url: str) -> None:
    retention.declare(connection, Kind.READINGS, 14)
    power(connection, c1, {"2026-03-02T09:30": 90.0})
    [refused] = run(connection)
    assert (refused.count, refused.pending) == (0, 1)
    assert count(connection, "reading") == len(OLD) + len(YOUNG) + 1
    judge(database_url, NOW)
    assert run(connection)[0].count > 0


def test_what_comes_later_for_time_that_is_gone_erases_nothing(
    connection: Connection, c1: int, database_url: str
) -> None:
    retention.declare(connection, Kind.READINGS, 14)
    run(connection)
    before = timeline(connection, c1), stored(connection, "reading_minute", "c1", "power_kw")
    hours = stored(connection, "reading_hour", "c1", "power_kw")
    power(connection, c1, {"2026-03-02T08:03": 0.0})
    connection.execute(
        "INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)"
        " VALUES (%s, '2026-03-01Z', '2026-03-29T09:00Z', now())",
        (c1,),
    )
    judge(database_url, NOW)
    assert count(connection, "dirty_window") == 0
    assert before == (timeline(connection, c1), stored(connection, "reading_minute", "c1", "power_kw"))
    assert hours == stored(connection, "reading_hour", "c1", "power_kw")
    power(connection, c1, {"2026-03-29T08:05": 0.0})
    judge(database_url, NOW)
    assert len(stored(connection, "reading_minute", "c1", "power_kw")) == len(OLD) + len(YOUNG) + 1


def test_a_late_event_is_told_in_time_whose_readings_are_gone(
    connection: Connection, c1: int, database_url: str
) -> None:
    retention.declare(connection, Kind.READINGS, 14)
    run(connection)
    interval(connection, c1, "2026-03-02T08:02", "2026-03-02T08:04", "down")
    judge(database_url, NOW)
    assert timeline(connection, c1)[:4] == [
        ("03-02 08:00:00", "03-02 08:02:00", "FP", "running"),
        ("03-02 08:02:00", "03-02 08:04:00", "FO", "broken"),
        ("03-02 08:04:00", "03-02 08:05:00", "FP", "running"),
        ("03-02 08:05:00", "03-02 08:15:00", "TS", "idle"),
    ]


@BOTH_KINDS
def test_minutes_and_hours_go_by_their_own_declaration(connection: Connection, c1: int, database_url: str) -> None:
    for kind, days in ((Kind.READINGS, 14), (Kind.MINUTES, 60), (Kind.HOURS, 800)):
        retention.declare(connection, kind, days)
    run(connection, "2026-12-01T00:00")
    assert count(connection, "reading") == count(connection, "reading_minute") == 0
    kept = stored(connection, "reading_hour", "c1", "power_kw")
    assert [row[0] for row in kept.values()] == [3, 1]
    connection.execute(
        "INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)"
        " VALUES (%s, '2026-03-01Z', '2026-03-29T09:00Z', now())",
        (c1,),
    )
    judge(database_url, "2026-12-01T00:00")
    assert stored(connection, "reading_hour", "c1", "power_kw") == kept
    [latest] = connection.execute(
        "SELECT at, value, quality FROM vouch_latest(%s, 0, 10) WHERE sensor = 'power_kw'", (c1,)
    ).fetchall()
    assert (latest[0].isoformat(), *latest[1:]) == ("2026-03-29T08:00:00+00:00", 90.0, None)
    run(connection, "2029-12-01T00:00")
    assert count(connection, "reading_hour") == 0


def test_what_is_made_of_something_is_kept_at_least_as_long(connection: Connection) -> None:
    with pytest.raises(VouchError, match="minutes must be kept at least as long as readings"):
        retention.declare(connection, Kind.MINUTES, 90)
    retention.declare(connection, Kind.READINGS, 90)
    retention.declare(connection, Kind.MINUTES, 90)
    with pytest.raises(VouchError, match="hours must be kept at least as long as minutes"):
        retention.declare(connection, Kind.HOURS, 89)
    with pytest.raises(VouchError, match="minutes must be kept at least as long as readings"):
        retention.declare(connection, Kind.READINGS, None)


def test_contracts_read_the_same_after_the_readings_are_gone(
    connection: Connection, c1: int, database_url: str
) -> None:
    state(connection, c1, "2026-03-10T08:00", "up")
    judge(database_url, "2026-04-15T00:00")
    before = documents(connection)["2026-03"]
    retention.declare(connection, Kind.READINGS, 7)
    assert run(connection, "2026-04-15T00:00")[0].count > 0
    connection.execute(
        "INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)"
        " VALUES (%s, '2026-03-01Z', '2026-03-29T09:00Z', now())",
        (c1,),
    )
    judge(database_url, "2026-04-15T00:01")
    assert documents(connection)["2026-03"] == before


def test_a_columnstore_is_refused_where_the_edition_has_none(connection: Connection) -> None:
    [(edition,)] = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchall()
    if edition == "timescale":
        pytest.skip("this server has the columnstore")
    with pytest.raises(VouchError, match=r"no columnstore \(timescaledb.license is apache\)"):
        retention.store_in_columns(connection, 30)


def test_the_command_declares_shows_and_drops(
    connection: Connection, c1: int, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOUCH_DATABASE_URL", database_url)
    vouch = CliRunner()
    assert "kept 30 days" in vouch.invoke(app, ["retention", "set", "readings", "--days", "30"]).output
    connection.execute(
        "INSERT INTO quarantine"
        " (received_at, topic, payload, reason, detail, resolution, resolved_at, resolved_by, note)"
        " SELECT '2020-01-01Z', '', '', 'x', 'x', became, at, who, 'x' FROM"
        " (VALUES ('replayed', '2020-01-02Z'::timestamptz, 'anna'), ('discarded', '2020-01-02Z', 'anna'),"
        " (NULL, NULL, NULL)) AS made (became, at, who)"
    )
    assert "kept 7 days" in vouch.invoke(app, ["retention", "set", "quarantine", "--days", "7"]).output
    told = vouch.invoke(app, ["retention", "run"])
    assert "quarantine: 2 rows before" in told.output, told.output
    assert connection.execute("SELECT resolution FROM quarantine").fetchall() == [(None,)]
    shown = vouch.invoke(app, ["retention", "show"]).output.splitlines()
    assert [line.split()[:2] for line in shown] == [
        ["readings", "30"], ["minutes", "for"], ["hours", "for"], ["quarantine", "7"]
    ]  # fmt: skip
    assert "gone before" in shown[0]
    connection.execute("UPDATE retention SET dropped_before = NULL")
    power(connection, c1, {"2026-03-02T09:30": 90.0})
    refused = vouch.invoke(app, ["retention", "run"])
    assert isinstance(refused.exception, VouchError)
    assert "readings (1 marks)" in str(refused.exception)
