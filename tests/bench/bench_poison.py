"""What a flood of poison costs the good messages: `python -m tests.bench.bench_poison --help`.

In each run ingest empties a queue of good messages, and then the same queue with the bad ones spread evenly in it. The
figure is the rate of the good ones among the bad, by their rate alone; bad messages of several kinds take turns.
"""

import json
import statistics
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from shared.db.pool import Connection
from shared.embedded import Servers
from tests.bench import raw_mqtt
from tests.bench.bench_ingest import LIMIT_S, START_MS, STORED, bench, ingest, meters

ASSETS = 200
TOPIC = "vouch/v1/bench/hall/m{asset}/telemetry"
# Not JSON, not finite, a sensor nobody has, an asset nobody has, no topic of ours, nothing at all, an absurd time.
POISON = (
    (TOPIC, '{{"ts":{at},"values":{{"s0":1'),
    (TOPIC, '{{"ts":{at},"values":{{"s0":NaN}}}}'),
    (TOPIC, '{{"ts":{at},"values":{{"pressure":1}}}}'),
    ("vouch/v1/bench/hall/nobody/telemetry", '{{"ts":{at},"values":{{"s0":1}}}}'),
    ("vouch/v1/bench/nowhere", '{{"ts":{at},"values":{{"s0":1}}}}'),
    (TOPIC, ""),
    (TOPIC, '{{"ts":"yesterday","values":{{"s0":1}}}}'),
)


def packets(good: int, poison: int) -> Iterator[bytes]:
    """The bad ones spread evenly among the good."""
    bad = 0
    for number in range(good):
        while bad * good < (number + 1) * poison:
            topic, said = POISON[bad % len(POISON)]
            yield packet(topic.format(asset=bad % ASSETS), said.format(at=START_MS + bad), number + bad)
            bad += 1
        said = f'{{"ts":{START_MS + number // ASSETS * 1_000},"values":{{"s0":{number % 97}}}}}'
        yield packet(TOPIC.format(asset=number % ASSETS), said, number + bad)


def packet(topic: str, said: str, number: int) -> bytes:
    return raw_mqtt.publish_packet(topic.encode(), said.encode(), number)


def rate(servers: Servers, connection: Connection, good: int, poison: int) -> float:
    """Good messages a second, until the last of them is stored."""
    connection.execute("TRUNCATE reading, quarantine CASCADE")
    with ingest(servers, until=b"ingest_ready"):
        pass
    raw_mqtt.feed(servers.mqtt_url, packets(good, poison))
    connection.execute("CHECKPOINT")
    with ingest(servers) as (_, port):
        begun = time.perf_counter()
        while meters(port).get(STORED, 0) < good:
            if time.perf_counter() - begun > LIMIT_S:
                raise SystemExit(f"not done after {LIMIT_S} s: {meters(port)}")
            time.sleep(0.02)
        took = time.perf_counter() - begun
        while meters(port)["vouch_ingest_unacknowledged"]:
            time.sleep(0.02)
    [(held,)] = connection.execute("SELECT count(*) FROM quarantine").fetchall()
    if held < poison:
        raise SystemExit(f"{held} of {poison} bad messages are in the quarantine")
    return good / took


def main(
    good: Annotated[int, typer.Option(help="good messages, of one reading each")] = 300_000,
    poison: Annotated[int, typer.Option(help="bad messages among them")] = 100_000,
    runs: Annotated[int, typer.Option(help="runs, of which the median counts")] = 3,
) -> None:
    """Print each run and the median."""
    found = []
    with bench(ASSETS) as (servers, connection):
        for _ in range(runs):
            alone, among = rate(servers, connection, good, 0), rate(servers, connection, good, poison)
            found.append({"alone": alone, "among_poison": among, "ratio": among / alone})
            print(json.dumps({name: round(value, 2) for name, value in found[-1].items()}), flush=True)
    print(f"median ratio of {runs}: {statistics.median(run['ratio'] for run in found):.2f} ({good} good, {poison} bad)")


if __name__ == "__main__":
    typer.run(main)
