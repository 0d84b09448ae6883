"""How long a pass watches many machines: `python -m tests.bench.bench_watch [machines ...]` (16, 100 and 1,000).

Five sensors each, a value a minute and sensor, buckets of a minute, trained on two days; on its own server. Measured
are a day of new readings, five new minutes, and those again one machine at a time, each as a ratio to merely reading
the same bucket means into numpy, in the same run.
"""

import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.analytics.watch import watch
from shared.db import anomalies, migrate
from shared.db.anomalies import Wanted
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection, Connection, connect, connect_async
from shared.embedded import start
from shared.instant import DAY_US, MINUTE_US, from_us

ROUNDS: Final = 3
SENSORS: Final = ("power", "flow", "oil", "pressure", "vibration")
START_US: Final = 20_000 * DAY_US
HEALTHY_US: Final = 2 * DAY_US
DAYS: Final = 3
DETECTOR: Final = {
    "sensors": SENSORS,
    "drivers": [],
    "bucket_us": MINUTE_US,
    "open_after": 4,
    "close_after": 180,
    "false_alarms_per_month": 0.5,
    "resets": ["sensor_replaced"],
}
# Values follow one load, with noise that is a function of sensor and minute: the same in every run.
FILL: Final = """
INSERT INTO reading (series_id, at, value)
SELECT s.id, %(start)s::timestamptz + m * interval '1 minute',
       100 + 10 * sin(m * 0.004363) * (1 + s.id %% 3) + (hashint8(m * 7919 + s.id * 104729) %% 1000) / 500.0
FROM sensor s, generate_series(0, %(minutes)s - 1) AS m
"""


def fill(connection: Connection, machines: int) -> list[int]:
    """The schema, machines that ran all the time, and their readings; the machines' ids."""
    migrate.run(connection)
    made = connection.execute(
        """WITH c AS (INSERT INTO customer (slug, name) VALUES ('c', 'C') RETURNING id),
                s AS (INSERT INTO site (customer_id, slug, name) SELECT id, 's', 'S' FROM c RETURNING id),
                m AS (INSERT INTO asset_model (slug, name, telemetry_hold_us, detector)
                      VALUES ('m', 'M', 600000000, %s::jsonb) RETURNING id)
           INSERT INTO asset (customer_id, site_id, model_id, slug, name, healthy_from, healthy_to)
           SELECT c.id, s.id, m.id, 'a' || n, 'A', %s, %s FROM c, s, m, generate_series(1, %s) AS n RETURNING id""",
        (json.dumps(DETECTOR), from_us(START_US), from_us(START_US + HEALTHY_US), machines),
    ).fetchall()
    connection.execute(
        "INSERT INTO sensor (customer_id, asset_id, name, unit) SELECT a.customer_id, a.id, n, '1'"
        " FROM asset a, unnest(%s::text[]) AS n",
        (list(SENSORS),),
    )
    connection.execute(
        "INSERT INTO interval (customer_id, asset_id, start_at, end_at, category, cause, party)"
        " SELECT customer_id, id, %s, %s, 'FP', 'running', 'nobody' FROM asset",
        (from_us(START_US), from_us(START_US + DAYS * DAY_US)),
    )
    connection.execute(FILL, {"start": from_us(START_US), "minutes": DAYS * 1_440})
    connection.execute("VACUUM ANALYZE")
    return [row[0] for row in made]


async def reading(worker: AsyncConnection, window: Window) -> float:
    """Seconds to read the bucket means of all machines, as a pass asks for them."""
    found = await (await worker.execute("SELECT asset_id, array_agg(id) AS ids FROM sensor GROUP BY 1")).fetchall()
    asked = [Wanted(series=tuple(row["ids"]), bucket_us=MINUTE_US, window=window) for row in found]
    each = max(1, 1_000_000 // (len(SENSORS) * ((window.end_us - window.start_us) // MINUTE_US)))
    begun = time.perf_counter()
    for first in range(0, len(asked), each):
        await anomalies.bucket_means(worker, asked[first : first + each], exact=False)
    return time.perf_counter() - begun


async def pass_of(worker: AsyncConnection, groups: Sequence[Sequence[int]], window: Window) -> float:
    """Seconds to watch machines after a change in a window, each group in a transaction."""
    begun = time.perf_counter()
    for group in groups:
        async with worker.transaction():
            failed = await watch(worker, [(one, [window]) for one in group], window.end_us)
        assert not failed
    return time.perf_counter() - begun


async def measure(connection: Connection, worker: AsyncConnection, machines: Sequence[int]) -> None:
    """Print a table."""
    trained = Window(start_us=START_US, end_us=START_US + HEALTHY_US + MINUTE_US)
    day = Window(start_us=START_US + HEALTHY_US, end_us=START_US + DAYS * DAY_US)
    minutes = Window(start_us=day.end_us - 5 * MINUTE_US, end_us=day.end_us)
    groups = [machines[first : first + 64] for first in range(0, len(machines), 64)]
    training = await pass_of(worker, groups, trained)

    async def timed(window: Window, groups: Sequence[Sequence[int]]) -> float:
        took = []
        for _ in range(ROUNDS):
            connection.execute(
                "DELETE FROM anomaly_score WHERE at >= %s AND at < %s",
                (from_us(window.start_us), from_us(window.end_us)),
            )
            connection.execute("DELETE FROM anomaly")
            took.append(await pass_of(worker, groups, window))
        return statistics.median(took)

    rows = [
        ("a day, together", await timed(day, groups), day),
        ("five minutes, together", await timed(minutes, groups), minutes),
        (
            "five minutes, one by one",
            await timed(minutes, [[one] for one in machines[:100]]) * len(machines) / len(machines[:100]),
            minutes,
        ),
    ]
    print(f"\n{len(machines)} machines; trained and scored for the first time in {training:.1f} s")
    print("| | s | ms a machine | ratio to reading |\n|---|---|---|---|")
    for name, seconds, window in rows:
        read = statistics.median([await reading(worker, window) for _ in range(ROUNDS)])
        print(f"| {name} | {seconds:.2f} | {1e3 * seconds / len(machines):.2f} | {seconds / read:.1f} |")
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB", flush=True)


async def run(database_url: str, machines: int) -> None:
    """Fill, then measure."""
    with connect(database_url) as connection:
        made = fill(connection, machines)
        async with connect_async(database_url) as worker:
            await measure(connection, worker, made)


def main() -> None:
    """Print the tables, a server for each."""
    for machines in [int(one) for one in sys.argv[1:]] or [16, 100, 1_000]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            named = {name: value for name, value in os.environ.items() if not name.startswith("VOUCH_")}
            # A broker is not needed, and none is started where one is named.
            with start(folder, environ=named | {"VOUCH_MQTT_URL": "mqtt://127.0.0.1:1"}) as servers:
                asyncio.run(run(servers.database_url, machines))


if __name__ == "__main__":
    main()
