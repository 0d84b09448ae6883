"""Indicators by the command and by the API: the same numbers, the same faults, nothing stored."""

import json
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.db.pool import Connection
from shared.indicators.registry import INDICATORS
from tests.integration.asking import asking, bearer, key

API = "/api/v1/indicators"
MTBF = {"T": 17520, "r": 4, "conf": 0.9}
COMMAND = str(Path(sysconfig.get_path("scripts")) / "vouch")


def vouch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `vouch` without any setting: no database is needed."""
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/usr/bin:/bin"}
    )


def evaluated(tmp_path: Path, name: str, inputs: object, *options: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "inputs.json"
    file.write_text(inputs if isinstance(inputs, str) else json.dumps(inputs), encoding="utf-8")
    return vouch("indicator", "evaluate", name, "--inputs", str(file), *options)


@pytest.fixture
async def client(connection: Connection, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    presented = key(connection, "admin")
    async with asking(database_url) as opened:
        opened.headers.update(bearer(presented))
        yield opened


def test_the_list_names_every_indicator_with_what_it_takes() -> None:
    told = vouch("indicator", "list").stdout
    for each in INDICATORS.values():
        assert f"{each.key}  [{each.standard}]" in told
        assert all(alias in told for wanted in each.inputs for alias in wanted.aliases)
    assert len(json.loads(vouch("indicator", "list", "--json").stdout)) == len(INDICATORS)


def test_the_example_that_is_shown_can_be_evaluated(tmp_path: Path) -> None:
    shown = vouch("indicator", "show", "mtbf").stdout
    assert "operating_h, T" in shown
    example = shown.strip().splitlines()[-1]
    told = evaluated(tmp_path, "mtbf@1", example)
    assert told.returncode == 0
    assert "lower                     1914.01798" in told.stdout
    assert json.loads(vouch("indicator", "show", "mtbf", "--json").stdout)["example"] == json.loads(example)


def test_faults_are_named_on_standard_error_with_exit_code_2(tmp_path: Path) -> None:
    refused = evaluated(tmp_path, "mtbf", {"T": -1, "conf": 2}, "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    for field in ("T: must be at least 0", "failures: missing (or r)", "conf: must be between 0 and 1"):
        assert field in refused.stderr
    assert evaluated(tmp_path, "mtbf", "{").returncode == 2
    assert "no indicator 'mtfb'" in evaluated(tmp_path, "mtfb", {}).stderr


def test_what_is_undefined_is_null_with_its_reason(tmp_path: Path) -> None:
    told = evaluated(tmp_path, "mtbf", {**MTBF, "r": 0}, "--json")
    assert json.loads(told.stdout)["results"]["mtbf"] == {"value": None, "unit": "h", "reason": "no_failures"}
    assert "undefined: no_failures" in evaluated(tmp_path, "mtbf", {**MTBF, "r": 0}).stdout


async def test_the_api_lists_explains_and_computes_what_the_command_does(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    page = (await client.get(API, params={"limit": 10})).json()
    listed: list[dict[str, Any]] = page["items"]
    while page["next"]:
        page = (await client.get(API, params={"limit": 10, "cursor": page["next"]})).json()
        listed += page["items"]
    assert {f"{each['name']}@{each['version']}" for each in listed} == set(INDICATORS)
    one = await client.get(f"{API}/mtbf")
    assert one.json() == json.loads(vouch("indicator", "show", "mtbf", "--json").stdout)
    answer = await client.post(f"{API}/mtbf@1/evaluate", json=MTBF)
    assert answer.status_code == 200
    told = json.loads(evaluated(tmp_path, "mtbf", MTBF, "--json").stdout)
    assert answer.json()["values"] == told["values"]
    assert answer.json()["results"]["mtbf"]["exact"] == "4380/1"


async def test_the_api_names_every_fault_of_a_body(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{API}/mtbf/evaluate", json={"T": -1, "conf": 0.9, "x": 1})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    faults = {fault["field"]: fault["reason"] for fault in answer.json()["errors"]}
    assert faults.keys() == {"T", "failures", "x"}
    for body in (b"", b"\xff", b"[]", b'{"T": NaN}', b'{"T": 1, "T": 2}', b" " * 300_000):
        assert (await client.post(f"{API}/mtbf/evaluate", content=body)).status_code == 422
    assert (await client.post(f"{API}/mtbf@9/evaluate", json=MTBF)).status_code == 404
    assert (await client.get(f"{API}/nothing")).status_code == 404


async def test_decimals_reach_the_formula_as_they_are_written(client: httpx.AsyncClient) -> None:
    inputs = {"available": 0.3, "unavailable": 0.1, "excluded": 0}
    answer = await client.post(f"{API}/time_availability/evaluate", json=inputs)
    assert answer.json()["results"]["deemed_available"]["exact"] == "3/4"


async def test_without_a_key_no_formula_is_told(client: httpx.AsyncClient) -> None:
    del client.headers["authorization"]
    for asked in (client.get(API), client.get(f"{API}/mtbf"), client.post(f"{API}/mtbf/evaluate", json=MTBF)):
        assert (await asked).status_code == 401
