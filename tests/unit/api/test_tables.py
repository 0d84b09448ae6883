"""The format is what the query names, else the best that `Accept` allows."""

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from services.api import tables
from services.api.tables import Format, NotAcceptableError, negotiated
from shared import tabular


def asking(*accept: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept", value.encode("latin-1")) for value in accept]})


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ([], Format.JSON),
        (["*/*"], Format.JSON),
        (["application/json"], Format.JSON),
        (["text/csv"], Format.CSV),
        (["TEXT/CSV; charset=utf-8"], Format.CSV),
        (["text/*"], Format.CSV),
        (["application/*"], Format.JSON),
        (["application/vnd.apache.parquet, */*;q=0.1"], Format.PARQUET),
        (["text/csv;q=0.5, application/vnd.apache.arrow.stream;q=0.9"], Format.ARROW),
        (["text/csv;q=0.5", "application/vnd.apache.arrow.stream;q=0.9"], Format.ARROW),
        (["*/*, application/json;q=0"], Format.CSV),
        (["text/html,application/xhtml+xml,*/*;q=0.8"], Format.JSON),
    ],
)
def test_the_best_accepted_format_is_given(accept: list[str], expected: Format) -> None:
    assert negotiated(asking(*accept), None) is expected


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=1", "application/json;q=0", "text/csv;q=x"])
def test_nothing_acceptable_is_refused_naming_what_there_is(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match=r"text/csv.*parquet"):
        negotiated(asking(accept), None)


def test_a_format_that_is_named_wins() -> None:
    assert negotiated(asking("text/html"), Format.PARQUET) is Format.PARQUET


@given(st.text(st.characters(codec="latin-1")))
def test_no_header_does_harm(accept: str) -> None:
    with suppress(NotAcceptableError):
        assert negotiated(asking(accept), None) in Format


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)), st.integers(0, 4 * 10**15))
def test_csv_says_every_number_and_time_exactly(values: list[float], first_us: int) -> None:
    at_us = first_us + np.arange(len(values), dtype=np.int64)
    table = pa.table({"at": tabular.times(at_us), "value": pa.array(values, pa.float64())})
    body = tables.respond(table, Format.CSV, {}).body
    read = pyarrow.csv.read_csv(
        pa.BufferReader(bytes(body)),
        convert_options=pyarrow.csv.ConvertOptions(column_types={"at": tabular.UTC_TIME, "value": pa.float64()}),
    )
    assert read["value"].to_pylist() == values
    assert read["at"].cast(pa.int64()).to_pylist() == at_us.tolist()
