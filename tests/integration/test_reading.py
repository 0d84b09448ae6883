"""Readings, latest values and charts through the API: in every format the same, and never behind what is stored."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from shared.db.pool import Connection, connect
from tests.integration import judging
from tests.integration.asking import HERON, ZEBRA, asking, bearer, furnished_database, key

ASSET = f"/api/v1/assets/{HERON.first_id}"
CHART = f"{ASSET}/chart"
READINGS = f"{ASSET}/readings"
DAY = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
SENSORS = {"sensor": ["flow", "heat"]}


@pytest.fixture(scope="module")
def furnished(admin_url: str, template: str) -> Iterator[str]:
    """Beside what there is of both customers a day of two sensors by the second, rolled up, with an hour of silence."""
    with furnished_database(admin_url, template) as url:
        with connect(url) as owner:
            for name in ("flow", "heat", "mute"):
                owner.execute(
                    "INSERT INTO sensor (customer_id, asset_id, name, unit) VALUES (%s, %s, %s, 'm³/h')",
                    (HERON.first_id, HERON.first_id, name),
                )
            owner.execute(
                "INSERT INTO reading SELECT s.id, '2026-03-01Z'::timestamptz + i * interval '1 second',"
                " 50 + 20 * sin(i / 997.0) + i % 13, (i % 100 = 0)::integer"
                " FROM sensor s, generate_series(0, 86399) i WHERE s.name = 'flow' AND i / 3600 <> 7"
                " UNION ALL SELECT s.id, '2026-03-01Z'::timestamptz + i * interval '1 minute', i, 0"
                " FROM sensor s, generate_series(0, 9) i WHERE s.name = 'heat'"
            )
            mark(owner, "2026-03-01", "2026-03-02")
        judging.judge(url, "2026-03-14T12:00:00")
        yield url


def mark(owner: Connection, start: str, end: str) -> None:
    """As ingest does beside what it stores."""
    owner.execute(
        "INSERT INTO dirty_batch (asset_id, start_at, end_at, marked_at)"
        " VALUES (%s, %s::timestamptz[], %s::timestamptz[], %s)",
        ([ZEBRA.first_id, HERON.first_id], [f"{start}Z"] * 2, [f"{end}Z"] * 2, "2026-03-14T12:00:00Z"),
    )


@pytest.fixture(scope="module")
def owner(furnished: str) -> Iterator[Connection]:
    with connect(furnished) as opened:
        yield opened


@pytest.fixture(scope="module")
def presented(owner: Connection) -> dict[str, str]:
    return bearer(key(owner, "customer", "heron"))


@pytest.fixture
async def client(furnished: str, presented: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(furnished) as opened:
        opened.headers = presented
        yield opened


async def ask(client: httpx.AsyncClient, path: str, accept: str = "application/json", **query: Any) -> httpx.Response:
    answer = await client.get(path, params=query, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == accept
    return answer


def table(answer: httpx.Response) -> pa.Table:
    """What a client with Arrow reads of an answer."""
    kind = answer.headers["content-type"]
    if kind == "application/vnd.apache.parquet":
        return parquet.read_table(io.BytesIO(answer.content))
    if kind == "application/vnd.apache.arrow.stream":
        return pa.ipc.open_stream(answer.content).read_all()
    times = csv.ConvertOptions(column_types={"at": pa.timestamp("us", "UTC"), "value": pa.float64()})
    return csv.read_csv(io.BytesIO(answer.content), convert_options=times)


TABLES = ["text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"]


# Readings


@pytest.mark.parametrize("accept", TABLES)
async def test_every_format_says_the_same_readings(client: httpx.AsyncClient, accept: str) -> None:
    items = (await ask(client, READINGS, limit=500, **SENSORS, **DAY)).json()["items"]
    found = table(await ask(client, READINGS, accept, limit=500, **SENSORS, **DAY))
    assert found.column_names == ["at", "sensor", "unit", "value", "quality"]
    assert found["at"].type == pa.timestamp("us", "UTC")
    assert set(found["unit"].to_pylist()) == {"m³/h"}
    said = [{**row, "at": row["at"].isoformat().replace("+00:00", "Z")} for row in found.drop("unit").to_pylist()]
    assert said == [{name: item[name] for name in ("at", "sensor", "value", "quality")} for item in items]
    assert {item["quality"] for item in items} == {"good", "uncertain"}


@pytest.mark.parametrize("accept", TABLES[1:])
async def test_a_file_says_the_units_of_its_sensors(client: httpx.AsyncClient, accept: str) -> None:
    found = table(await ask(client, READINGS, accept, **SENSORS, **DAY))
    assert found.schema.metadata[b"units"].decode() == '{"flow":"m³/h","heat":"m³/h"}'


@pytest.mark.parametrize("limit", [1, 7, 9, 10, 11])
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
async def test_the_link_leads_through_all_sensors(client: httpx.AsyncClient, limit: int, accept: str) -> None:
    until = {"from": DAY["from"], "to": "2026-03-01T00:00:10Z"}
    found: list[tuple[str, str]] = []
    answer = await ask(client, READINGS, accept, limit=limit, sensor=["flow", "heat", "mute", "flow"], **until)
    while True:
        rows = answer.json()["items"] if accept == "application/json" else table(answer).to_pylist()
        assert len(rows) <= limit
        found += [(row["sensor"], str(row["at"])) for row in rows]
        if "next" not in answer.links:
            break
        answer = await client.get(answer.links["next"]["url"], headers={"Accept": accept})
    assert [name for name, _ in found] == ["flow"] * 10 + ["heat"]
    assert found == sorted(set(found))


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    first = await ask(client, READINGS, limit=1, sensor="flow", **DAY)
    cursor = first.json()["next"]
    answer = await client.get(READINGS, params={"sensor": "heat", "cursor": cursor, **DAY})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize("path", [READINGS, CHART, f"{ASSET}/latest", "/api/v1/latest"])
async def test_another_format_is_not_to_be_had(client: httpx.AsyncClient, path: str) -> None:
    query = {} if "latest" in path else {"sensor": "flow"}
    answer = await client.get(path, params=query, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")
    assert "application/vnd.apache.parquet" in answer.json()["detail"]
    named = await client.get(path, params={**query, "format": "csv"}, headers={"Accept": "text/html"})
    assert (named.status_code, named.headers["content-type"]) == (200, "text/csv; charset=utf-8")


# Charts


def stored(owner: Connection, best: str, start: str = DAY["from"], end: str = DAY["to"]) -> tuple[str, float]:
    """The reading of flow that comes first in this order."""
    (row,) = owner.execute(
        f'SELECT to_char(r.at, \'YYYY-MM-DD"T"HH24:MI:SS"Z"\'), r.value FROM reading r JOIN sensor s ON s.id = r.series_id'  # noqa: E501
        f" WHERE s.name = 'flow' AND r.at >= %s AND r.at < %s ORDER BY {best} LIMIT 1",  # pyright: ignore[reportArgumentType]
        (start, end),
    ).fetchall()
    return row[0], row[1]


@pytest.mark.parametrize(("points", "source", "resolution_s"), [(10, "1h", 3600), (200, "1m", 60), (10_000, "raw", 0)])
async def test_a_chart_keeps_the_extremes_and_both_ends_whatever_it_is_drawn_from(
    client: httpx.AsyncClient, owner: Connection, points: int, source: str, resolution_s: int
) -> None:
    chart = (await ask(client, CHART, sensor="flow", points=points, **DAY)).json()
    assert (chart["source"], chart["resolution_s"], chart["unit"]) == (source, resolution_s, "m³/h")
    assert points * 0.5 < len(chart["at"]) <= points
    shown = list(zip(chart["at"], chart["value"], strict=True))
    assert shown[0] == stored(owner, "r.at")
    assert shown[-1] == stored(owner, "r.at DESC")
    values = [value for value in chart["value"] if value is not None]
    for best, order in ((min, "r.value"), (max, "r.value DESC")):
        at, value = stored(owner, order)
        assert best(values) == value
        apart = datetime.fromisoformat(at) - datetime.fromisoformat(chart["at"][chart["value"].index(value)])
        assert source != "raw" or apart.total_seconds() == 0
        assert 0 <= apart.total_seconds() < max(1, resolution_s)


@pytest.mark.parametrize("points", [200, 500, 10_000])
async def test_an_hour_of_silence_breaks_the_line_once(client: httpx.AsyncClient, points: int) -> None:
    chart = (await ask(client, CHART, sensor="flow", points=points, **DAY)).json()
    (gap,) = [place for place, value in enumerate(chart["value"]) if value is None]
    assert chart["at"][gap - 1] < chart["at"][gap] < chart["at"][gap + 1]
    assert "2026-03-01T06:5" in chart["at"][gap - 1]
    assert chart["at"][gap + 1].startswith("2026-03-01T08:0")


@pytest.mark.parametrize("points", [10, 200, 10_000])
async def test_a_late_reading_is_in_the_chart_before_it_is_rolled_up_and_after(
    client: httpx.AsyncClient, owner: Connection, furnished: str, points: int
) -> None:
    late, value = f"2026-03-01T13:07:{points % 60:02}.5", 1_000.0 + points
    owner.execute("INSERT INTO reading SELECT s.id, %s, %s, 0 FROM sensor s WHERE s.name = 'flow'", (f"{late}Z", value))
    mark(owner, "2026-03-01 13:07", "2026-03-01 13:08")
    before = (await ask(client, CHART, sensor="flow", points=points, **DAY)).json()
    assert (max(filter(None, before["value"])), before["stale"]) == (value, [])
    assert before["at"][before["value"].index(value)].startswith(late)
    await asyncio.to_thread(judging.judge, furnished, "2026-03-14T12:00:00")
    after = (await ask(client, CHART, sensor="flow", points=points, **DAY)).json()
    assert max(filter(None, after["value"])) == value
    assert after["source"] == before["source"]


async def test_a_chart_where_too_much_waits_says_where_it_is_behind(
    client: httpx.AsyncClient, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.chart.curve.MOST_READINGS", 10_000)
    mark(owner, "2026-03-01", "2026-03-02")
    try:
        answer = await ask(client, CHART, sensor="flow", points=200, **DAY)
        (stale,) = answer.json()["stale"]
        assert stale == {"from": "2026-03-01T00:01:00Z", "to": "2026-03-01T23:59:00Z"}
        assert answer.headers["Vouch-Stale"] == f"{stale['from']}/{stale['to']}"
    finally:
        owner.execute("DELETE FROM dirty_batch")


@pytest.mark.parametrize("accept", TABLES)
async def test_every_format_says_the_same_chart(client: httpx.AsyncClient, accept: str) -> None:
    chart = (await ask(client, CHART, sensor="flow", points=200, **DAY)).json()
    answer = await ask(client, CHART, accept, sensor="flow", points=200, **DAY)
    found = table(answer)
    assert found["value"].to_pylist() == chart["value"]
    assert [at.isoformat().replace("+00:00", "Z") for at in found["at"].to_pylist()] == chart["at"]
    assert set(found["unit"].to_pylist()) == {"m³/h"}
    assert answer.headers["Vouch-Source"] == chart["source"]


async def test_a_chart_of_nothing_has_no_points(client: httpx.AsyncClient) -> None:
    chart = (await ask(client, CHART, sensor="mute", **DAY)).json()
    assert (chart["at"], chart["value"], chart["stale"]) == ([], [], [])


# Latest


async def test_the_latest_of_every_sensor_comes_with_its_age(client: httpx.AsyncClient) -> None:
    found = {item["sensor"]: item for item in (await ask(client, f"{ASSET}/latest")).json()["items"]}
    assert found["power_kw"] == {
        "asset": HERON.first_id, "sensor": "power_kw", "unit": "kW", "at": "2026-03-14T11:00:00Z", "value": 151.5,
        "quality": "good", "age_s": 3600.0,
    }  # fmt: skip
    assert (found["mute"]["at"], found["mute"]["value"], found["mute"]["age_s"]) == (None, None, None)


async def test_pages_of_the_latest_together_are_all_sensors_one_sees(client: httpx.AsyncClient) -> None:
    names: list[str] = []
    answer = await ask(client, "/api/v1/latest", limit=1)
    while True:
        names += [item["sensor"] for item in answer.json()["items"]]
        if "next" not in answer.links:
            break
        answer = await client.get(answer.links["next"]["url"])
    assert sorted(names) == ["flow", "heat", "mute", "power_kw"]


# Below the API


@pytest.mark.parametrize(
    "query",
    [
        "SELECT sum(cardinality(at)) FROM vouch_series_columns(%s, 'raw', '{-infinity}', '{infinity}', 100)",
        "SELECT sum(cardinality(at)) FROM vouch_series_columns(%s, '1h', '{-infinity}', '{infinity}', 100)",
        "SELECT count(*) FROM vouch_series_outline(%s, '-infinity', 'infinity')",
        "SELECT count(*) FROM vouch_readings(%s, '-infinity', 'infinity', 100)",
    ],
)
def test_a_series_is_reached_by_whoever_sees_its_sensor_alone(furnished: str, query: str) -> None:
    with psycopg.connect(furnished, autocommit=True, options="-c role=vouch_api") as as_api:

        def count(series_id: int) -> int:
            row = as_api.execute(query, (series_id,)).fetchone()  # pyright: ignore[reportArgumentType]
            assert row is not None
            return row[0] or 0

        assert count(HERON.first_id) == 0
        as_api.execute("SELECT set_config('vouch.customers', %s, false)", (str(HERON.first_id),))
        assert count(HERON.first_id) > 0
        assert count(ZEBRA.first_id) == 0
        as_api.execute("SELECT set_config('vouch.customers', '*', false)")
        assert count(ZEBRA.first_id) > 0


@pytest.mark.parametrize(
    "function",
    [
        "vouch_series_outline(integer, timestamptz, timestamptz)",
        "vouch_series_columns(integer, text, timestamptz[], timestamptz[], integer)",
        "vouch_readings(integer, timestamptz, timestamptz, integer)",
    ],
)
def test_nobody_but_the_api_may_call_what_reads_readings(owner: Connection, function: str) -> None:
    owner.execute("CREATE ROLE vouch_reading_stranger")
    try:
        query = "SELECT has_function_privilege('vouch_reading_stranger', %s, 'EXECUTE')"
        assert owner.execute(query, (function,)).fetchone() == (False,)
    finally:
        owner.execute("DROP ROLE vouch_reading_stranger")
