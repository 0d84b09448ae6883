"""Columns of recorded cells to numbers and times, without a loop over rows; cells that need a closer look are told."""

import re
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.devices.mapping import UNITS_US, TimeColumn
from shared.instant import DAY_US, from_us, to_us

Parsed = tuple[NDArray[Any], NDArray[np.bool_]]

# What a datetime can say.
_EARLIEST_US, _LATEST_US = to_us(datetime.min.replace(tzinfo=UTC)), to_us(datetime.max.replace(tzinfo=UTC))
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_ISO: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?"
_ZONED: Final = rf"{_ISO}(Z|[+-]\d\d:\d\d)$"
_NAIVE: Final = rf"{_ISO}$"
_FIELDS: Final = {"%Y": r"(\d{4})", "%m": r"(\d\d)", "%d": r"(\d\d)", "%H": r"(\d\d)", "%M": r"(\d\d)", "%S": r"(\d\d)"}
# Where the century is not written (POSIX): 00 to 68 is ours, 69 to 99 the last one.
_CENTURIES: Final = (("20", r"([0-5]\d|6[0-8])"), ("19", r"(69|[7-9]\d)"))


def numbers(column: pa.Array) -> Parsed:
    """float64 (NaN: no value) and which cells could be read so."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    values, good = _cast(column, pa.float64(), _NUMBER)
    read = values.to_numpy(zero_copy_only=False)
    return read, good & ~np.isinf(read)


def texts(column: pa.Array) -> pa.Array:
    """The cells as they would stand in a CSV file; null is an empty one."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return pc.fill_null(column.cast(pa.string()), "")


def times(column: pa.Array, told: TimeColumn) -> Parsed:
    """UTC microseconds and which cells could be read; exactly as `TimeColumn.reader` reads those."""
    if told.unit is not None:
        read, good = numbers(column)
        at_us = np.rint(read * UNITS_US[told.unit])
        good = good & (at_us > _EARLIEST_US) & (at_us < _LATEST_US)
        return np.where(good, at_us, 0).astype(np.int64), good
    if told.format != "iso":
        column = _as_iso(column, told.format)
    zone = None if told.zone is None else ZoneInfo(told.zone)
    if pa.types.is_timestamp(column.type):
        return _instants(column.cast(pa.timestamp("us", column.type.tz), safe=False), column.type.tz is None, zone)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _written(column, zone)
    return np.zeros(len(column), np.int64), np.zeros(len(column), np.bool_)


def _written(column: pa.Array, zone: ZoneInfo | None) -> Parsed:
    """Times in ISO 8601; where the first of them has no offset, none may have one."""
    first = next((cell.as_py() for cell in column if cell.is_valid), "")
    is_naive = re.search(r"(Z|[+-]\d\d:?\d\d)$", first[10:]) is None
    kind = pa.timestamp("us") if is_naive else pa.timestamp("us", "UTC")
    read, good = _cast(column, kind, _NAIVE if is_naive else _ZONED)
    at_us, known = _instants(read, is_naive, zone)
    return at_us, good & known


def _instants(column: pa.Array, is_naive: bool, zone: ZoneInfo | None) -> Parsed:  # noqa: FBT001
    known = np.asarray(column.is_valid())
    at_us = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    if not is_naive:
        return at_us, known
    if zone is None:
        return at_us, np.zeros(len(column), np.bool_)
    return _to_utc(at_us, known, zone)


def _to_utc(local_us: NDArray[np.int64], known: NDArray[np.bool_], zone: ZoneInfo) -> Parsed:
    """Wall time to UTC, on days with one offset; a day on which clocks change needs a closer look."""
    day, place = np.unique(local_us // DAY_US, return_inverse=True)
    offsets = [_offset_us(int(number), zone) for number in day]
    is_plain = np.array([offset is not None for offset in offsets], np.bool_)
    offset_us = np.array([offset or 0 for offset in offsets], np.int64)
    return local_us - offset_us[place], known & is_plain[place]


def _offset_us(day: int, zone: ZoneInfo) -> int | None:
    """Of a local day since 1970, its offset from UTC if it is the same at every full hour, whichever way it is read."""
    try:
        hours = [from_us(day * DAY_US + hour * (DAY_US // 24)).replace(tzinfo=zone) for hour in range(25)]
    except OverflowError:
        return None
    offsets = {at.replace(fold=fold).utcoffset() for at in hours for fold in (0, 1)}
    [offset] = offsets if len(offsets) == 1 else [None]
    return None if offset is None else round(offset.total_seconds() * 1_000_000)


def _cast(column: pa.Array, kind: pa.DataType, pattern: str) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The column as another type; cells that cannot be it become null and are told."""
    try:
        return column.cast(kind), np.ones(len(column), np.bool_)
    except pa.ArrowInvalid:
        pass
    fits = _matches(column, pattern)
    try:
        read = pc.call_function("if_else", [fits, column, pa.scalar(None, column.type)]).cast(kind)
    except pa.ArrowInvalid:
        return pa.nulls(len(column), kind), np.zeros(len(column), np.bool_)
    return read, np.asarray(pc.fill_null(fits, fill_value=True))


def _matches(column: pa.Array, pattern: str) -> pa.Array:
    return pc.call_function("match_substring_regex", [column], pc.MatchSubstringOptions(pattern))


def _as_iso(column: pa.Array, pattern: str) -> pa.Array:
    """Cells of a strptime pattern of plain fields rewritten to ISO 8601; the others stay as they are, unreadable."""
    if not pa.types.is_string(column.type):
        return pa.nulls(len(column), pa.string())
    rewrite = _rewriting(pattern)
    # What is ISO 8601 already was not written in this pattern.
    fits = pc.fill_null(_matches(column, "|".join(regex for regex, _ in rewrite) or r"^\b$"), fill_value=False)
    for regex, replacement in rewrite:
        column = pc.call_function("replace_substring_regex", [column], pc.ReplaceSubstringOptions(regex, replacement))
    return pc.call_function("if_else", [fits, column, pa.scalar("")])


def _rewriting(pattern: str) -> list[tuple[str, str]]:
    """Regular expressions for a pattern and what makes ISO 8601 of what they match; none for a pattern beyond them."""
    fields = re.findall(r"%.", pattern)
    plain = {field if field != "%y" else "%Y" for field in fields}
    if len(plain) < len(fields) or not {"%Y", "%m", "%d"} <= plain or not plain <= set(_FIELDS):
        return []
    place = {field: f"\\{number}" for number, field in enumerate(fields, start=1)}
    clock = ":".join(place.get(field, "00") for field in ("%H", "%M", "%S"))
    centuries = _CENTURIES if "%y" in fields else (("", ""),)
    year = place.get("%Y") or place.get("%y", "")
    return [
        (_regex(pattern, {**_FIELDS, "%y": digits}), f"{century}{year}-{place['%m']}-{place['%d']}T{clock}")
        for century, digits in centuries
    ]


def _regex(pattern: str, fields: dict[str, str]) -> str:
    parts = re.split(r"(%.)", pattern)
    return f"^{''.join(fields[part] if part.startswith('%') else re.escape(part) for part in parts)}$"
