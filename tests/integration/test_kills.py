"""Nothing that was acknowledged is lost and nothing is stored twice, whatever is killed, and whoever reads the packets.

Ingest, PostgreSQL or mosquitto gets SIGKILL ten times at random moments while a million readings stream. The device
does what we tell devices to do: after a reconnect it sends again what the broker may have forgotten.
"""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen

import pytest

from services.devices.publisher import Publisher
from shared.db.pool import connect
from shared.embedded.binaries import Programs
from tests.integration import killable, stream
from tests.integration.killable import Killable
from tests.waiting import wait_for

KILLS = 10
SEED = 20_261_122
SAVE_S = 1
# The broker compares whole seconds, so it saves at the latest after two; the rest is for a busy machine.
KEEP_S = 4.0

Again = Callable[[], None]


@pytest.fixture
def postgres(programs: Programs, tmp_path_factory: pytest.TempPathFactory, server_folder: Path) -> Iterator[Killable]:
    folder = server_folder / f"killed-postgres-{tmp_path_factory.getbasetemp().name}-{time.monotonic_ns()}"
    with killable.database(programs, folder) as server:
        stream.prepare(server.url)
        yield server


@pytest.fixture
def mosquitto(programs: Programs, server_folder: Path) -> Iterator[Killable]:
    folder = server_folder / f"killed-broker-{time.monotonic_ns()}"
    with killable.mosquitto(programs, folder, save_s=SAVE_S) as server:
        yield server


@pytest.fixture
def database_url(postgres: Killable) -> str:
    return postgres.url


@pytest.fixture
def mqtt_url(mosquitto: Killable) -> str:
    return mosquitto.url


class Ingest:
    """The process, started again after it was killed."""

    def __init__(self, service: Callable[..., Popen[bytes]], reader: str, log: Path) -> None:
        # Small batches, so that there are many moments between a COMMIT and its acknowledgements.
        self._start = lambda: service("ingest", VOUCH_INGEST_READER=reader, VOUCH_INGEST_BATCH_MESSAGES="100")
        self.process = self._start()
        wait_for(lambda: b"ingest_ready" in log.read_bytes(), what="ingest to subscribe")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.process = self._start()


@pytest.fixture(params=["tap", "paho"])
def ingest(request: pytest.FixtureRequest, service: Callable[..., Popen[bytes]], tmp_path: Path) -> Ingest:
    return Ingest(service, request.param, tmp_path / "ingest-1.log")


def stream_and_kill(victim: Killable | Ingest, ingest: Ingest, database_url: str, mqtt_url: str) -> None:
    """Ten kills spread over the stream, at random within each tenth; then all must be there, once."""
    chance, progress = random.Random(SEED), stream.Progress(database_url)
    killed_at: list[int] = []
    with (
        ThreadPoolExecutor(max_workers=1) as executor,
        Publisher(mqtt_url, client_id="device", keep_s=KEEP_S) as publisher,
    ):
        publishing = executor.submit(progress.publish, publisher)
        try:
            for kill in range(KILLS):
                reached = stream.MESSAGES * (kill + chance.random()) / (KILLS + 1)
                wait_for(
                    lambda enough=reached: progress.messages() >= enough, limit_s=40, what="messages to kill it in"
                )
                time.sleep(chance.uniform(0, 0.1))  # not waiting for anything: the moment is to be anywhere in its work
                victim.kill()
                killed_at.append(progress.messages())
                victim.restart()
            wait_for(lambda: progress.messages() >= stream.MESSAGES, limit_s=60, what="the last message")
        finally:
            progress.end()
        publishing.result()
    assert all(0 < messages < stream.MESSAGES for messages in killed_at), killed_at
    with connect(database_url) as connection:
        rows = "SELECT count(*) FROM reading"
        wait_for(lambda: connection.execute(rows).fetchall()[0][0] >= stream.READINGS, limit_s=30, what="all readings")
        ingest.process.terminate()
        assert ingest.process.wait(20) == 0
        stream.assert_all_there_once(connection)


def test_killing_ingest_ten_times_during_a_million_readings_leaves_exactly_a_million_rows(
    ingest: Ingest, database_url: str, mqtt_url: str
) -> None:
    stream_and_kill(ingest, ingest, database_url, mqtt_url)


def test_killing_postgres_ten_times_during_a_million_readings_leaves_exactly_a_million_rows(
    postgres: Killable, ingest: Ingest, database_url: str, mqtt_url: str
) -> None:
    stream_and_kill(postgres, ingest, database_url, mqtt_url)


def test_killing_mosquitto_ten_times_during_a_million_readings_leaves_exactly_a_million_rows(
    mosquitto: Killable, ingest: Ingest, database_url: str, mqtt_url: str
) -> None:
    stream_and_kill(mosquitto, ingest, database_url, mqtt_url)
