"""A fleet in the database: repeatable, followed by what was derived, all or nothing."""

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import yaml

from shared import fleet
from shared.db import fleet as fleets
from shared.db import notify
from shared.db.pool import Connection
from shared.errors import SpecError
from shared.fleet import Fleet

_T0 = datetime(2026, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_TABLES = ("customer", "site", "asset_model", "code_map", "asset", "sensor", "channel")
_DECLARED: dict[str, Any] = {
    "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}, {"slug": "other", "name": "Other"}],
    "sites": [
        {"customer": "lechtal", "slug": "kempten", "name": "Kempten"},
        {"customer": "other", "slug": "kempten", "name": "Kempten"},
    ],
    "models": [
        {
            "slug": "compressor",
            "name": "Compressor",
            "telemetry_hold_s": 300,
            "sensors": [{"name": "power_kw", "unit": "kW", "physical": [0, 400], "expected": [0, None]}],
            "state_rules": [{"when": {"power_kw": [5, None]}, "category": "FP", "cause": "running", "party": "nobody"}],
            "detector": {
                "sensors": ["power_kw"],
                "bucket_s": 600,
                "open_after": 3,
                "close_after": 6,
                "false_alarms_per_month": 0.5,
            },
            "codes": {
                "111": {"category": "FO", "cause": "stop", "party": "supplier"},
                "20": {"category": "SM", "cause": "service", "party": "supplier", "note": "by hand"},
            },
        },
        {"slug": "pump", "name": "Pump", "telemetry_hold_s": 60, "sensors": [{"name": "flow", "unit": "m3/h"}]},
    ],
    "assets": [
        {
            "customer": "lechtal",
            "site": "kempten",
            "slug": "c1",
            "name": "C1",
            "model": "compressor",
            "silent_after_s": 60,
            "healthy": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-15T00:00:00Z"},
        },
        {"customer": "other", "site": "kempten", "slug": "c1", "name": "C1", "model": "compressor"},
        {"customer": "lechtal", "site": "kempten", "slug": "p1", "name": "P1", "model": "pump"},
    ],
    "channels": [
        {"name": "team", "url": "json://127.0.0.1:9/x", "customer": "lechtal", "kinds": ["anomaly", "machine_silent"]},
        {"name": "everyone", "url": "json://127.0.0.1:9/y", "kinds": ["guarantee_at_risk"]},
    ],
}


def _declared() -> dict[str, Any]:
    return copy.deepcopy(_DECLARED)


def _parsed(data: dict[str, Any]) -> Fleet:
    return fleet.parse(yaml.safe_dump(data), "fleet.yaml")


def _contents(connection: Connection) -> dict[str, Sequence[Any]]:
    return {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2".encode()).fetchall() for table in _TABLES}


def _asset(connection: Connection, customer: str, slug: str) -> int:
    row = connection.execute(
        "SELECT a.id FROM asset a JOIN customer c ON c.id = a.customer_id WHERE c.slug = %s AND a.slug = %s",
        (customer, slug),
    ).fetchone()
    assert row is not None
    return row[0]


def _event(connection: Connection, asset: int, start: datetime, end: datetime | None) -> None:
    connection.execute(
        "INSERT INTO asset_event (customer_id, asset_id, kind, code, start_at, end_at, received_at, topic, payload)"
        " SELECT customer_id, id, 'interval', '111', %s, %s, now(), 't', '' FROM asset WHERE id = %s",
        (start, end, asset),
    )


def _dirty(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT asset_id, start_at, end_at FROM dirty_window ORDER BY 1").fetchall()


def test_everything_declared_is_stored_under_its_owner(connection: Connection) -> None:
    fleets.save(connection, _parsed(_declared()))
    stored = connection.execute(
        """SELECT c.slug, s.slug, a.slug, m.slug, n.name, n.unit, n.physical_high, n.expected_high, n.customer_id = c.id
           FROM sensor n JOIN asset a ON a.id = n.asset_id JOIN site s ON s.id = a.site_id
           JOIN customer c ON c.id = a.customer_id JOIN asset_model m ON m.id = a.model_id ORDER BY 1, 3"""
    ).fetchall()
    assert stored == [
        ("lechtal", "kempten", "c1", "compressor", "power_kw", "kW", 400, None, True),
        ("lechtal", "kempten", "p1", "pump", "flow", "m3/h", None, None, True),
        ("other", "kempten", "c1", "compressor", "power_kw", "kW", 400, None, True),
    ]
    model = connection.execute(
        "SELECT telemetry_hold_us, state_rules, detector FROM asset_model ORDER BY id"
    ).fetchall()
    assert model == [
        (
            300_000_000,
            [
                {
                    "when": [{"sensor": "power_kw", "low": 5.0, "high": None}],
                    "category": "FP",
                    "cause": "running",
                    "party": "nobody",
                }
            ],
            {
                "sensors": ["power_kw"],
                "bucket_us": 600_000_000,
                "open_after": 3,
                "close_after": 6,
                "drivers": [],
                "false_alarms_per_month": 0.5,
                "resets": ["sensor_replaced"],
            },
        ),
        (60_000_000, [], None),
    ]
    codes = connection.execute("SELECT code, category, cause, party, note FROM code_map ORDER BY code").fetchall()
    assert codes == [("111", "FO", "stop", "supplier", ""), ("20", "SM", "service", "supplier", "by hand")]
    channels = connection.execute("SELECT name, customer_id IS NULL, kinds FROM channel ORDER BY name").fetchall()
    assert channels == [("everyone", True, ["guarantee_at_risk"]), ("team", False, ["anomaly", "machine_silent"])]


def test_storing_the_same_fleet_again_changes_nothing(connection: Connection) -> None:
    fleets.save(connection, _parsed(_declared()))
    _event(connection, _asset(connection, "lechtal", "c1"), _T0, None)
    before = _contents(connection)
    fleets.save(connection, _parsed(_declared()))
    assert _contents(connection) == before
    assert _dirty(connection) == []


def test_what_is_declared_otherwise_is_updated_in_place(connection: Connection) -> None:
    fleets.save(connection, _parsed(_declared()))
    ids = _contents(connection)["sensor"]
    changed = _declared()
    changed["customers"][0]["name"] = "Lechtal AG"
    changed["models"][0]["sensors"][0]["unit"] = "W"
    changed["assets"][0]["silent_after_s"] = None
    changed["channels"][1]["customer"] = "other"
    fleets.save(connection, _parsed(changed))
    after = _contents(connection)
    assert [row[0] for row in after["sensor"]] == [row[0] for row in ids]
    assert connection.execute("SELECT name FROM customer ORDER BY id LIMIT 1").fetchone() == ("Lechtal AG",)
    assert connection.execute("SELECT DISTINCT unit FROM sensor WHERE name = 'power_kw'").fetchall() == [("W",)]
    assert connection.execute("SELECT count(*) FROM asset WHERE silent_after_s IS NULL").fetchone() == (3,)
    assert connection.execute("SELECT count(*) FROM channel WHERE customer_id IS NULL").fetchone() == (0,)


def test_a_machine_added_later_gets_the_sensors_of_its_model(connection: Connection) -> None:
    fleets.save(connection, _parsed(_declared()))
    more = _declared()
    more["assets"].append({"customer": "other", "site": "kempten", "slug": "p2", "name": "P2", "model": "pump"})
    fleets.save(connection, _parsed(more))
    assert connection.execute("SELECT count(*) FROM sensor WHERE name = 'flow'").fetchone() == (2,)


def test_a_sensor_keeps_its_unit_once_it_has_readings(connection: Connection) -> None:
    fleets.save(connection, _parsed(_declared()))
    before, changed = _contents(connection), _declared()
    changed["models"][1]["sensors"].append({"name": "head", "unit": "m"})
    changed["models"][0]["sensors"][0]["unit"] = "W"
    fleets.save(connection, _parsed(changed))
    assert connection.execute("SELECT DISTINCT unit FROM sensor WHERE name = 'power_kw'").fetchall() == [("W",)]
    fleets.save(connection, _parsed(_declared()))
    compressor = _asset(connection, "lechtal", "c1")
    connection.execute("INSERT INTO reading SELECT id, %s, 7 FROM sensor WHERE asset_id = %s", (_T0, compressor))
    with pytest.raises(SpecError) as refused:
        fleets.save(connection, _parsed(changed), "fleet.yaml")
    assert str(refused.value).splitlines() == [
        "fleet.yaml: 1 fault(s)",
        "  models[0].sensors[0].unit: stored readings of 'power_kw' (lechtal/kempten/c1) are in kW:"
        " declare a new sensor",
    ]
    assert {table: rows for table, rows in _contents(connection).items() if table != "sensor"} == {
        table: rows for table, rows in before.items() if table != "sensor"
    }
    spelled = _declared()
    spelled["models"][0]["sensors"][0] |= {"unit": "kw", "reported_unit": "W"}
    fleets.save(connection, _parsed(spelled))


@pytest.mark.parametrize(("declared", "is_refused"), [({}, False), ({"reported_unit": "degF"}, True)])
def test_a_learned_sensor_that_named_no_unit_may_be_given_the_one_it_reports(
    connection: Connection, declared: dict[str, Any], is_refused: bool
) -> None:
    fleets.save(connection, _parsed(_declared()))
    connection.execute(
        "WITH learned AS (INSERT INTO sensor (customer_id, asset_id, name, unit)"
        " SELECT customer_id, id, 'oil', '' FROM asset WHERE id = 1 RETURNING id)"
        " INSERT INTO reading SELECT id, %s, 7 FROM learned",
        (_T0,),
    )
    named = _declared()
    named["models"][0]["sensors"].append({"name": "oil", "unit": "degC", **declared})
    with pytest.raises(SpecError, match="are in no unit") if is_refused else nullcontext():
        fleets.save(connection, _parsed(named))


def test_what_a_later_file_leaves_out_stays(connection: Connection) -> None:
    fleets.save(connection, _parsed(_declared()))
    before = _contents(connection)
    fleets.save(connection, _parsed({"customers": [{"slug": "third", "name": "Third"}]}))
    assert {table: rows for table, rows in _contents(connection).items() if table != "customer"} == {
        table: rows for table, rows in before.items() if table != "customer"
    }


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("codes", {"111": {"category": "OEL", "cause": "grid", "party": "third_party"}}),
        ("codes", {"112": {"category": "FO", "cause": "stop", "party": "supplier"}}),
        ("state_rules", []),
        ("telemetry_hold_s", 60),
        ("detector", None),
    ],
)
def test_assets_whose_facts_now_read_differently_are_dirty_over_all_they_know(
    connection: Connection, part: str, value: Any
) -> None:
    fleets.save(connection, _parsed(_declared()))
    compressor = _asset(connection, "lechtal", "c1")
    _event(connection, compressor, _T0 + 5 * _HOUR, None)
    _event(connection, compressor, _T0 + _HOUR, _T0 + 2 * _HOUR)
    _event(connection, _asset(connection, "lechtal", "p1"), _T0, None)
    connection.execute(
        "INSERT INTO interval SELECT customer_id, id, %s, %s, 'FO', 'stop', 'supplier' FROM asset WHERE id = %s",
        (_T0 + 5 * _HOUR, _T0 + 90 * _HOUR, compressor),
    )
    connection.execute(
        "INSERT INTO reading SELECT id, at, 7 FROM sensor, unnest(%s::timestamptz[]) AS at WHERE asset_id = %s",
        ([_T0, _T0 + 700 * _HOUR], compressor),
    )
    changed = _declared()
    changed["models"][0][part] = value
    connection.execute(f"LISTEN {notify.DIRTY}".encode())
    fleets.save(connection, _parsed(changed))
    hold = timedelta(seconds=changed["models"][0]["telemetry_hold_s"])
    assert _dirty(connection) == [(compressor, _T0, _T0 + 700 * _HOUR + hold)]
    assert [said.channel for said in connection.notifies(timeout=5, stop_after=1)] == [notify.DIRTY]


def test_a_note_alone_changes_no_result(connection: Connection) -> None:
    fleets.save(connection, _parsed(_declared()))
    _event(connection, _asset(connection, "lechtal", "c1"), _T0, None)
    changed = _declared()
    changed["models"][0]["codes"]["20"]["note"] = "read again"
    fleets.save(connection, _parsed(changed))
    assert _dirty(connection) == []


def test_a_fleet_is_stored_whole_or_not_at_all(connection: Connection) -> None:
    whole = _parsed(_declared())
    broken = whole.model_copy(update={"channels": (whole.channels[0].model_copy(update={"url": "\0"}),)})
    with pytest.raises(psycopg.DataError):
        fleets.save(connection, broken)
    assert all(not rows for rows in _contents(connection).values())
