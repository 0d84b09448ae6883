"""The command: what is refused is said in full and without a traceback, with exit code 2, and nothing is stored."""

import os
import subprocess
import sysconfig
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from shared.db.pool import Connection, connect
from tests.integration.judging import CONTRACT, load

Vouch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def vouch(database_url: str) -> Vouch:
    """Runs `vouch` with arguments on the test's database."""

    def run(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), *map(str, arguments)]
        environ = {"PATH": "/usr/bin:/bin", "VOUCH_DATABASE_URL": database_url, **env}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)

    return run


def stored(connection: Connection) -> int:
    return connection.execute("SELECT count(*) FROM contract").fetchall()[0][0]


FAULTS = {
    "level: 0.97": ("level: 1.01", "guarantees[0].level: "),
    "tz: Europe/Berlin": ("tz: Mars/Olympus", "contract.tz: unknown zone 'Mars/Olympus'"),
    "available: [FP,": ("available: [XX, FP,", "guarantees[0].verdicts.available[0]: unknown category 'XX'"),
    "excluded: [": ("excluded: [FP, ", "guarantees[0].verdicts.excluded[0]: category 'FP' has a verdict already"),
    "    level:": (
        "    overrides: [{when: 'cause in [', verdict: excluded}]\n    level:",
        "guarantees[0].overrides[0].when: malformed expression 'cause in ['",
    ),
}


def test_a_contract_file_with_faults_is_refused_with_every_one_listed_and_nothing_is_stored(
    connection: Connection, vouch: Vouch, tmp_path: Path
) -> None:
    load(connection)
    before, text = stored(connection), CONTRACT.replace("id: LF-1", "id: LF-2").replace("Etc/UTC", "Europe/Berlin")
    for old, (new, _) in FAULTS.items():
        assert old in text
        text = text.replace(old, new, 1)
    file = tmp_path / "bad.yaml"
    file.write_text(text, encoding="utf-8")
    for command in ("check", "load"):
        done = vouch("contract", command, file)
        assert done.returncode == 2
        assert f"{file}: {len(FAULTS)} fault(s)" in done.stderr
        assert [said for _, said in FAULTS.values() if said not in done.stderr] == []
        assert "Traceback" not in done.stderr
    assert stored(connection) == before


def test_a_contract_without_fault_is_stored_once(connection: Connection, vouch: Vouch, tmp_path: Path) -> None:
    load(connection)
    before, file = stored(connection), tmp_path / "good.yaml"
    file.write_text(CONTRACT.replace("id: LF-1", "id: LF-2"), encoding="utf-8")
    assert vouch("contract", "load", file).stdout == "LF-2 version 1: stored\n"
    assert vouch("contract", "load", file).stdout == "LF-2 version 1: already stored\n"
    assert stored(connection) == before + 1


@pytest.mark.parametrize("command", [("contract", "check"), ("fleet", "check"), ("fleet", "load")])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("oops: 1", "oops: unknown key"),
        ("- 1", "file: must be a mapping of keys to values, not [1]"),
        ("assets: 7", "assets: must be a list, not 7"),
        ("assets: [{}]", "assets[0].{}: missing"),
    ],
)
def test_contracts_and_fleets_are_refused_in_the_same_words(
    vouch: Vouch, tmp_path: Path, command: tuple[str, str], text: str, said: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text, encoding="utf-8")
    done = vouch(*command, file)
    assert done.returncode == 2
    assert said.replace("{}", "id" if command[0] == "contract" else "slug") in done.stderr


def test_a_fleet_is_checked_without_a_database_and_the_command_knows_its_version(vouch: Vouch, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("customers: [{slug: c, name: C}]", encoding="utf-8")
    done = vouch("fleet", "check", file, VOUCH_DATABASE_URL="postgresql://127.0.0.1:1/nowhere")
    assert done.stdout == "0 asset(s) of 1 customer(s), no fault\n"
    assert vouch("--version").stdout == f"vouch {version('vouch')}\n"


@pytest.mark.parametrize("command", [("contract", "check"), ("contract", "load"), ("fleet", "load")])
def test_words_of_a_file_are_shown_as_they_are_and_other_bytes_are_refused(
    vouch: Vouch, tmp_path: Path, command: tuple[str, str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("'[/bold]': 1\n'[red]': 2\n", encoding="utf-8")
    done = vouch(*command, file)
    assert (done.returncode, "[/bold]: " in done.stderr, "[red]: " in done.stderr) == (2, True, True), done.stderr
    file.write_bytes(b"contract: \xff\xfe")
    done = vouch(*command, file)
    assert (done.returncode, "not UTF-8 at byte 10" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("service", "variable"),
    [
        ("ingest", "VOUCH_INGEST_LINGER_MS"),
        ("analytics", "VOUCH_ANALYTICS_INTERVAL_S"),
        ("api", "VOUCH_API_PORT"),
    ],
)
def test_a_wrong_setting_stops_a_service_at_its_start(vouch: Vouch, service: str, variable: str) -> None:
    done = vouch(service, VOUCH_DATABASE_URL="mysql://x", **{variable: "soon"})
    assert done.returncode == 2
    assert "VOUCH_DATABASE_URL: must be a postgresql:// URL" in done.stderr
    assert f"{variable}: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["ingest"], ["analytics"], ["api"], ["key", "revoke", "12345678"]])
def test_nothing_works_on_a_schema_of_another_version(connection: Connection, vouch: Vouch, command: list[str]) -> None:
    connection.execute("DELETE FROM schema_migration WHERE name LIKE '0003%'")
    done = vouch(*command)
    assert done.returncode == 2
    assert "0003_judgements.sql); run `vouch migrate`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_another_encoding_is_refused(admin_url: str, vouch: Vouch) -> None:
    name = f"vouch_ascii_{os.getpid()}"
    ascii_only = sql.SQL("CREATE DATABASE {} ENCODING 'SQL_ASCII' TEMPLATE template0").format(sql.Identifier(name))
    with connect(admin_url) as admin:
        admin.execute(ascii_only)
        try:
            done = vouch("migrate", VOUCH_DATABASE_URL=urlsplit(admin_url)._replace(path=f"/{name}").geturl())
        finally:
            admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
    assert (done.returncode, "encoding is SQL_ASCII" in done.stderr) == (2, True), done.stderr


def test_a_key_is_revoked_by_its_prefix_or_by_all_of_it(connection: Connection, vouch: Vouch) -> None:
    for part in (lambda key: key, lambda key: key.split("_")[1]):
        key = vouch("key", "create", "--name", "ops", "--role", "admin").stdout.strip()
        done = vouch("key", "revoke", part(key))
        assert (done.returncode, done.stdout) == (0, f"{key.split('_')[1]}: revoked\n")
        assert vouch("key", "revoke", part(key)).returncode == 2
    assert connection.execute("SELECT count(*) FROM api_key WHERE revoked_at IS NULL").fetchone() == (0,)


def test_a_second_migration_has_nothing_to_do(vouch: Vouch) -> None:
    assert vouch("migrate").stdout == "up to date\n"
