"""Assets that become known by themselves: under a rule, bounded, once, with the sensors of their model."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared import fleet
from shared.db import catalog, registration
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect
from shared.model.registration import Registered, Wanted

_FLEET = """
customers: [{slug: lechtal, name: Lechtal Foods}]
sites: [{customer: lechtal, slug: kempten, name: Kempten}]
models:
  - slug: compressor
    name: Compressor
    telemetry_hold_s: 300
    payload: senml_cbor
    sensors:
      - {name: oil, unit: degC, reported_unit: degF, physical: [-40, 200]}
      - {name: power_kw, unit: kW}
assets: [{customer: lechtal, site: kempten, slug: c1, name: Compressor 1, model: compressor}]
registration:
  - {name: gauges, customer: lechtal, site: kempten, model: compressor, from: birth, slugs: ["g-*"], sensors: learn,
     most: 3, silent_after_s: 90}
  - {name: others, customer: lechtal, site: kempten, model: compressor, from: telemetry}
"""
_NOW_US = 1_772_366_400_000_000


@pytest.fixture
def rules(connection: Connection) -> dict[str, int]:
    """The rules' ids by name."""
    fleets.save(connection, fleet.parse(_FLEET, "fleet.yaml"))
    return dict(connection.execute("SELECT name, id FROM registration_rule").fetchall())


def _named(rule: int, *slugs: str) -> list[Wanted]:
    return [Wanted(rule=rule, slug=slug, sensors={}) for slug in slugs]


def _assets(connection: Connection) -> list[tuple[str, str, str | None]]:
    return connection.execute(
        "SELECT a.slug, a.name, r.name FROM asset a LEFT JOIN registration_rule r ON r.id = a.registered_by ORDER BY 1"
    ).fetchall()


def _sensors(connection: Connection, slug: str) -> Sequence[tuple[str, str]]:
    return connection.execute(
        "SELECT s.name, s.unit FROM sensor s JOIN asset a ON a.id = s.asset_id WHERE a.slug = %s ORDER BY 1", (slug,)
    ).fetchall()


def test_the_catalog_knows_formats_conversions_and_rules(connection: Connection, rules: dict[str, int]) -> None:
    known = catalog.load(connection)
    columns, asset = known.sensors, known.assets["lechtal/kempten/c1"]
    oil, power = asset.sensors["oil"], asset.sensors["power_kw"]
    assert asset.payload_format == "senml_cbor"
    assert (columns.reported_unit[oil], columns.unit[oil]) == ("degF", "degC")
    assert (columns.scale[oil], columns.offset[oil]) == (5 / 9, -160 / 9)
    assert (columns.reported_unit[power], columns.scale[power], columns.offset[power]) == ("kW", 1.0, 0.0)
    assert [(rule.id, rule.place, rule.slugs) for rule in known.rules] == [
        (rules["gauges"], "lechtal/kempten", ("g-*",)),
        (rules["others"], "lechtal/kempten", ("*",)),
    ]


def test_an_asset_is_registered_with_the_sensors_of_its_model_and_on_record(
    connection: Connection, rules: dict[str, int]
) -> None:
    before = catalog.version(connection)
    assert registration.register(connection, _named(rules["others"], "p7"), _NOW_US) == Registered(
        assets=1, sensors=2, full=()
    )
    assert _assets(connection) == [("c1", "Compressor 1", None), ("p7", "p7", "others")]
    assert _sensors(connection, "p7") == [("oil", "degC"), ("power_kw", "kW")]
    assert catalog.version(connection) != before
    known = catalog.load(connection)
    assert known.sensors.scale[known.assets["lechtal/kempten/p7"].sensors["oil"]] == 5 / 9


def test_sensors_are_learned_with_their_unit_by_assets_of_a_rule_that_learns_only(
    connection: Connection, rules: dict[str, int]
) -> None:
    gauge = Wanted(rule=rules["gauges"], slug="g-1", sensors={"oil": "Fah", "level": "m"})
    other = Wanted(rule=rules["others"], slug="p7", sensors={"level": "m"})
    stranger = Wanted(rule=rules["gauges"], slug="c1", sensors={"level": "m"})
    registration.register(connection, [gauge, other, stranger], _NOW_US)
    assert _sensors(connection, "g-1") == [("level", "m"), ("oil", "degC"), ("power_kw", "kW")]
    assert _sensors(connection, "p7") == _sensors(connection, "c1") == [("oil", "degC"), ("power_kw", "kW")]
    later = Wanted(rule=rules["gauges"], slug="g-1", sensors={"flow": "m3/h"})
    assert registration.register(connection, [later], _NOW_US).sensors == 1
    row = connection.execute("SELECT silent_after_s FROM asset WHERE slug = 'g-1'").fetchone()
    assert row == (90,)


def test_an_asset_learns_no_more_than_five_hundred_sensors(connection: Connection, rules: dict[str, int]) -> None:
    flood = Wanted(rule=rules["gauges"], slug="g-1", sensors={f"s{n}": "" for n in range(600)})
    registration.register(connection, [flood], _NOW_US)
    registration.register(connection, [flood], _NOW_US)
    assert len(_sensors(connection, "g-1")) == 500


def test_a_rule_registers_as_many_as_it_may_and_says_that_it_is_full(
    connection: Connection, rules: dict[str, int]
) -> None:
    done = registration.register(connection, _named(rules["gauges"], "g-1", "g-2", "g-2"), _NOW_US)
    assert (done.assets, done.full) == (2, ())
    done = registration.register(connection, _named(rules["gauges"], "g-2", "g-3", "g-4"), _NOW_US)
    assert (done.assets, done.full) == (1, ("gauges",))
    assert [slug for slug, _, _ in _assets(connection)] == ["c1", "g-1", "g-2", "g-3"]


def test_processes_that_register_at_once_make_one_asset_and_keep_to_the_bound(
    connection: Connection, database_url: str, rules: dict[str, int]
) -> None:
    def work(process: int) -> int:
        with connect(database_url) as own:
            return sum(
                registration.register(own, _named(rules["gauges"], f"g-{n}", f"g-{process}-{n}"), _NOW_US).assets
                for n in range(4)
            )

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 3
    assert len(_assets(connection)) == 4


def test_a_fleet_file_names_what_registered_itself_and_closes_a_rule(
    connection: Connection, rules: dict[str, int]
) -> None:
    registration.register(connection, _named(rules["others"], "p7"), _NOW_US)
    text = _FLEET.replace(
        "model: compressor}]",
        "model: compressor},\n  {customer: lechtal, site: kempten, slug: p7, name: Pump 7, model: compressor}]",
    ).replace("from: telemetry", "from: telemetry, most: 0")
    fleets.save(connection, fleet.parse(text, "fleet.yaml"))
    assert _assets(connection) == [("c1", "Compressor 1", None), ("p7", "Pump 7", "others")]
    assert [rule.id for rule in registration.rules(connection)] == [rules["gauges"]]
    assert registration.register(connection, _named(rules["others"], "p8"), _NOW_US).assets == 0
