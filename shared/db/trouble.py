"""What an error of the database means for whoever wanted to store something."""

from enum import StrEnum

import psycopg

from shared.errors import UnavailableError


class Trouble(StrEnum):
    """What to do: hand the data elsewhere, wait for the database, or wait for somebody who repairs it."""

    REFUSED = "refused"
    OUTAGE = "outage"
    FAULT = "fault"


class FaultyDatabaseError(UnavailableError):
    """The database answers and cannot do what is asked of it, whatever the data: a table or a right is missing, a
    password is wrong. It does not pass by itself; the same call succeeds after somebody has repaired it.
    """


# A standby answers so until it is promoted.
_PASSING = (psycopg.errors.ReadOnlySqlTransaction,)
_LASTING = (
    psycopg.errors.InvalidAuthorizationSpecification,
    psycopg.errors.InvalidPassword,
    psycopg.errors.InvalidCatalogName,
)


def classify(error: psycopg.Error) -> Trouble:
    """By its SQLSTATE (PostgreSQL, appendix A); an error without one is of the connection.

    Refused are classes 22 (data), 23 (integrity) and 54 (program limit); an outage are 08 (connection), 40 (rollback),
    53 (resources: disk full, too many connections), 55, 57 (operator intervention) and 58 (system).
    """
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError | psycopg.errors.ProgramLimitExceeded):
        return Trouble.REFUSED
    if isinstance(error, _LASTING):
        return Trouble.FAULT
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, *_PASSING)):
        return Trouble.OUTAGE
    return Trouble.FAULT


def named(error: psycopg.Error) -> str:
    """The error for people, with its SQLSTATE when it has one."""
    return f"database: {error}" if error.sqlstate is None else f"database: {error.sqlstate}: {error}"
