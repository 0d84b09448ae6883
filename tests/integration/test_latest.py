"""The latest value of everything: fresh, by pages, of one's own customers only."""

import psycopg
import pytest

from shared.db.pool import Connection
from tests.integration.judging import judge, load, power, readings

FLEET = """
customers: [{slug: heron, name: Heron}, {slug: zebra, name: Zebra}]
sites: [{customer: heron, slug: h, name: H}, {customer: zebra, slug: z, name: Z}]
models: [{slug: m, name: M, telemetry_hold_s: 60, sensors: [{name: oil, unit: "1"}, {name: power_kw, unit: kW}]}]
assets:
  - {customer: heron, site: h, slug: h1, name: H1, model: m}
  - {customer: heron, site: h, slug: h2, name: H2, model: m}
  - {customer: zebra, site: z, slug: z1, name: Z1, model: m}
"""
ASK = """SELECT a.slug, l.sensor, l.unit, l.at, l.value, l.quality
         FROM vouch_latest(%s, %s, %s) l JOIN asset a ON a.id = l.asset_id ORDER BY l.series_id"""


@pytest.fixture
def api(connection: Connection, database_url: str) -> psycopg.Connection[tuple]:
    """Of three machines two have spoken, one of them in weeks long past; asked for by the API's role."""
    assets = load(connection, FLEET, None)
    power(connection, assets["h1"], {"2025-01-01T00:00": 1.0, "2025-02-01T00:00": 2.0})
    power(connection, assets["z1"], {"2026-03-02T08:00": 3.0})
    judge(database_url, "2026-03-02T09:00")
    readings(connection, assets["z1"], "oil", {"2026-03-02T09:00:10": 7.0})
    return psycopg.connect(database_url, autocommit=True, options="-c role=vouch_api -c timezone=UTC")


def ask(api: psycopg.Connection[tuple], customers: str, *asked: int | None) -> list[tuple]:
    api.execute("SELECT set_config('vouch.customers', %s, false)", (customers,))
    rows = api.execute(ASK, asked).fetchall()
    return [(*row[:3], row[3] and f"{row[3]:%F %T}", *row[4:]) for row in rows]


def test_every_sensor_tells_its_newest_reading_rolled_up_or_not(
    api: psycopg.Connection[tuple], connection: Connection
) -> None:
    with api:
        found = {(slug, sensor): rest for slug, sensor, *rest in ask(api, "*", None, 0, 10_000)}
        assert found == {
            ("h1", "oil"): ["1", None, None, None],
            ("h1", "power_kw"): ["kW", "2025-02-01 00:00:00", 2.0, 0],
            ("h2", "oil"): ["1", None, None, None],
            ("h2", "power_kw"): ["kW", None, None, None],
            ("z1", "oil"): ["1", "2026-03-02 09:00:10", 7.0, 0],
            ("z1", "power_kw"): ["kW", "2026-03-02 08:00:00", 3.0, 0],
        }
        [(h1,)] = connection.execute("SELECT id FROM asset WHERE slug = 'h1'").fetchall()
        assert {row[0] for row in ask(api, "*", h1, 0, 10)} == {"h1"}


def test_only_what_the_asker_may_see_is_told(api: psycopg.Connection[tuple], connection: Connection) -> None:
    with api:
        ids = dict(connection.execute("SELECT slug, id FROM customer").fetchall())
        z1 = connection.execute("SELECT id FROM asset WHERE slug = 'z1'").fetchall()[0][0]
        assert {row[0] for row in ask(api, str(ids["heron"]), None, 0, 10)} == {"h1", "h2"}
        assert ask(api, str(ids["heron"]), z1, 0, 10) == []
        assert ask(api, "", None, 0, 10) == []


def test_pages_follow_each_other(api: psycopg.Connection[tuple]) -> None:
    with api:
        api.execute("SELECT set_config('vouch.customers', '*', false)")
        after, pages = 0, []
        while page := api.execute("SELECT series_id FROM vouch_latest(NULL, %s, 4)", (after,)).fetchall():
            pages.append(len(page))
            after = page[-1][0]
        assert pages == [4, 2]
