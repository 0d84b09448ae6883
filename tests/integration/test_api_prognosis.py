"""Predictions, notices of failure and the registry of models through the API."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from shared.db import prognosis_views
from shared.db.pool import Connection, connect, connect_async
from tests.integration import foreseen
from tests.integration.asking import asking, bearer, key, own_database
from tests.integration.foreseen import Foreseen


@pytest.fixture(scope="module")
def furnished(admin_url: str, template: str) -> Iterator[tuple[str, Foreseen]]:
    with own_database(admin_url, template) as url, connect(url) as connection:
        yield url, foreseen.furnish(connection)


@pytest.fixture
def ids(furnished: tuple[str, Foreseen]) -> Foreseen:
    return furnished[1]


@pytest.fixture(scope="module")
def owner(furnished: tuple[str, Foreseen]) -> Iterator[Connection]:
    with connect(furnished[0]) as opened:
        yield opened


@pytest.fixture
async def client(furnished: tuple[str, Foreseen], owner: Connection) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(furnished[0]) as opened:
        opened.headers.update(bearer(key(owner, "account_manager")))
        yield opened


async def _get(client: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/v1{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _every(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    following: str | None = None
    while True:
        page = await _get(client, path, **params, **({"cursor": following} if following else {}))
        items += page["items"]
        following = page["next"]
        if following is None:
            return items


async def test_the_likeliest_failure_comes_first(client: httpx.AsyncClient, ids: Foreseen) -> None:
    listed = await _every(client, "/predictions", limit=1)
    assert [one["component"] for one in listed] == ["bearing", "seal"]
    assert [one["at"] for one in listed] == ["2026-03-14T12:00:00Z"] * 2, "the last of each component"
    bearing, seal = listed
    assert bearing["p_30d"] > seal["p_30d"]
    assert bearing["model"] == "remaining_life@2 run_to_failure"
    assert (seal["method"], seal["model"], seal["health"], seal["latest_at"]) == ("weibull", None, None, None)
    assert bearing["p10_h"] < bearing["p50_h"] < bearing["p90_h"]
    assert bearing["evidence"] == {"histories": 9, "windows": 1204}
    assert await _every(client, "/predictions", asset=ids.p2) == []


async def test_what_cannot_be_said_comes_last(client: httpx.AsyncClient, ids: Foreseen, owner: Connection) -> None:
    owner.execute(
        "INSERT INTO prediction (customer_id, asset_id, component, at, made_at, method, reason, evidence)"
        " SELECT customer_id, id, 'seal', now(), now(), 'not_enough_data', 'no failure is on record', '{}' FROM asset"
        " WHERE id = %s",
        (ids.p2,),
    )
    try:
        last = (await _every(client, "/predictions", limit=1))[-1]
        assert (last["method"], last["p50_h"], last["p_30d"]) == ("not_enough_data", None, None)
        assert last["reason"] == "no failure is on record"
    finally:
        owner.execute("DELETE FROM prediction WHERE asset_id = %s", (ids.p2,))


async def test_the_outlook_can_be_followed_over_time(client: httpx.AsyncClient, ids: Foreseen) -> None:
    path = f"/assets/{ids.p1}/predictions"
    window = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z"}
    listed = await _every(client, path, component="bearing", limit=5, **window)
    assert len(listed) == 7 * 4, "one each 6 hours"
    assert all(one["at"] < other["at"] for one, other in pairwise(listed))
    assert listed[0]["at"] == "2026-03-01T00:00:00Z"
    assert {one["component"] for one in await _every(client, path, **window)} == {"bearing", "seal"}
    usual = await _every(client, path, component="seal", limit=1_000)
    assert len(usual) == 30 * 4, "without a window the last 30 days"


async def test_notices_say_what_became_of_them(client: httpx.AsyncClient, ids: Foreseen) -> None:
    open_one, came_true = await _every(client, "/notices", limit=1)
    assert (open_one["state"], open_one["lead_h"], open_one["failed_at"]) == ("open", None, None)
    assert (came_true["state"], came_true["failed_at"]) == ("confirmed", "2026-01-20T07:00:00Z")
    assert came_true["lead_h"] == pytest.approx(18 * 24 + 1)
    assert [one["id"] for one in await _every(client, "/notices", state="open")] == [open_one["id"]]
    assert await _every(client, "/notices", asset=ids.p2) == []


async def test_notices_are_scored_against_the_failures_that_happened(client: httpx.AsyncClient) -> None:
    bearing, seal = (await _get(client, "/notices/score"))["items"]
    assert (bearing["asset_model"], bearing["component"], seal["component"]) == ("pump", "bearing", "seal")
    assert (bearing["given"], bearing["open"], bearing["confirmed"], bearing["false_share"]) == (2, 1, 1, 0.0)
    assert (bearing["failures"], bearing["announced"], bearing["announced_share"]) == (1, 1, 1.0)
    assert bearing["lead_h"] == bearing["shortest_lead_h"] == pytest.approx(18 * 24 + 1)
    assert (seal["given"], seal["false_share"], seal["lead_h"]) == (0, None, None)
    assert (seal["failures"], seal["announced"], seal["announced_share"]) == (1, 0, 0.0)


async def test_the_score_is_of_the_window_asked_for(client: httpx.AsyncClient) -> None:
    (bearing,) = (await _get(client, "/notices/score", **{"from": "2026-03-01T00:00:00Z"}))["items"]
    assert (bearing["given"], bearing["failures"], bearing["announced_share"]) == (1, 0, None)


async def test_the_registry_lists_versions_with_what_they_learnt_from(client: httpx.AsyncClient, ids: Foreseen) -> None:
    listed = await _every(client, "/models", limit=1)
    assert [(one["version"], one["state"]) for one in listed] == [(3, "challenger"), (2, "champion"), (1, "retired")]
    assert listed[1]["name"] == "remaining_life@2 run_to_failure"
    assert (listed[0]["promoted_by"], listed[1]["promoted_by"]) == (None, "anna")
    assert [one["version"] for one in await _every(client, "/models", state="champion")] == [2]
    assert await _every(client, "/models", purpose="failure_risk") == []
    one = await _get(client, f"/models/{ids.model}")
    assert (one["metrics"], one["features"]) == ({"rmse_h": 38.0}, ["vibration_mm_s_mean"])
    assert "artefact" not in one


async def test_the_registry_is_the_supplier_s(client: httpx.AsyncClient, ids: Foreseen, owner: Connection) -> None:
    customer = bearer(key(owner, "customer", "lechtal"))
    for path in ("/models", f"/models/{ids.model}"):
        assert (await client.get(f"/api/v1{path}", headers=customer)).status_code == 403
    narrow = bearer(key(owner, "account_manager", "lechtal"))
    listed = await client.get("/api/v1/models", headers=narrow)
    assert listed.json()["items"] == [], "models may learn from machines of customers one does not see"
    assert (await client.get(f"/api/v1/models/{ids.model}", headers=narrow)).status_code == 404


async def test_a_customer_sees_what_is_foretold_of_its_own_machines_only(
    client: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    own, other = (bearer(key(owner, "customer", customer)) for customer in ("lechtal", "other"))
    for path in ("/predictions", "/notices", "/notices/score"):
        assert (await client.get(f"/api/v1{path}", headers=own)).json()["items"]
        assert (await client.get(f"/api/v1{path}", headers=other)).json()["items"] == [], path
    assert (await client.get(f"/api/v1/assets/{ids.p1}/predictions", headers=other)).status_code == 404


# As the methods write it, with what they learnt over all machines of the model.
_LEARNT: dict[str, Any] = {
    "lives": 9711,
    "failures": 9712,
    "hours": 9713.0,
    "prior": {"scale_h": 9714.0},
    "maximum_likelihood": {"shape": 9715.0},
    "mean_hazard_per_h": 9716.0,
    "probability_of_wear_out": 0.9717,
    "histories": 9718,
}
_QUANTILES: dict[str, Any] = {"p10_h": 90.0, "p50_h": 400.0, "p90_h": 900.0, "risk": [0.1, 0.2, 0.6]}
_TREND: dict[str, Any] = {
    "method": "health_trend", **_QUANTILES, "sensor": "vibration_mm_s", "limit": 4.5, "points": 140, "hours": 139.0,
    "growth": "even",
}  # fmt: skip


@pytest.fixture
def learnt_from_both(owner: Connection) -> Iterator[int]:
    """A pump of the other customer, of the same model; both have predictions that name what was learnt from both."""
    (site,) = owner.execute(
        "INSERT INTO site (customer_id, slug, name) SELECT id, 'south', 'South' FROM customer WHERE slug = 'other'"
        " RETURNING id"
    ).fetchone() or (0,)
    (pump,) = owner.execute(
        "INSERT INTO asset (customer_id, site_id, model_id, slug, name)"
        " SELECT s.customer_id, s.id, m.id, 'p9', 'Pump 9' FROM site s, asset_model m WHERE s.id = %s RETURNING id",
        (site,),
    ).fetchone() or (0,)
    evidence = {
        "methods": [
            {"method": "run_to_failure", **_QUANTILES, "model": "forest@1", **_LEARNT},
            {"method": "events", **_QUANTILES, **_LEARNT},
            {"method": "weibull", **_QUANTILES, "age_h": 1_234.0, **_LEARNT},
            {"method": "of tomorrow", **_LEARNT},
            _TREND,
        ],
        "no_trend": {"flow_m3_h": "the values do not change"},
        "missing": ["9719 failure(s) of this component on record"],
        "recommendation": "9720 lives",
    }
    made = owner.execute(
        "INSERT INTO prediction (customer_id, asset_id, component, at, made_at, method, p10_h, p50_h, p90_h, p_24h,"
        " p_7d, p_30d, reason, evidence) SELECT customer_id, id, 'bearing', '2026-03-14T11:00Z', '2026-03-14T11:00Z',"
        " 'weibull', 90, 400, 900, 0.1, 0.2, 0.6, 'by 9721 failure(s) among 9722 lives of this component', %s"
        " FROM asset WHERE slug IN ('p2', 'p9') RETURNING id",
        (json.dumps(evidence),),
    ).fetchall()
    owner.execute(
        "INSERT INTO failure_notice (customer_id, asset_id, component, given_at, said_at, prediction_id, window_end,"
        " state, reason) SELECT customer_id, asset_id, component, at, made_at, id, at + interval '30 days', 'open',"
        " 'at risk; ' || reason FROM prediction WHERE id = ANY (%s)",
        ([one[0] for one in made],),
    )
    yield pump
    owner.execute("DELETE FROM failure_notice WHERE prediction_id = ANY (%s)", ([one[0] for one in made],))
    owner.execute("DELETE FROM prediction WHERE id = ANY (%s)", ([one[0] for one in made],))
    owner.execute("DELETE FROM asset WHERE id = %s", (pump,))
    owner.execute("DELETE FROM site WHERE id = %s", (site,))


@pytest.mark.parametrize("role", ["customer", "account_manager"])
async def test_a_customer_is_not_told_what_was_learnt_from_the_machines_of_others(
    client: httpx.AsyncClient, ids: Foreseen, owner: Connection, learnt_from_both: int, role: str
) -> None:
    for customer, pump in (("lechtal", ids.p2), ("other", learnt_from_both)):
        client.headers.update(bearer(key(owner, role, customer)))
        (one,) = await _every(client, "/predictions", asset=pump)
        assert (one["p50_h"], one["method"]) == (400.0, "weibull"), "what is foretold is its own"
        assert one["reason"] == "by the lifetimes of this component and its age"
        *learnt, trend = one["evidence"]["methods"]
        assert trend == _TREND, "the trend of its own sensor is told whole"
        assert [(said["method"], said.get("age_h")) for said in learnt] == [
            ("run_to_failure", None),
            ("events", None),
            ("weibull", 1_234.0),
        ]
        assert one["evidence"]["no_trend"] == {"flow_m3_h": "the values do not change"}
        for path in ("predictions", f"assets/{pump}/predictions", "notices"):
            answer = await client.get(f"/api/v1/{path}")
            assert answer.status_code == 200
            assert not re.search(r"97[12]\d", answer.text), path
        page = await client.get(f"/machines/{pump}")
        assert (page.status_code, "by the lifetimes of this component" in page.text) == (200, True)
        # What is drawn has numbers of its own.
        assert not re.search(r"97[12]\d", re.sub(r"<svg.*?</svg>", "", page.text, flags=re.DOTALL))


async def test_whoever_sees_every_customer_is_told_what_a_prediction_rests_on(
    client: httpx.AsyncClient, ids: Foreseen, learnt_from_both: int
) -> None:
    for pump in (ids.p2, learnt_from_both):
        (one,) = await _every(client, "/predictions", asset=pump)
        assert one["evidence"]["methods"][2]["lives"] == 9711
        assert "9721 failure(s)" in one["reason"]
        assert "9722 lives" in (await _every(client, "/notices", asset=pump))[0]["reason"]


async def test_planned_work_is_no_failure_and_a_stop_of_a_component_is_one(
    client: httpx.AsyncClient, ids: Foreseen, owner: Connection, furnished: tuple[str, Foreseen]
) -> None:
    """A failure in two stretches with logistics between them, planned work that turns out a failure, planned work."""
    stretches = (
        ("2026-01-01", "2026-01-02", "FP", "running"),
        ("2026-01-02", "2026-01-03", "FO", "bearing_failure"),
        ("2026-01-03", "2026-01-04", "FO", "spare_part"),
        ("2026-01-04", "2026-01-05", "FO", "bearing_failure"),
        ("2026-01-05", "2026-01-06", "PCA", "bearing_failure"),
        ("2026-01-06", "2026-01-10", "FP", "running"),
        ("2026-01-10", "2026-01-11", "PCA", "bearing_failure"),
        ("2026-01-11", "2026-01-12", "FO", "bearing_failure"),
        ("2026-01-12", "2026-01-20", "FP", "running"),
        ("2026-01-20", "2026-01-21", "SM", "seal_failure"),
        ("2026-01-21", "2026-01-25", "FP", "running"),
        ("2026-01-25", "2026-01-26", "FO", "bearing_failure"),
    )
    for start, end, category, cause in stretches:
        owner.execute(
            "INSERT INTO interval (customer_id, asset_id, start_at, end_at, category, cause, party)"
            " SELECT customer_id, id, %s, %s, %s, %s, 'supplier' FROM asset WHERE id = %s",
            (start, end, category, cause, ids.p2),
        )
    try:
        (bearing,) = (await _get(client, "/notices/score", asset=ids.p2))["items"]
        assert (bearing["component"], bearing["failures"], bearing["announced"]) == ("bearing", 2, 0)
        async with connect_async(furnished[0]) as connection:
            window = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2026, 3, 1, tzinfo=UTC)}
            failed = await prognosis_views.failures(connection, asset_id=ids.p2, limit=9, **window)
        assert [(one.component, one.at.day) for one in failed] == [("bearing", 2), ("bearing", 25)]
    finally:
        owner.execute("DELETE FROM interval WHERE asset_id = %s", (ids.p2,))


@pytest.mark.parametrize(
    ("path", "asked", "field"),
    [
        ("/predictions", {"cursor": "x"}, "cursor"),
        ("/predictions", {"asset": "0"}, "asset"),
        ("/assets/1/predictions", {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ("/assets/1/predictions", {"component": ""}, "component"),
        ("/notices", {"state": "perhaps"}, "state"),
        ("/notices/score", {"to": "tomorrow"}, "to"),
        ("/models", {"purpose": "luck"}, "purpose"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused_by_field(
    client: httpx.AsyncClient, path: str, asked: dict[str, str], field: str
) -> None:
    answer = await client.get(f"/api/v1{path}", params=asked)
    assert answer.status_code == 422, answer.text
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
