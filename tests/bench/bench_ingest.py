"""How fast ingest empties a full queue, and what it costs: `python tests/bench/bench_ingest.py [readings a message]`.

VOUCH_DATABASE_URL names an empty database and VOUCH_MQTT_URL a broker with nothing in it, both for this alone. The
clock runs from the subscription to the last COMMIT; the CPU time is that of the process, imports not counted.
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
from shared.db.pool import connect

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


def started(port: int) -> subprocess.Popen[bytes]:
    """Ingest, once it has subscribed."""
    with tempfile.NamedTemporaryFile() as log:
        command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), "ingest"]
        env = os.environ | {"VOUCH_INGEST_METRICS_PORT": str(port)}
        process = subprocess.Popen(command, env=env, stderr=log)
        while b"ingest_ready" not in Path(log.name).read_bytes():
            if process.poll() is not None:
                raise SystemExit(Path(log.name).read_text(encoding="utf-8"))
            time.sleep(0.01)
    return process


def main() -> None:
    readings = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    count = min(READINGS // readings, MOST_MESSAGES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with connect(os.environ["VOUCH_DATABASE_URL"]) as connection:
        migrate.run(connection)
        fleets.save(connection, fleet.parse(declared(), "bench"))
        process = started(port)
        process.terminate()
        process.wait()
        with Publisher(os.environ["VOUCH_MQTT_URL"]) as publisher:
            for topic, payload in messages(count, readings):
                publisher.publish(topic, payload)
        process = started(port)
        begun, cpu = time.perf_counter(), psutil.Process(process.pid).cpu_times()
        while meters(port)["vouch_ingest_readings_total"] < count * readings:
            if time.perf_counter() - begun > LIMIT_S:
                raise SystemExit(f"not done after {LIMIT_S} s: {meters(port)}")
            time.sleep(0.02)
        took, spent = time.perf_counter() - begun, psutil.Process(process.pid).cpu_times()
        commits = meters(port)["vouch_ingest_commit_seconds_count"]
        process.terminate()
        process.wait()
    used = spent.user + spent.system - cpu.user - cpu.system
    total = count * readings
    print(
        f"{readings} readings a message: {total / took:,.0f} readings/s, {count / took:,.0f} messages/s,"
        f" {used / total * 1e6:.1f} CPU s a million readings, {total / commits:,.0f} rows a COMMIT"
    )


if __name__ == "__main__":
    main()
