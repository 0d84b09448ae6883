"""What a commit leaves behind when it does not come to its end, and what it takes from nobody."""

import json

import pytest

from services.ingest.commit import Commit
from services.ingest.database import Database
from services.ingest.inbox import Message
from services.ingest.metrics import Metrics
from shared import fleet
from shared.db import dirty
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect_async
from shared.errors import UnavailableError

NOW_US = 1_772_366_400_000_000
TOPIC = "vouch/v1/lechtal/kempten/m1/telemetry"
FLEET = {
    "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}],
    "sites": [{"customer": "lechtal", "slug": "kempten", "name": "Kempten"}],
    "models": [
        {
            "slug": "mill",
            "name": "Mill",
            "telemetry_hold_s": 60,
            "sensors": [{"name": "temp", "unit": "degC", "reported_unit": "degF", "physical": [-40, 100]}],
        }
    ],
    "assets": [{"customer": "lechtal", "site": "kempten", "slug": "m1", "name": "Mill 1", "model": "mill"}],
}


def said(value: float, *, content_type: str | None = None) -> Message:
    payload = json.dumps({"ts": NOW_US // 1_000, "values": {"temp": value}}).encode()
    return Message(TOPIC, payload, 1, content_type=content_type)


@pytest.fixture
def database(connection: Connection, database_url: str) -> Database:
    fleets.save(connection, fleet.parse(json.dumps(FLEET), "test"))
    return Database(database_url)


def commit_to(database: Database) -> Commit:
    return Commit(database, Metrics(), client_id="test", max_payload_bytes=10_000, sparkplug=None)


def test_only_what_came_as_far_as_its_commit_may_be_stored_already(database: Database, connection: Connection) -> None:
    commit = commit_to(database)
    commit([said(50)], NOW_US)
    assert commit.may_be_stored
    # The connection ends before anything is sent to be committed.
    connection.execute("SELECT pg_terminate_backend(%s)", (database.connection().info.backend_pid,))
    with pytest.raises(UnavailableError):
        commit([said(51)], NOW_US)
    assert not commit.may_be_stored
    database.drop()


def test_no_device_says_that_its_values_are_converted_already(database: Database, connection: Connection) -> None:
    commit_to(database)([said(900, content_type="application/json; vouch-stored=temp")], NOW_US)
    assert connection.execute("SELECT reason, content_type FROM quarantine").fetchall() == [
        ("out_of_physical_range", "application/json")
    ]
    database.drop()


async def test_however_many_batches_wait_one_pass_spreads_them_all(connection: Connection, database_url: str) -> None:
    fleets.save(connection, fleet.parse(json.dumps(FLEET), "test"))
    connection.execute(
        "INSERT INTO dirty_batch (marked_at, asset_id, start_at, end_at)"
        " SELECT now(), ARRAY[a.id], ARRAY[t.at], ARRAY[t.at + interval '1 minute'] FROM asset a,"
        " generate_series(timestamptz '2026-03-01T00:00Z', timestamptz '2026-03-04T00:00Z', interval '1 minute') t (at)"
    )
    async with connect_async(database_url) as owner:
        await dirty.spread(owner)
    assert connection.execute("SELECT count(*) FROM dirty_batch").fetchall() == [(0,)]
    [(marks, start, end)] = connection.execute(
        "SELECT count(*), min(start_at), max(end_at) FROM dirty_window"
    ).fetchall()
    # One window an hour of each thousand batches at least, and nothing of the time is lost.
    assert 73 <= marks <= 73 + 5
    assert (f"{start:%FT%R}", f"{end:%FT%R}") == ("2026-03-01T00:00", "2026-03-04T00:01")
