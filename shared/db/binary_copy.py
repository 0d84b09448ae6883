"""Columns to the bytes of `COPY ... FROM STDIN (FORMAT binary)`, built by numpy without a loop over rows."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# PostgreSQL counts microseconds from 2000-01-01 (protocol documentation, "Binary Format" of COPY).
POSTGRES_EPOCH_US: Final = 946_684_800_000_000
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"


def timestamps(at_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """UTC microseconds since 1970 as PostgreSQL's timestamptz counts them."""
    return at_us - POSTGRES_EPOCH_US


def encode(columns: Sequence[NDArray[Any]]) -> bytes:
    """Rows of columns of equal shape (n,), none null; int16, int32, int64 and float64 become the SQL types alike."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for place, column in enumerate(columns):
        fields += [(f"length{place}", ">i4"), (f"value{place}", column.dtype.newbyteorder(">").str)]
    rows = np.empty(len(columns[0]), np.dtype(fields))
    rows["fields"] = len(columns)
    for place, column in enumerate(columns):
        rows[f"length{place}"] = column.dtype.itemsize
        rows[f"value{place}"] = column
    return _HEADER + rows.tobytes() + _TRAILER
