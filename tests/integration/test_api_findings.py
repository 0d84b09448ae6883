"""Findings through the API: what is shown, who may say what they were, and what follows from it."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.db.pool import Connection, connect
from tests.integration import foreseen
from tests.integration.asking import asking, bearer, key, own_database
from tests.integration.foreseen import FAULT, NOW, Foreseen


@pytest.fixture(scope="module")
def furnished(admin_url: str, template: str) -> Iterator[tuple[str, Foreseen]]:
    with own_database(admin_url, template) as url, connect(url) as connection:
        yield url, foreseen.furnish(connection)


@pytest.fixture
def ids(furnished: tuple[str, Foreseen]) -> Foreseen:
    return furnished[1]


@pytest.fixture
def owner(furnished: tuple[str, Foreseen]) -> Iterator[Connection]:
    """An owner connection; what a test had said is forgotten after it."""
    with connect(furnished[0]) as opened:
        yield opened
        opened.execute("DELETE FROM finding_review")


@pytest.fixture
async def client(furnished: tuple[str, Foreseen], owner: Connection) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(furnished[0]) as opened:
        opened.headers.update(bearer(key(owner, "service_engineer")))
        yield opened


async def _get(client: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/v1{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _say(client: httpx.AsyncClient, anomaly: int, headers: dict[str, str] | None = None, **said: Any) -> Any:
    asked = {"Idempotency-Key": str(uuid4()), **(headers or {})}
    return await client.post(f"/api/v1/anomalies/{anomaly}/review", json=said, headers=asked)


async def _withdraw(client: httpx.AsyncClient, review: int, headers: dict[str, str] | None = None) -> httpx.Response:
    asked = {"Idempotency-Key": str(uuid4()), **(headers or {})}
    return await client.delete(f"/api/v1/reviews/{review}", headers=asked)


async def test_a_finding_says_what_carries_it_in_which_direction_and_which_model_says_so(
    client: httpx.AsyncClient, ids: Foreseen
) -> None:
    found = await _get(client, f"/anomalies/{ids.going_on}")
    assert (found["asset"], found["severity"], found["detector"], found["end_at"]) == (
        "p1",
        "critical",
        "residual",
        None,
    )
    assert found["model"]["name"] == "ensemble@1"
    assert found["model"]["trained_from"] == "2026-01-25T00:00:00Z"
    assert [(one["sensor"], one["direction"]) for one in found["contributions"]] == [
        ("vibration_mm_s", "high"),
        ("bearing_temp_c", "high"),
        ("flow_m3_h", "low"),
    ]
    assert found["signature"] == foreseen.WORN
    assert (found["review"], found["suppressed_by"]) == (None, None)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["going_on", "odd", "worn"]),
        ({"open": "true"}, ["going_on"]),
        ({"severity": "warning"}, ["worn"]),
        ({"from": "2026-03-01T00:00:00Z"}, ["going_on", "odd"]),
        ({"to": "2026-03-06T02:00:00Z"}, ["worn"]),
        ({"from": "2026-02-20T19:59:00Z", "to": "2026-03-01T00:00:00Z"}, ["worn"]),
        ({"reviewed": "true"}, []),
        ({"suppressed": "true"}, []),
    ],
)
async def test_findings_can_be_chosen(
    client: httpx.AsyncClient, ids: Foreseen, chosen: dict[str, str], expected: list[str]
) -> None:
    found = await _get(client, "/anomalies", **chosen)
    assert [one["id"] for one in found["items"]] == [getattr(ids, name) for name in expected]


async def test_pages_of_findings_join_without_gap(client: httpx.AsyncClient, ids: Foreseen) -> None:
    first = await _get(client, "/anomalies", limit=2)
    second = await _get(client, "/anomalies", limit=2, cursor=first["next"])
    assert [one["id"] for one in first["items"] + second["items"]] == [ids.going_on, ids.odd, ids.worn]
    assert second["next"] is None


async def test_what_an_engineer_confirms_stands_beside_the_finding(client: httpx.AsyncClient, ids: Foreseen) -> None:
    answer = await _say(client, ids.worn, verdict="confirmed", label="bearing wear", note="outer race")
    assert answer.status_code == 200, answer.text
    review = answer.json()["review"]
    assert (review["verdict"], review["label"], review["note"]) == ("confirmed", "bearing wear", "outer race")
    assert review["reviewed_by"] == "user-service_engineer"
    assert (await _get(client, f"/anomalies/{ids.worn}"))["review"] == review
    assert [one["id"] for one in (await _get(client, "/anomalies", reviewed="true"))["items"]] == [ids.worn]


async def test_the_same_words_again_are_the_same_review(client: httpx.AsyncClient, ids: Foreseen) -> None:
    first = await _say(client, ids.worn, verdict="rejected", note="a test")
    again = await _say(client, ids.worn, verdict="rejected", note="a test")
    other = await _say(client, ids.worn, verdict="confirmed", note="it was one")
    assert first.json() == again.json()
    assert other.json()["review"]["id"] != first.json()["review"]["id"]
    assert other.json()["review"]["verdict"] == "confirmed"


async def test_a_review_that_is_sent_again_does_not_supersede_what_somebody_said_meanwhile(
    client: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    mine, theirs = {"Idempotency-Key": "one"}, bearer(key(owner, "admin"))
    first = await _say(client, ids.worn, mine, verdict="rejected")
    meanwhile = await _say(client, ids.worn, theirs | mine, verdict="confirmed")
    assert meanwhile.json()["review"]["id"] != first.json()["review"]["id"], "a key is its principal's"
    again = await _say(client, ids.worn, mine, verdict="rejected")
    assert (again.status_code, again.json()["review"]) == (200, meanwhile.json()["review"])
    assert owner.execute("SELECT count(*) FROM finding_review").fetchone() == (2,)


async def test_a_key_that_was_used_for_something_else_is_refused(client: httpx.AsyncClient, ids: Foreseen) -> None:
    used = {"Idempotency-Key": "one"}
    said = (await _say(client, ids.worn, used, verdict="rejected")).json()["review"]
    for other in (
        await _say(client, ids.worn, used, verdict="confirmed"),
        await _say(client, ids.worn, used, verdict="rejected", note="a test"),
        await _say(client, ids.odd, used, verdict="rejected"),
        await _withdraw(client, said["id"], used),
    ):
        assert (other.status_code, other.json()["type"]) == (409, "/problems/conflict"), other.text
        assert f"review {said['id']}" in other.json()["detail"]
    assert (await _get(client, f"/anomalies/{ids.worn}"))["review"] == said
    assert (await _get(client, f"/anomalies/{ids.odd}"))["review"] is None


async def test_a_review_can_be_taken_back_once_and_again(
    client: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    said = (await _say(client, ids.worn, verdict="rejected")).json()["review"]
    for used in ("two", "two", "three"):
        answer = await _withdraw(client, said["id"], {"Idempotency-Key": used})
        assert (answer.status_code, answer.json()["superseded_by"]) == (200, "user-service_engineer")
    assert (await _get(client, f"/anomalies/{ids.worn}"))["review"] is None
    kept = owner.execute("SELECT verdict, superseded_by FROM finding_review").fetchall()
    assert kept == [("rejected", "user-service_engineer")], "it stays on record"


async def test_only_the_review_that_is_named_is_taken_back(client: httpx.AsyncClient, ids: Foreseen) -> None:
    first = (await _say(client, ids.worn, verdict="rejected")).json()["review"]
    second = (await _say(client, ids.worn, verdict="confirmed")).json()["review"]
    refused = await _withdraw(client, first["id"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert (await _get(client, f"/anomalies/{ids.worn}"))["review"] == second
    assert (await _withdraw(client, second["id"] + 1_000)).status_code == 404


async def test_a_withdrawal_that_is_sent_again_leaves_what_was_said_since(
    client: httpx.AsyncClient, ids: Foreseen
) -> None:
    first = (await _say(client, ids.worn, verdict="rejected")).json()["review"]
    used = {"Idempotency-Key": "two"}
    assert (await _withdraw(client, first["id"], used)).status_code == 200
    second = (await _say(client, ids.worn, verdict="confirmed")).json()["review"]
    again = await _withdraw(client, first["id"], used)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert (await _get(client, f"/anomalies/{ids.worn}"))["review"] == second


async def test_all_that_was_ever_said_of_a_finding_is_on_record(client: httpx.AsyncClient, ids: Foreseen) -> None:
    assert (await _get(client, f"/anomalies/{ids.worn}/reviews"))["items"] == []
    await _say(client, ids.odd, verdict="rejected")
    await _say(client, ids.worn, verdict="rejected", note="a test")
    await _say(client, ids.worn, verdict="confirmed", label="bearing wear")
    latest = await _get(client, f"/anomalies/{ids.worn}/reviews", limit=1)
    earlier = await _get(client, f"/anomalies/{ids.worn}/reviews", limit=1, cursor=latest["next"])
    assert earlier["next"] is None
    (now,), (then,) = latest["items"], earlier["items"]
    assert (now["label"], now["superseded_at"], now["start_at"]) == ("bearing wear", None, "2026-02-20T06:00:00Z")
    assert (then["note"], then["superseded_by"]) == ("a test", "user-service_engineer")
    assert then["superseded_at"] == now["reviewed_at"]


@pytest.mark.parametrize("role", ["account_manager", "customer"])
async def test_only_engineers_say_what_a_finding_was(
    client: httpx.AsyncClient, ids: Foreseen, owner: Connection, role: str
) -> None:
    other = bearer(key(owner, role, "lechtal"))
    answer = await _say(client, ids.worn, other, verdict="confirmed")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
    said = (await _say(client, ids.worn, verdict="confirmed")).json()["review"]
    assert (await _withdraw(client, said["id"], other)).status_code == 403
    assert (await client.get(f"/api/v1/anomalies/{ids.worn}", headers=other)).status_code == 200


async def test_findings_of_another_customer_do_not_exist_for_an_engineer_who_may_not_see_it(
    client: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    stranger = bearer(key(owner, "service_engineer", "other"))
    for path in ("", "/similar", "/scores", "/reviews"):
        answer = await client.get(f"/api/v1/anomalies/{ids.worn}{path}", headers=stranger)
        assert (answer.status_code, answer.json()["detail"]) == (404, f"there is no anomaly {ids.worn}")
    assert (await _say(client, ids.worn, stranger, verdict="rejected")).status_code == 404
    assert owner.execute("SELECT count(*) FROM finding_review").fetchone() == (0,)
    said = (await _say(client, ids.worn, verdict="rejected")).json()["review"]
    assert (await _withdraw(client, said["id"], stranger)).status_code == 404
    assert (await _get(client, f"/anomalies/{ids.worn}"))["review"] == said


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "verdict"),
        ({"verdict": "perhaps"}, "verdict"),
        ({"verdict": "confirmed", "label": "   "}, "label"),
        ({"verdict": "confirmed", "label": "x" * 101}, "label"),
        ({"verdict": "confirmed", "note": "\x00"}, "note"),
        ({"verdict": "confirmed", "severity": "low"}, "severity"),
    ],
)
async def test_a_review_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, ids: Foreseen, said: dict[str, Any], field: str
) -> None:
    answer = await _say(client, ids.worn, **said)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_without_an_idempotency_key_nothing_is_said(client: httpx.AsyncClient, ids: Foreseen) -> None:
    answer = await client.post(f"/api/v1/anomalies/{ids.worn}/review", json={"verdict": "rejected"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


async def test_earlier_findings_that_resemble_it_are_shown_with_what_they_were(
    client: httpx.AsyncClient, ids: Foreseen
) -> None:
    await _say(client, ids.worn, verdict="confirmed", label="bearing wear")
    alike = await _get(client, f"/anomalies/{ids.going_on}/similar")
    assert (alike["anomaly"], alike["asset"]) == (ids.going_on, "p1")
    (only,) = alike["items"]
    assert (only["id"], only["asset"], only["label"], only["verdict"]) == (ids.worn, "p2", "bearing wear", "confirmed")
    assert only["similarity"] == pytest.approx(1.0)
    assert (await _get(client, f"/anomalies/{ids.worn}/similar"))["items"] == []


async def test_scores_show_the_fault_against_the_threshold_and_the_expectation(
    client: httpx.AsyncClient, ids: Foreseen
) -> None:
    shown = await _get(client, f"/anomalies/{ids.going_on}/scores", points=5_000)
    assert (shown["sensor"], shown["unit"], shown["threshold"]) == ("vibration_mm_s", "mm/s", 1.0)
    at = [datetime.fromisoformat(text) for text in shown["at"]]
    assert at == sorted(at)
    assert at[0] < FAULT < at[-1] <= NOW
    above = [score for score, when in zip(shown["score"], at, strict=True) if when > FAULT + timedelta(hours=2)]
    below = [score for score, when in zip(shown["score"], at, strict=True) if when < FAULT]
    assert max(below) < 1.0 < min(above)
    assert shown["observed"][-1] > 1.3 * shown["expected"][-1]
    assert shown["share"][-1] == pytest.approx(foreseen.WORN["vibration_mm_s"])
    assert None in shown["expected"], "of a score far below the threshold nothing is on record"


async def test_a_few_points_keep_the_highest_score_and_both_ends(client: httpx.AsyncClient, ids: Foreseen) -> None:
    every = await _get(client, f"/anomalies/{ids.going_on}/scores", points=5_000, sensor="flow_m3_h")
    few = await _get(client, f"/anomalies/{ids.going_on}/scores", points=20, sensor="flow_m3_h")
    assert len(few["at"]) <= 20 < len(every["at"])
    assert (few["at"][0], few["at"][-1]) == (every["at"][0], every["at"][-1])
    assert max(few["score"]) == max(every["score"])
    assert set(zip(few["at"], few["score"], strict=True)) <= set(zip(every["at"], every["score"], strict=True))


@pytest.mark.parametrize(
    ("path", "asked", "field"),
    [
        ("/anomalies", {"severity": "mild"}, "severity"),
        ("/anomalies", {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ("/anomalies", {"since": "2026-03-02T00:00:00Z"}, "since"),
        ("/anomalies", {"cursor": "x"}, "cursor"),
        ("/anomalies/1/scores", {"points": "1"}, "points"),
        ("/anomalies/1/scores", {"from": "2025-03-02T00:00:00Z"}, "from"),
        ("/anomalies/1/scores", {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ("/detectors/precision", {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused_by_field(
    client: httpx.AsyncClient, ids: Foreseen, path: str, asked: dict[str, str], field: str
) -> None:
    answer = await client.get(f"/api/v1{path.replace('/1/', f'/{ids.going_on}/')}", params=asked)
    assert answer.status_code == 422, answer.text
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_a_sensor_the_machine_does_not_have_is_not_found(client: httpx.AsyncClient, ids: Foreseen) -> None:
    answer = await client.get(f"/api/v1/anomalies/{ids.going_on}/scores", params={"sensor": "pressure"})
    assert (answer.status_code, "'pressure'" in answer.json()["detail"]) == (404, True)


async def test_precision_is_counted_by_detector_and_month_from_what_was_said(
    client: httpx.AsyncClient, ids: Foreseen
) -> None:
    await _say(client, ids.worn, verdict="confirmed")
    await _say(client, ids.odd, verdict="rejected")
    shown = (await _get(client, "/detectors/precision"))["items"]
    by_month = {(row["detector"], row["month"][:7]): row for row in shown}
    assert by_month["residual", "2026-02"]["precision"] == 1.0
    assert by_month["residual", "2026-02"]["low"] == pytest.approx(0.05)
    assert by_month["change_point", "2026-03"]["precision"] == 0.0
    waiting = by_month["residual", "2026-03"]
    assert (waiting["precision"], waiting["unreviewed"]) == (None, 1)
    of_p2 = (await _get(client, "/detectors/precision", asset=ids.p2))["items"]
    assert [(row["detector"], row["month"][:7]) for row in of_p2] == [("residual", "2026-02")]


async def test_how_a_machine_is_watched_is_said(client: httpx.AsyncClient, ids: Foreseen) -> None:
    watched = await _get(client, f"/assets/{ids.p1}/watch")
    assert (watched["asset"], watched["origin"]) == ("lechtal/north/p1", "found")
    assert (watched["healthy_from"], watched["healthy_to"]) == ("2026-01-25T00:00:00Z", "2026-02-08T00:00:00Z")
    assert (watched["reset_by"], watched["drift"]) == ("bearing_failure", foreseen.DRIFT)
    assert (watched["model"]["name"], watched["model"]["refused"]) == ("ensemble@1", None)
    assert watched["settings"]["drivers"] == ["power_kw"]
    nobody = await client.get("/api/v1/assets/77/watch")
    assert nobody.status_code == 404


async def test_why_there_is_no_model_is_said_too(client: httpx.AsyncClient, ids: Foreseen, owner: Connection) -> None:
    refused = '{"refused": "too_few_rows", "rows": 12, "rows_needed": 200, "left_out": {"flow_m3_h": "constant"}}'
    owner.execute("UPDATE model SET parameters = %s WHERE asset_id = %s", (refused, ids.p2))
    watched = await _get(client, f"/assets/{ids.p2}/watch")
    assert watched["model"]["refused"] == {"reason": "too_few_rows", "rows": 12, "rows_needed": 200}
    assert watched["model"]["left_out"] == {"flow_m3_h": "constant"}
    assert (watched["healthy_from"], watched["checked_at"], watched["is_outdated"]) == (None, None, False)
