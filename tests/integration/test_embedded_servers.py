"""A private pair of servers: started, kept, found again after a crash, never left behind."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from psycopg import sql

from shared.embedded import Servers, start
from shared.embedded.binaries import Programs
from shared.embedded.remove import remove
from shared.errors import ConfigError
from tests.waiting import wait_for

RUNTIME = Path(__file__).parents[2] / ".runtime"
FOUND = {"PATH": os.environ["PATH"]}


@pytest.fixture
def folder(programs: Programs) -> Iterator[Path]:
    """An enterable folder with a name that is not easy on configuration files; the programs have been fetched."""
    assert programs.postgres
    parent = Path(tempfile.mkdtemp(prefix="vouch-embedded-"))
    made = parent / "a folder's name"
    made.mkdir()
    for closed in (parent, made):
        closed.chmod(0o755)
    yield made
    remove(made)
    shutil.rmtree(parent)


def begin(folder: Path, **environ: str) -> AbstractContextManager[Servers]:
    return start(folder, runtime=RUNTIME, environ=FOUND | environ)


def servers_of(folder: Path) -> list[psutil.Process]:
    return [found for found in psutil.process_iter() if str(folder) in " ".join(_command(found))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() if process.name() in {"postgres", "mosquitto"} else []
    except psutil.Error:
        return []


def test_what_the_environment_names_is_used_and_nothing_is_started(tmp_path: Path) -> None:
    named = {"VOUCH_DATABASE_URL": "postgresql://somewhere/x", "VOUCH_MQTT_URL": "mqtt://elsewhere"}
    with start(tmp_path / "unused", environ=named) as servers:
        assert (servers.database_url, servers.mqtt_url) == ("postgresql://somewhere/x", "mqtt://elsewhere")
    assert not (tmp_path / "unused").exists()


def test_only_what_the_environment_does_not_name_is_started(folder: Path) -> None:
    with begin(folder, VOUCH_DATABASE_URL="postgresql://somewhere/x") as servers:
        assert servers.database_url == "postgresql://somewhere/x"
        assert [process.name() for process in servers_of(folder)] == ["mosquitto"]
        assert re.fullmatch(r"database: as VOUCH_DATABASE_URL says; broker: mosquitto \(.*\)", servers.origin)


def test_both_servers_listen_on_loopback_only_and_end_with_the_context(folder: Path) -> None:
    with begin(folder) as servers:
        running = servers_of(folder)
        assert sorted(process.name() for process in running) == ["mosquitto", "postgres"]
        listening = {
            (connection.laddr.ip, connection.laddr.port)
            for process in running
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
        ports = {urlsplit(url).port for url in (servers.database_url, servers.mqtt_url)}
        assert listening == {("127.0.0.1", port) for port in ports}
        assert os.geteuid() != 0 or all(process.uids().effective != 0 for process in running)
    assert not any(process.is_running() for process in running)


def test_data_and_ports_are_kept_across_starts(folder: Path) -> None:
    with begin(folder) as first, psycopg.connect(first.database_url, autocommit=True) as database:
        database.execute("CREATE EXTENSION timescaledb")
        database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with begin(folder) as second, psycopg.connect(second.database_url) as database:
        assert database.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert (second.database_url, second.mqtt_url) == (first.database_url, first.mqtt_url)


def test_a_port_that_is_taken_meanwhile_is_replaced(folder: Path) -> None:
    with begin(folder, VOUCH_DATABASE_URL="postgresql://x/x") as first:
        port = urlsplit(first.mqtt_url).port
    with socket.create_server(("127.0.0.1", port or 0)), begin(folder, VOUCH_DATABASE_URL="postgresql://x/x") as second:
        assert urlsplit(second.mqtt_url).port != port


def test_a_database_made_to_last_syncs_and_one_for_tests_does_not(folder: Path, admin_url: str) -> None:
    with begin(folder) as servers, psycopg.connect(servers.database_url) as database:
        assert database.execute("SHOW fsync").fetchone() == ("on",)
        assert database.execute("SHOW track_commit_timestamp").fetchone() == ("on",)
    if "VOUCH_DATABASE_URL" not in os.environ:
        with psycopg.connect(admin_url) as database:
            assert database.execute("SHOW fsync").fetchone() == ("off",)


def test_a_second_start_on_the_folder_is_refused_with_the_process_that_runs(folder: Path) -> None:
    refusal = f"in use by the running process {os.getpid()}$"
    with begin(folder):
        with pytest.raises(ConfigError, match=refusal), begin(folder):
            pass
        with pytest.raises(ConfigError, match=refusal):
            remove(folder)
        assert len(servers_of(folder)) == 2


HOLD = """
import sys
from pathlib import Path
from shared.embedded import start
with start(Path(sys.argv[1]), runtime=Path(sys.argv[2]), environ={"PATH": sys.argv[3]}) as servers:
    print(servers.database_url, flush=True)
    sys.stdin.read()
"""


def holder(folder: Path, *, path: str = FOUND["PATH"]) -> subprocess.Popen[str]:
    """Another process that holds the servers of the folder until it is ended; it finds system programs on `path`."""
    command = [sys.executable, "-c", HOLD, str(folder), str(RUNTIME), FOUND["PATH"]]
    environ = os.environ | {"PATH": path}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)


@pytest.mark.skipif(not shutil.which("setpriv"), reason="only setpriv ties a server to its starter")
def test_servers_do_not_outlive_a_starter_that_is_killed_and_committed_data_do(folder: Path) -> None:
    with holder(folder) as starter:
        assert starter.stdout
        with psycopg.connect(starter.stdout.readline().strip(), autocommit=True) as database:
            database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert len(servers_of(folder)) == 2
        starter.kill()
    wait_for(lambda: not servers_of(folder), what="the end of both servers")
    with begin(folder) as servers, psycopg.connect(servers.database_url) as database:
        assert database.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.parametrize("killed", [False, True], ids=["that run on", "that were killed"])
def test_servers_a_killed_starter_left_behind_never_block_the_next_start(folder: Path, killed: bool) -> None:
    # Without setpriv on its path the starter's servers are not tied to it, as on systems that have none.
    with holder(folder, path="/nonexistent") as starter:
        assert starter.stdout
        starter.stdout.readline()
        orphans = servers_of(folder)
        assert len(orphans) == 2
        starter.kill()
    for orphan in orphans if killed else []:
        orphan.kill()
    with begin(folder) as servers, psycopg.connect(servers.database_url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
        assert {process.pid for process in servers_of(folder)}.isdisjoint(orphan.pid for orphan in orphans)


def test_a_process_id_that_another_program_has_by_now_blocks_nothing_and_is_left_alone(folder: Path) -> None:
    with begin(folder):
        noted = (folder / "postgres" / "postmaster.pid").read_text(encoding="ascii")
    with subprocess.Popen(["sleep", "60"]) as bystander:
        for name in ("postgres/postmaster.pid", "mosquitto.pid"):
            rest = noted.partition("\n")[2] if name.startswith("postgres") else ""
            (folder / name).write_text(f"{bystander.pid}\n{rest}", encoding="ascii")
        with begin(folder) as servers, psycopg.connect(servers.database_url):
            pass
        assert bystander.poll() is None
        bystander.kill()


def test_data_of_another_major_version_are_refused_and_kept(folder: Path) -> None:
    with begin(folder):
        pass
    version = folder / "postgres" / "PG_VERSION"
    version.write_text("12\n", encoding="ascii")
    with pytest.raises(ConfigError, match="made by PostgreSQL 12"), begin(folder):
        pass
    assert version.exists()


def test_the_database_lets_nobody_in_without_the_password_that_only_the_starter_can_read(folder: Path) -> None:
    with begin(folder) as servers:
        address = urlsplit(servers.database_url)
        assert address.password
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(
                address._replace(netloc=f"vouch@127.0.0.1:{address.port}").geturl(), passfile="/nonexistent"
            )
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(servers.database_url, password="another")
        with psycopg.connect(servers.database_url) as database:
            methods = database.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
        assert address.password not in servers.origin
        assert not any(address.password in " ".join(process.cmdline()) for process in servers_of(folder))
    assert_private(folder / "postgres.password")
    assert sorted(path.name for path in folder.glob("postgres*")) == ["postgres", "postgres.log", "postgres.password"]
    assert address.password not in (folder / "postgres.log").read_text(encoding="utf-8")


def assert_private(file: Path) -> None:
    """Nobody but us can read the file."""
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == os.geteuid()


def test_a_password_of_any_characters_is_carried_by_the_url(folder: Path) -> None:
    password = "a/b@c:d%20 #?ü"
    with begin(folder) as servers, psycopg.connect(servers.database_url, autocommit=True) as database:
        database.execute(sql.SQL("ALTER ROLE vouch PASSWORD {}").format(password))
    (folder / "postgres.password").write_text(f"{password}\n", encoding="utf-8")
    with begin(folder) as servers, psycopg.connect(servers.database_url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("content", [None, ""], ids=["missing", "empty"])
def test_data_without_their_password_are_refused_and_kept(folder: Path, content: str | None) -> None:
    with begin(folder):
        pass
    password = folder / "postgres.password"
    password.unlink()
    if content is not None:
        password.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no password in postgres\.password: .*`make demo-clean`"), begin(folder):
        pass
    assert (folder / "postgres" / "PG_VERSION").exists()


def test_an_interrupted_creation_of_the_cluster_is_begun_anew(folder: Path) -> None:
    (folder / "postgres.new").mkdir(parents=True)
    (folder / "postgres.new" / "half").touch()
    for name in ("postgres.pwfile", "postgres.password"):
        (folder / name).write_text("of the interrupted one", encoding="ascii")
    with begin(folder) as servers, psycopg.connect(servers.database_url):
        assert not (folder / "postgres.new").exists()
        assert not (folder / "postgres.pwfile").exists()
    assert_private(folder / "postgres.password")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user's servers to start")
def test_a_folder_the_servers_cannot_enter_keeps_their_data_apart_until_it_is_removed(folder: Path) -> None:
    folder.parent.chmod(0o700)
    with begin(folder) as first, psycopg.connect(first.database_url, autocommit=True) as database:
        database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    apart = Path((folder / "moved-to").read_text(encoding="utf-8").strip())
    assert (apart / "postgres").is_dir()
    assert not list(folder.glob("postgres*"))
    assert_private(apart / "postgres.password")
    folder.parent.chmod(0o755)
    with begin(folder) as second, psycopg.connect(second.database_url) as database:
        assert database.execute("SELECT answer FROM kept").fetchone() == (42,)
    removed = subprocess.run([sys.executable, "-m", "shared.embedded.remove", str(folder)], check=False)
    assert removed.returncode == 0
    assert not apart.exists()
    assert not folder.exists()


def client(url: str, name: str, *, keep: bool = False) -> Client:
    """A connected client of MQTT 5; `keep` asks the broker to hold its session for an hour."""
    made = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600 if keep else 0
    address = urlsplit(url)
    made.connect(address.hostname or "", address.port or 0, clean_start=not keep, properties=properties)
    made.loop_start()
    wait_for(made.is_connected, what="the broker's CONNACK")
    return made


def end(connected: Client) -> None:
    connected.disconnect()
    connected.loop_stop()


def test_the_broker_carries_a_payload_of_ten_megabytes(mqtt_url: str) -> None:
    arrived: list[bytes] = []
    subscribed = Event()
    reader, writer = client(mqtt_url, "reader"), client(mqtt_url, "writer")
    reader.on_message = lambda _client, _userdata, message: arrived.append(bytes(message.payload))
    reader.on_subscribe = lambda *_: subscribed.set()
    reader.subscribe("large", qos=1)
    assert subscribed.wait(10)
    payload = os.urandom(10_000_000)
    writer.publish("large", payload, qos=1).wait_for_publish(20)
    wait_for(lambda: arrived, what="the payload")
    assert arrived == [payload]
    end(writer)
    end(reader)


def test_the_broker_holds_more_than_its_default_thousand_messages_over_a_restart(folder: Path) -> None:
    count = 2_500
    arrived: list[int] = []

    def note(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        arrived.append(int(message.payload))

    with begin(folder, VOUCH_DATABASE_URL="postgresql://x/x") as servers:
        reader = client(servers.mqtt_url, "reader", keep=True)
        subscribed = Event()
        reader.on_subscribe = lambda *_: subscribed.set()
        reader.subscribe("queue", qos=1)
        assert subscribed.wait(10)
        end(reader)
        writer = client(servers.mqtt_url, "writer")
        for published in [writer.publish("queue", str(number), qos=1) for number in range(count)]:
            published.wait_for_publish(20)
        end(writer)
    with begin(folder, VOUCH_DATABASE_URL="postgresql://x/x") as servers:
        reader = Client(CallbackAPIVersion.VERSION2, client_id="reader", protocol=MQTTProtocolVersion.MQTTv5)
        reader.on_message = note
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        reader.connect("127.0.0.1", urlsplit(servers.mqtt_url).port or 0, clean_start=False, properties=properties)
        reader.loop_start()
        wait_for(lambda: len(arrived) >= count, what=f"{count} messages")
        end(reader)
    assert arrived == list(range(count))
