"""Columns to the bytes of `COPY ... FROM STDIN (FORMAT binary)`, built by numpy without a loop over rows."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# PostgreSQL counts microseconds from 2000-01-01 (protocol documentation, "Binary Format" of COPY).
POSTGRES_EPOCH_US: Final = 946_684_800_000_000
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"


# Object ids of the element types of arrays (pg_type).
INTEGER: Final = 23
TIMESTAMPTZ: Final = 1184


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


def encode_arrays(at_us: int, arrays: Sequence[tuple[int, NDArray[Any]]]) -> bytes:
    """One row: a timestamptz and arrays, each given by the object id of its elements and those, none null."""
    fields = [(1 + len(arrays)).to_bytes(2, "big"), _sized((at_us - POSTGRES_EPOCH_US).to_bytes(8, "big", signed=True))]
    for oid, elements in arrays:
        # Dimensions, any nulls, element type, length, lower bound (array_send in PostgreSQL's arrayfuncs).
        head = b"".join(number.to_bytes(4, "big") for number in (1, 0, oid, len(elements), 1))
        width = elements.dtype.itemsize
        body = np.empty(len(elements), np.dtype([("length", ">i4"), ("value", elements.dtype.newbyteorder(">").str)]))
        body["length"], body["value"] = width, elements
        fields.append(_sized(head + body.tobytes()))
    return _HEADER + b"".join(fields) + _TRAILER


def _sized(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
