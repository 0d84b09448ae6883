"""Rollups on a real database: after each pass they are what the readings say, however those arrived."""

import random
from typing import Any

import pytest
from psycopg import sql

from shared.db.pool import Connection
from shared.instant import HOUR_US, MINUTE_US, SECOND_US, from_us, to_us
from tests.integration.judging import judge, load, readings, us
from tests.rollup_reference import buckets, is_close

FLEET = """
customers: [{slug: lechtal, name: Lechtal Foods GmbH}]
sites: [{customer: lechtal, slug: kempten, name: Kempten}]
models:
  - {slug: fast, name: Fast, telemetry_hold_s: 90, sensors: [{name: power, unit: kW}, {name: oil, unit: "1"}]}
  - {slug: slow, name: Slow, telemetry_hold_s: 9000, sensors: [{name: power, unit: kW}]}
assets:
  - {customer: lechtal, site: kempten, slug: f1, name: F1, model: fast}
  - {customer: lechtal, site: kempten, slug: s1, name: S1, model: slow}
"""
HOLD_US = {"fast": 90 * SECOND_US, "slow": 9000 * SECOND_US}
SERIES = (("f1", "fast", "power"), ("f1", "fast", "oil"), ("s1", "slow", "power"))
START_US = us("2026-03-02T08:00")
Line = dict[int, float]


def stored(connection: Connection, table: str, asset: str, sensor: str) -> dict[int, tuple[Any, ...]]:
    """The rows of a series by their start."""
    query = sql.SQL(
        "SELECT r.at, r.count, r.low, r.high, r.mean, r.last, r.last_at, r.weighted_mean, r.known_us FROM {} r"
        " JOIN sensor s ON s.id = r.series_id JOIN asset a ON a.id = s.asset_id WHERE a.slug = %s AND s.name = %s"
    )
    rows = connection.execute(query.format(sql.Identifier(table)), (asset, sensor)).fetchall()
    return {to_us(row[0]): row[1:] for row in rows}


def assert_rolled_up(connection: Connection, asset: str, sensor: str, line: Line, hold_us: int, now_us: int) -> None:
    over_us = now_us // MINUTE_US * MINUTE_US
    known = {at: value for at, value in line.items() if at < over_us}
    for table, bucket_us in (("reading_minute", MINUTE_US), ("reading_hour", HOUR_US)):
        found = stored(connection, table, asset, sensor)
        expected = buckets(known, hold_us, bucket_us, over_us)
        assert sorted(found) == sorted(expected), (table, sensor)
        for at, (count, low, high, mean, last, last_at, weighted_mean, known_us) in expected.items():
            row = found[at]
            assert (row[0], row[1], row[2], row[4], to_us(row[5]), row[7]) == (
                count, low, high, last, last_at, known_us
            ), (table, from_us(at))  # fmt: skip
            assert is_close(row[3], mean, low, high)
            assert is_close(row[6], weighted_mean, min(known.values()), max(known.values()))


@pytest.mark.parametrize("seed", range(2))
def test_after_each_pass_the_rollups_are_what_the_readings_say(
    database_url: str, connection: Connection, seed: int
) -> None:
    chance = random.Random(seed)
    assets = load(connection, FLEET, None)
    lines: dict[tuple[str, str, str], Line] = {series: {} for series in SERIES}
    now_us = START_US
    for _ in range(10):
        now_us += chance.choice([SECOND_US, 45 * SECOND_US, 7 * MINUTE_US, 50 * MINUTE_US])
        for series in chance.sample(SERIES, chance.randrange(4)):
            line, span_us = lines[series], chance.choice([3 * MINUTE_US, 40 * MINUTE_US, now_us - START_US + 1])
            earliest_us = max(now_us - span_us, START_US)
            batch = {
                chance.randrange(earliest_us, now_us + 90 * SECOND_US, chance.choice([1, SECOND_US])):
                    chance.choice([chance.gauss(0, 40), 1.7e308, -0.0, 1e-300])
                for _ in range(chance.choice([1, 5, 200]))
            }  # fmt: skip
            batch |= {at: line[at] + chance.choice([0, 1]) for at in chance.sample(sorted(line), min(len(line), 3))}
            readings(connection, assets[series[0]], series[2], {from_us(at).isoformat(): v for at, v in batch.items()})
            lines[series] = batch | line
        judge(database_url, from_us(now_us).isoformat())
        for asset, model, sensor in SERIES:
            assert_rolled_up(connection, asset, sensor, lines[asset, model, sensor], HOLD_US[model], now_us)
    now_us += 6 * HOUR_US
    judge(database_url, from_us(now_us).isoformat())
    for asset, model, sensor in SERIES:
        assert_rolled_up(connection, asset, sensor, lines[asset, model, sensor], HOLD_US[model], now_us)
    assert connection.execute("SELECT count(*) FROM dirty_window").fetchone() == (0,)
    assert sum(len(line) for line in lines.values()) > 500


def test_a_mark_that_ends_within_a_minute_counts_for_all_of_it(database_url: str, connection: Connection) -> None:
    f1 = load(connection, FLEET, None)["f1"]
    readings(connection, f1, "power", {"2026-03-02T08:00:10": 1.0})
    connection.execute("TRUNCATE dirty_batch")
    connection.execute(
        "INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)"
        " VALUES (%s, '2026-03-02T08:00:10Z', '2026-03-02T08:00:30Z', now())",
        (f1,),
    )
    judge(database_url, "2026-03-02T08:00:40")
    assert stored(connection, "reading_minute", "f1", "power") == {}
    judge(database_url, "2026-03-02T08:01:00")
    assert len(stored(connection, "reading_minute", "f1", "power")) == 1


def test_what_is_rolled_up_again_and_differs_in_nothing_is_not_written(
    database_url: str, connection: Connection
) -> None:
    f1 = load(connection, FLEET, None)["f1"]
    readings(connection, f1, "power", {f"2026-03-02T08:{minute:02}": float(minute) for minute in range(60)})
    judge(database_url, "2026-03-02T12:00")
    before = dict(connection.execute("SELECT at, xmin::text FROM reading_minute").fetchall())
    readings(connection, f1, "power", {"2026-03-02T08:30:30": 7.0})
    judge(database_url, "2026-03-02T12:01")
    after = dict(connection.execute("SELECT at, xmin::text FROM reading_minute").fetchall())
    assert [at.minute for at in after if after[at] != before[at]] == [30]
