"""The database away, full, crowded or broken: ingest holds one batch, says clearly why, loses nothing and resumes."""

import json
import os
import random
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from subprocess import Popen
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from psycopg import sql

from services.devices.publisher import Publisher
from shared import fleet
from shared.db import fleet as fleets
from shared.db.pool import Connection
from shared.embedded.binaries import Programs
from tests.bench.raw_mqtt import feed, publish_packet
from tests.integration import killable, stream
from tests.integration.test_ingest import free_port
from tests.waiting import wait_for

MEGABYTE = 1024 * 1024
BACKLOG = 200_000
LARGEST_BYTES = 64 * 1024
RSS_LIMIT = 300 * MEGABYTE
SMALL_DISK = 12 * MEGABYTE
TOPIC = "vouch/v1/lechtal/kempten/m0/telemetry"

Service = Callable[..., Popen[bytes]]


class Ingest:
    """The process for the machines of `stream`, subscribed, with what it has logged and how it says it is."""

    def __init__(self, service: Service, folder: Path, **env: str) -> None:
        self._log, self._port = folder / "ingest-1.log", free_port()
        started = service("ingest", VOUCH_INGEST_METRICS_PORT=str(self._port), **env)
        self.process = psutil.Process(started.pid)
        wait_for(lambda: b"ingest_ready" in self._log.read_bytes(), what="ingest to subscribe")

    def logged(self, event: str, saying: str = "") -> list[dict[str, Any]]:
        """What it logged of an event, with these words in the error."""
        lines = (line for line in self._log.read_text(encoding="utf-8").splitlines() if line.startswith("{"))
        said = [json.loads(line) for line in lines]
        return [line for line in said if line["event"] == event and saying in line.get("error", "")]

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """Status and body of /readyz."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture
def ingest(connection: Connection, service: Service, tmp_path: Path) -> Ingest:
    fleets.save(connection, fleet.parse(stream.declared(), "test"))
    return Ingest(service, tmp_path)


@pytest.fixture
def device(mqtt_url: str) -> Iterator[Publisher]:
    with Publisher(mqtt_url, client_id="device") as publisher:
        yield publisher


def a_reading(number: int) -> bytes:
    return json.dumps({"ts": stream.START_MS + number * stream.STEP_MS, "values": {"s0": number}}).encode()


def stored(connection: Connection) -> int:
    return connection.execute("SELECT count(*) FROM reading").fetchall()[0][0]


def backlog() -> Iterator[tuple[int, bytes]]:
    """Number of readings and payload: one reading, in every hundredth message 20; every 50th is up to 64 kB long."""
    chance = random.Random(1)
    for number in range(BACKLOG):
        at_ms = stream.START_MS + number // stream.ASSETS * 20
        samples = 20 if number % 100 == 99 else 1
        parts = [{"ts": at_ms + step, "values": {"s0": number}} for step in range(samples)]
        payload = json.dumps(parts if samples > 1 else parts[0]).encode()
        size = chance.randrange(LARGEST_BYTES) if number % 100 == 0 else LARGEST_BYTES if number % 100 == 50 else 0
        yield samples, payload.ljust(size)


def test_a_large_backlog_never_takes_300_mb_and_all_of_it_arrives(
    programs: Programs, server_folder: Path, mqtt_url: str, service: Service, tmp_path: Path
) -> None:
    """200,000 messages, what 333 a second are in ten minutes, come while the database is down."""
    with killable.database(programs, server_folder / "outage-postgres") as server:
        stream.prepare(server.url)
        ingest = Ingest(service, tmp_path, VOUCH_DATABASE_URL=server.url)
        resident, expected = [0], 0

        def packets() -> Iterator[bytes]:
            nonlocal expected
            for number, (samples, payload) in enumerate(backlog()):
                expected += samples
                if number % 500 == 0:
                    resident.append(ingest.process.memory_info().rss)
                yield publish_packet(f"vouch/v1/lechtal/kempten/m{number % 10}/telemetry".encode(), payload, number)

        server.kill()
        feed(mqtt_url, packets())
        server.restart()
        with psycopg.connect(server.url, autocommit=True) as connected:

            def is_all_there() -> bool:
                resident.append(ingest.process.memory_info().rss)
                return stored(connected) >= expected

            wait_for(is_all_there, limit_s=60, what="the backlog")
            assert stored(connected) == expected
            assert connected.execute("SELECT count(*) FROM quarantine").fetchall() == [(0,)]
    print(f"largest resident size {max(resident) / MEGABYTE:.0f} MB, {expected} readings")
    assert max(resident) < RSS_LIMIT


@contextmanager
def small_disk(folder: Path, owner: int) -> Iterator[Path]:
    """A file system that is soon full."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},uid={owner},mode=700", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a file system of its own can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_on_a_full_disk_ingest_waits_says_so_and_goes_on_when_there_is_room(
    programs: Programs, server_folder: Path, service: Service, device: Publisher, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(server_folder / "small-disk", programs.account.uid))
        server = stack.enter_context(killable.database(programs, server_folder / "full-postgres"))
        stream.prepare(server.url)
        connected = stack.enter_context(psycopg.connect(server.url, autocommit=True))
        connected.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(disk))))
        connected.execute("SELECT attach_tablespace('small', 'reading')")
        connected.execute("CREATE TABLE ballast (filling text) TABLESPACE small")
        ingest = Ingest(service, tmp_path, VOUCH_DATABASE_URL=server.url)
        device.publish(TOPIC, a_reading(0))
        wait_for(lambda: stored(connected) == 1, what="the first reading")
        fill(connected)
        for number in range(1, 2_000):
            device.publish(TOPIC, a_reading(number))
        device.drain(20)
        [lost, *_] = wait_for(lambda: ingest.logged("database_lost", "53100"), what="ingest to name the full disk")
        assert "No space left on device" in lost["error"]
        connected.execute("DROP TABLE ballast")
        wait_for(lambda: stored(connected) == 2_000, what="all readings")
        assert ingest.logged("database_back")


def fill(connected: psycopg.Connection) -> None:
    """Until the last page does not fit."""
    for rows in (1_000, 100, 10, 1):
        while True:
            try:
                connected.execute(
                    "INSERT INTO ballast SELECT string_agg(md5(random()::text), '') FROM generate_series(1, %s) AS row,"
                    " generate_series(1, 200) GROUP BY row",
                    (rows,),
                )
            except psycopg.errors.DiskFull:
                break


def test_when_all_connections_are_taken_ingest_waits_says_so_and_goes_on(
    ingest: Ingest, connection: Connection, database_url: str, device: Publisher
) -> None:
    device.publish(TOPIC, a_reading(0))
    wait_for(lambda: stored(connection) == 1, what="the first reading")
    number = 0
    with ExitStack() as crowd:

        def is_crowded_out() -> bool:
            nonlocal number
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = '' AND pid <> pg_backend_pid()"
            )
            with suppress(psycopg.OperationalError):
                while True:
                    crowd.enter_context(psycopg.connect(database_url, application_name="crowd", connect_timeout=5))
            number += 1
            device.publish(TOPIC, a_reading(number))
            said = "too many clients"
            return bool(ingest.logged("database_lost", said) or ingest.logged("database_still_lost", said))

        wait_for(is_crowded_out, what="ingest to find no connection")
    wait_for(lambda: stored(connection) == number + 1, what="what came meanwhile")
    assert ingest.logged("database_back")


@pytest.mark.parametrize(
    ("breaking", "repairing", "said"),
    [
        ("ALTER TABLE reading RENAME value TO worth", "ALTER TABLE reading RENAME worth TO value", "42703: column"),
        ("REVOKE INSERT ON reading FROM PUBLIC, writer", "GRANT INSERT ON reading TO writer", "42501: permission"),
    ],
    ids=["a column is gone", "a right is gone"],
)
def test_what_somebody_must_repair_is_said_loudly_at_each_attempt_and_acknowledged_never(
    breaking: LiteralString,
    repairing: LiteralString,
    said: str,
    connection: Connection,
    database_url: str,
    service: Service,
    device: Publisher,
    tmp_path: Path,
) -> None:
    with writer(connection, database_url) as writer_url:
        fleets.save(connection, fleet.parse(stream.declared(), "test"))
        ingest = Ingest(service, tmp_path, VOUCH_DATABASE_URL=writer_url)
        device.publish(TOPIC, a_reading(0))
        wait_for(lambda: stored(connection) == 1, what="the first reading")
        assert ingest.readiness()[0] == 200
        connection.execute(breaking)
        device.publish(TOPIC, a_reading(1))
        attempts = wait_for(
            lambda: ingest.logged("database_faulty", said) if len(ingest.logged("database_faulty")) >= 2 else [],
            what="ingest to say it twice",
        )
        first, second = (datetime.fromisoformat(line["timestamp"]) for line in attempts[:2])
        assert (second - first).total_seconds() > 0.4, "it is tried again and again"
        assert attempts[0]["messages_held"] == 1
        status, parts = ingest.readiness()
        assert (status, parts["status"]) == (503, "unavailable")
        assert parts["broker"]["ok"] is True
        assert parts["database"]["ok"] is False
        assert said in parts["database"]["detail"]
        connection.execute(repairing)
        wait_for(lambda: stored(connection) == 2, what="the reading that waited")
        wait_for(lambda: ingest.readiness()[0] == 200, what="being ready again")


@contextmanager
def writer(connection: Connection, database_url: str) -> Iterator[str]:
    """A role that may work on the tables without owning them, and its URL."""
    password = os.urandom(8).hex()
    connection.execute(sql.SQL("CREATE ROLE writer LOGIN PASSWORD {}").format(sql.Literal(password)))
    connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO writer")
    connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO writer")
    parts = urlsplit(database_url)
    try:
        yield parts._replace(netloc=f"writer:{password}@{parts.hostname}:{parts.port}").geturl()
    finally:
        connection.execute("DROP OWNED BY writer")
        connection.execute("DROP ROLE writer")


def test_readiness_tells_the_broker_and_the_database_apart(
    programs: Programs, server_folder: Path, database_url: str, connection: Connection, service: Service, tmp_path: Path
) -> None:
    with killable.mosquitto(programs, server_folder / "readiness-broker", save_s=30) as server:
        ingest = Ingest(service, tmp_path, VOUCH_MQTT_URL=server.url)
        status, parts = ingest.readiness()
        assert (status, parts["status"]) == (200, "ready")
        assert parts["broker"]["ok"] is parts["database"]["ok"] is True
        server.kill()
        wait_for(lambda: ingest.readiness()[0] == 503, what="the loss")
        _, parts = ingest.readiness()
        assert parts["broker"]["ok"] is False
        assert parts["broker"]["detail"]
        assert datetime.fromisoformat(parts["broker"]["since"])
        assert parts["database"]["ok"] is True
        server.restart()
        wait_for(lambda: ingest.readiness()[0] == 200, what="being ready again")
