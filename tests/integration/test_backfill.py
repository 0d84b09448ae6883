"""`vouch backfill`: recorded files become the rows that live messages would have become, once, however interrupted."""

import gzip
import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from services.backfill import Order, run
from services.cli import app
from services.devices import columnar
from services.ingest.replays import Outcome, Replay
from shared import fleet
from shared.clock import now_us
from shared.db import backfills, catalog, quarantine
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect
from shared.errors import SpecError, VouchError
from shared.instant import from_us
from tests.integration import judging
from tests.integration.asking import asking, bearer, key
from tests.waiting import wait_for

_VOUCH = Path(sysconfig.get_path("scripts")) / "vouch"
_S = 1_767_225_600
_FLEET = """
customers: [{slug: c, name: C}, {slug: other, name: Other}]
sites: [{customer: c, slug: s, name: S}]
models:
  - slug: m
    name: M
    telemetry_hold_s: 60
    sensors: [{name: p, unit: kW, physical: [0, 400]}, {name: q, unit: degC, expected: [0, 50]}]
assets:
  - {customer: c, site: s, slug: a, name: A, model: m}
  - {customer: c, site: s, slug: b, name: B, model: m}
"""
_WHO = {"customer": "c", "site": "s", "column": "who", "values": {"1": "a", "2": "b"}}
_ASSET = {"customer": "c", "site": "s", "asset": "a"}
_READINGS = {"asset": _WHO, "readings": {"P": {"sensor": "p"}, "Q": {"sensor": "q"}}}
_EVENTS = {"asset": _ASSET, "events": {"kind": "interval", "code": ["code"], "end": "end"}}
Backfill = Callable[..., str]
Rows = list[tuple[Any, ...]]


@pytest.fixture(autouse=True)
def _fleet(connection: Connection) -> None:
    fleets.save(connection, fleet.parse(_FLEET, "test"))


@pytest.fixture
def backfill(database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Backfill:
    """Backfills files of `tmp_path` under a mapping of sources; what was printed."""

    def go(*sources: dict[str, Any], reason: str | None = None, from_start: bool = False) -> str:
        with connect(database_url) as own:
            mapping = _mapped(tmp_path, *sources)
            run(own, Order(mapping=mapping, data=tmp_path, reason=reason, from_start=from_start), now_us)
        told = capsys.readouterr()
        return told.err + told.out

    return go


def _mapped(folder: Path, *sources: dict[str, Any]) -> Path:
    time = {"time": {"column": "t", "format": "epoch", "unit": "s"}}
    file = folder / "mapping.yaml"
    file.write_text(json.dumps({"sources": [time | source for source in sources]}), encoding="utf-8")
    return file


def _table(folder: Path, name: str, *rows: str, header: str = "t,who,P,Q") -> str:
    text = "\n".join([header, *rows]) + "\n"
    (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return name


def _readings(connection: Connection) -> Rows:
    return connection.execute(
        "SELECT a.slug, n.name, extract(epoch FROM r.at)::integer, r.value, r.quality FROM reading r"
        " JOIN sensor n ON n.id = r.series_id JOIN asset a ON a.id = n.asset_id ORDER BY 1, 2, 3"
    ).fetchall()


def _clean(connection: Connection) -> None:
    """As analytics leaves it: nothing is to be derived."""
    connection.execute("DELETE FROM dirty_window")
    connection.execute("DELETE FROM dirty_batch")


def _everything(connection: Connection) -> list[Rows]:
    tables = ("reading", "asset_event", "quarantine", "reading_superseded", "event_superseded", "dirty_mark")
    return [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2".encode()).fetchall() for table in tables]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
def test_rows_become_readings_of_their_machines_and_mark_what_they_touch(
    connection: Connection, backfill: Backfill, tmp_path: Path, name: str
) -> None:
    _table(tmp_path, "a.csv" if name.endswith("t") else name, f"{_S},1,1.5,60", f"{_S},2,2.5,", f"{_S + 60},1,3,4")
    if name == "a.parquet":
        pq.write_table(arrow_csv.read_csv(tmp_path / "a.csv"), tmp_path / name)
    told = backfill({"files": [name], **_READINGS})
    assert _readings(connection) == [
        ("a", "p", _S, 1.5, 0), ("a", "p", _S + 60, 3, 0), ("a", "q", _S, 60, 1), ("a", "q", _S + 60, 4, 0),
        ("b", "p", _S, 2.5, 0),
    ]  # fmt: skip
    assert "stored: 5 readings, 0 events" in told
    marked = connection.execute("SELECT asset_id, max(end_at) FROM dirty_mark GROUP BY 1 ORDER BY 1").fetchall()
    assert marked == [(1, from_us((_S + 120) * 1_000_000)), (2, from_us((_S + 60) * 1_000_000))]
    heard = connection.execute("SELECT last_heard_at, last_fact_at FROM asset_status ORDER BY asset_id").fetchall()
    assert heard == [(None, from_us((_S + 60) * 1_000_000)), (None, from_us(_S * 1_000_000))]


def test_bad_rows_are_reported_and_bad_values_quarantined_as_they_would_have_been_live(
    connection: Connection, backfill: Backfill, tmp_path: Path
) -> None:
    rows = [f"{_S},1,1,1", "soon,1,1,1", f"{_S},9,1,1", f"{_S + 1},1,hot,2", f"{_S + 2},1,4000,3", f"{_S},1,7,1"]
    _table(tmp_path, "a.csv", *rows, "100,2,1,1")
    told = backfill({"files": ["a.csv"], **_READINGS})
    assert "a.csv, line 3: " in told
    assert "a.csv, line 4: column 'who': no asset is named for '9'" in told
    assert "7 rows read, 0 left out, 2 bad" in told
    found = connection.execute("SELECT reason, detail, topic, payload FROM quarantine ORDER BY reason").fetchall()
    assert [row[0] for row in found] == [
        "conflicting_reading", "out_of_physical_range", "time_implausible", "value_not_a_number",
    ]  # fmt: skip
    assert found[3][1:] == (
        'values.p: "hot" is not a number', "vouch/v1/c/s/a/telemetry",
        b'{"ts":%d,"values":{"p":"hot","q":2.0}}' % ((_S + 1) * 1_000),
    )  # fmt: skip
    assert found[0][1].startswith("values.p: 7.0 is not what was reported before for 2026-01-01T00:00:00")
    assert [row[3] for row in _readings(connection)] == [1, 1, 2, 3]


def test_events_of_several_files_are_stored_with_their_order(
    connection: Connection, backfill: Backfill, tmp_path: Path
) -> None:
    header = "t,end,code"
    _table(tmp_path, "1.csv", f"{_S},{_S + 10},stop", f"{_S + 20},,stop", header=header)
    _table(tmp_path, "2.csv", f"{_S + 20},{_S + 30},other", header=header)
    assert "0 readings, 3 events" in backfill({"files": ["1.csv", "2.csv"], **_EVENTS})
    events = "SELECT code, seq, end_at IS NULL FROM asset_event ORDER BY seq"
    assert connection.execute(events).fetchall() == [("stop", 1, False), ("stop", 2, True), ("other", 3, False)]


def test_values_in_their_stored_unit_stay_so_also_when_they_come_back_from_the_quarantine(
    connection: Connection, backfill: Backfill, tmp_path: Path
) -> None:
    oil = "{name: q, unit: degC, expected: [0, 50]}"
    assert oil in _FLEET
    narrow = _FLEET.replace(oil, "{name: q, unit: degC, reported_unit: degF, physical: [0, 50]}")
    fleets.save(connection, fleet.parse(narrow.replace("[0, 400]", "[0, 4]"), "test"))
    _table(tmp_path, "a.csv", f"{_S},1,212,0.1", f"{_S + 1},1,1,77.7", f"{_S + 2},1,hot,40.3", f"{_S + 3},1,9,10.1")
    stored = {"P": {"sensor": "p"}, "Q": {"sensor": "q", "unit": "stored"}}
    backfill({"files": ["a.csv"], "asset": _WHO, "readings": stored})
    assert [row[3] for row in _readings(connection) if row[1] == "q"] == [0.1, 40.3, 10.1]
    fleets.save(connection, fleet.parse(narrow.replace("[0, 50]", "[0, 90]"), "test"))
    replay = Replay(
        connection=connection, known=catalog.load(connection), by="b", now_us=now_us(), max_payload_bytes=1_048_576
    )
    assert replay.run(quarantine.matching(connection, quarantine.Filter())) == Outcome(
        messages=4, resolved=3, failing=1
    )
    assert [row[3] for row in _readings(connection)] == [212, 1, 9, 0.1, 77.7, 40.3, 10.1]


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([{"files": ["a.csv"], **_READINGS}], "2 refused by an earlier run"),
        ([{"files": ["e.csv"], **_EVENTS}], "1 refused by an earlier run"),
    ],
)
def test_the_exit_code_is_1_until_everything_named_is_stored(
    vouch_env: dict[str, str], tmp_path: Path, sources: list[dict[str, Any]], said: str
) -> None:
    def ended(*options: str) -> tuple[int, str]:
        command = [_VOUCH, "backfill", _mapped(tmp_path, *sources), "--data", tmp_path, *options]
        done = subprocess.run(command, env=vouch_env, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    _table(tmp_path, "a.csv", f"{_S},1,1,1", "soon,1,1,1", f"{_S + 1},1,hot,")
    _table(tmp_path, "e.csv", f"{_S},{_S + 10},stop", f"soon,{_S},x", f"{_S},{_S - 9},stop", header="t,end,code")
    assert ended()[0] == 1
    code, told = ended()
    assert (code, said in told) == (1, True)
    code, told = ended("--from-start")
    assert (code, "not stored: " in told, said in told) == (1, True, False)
    _table(tmp_path, "a.csv", f"{_S},1,1,1")
    _table(tmp_path, "e.csv", f"{_S},{_S + 10},stop", header="t,end,code")
    assert [ended()[0], ended()[0]] == [0, 0]


def test_running_it_twice_changes_nothing(connection: Connection, backfill: Backfill, tmp_path: Path) -> None:
    _table(tmp_path, "a.csv", f"{_S},1,1,1", f"{_S},1,2,hot", f"{_S + 1},2,999,1")
    _table(tmp_path, "e.csv", f"{_S},{_S + 10},stop", f"{_S},{_S + 9},stop", header="t,end,code")
    sources = ({"files": ["a.csv"], **_READINGS}, {"files": ["e.csv"], **_EVENTS})
    backfill(*sources)
    _clean(connection)
    before = _everything(connection)
    told = backfill(*sources)
    assert "(3 stored by an earlier run)" in told
    assert _everything(connection) == before
    told = backfill(*sources, from_start=True)
    assert "stored: 0 readings, 0 events; 5 were there already" in told
    assert _everything(connection) == before


def test_a_file_that_has_changed_is_read_from_its_start(
    connection: Connection, backfill: Backfill, tmp_path: Path
) -> None:
    source = {"files": [_table(tmp_path, "a.csv", f"{_S},1,1,", f"{_S + 1},1,1,")], **_READINGS}
    backfill(source)
    _table(tmp_path, "a.csv", f"{_S + 7},1,1,", f"{_S + 1},1,1,")
    assert "stored: 1 readings, 0 events; 1 were there already" in backfill(source)
    assert [row[2] for row in _readings(connection)] == [_S, _S + 1, _S + 7]


def test_killed_at_any_time_it_goes_on_where_it_was(
    connection: Connection, vouch_env: dict[str, str], tmp_path: Path
) -> None:
    rows = 300_000
    table = "\n".join(f"{_S + number},1,{number % 400},{number % 50}" for number in range(rows))
    (tmp_path / "a.csv").write_text(f"t,who,P,Q\n{table}\n")
    mapping = _mapped(tmp_path, {"files": ["a.csv"], **_READINGS})
    command = [_VOUCH, "backfill", mapping, "--data", tmp_path]
    done = "SELECT coalesce(max(row_count), 0) FROM backfill_position"

    def reached() -> int:
        [(count,)] = connection.execute(done.encode()).fetchall()
        return count

    for _ in range(2):
        before = reached()
        with subprocess.Popen(command, env=vouch_env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_for(lambda least=before: reached() > least, what="some rows to be stored")
            process.kill()
    assert reached() < rows
    [(stored,)] = connection.execute("SELECT count(*) FROM reading").fetchall()
    assert stored == 2 * reached()
    ended = subprocess.run(command, env=vouch_env, capture_output=True, text=True, timeout=100, check=True)
    assert "stored by an earlier run" in ended.stdout
    assert connection.execute("SELECT count(*), count(DISTINCT (series_id, at)) FROM reading").fetchall() == [
        (2 * rows, 2 * rows)
    ]


async def test_corrections_replace_what_was_reported_and_say_so(
    connection: Connection, database_url: str, backfill: Backfill, tmp_path: Path
) -> None:
    readings = {"files": ["a.csv"], **_READINGS}
    events = {"files": ["e.csv"], **_EVENTS}
    _table(tmp_path, "a.csv", f"{_S},1,1,60", f"{_S + 60},1,2,3")
    _table(tmp_path, "e.csv", f"{_S},{_S + 10},stop", header="t,end,code")
    backfill(readings, events)
    _table(tmp_path, "a.csv", f"{_S},1,1,6", f"{_S + 60},1,5,3")
    _table(tmp_path, "e.csv", f"{_S},{_S + 99},stop", header="t,end,code")
    backfill(readings, events)
    assert [row[3:] for row in _readings(connection)] == [(1, 0), (2, 0), (60, 1), (3, 0)]
    _clean(connection)
    assert "3 corrected, 0 in conflict; 0 quarantined" in backfill(readings, events, reason="the scale was wrong")
    assert [row[3:] for row in _readings(connection)] == [(1, 0), (5, 0), (6, 0), (3, 0)]
    assert connection.execute("SELECT end_at FROM asset_event").fetchall() == [(from_us((_S + 99) * 1_000_000),)]
    marked = connection.execute("SELECT DISTINCT asset_id, max(end_at) FROM dirty_mark GROUP BY 1").fetchall()
    assert marked == [(1, from_us((_S + 120) * 1_000_000))]
    before = _everything(connection)
    backfill(readings, events, reason="again", from_start=True)
    assert _everything(connection) == before
    async with asking(database_url) as client:
        client.headers = bearer(key(connection, "customer", "c"))
        told = (await client.get("/api/v1/assets/1/corrections")).json()["items"]
        assert [(one["kind"], one["sensor"], one["old_value"], one["new_value"]) for one in told] == [
            ("event", None, None, None), ("reading", "q", 60, 6), ("reading", "p", 2, 5),
        ]  # fmt: skip
        assert told[0]["old_end"] < told[0]["new_end"]
        assert {(one["reason"], one["source"]) for one in told} == {
            ("the scale was wrong", "a.csv"), ("the scale was wrong", "e.csv"),
        }  # fmt: skip
        first = (await client.get("/api/v1/assets/1/corrections", params={"limit": 1})).json()
        rest = await client.get("/api/v1/assets/1/corrections", params={"cursor": first["next"]})
        assert first["items"] + rest.json()["items"] == told
        client.headers = bearer(key(connection, "customer", "other"))
        assert (await client.get("/api/v1/assets/1/corrections")).status_code == 404


@pytest.mark.parametrize("most_bytes", [1 << 18, 16])
def test_a_file_that_contradicts_itself_corrects_once_and_the_rest_is_quarantined(
    connection: Connection, backfill: Backfill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    monkeypatch.setattr(columnar, "_FIRST_BYTES", most_bytes)
    _table(tmp_path, "a.csv", f"{_S},1,1,")
    backfill({"files": ["a.csv"], **_READINGS})
    _table(tmp_path, "b.csv", f"{_S},1,2,", f"{_S},1,3,")
    for _ in range(2):
        backfill({"files": ["b.csv"], **_READINGS}, reason="x", from_start=True)
        assert [row[3] for row in _readings(connection)] == [2]
        assert connection.execute("SELECT old_value, new_value FROM reading_superseded").fetchall() == [(1, 2)]
        assert connection.execute("SELECT count(*) FROM quarantine").fetchall() == [(1,)]


def test_machines_and_sensors_the_fleet_does_not_have_are_named_before_anything_is_stored(
    connection: Connection, backfill: Backfill, tmp_path: Path
) -> None:
    _table(tmp_path, "a.csv", f"{_S},1,1,1")
    who = {**_WHO, "values": {"1": "a", "2": "z"}}
    with pytest.raises(SpecError) as refused:
        backfill({"files": ["a.csv"], "asset": who, "readings": {"P": {"sensor": "p"}, "Q": {"sensor": "oil"}}})
    assert str(refused.value).splitlines()[1:] == [
        "  sources[0].readings.Q: c/s/a has no sensor 'oil'",
        "  sources[0].asset: the fleet has no c/s/z",
    ]
    assert _readings(connection) == []


def test_a_second_backfill_is_refused_while_one_runs(
    connection: Connection, backfill: Backfill, tmp_path: Path
) -> None:
    backfills.begin(connection)
    with pytest.raises(VouchError, match="another backfill is writing"):
        backfill({"files": [_table(tmp_path, "a.csv", f"{_S},1,1,1")], **_READINGS})


def test_it_rests_when_others_have_written_and_not_for_its_own(connection: Connection, database_url: str) -> None:
    with connect(database_url) as own:
        backfills.begin(own)
        assert not backfills.others_wrote(own)
        judging.readings(connection, 1, "p", {"2026-01-01": 1})
        judging.readings(own, 1, "p", {"2026-01-02": 1})
        assert backfills.others_wrote(own)
        judging.readings(own, 1, "p", {"2026-01-03": 1})
        assert not backfills.others_wrote(own)


@pytest.mark.parametrize("arguments", [["--supersede"], ["--reason", "x"], ["--supersede", "--reason", " "]])
def test_a_correction_needs_a_reason_and_a_reason_a_correction(tmp_path: Path, arguments: list[str]) -> None:
    file = _mapped(tmp_path, {"files": ["a.csv"], **_READINGS})
    answer = CliRunner().invoke(app, ["backfill", str(file), "--data", str(tmp_path), *arguments])
    assert isinstance(answer.exception, VouchError)
    assert "--reason: goes with --supersede" in str(answer.exception)
