"""Connections. Services that own the tables see every customer; the API's see none until a request says whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg.rows import DictRow, TupleRow, dict_row
from psycopg_pool import AsyncConnectionPool

from shared.errors import UnavailableError

Connection = psycopg.Connection[TupleRow]
AsyncConnection = psycopg.AsyncConnection[DictRow]

# Late data may have to unpack more of a columnstore than TimescaleDB allows a transaction by itself.
_OWNER_OPTIONS = "-c vouch.customers=* -c timezone=UTC -c timescaledb.max_tuples_decompressed_per_dml_transaction=0"
# A host that vanishes without a word is noticed within half a minute.
_LIVELINESS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def connect(database_url: str) -> Connection:
    """A blocking owner connection in autocommit, for ingest, migrations and commands; raises UnavailableError."""
    try:
        return psycopg.connect(database_url, autocommit=True, options=_OWNER_OPTIONS, **_LIVELINESS)
    except psycopg.OperationalError as error:
        raise UnavailableError(f"database: {error}") from error


@asynccontextmanager
async def connect_async(database_url: str) -> AsyncIterator[AsyncConnection]:
    """An owner connection in autocommit with rows as dicts, for analytics.

    Raises UnavailableError when the database is away, also when it goes away inside the block.
    """
    try:
        connection = await AsyncConnection.connect(
            database_url, autocommit=True, options=_OWNER_OPTIONS, row_factory=dict_row, **_LIVELINESS
        )
        async with connection:
            yield connection
    except psycopg.OperationalError as error:
        raise UnavailableError(f"database: {error}") from error


def api_pool(database_url: str, *, max_size: int = 8) -> AsyncConnectionPool[AsyncConnection]:
    """The API's pool (not opened): role vouch_api, which row-level security binds."""
    return AsyncConnectionPool(
        database_url,
        open=False,
        min_size=1,
        max_size=max_size,
        kwargs={
            "autocommit": True,
            "options": "-c role=vouch_api -c timezone=UTC",
            "row_factory": dict_row,
            **_LIVELINESS,
        },
    )
