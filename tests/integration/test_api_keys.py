"""Keys: given once, kept as a hash, ended at once; a principal is never widened by accident."""

import hashlib

import pytest
from typer.testing import CliRunner

from services.cli import app
from shared.db import principals
from shared.db.pool import Connection
from shared.errors import VouchError

NOW_US = 1_773_489_600_000_000


@pytest.fixture
def two_customers(connection: Connection) -> Connection:
    connection.execute("INSERT INTO customer (slug, name) VALUES ('heron', 'Heronry'), ('zebra', 'Zebrano')")
    return connection


def _create(connection: Connection, name: str, role: str, *customers: str) -> str:
    return principals.create_key(connection, name=name, role=role, customers=list(customers), now_us=NOW_US)


def test_only_the_hash_of_a_key_is_stored(two_customers: Connection) -> None:
    presented = _create(two_customers, "anna", "admin")
    _, prefix, secret = presented.split("_")
    stored = two_customers.execute("SELECT prefix, sha256 FROM api_key").fetchone()
    assert stored == (prefix, hashlib.sha256(presented.encode()).digest())
    assert len(secret) == 48
    everything = two_customers.execute("SELECT k::text || p::text FROM api_key k, principal p").fetchone()
    assert everything is not None
    assert secret not in everything[0]


def test_a_key_names_its_role_and_whom_it_sees(two_customers: Connection) -> None:
    _create(two_customers, "everyone", "account_manager")
    _create(two_customers, "some", "account_manager", "zebra", "heron", "zebra")
    seen = two_customers.execute(
        "SELECT name, all_customers, (SELECT count(*) FROM principal_customer WHERE principal_id = id)"
        " FROM principal ORDER BY name"
    ).fetchall()
    assert seen == [("everyone", True, 0), ("some", False, 2)]


def test_the_same_principal_gets_another_key(two_customers: Connection) -> None:
    first = _create(two_customers, "lee", "customer", "heron")
    second = _create(two_customers, "lee", "customer", "heron")
    assert first != second
    assert two_customers.execute("SELECT count(*) FROM principal").fetchone() == (1,)
    assert two_customers.execute("SELECT count(*) FROM api_key").fetchone() == (2,)


@pytest.mark.parametrize(
    ("name", "role", "customers", "reason"),
    [
        ("bo", "boss", [], "role: 'boss' is not one of"),
        ("bo", "customer", [], "needs the customer"),
        ("bo", "admin", ["nobody", "none"], "unknown: nobody, none"),
        (" ", "admin", [], "name: must not be empty"),
        ("lee", "admin", [], "'lee' has the role customer and sees heron"),
        ("lee", "customer", ["zebra"], "'lee' has the role customer and sees heron"),
        ("lee", "customer", ["heron", "zebra"], "'lee' has the role customer and sees heron"),
    ],
)
def test_what_is_wrong_with_a_key_is_said_and_nothing_is_stored(
    two_customers: Connection, name: str, role: str, customers: list[str], reason: str
) -> None:
    _create(two_customers, "lee", "customer", "heron")
    with pytest.raises(VouchError, match=reason):
        _create(two_customers, name, role, *customers)
    assert two_customers.execute("SELECT count(*) FROM principal").fetchone() == (1,)
    assert two_customers.execute("SELECT count(*) FROM api_key").fetchone() == (1,)


def test_a_key_is_ended_once(two_customers: Connection) -> None:
    prefix = _create(two_customers, "anna", "admin").split("_")[1]
    assert principals.revoke_key(two_customers, prefix, NOW_US)
    assert not principals.revoke_key(two_customers, prefix, NOW_US)
    assert not principals.revoke_key(two_customers, "nothing", NOW_US)


def test_all_keys_of_a_name_are_ended_and_the_list_says_so(
    two_customers: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOUCH_DATABASE_URL", database_url)
    vouch = CliRunner()
    lees = [_create(two_customers, "lee", "customer", "zebra", "heron").split("_")[1] for _ in range(2)]
    anna = _create(two_customers, "anna", "admin").split("_")[1]
    assert vouch.invoke(app, ["key", "revoke", "--name", "lee"]).output == "lee: 2 key(s) revoked\n"
    header, *rows = (line.split() for line in vouch.invoke(app, ["key", "list"]).output.splitlines())
    assert header == ["name", "role", "customers", "prefix", "created", "revoked"]
    created = "2026-03-14T12:00Z"
    assert rows[0] == ["anna", "admin", "all", anna, created]
    assert [row[:5] for row in rows[1:]] == [["lee", "customer", "heron,zebra", prefix, created] for prefix in lees]
    assert [len(row) for row in rows] == [5, 6, 6]
    assert vouch.invoke(app, ["key", "revoke", "--name", "lee"]).output == "lee: 0 key(s) revoked\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [([], "either"), (["0123abcd", "--name", "lee"], "either"), (["--name", "bo"], "nobody is called 'bo'")],
)
def test_whose_key_is_to_end_must_be_said(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.setenv("VOUCH_DATABASE_URL", database_url)
    answer = CliRunner().invoke(app, ["key", "revoke", *arguments])
    assert isinstance(answer.exception, VouchError)
    assert reason in str(answer.exception)
