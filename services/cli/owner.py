"""What commands that work on the tables begin with: a connection of their owner, to a schema of this version."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from shared.db import migrate
from shared.db.pool import Connection, connect
from shared.errors import UnavailableError
from shared.settings import OwnerSettings

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@contextmanager
def owner() -> Iterator[Connection]:
    """A connection to tables of this version."""
    with connect(OwnerSettings.load().database_url) as connection:
        migrate.require(connection)
        yield connection


def check_schema(database_url: str) -> None:
    """Refuse to start a service on another schema; a database that is away is waited for by the service itself."""
    try:
        with connect(database_url) as connection:
            migrate.require(connection)
    except UnavailableError:
        return
