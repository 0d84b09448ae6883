"""How fast ingest empties a full queue, and how long a message takes: `python -m tests.bench.bench_ingest --help`.

The servers are those of `shared.embedded`, in a folder of their own. The clock runs from the start of the process's
connection to the last COMMIT; the CPU time is that of the process from then on. Limits, in the same run: an empty
consumer that takes and acknowledges the same queue and stores nothing, and a binary COPY of the same rows, sorted,
50,000 at a time, into an empty keyed hypertable of the same make. The lower of both is what ingest could reach.
"""

import json
import os
import socket
import statistics
import subprocess
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from shared import fleet
from shared.db import binary_copy, migrate
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect
from shared.embedded import Servers, broker, start
from shared.embedded.binaries import Programs
from tests.bench import raw_mqtt

SENSORS = ("s0", "s1", "s2", "s3", "s4")
START_MS = 1_772_366_400_000
LIMIT_S = 600
STORED = "vouch_ingest_readings_total"
COPY_ROWS = 50_000


def declared(assets: int) -> str:
    """Machines of five sensors each."""
    sensors = [{"name": name, "unit": "1", "physical": [-1e9, 1e9]} for name in SENSORS]
    place = {"customer": "bench", "site": "hall", "model": "mill"}
    return json.dumps(
        {
            "customers": [{"slug": "bench", "name": "Bench"}],
            "sites": [{"customer": "bench", "slug": "hall", "name": "Hall"}],
            "models": [{"slug": "mill", "name": "Mill", "telemetry_hold_s": 60, "sensors": sensors}],
            "assets": [place | {"slug": f"m{number}", "name": f"Machine {number}"} for number in range(assets)],
        }
    )


def packets(count: int, readings: int, assets: int) -> Iterator[bytes]:
    """Each series and instant once: one sensor in turn a message, or samples of all five."""
    for number in range(count):
        asset, turn = number % assets, number // assets
        if readings == 1:
            said = f'{{"ts":{START_MS + turn * 1_000},"values":{{"{SENSORS[turn % 5]}":{turn % 97 + 0.25}}}}}'
        else:
            samples = readings // 5
            values = ",".join(f'"{name}":{turn % 97 + 0.25}' for name in SENSORS)
            times = range(START_MS + turn * samples * 1_000, START_MS + (turn + 1) * samples * 1_000, 1_000)
            said = "[" + ",".join(f'{{"ts":{at},"values":{{{values}}}}}' for at in times) + "]"
        yield raw_mqtt.publish_packet(f"vouch/v1/bench/hall/m{asset}/telemetry".encode(), said.encode(), number)


def meters(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


@contextmanager
def ingest(
    servers: Servers, *, until: bytes = b"broker_connected", **settings: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process of `vouch ingest` that has logged `until`, and the port of its metrics."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    urls = {"VOUCH_DATABASE_URL": servers.database_url, "VOUCH_MQTT_URL": servers.mqtt_url}
    command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), "ingest"]
    with tempfile.NamedTemporaryFile() as log:
        environ = os.environ | urls | {"VOUCH_INGEST_METRICS_PORT": str(port)} | settings
        process = subprocess.Popen(command, env=environ, stderr=log, stdout=log)
        try:
            while until not in Path(log.name).read_bytes():
                if process.poll() is not None:
                    raise SystemExit(Path(log.name).read_text(encoding="utf-8"))
                time.sleep(0.002)
            yield process, port
        finally:
            process.terminate()
            process.wait()


def total_of(meter: str, processes: Sequence[tuple[subprocess.Popen[bytes], int]]) -> float:
    return sum(meters(port)[meter] for _, port in processes)


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    spent = psutil.Process(process.pid).cpu_times()
    return spent.user + spent.system


def copy_limit(connection: Connection) -> float:
    """Rows a second of sorted binary COPYs of what `reading` holds."""
    rows = connection.execute(
        "SELECT series_id, (extract(epoch FROM at) * 1000000)::bigint, value, quality FROM reading"
        " ORDER BY at, series_id"
    ).fetchall()
    series, at_us, value, quality = (np.array(column) for column in zip(*rows, strict=True))
    batches = []
    for first in range(0, len(rows), COPY_ROWS):
        part = slice(first, first + COPY_ROWS)
        order = np.lexsort((at_us[part], series[part]))
        columns = (
            series[part].astype(np.int32),
            binary_copy.timestamps(at_us[part]),
            value[part],
            quality[part].astype(np.int16),
        )
        batches.append(binary_copy.encode([column[order] for column in columns]))
    connection.execute("DROP TABLE IF EXISTS bare")
    connection.execute("CREATE TABLE bare (LIKE reading INCLUDING ALL)")
    connection.execute("SELECT create_hypertable('bare', by_range('at', INTERVAL '7 days'))")
    connection.execute("CHECKPOINT")
    begun = time.perf_counter()
    for batch in batches:
        with connection.cursor().copy("COPY bare FROM STDIN (FORMAT binary)") as copy:
            copy.write(batch)
    return len(rows) / (time.perf_counter() - begun)


def once(
    servers: Servers, connection: Connection, readings: int, count: int, assets: int, processes: int, **settings: str
) -> dict[str, float]:
    """One run: the same queue is filled for ingest, and then for the empty consumer."""
    connection.execute("TRUNCATE reading")
    connection.execute("TRUNCATE dirty_window, dirty_batch")
    named: list[dict[str, Any]] = [
        settings | {"VOUCH_INGEST_CLIENT_ID": f"vouch-ingest-{number}"} for number in range(processes)
    ]
    if processes > 1:
        named = [one | {"VOUCH_INGEST_SHARE": "bench"} for one in named]
    with ExitStack() as sessions:
        for one in named:
            sessions.enter_context(ingest(servers, until=b"ingest_ready", **one))
    raw_mqtt.feed(servers.mqtt_url, packets(count, readings, assets))
    connection.execute("CHECKPOINT")
    with ExitStack() as running:
        started = [running.enter_context(ingest(servers, **one)) for one in named]
        begun, used = time.time(), sum(cpu_s(process) for process, _ in started)
        while (stored := total_of(STORED, started)) < count * readings:
            if time.time() - begun > LIMIT_S:
                raise SystemExit(f"{stored:.0f} readings after {LIMIT_S} s")
            # Asking costs ingest some milliseconds.
            time.sleep(0.25)
        used = sum(cpu_s(process) for process, _ in started) - used
        [(ended,)] = connection.execute(
            "SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float8 FROM reading"
        ).fetchall()
        took = ended - begun
        commits = total_of("vouch_ingest_commit_seconds_count", started)
        resident = max(psutil.Process(process.pid).memory_info().rss for process, _ in started)
    for one in named:
        raw_mqtt.RawSession(servers.mqtt_url, one["VOUCH_INGEST_CLIENT_ID"], is_clean=True).close()
    limit = raw_mqtt.RawSession(servers.mqtt_url, "bench-limit", is_clean=False)
    limit.subscribe("vouch/v1/#")
    limit.close()
    raw_mqtt.feed(servers.mqtt_url, packets(count, readings, assets))
    empty_s = raw_mqtt.empty(servers.mqtt_url, "bench-limit", count)
    raw_mqtt.RawSession(servers.mqtt_url, "bench-limit", is_clean=True).close()
    total = count * readings
    raw, copied = total / empty_s, copy_limit(connection)
    rate = total / took
    return {
        "readings_s": rate,
        "messages_s": count / took,
        "raw_limit_readings_s": raw,
        "copy_limit_readings_s": copied,
        "of_raw": rate / raw,
        "of_copy": rate / copied,
        "of_limit": rate / min(raw, copied),
        "cpu_s_per_million": used / total * 1e6,
        "rows_a_commit": total / commits,
        "rss_mb": resident / 1e6,
    }


def queue(readings: int, count: int, assets: int, runs: int, old_chunks: int, processes: int, **settings: str) -> None:
    with bench(assets) as (servers, connection):
        if old_chunks:
            connection.execute(
                "INSERT INTO reading SELECT s, timestamptz '2020-01-01' + c * interval '7 days', 1 "
                "FROM generate_series(1, 1000) s, generate_series(1, %s) c",
                (old_chunks,),
            )
        found = []
        for _ in range(runs):
            found.append(once(servers, connection, readings, count, assets, processes, **settings))
            print(json.dumps({name: round(value, 3) for name, value in found[-1].items()}), flush=True)
    middle = {name: statistics.median(run[name] for run in found) for name in found[0]}
    print(f"median of {runs}, {readings} readings a message, {count} messages, {assets * 5} series:")
    print(json.dumps({name: round(value, 3) for name, value in middle.items()}))


@contextmanager
def bench(assets: int) -> Iterator[tuple[Servers, Connection]]:
    """Servers of their own, migrated, with the fleet."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        (folder / "broker").mkdir(mode=0o755)
        programs = Programs.of(os.environ, runtime=Path(".runtime"))
        # Saving a long queue stands still for a second now and then, which is not what is measured.
        mqtt_url = stack.enter_context(
            broker.running(programs.broker, folder / "broker", programs.account, save_s=3_600)
        )
        servers = stack.enter_context(start(folder / "database", environ=os.environ | {"VOUCH_MQTT_URL": mqtt_url}))
        connection = stack.enter_context(connect(servers.database_url))
        migrate.run(connection)
        fleets.save(connection, fleet.parse(declared(assets), "bench"))
        yield servers, connection


def live(rate: int, seconds: int, assets: int, **settings: str) -> None:
    """Publish at a steady rate; a reading's time is its publish time, its row's commit time is the database's."""
    with bench(assets) as (servers, connection), ingest(servers, until=b"ingest_ready", **settings) as (process, _):
        session = raw_mqtt.RawSession(servers.mqtt_url, "bench-live", is_clean=True)
        used, begun = cpu_s(process), time.time()
        for number in range(rate * seconds):
            due = begun + number / rate
            while (wait := due - time.time()) > 0:
                time.sleep(wait if wait > 0.0005 else 0)
            said = f'{{"ts":{time.time_ns() // 1_000},"values":{{"{SENSORS[number % 5]}":{number % 97}}}}}'
            topic = f"vouch/v1/bench/hall/m{number % assets}/telemetry"
            session.socket.sendall(raw_mqtt.publish_packet(topic.encode(), said.encode(), number))
            if number % 1_000 == 999:
                session.socket.recv(1 << 18)
        deadline = time.monotonic() + 30
        while connection.execute("SELECT count(*) FROM reading").fetchall()[0][0] < rate * seconds:
            if time.monotonic() > deadline:
                raise SystemExit("not all of it arrived")
            time.sleep(0.1)
        used = cpu_s(process) - used
        [(p50, p90, p99, most)] = connection.execute(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late), percentile_cont(0.9) WITHIN GROUP"
            " (ORDER BY late), percentile_cont(0.99) WITHIN GROUP (ORDER BY late), max(late)"
            " FROM (SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - at) * 1000 AS late FROM reading) r"
        ).fetchall()
    print(
        f"{rate} messages/s for {seconds} s: publish to COMMIT p50 {p50:.1f} ms, p90 {p90:.1f} ms, p99 {p99:.1f} ms,"
        f" most {most:.1f} ms; {used / (rate * seconds) * 1e6:.0f} CPU s a million readings"
    )


def main(
    readings: Annotated[int, typer.Option(help="readings a message: 1, or a multiple of 5")] = 1,
    messages: Annotated[int, typer.Option(help="messages in the queue")] = 300_000,
    series: Annotated[int, typer.Option(help="series in the fleet, five a machine")] = 1_000,
    runs: Annotated[int, typer.Option(help="runs, of which the median counts")] = 3,
    old_chunks: Annotated[int, typer.Option(help="chunks of earlier weeks in the table")] = 0,
    live_rate: Annotated[int, typer.Option(help="messages a second, live, instead of a queue")] = 0,
    reader: Annotated[str, typer.Option(help="tap or paho")] = "tap",
    processes: Annotated[int, typer.Option(help="processes that share the subscription")] = 1,
) -> None:
    """Print each run and the median."""
    settings = {"VOUCH_INGEST_READER": reader}
    if live_rate:
        live(live_rate, 20, series // 5, **settings)
    else:
        queue(readings, messages, series // 5, runs, old_chunks, processes, **settings)


if __name__ == "__main__":
    typer.run(main)
