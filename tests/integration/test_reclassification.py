"""Reclassification as people meet it: over the API, each for its side, and by the command."""

import subprocess
import sysconfig
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.db import principals
from shared.db.pool import Connection
from tests.integration.asking import asking, bearer
from tests.integration.judging import FLEET, interval, judge, load, state, us

NOW = "2026-03-14T12:00:00"
SAID = {
    "category": "OEL",
    "cause": "grid_outage",
    "party": "third_party",
    "evidence": "the grid operator's notice",
    "urls": ["https://example.org/notice/7"],
}
WHY = {"why": "the notice says otherwise"}


@pytest.fixture
def c1(connection: Connection) -> int:
    return load(connection, FLEET, contract_text=None)["c1"]


@pytest.fixture
def keys(connection: Connection, c1: int) -> dict[str, str]:
    """A key of each role; the customer's sees its own machines only."""
    connection.execute("INSERT INTO customer (slug, name) VALUES ('other', 'Other')")
    made = {
        "admin": ("admin", []),
        "engineer": ("service_engineer", []),
        "manager": ("account_manager", []),
        "customer": ("customer", ["lechtal"]),
        "stranger": ("customer", ["other"]),
    }
    return {
        name: principals.create_key(connection, name=name, role=role, customers=customers, now_us=us(NOW))
        for name, (role, customers) in made.items()
    }


@pytest.fixture
async def client(database_url: str, keys: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(database_url) as opened:
        yield opened


@pytest.fixture
def event_id(connection: Connection, c1: int) -> int:
    interval(connection, c1, "2026-03-01T08:00:00", "2026-03-01T10:00:00", "down")
    [(found,)] = connection.execute("SELECT id FROM asset_event").fetchall()
    return found


class Asker:
    """Asks as somebody; each request under a key of its own unless one is given."""

    def __init__(self, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self._client, self._keys, self._count = client, keys, 0

    async def post(self, who: str, path: str, body: dict[str, Any], key: str | None = None) -> httpx.Response:
        self._count += 1
        headers = bearer(self._keys[who]) | {"Idempotency-Key": key or f"key-{self._count}"}
        return await self._client.post(f"/api/v1/{path}", json=body, headers=headers)

    async def get(self, who: str, path: str, **query: str) -> httpx.Response:
        return await self._client.get(f"/api/v1/{path}", params=query, headers=bearer(self._keys[who]))


@pytest.fixture
def asker(client: httpx.AsyncClient, keys: dict[str, str]) -> Asker:
    return Asker(client, keys)


async def test_a_part_of_an_event_is_proposed_disputed_and_ruled_and_every_step_is_on_record(
    asker: Asker, connection: Connection, c1: int, event_id: int
) -> None:
    part = {**SAID, "event_id": event_id, "from": "2026-03-01T09:00:00Z"}
    proposed = (await asker.post("engineer", f"assets/{c1}/reclassifications", part)).json()
    assert (proposed["from"], proposed["to"]) == ("2026-03-01T09:00:00Z", "2026-03-01T10:00:00Z")
    number = proposed["id"]
    disputed = await asker.post("customer", f"reclassifications/{number}/dispute", WHY)
    assert disputed.json()["status"] == "disputed"
    ruled = await asker.post("admin", f"reclassifications/{number}/rule", {"why": "half", "party": "customer"})
    assert ruled.status_code == 200, ruled.text
    steps = [(s["status"], s["side"], s["by"], s["category"], s["party"]) for s in ruled.json()["steps"]]
    assert steps == [
        ("proposed", "supplier", "engineer", None, None),
        ("disputed", "customer", "customer", None, None),
        ("ruled", "expert", "admin", "OEL", "customer"),
    ]
    [listed] = (await asker.get("customer", f"assets/{c1}/reclassifications", status="ruled")).json()["items"]
    assert listed == ruled.json()
    assert (await asker.get("manager", f"assets/{c1}/reclassifications", status="proposed")).json()["items"] == []
    assert (await asker.get("customer", f"reclassifications/{number}")).json() == listed


async def test_who_proposed_cannot_accept_and_who_did_not_cannot_withdraw(asker: Asker, c1: int, event_id: int) -> None:
    proposed = await asker.post("customer", f"assets/{c1}/reclassifications", {**SAID, "event_id": event_id})
    path = f"reclassifications/{proposed.json()['id']}"
    for who, action in (("customer", "accept"), ("customer", "dispute"), ("engineer", "withdraw"), ("admin", "accept")):
        refused = await asker.post(who, f"{path}/{action}", WHY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict"), action
    for who in ("customer", "engineer", "manager"):
        assert (await asker.post(who, f"{path}/rule", WHY)).status_code == 409
    assert (await asker.post("manager", f"{path}/accept", WHY)).json()["status"] == "accepted"
    assert (await asker.post("customer", f"{path}/withdraw", WHY)).status_code == 409
    refused = await asker.post("admin", f"assets/{c1}/reclassifications", {**SAID, "event_id": event_id})
    assert refused.status_code == 409


async def test_the_same_key_is_carried_out_once_and_for_nothing_else(
    asker: Asker, connection: Connection, c1: int, event_id: int
) -> None:
    body, path = {**SAID, "event_id": event_id}, f"assets/{c1}/reclassifications"
    first = await asker.post("engineer", path, body, key="a")
    again = await asker.post("engineer", path, body, key="a")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    number = first.json()["id"]
    accepted = await asker.post("customer", f"reclassifications/{number}/accept", WHY, key="a")
    repeated = await asker.post("customer", f"reclassifications/{number}/accept", WHY, key="a")
    assert (accepted.status_code, accepted.json()) == (200, repeated.json())
    assert (await asker.post("customer", f"reclassifications/{number}/dispute", WHY, key="a")).status_code == 409
    assert connection.execute("SELECT count(*) FROM reclassification_step").fetchall() == [(2,)]


async def test_a_customer_sees_and_touches_its_own_only(asker: Asker, c1: int, event_id: int) -> None:
    proposed = await asker.post("engineer", f"assets/{c1}/reclassifications", {**SAID, "event_id": event_id})
    number = proposed.json()["id"]
    assert (await asker.get("stranger", f"assets/{c1}/reclassifications")).status_code == 404
    assert (await asker.get("stranger", f"reclassifications/{number}")).status_code == 404
    assert (await asker.get("stranger", "reclassifications")).json()["items"] == []
    assert [one["id"] for one in (await asker.get("manager", "reclassifications")).json()["items"]] == [number]
    assert (await asker.get("stranger", f"events/{event_id}")).status_code == 404
    for action in ("accept", "dispute", "rule", "withdraw"):
        assert (await asker.post("stranger", f"reclassifications/{number}/{action}", WHY)).status_code == 404
    body = {**SAID, "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
    assert (await asker.post("stranger", f"assets/{c1}/reclassifications", body)).status_code == 404
    assert [one["status"] for one in (await asker.get("customer", f"reclassifications/{number}")).json()["steps"]] == [
        "proposed"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"party": "disputed"},
        {"category": "XX"},
        {"cause": "Grid outage"},
        {"evidence": " "},
        {"urls": ["javascript:alert(1)"]},
        {"from": "2026-03-01T07:00:00Z"},
        {"to": "2026-03-01T10:00:01Z"},
        {"from": "2026-03-01T09:00:00Z", "to": "2026-03-01T09:00:00Z"},
        {"event_id": None},
        {"event_id": None, "from": "2026-03-01T00:00:00Z", "to": "2026-03-15T00:00:00Z"},
        {"whatever": 1},
    ],
)
async def test_what_cannot_be_said_is_refused(asker: Asker, c1: int, event_id: int, wrong: dict[str, Any]) -> None:
    answer = await asker.post("engineer", f"assets/{c1}/reclassifications", {**SAID, "event_id": event_id} | wrong)
    assert answer.status_code == 422, answer.text


async def test_an_event_of_another_machine_is_none_of_this_one(
    asker: Asker, connection: Connection, c1: int, event_id: int
) -> None:
    [(c2,)] = connection.execute("SELECT id FROM asset WHERE slug = 'c2'").fetchall()
    answer = await asker.post("engineer", f"assets/{c2}/reclassifications", {**SAID, "event_id": event_id})
    assert answer.status_code == 404
    ruling = {"why": "x", "upheld": False, "party": "customer"}
    assert (await asker.post("admin", "reclassifications/1/rule", ruling)).status_code == 422


async def test_the_timeline_says_what_was_reported_and_leads_to_the_message(
    asker: Asker, connection: Connection, database_url: str, c1: int, event_id: int
) -> None:
    proposed = await asker.post("engineer", f"assets/{c1}/reclassifications", {**SAID, "event_id": event_id})
    number = proposed.json()["id"]
    await asker.post("customer", f"reclassifications/{number}/accept", WHY)
    await _judged(database_url)
    span = {"from": "2026-03-01T08:00:00Z", "to": "2026-03-01T10:00:00Z"}
    [stretch] = (await asker.get("customer", f"assets/{c1}/timeline", **span)).json()["items"]
    assert (stretch["category"], stretch["reclassification_id"]) == ("OEL", number)
    assert stretch["reported"] == {"category": "FO", "cause": "broken", "party": "supplier"}
    event = (await asker.get("customer", f"events/{stretch['event_id']}")).json()
    assert (event["code"], event["asset_id"], event["payload_text"]) == ("down", c1, "")


async def test_a_timeline_as_of_a_time_says_what_was_known_then(
    asker: Asker, connection: Connection, database_url: str, c1: int, event_id: int
) -> None:
    state(connection, c1, "2026-03-01T10:00:00", "up")
    connection.execute("UPDATE code_version SET recorded_at = '2026-01-01'")
    span = {"from": "2026-03-01T08:00:00Z", "to": "2026-03-01T12:00:00Z"}

    async def causes(as_of: str) -> list[str]:
        answer = await asker.get("customer", f"assets/{c1}/timeline", **span, as_of=as_of)
        assert answer.status_code == 200, answer.text
        return [stretch["cause"] for stretch in answer.json()["items"]]

    assert await causes("2026-03-01T09:00:00Z") == ["no_data"]
    assert await causes("2026-03-02T00:00:00Z") == ["broken", "running"]
    long = {"from": "2026-01-01T00:00:00Z", "as_of": "2026-03-02T00:00:00Z"}
    assert (await asker.get("customer", f"assets/{c1}/timeline", **long)).status_code == 422


async def _judged(database_url: str) -> None:
    import asyncio

    await asyncio.to_thread(judge, database_url, NOW)


# The command.


@pytest.fixture
def vouch(database_url: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), "event", *arguments]
        environ = {"PATH": "/usr/bin:/bin", "VOUCH_DATABASE_URL": database_url}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)

    return run


MEANT = ("--category", "OEL", "--cause", "grid", "--party", "third_party", "--evidence", "the notice")


def test_the_command_takes_a_reclassification_from_proposal_to_ruling(
    vouch: Callable[..., subprocess.CompletedProcess[str]], event_id: int
) -> None:
    by = ("--by", "anna")
    proposed = vouch("reclassify", "lechtal/kempten/c1", "--event", str(event_id), *MEANT, "--side", "supplier", *by)
    assert (proposed.returncode, proposed.stdout) == (0, "1: proposed\n"), proposed.stderr
    refused = vouch("accept", "1", "--side", "supplier", "--why", "ours")
    assert refused.returncode == 2
    assert "whoever proposed it cannot accept" in " ".join(refused.stderr.split())
    assert vouch("dispute", "1", "--side", "customer", "--why", "no").stdout == "1: disputed\n"
    assert vouch("rule", "1", "--why", "no", "--rejected", "--by", "expert").stdout == "1: ruled\n"
    [line] = vouch("list", "--status", "ruled").stdout.splitlines()
    assert line == (
        f"1  ruled  lechtal/kempten/c1  event {event_id}  2026-03-01T08:00:00+00:00  2026-03-01T10:00:00+00:00"
        "  OEL/grid/third_party  expert  the notice"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reclassify", "lechtal/kempten/c9", *MEANT, "--side", "supplier"), "the fleet has no lechtal/kempten/c9"),
        (("reclassify", "lechtal/kempten/c1", *MEANT, "--side", "expert"), "neither supplier nor customer"),
        (("reclassify", "lechtal/kempten/c1", *MEANT, "--side", "customer"), "say from when to when"),
        (("accept", "5", "--side", "customer", "--why", "yes"), "there is no reclassification 5"),
        (("list", "--status", "open"), "'open' is not one of"),
    ],
)
def test_what_the_command_cannot_do_it_says(
    vouch: Callable[..., subprocess.CompletedProcess[str]], event_id: int, arguments: tuple[str, ...], said: str
) -> None:
    refused = vouch(*arguments)
    assert refused.returncode == 2
    assert said in " ".join(refused.stderr.split())
