"""`vouch export`: a file that says what is stored, that can be stored again, and that is there whole or not at all."""

import csv
import gzip
import os
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from services import backfill
from services.export import Order, run
from shared import fleet
from shared.clock import now_us
from shared.db import fleet as fleets
from shared.db.export import Window
from shared.db.pool import Connection, connect
from shared.errors import VouchError
from tests.integration.asking import HERON, furnished_database

HERON_1, ZEBRA_1 = "heron/heron-yard/heron-c1", "zebra/zebra-yard/zebra-c1"
Write = Callable[..., str]


@pytest.fixture(scope="module")
def furnished(admin_url: str, template: str) -> Iterator[str]:
    with furnished_database(admin_url, template) as url:
        yield url


@pytest.fixture(scope="module")
def owner(furnished: str) -> Iterator[Connection]:
    """Of one compressor more readings than a page has, of the other twelve."""
    with connect(furnished) as opened:
        opened.execute(
            "INSERT INTO reading SELECT %s, '2026-01-01Z'::timestamptz + i * interval '1 s', sqrt(i),"
            " (sqrt(i) > 280)::int FROM generate_series(0, 119999) i",
            (HERON.first_id,),
        )
        yield opened


@pytest.fixture
def write(owner: Connection, tmp_path: Path) -> Write:
    """`write(file, *assets, ...)` exports into a folder of the test's own."""

    def export(file: str, *assets: str, start: str | None = None, end: str | None = None, **more: object) -> str:
        window = Window(
            start=datetime.fromisoformat(start) if start else None, end=datetime.fromisoformat(end) if end else None
        )
        order = {"assets": assets, "sensors": None, "window": window, "out": tmp_path / file} | more
        return run(owner, Order(**order))  # pyright: ignore[reportArgumentType]

    return export


def readings(owner: Connection) -> list[tuple[int, str, float, int]]:
    return owner.execute("SELECT series_id, at::text, value, quality FROM reading ORDER BY 1, 2").fetchall()


@pytest.mark.parametrize("file", ["out.csv", "out.csv.gz", "out.parquet"])
def test_what_was_exported_can_be_stored_again_and_is_the_same(
    write: Write, owner: Connection, tmp_path: Path, file: str
) -> None:
    stored = readings(owner)
    said = write(file, HERON_1, ZEBRA_1, has_mapping=True)
    assert said == f"120,024 reading(s) of 2 sensor(s) in {tmp_path / file}"
    mapping = tmp_path / f"{file}.mapping.yaml"
    assert sorted(tmp_path.iterdir()) == [tmp_path / file, mapping]
    owner.execute("DELETE FROM reading")
    backfill.run(owner, backfill.Order(mapping=mapping, data=tmp_path), now_us)
    assert readings(owner) == stored


_OILED = """
customers: [{slug: c, name: C}]
sites: [{customer: c, slug: s, name: S}]
models:
  - slug: m
    name: M
    telemetry_hold_s: 60
    sensors: [{name: oil, unit: degC, reported_unit: degF, physical: [-40, 200], expected: [-40, 90]}]
assets: [{customer: c, site: s, slug: a, name: A, model: m}]
"""


@pytest.mark.parametrize("file", ["out.csv", "out.parquet"])
def test_what_was_converted_when_it_was_stored_is_not_converted_again(
    connection: Connection, tmp_path: Path, file: str
) -> None:
    fleets.save(connection, fleet.parse(_OILED, "test"))
    connection.execute(
        "INSERT INTO reading SELECT 1, '2026-01-01Z'::timestamptz + i * interval '1 s', (sqrt(i) - 32) * 5 / 9.0,"
        " 0 FROM generate_series(0, 9999) i"
    )
    stored = readings(connection)
    everything = Window(start=None, end=None)
    run(connection, Order(assets=["c/s/a"], sensors=None, window=everything, out=tmp_path / file, has_mapping=True))
    connection.execute("DELETE FROM reading")
    mapping = tmp_path / f"{file}.mapping.yaml"
    assert backfill.run(connection, backfill.Order(mapping=mapping, data=tmp_path), now_us) == 0
    assert readings(connection) == stored


def test_csv_states_machine_sensor_unit_and_zone(write: Write, tmp_path: Path) -> None:
    write("out.csv", ZEBRA_1, end="2026-03-14T02:00:00+01:00")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"asset": ZEBRA_1, "sensor": "power_kw", "unit": "kW", "at": "2026-03-14T00:00:00.000000Z",
         "value": "237.8125", "quality": "good"}
    ]  # fmt: skip


def test_parquet_states_units_and_zone(write: Write, tmp_path: Path) -> None:
    write("out.parquet", HERON_1, start="2026-01-02T00:26:40Z", end="2026-01-02T00:26:41Z")
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.schema.metadata[b"units"] == b'{"power_kw":"kW"}'
    assert table["at"].type == pa.timestamp("us", "UTC")
    assert table.drop("at").to_pylist() == [
        {"asset": HERON_1, "sensor": "power_kw", "unit": "kW", "value": 88_000**0.5, "quality": "uncertain"}
    ]


def test_events_are_exported_with_what_reaches_into_the_window(write: Write, tmp_path: Path) -> None:
    said = write("events.csv.gz", HERON_1, ZEBRA_1, start="2026-03-06T00:00:00Z", is_events=True)
    assert said.startswith("2 event(s) of 2 asset(s)")
    with gzip.open(tmp_path / "events.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["asset"], row["kind"], row["code"], row["end_at"]) for row in rows] == [
        (HERON_1, "interval", "down", "2026-03-07T06:00:00.000000Z"),
        (ZEBRA_1, "interval", "down", "2026-03-07T06:00:00.000000Z"),
    ]


@pytest.mark.parametrize(
    ("file", "asset", "more", "reason"),
    [
        ("a.csv", "heron/heron-yard/c9", {}, "no asset heron/heron-yard/c9"),
        ("a.csv", "heron-c1", {}, "customer/site/asset"),
        ("a.csv", HERON_1, {"sensors": ["power_kw", "speed"]}, "the sensor speed"),
        ("a.xlsx", HERON_1, {}, "'a.xlsx' must end in .csv, .csv.gz, .parquet"),
        ("nowhere/a.csv", HERON_1, {}, "there is no folder"),
        ("a.csv", HERON_1, {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T01:00:00+01:00"}, "--from"),
        ("a.csv", HERON_1, {"is_events": True, "sensors": ["power_kw"]}, "--events"),
    ],
)
def test_nonsense_is_refused_and_leaves_no_file(
    write: Write, tmp_path: Path, file: str, asset: str, more: dict[str, object], reason: str
) -> None:
    with pytest.raises(VouchError, match=reason):
        write(file, asset, **more)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_when_its_replacement_fails(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("as it was")
    monkeypatch.setattr("services.export.sink.os.fsync", _full)
    with pytest.raises(VouchError, match="No space left"):
        write("a.csv", HERON_1)
    assert (tmp_path / "a.csv").read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def _full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_the_command_writes_what_it_is_told(furnished: str, owner: Connection, tmp_path: Path) -> None:
    command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), "export", ZEBRA_1, "--out", "a.csv", "--sensor"]
    window = ["power_kw", "--from", "2026-03-14T10:00:00Z", "--to", "2026-03-14T12:00:00+00:00"]
    env = os.environ | {"VOUCH_DATABASE_URL": furnished, "COLUMNS": "300"}
    done = subprocess.run([*command, *window], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "2 reading(s) of 1 sensor(s) in a.csv\n"
    wrong = subprocess.run(
        [*command, "power_kw", "--from", "2026-03-14"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2
    assert "RFC 3339" in wrong.stderr
