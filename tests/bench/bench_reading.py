"""How fast a chart of 30 days by the second is: `python -m tests.bench.bench_reading [--live]`.

The servers are those of `shared.embedded`, in a folder of their own; the API is a process. Beside the series there are
nineteen others in the rollups, interleaved as they come to be. Bare SQL, asked in turn with the API on one warm
connection: the rollup's columns as the API reads them; the same as rows; the extremes of each bucket with their times,
in SQL that needs no extension; and without them. With `--live`, ingest and analytics run meanwhile and every machine
reports once a second.
"""

import http.client
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from services.devices.publisher import Publisher
from shared import fleet
from shared.clock import now_us
from shared.db import fleet as fleets
from shared.db import migrate, principals
from shared.db.pool import Connection, connect
from shared.embedded import Servers, start
from shared.instant import DAY_US, MINUTE_US, from_us
from tests.integration.asking import ready_url

MACHINES: Final = 200
CHARTED: Final = 20
DAYS: Final = 30
POINTS: Final = 2_000
ROUNDS: Final = 60
READERS: Final = 16
ASKED_BY_EACH: Final = 25
BARE: Final = {
    "columns": "SELECT array_agg(at), array_agg(low), array_agg(high) FROM reading_minute"
    " WHERE series_id = %s AND at >= %s AND at < %s",
    "rows": "SELECT at, low, high FROM reading_minute WHERE series_id = %s AND at >= %s AND at < %s",
    "extremes with their times": "SELECT date_bin(interval '2595 s', at, '2020-01-01Z'),"
    " min(ARRAY[low, date_part('epoch', at)]), max(ARRAY[high, -date_part('epoch', at)]) FROM reading_minute"
    " WHERE series_id = %s AND at >= %s AND at < %s GROUP BY 1 ORDER BY 1",
    "least and greatest": "SELECT date_bin(interval '2595 s', at, '2020-01-01Z'), min(low), max(high)"
    " FROM reading_minute WHERE series_id = %s AND at >= %s AND at < %s GROUP BY 1 ORDER BY 1",
}
FILL: Final = """
INSERT INTO reading SELECT 1, %(start)s + i * interval '1 second', 50 + 20 * sin(i / 5000.0) + random() * 3, 0
FROM generate_series(0, %(days)s * 86400 - 1) i;
INSERT INTO reading_minute (series_id, at, count, low, high, mean, last, last_at, weighted_mean, known_us)
SELECT s.id, m.at, 60, m.low, m.high, m.mean, m.mean, m.at + interval '59 s', m.mean, 60000000
FROM (SELECT date_bin(interval '1 min', at, '2020-01-01Z') AS at, min(value) AS low, max(value) AS high,
             avg(value) AS mean FROM reading GROUP BY 1) m
CROSS JOIN (SELECT id FROM sensor ORDER BY id LIMIT %(charted)s) s ORDER BY m.at, s.id;
INSERT INTO reading_hour (series_id, at, count, low, high, mean, last, last_at, weighted_mean, known_us)
SELECT series_id, date_bin(interval '1 hour', at, '2020-01-01Z'), sum(count), min(low), max(high), avg(mean),
       max(last), max(last_at), avg(mean), sum(known_us) FROM reading_minute GROUP BY 1, 2 ORDER BY 2, 1;
"""


def declared() -> str:
    """Machines of one sensor."""
    place = {"customer": "bench", "site": "hall", "model": "mill"}
    model = {"slug": "mill", "name": "Mill", "telemetry_hold_s": 60, "sensors": [{"name": "s0", "unit": "kW"}]}
    assets = [place | {"slug": f"m{number}", "name": f"Machine {number}"} for number in range(MACHINES)]
    customers, sites = [{"slug": "bench", "name": "Bench"}], [{"customer": "bench", "slug": "hall", "name": "Hall"}]
    return json.dumps({"customers": customers, "sites": sites, "models": [model], "assets": assets})


def fill(connection: Connection, begins_us: int) -> str:
    """The schema, the machines, 30 days of readings and their rollups; returns a key that sees everything."""
    migrate.run(connection)
    fleets.save(connection, fleet.parse(declared(), "bench"))
    parameters = {"start": from_us(begins_us), "days": DAYS, "charted": CHARTED}
    for statement in FILL.split(";\n"):
        if statement.strip():
            connection.execute(statement.encode(), parameters)
    connection.execute("VACUUM ANALYZE")
    return principals.create_key(connection, name="bench", role="admin", customers=[], now_us=now_us())


@contextmanager
def process(name: str, log: Path, env: dict[str, str]) -> Iterator[None]:
    """`vouch <name>`, ended afterwards."""
    command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), name]
    with log.open("wb") as output:
        started = subprocess.Popen(command, env=os.environ | env, stdout=output, stderr=output)
    try:
        yield
    except BaseException:
        print(log.read_text(encoding="utf-8")[-2_000:], file=sys.stderr)
        raise
    finally:
        started.terminate()
        started.wait()


@contextmanager
def living(mqtt_url: str) -> Iterator[Callable[[], int]]:
    """Every machine reports once a second; gives how many messages were published."""
    stop, count = threading.Event(), itertools.count()
    published = 0

    def report() -> None:
        nonlocal published
        with Publisher(mqtt_url) as publisher:
            due = time.monotonic()
            while not stop.wait(max(0.0, due - time.monotonic())):
                body = json.dumps({"ts": now_us() // 1_000, "values": {"s0": 50.0 + next(count) % 7}}).encode()
                publisher.publish(f"vouch/v1/bench/hall/m{published % MACHINES}/telemetry", body)
                published += 1
                due += 1 / MACHINES

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield lambda: published
    finally:
        stop.set()
        thread.join()


class Reader:
    """Asks for charts over one kept connection."""

    def __init__(self, url: str, key: str, window: tuple[int, int]) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._headers = {"Authorization": f"Bearer {key}"}
        start, end = (from_us(at_us).isoformat() for at_us in window)
        self._query = urlencode({"sensor": "s0", "from": start, "to": end, "points": POINTS})

    def ask(self, machine: int) -> float:
        """Seconds until the whole answer was there."""
        begun = time.perf_counter()
        self._connection.request("GET", f"/api/v1/assets/{machine}/chart?{self._query}", headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - begun
        chart: dict[str, Any] = json.loads(body)
        if answer.status != 200 or chart["source"] != "1m" or not POINTS * 0.9 < len(chart["at"]) <= POINTS:
            raise SystemExit(f"not the chart that was asked for: {answer.status} {body[:300]!r}")
        return took


def bare(connection: Connection, query: str, window: tuple[int, int]) -> float:
    """Seconds until the rows were there."""
    begun = time.perf_counter()
    with connection.cursor(binary=True) as cursor:
        cursor.execute(query.encode(), (1, *map(from_us, window)))
        if "array_agg" in query:
            assert cursor.pgresult is not None
            cursor.pgresult.get_value(0, 0)
        else:
            cursor.fetchall()
    return time.perf_counter() - begun


def alone(connection: Connection, reader: Reader, window: tuple[int, int]) -> None:
    """Print the medians of one reader's answers and of the bare SQL, asked in turn."""
    took: dict[str, list[float]] = {name: [] for name in ("chart", *BARE)}
    for _ in range(ROUNDS):
        took["chart"].append(reader.ask(1))
        for name, query in BARE.items():
            took[name].append(bare(connection, query, window))
    middle = {name: statistics.median(each) for name, each in took.items()}
    print(f"chart of {DAYS} days in {POINTS:,} points: {middle['chart'] * 1e3:.1f} ms", end="")
    for name in BARE:
        print(f"; {middle['chart'] / middle[name]:.2f} of bare SQL, {name} ({middle[name] * 1e3:.1f} ms)", end="")
    print()


def together(url: str, key: str, window: tuple[int, int]) -> None:
    """Print how long the answers take that many readers ask for at the same time."""
    took: list[float] = []

    def read(seed: int) -> None:
        reader, machines = Reader(url, key, window), random.Random(seed)
        took.extend([reader.ask(machines.randint(1, CHARTED)) for _ in range(ASKED_BY_EACH)])

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(READERS)]
    begun = time.perf_counter()
    for thread in readers:
        thread.start()
    for thread in readers:
        thread.join()
    spent = time.perf_counter() - begun
    if len(took) != READERS * ASKED_BY_EACH:
        raise SystemExit("a reader gave up")
    p50, p95 = statistics.median(took) * 1e3, statistics.quantiles(took, n=20)[-1] * 1e3
    print(f"{READERS} readers at once: p50 {p50:.0f} ms, p95 {p95:.0f} ms, {len(took) / spent:.0f} charts/s")


def measure(servers: Servers, folder: Path, *, is_live: bool) -> None:
    """Fill, start, ask."""
    ends_us = now_us() // MINUTE_US * MINUTE_US
    window = (ends_us - DAYS * DAY_US, ends_us)
    with ExitStack() as stack:
        connection = stack.enter_context(connect(servers.database_url))
        key = fill(connection, window[0])
        env = {"VOUCH_DATABASE_URL": servers.database_url, "VOUCH_MQTT_URL": servers.mqtt_url}
        published = None
        if is_live:
            stack.enter_context(process("ingest", folder / "ingest.log", env))
            stack.enter_context(process("analytics", folder / "analytics.log", env))
            published = stack.enter_context(living(servers.mqtt_url))
        stack.enter_context(process("api", folder / "api.log", env | {"VOUCH_API_PORT": "0"}))
        url = ready_url(folder / "api.log")
        reader = Reader(url, key, window)
        for machine in range(1, CHARTED + 1):
            reader.ask(machine)
        alone(connection, reader, window)
        together(url, key, window)
        if published is not None:
            stored = connection.execute("SELECT count(*) FROM reading WHERE series_id > 1").fetchone()
            print(f"meanwhile {published():,} messages published, {stored[0] if stored else 0:,} readings stored")


def main() -> None:
    """Print the ratios, and the latency of concurrent readers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with start(folder) as servers:
            measure(servers, folder, is_live="--live" in sys.argv[1:])


if __name__ == "__main__":
    main()
