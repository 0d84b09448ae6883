"""Migrations that fail, are interrupted or were changed leave nothing half done, and say so."""

import os
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from shared.db import migrate
from shared.db.pool import connect
from tests.waiting import wait_for

VOUCH = str(Path(sysconfig.get_path("scripts")) / "vouch")
# The one that is interrupted, a table of it that comes late in it, and one that comes before that.
INTERRUPTED, LATE, EARLY = "0003_judgements.sql", "delivery", "assessment"


@pytest.fixture
def empty_url(admin_url: str) -> Iterator[str]:
    """URL of a database without tables."""
    name = f"vouch_migrating_{os.getpid()}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlsplit(admin_url)._replace(path=f"/{name}").geturl()
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def started(url: str) -> subprocess.Popen[str]:
    environ = os.environ | {"VOUCH_DATABASE_URL": url}
    return subprocess.Popen([VOUCH, "migrate"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def applied(connection: psycopg.Connection) -> list[str]:
    [(ledger,)] = connection.execute("SELECT to_regclass('schema_migration')").fetchall()
    rows = connection.execute("SELECT name FROM schema_migration ORDER BY name").fetchall() if ledger else []
    return [name for (name,) in rows]


def has_table(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchall() == [(True,)]


def test_a_migration_that_is_killed_half_way_leaves_nothing_and_the_next_run_completes(empty_url: str) -> None:
    before = [name for name, _ in migrate.shipped() if name < INTERRUPTED]
    with psycopg.connect(empty_url) as rival, psycopg.connect(empty_url, autocommit=True) as watching:
        # Its name is taken by a table that may yet be rolled back: the migration waits for that.
        rival.execute(sql.SQL("CREATE TABLE {} ()").format(sql.Identifier(LATE)))
        process = started(empty_url)
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_for(lambda: watching.execute(waits).fetchall() != [(0,)], what="the migration to be half way")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        rival.rollback()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
        wait_for(lambda: watching.execute(waiting).fetchall() == [(1,)], what="the server to notice")
        assert applied(watching) == before
        assert not has_table(watching, EARLY)
    process = started(empty_url)
    assert process.communicate()[0].splitlines() == [
        f"applied {name}" for name, _ in migrate.shipped() if name >= INTERRUPTED
    ]
    assert process.returncode == 0
    with connect(empty_url) as connection:
        migrate.require(connection)


def test_a_migration_that_fails_names_the_reason_and_leaves_nothing(empty_url: str) -> None:
    before = [name for name, _ in migrate.shipped() if name < INTERRUPTED]
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLE {} ()").format(sql.Identifier(LATE)))
        process = started(empty_url)
        said = process.communicate()[1]
        assert process.returncode == 2, said
        assert INTERRUPTED in said
        assert f'relation "{LATE}" already exists' in said
        assert "Traceback" not in said
        assert applied(connection) == before
        assert not has_table(connection, EARLY)


def test_a_migration_that_was_applied_with_another_content_stops_everything(empty_url: str) -> None:
    with connect(empty_url) as connection:
        migrate.run(connection)
        connection.execute("UPDATE schema_migration SET sha256 = repeat('0', 64) WHERE name = %s", (INTERRUPTED,))
        connection.execute("DELETE FROM schema_migration WHERE name > %s", (INTERRUPTED,))
        process = started(empty_url)
        said = process.communicate()[1]
        assert process.returncode == 2
        assert f"{INTERRUPTED}: applied with another content" in said
        assert applied(connection)[-1] == INTERRUPTED
