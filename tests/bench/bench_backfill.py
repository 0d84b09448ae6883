"""What a backfill costs live traffic: `python -m tests.bench.bench_backfill [seconds]`.

A thousand messages a second go through broker and ingest; how long each takes from publishing to being committed is
measured alone and while `vouch backfill` stores a file, on servers of `shared.embedded` in a folder of their own.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from services.devices.publisher import Publisher
from shared import fleet
from shared.clock import now_us
from shared.db import fleet as fleets
from shared.db import migrate
from shared.db.pool import connect
from shared.embedded import Servers, start
from shared.instant import from_us

RATE = 1_000
FILE_ROWS = 20_000_000
FLEET = """
customers: [{slug: bench, name: Bench}]
sites: [{customer: bench, slug: hall, name: Hall}]
models: [{slug: mill, name: Mill, telemetry_hold_s: 60, sensors: [{name: p, unit: kW}]}]
assets:
  - {customer: bench, site: hall, slug: live, name: Live, model: mill}
  - {customer: bench, site: hall, slug: old, name: Old, model: mill}
"""
MAPPING = """
sources:
  - files: [old.csv]
    asset: {customer: bench, site: hall, asset: old}
    time: {column: t, format: epoch, unit: s}
    readings: {P: {sensor: p}}
"""


def vouch(servers: Servers, *arguments: str) -> subprocess.Popen[bytes]:
    urls = {"VOUCH_DATABASE_URL": servers.database_url, "VOUCH_MQTT_URL": servers.mqtt_url}
    command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), *arguments]
    return subprocess.Popen(command, env=os.environ | urls, stderr=subprocess.DEVNULL)


def delays_ms(servers: Servers, publisher: Publisher, seconds: int) -> list[float]:
    """From publishing to COMMIT of each message, as whoever is woken by the commit sees it."""
    count, first_ms = seconds * RATE, now_us() // 1_000
    sent = np.zeros(count)
    seen: list[float] = []

    def publish() -> None:
        begun = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            sent[number] = time.perf_counter()
            body = json.dumps({"ts": first_ms - count + number, "values": {"p": number}})
            publisher.publish("vouch/v1/bench/hall/live/telemetry", body.encode())

    with connect(servers.database_url) as connection:
        connection.execute("LISTEN vouch_dirty")
        [(series,)] = connection.execute(
            "SELECT s.id FROM sensor s JOIN asset a ON a.id = s.asset_id WHERE a.slug = 'live'"
        ).fetchall()
        last = from_us((first_ms - count) * 1_000 - 1)
        thread = threading.Thread(target=publish)
        thread.start()
        while len(seen) < count:
            for _ in connection.notifies(timeout=1, stop_after=1):
                pass
            rows = connection.execute(
                "SELECT at, value FROM reading WHERE series_id = %s AND at > %s ORDER BY at", (series, last)
            ).fetchall()
            at = time.perf_counter()
            seen += [(at - sent[int(value)]) * 1_000 for _, value in rows]
            last = rows[-1][0] if rows else last
        thread.join()
    return seen


def told(name: str, delays: list[float]) -> None:
    p50, p99, worst = np.percentile(delays, [50, 99, 100])
    print(f"{name:18} p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  max {worst:6.1f} ms  of {len(delays)} messages", flush=True)


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory(prefix="vouch-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with start(folder) as servers, connect(servers.database_url) as owner:
            migrate.run(owner)
            fleets.save(owner, fleet.parse(FLEET, "bench"))
            (folder / "mapping.yaml").write_text(MAPPING)
            rows = min(FILE_ROWS, seconds * 600_000)
            with (folder / "old.csv").open("w") as file:
                file.write("t,P\n")
                file.writelines(f"{1_600_000_000 + number},{number % 997 / 10}\n" for number in range(rows))
            ingest = vouch(servers, "ingest")
            with Publisher(servers.mqtt_url) as publisher:
                time.sleep(5)
                told("live alone", delays_ms(servers, publisher, seconds))
                backfill = vouch(servers, "backfill", str(folder / "mapping.yaml"), "--data", name)
                time.sleep(3)
                told("beside a backfill", delays_ms(servers, publisher, seconds))
                print("the backfill", "goes on" if backfill.poll() is None else "had ended: take fewer seconds")
                [(stored,)] = owner.execute("SELECT max(row_count) FROM backfill_position").fetchall()
                print(f"{stored:,} readings were backfilled in {seconds + 3} s beside {RATE} messages/s")
                backfill.terminate()
                backfill.wait()
            ingest.terminate()
            ingest.wait()


if __name__ == "__main__":
    main()
