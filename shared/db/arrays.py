"""PostgreSQL arrays without nulls as numpy columns: what a query gives with `array_agg`, read in one piece."""

from typing import Any, Final, TypeVar

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from shared.db.binary_copy import POSTGRES_EPOCH_US

# The binary form: int32 dimensions, has_null, element type, length, lower bound; then each value behind its length.
_HEAD: Final = 20
_Cursor = TypeVar("_Cursor", bound="psycopg.Cursor[Any] | psycopg.AsyncCursor[Any]")


def _column(data: Buffer, element: str) -> NDArray[Any]:
    if len(data) < _HEAD:  # an empty array has no dimension
        return np.empty(0, element)
    dimensions, has_null = np.frombuffer(data, ">i4", count=2)
    if dimensions != 1 or has_null:
        raise ValueError("a column must be one array without nulls")
    cells = np.frombuffer(data, np.dtype([("length", ">i4"), ("value", element)]), offset=_HEAD)
    return cells["value"]


class _Times(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.int64]:
        return _column(data, ">i8").astype(np.int64) + POSTGRES_EPOCH_US


class _Floats(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.float64]:
        return _column(data, ">f8").astype(np.float64)


class _Smalls(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.int16]:
        return _column(data, ">i2").astype(np.int16)


_LOADERS: Final[dict[str, type[Loader]]] = {"timestamptz": _Times, "float8": _Floats, "int2": _Smalls}


def reading(cursor: _Cursor) -> _Cursor:
    """Have a binary cursor give timestamptz[] as UTC microseconds (int64), float8[] and smallint[] as columns (n,)."""
    for name, loader in _LOADERS.items():
        cursor.adapters.register_loader(psycopg.adapters.types[name].array_oid, loader)
    return cursor
