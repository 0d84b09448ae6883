"""The replay mapping: what it gives, that every fault is listed, and how its times are read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.devices import mapping, replay
from services.devices.mapping import TimeColumn
from shared.errors import Fault, SpecError
from shared.instant import to_us

_EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"


def _source(**changes: Any) -> dict[str, Any]:
    """A telemetry source without fault, with changes; a change to None leaves the key out."""
    source = {
        "files": ["a.csv"],
        "asset": {"customer": "c", "site": "s", "asset": "a"},
        "time": {"column": "t", "format": "iso"},
        "readings": {"P": {"sensor": "power_kw"}},
    }
    return {key: value for key, value in (source | changes).items() if value is not None}


def _faults(**changes: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        mapping.parse(yaml.safe_dump({"sources": [_source(**changes)]}), "replay.yaml")
    return {fault.path.removeprefix("sources[0]").removeprefix("."): fault.reason for fault in refused.value.faults}


def _us(column: TimeColumn, cell: str) -> int:
    return column.reader()(cell)


def _iso(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


def test_a_mapping_without_fault_is_read_with_its_defaults() -> None:
    source = mapping.parse(yaml.safe_dump({"sources": [_source()]}), "replay.yaml").sources[0]
    assert (source.delimiter, source.where, source.coverage, source.end_of_log) == (",", {}, (), None)
    assert (source.readings["P"].scale, source.readings["P"].offset) == (1.0, 0.0)
    assert source.stored == frozenset()


def test_cells_in_the_stored_unit_are_named_and_no_device_can_say_them(tmp_path: Path) -> None:
    readings = {"P": {"sensor": "p"}, "Q": {"sensor": "q", "unit": "stored"}}
    file = tmp_path / "replay.yaml"
    file.write_text(yaml.safe_dump({"sources": [_source(readings=readings)]}), encoding="utf-8")
    assert mapping.parse(file.read_text(encoding="utf-8"), "replay.yaml").sources[0].stored == {"q"}
    with pytest.raises(SpecError) as refused:
        replay.run(file, data=tmp_path, mqtt_url="mqtt://127.0.0.1:1", speed=0)
    assert [fault.path for fault in refused.value.faults] == ["sources[0].readings.Q.unit"]
    assert "vouch backfill" in refused.value.faults[0].reason


@pytest.mark.parametrize("folder", ["wind_status_log", "kelmarsh", "la_haute_borne"])
def test_the_shipped_examples_have_no_fault(folder: str) -> None:
    path = _EXAMPLES / folder / "replay.yaml"
    assert mapping.parse(path.read_text(encoding="utf-8"), str(path)).sources


def test_every_fault_is_listed_at_once_with_its_place() -> None:
    faults = _faults(
        files=["../a.csv", "/b.csv"],
        delimiter=";;",
        time={"column": "t", "format": "iso", "zone": "Mars/Olympus"},
        readings={"P": {"sensor": "Power kW", "factor": 2}},
    )
    assert set(faults) == {
        "files[0]", "files[1]", "delimiter", "time.zone", "readings.P.sensor", "readings.P.factor",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"files": []}, "files"),
        ({"files": ["a.zip"]}, ""),
        ({"member": "a.csv"}, ""),
        ({"readings": None}, ""),
        ({"events": {"kind": "state", "code": ["c"]}}, ""),
        ({"end_of_log": {"code": "end"}}, ""),
        ({"readings": {"P": {"sensor": "p"}, "Q": {"sensor": "p"}}}, ""),
        ({"readings": None, "events": {"kind": "interval", "code": ["c"]}}, "events"),
        ({"readings": None, "events": {"kind": "state", "code": ["c"], "end": "e"}}, "events"),
        ({"readings": None, "events": {"kind": "state", "code": []}}, "events.code"),
        ({"asset": {"customer": "c", "site": "s"}}, "asset"),
        ({"asset": {"customer": "c", "site": "s", "column": "x"}}, "asset"),
        ({"asset": {"customer": "c", "site": "s", "asset": "a", "column": "x", "values": {"A": "a"}}}, "asset"),
        ({"asset": {"customer": "c", "site": "s", "column": "x", "values": {"A": "A b"}}}, "asset.values.A"),
        ({"time": {"column": "t", "format": "epoch"}}, "time"),
        ({"time": {"column": "t", "format": "iso", "unit": "s"}}, "time"),
        ({"time": {"column": "t", "format": "%d.%m.%Y"}}, "time"),
        ({"time": {"column": "t", "format": "%Y%z", "zone": "Etc/UTC"}}, "time"),
        ({"time": {"column": "t", "format": "german"}}, "time"),
        (
            {"coverage": [{"code": "x", "from": "2026-01-01T00:00:00", "to": "2026-01-02T00:00:00Z"}]},
            "coverage[0].from",
        ),
        ({"coverage": [{"code": "x", "from": "2026-01-02T00:00:00Z", "to": "2026-01-02T00:00:00Z"}]}, "coverage[0]"),
    ],
)
def test_a_contradiction_is_a_fault_with_its_place(changes: dict[str, Any], path: str) -> None:
    assert list(_faults(**changes)) == [path]


def test_naive_times_are_read_in_the_zone_the_mapping_names() -> None:
    column = TimeColumn(column="t", format="%d-%m-%y %H:%M", zone="Europe/Berlin")
    assert _us(column, "01-07-26 12:00") == _iso("2026-07-01T10:00:00Z")
    assert _us(column, "01-01-26 12:00") == _iso("2026-01-01T11:00:00Z")


def test_a_time_with_its_own_offset_needs_no_zone() -> None:
    assert _us(TimeColumn(column="t", format="iso"), "2014-01-01T01:00:00+01:00") == _iso("2014-01-01T00:00:00Z")
    pattern = TimeColumn(column="t", format="%Y-%m-%d %H:%M %z")
    assert _us(pattern, "2014-01-01 01:00 +0100") == _iso("2014-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("2026-10-25 02:30:00", "comes twice"),
        ("2026-03-29 02:30:00", "does not exist"),
        ("yesterday", "Invalid isoformat"),
        ("", "Invalid isoformat"),
    ],
)
def test_a_local_time_that_is_none_or_two_is_refused_not_guessed(cell: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _us(TimeColumn(column="t", format="iso", zone="Europe/Berlin"), cell)


def test_a_naive_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        _us(TimeColumn(column="t", format="iso"), "2026-01-01T00:00:00")


@pytest.mark.parametrize(("unit", "factor"), [("s", 1_000_000), ("ms", 1_000), ("us", 1)])
def test_numbers_are_times_in_their_unit(unit: Any, factor: int) -> None:
    assert _us(TimeColumn(column="t", format="epoch", unit=unit), "1400000000") == 1_400_000_000 * factor


@given(
    st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2040-01-01")),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Etc/UTC", "Asia/Kathmandu"]),
)
def test_every_wall_time_is_read_as_the_one_instant_that_shows_it_or_refused(wall: datetime, name: str) -> None:
    column, zone = TimeColumn(column="t", format="iso", zone=name), ZoneInfo(name)
    hours = timedelta(hours=26)
    naive = wall.replace(fold=0)
    try:
        found = _us(column, naive.isoformat())
    except ValueError:
        offsets = {naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
        assert len(offsets) == 2
        return
    shown = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found)
    assert shown.astimezone(zone).replace(tzinfo=None, fold=0) == naive
    assert abs(shown.replace(tzinfo=None) - naive) < hours


def _refusal(text: str) -> list[Fault] | None:
    try:
        mapping.parse(text, "replay.yaml")
    except SpecError as refused:
        return refused.faults
    return None


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@given(st.sampled_from(sorted(_source() | {"events": 0, "coverage": 0, "where": 0, "end_of_log": 0})), _TREES)
def test_any_tree_in_any_place_is_read_or_refused_with_faults(key: str, tree: Any) -> None:
    text = yaml.safe_dump({"sources": [_source() | {key: tree}]}, allow_unicode=True)
    assert _refusal(text) != []
