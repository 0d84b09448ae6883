"""Which key order and chunk interval suit readings: `python -m tests.bench.bench_storage [scale]`.

Starts its own TimescaleDB, fills a hypertable a variant in the order readings arrive, and prints a Markdown table: the
rate of inserts (COPY in sorted batches, as ingest writes), what reads take and how many pages they touch, and what a
reading costs on disk. Times are medians of three with everything in memory as far as it fits. The scale, 1 by default,
multiplies the rows; 1 takes some five minutes.
"""

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
from psycopg import sql

from shared.db import binary_copy
from shared.embedded import start
from shared.instant import DAY_US, MINUTE_US, SECOND_US, from_us

KEYS: Final = ("series_id, at", "at, series_id")
CHUNKS: Final = ("1 day", "7 days")
BATCH: Final = 50_000
# Late in a chunk of a week, in the middle of one of a day.
NOW_US: Final = 20_460 * DAY_US + DAY_US // 2
RUNS: Final = 3
COLUMNS: Final = (
    "key", "chunk", "insert 1,000 series", "insert 100,000 series", "the same, a week stored",
    "the same, 100 old chunks", "series, 30 days", "10 sensors, 1 day", "latest of 100,000",
    "latest, 100 old chunks", "bytes a reading",
)  # fmt: skip

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A way to store readings, its table, and what was measured of it, by column."""

    key: str
    chunk: str
    table: sql.Identifier
    measured: dict[str, float] = field(default_factory=dict)
    pages: dict[str, int] = field(default_factory=dict)


def batches(series: int, ticks: int, step_us: int, start_us: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Series ids and times as devices report them: at every tick all series, in batches of some 50,000 readings."""
    at_once = max(1, BATCH // series)
    for first in range(0, ticks, at_once):
        at = np.arange(first, min(first + at_once, ticks), dtype=np.int64) * step_us + start_us
        every, times = np.tile(np.arange(series, dtype=np.int32), len(at)), np.repeat(at, series)
        for low in range(0, len(every), BATCH):
            yield every[low : low + BATCH], times[low : low + BATCH]


def insert(connection: Connection, variant: Variant, rows: Iterator[tuple[np.ndarray, np.ndarray]]) -> float:
    """Rows a second, each batch sorted by the key and one transaction."""
    query = sql.SQL("COPY {} (series_id, at, value, quality) FROM STDIN (FORMAT binary)").format(variant.table)
    spent, total = 0.0, 0
    for series, at_us in rows:
        order = np.lexsort((at_us, series) if variant.key == KEYS[0] else (series, at_us))
        value = np.round(np.random.default_rng(1).random(len(series)), 2)
        columns = (series[order], binary_copy.timestamps(at_us[order]), value, np.zeros(len(series), np.int16))
        data = binary_copy.encode(columns)
        begun = time.perf_counter()
        with connection.cursor().copy(query) as copy:
            copy.write(data)
        spent += time.perf_counter() - begun
        total += len(series)
    return total / spent


def empty(connection: Connection, variant: Variant) -> None:
    """Make the variant's table anew."""
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(variant.table))
    columns = sql.SQL(", ").join(map(sql.Identifier, variant.key.split(", ")))
    connection.execute(
        sql.SQL(
            "CREATE TABLE {} (series_id integer NOT NULL, at timestamptz NOT NULL, value double precision NOT NULL,"
            " quality smallint NOT NULL DEFAULT 0, PRIMARY KEY ({}))"
        ).format(variant.table, columns)
    )
    create = sql.SQL("SELECT create_hypertable({}, by_range('at', %s::interval), create_default_indexes => false)")
    connection.execute(create.format(sql.Literal(variant.table.as_string())), (variant.chunk,))


def rates(connection: Connection, variants: Sequence[Variant], column: str, series: int, scale: float) -> None:
    """Medians of inserts at now, the variants by turns, so that all of them have the same neighbours on the machine."""
    ticks = max(1, round(300_000 * scale) // series)
    found: dict[int, list[float]] = {number: [] for number in range(len(variants))}
    for run in range(RUNS):
        for number, variant in enumerate(variants):
            start_us = NOW_US + (COLUMNS.index(column) * RUNS + run) * 1_000 * SECOND_US
            found[number].append(insert(connection, variant, batches(series, ticks, SECOND_US, start_us)))
    for number, variant in enumerate(variants):
        variant.measured[column] = statistics.median(found[number])


def read(connection: Connection, variant: Variant, column: str, query: str, *values: object) -> None:
    """Median milliseconds of a query on the table {}, and the pages it touches."""
    prepared = sql.SQL(query).format(variant.table)  # pyright: ignore[reportArgumentType]
    took = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        connection.execute(prepared, values).fetchall()
        took.append(time.perf_counter() - begun)
    variant.measured[column] = 1_000 * statistics.median(took[1:])
    explained = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ") + prepared
    [(plan,)] = connection.execute(explained, values).fetchall()
    variant.pages[column] = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]


def latest(connection: Connection, variant: Variant, column: str) -> None:
    """As vouch_latest asks for it. With time first in the key there is no short way, and all chunks are read."""
    by_series = """SELECT count(l.at) FROM generate_series(0, 109999) s (id)
        LEFT JOIN LATERAL (SELECT at, value FROM {} WHERE series_id = s.id ORDER BY at DESC LIMIT 1) l ON true"""
    at_once = "SELECT count(*) FROM (SELECT DISTINCT ON (series_id) at, value FROM {} ORDER BY series_id, at DESC) l"
    read(connection, variant, column, by_series if variant.key == KEYS[0] else at_once)


def analyze(connection: Connection, variant: Variant) -> None:
    """As autovacuum leaves it."""
    connection.execute(sql.SQL("VACUUM ANALYZE {}").format(variant.table))


def many_series(connection: Connection, variants: Sequence[Variant], scale: float) -> None:
    """Inserts of few and of many series, the latter on top of a week and of a long history."""
    for column, series in ((COLUMNS[2], 1_000), (COLUMNS[3], 100_000)):
        for variant in variants:
            empty(connection, variant)
        rates(connection, variants, column, series, scale)
    ticks = max(8, round(50 * scale))
    for variant in variants:
        empty(connection, variant)
        insert(connection, variant, batches(100_000, ticks, 7 * DAY_US // ticks, NOW_US - 7 * DAY_US))
        analyze(connection, variant)
        latest(connection, variant, COLUMNS[8])
    rates(connection, variants, COLUMNS[4], 100_000, scale)
    for variant in variants:
        insert(connection, variant, old_chunks(int(variant.chunk.split()[0])))
        analyze(connection, variant)
    rates(connection, variants, COLUMNS[5], 100_000, scale)
    for variant in variants:
        latest(connection, variant, COLUMNS[9])


def old_chunks(days: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A hundred chunks of a thousand readings; ten thousand series have their only reading in the oldest."""
    for chunk in range(100):
        series = np.arange(100_000, 110_000 if chunk == 99 else 101_000, dtype=np.int32)
        yield series, np.full(len(series), NOW_US - (14 + chunk * days) * DAY_US, np.int64)


def long_series(connection: Connection, variant: Variant, scale: float) -> None:
    """A month of a hundred series of one reading a minute, which arrive together."""
    empty(connection, variant)
    series, ticks = max(20, round(100 * scale)), 30 * 24 * 60
    insert(connection, variant, batches(series, ticks, MINUTE_US, NOW_US - 30 * DAY_US))
    analyze(connection, variant)
    size = sql.SQL("SELECT hypertable_size({})").format(sql.Literal(variant.table.as_string()))
    [(stored,)] = connection.execute(size).fetchall()
    variant.measured[COLUMNS[10]] = stored / (series * ticks)
    span = "SELECT count(*), sum(value) FROM {} WHERE series_id = ANY (%s) AND at >= %s AND at < %s"
    read(connection, variant, COLUMNS[6], span, [7], from_us(NOW_US - 30 * DAY_US), from_us(NOW_US))
    day = from_us(NOW_US - 12 * DAY_US), from_us(NOW_US - 11 * DAY_US)
    read(connection, variant, COLUMNS[7], span, list(range(10, 20)), *day)


def cell(variant: Variant, column: str) -> str:
    """What the table says."""
    if column in {"key", "chunk"}:
        return str(getattr(variant, column))
    value = variant.measured[column]
    if column in COLUMNS[2:6]:
        return f"{value / 1_000:,.0f} k/s"
    return f"{value:,.1f} ms, {variant.pages[column]:,} pages" if column in variant.pages else f"{value:,.0f}"


def main() -> None:
    """Measure every variant and print the table."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    ways = itertools.product(KEYS, CHUNKS)
    variants = [Variant(key=key, chunk=chunk, table=sql.Identifier(f"r{n}")) for n, (key, chunk) in enumerate(ways)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        named = {name: value for name, value in os.environ.items() if not name.startswith("VOUCH_")}
        # A broker is not needed, and none is started where one is named.
        with (
            start(Path(folder), environ=named | {"VOUCH_MQTT_URL": "mqtt://127.0.0.1:1"}) as servers,
            psycopg.connect(servers.database_url, autocommit=True) as connection,
        ):
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            connection.execute("SET work_mem = '64MB'")
            many_series(connection, variants, scale)
            for variant in variants:
                long_series(connection, variant, scale)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for variant in variants:
        print(f"| {' | '.join(cell(variant, column) for column in COLUMNS)} |")


if __name__ == "__main__":
    main()
