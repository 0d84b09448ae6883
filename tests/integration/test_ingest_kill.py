"""Nothing acknowledged is lost, nothing is stored twice: ingest is killed at random moments while readings stream."""

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen

from services.devices.publisher import Publisher
from shared import fleet
from shared.db import fleet as fleets
from shared.db.pool import Connection
from tests.waiting import wait_for

READINGS = 200_000
KILLS = 5
ASSETS = 10
SENSORS = ("s0", "s1", "s2", "s3")
SAMPLES_A_MESSAGE = 5
START_MS = 1_772_366_400_000
STEP_MS = 1_000
SEED = 20_261_122


def declared() -> str:
    """Ten machines of four sensors."""
    sensors = [{"name": name, "unit": "1"} for name in SENSORS]
    assets = [
        {"customer": "lechtal", "site": "kempten", "slug": f"m{number}", "name": f"Machine {number}", "model": "mill"}
        for number in range(ASSETS)
    ]
    return json.dumps(
        {
            "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}],
            "sites": [{"customer": "lechtal", "slug": "kempten", "name": "Kempten"}],
            "models": [{"slug": "mill", "name": "Mill", "telemetry_hold_s": 60, "sensors": sensors}],
            "assets": assets,
        }
    )


def messages() -> Iterator[tuple[str, bytes]]:
    """All readings, 20 a message; the value of each is the number of its sample, so that a sum tells what is there."""
    a_message = SAMPLES_A_MESSAGE * len(SENSORS)
    for number in range(READINGS // a_message):
        asset, first = number % ASSETS, number // ASSETS * SAMPLES_A_MESSAGE
        samples = [
            {"ts": START_MS + sample * STEP_MS, "values": dict.fromkeys(SENSORS, sample)}
            for sample in range(first, first + SAMPLES_A_MESSAGE)
        ]
        yield f"vouch/v1/lechtal/kempten/m{asset}/telemetry", json.dumps(samples).encode()


def stored(connection: Connection) -> int:
    return connection.execute("SELECT count(*) FROM reading").fetchall()[0][0]


def test_killing_ingest_five_times_during_200_000_readings_ends_with_exactly_200_000_rows(
    connection: Connection, mqtt_url: str, service: Callable[..., Popen[bytes]], tmp_path: Path
) -> None:
    fleets.save(connection, fleet.parse(declared(), "test"))
    chance = random.Random(SEED)
    # Small batches, so that there are many moments between a COMMIT and its acknowledgements.
    ingest = service("ingest", VOUCH_INGEST_BATCH_MESSAGES="100")
    wait_for(lambda: b"ingest_ready" in (tmp_path / "ingest-1.log").read_bytes(), what="ingest to subscribe")
    killed_at: list[int] = []
    with ThreadPoolExecutor(max_workers=1) as executor, Publisher(mqtt_url, client_id="device") as publisher:

        def publish_all() -> None:
            for topic, payload in messages():
                publisher.publish(topic, payload)

        publishing = executor.submit(publish_all)
        for kill in range(KILLS):
            reached = READINGS * (kill + chance.random()) / (KILLS + 1)
            wait_for(lambda enough=reached: stored(connection) >= enough, what="readings to kill it among")
            time.sleep(chance.uniform(0, 0.1))  # not waiting for anything: the moment is to be anywhere in its work
            ingest.kill()
            ingest.wait()
            killed_at.append(stored(connection))
            ingest = service("ingest", VOUCH_INGEST_BATCH_MESSAGES="100")
        publishing.result()
    wait_for(lambda: stored(connection) >= READINGS, limit_s=60, what="all readings")
    assert all(0 < rows < READINGS for rows in killed_at), killed_at
    ingest.terminate()
    assert ingest.wait(10) == 0
    assert stored(connection) == READINGS
    samples = READINGS // ASSETS // len(SENSORS)
    sums = connection.execute("SELECT series_id, count(*), sum(value) FROM reading GROUP BY series_id").fetchall()
    assert len(sums) == ASSETS * len(SENSORS)
    assert {(rows, total) for _, rows, total in sums} == {(samples, samples * (samples - 1) / 2)}
    assert connection.execute("SELECT count(*) FROM quarantine").fetchall() == [(0,)]
