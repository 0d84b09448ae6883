"""What integration tests share: a real database server, and for each test a fresh database and a fresh broker.

VOUCH_DATABASE_URL and VOUCH_MQTT_URL are used when set: databases are made on that server, and the broker is shared by
the tests as it is. Otherwise the servers of `shared.embedded` are started, the database without crash safety.
"""

import itertools
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest
from psycopg import sql

from shared.db import migrate
from shared.db.pool import Connection, connect
from shared.embedded import broker, postgres
from shared.embedded.binaries import Programs

_PROJECT = Path(__file__).parents[1]
# Several processes share two cores: OpenMP's threads that wait for each other would spin. Read when scikit-learn loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Machines are noisy, and how long an example takes is measured in tests/bench.
hypothesis.settings.register_profile("vouch", deadline=None)
hypothesis.settings.load_profile("vouch")
_STOP_LIMIT_S = 10.0
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def programs() -> Programs:
    """What the servers of this session are started from."""
    return Programs.of(os.environ, runtime=_PROJECT / ".runtime")


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder for the servers' data; not one of pytest's, which the user they run as could not enter."""
    folder = Path(tempfile.mkdtemp(prefix="vouch-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def admin_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a superuser on the database server of this session."""
    named = os.environ.get("VOUCH_DATABASE_URL")
    if named:
        yield named
        return
    programs: Programs = request.getfixturevalue("programs")
    folder = request.getfixturevalue("server_folder")
    with postgres.running(programs.postgres, folder, programs.account, durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def template(admin_url: str) -> Iterator[str]:
    """Name of a migrated database that each test gets a copy of."""
    name = f"vouch_template_{os.getpid()}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone() is None:
            _miss("the database server has no TimescaleDB")
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with connect(_on(admin_url, name)) as fresh:
            migrate.run(fresh)
        # TimescaleDB's background workers connect to every database, and a database in use cannot be copied.
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        admin.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield name
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _miss(what: str) -> None:
    if os.environ.get("VOUCH_REQUIRE_TIMESCALEDB") == "1":
        pytest.fail(f"VOUCH_REQUIRE_TIMESCALEDB: {what}")
    pytest.skip(what)


def _on(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


@pytest.fixture
def database_url(admin_url: str, template: str) -> Iterator[str]:
    """URL of a fresh, migrated database, dropped afterwards."""
    name = f"vouch_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        admin.execute(copy)
        yield _on(admin_url, name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """An owner connection to the test's database."""
    with connect(database_url) as opened:
        yield opened


@pytest.fixture
def mqtt_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a broker that no other test has used; the one named by VOUCH_MQTT_URL is as it is."""
    named = os.environ.get("VOUCH_MQTT_URL")
    if named:
        yield named
        return
    programs: Programs = request.getfixturevalue("programs")
    folder = request.getfixturevalue("server_folder") / f"broker-{next(_numbers)}"
    folder.mkdir()
    folder.chmod(0o755)
    with broker.running(programs.broker, folder, programs.account) as url:
        yield url


@pytest.fixture
def vouch_env(database_url: str, mqtt_url: str) -> dict[str, str]:
    """The environment of a `vouch` process that uses this test's database and broker."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOUCH_")}
    return inherited | {"VOUCH_DATABASE_URL": database_url, "VOUCH_MQTT_URL": mqtt_url}


@pytest.fixture
def service(vouch_env: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`service(name, **env)` starts `vouch <name>` as a process of its own; all are ended after the test.

    What they log is in `tmp_path / "<name>-<number>.log"`, and shown when the test fails.
    """
    logs: list[Path] = []
    with ExitStack() as stack:

        def begin(name: str, **env: str) -> subprocess.Popen[bytes]:
            log = tmp_path / f"{name}-{len(logs) + 1}.log"
            logs.append(log)
            command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), name]
            with log.open("wb") as output:
                started = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=vouch_env | env
                )
            stack.callback(_end, started)
            return started

        yield begin
    for log in logs:
        print(f"--- {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-20_000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded data: VOUCH_TEST_DATA, or `shared/data` beside the project; skips without."""
    folder = Path(os.environ.get("VOUCH_TEST_DATA") or _PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recorded data in {folder} (set VOUCH_TEST_DATA)")
    return folder
