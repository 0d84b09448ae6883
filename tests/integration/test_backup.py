"""Backup and restore as deploy/backup.md says, between two real databases."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from shared.db import migrate, retention
from shared.db.pool import Connection, connect
from shared.db.retention import Kind
from shared.embedded.account import ENVIRONMENT
from tests.integration.judging import documents, interval, judge, load, power, us

NOW = "2026-03-30T12:00"


@pytest.fixture(scope="session")
def tools(request: pytest.FixtureRequest) -> Path:
    """The folder of pg_dump and pg_restore: those of the server of this session, or on PATH for a named one."""
    if os.environ.get("VOUCH_DATABASE_URL"):
        found = shutil.which("pg_dump")
        folder = Path(found).parent if found else Path("/nowhere")
    else:
        folder = request.getfixturevalue("programs").postgres.folder
    if not all((folder / tool).exists() for tool in ("pg_dump", "pg_restore")):
        pytest.skip("no pg_dump and pg_restore for this database server")
    return folder


@pytest.fixture
def empty_url(admin_url: str) -> Iterator[str]:
    """URL of an empty database, dropped afterwards."""
    name = f"vouch_restored_{os.getpid()}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        yield urlsplit(admin_url)._replace(path=f"/{name}").geturl()
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def furnish(connection: Connection, database_url: str) -> int:
    """A machine with readings in several chunks, judged under a contract."""
    c1 = load(connection)["c1"]
    power(connection, c1, {f"2026-{month:02}-{day:02}T08:00": 90.0 for month in (1, 2, 3) for day in range(1, 28)})
    interval(connection, c1, "2026-02-10T00:00", "2026-02-12T00:00", "down")
    judge(database_url, NOW)
    return c1


def command(tool: Path, *arguments: str) -> None:
    ended = subprocess.run([str(tool), *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def contents(connection: Connection) -> dict[str, Any]:
    """How many rows each table has, and a checksum over all of them."""
    query = sql.SQL("SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} t")
    tables = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r'"
    ).fetchall()
    return {name: connection.execute(query.format(sql.Identifier(name))).fetchone() for (name,) in tables}


def test_a_restored_database_has_everything_and_goes_on(
    connection: Connection, database_url: str, empty_url: str, tools: Path, tmp_path: Path
) -> None:
    c1 = furnish(connection, database_url)
    before = contents(connection)
    [(chunks,)] = connection.execute("SELECT count(*) FROM show_chunks('reading')").fetchall()
    assert chunks > 5
    assert {table for table, found in before.items() if found[0]} >= {"reading", "reading_hour", "interval", "contract"}

    dump = tmp_path / "vouch.dump"
    command(tools / "pg_dump", "--format=custom", f"--file={dump}", database_url)
    with psycopg.connect(empty_url, autocommit=True) as empty:
        empty.execute("CREATE EXTENSION timescaledb")
        empty.execute("SELECT timescaledb_pre_restore()")
    command(tools / "pg_restore", "--exit-on-error", f"--dbname={empty_url}", str(dump))
    with psycopg.connect(empty_url, autocommit=True) as restoring:
        restoring.execute("SELECT timescaledb_post_restore()")

    with connect(empty_url) as restored:
        migrate.require(restored)
        assert contents(restored) == before
        _is_guarded(empty_url, c1)
        _goes_on(restored, empty_url, c1)


def _is_guarded(url: str, c1: int) -> None:
    """Row security and the API's rights came along."""
    with psycopg.connect(url, autocommit=True, options="-c role=vouch_api") as api:
        assert api.execute("SELECT count(*) FROM asset").fetchone() == (0,)
        assert api.execute("SELECT count(*) FROM vouch_latest(NULL, 0, 10)").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute("SELECT FROM reading")
        api.execute("SELECT set_config('vouch.customers', '*', false)")
        assert api.execute("SELECT count(*) FROM asset").fetchone() == (2,)
        query = "SELECT count(*) FROM vouch_latest(%s, 0, 10) WHERE at = '2026-03-27T08:00Z'"
        assert api.execute(query, (c1,)).fetchone() == (1,)


def _goes_on(restored: Connection, url: str, c1: int) -> None:
    """Facts are stored and judged, hypertables get and lose their chunks."""
    power(restored, c1, {"2026-05-01T08:00": 90.0})
    interval(restored, c1, "2026-01-10T00:00", "2026-01-12T00:00", "down")
    judge(url, "2026-05-02T00:00")
    assert documents(restored)["2026-01"]["unavailable_hours_by_party"] == {"supplier": 48.0}
    retention.declare(restored, Kind.READINGS, 30)
    [dropped] = retention.run(restored, us("2026-05-02T00:00"))
    assert (dropped.is_chunks, dropped.count > 5) == (True, True)
