"""Columns as tables that others read: one way to write a time, a unit and a CSV line, for the API and for exports."""

import io
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

UTC_TIME: Final = pa.timestamp("us", tz="UTC")
_RFC3339: Final = pc.StrftimeOptions("%Y-%m-%dT%H:%M:%SZ")
_QUALITIES: Final = ("good", "uncertain")


def readings(
    *, sensor: str, unit: str, at_us: NDArray[np.int64], value: NDArray[np.float64], quality: NDArray[np.int16]
) -> pa.Table:
    """Readings of one sensor, columns (n,): at, sensor, unit, value and quality; the unit stands beside each value."""
    return pa.table(
        {
            "at": times(at_us),
            "sensor": repeated(sensor, len(at_us)),
            "unit": repeated(unit, len(at_us)),
            "value": value,
            "quality": pa.DictionaryArray.from_arrays(quality.astype(np.int32), _QUALITIES),
        }
    )


def times(at_us: NDArray[np.int64]) -> pa.Array:
    """A column of UTC times."""
    return pa.array(at_us, pa.int64()).cast(UTC_TIME)


def repeated(word: str, count: int) -> pa.DictionaryArray:
    """A column of one word."""
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [word])


def with_units(schema: pa.Schema, units: Mapping[str, str]) -> pa.Schema:
    """The schema with the unit of each sensor as JSON under `units`, where a file keeps words about itself."""
    return schema.with_metadata({"units": msgspec.json.encode(units)})


def csv_header(schema: pa.Schema) -> bytes:
    """The first line."""
    return f"{','.join(schema.names)}\n".encode()


def csv_lines(table: pa.Table) -> bytes:
    """The rows as CSV (RFC 4180, UTF-8): times in RFC 3339 and UTC, numbers that read back as the same ones."""
    for place, field in enumerate(table.schema):
        if field.type == UTC_TIME:
            table = table.set_column(place, field.name, pc.call_function("strftime", [table[place]], _RFC3339))
        elif pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table[place].cast(pa.string()))
    lines = io.BytesIO()
    csv.write_csv(table, lines, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return lines.getvalue()
