"""Telemetry read by whole columns says exactly what it says row by row, however odd the cells."""

import csv
import io
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.devices import columnar, recorded
from services.devices.columnar import Block
from services.devices.mapping import Source
from services.devices.recorded import Tally
from services.devices.rows import Sample
from shared.errors import SpecError, VouchError

_HEADER = ["t", "who", "P", "Q", "ok"]
_NUMBERS = [
    "",
    "1.5",
    "-2",
    "+3e2",
    "nan",
    "inf",
    "hot",
    " 7 ",
    "1_0",
    "1e999",
    "0x10",
    "5.",
    "é",
    'a"b',
    "x\ny",
    "1,5",
]
_ISO = [
    "2026-01-01T00:00:00Z",
    "2026-01-01 00:00:01+02:00",
    "2026-06-01T00:00:00.125Z",
    "2026-02-30T00:00:00Z",
    "",
    "x",
]
_WALL = [
    "2026-03-29T01:59:59",
    "2026-03-29T02:30:00",
    "2026-10-25T02:30:00",
    "2026-07-01 12:00",
    "2026-07-01T12:00:00Z",
]
_EPOCH = ["1767225600000", "1767225600000.5", "1.7672256e12", "-1", "x", "", "1e30", "nan"]
_DOTTED = [
    "01.03.26 12:30",
    "1.3.26 12:30",
    "31.02.26 12:30",
    "01.03.69 00:00",
    "01.03.68 00:00",
    "01.03.26 12:30 ",
    "",
]
_TIMES: list[tuple[dict[str, str], list[str]]] = [
    ({"column": "t", "format": "iso"}, _ISO + _WALL),
    ({"column": "t", "format": "iso", "zone": "Europe/Berlin"}, _ISO + _WALL),
    ({"column": "t", "format": "epoch", "unit": "ms"}, _EPOCH),
    ({"column": "t", "format": "%d.%m.%y %H:%M", "zone": "Europe/Berlin"}, _DOTTED),
    ({"column": "t", "format": "%d.%m.%y %H:%M %Z", "zone": "Europe/Berlin"}, _DOTTED),
]
_ROW = st.tuples(st.sampled_from(["1", "2", "9"]), *[st.sampled_from(_NUMBERS)] * 2, st.sampled_from(["yes", "no"]))


def _source(time: dict[str, str], file: str, **parts: Any) -> Source:
    asset = {"customer": "c", "site": "s", "column": "who", "values": {"1": "a", "2": "b"}}
    readings = {"P": {"sensor": "p", "scale": 1.8, "offset": 32}, "Q": {"sensor": "q"}}
    plain = {"files": [file], "asset": asset, "time": time, "readings": readings, "where": {"ok": ["yes"]}} | parts
    return Source.model_validate_json(json.dumps(plain))


def _said(samples: list[Sample]) -> list[str]:
    """In an order that does not depend on the way; NaN is no value on both."""
    return sorted(repr((s.topic.split("/")[4], s.at_us, sorted(s.body["values"].items()))) for s in samples)


def _of_blocks(source: Source, blocks: list[Block]) -> tuple[list[str], list[str], int, int]:
    said: list[Sample] = []
    for block in blocks:
        said += block.others
        names = [quantity.sensor for quantity in source.readings.values()]
        for row, (asset, at_us) in enumerate(zip(block.asset.tolist(), block.at_us.tolist(), strict=True)):
            cells = [float(column[row]) for column in block.values]
            values = {name: None if cell != cell else cell for name, cell in zip(names, cells, strict=True)}
            slug = source.asset.slugs[asset]
            said.append(Sample(topic=f"vouch/v1/c/s/{slug}/telemetry", at_us=at_us, body={"values": values}))
    bad = [f"{place}: {reason}" for block in blocks for place, reason in block.bad]
    return _said(said), bad, sum(block.left_out for block in blocks), sum(block.rows for block in blocks)


def _row_by_row(source: Source, folder: Path) -> tuple[list[str], list[str], int, int]:
    bad: list[str] = []
    tally = Tally(on_bad_row=bad.append)
    said = list(recorded.samples(source, folder, tally))
    return _said(said), bad, tally.left_out, tally.rows


@pytest.mark.parametrize(("time", "moments"), _TIMES)
@given(rows=st.lists(_ROW, max_size=12), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_say_what_rows_say(
    tmp_path: Path, time: dict[str, str], moments: list[str], rows: list[tuple[str, ...]], data: st.DataObject
) -> None:
    odd = data.draw(st.lists(st.sampled_from(["", "1,2", "a,b,c,d,e,f"]), max_size=2))
    ending = data.draw(st.sampled_from(["\n", "\r\n"]))
    table = io.StringIO()
    quoting = csv.QUOTE_ALL if data.draw(st.booleans()) else csv.QUOTE_MINIMAL
    writer = csv.writer(table, lineterminator=ending, quoting=quoting)
    writer.writerows([_HEADER, *((data.draw(st.sampled_from(moments)), *row) for row in rows)])
    text = table.getvalue() + "".join(line + ending for line in odd)
    (tmp_path / "a.csv").write_bytes(text.encode(data.draw(st.sampled_from(["utf-8", "latin-1", "utf-8-sig"]))))
    source = _source(time, "a.csv")
    found = _of_blocks(source, list(columnar.blocks(tmp_path / "a.csv", source)))
    said, bad, left_out, read = _row_by_row(source, tmp_path)
    assert found == (said, found[1], left_out, read)
    assert sorted(found[1]) == sorted(bad)


@pytest.mark.parametrize(("time", "moments"), _TIMES)
def test_a_parquet_file_of_the_same_cells_says_the_same(
    tmp_path: Path, time: dict[str, str], moments: list[str]
) -> None:
    rows = [
        (moment, who, p, q, "yes")
        for moment, (who, p, q) in zip(
            itertools.cycle(moments), itertools.product("129", _NUMBERS[:8], _NUMBERS), strict=False
        )
    ]
    columns = {name: [row[place] or None for row in rows] for place, name in enumerate(_HEADER)}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=100)
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([_HEADER, *rows])
    source = _source(time, "a.parquet")
    said, bad, left_out, read = _row_by_row(_source(time, "a.csv"), tmp_path)
    assert _of_blocks(source, list(columnar.blocks(tmp_path / "a.parquet", source)))[0] == said
    by_rows = _row_by_row(source, tmp_path)
    assert by_rows[0] == said
    assert (len(by_rows[1]), *by_rows[2:]) == (len(bad), left_out, read)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_typed_columns_of_a_parquet_file_are_taken_as_they_are(tmp_path: Path, zone: str | None) -> None:
    columns = {
        "t": pa.array([1_767_225_600_000_000, 1_767_225_601_000_000, None], pa.timestamp("us", zone)),
        "who": pa.array([1, 2, 1], pa.int8()),
        "P": pa.array([1, 2, 3], pa.int32()),
        "Q": pa.array([True, None, False]),
        "ok": pa.array(["yes", "yes", "yes"]).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    source = _source({"column": "t", "format": "iso", "zone": "Etc/UTC"}, "a.parquet")
    found = _of_blocks(source, list(columnar.blocks(tmp_path / "a.parquet", source)))
    assert found[0] == [
        "('a', 1767225600000000, [('p', 33.8), ('q', 1.0)])",
        "('b', 1767225601000000, [('p', 35.6), ('q', None)])",
    ]
    assert [line.split(":")[0] for line in found[1]] == ["a.parquet, row 3"]
    assert _row_by_row(source, tmp_path)[0] == found[0]


def test_blocks_end_at_lines_whatever_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "_FIRST_BYTES", 64)
    time = {"column": "t", "format": "epoch", "unit": "s"}
    lines = [f"{1_767_225_600 + number},{number % 2 + 1},{number},,yes" for number in range(500)]
    lines[250] = '1767225850,1,"2\n3",,yes'
    (tmp_path / "a.csv").write_text("\n".join([",".join(_HEADER), *lines]))
    source = _source(time, "a.csv")
    blocks = list(columnar.blocks(tmp_path / "a.csv", source))
    assert len(blocks) > 10
    assert sum(block.size for block in blocks) == len("\n".join(lines))
    assert _of_blocks(source, blocks)[0] == _row_by_row(source, tmp_path)[0]


def test_a_bad_row_after_many_blocks_is_named_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "_FIRST_BYTES", 128)
    time = {"column": "t", "format": "epoch", "unit": "s"}
    lines = [f"{1_767_225_600 + number},1,{number},,yes" for number in range(300)]
    lines[100], lines[200], lines[250] = "", "soon,1,1,,yes", "1,2"
    (tmp_path / "a.csv").write_text("\n".join([",".join(_HEADER), *lines]) + "\n")
    bad = [fault for block in columnar.blocks(tmp_path / "a.csv", _source(time, "a.csv")) for fault in block.bad]
    assert [place for place, _ in bad] == ["a.csv, line 202", "a.csv, line 252"]


def test_missing_columns_and_what_is_no_parquet_file_are_named(tmp_path: Path) -> None:
    time = {"column": "t", "format": "iso"}
    pq.write_table(pa.table({"t": ["x"], "P": [1.0]}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 it is not")
    (tmp_path / "a.csv").write_text("t,P,P\n")
    for name, told in [("a.parquet", "'who' is missing"), ("a.csv", "'P' is doubled")]:
        with pytest.raises(SpecError, match=told):
            list(columnar.blocks(tmp_path / name, _source(time, name)))
    with pytest.raises(VouchError, match=r"b\.parquet: "):
        list(columnar.blocks(tmp_path / "b.parquet", _source(time, "b.parquet")))
