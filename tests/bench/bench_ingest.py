"""How fast ingest empties a full queue: `python -m tests.bench.bench_ingest [readings a message]`.

The servers are those of `shared.embedded`, in a folder of their own. The clock runs from the subscription to the last
COMMIT; the CPU time is that of the process, imports not counted. The limit, in the same run: one binary COPY of the
same rows, in the order of the key, into an empty table of the same make.
"""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from services.devices.publisher import Publisher
from shared import fleet
from shared.db import fleet as fleets
from shared.db import migrate
from shared.db.pool import Connection, connect
from shared.embedded import Servers, start

READINGS = 2_000_000
MOST_MESSAGES = 150_000
ASSETS = 200
SENSORS = ("s0", "s1", "s2", "s3", "s4")
START_MS = 1_772_366_400_000
LIMIT_S = 300


def declared() -> str:
    """Two hundred machines of five sensors."""
    sensors = [{"name": name, "unit": "1", "physical": [-1e9, 1e9]} for name in SENSORS]
    place = {"customer": "bench", "site": "hall", "model": "mill"}
    assets = [place | {"slug": f"m{number}", "name": f"Machine {number}"} for number in range(ASSETS)]
    models = [{"slug": "mill", "name": "Mill", "telemetry_hold_s": 60, "sensors": sensors}]
    customers, sites = [{"slug": "bench", "name": "Bench"}], [{"customer": "bench", "slug": "hall", "name": "Hall"}]
    return json.dumps({"customers": customers, "sites": sites, "models": models, "assets": assets})


def messages(count: int, readings: int) -> Iterator[tuple[str, bytes]]:
    """Samples of all sensors, or of one alone when a message has but one reading."""
    sensors = SENSORS if readings >= len(SENSORS) else SENSORS[:1]
    samples = max(1, readings // len(sensors))
    for number in range(count):
        first = number // ASSETS * samples
        parts = [
            {"ts": START_MS + 1_000 * at, "values": dict.fromkeys(sensors, at % 97 + 0.25)}
            for at in range(first, first + samples)
        ]
        payload = parts if samples > 1 else parts[0]
        yield f"vouch/v1/bench/hall/m{number % ASSETS}/telemetry", json.dumps(payload).encode()


def meters(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def started(port: int, servers: Servers) -> subprocess.Popen[bytes]:
    """Ingest, once it has subscribed."""
    with tempfile.NamedTemporaryFile() as log:
        command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), "ingest"]
        urls = {"VOUCH_DATABASE_URL": servers.database_url, "VOUCH_MQTT_URL": servers.mqtt_url}
        process = subprocess.Popen(
            command, env=os.environ | urls | {"VOUCH_INGEST_METRICS_PORT": str(port)}, stderr=log
        )
        while b"ingest_ready" not in Path(log.name).read_bytes():
            if process.poll() is not None:
                raise SystemExit(Path(log.name).read_text(encoding="utf-8"))
            time.sleep(0.01)
    return process


def limit(connection: Connection) -> float:
    """Rows a second of a bare COPY."""
    with connection.cursor().copy(
        "COPY (SELECT * FROM reading ORDER BY series_id, at) TO STDOUT (FORMAT binary)"
    ) as out:
        rows = [bytes(part) for part in out]
    connection.execute("CREATE TABLE bare (LIKE reading INCLUDING ALL)")
    connection.execute("SELECT create_hypertable('bare', by_range('at', INTERVAL '7 days'))")
    begun = time.perf_counter()
    with connection.cursor().copy("COPY bare FROM STDIN (FORMAT binary)") as copy:
        for part in rows:
            copy.write(part)
    return (len(rows) - 2) / (time.perf_counter() - begun)


def main() -> None:
    """Print the rate, its cost, and its ratio to the limit."""
    readings = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with start(Path(folder)) as servers:
            measure(servers, readings, min(READINGS // readings, MOST_MESSAGES))


def measure(servers: Servers, readings: int, count: int) -> None:
    """`count` messages of `readings` each wait in the session before ingest is let at them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with connect(servers.database_url) as connection:
        migrate.run(connection)
        fleets.save(connection, fleet.parse(declared(), "bench"))
        process = started(port, servers)
        process.terminate()
        process.wait()
        with Publisher(servers.mqtt_url) as publisher:
            for topic, payload in messages(count, readings):
                publisher.publish(topic, payload)
        process = started(port, servers)
        begun, cpu = time.perf_counter(), psutil.Process(process.pid).cpu_times()
        while meters(port)["vouch_ingest_readings_total"] < count * readings:
            if time.perf_counter() - begun > LIMIT_S:
                raise SystemExit(f"not done after {LIMIT_S} s: {meters(port)}")
            time.sleep(0.02)
        took, spent = time.perf_counter() - begun, psutil.Process(process.pid).cpu_times()
        commits = meters(port)["vouch_ingest_commit_seconds_count"]
        process.terminate()
        process.wait()
        bare = limit(connection)
    used = spent.user + spent.system - cpu.user - cpu.system
    total = count * readings
    print(
        f"{readings} readings a message: {total / took:,.0f} readings/s, {count / took:,.0f} messages/s,"
        f" {used / total * 1e6:.1f} CPU s a million readings, {total / commits:,.0f} rows a COMMIT;"
        f" {total / took / bare:.2f} of a bare COPY ({bare:,.0f} rows/s)"
    )


if __name__ == "__main__":
    main()
