"""Numbered, checksummed migrations, applied in order under an advisory lock, each in one transaction."""

import hashlib
from importlib.resources import files

from shared.db.pool import Connection
from shared.errors import VouchError

_LOCK = 7_300_510_001
_LEDGER = """CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""


class MigrationError(VouchError):
    """The database was migrated by files that differ from these."""


def run(connection: Connection) -> list[str]:
    """Apply what is missing and return its names; raises MigrationError when an applied file has changed."""
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        connection.execute(_LEDGER)
        applied = dict(connection.execute("SELECT name, sha256 FROM schema_migration").fetchall())
        return [name for name, body in _files() if _apply(connection, name, body, applied.get(name))]
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _files() -> list[tuple[str, bytes]]:
    folder = files("shared.db") / "migrations"
    return sorted((entry.name, entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".sql"))


def _apply(connection: Connection, name: str, body: bytes, applied: object) -> bool:
    digest = hashlib.sha256(body).hexdigest()
    if applied == digest:
        return False
    if applied is not None:
        raise MigrationError(f"{name}: applied with another content (sha256 {applied}); migrations are never edited")
    with connection.transaction():
        connection.execute(body)
        connection.execute("INSERT INTO schema_migration (name, sha256) VALUES (%s, %s)", (name, digest))
    return True
