"""Rows as CSV, Parquet or an Arrow stream for whoever accepts that; JSON for everyone else."""

import io
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import pyarrow as pa
from fastapi import Request, Response
from pyarrow import parquet

from shared import tabular
from shared.errors import VouchError


class Format(StrEnum):
    """How an answer is written."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"

    @property
    def media_type(self) -> str:
        """The registered name (IANA) of the format."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Final = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}
CONTENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            media_type: {"schema": {"type": "string"} | ({} if media_type == "text/csv" else {"format": "binary"})}
            for media_type in _MEDIA_TYPES.values()
            if media_type != "application/json"
        }
    }
}
"""What the OpenAPI document says of an answer beside its JSON."""


class NotAcceptableError(VouchError):
    """None of the formats there are is one that the asker accepts."""


def negotiated(request: Request, named: Format | None) -> Format:
    """The format named in the query, else the best one `Accept` allows (RFC 9110, 12.5.1), of equals the first.

    Raises NotAcceptableError.
    """
    if named is not None:
        return named
    ranges = [_range(part) for part in ",".join(request.headers.getlist("accept")).split(",") if part.strip()]
    if not ranges:
        return Format.JSON
    best = max(Format, key=lambda each: _quality(ranges, each.media_type))
    if _quality(ranges, best.media_type) <= 0:
        raise NotAcceptableError(f"this is given as {', '.join(_MEDIA_TYPES.values())}")
    return best


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weights = [value for value in parameters if value.startswith("q=")]
    try:
        return name, float(weights[0][2:]) if weights else 1.0
    except ValueError:
        return name, 0.0


def _quality(ranges: list[tuple[str, float]], media_type: str) -> float:
    """What the most specific range that covers the media type says of it."""
    kind = f"{media_type.partition('/')[0]}/*"
    for wanted in (media_type, kind, "*/*"):
        named = [quality for name, quality in ranges if name == wanted]
        if named:
            return max(named)
    return 0.0


def respond(table: pa.Table, wanted: Format, headers: Mapping[str, str]) -> Response:
    """The table in a format that is not JSON; in CSV times are RFC 3339 in UTC, as everywhere."""
    return Response(_WRITERS[wanted](table), media_type=wanted.media_type, headers=dict(headers))


def _csv(table: pa.Table) -> bytes:
    return tabular.csv_header(table.schema) + tabular.csv_lines(table)


def _parquet(table: pa.Table) -> bytes:
    written = io.BytesIO()
    parquet.write_table(table, written, compression="zstd")
    return written.getvalue()


def _arrow(table: pa.Table) -> bytes:
    written = io.BytesIO()
    with pa.ipc.new_stream(written, table.schema) as stream:
        stream.write_table(table)
    return written.getvalue()


_WRITERS: Final = {Format.CSV: _csv, Format.PARQUET: _parquet, Format.ARROW: _arrow}
