"""The API answers from real rows: exact, paged, windowed, and wrong questions get a problem that names the field."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.contracts import spec
from shared.contracts.document import digest
from shared.db import contracts, principals
from shared.db.pool import Connection, api_pool, connect
from tests.integration import judging
from tests.integration.asking import (
    END,
    HERON,
    NOW,
    START,
    asking,
    bearer,
    contract_text,
    furnish,
    furnished_database,
    key,
)

ASSET = f"/api/v1/assets/{HERON.first_id}"
CONTRACT = f"/api/v1/contracts/{HERON.contract}"
WINDOW = {"from": START, "to": END}


@pytest.fixture(scope="module")
def furnished(admin_url: str, template: str) -> Iterator[str]:
    with furnished_database(admin_url, template) as url:
        yield url


@pytest.fixture(scope="module")
def staff(furnished: str) -> str:
    with connect(furnished) as owner:
        return key(owner, "service_engineer")


@pytest.fixture
async def client(furnished: str, staff: str) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(furnished) as opened:
        opened.headers = bearer(staff)
        yield opened


async def _get(client: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _every(client: httpx.AsyncClient, path: str, **query: str) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    listing = await _get(client, path, **query)
    while True:
        items += listing["items"]
        if listing["next"] is None:
            return items
        listing = await _get(client, path, **query, cursor=listing["next"])


# Machines


async def test_a_machine_is_shown_with_its_sensors_and_its_latest_state(client: httpx.AsyncClient) -> None:
    asset = await _get(client, ASSET)
    assert asset["name"] == "Heronry One"
    assert asset["sensors"] == [
        {"name": "power_kw", "unit": "kW", "physical_low": 0.0, "physical_high": 400.0, "expected_low": 0.0,
         "expected_high": 280.0}
    ]  # fmt: skip
    assert asset["state"]["category"] == "FP"
    assert asset["state"]["to"] == "2026-03-14T12:00:00Z"


async def test_readings_come_with_their_unit_in_the_window_asked_for(client: httpx.AsyncClient) -> None:
    found = await _get(client, f"{ASSET}/readings", sensor="power_kw", **{"from": "2026-03-14T03:00:00+01:00"})
    assert (found["sensors"], found["next"]) == ([{"sensor": "power_kw", "unit": "kW"}], None)
    assert found["items"][0] == {"sensor": "power_kw", "at": "2026-03-14T02:00:00Z", "value": 151.5, "quality": "good"}
    assert len(found["items"]) == 10


async def test_a_window_is_half_open(client: httpx.AsyncClient) -> None:
    window = {"from": "2026-03-14T02:00:00Z", "to": "2026-03-14T04:00:00Z"}
    found = await _get(client, f"{ASSET}/readings", sensor="power_kw", **window)
    assert [item["at"] for item in found["items"]] == ["2026-03-14T02:00:00Z", "2026-03-14T03:00:00Z"]


@pytest.mark.parametrize("limit", ["1", "5", "12", "13"])
async def test_pages_of_readings_together_are_all_readings(client: httpx.AsyncClient, limit: str) -> None:
    found = await _every(client, f"{ASSET}/readings", sensor="power_kw", limit=limit, **WINDOW)
    assert [item["at"] for item in found] == [f"2026-03-14T{hour:02}:00:00Z" for hour in range(12)]


async def test_the_timeline_has_no_gap_and_sums_to_the_window(client: httpx.AsyncClient) -> None:
    window = {"from": "2026-01-31T00:00:00Z", "to": END}
    timeline = await _get(client, f"{ASSET}/timeline", **window)
    stretches = timeline["items"]
    assert stretches[0]["from"] == window["from"]
    assert stretches[-1]["to"] == window["to"]
    assert all(one["to"] == following["from"] for one, following in itertools.pairwise(stretches))
    whole = datetime.fromisoformat(END) - datetime.fromisoformat(window["from"])
    assert sum(stretch["duration_s"] for stretch in stretches) == whole.total_seconds()
    assert [stretch["category"] for stretch in stretches] == ["IU", "FP", "FO", "FP"]
    assert stretches[2]["party"] == "supplier"


async def test_pages_of_the_timeline_together_are_the_timeline(client: httpx.AsyncClient) -> None:
    whole = await _get(client, f"{ASSET}/timeline", **WINDOW)
    assert await _every(client, f"{ASSET}/timeline", limit="1", **WINDOW) == whole["items"]


async def test_every_stretch_leads_to_the_raw_message_that_says_so(client: httpx.AsyncClient) -> None:
    timeline = await _get(client, f"{ASSET}/timeline", **WINDOW)
    (outage,) = [stretch for stretch in timeline["items"] if stretch["category"] == "FO"]
    event = await _get(client, f"{ASSET}/events/{outage['event_id']}")
    assert (event["code"], event["start_at"], event["end_at"]) == ("down", outage["from"], outage["to"])
    assert base64.b64decode(event["payload_base64"]) == b"raw Heronry"
    assert event["payload_text"] == "raw Heronry"


async def test_an_interval_that_reaches_into_the_window_is_listed(client: httpx.AsyncClient) -> None:
    window = {"from": "2026-03-06T00:00:00Z", "to": "2026-03-06T01:00:00Z"}
    events = await _every(client, f"{ASSET}/events", **window)
    assert [event["code"] for event in events] == ["down"]
    year = {"from": "2026-01-01T00:00:00Z", "to": END}
    assert [event["code"] for event in await _every(client, f"{ASSET}/events", limit="1", **year)] == ["up", "down"]


# Contracts


async def test_a_stored_document_arrives_as_its_digest_says(client: httpx.AsyncClient) -> None:
    judged = await _every(client, f"{CONTRACT}/assessments", limit="1")
    assert [item["period_start"] for item in judged] == ["2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z"]
    for item in judged:
        assert digest(item["document"]) == item["sha256"]


async def test_value_in_use_shows_the_running_period_unless_asked_for_all(client: httpx.AsyncClient) -> None:
    (current,) = (await _get(client, f"{CONTRACT}/value-in-use"))["items"]
    assert current["document"]["period"]["start"] == "2026-03-01T00:00:00+01:00"
    assert current["document"]["settlement"]["malus"] == "3307.50"  # 54 h of outage at 61.25 EUR
    both = (await _get(client, f"{CONTRACT}/value-in-use", period="all"))["items"]
    assert both[1] == current
    (standing,) = [
        item for item in await _every(client, "/api/v1/value-in-use", limit="1") if item["customer"] == "heron"
    ]
    assert (standing["document"], standing["sha256"]) == (current["document"], current["sha256"])


async def test_a_closed_period_asked_for_as_a_window_gives_the_stored_bytes(client: httpx.AsyncClient) -> None:
    stored = (await _get(client, f"{CONTRACT}/value-in-use", period="all"))["items"][0]
    period = stored["document"]["period"]
    (computed,) = (await _get(client, f"{CONTRACT}/value-in-use", **{"from": period["start"], "to": period["end"]}))[
        "items"
    ]
    assert computed["computed"] == "on_request"
    assert computed["sha256"] == stored["sha256"] == digest(computed["document"])


async def test_any_window_is_judged_by_the_same_rules(client: httpx.AsyncClient) -> None:
    window = {"from": "2026-03-04T23:30:00Z", "to": "2026-03-06T00:15:00Z"}
    (computed,) = (await _get(client, f"{CONTRACT}/value-in-use", **window))["items"]
    document = computed["document"]
    assert document["hours_by_category"] == {"FO": 24.25, "FP": 0.5}
    assert document["unavailable_hours_by_party"] == {"supplier": 24.25}
    assert document["value"]["exact"] == "2/99"
    assert document["verdict"] == "missed"


@pytest.mark.parametrize(
    ("window", "is_period"),
    [
        ({"from": "2026-01-31T23:00:00Z", "to": "2026-02-28T23:00:00Z"}, True),
        ({"from": "2026-03-01T00:00:00+01:00", "to": "2026-04-01T00:00:00+02:00"}, True),
        ({"from": "2026-02-28T23:00:00Z", "to": "2026-03-31T21:59:59Z"}, False),
        ({"from": "2026-03-05T00:00:00Z", "to": "2026-03-06T00:00:00Z"}, False),
        ({"from": "2026-01-31T23:00:00Z", "to": "2026-12-31T23:00:00Z"}, False),
    ],
)
async def test_money_is_owed_for_whole_contract_periods_only(
    client: httpx.AsyncClient, window: dict[str, str], is_period: bool
) -> None:
    (computed,) = (await _get(client, f"{CONTRACT}/value-in-use", **window))["items"]
    document = computed["document"]
    settlement = document["settlement"]
    assert (settlement["malus"] is not None) is is_period
    if not is_period:
        assert (settlement["agreed"], settlement["bonus"], settlement["capped"]) == (True, None, False)
        assert settlement["steps"] == [
            "the window is not a contract period: money is owed for whole contract periods only"
        ]
        assert document["value"] is not None
        assert document["bounds"] is not None
    assert computed["sha256"] == digest(document)


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("1990-01-01T00:00:00Z", "1990-02-01T00:00:00Z", "from"),
        ("2026-01-31T22:59:59Z", "2026-02-28T23:00:00Z", "from"),
        ("2026-12-31T23:00:00Z", "2027-01-31T23:00:00Z", "from"),
        ("2026-12-01T00:00:00Z", "2026-12-31T23:00:01Z", "to"),
    ],
)
async def test_a_window_outside_the_term_is_refused_with_the_term(
    client: httpx.AsyncClient, start: str, end: str, field: str
) -> None:
    answer = await client.get(f"{CONTRACT}/value-in-use", params={"from": start, "to": end})
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["field"] == field
    assert fault["reason"].endswith("the term of HR-1 version 1, 2026-02-01 to 2026-12-31 in Europe/Berlin")


async def test_a_window_in_the_future_has_nothing_to_assess(client: httpx.AsyncClient) -> None:
    window = {"from": "2026-04-01T00:00:00Z", "to": "2026-05-01T00:00:00Z"}
    (computed,) = (await _get(client, f"{CONTRACT}/value-in-use", **window))["items"]
    assert computed["document"]["verdict"] == "not_assessable"


async def test_a_later_version_is_the_law_from_its_start_on(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    text = contract_text(HERON, version=2, start="2026-03-01").replace("0.9412", "0.5")
    contracts.store(connection, spec.parse(text, "version 2"), judging.us("2026-03-02"))
    await asyncio.to_thread(judging.judge, database_url, NOW)
    async with asking(database_url) as client:
        client.headers = bearer(key(connection, "admin"))
        judged = await _every(client, f"{CONTRACT}/assessments")
        assert [(item["version"], item["document"]["level"]) for item in judged] == [(1, "0.9412"), (2, "0.5")]
        contract = await _get(client, CONTRACT)
        assert (contract["version"], contract["guarantees"][0]["level"]) == (2, "0.5")
        assert [version["version"] for version in contract["versions"]] == [1, 2]
        past = {"from": "2026-02-10T00:00:00Z", "to": "2026-02-11T00:00:00Z"}
        (computed,) = (await _get(client, f"{CONTRACT}/value-in-use", **past))["items"]
        assert computed["document"]["contract"]["version"] == 1


async def test_a_window_may_reach_from_one_version_into_the_next_but_not_into_a_gap_between_terms(
    database_url: str, connection: Connection
) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    for version, start, end in ((2, "2026-03-01", "2026-06-30"), (3, "2026-08-01", "2026-12-31")):
        text = contract_text(HERON, version=version, start=start).replace("end: 2026-12-31", f"end: {end}")
        contracts.store(connection, spec.parse(text, f"version {version}"), judging.us("2026-03-02"))
    async with asking(database_url) as client:
        client.headers = bearer(key(connection, "admin"))

        async def faults(start: str, end: str) -> list[tuple[str, str]]:
            answer = await client.get(f"{CONTRACT}/value-in-use", params={"from": start, "to": end})
            found = answer.json().get("errors", [])
            return [(fault["field"], fault["reason"].split(" term of ")[1]) for fault in found]

        second = "HR-1 version 2, 2026-03-01 to 2026-06-30 in Europe/Berlin"
        third = "HR-1 version 3, 2026-08-01 to 2026-12-31 in Europe/Berlin"
        assert await faults("2026-02-10T00:00:00Z", "2026-06-30T22:00:00Z") == []
        assert await faults("2026-02-10T00:00:00Z", "2026-07-02T00:00:00Z") == [("to", second)]
        assert await faults("2026-06-10T00:00:00Z", "2026-09-01T00:00:00Z") == [("to", second)]
        assert await faults("2026-07-10T00:00:00Z", "2026-07-11T00:00:00Z") == [("from", second)]
        assert await faults("2026-08-10T00:00:00Z", "2027-07-11T00:00:00Z") == [("to", third)]


async def test_a_contract_shows_its_terms_and_the_file_it_came_from(client: httpx.AsyncClient) -> None:
    contract = await _get(client, CONTRACT)
    assert contract["source"] == contract_text(HERON)
    assert (contract["zone"], contract["currency"], contract["period"]) == ("Europe/Berlin", "EUR", "calendar_month")
    assert contract["guarantees"] == [
        {"id": "Heronry", "kind": "time_availability", "indicator": "time_availability@1", "level": "0.9412"}
    ]
    listed = await _every(client, "/api/v1/contracts", limit="1")
    assert [item["id"] for item in listed] == ["HR-1", "ZB-1"]


# Findings


async def test_alerts_come_with_their_transitions_and_can_be_filtered(client: httpx.AsyncClient) -> None:
    alerts = await _every(client, "/api/v1/alerts", limit="1", state="open")
    kinds = {"guarantee_at_risk", "anomaly", "confirmed_anomaly", "predicted_failure"}
    assert sorted(alert["kind"] for alert in alerts) == sorted([*kinds, *kinds]), "of each customer one of each kind"
    assert [alert["opened_at"] for alert in alerts] == sorted((alert["opened_at"] for alert in alerts), reverse=True)
    (at_risk,) = [
        alert
        for alert in await _every(client, "/api/v1/alerts", kind="guarantee_at_risk")
        if alert["contract"] == "HR-1"
    ]
    assert [transition["to_state"] for transition in at_risk["transitions"]] == ["open"]
    assert await _every(client, "/api/v1/alerts", state="closed") == []
    by_asset = await _every(client, "/api/v1/alerts", asset=str(HERON.first_id))
    assert {alert["kind"] for alert in by_asset} == kinds - {"guarantee_at_risk"}


async def test_anomalies_can_be_filtered_by_machine_and_by_being_open(client: httpx.AsyncClient) -> None:
    (anomaly,) = await _every(client, "/api/v1/anomalies", asset=str(HERON.first_id), open="true")
    assert anomaly["contributions"][0]["sensor"] == "power_kw"
    assert (await _get(client, f"/api/v1/anomalies/{anomaly['id']}")) == anomaly
    assert await _every(client, "/api/v1/anomalies", open="false") == []
    assert len(await _every(client, "/api/v1/anomalies", limit="1")) == 2


async def test_a_quarantined_message_is_shown_with_its_raw_bytes(database_url: str, connection: Connection) -> None:
    payload = b'{"ts": \xff\x00' + b"x" * 10_000
    connection.execute(
        "INSERT INTO quarantine (received_at, topic, payload, reason, detail)"
        " VALUES (%s, 'a/b', %s, 'malformed_payload', 'no JSON'), (%s, 'a/c', '', 'empty_payload', 'nothing')",
        ("2026-03-10T00:00:00Z", payload, "2026-03-11T00:00:00Z"),
    )
    async with asking(database_url) as client:
        client.headers = bearer(key(connection, "admin"))
        listed = await _every(client, "/api/v1/quarantine", limit="1")
        assert [row["reason"] for row in listed] == ["empty_payload", "malformed_payload"]
        assert listed[1]["payload_bytes"] == len(payload)
        assert base64.b64decode(listed[1]["payload_base64"]) == payload[:4096]
        assert listed[1]["payload_preview"].startswith('{"ts": \N{REPLACEMENT CHARACTER}\x00xxx')
        whole = await _get(client, f"/api/v1/quarantine/{listed[1]['id']}")
        assert base64.b64decode(whole["payload_base64"]) == payload
        assert [row["topic"] for row in await _every(client, "/api/v1/quarantine", reason="empty_payload")] == ["a/c"]


# Questions that are wrong


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/v1/assets", {"limit": "0"}, "limit"),
        ("/api/v1/assets", {"limit": "1001"}, "limit"),
        ("/api/v1/assets", {"limit": "ten"}, "limit"),
        ("/api/v1/assets", {"limit": "9" * 5000}, "limit"),
        ("/api/v1/assets", {"cursor": "nonsense"}, "cursor"),
        ("/api/v1/assets", {"curser": "x"}, "curser"),
        ("/api/v1/contracts", {"cursor": "WzFd"}, "cursor"),
        ("/api/v1/assets/0", {}, "id"),
        ("/api/v1/assets/x", {}, "id"),
        ("/api/v1/assets/2147483648", {}, "id"),
        ("/api/v1/alerts/9223372036854775808", {}, "id"),
        ("/api/v1/contracts/a%00b", {}, "id"),
        (f"{ASSET}/readings", {}, "sensor"),
        (f"{ASSET}/readings", {"sensor": "a\x00b"}, "sensor.0"),
        (f"{ASSET}/readings", {"sensor": "power_kw", "limit": "100001"}, "limit"),
        (f"{ASSET}/readings", {"sensor": "power_kw", "format": "xml"}, "format"),
        (f"{ASSET}/chart", {}, "sensor"),
        (f"{ASSET}/chart", {"sensor": "power_kw", "points": "1"}, "points"),
        (f"{ASSET}/chart", {"sensor": "power_kw", "points": "10001"}, "points"),
        (f"{ASSET}/chart", {"sensor": "power_kw", "from": END, "to": START}, "from"),
        ("/api/v1/latest", {"cursor": "WyJhIl0"}, "cursor"),
        (f"{ASSET}/readings", {"sensor": "power_kw", "from": "2026-03-01T00:00:00"}, "from"),
        (f"{ASSET}/readings", {"sensor": "power_kw", "to": "2026-03-01"}, "to"),
        (f"{ASSET}/readings", {"sensor": "power_kw", "from": END, "to": START}, "from"),
        (f"{ASSET}/events", {"from": "0"}, "from"),
        (f"{ASSET}/timeline", {"from": "2020-01-01T00:00:00Z"}, "from"),
        (f"{CONTRACT}/value-in-use", {"from": START}, "to"),
        (f"{CONTRACT}/value-in-use", {"to": START}, "from"),
        (f"{CONTRACT}/value-in-use", {"from": END, "to": START}, "from"),
        (f"{CONTRACT}/value-in-use", {"from": START, "to": END, "period": "all"}, "period"),
        (f"{CONTRACT}/value-in-use", {"period": "last"}, "period"),
        ("/api/v1/anomalies", {"open": "perhaps"}, "open"),
        ("/api/v1/alerts", {"state": "ajar"}, "state"),
        ("/api/v1/quarantine", {"reason": "because"}, "reason"),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: httpx.AsyncClient, path: str, query: dict[str, str], field: str
) -> None:
    answer = await client.get(path, params=query)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "/problems/invalid-request"
    assert [fault["field"] for fault in problem["errors"]] == [field]


@pytest.mark.parametrize(
    "path",
    ["/api/v1/assets/7", "/api/v1/contracts/NONE", "/api/v1/contracts/NONE/value-in-use", f"{ASSET}/events/77",
     "/api/v1/assets/7/timeline", "/api/v1/assets/7/events", f"{ASSET}/readings?sensor=none",
     f"{ASSET}/chart?sensor=none", "/api/v1/assets/7/latest", "/api/v1/alerts/77",
     "/api/v1/anomalies/77", "/api/v1/quarantine/77", "/api/v1/nothing", "/nothing", "/static/nothing.css"],
)  # fmt: skip
async def test_what_is_not_there_is_a_not_found_problem(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/not-found"


async def test_a_method_that_is_not_offered_is_a_problem_that_says_which_are(client: httpx.AsyncClient) -> None:
    answer = await client.delete(ASSET)
    assert (answer.status_code, answer.json()["type"]) == (405, "/problems/method-not-allowed")
    assert answer.headers["allow"] == "GET"


# Keys


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer vouch_00000000_" + "0" * 48},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"X-API-Key": "vouch_00000000_" + "0" * 48},
        {"X-API-Key": "' OR true --"},
        {"Cookie": "vouch_key=vouch_1_2"},
    ],
)
async def test_without_a_valid_key_nothing_is_answered(furnished: str, headers: dict[str, str]) -> None:
    async with asking(furnished) as client:
        answer = await client.get("/api/v1/assets", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated")
        assert answer.headers["www-authenticate"] == 'Bearer realm="vouch"'
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_revoked_key_is_no_key(database_url: str, connection: Connection) -> None:
    presented, other = key(connection, "admin"), key(connection, "admin")
    async with asking(database_url) as client:
        assert (await client.get("/api/v1/me", headers=bearer(presented))).status_code == 200
        assert principals.revoke_key(connection, presented.split("_")[1], judging.us("2026-03-14"))
        assert (await client.get("/api/v1/me", headers=bearer(presented))).status_code == 401
        assert (await client.get("/api/v1/me", headers=bearer(other))).status_code == 200


async def test_a_key_is_taken_from_either_header_and_authorization_wins(furnished: str, staff: str) -> None:
    async with asking(furnished) as client:
        assert (await client.get("/api/v1/me", headers={"X-API-Key": staff})).json()["role"] == "service_engineer"
        both = {"X-API-Key": staff, "Authorization": "Bearer vouch_wrong"}
        assert (await client.get("/api/v1/me", headers=both)).status_code == 401


async def test_an_asker_learns_whose_rows_it_sees(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    async with asking(database_url) as client:
        account = (await client.get("/api/v1/me", headers=bearer(key(connection, "customer", "heron")))).json()
        assert account["customers"] == [{"slug": "heron", "name": "Heronry GmbH"}]
        assert account["rights"] == ["account", "alerts", "contracts", "machines", "reclassifications"]


# Errors on our side


async def test_a_row_nobody_expected_is_a_problem_without_a_traceback(
    database_url: str, connection: Connection
) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    connection.execute("UPDATE assessment SET result = '{}'")
    connection.execute("UPDATE contract SET source = 'no contract'")
    async with asking(database_url) as client:
        client.headers = bearer(key(connection, "admin"))
        for path in (f"{CONTRACT}/assessments", CONTRACT):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
            assert answer.headers["content-type"] == "application/problem+json"
            assert "Traceback" not in answer.text
            assert answer.json()["detail"] == "the error was logged"


async def test_without_a_database_the_answer_is_unavailable_and_the_process_is_healthy() -> None:
    async with asking("postgresql://nobody@127.0.0.1:9/none") as client:
        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert answer.json()["database"]["ok"] is False
        assert answer.json()["database"]["detail"] == "the database cannot be reached now"
        assert answer.headers["retry-after"] == "5"
        answer = await client.get("/api/v1/assets", headers=bearer("vouch_00000000_" + "0" * 48))
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")


async def test_a_database_that_misses_a_migration_is_not_ready(database_url: str, connection: Connection) -> None:
    async with asking(database_url) as client:
        well = {"ok": True, "since": f"{NOW}Z", "detail": ""}
        assert (await client.get("/readyz")).json() == {"status": "ready", "database": well}
        connection.execute("DELETE FROM schema_migration WHERE name LIKE '0005%'")
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["database"]["detail"] == "not migrated: 0005_row_security.sql"
        connection.execute("DROP TABLE schema_migration")
        assert (await client.get("/readyz")).status_code == 503


# Operations


async def test_metrics_count_by_route_and_never_by_machine(client: httpx.AsyncClient) -> None:
    for path in (ASSET, "/api/v1/assets/7", "/nothing", "/nothing/else"):
        await client.get(path)
    await client.request("BREW", ASSET)
    metrics = (await client.get("/metrics")).text
    counted = 'vouch_api_requests_total{method="GET",route="/api/v1/assets/{id}",status="%s"} 1.0'
    assert counted % 200 in metrics
    assert counted % 404 in metrics
    assert 'route="unmatched",status="404"} 2.0' in metrics
    assert 'method="other"' in metrics
    assert "BREW" not in metrics
    assert "heron" not in metrics.lower()


async def test_every_answer_says_that_it_is_the_asker_s_alone(client: httpx.AsyncClient) -> None:
    for path in (ASSET, "/", "/api/v1/assets/7"):
        headers = (await client.get(path)).headers
        assert headers["cache-control"] == "private, no-cache"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in headers["content-security-policy"]


async def test_one_answer_is_one_snapshot_that_can_write_nothing(furnished: str) -> None:
    async with api_pool(furnished) as pool, principals.reading(pool) as connection:
        rows = await (await connection.execute("SHOW transaction_read_only")).fetchall()
        assert rows == [{"transaction_read_only": "on"}]
        isolation = await (await connection.execute("SHOW transaction_isolation")).fetchall()
        assert isolation == [{"transaction_isolation": "repeatable read"}]
        assert await (await connection.execute("SELECT * FROM asset")).fetchall() == []


async def test_what_one_request_may_see_is_forgotten_before_the_next(furnished: str, staff: str) -> None:
    async with api_pool(furnished, max_size=1) as pool:
        async with principals.reading(pool) as connection:
            principal = await principals.find(connection, staff)
            assert principal is not None
            await principals.see(connection, principal)
            assert len(await (await connection.execute("SELECT * FROM asset")).fetchall()) == 2
        async with principals.reading(pool) as connection:
            assert await (await connection.execute("SELECT * FROM asset")).fetchall() == []


async def test_the_default_window_is_the_last_day(client: httpx.AsyncClient) -> None:
    timeline = await _get(client, f"{ASSET}/timeline")
    start, end = datetime.fromisoformat(timeline["from"]), datetime.fromisoformat(timeline["to"])
    assert end == datetime.fromisoformat("2026-03-14T12:00:00+00:00")
    assert end - start == timedelta(days=1)
