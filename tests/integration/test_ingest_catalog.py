"""How ingest keeps up with the fleet: one small question every few seconds, and all of it only when it has changed."""

import json

from services.ingest.database import Database
from shared import fleet
from shared.db import fleet as fleets
from shared.db.pool import Connection
from shared.instant import SECOND_US

NOW_US = 1_772_366_400_000_000


def declare(connection: Connection, high: float) -> None:
    sensors = [{"name": "temp", "unit": "degC", "physical": [-40, high]}]
    place = {"customer": "lechtal", "site": "kempten"}
    declared = {
        "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}],
        "sites": [{"customer": "lechtal", "slug": "kempten", "name": "Kempten"}],
        "models": [{"slug": "mill", "name": "Mill", "telemetry_hold_s": 60, "sensors": sensors}],
        "assets": [place | {"slug": "m1", "name": "Mill 1", "model": "mill"}],
    }
    fleets.save(connection, fleet.parse(json.dumps(declared), "test"))


def test_a_range_that_is_changed_is_seen_within_seconds_and_nothing_is_read_twice(
    connection: Connection, database_url: str
) -> None:
    declare(connection, high=100)
    database = Database(database_url)
    known = database.catalog(NOW_US)
    assert database.catalog(NOW_US + 10 * SECOND_US) is known
    declare(connection, high=200)
    assert database.catalog(NOW_US + 11 * SECOND_US) is known
    changed = database.catalog(NOW_US + 14 * SECOND_US)
    assert changed.sensors.physical_high.tolist() == [200]
    assert database.catalog(NOW_US + 30 * SECOND_US) is changed
    database.drop()
