"""Numbered, checksummed migrations, applied in order under an advisory lock, each in one transaction."""

import hashlib
from importlib.resources import files

import psycopg

from shared.db.pool import Connection
from shared.errors import VouchError

_LOCK = 7_300_510_001
_LEDGER = """CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""


class MigrationError(VouchError):
    """The database's schema is not, or cannot become, the one of these files."""


def run(connection: Connection) -> list[str]:
    """Apply what is missing and return its names.

    Raises MigrationError when an applied file has changed, one fails (those before it stay applied, of it nothing is),
    or the database cannot hold any text (encoding not UTF8).
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise MigrationError(f"the database's encoding is {encoding}; create it with ENCODING 'UTF8'")
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        connection.execute(_LEDGER)
        applied = dict(connection.execute("SELECT name, sha256 FROM schema_migration").fetchall())
        return [name for name, body in shipped() if _apply(connection, name, body, applied.get(name))]
    finally:
        # With a connection that is gone, its lock is too.
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def require(connection: Connection) -> None:
    """Raises MigrationError unless every migration of these files is applied."""
    [(ledger,)] = connection.execute("SELECT to_regclass('schema_migration')").fetchall()
    applied = connection.execute("SELECT name, sha256 FROM schema_migration").fetchall() if ledger else []
    missing = {(name, hashlib.sha256(body).hexdigest()) for name, body in shipped()} - set(applied)
    if missing:
        raise MigrationError(f"the database's schema is not this version's ({min(missing)[0]}); run `vouch migrate`")


def shipped() -> list[tuple[str, bytes]]:
    """The migrations of this release in order: name and content."""
    folder = files("shared.db") / "migrations"
    return sorted((entry.name, entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".sql"))


def _apply(connection: Connection, name: str, body: bytes, applied: object) -> bool:
    digest = hashlib.sha256(body).hexdigest()
    if applied == digest:
        return False
    if applied is not None:
        raise MigrationError(f"{name}: applied with another content (sha256 {applied}); migrations are never edited")
    try:
        with connection.transaction():
            connection.execute(body)
            connection.execute("INSERT INTO schema_migration (name, sha256) VALUES (%s, %s)", (name, digest))
    except psycopg.Error as error:
        raise MigrationError(f"{name}: {error}; nothing of it was applied") from error
    return True
