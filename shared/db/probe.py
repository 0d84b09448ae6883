"""Whether a process would find its database, asked from outside the work it does with it."""

import psycopg

from shared.db import migrate
from shared.db.pool import connect
from shared.db.trouble import named
from shared.errors import VouchError


def database(database_url: str) -> str | None:
    """What is wrong with the database: it cannot be reached, or has another schema; None when nothing is."""
    try:
        with connect(database_url) as connection:
            migrate.require(connection)
    except psycopg.Error as error:
        return named(error)
    except VouchError as error:
        return str(error)
    return None
