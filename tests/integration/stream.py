"""A million readings from ten machines, published as fast as they are stored, and the proof that all are there once."""

import json
import threading
from collections.abc import Iterator

import psycopg

from services.devices.publisher import Publisher
from shared import fleet
from shared.db import fleet as fleets
from shared.db import migrate
from shared.db.pool import Connection, connect
from shared.errors import UnavailableError

READINGS = 1_000_000
ASSETS = 10
SENSORS = ("s0", "s1", "s2", "s3", "s4")
SAMPLES_A_MESSAGE = 20
MESSAGES = READINGS // SAMPLES_A_MESSAGE // len(SENSORS)
# So far the device is ahead of what is stored, so that whatever is killed, is killed while it publishes.
AHEAD = 1_500
START_MS = 1_772_366_400_000
STEP_MS = 1_000


def declared() -> str:
    """Ten machines of five sensors."""
    sensors = [{"name": name, "unit": "1"} for name in SENSORS]
    place = {"customer": "lechtal", "site": "kempten", "model": "mill"}
    assets = [place | {"slug": f"m{number}", "name": f"Machine {number}"} for number in range(ASSETS)]
    return json.dumps(
        {
            "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}],
            "sites": [{"customer": "lechtal", "slug": "kempten", "name": "Kempten"}],
            "models": [{"slug": "mill", "name": "Mill", "telemetry_hold_s": 60, "sensors": sensors}],
            "assets": assets,
        }
    )


def messages() -> Iterator[tuple[str, bytes]]:
    """All readings, 100 a message; the value of each is the number of its sample, so that a sum tells what is there."""
    for number in range(MESSAGES):
        first = number // ASSETS * SAMPLES_A_MESSAGE
        samples = [
            {"ts": START_MS + sample * STEP_MS, "values": dict.fromkeys(SENSORS, sample)}
            for sample in range(first, first + SAMPLES_A_MESSAGE)
        ]
        yield f"vouch/v1/lechtal/kempten/m{number % ASSETS}/telemetry", json.dumps(samples).encode()


def prepare(database_url: str) -> None:
    """The tables and the fleet."""
    with connect(database_url) as connection:
        migrate.run(connection)
        fleets.save(connection, fleet.parse(declared(), "test"))


class Progress:
    """How far the messages are stored, found without counting a million rows each time."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: Connection | None = None
        self.stored = 0
        self._is_over = threading.Event()

    def messages(self) -> int:
        """Messages stored of all, as the last machine's newest reading tells; as last known while nobody answers."""
        try:
            if self._connection is None:
                self._connection = connect(self._url)
            [(newest,)] = self._connection.execute(
                "SELECT max(r.value) FROM reading r JOIN sensor s ON s.id = r.series_id"
                " JOIN asset a ON a.id = s.asset_id WHERE a.slug = %s AND s.name = %s",
                (f"m{ASSETS - 1}", SENSORS[-1]),
            ).fetchall()
        except (psycopg.Error, UnavailableError):
            self.close()
        else:
            self.stored = 0 if newest is None else int(newest + 1) * ASSETS // SAMPLES_A_MESSAGE
        return self.stored

    def publish(self, publisher: Publisher) -> None:
        """All messages, never far ahead of what is stored."""
        for number, (topic, payload) in enumerate(messages()):
            while number - self.stored > AHEAD and not self._is_over.wait(0.005):
                pass
            publisher.publish(topic, payload)
        publisher.drain(30)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def end(self) -> None:
        """Hold nobody back any more."""
        self._is_over.set()
        self.close()


def assert_all_there_once(connection: Connection) -> None:
    """Each reading is there, with its value, and nothing else."""
    samples = READINGS // ASSETS // len(SENSORS)
    sums = connection.execute("SELECT series_id, count(*), sum(value) FROM reading GROUP BY series_id").fetchall()
    assert {(rows, total) for _, rows, total in sums} == {(samples, samples * (samples - 1) / 2)}
    assert len(sums) == ASSETS * len(SENSORS)
    assert sum(rows for _, rows, _ in sums) == READINGS
    assert connection.execute("SELECT count(*) FROM quarantine").fetchall() == [(0,)]
