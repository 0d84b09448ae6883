"""One recorded row: what the device would have said, and what cannot be said."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.devices.mapping import Source
from services.devices.rows import Rejected, RowReader, Sample, coverage, end_of_log, timestamp
from shared.errors import SpecError

_ASSET = {"customer": "c", "site": "s", "asset": "a"}
_TURBINES = {"customer": "c", "site": "s", "column": "turbine", "values": {"R1": "r1", "R2": "r2"}}
_ISO = {"column": "t", "format": "iso", "zone": "Etc/UTC"}
_T = "2026-01-01T00:00:00"
_MS = 1_767_225_600_000


def _source(**parts: Any) -> Source:
    return Source.model_validate_json(json.dumps({"files": ["a.csv"], "asset": _ASSET, "time": _ISO} | parts))


def _reader(header: str, **parts: Any) -> RowReader:
    return RowReader(_source(**parts), header.split(","), "a.csv")


def _telemetry(cell: str, **conversion: float) -> Any:
    reader = _reader("t,P", readings={"P": {"sensor": "p"} | conversion})
    said = reader.read([_T, cell], 1)
    assert isinstance(said, Sample)
    return said.body["values"]["p"]


def test_a_row_of_readings_is_one_sample_of_its_asset() -> None:
    reader = _reader("turbine,t,P,W", asset=_TURBINES, readings={"P": {"sensor": "p"}, "W": {"sensor": "w"}})
    assert reader.read(["R2", _T, "1.5", ""], 1) == Sample(
        topic="vouch/v1/c/s/r2/telemetry",
        at_us=_MS * 1_000,
        body={"ts": _MS, "values": {"p": 1.5, "w": None}},
        values=2,
        nulls=1,
    )


@pytest.mark.parametrize("cell", ["", "  ", "nan", "NaN", "-nan"])
def test_an_empty_cell_is_no_value(cell: str) -> None:
    assert _telemetry(cell) is None


@pytest.mark.parametrize("cell", ["hot", "1,5", "inf", "-Infinity", "1_000", "1e999", "0x10"])
def test_a_cell_that_is_no_number_goes_out_as_it_stands(cell: str) -> None:
    assert _telemetry(cell) == cell


def test_a_declared_conversion_is_applied() -> None:
    assert _telemetry("25", scale=1.8, offset=32) == 77.0


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_arrives_as_the_same_number(value: float) -> None:
    assert json.loads(json.dumps(_telemetry(repr(value)))) == value


def test_a_state_is_its_codes_joined_with_the_rows_number() -> None:
    reader = _reader("t,main,sub,words", events={"kind": "state", "code": ["main", "sub"], "text": "words"})
    said = reader.read([_T, "62", " 3", "Load shedding"], 7)
    assert isinstance(said, Sample)
    assert said.topic == "vouch/v1/c/s/a/event"
    assert said.body == {"ts": _MS, "code": "62:3", "text": "Load shedding", "seq": 7}


@pytest.mark.parametrize(("end", "sent"), [("2026-01-01T00:01:00", _MS + 60_000), ("", None)])
def test_an_interval_has_start_and_end_and_is_open_without_one(end: str, sent: int | None) -> None:
    reader = _reader("t,e,c", events={"kind": "interval", "end": "e", "code": ["c"]})
    said = reader.read([_T, end, "111"], 3)
    assert isinstance(said, Sample)
    assert said.body == {"start": _MS, "end": sent, "code": "111", "text": "", "seq": 3}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["R1", "noon", "1"], "Invalid isoformat"),
        (["R9", _T, "1"], "no asset is named for 'R9'"),
        (["R1", _T], "2 cells below a header of 3"),
        (["R1", _T, "1", "2"], "4 cells"),
    ],
)
def test_a_row_without_readable_time_or_asset_is_rejected_with_its_reason(row: list[str], reason: str) -> None:
    said = _reader("turbine,t,P", asset=_TURBINES, readings={"P": {"sensor": "p"}}).read(row, 1)
    assert isinstance(said, Rejected)
    assert reason in said.reason


def test_rows_other_than_the_wanted_are_left_out() -> None:
    reader = _reader("t,P,kind", readings={"P": {"sensor": "p"}}, where={"kind": ["Stop", "Warning"]})
    assert reader.read([_T, "1", "Info"], 1) is None
    assert isinstance(reader.read([_T, "1", "Stop"], 1), Sample)


def test_every_missing_and_doubled_column_is_named() -> None:
    parts = {"events": {"kind": "interval", "code": ["c"], "end": "e", "text": "x"}, "where": {"w": ["1"]}}
    with pytest.raises(SpecError) as refused:
        _reader("t,t,c", **parts)
    assert [fault.reason for fault in refused.value.faults] == [
        "column 't' is doubled",
        "column 'w' is missing",
        "column 'x' is missing",
        "column 'e' is missing",
    ]


def test_coverage_is_an_interval_of_every_asset_in_time_order() -> None:
    spans = [
        {"code": "k", "from": "2026-01-03T00:00:00Z", "to": "2026-01-04T00:00:00Z"},
        {"code": "k", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    ]
    said = list(coverage(_source(asset=_TURBINES, readings={"P": {"sensor": "p"}}, coverage=spans)))
    assert [(sample.topic[-8:], sample.body["start"], sample.body["end"]) for sample in said] == [
        ("r1/event", _MS, _MS + 86_400_000),
        ("r2/event", _MS, _MS + 86_400_000),
        ("r1/event", _MS + 172_800_000, _MS + 259_200_000),
        ("r2/event", _MS + 172_800_000, _MS + 259_200_000),
    ]


def test_the_end_of_a_log_is_a_state_at_its_last_row() -> None:
    source = _source(events={"kind": "state", "code": ["c"]}, end_of_log={"code": "log:end"})
    assert source.end_of_log is not None
    said = end_of_log(source.end_of_log, "vouch/v1/c/s/a/event", _MS * 1_000, 9)
    assert said.body == {"ts": _MS, "code": "log:end", "text": "", "seq": 9}


def test_a_time_is_milliseconds_where_that_is_exact_else_text() -> None:
    assert timestamp(_MS * 1_000) == _MS
    assert timestamp(_MS * 1_000 + 1) == "2026-01-01T00:00:00.000001+00:00"


@given(st.lists(st.text(max_size=12), min_size=3, max_size=3))
def test_any_row_becomes_json_or_is_rejected_with_a_reason(row: list[str]) -> None:
    reader = _reader("t,P,kind", readings={"P": {"sensor": "p"}}, time={"column": "t", "format": "epoch", "unit": "ms"})
    said = reader.read(row, 1)
    if isinstance(said, Rejected):
        assert said.reason
        return
    assert isinstance(said, Sample)
    value = said.body["values"]["p"]
    assert json.loads(json.dumps(said.body, allow_nan=False)) == said.body
    assert value is None or isinstance(value, str) or math.isfinite(value)
