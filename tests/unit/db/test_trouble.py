"""What an error of the database means, by its SQLSTATE."""

import psycopg
import pytest
from psycopg import errors

from shared.db.trouble import Trouble, classify, named


@pytest.mark.parametrize(
    ("sqlstate", "trouble"),
    [
        ("22003", Trouble.REFUSED),  # numeric value out of range
        ("23505", Trouble.REFUSED),  # unique violation
        ("54000", Trouble.REFUSED),  # program limit exceeded
        ("08006", Trouble.OUTAGE),  # connection failure
        ("40P01", Trouble.OUTAGE),  # deadlock
        ("53100", Trouble.OUTAGE),  # disk full
        ("53200", Trouble.OUTAGE),  # out of memory
        ("53300", Trouble.OUTAGE),  # too many connections
        ("55P03", Trouble.OUTAGE),  # lock not available
        ("57P01", Trouble.OUTAGE),  # admin shutdown
        ("57P03", Trouble.OUTAGE),  # cannot connect now
        ("58030", Trouble.OUTAGE),  # I/O error
        ("25006", Trouble.OUTAGE),  # a standby, not promoted yet
        ("28P01", Trouble.FAULT),  # invalid password
        ("3D000", Trouble.FAULT),  # no such database
        ("42501", Trouble.FAULT),  # insufficient privilege
        ("42703", Trouble.FAULT),  # no such column
        ("42P01", Trouble.FAULT),  # no such table
        ("0A000", Trouble.FAULT),  # not supported
        ("XX001", Trouble.FAULT),  # data corrupted
    ],
)
def test_each_class_of_errors_has_its_consequence(sqlstate: str, trouble: Trouble) -> None:
    assert classify(errors.lookup(sqlstate)("said")) is trouble


def test_an_error_without_a_state_is_one_of_the_connection() -> None:
    assert classify(psycopg.OperationalError("consuming input failed")) is Trouble.OUTAGE
    assert classify(psycopg.InterfaceError("the connection is closed")) is Trouble.OUTAGE


def test_people_are_told_the_state_where_there_is_one() -> None:
    assert named(errors.DiskFull("no room")) == "database: 53100: no room"
    assert named(psycopg.OperationalError("gone")) == "database: gone"
