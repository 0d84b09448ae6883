"""Labelled files: plain or compressed, any separator, and what is wrong is told with its place."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluate import tables
from shared.errors import SpecError, VouchError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pump.csv"


def test_a_plain_file_gives_its_columns_by_name(path: Path) -> None:
    path.write_text("datetime;pressure\n2020-03-09 10:14:33;1.5\n2020-03-09 10:14:34; 1e300 \n")
    table = tables.read(path, ";")
    assert table.names == ("datetime", "pressure")
    assert len(table) == 2
    assert table.numbers("pressure").tolist() == [1.5, 1e300]
    assert np.diff(table.instants_us("datetime")).tolist() == [1_000_000]


def test_a_compressed_file_is_known_by_its_first_bytes_not_by_its_name(path: Path) -> None:
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfa,b\r\n1,2\r\n"))
    table = tables.read(path)
    assert table.names == ("a", "b")
    assert table.numbers("b").tolist() == [2.0]


def test_a_file_without_header_has_cells_separated_by_any_white_space(path: Path) -> None:
    path.write_text("1 1  -0.0007 \n1\t2 0.0019\n\n")
    table = tables.read(path, " ", names=("unit", "cycle", "setting"))
    assert table.numbers("setting").tolist() == [-0.0007, 0.0019]
    assert table.lines == [1, 2]


def test_times_with_offset_are_instants_and_those_without_are_utc(path: Path) -> None:
    path.write_text("a,b\n1970-01-01T01:00:00+01:00,1970-01-01 00:00:01.5\n")
    table = tables.read(path)
    assert table.instants_us("a").tolist() == [0]
    assert table.instants_us("b").tolist() == [1_500_000]


def test_missing_values_are_nan_only_where_they_may_be(path: Path) -> None:
    path.write_text("a,b\n1,\n2,NaN\n")
    table = tables.read(path)
    assert np.isnan(table.numbers("b", may_miss=True)).all()
    with pytest.raises(SpecError, match="line 2, column b: is empty; a number is needed"):
        table.numbers("b")


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        ("a,b\n1,2\n1,x\n", "b", "line 3, column b: 'x' is no number"),
        ("a,b\n1,1e999\n", "b", "line 2, column b: '1e999' is larger than a number can be"),
        ("a,b\n1,1_0\n", "b", "line 2, column b: '1_0' is no number"),
        ("a,b\n1,e\n", "b", "line 2, column b: 'e' is no number"),
        ("a,b\n1,inf\n", "b", "line 2, column b: 'inf' is no number"),
        ("a,b\n1,2\n", "c", "header: there is no column 'c'; there are a, b"),
        ("a,b\n1\n", "b", r"line 2: 1 cell\(s\), 2 column\(s\)"),
        ("a,a\n1,2\n", "a", "line 1: column 'a' stands twice"),
        ("", "a", "line 1: is empty; a header is needed"),
        ('a,b\n"1,2\n', "a", "is no CSV"),
        ('a,b\n"x\ny",1\n2,z\n', "b", "line 4, column b: 'z' is no number"),
    ],
)
def test_what_is_wrong_is_told_with_line_column_and_reason(path: Path, content: str, column: str, message: str) -> None:
    path.write_text(content)
    with pytest.raises(SpecError, match=message) as refusal:
        tables.read(path).numbers(column)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["2020-01-01", "yesterday"], "line 3, column at: 'yesterday' is no time in ISO 8601"),
        (["2020-01-01T00:00:00Z", "2020-01-01T00:00:01"], "line 3, column at: .* without offset, the first one is not"),
        (["2020-01-01T00:00:00", "2020-01-01T00:00:01Z"], "line 3, column at: .* with offset, the first one is not"),
    ],
)
def test_a_time_that_is_none_or_of_another_kind_is_refused(path: Path, cells: list[str], message: str) -> None:
    path.write_text("\n".join(["at", *cells]))
    with pytest.raises(SpecError, match=message):
        tables.read(path).instants_us("at")


def test_of_many_faults_the_first_are_told_and_the_others_counted(path: Path) -> None:
    path.write_text("a\n" + "x\n" * 25)
    with pytest.raises(SpecError, match=r"25 fault\(s\), the first 20 of them"):
        tables.read(path).numbers("a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "is no whole gzip file"),
        (b"\x1f\x8bnonsense", "is no whole gzip file"),
        (b"a,b\n\xff,2\n", "byte 4 is no UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(VouchError, match=f"pump.csv: {message}"):
        tables.read(path)


def test_an_absent_file_and_a_separator_of_two_characters_are_refused(path: Path) -> None:
    with pytest.raises(VouchError, match=r"pump.csv: No such file"):
        tables.read(path)
    path.write_text("a\n")
    with pytest.raises(VouchError, match="one character is needed"):
        tables.read(path, "::")


def test_a_header_alone_is_a_table_of_no_rows(path: Path) -> None:
    path.write_text("a,b\n")
    table = tables.read(path)
    assert len(table) == 0
    assert table.numbers("b").shape == (0,)
    assert table.instants_us("a").shape == (0,)


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False)), compress=st.booleans())
def test_every_number_written_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], *, compress: bool
) -> None:
    path = tmp_path_factory.mktemp("numbers") / "n.csv"
    content = ("v,w\n" + "".join(f"{value!r},0\n" for value in values)).encode()
    path.write_bytes(gzip.compress(content) if compress else content)
    assert tables.read(path).numbers("v").tolist() == values


@given(content=st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "b.csv"
    path.write_bytes(content)
    try:
        table = tables.read(path)
    except VouchError:
        return
    assert all(len(column) == len(table) for column in table.columns)
