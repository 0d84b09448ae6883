"""The pages: who is not signed in is sent to sign in, and both parties read the numbers the API sends."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from services.api.web import present
from shared.contracts import spec
from shared.db import contracts
from shared.db.pool import Connection, connect
from tests.integration import judging
from tests.integration.asking import HERON, NOW, asking, contract_text, furnish, furnished_database, key

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HERON_PAGE = f"/contracts/{HERON.contract}"


@pytest.fixture(scope="module")
def furnished(admin_url: str, template: str) -> Iterator[str]:
    with furnished_database(admin_url, template) as url:
        yield url


@pytest.fixture(scope="module")
def herons_key(furnished: str) -> str:
    with connect(furnished) as owner:
        return key(owner, "customer", "heron")


@pytest.fixture
async def browser(furnished: str) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(furnished) as opened:
        opened.headers = BROWSER
        yield opened


async def _sign_in(browser: httpx.AsyncClient, presented: str) -> httpx.Response:
    return await browser.post("/login", json={"key": presented})


def _text(page: httpx.Response) -> str:
    """What a reader sees: without tags, spaces made plain."""
    assert page.status_code == 200, page.text
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


@pytest.mark.parametrize("path", ["/", HERON_PAGE])
async def test_who_is_not_signed_in_is_sent_to_sign_in(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")


async def test_signing_in_keeps_the_key_where_no_script_and_no_other_site_can_use_it(
    browser: httpx.AsyncClient, herons_key: str
) -> None:
    answer = await _sign_in(browser, herons_key)
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert (await browser.get("/")).status_code == 200
    assert (await browser.get("/api/v1/me")).json()["role"] == "customer"


async def test_over_https_the_cookie_never_leaves_it(furnished: str, herons_key: str) -> None:
    async with asking(furnished) as client:
        answer = await client.post("https://vouch/login", json={"key": herons_key})
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("presented", ["", "nonsense", "vouch_00000000_" + "0" * 48])
async def test_a_wrong_key_signs_nobody_in(browser: httpx.AsyncClient, presented: str) -> None:
    answer = await browser.post("/login", json={"key": presented}, headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated")
    assert "set-cookie" not in answer.headers


async def test_a_form_of_another_site_cannot_sign_anybody_in(browser: httpx.AsyncClient, herons_key: str) -> None:
    answer = await browser.post("/login", data={"key": herons_key}, headers={"Accept": "*/*"})
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers


async def test_signing_out_forgets_the_key(browser: httpx.AsyncClient, herons_key: str) -> None:
    await _sign_in(browser, herons_key)
    answer = await browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await browser.get("/")).status_code == 303


async def test_the_overview_shows_each_contract_with_the_numbers_of_the_api(
    browser: httpx.AsyncClient, herons_key: str
) -> None:
    await _sign_in(browser, herons_key)
    (standing,) = (await browser.get("/api/v1/value-in-use")).json()["items"]
    document = standing["document"]
    text = _text(await browser.get("/"))
    assert "HR-1 Heronry GmbH 1 machine Heronry March 2026" in text
    for shown in (
        present.percent(document["level"]),
        present.percent(present.achieved(document), beside=document["level"]),
        present.points(document["margin"]),
        present.hours(document["budget"]["left_h"]),
        present.verdict(document),
        present.probability(document["forecast"], over=False),
        present.money(document["settlement"]["malus"], "EUR"),
    ):
        assert " ".join(shown.split()) in text
    assert "3,307.50 EUR" in text
    assert "Value in use, latest period" in text
    assert "Guarantee at risk" in text


async def test_the_contract_page_shows_how_the_number_comes_about(browser: httpx.AsyncClient, herons_key: str) -> None:
    await _sign_in(browser, herons_key)
    (judged,) = (await browser.get(f"/api/v1{HERON_PAGE}/value-in-use")).json()["items"]
    page = await browser.get(HERON_PAGE)
    text = _text(page)
    document = judged["document"]
    assert document["value"]["exact"] in text
    assert judged["sha256"] in text
    assert "Forced outage FO 54.0 h" in text
    assert "Supplier 54.0 h" in text
    for step in document["settlement"]["steps"]:
        assert " ".join(step.split()) in text
    assert 'c-FO"' in page.text
    assert "February 2026" in text
    assert "time_availability@1 Excluded hours leave the denominator." in text
    assert 'title="What may still be lost before the value, rounded as the contract says' in page.text


@pytest.mark.parametrize("path", ["/", HERON_PAGE])
async def test_the_malus_of_a_running_period_is_said_to_be_as_if_it_ended_now(
    browser: httpx.AsyncClient, herons_key: str, path: str
) -> None:
    await _sign_in(browser, herons_key)
    page = await browser.get(path)
    assert '<abbr title="What would be owed if the period ended now">Malus so far</abbr>' in page.text


async def test_another_period_can_be_chosen(browser: httpx.AsyncClient, herons_key: str) -> None:
    await _sign_in(browser, herons_key)
    text = _text(await browser.get(HERON_PAGE, params={"period": "2026-02-01"}))
    assert "February 2026 over" in text
    assert "Malus 0.00 EUR" in text
    assert "Malus so far" not in text
    missing = await browser.get(HERON_PAGE, params={"period": "2026-02-02"})
    assert missing.status_code == 404
    assert "No period of this contract begins on 2026-02-02." in missing.text


async def test_a_page_that_is_not_there_is_a_page_that_says_so(browser: httpx.AsyncClient, herons_key: str) -> None:
    await _sign_in(browser, herons_key)
    for path in ("/contracts/ZB-1", "/nothing", "/contracts/a%20b"):
        answer = await browser.get(path)
        assert answer.status_code in {404, 422}
        assert answer.headers["content-type"].startswith("text/html")
        assert "All contracts" in answer.text


async def test_words_of_others_are_shown_as_words(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    attack = "<script>alert(1)</script>"
    connection.execute("UPDATE customer SET name = %s", (attack,))
    connection.execute("UPDATE alert_transition SET title = %s, body = %s", (attack, attack))
    connection.execute("UPDATE asset SET name = %s", (attack,))
    async with asking(database_url) as browser:
        await _sign_in(browser, key(connection, "admin"))
        for path in ("/", HERON_PAGE):
            page = await browser.get(path)
            assert attack not in page.text
            assert "&lt;script&gt;" in page.text


async def test_with_nothing_stored_the_pages_say_what_is_missing(database_url: str, connection: Connection) -> None:
    async with asking(database_url) as browser:
        await _sign_in(browser, key(connection, "admin"))
        text = _text(await browser.get("/"))
        assert "No contract is stored that you may see" in text
        assert "None. An alert opens when" in text


async def test_a_contract_that_is_not_judged_yet_is_named(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    connection.execute("DELETE FROM assessment")
    async with asking(database_url) as browser:
        await _sign_in(browser, key(connection, "admin"))
        assert "Not judged yet: HR-1 (Heronry GmbH, from 2026-01-31)" in _text(await browser.get("/"))
        assert "Not judged yet." in _text(await browser.get(HERON_PAGE))


async def test_a_guarantee_without_an_agreed_malus_shows_no_amount(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    text = contract_text(HERON, version=2, start="2026-03-01")
    contracts.store(
        connection, spec.parse(text[: text.index("    settlement:")], "version 2"), judging.us("2026-03-02")
    )
    await asyncio.to_thread(judging.judge, database_url, NOW)
    async with asking(database_url) as browser:
        await _sign_in(browser, key(connection, "customer", "heron"))
        (row,) = re.findall(r"<tr>\s*<th scope=\"row\".*?</tr>", (await browser.get("/")).text, re.DOTALL)
        assert re.search(rf">{present.NONE}</td>\s*</tr>$", row)
        page = _text(await browser.get(HERON_PAGE))
        assert f"Malus so far {present.NONE}" in page
        assert f"Settlement {present.NONE}" in page
        assert f"Below target {present.NONE} {present.NONE} February 2026" in page
        assert f"Met 0.00 EUR {present.NONE}" in page, "version 1, the law of February, has a malus"


async def test_a_share_of_unknown_time_stands_beside_the_value(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    connection.execute(
        """UPDATE assessment SET result = jsonb_set(result, '{hours_by_category}', '{"FP": 88, "IU": 12}')"""
    )
    async with asking(database_url) as browser:
        await _sign_in(browser, key(connection, "admin"))
        assert "% 12 % unknown" in _text(await browser.get("/"))
        connection.execute(
            """UPDATE assessment SET result = jsonb_set(result, '{hours_by_category}', '{"FP": 99.6, "IU": 0.4}')"""
        )
        assert "unknown" not in _text(await browser.get("/"))


async def test_a_period_of_days_breaks_between_its_dates_only(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    connection.execute(
        """UPDATE assessment SET result = jsonb_set(result, '{period,start}', '"2026-01-15T00:00:00+01:00"')"""
    )
    async with asking(database_url) as browser:
        await _sign_in(browser, key(connection, "admin"))
        page = await browser.get("/")
        assert '<span class="nowrap">2026-01-15</span> to <span class="nowrap">2026-03-31</span>' in page.text


async def test_deemed_available_hours_are_explained(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    text = contract_text(HERON, version=2, start="2026-03-01").replace("excluded_from_denominator", "deemed_available")
    contracts.store(connection, spec.parse(text, "version 2"), judging.us("2026-03-02"))
    await asyncio.to_thread(judging.judge, database_url, NOW)
    async with asking(database_url) as browser:
        await _sign_in(browser, key(connection, "customer", "heron"))
        assert "Excluded hours count as available." in _text(await browser.get(HERON_PAGE))
        february = await browser.get(HERON_PAGE, params={"period": "2026-02-01"})
        assert "Excluded hours leave the denominator." in _text(february)


async def test_a_guarantee_that_cannot_be_assessed_has_a_page_too(database_url: str, connection: Connection) -> None:
    await asyncio.to_thread(furnish, connection, database_url)
    connection.execute(
        "UPDATE assessment SET result = result || %s::jsonb",
        (
            '{"value": null, "value_rounded": null, "margin": null, "bounds": null, "verdict": "not_assessable",'
            ' "reason": "no_denominator",'
            ' "hours": [], "hours_by_category": {}, "unavailable_hours_by_party": {}, "forecast": null}',
        ),
    )
    async with asking(database_url) as browser:
        await _sign_in(browser, key(connection, "admin"))
        assert "Nothing to assess yet" in _text(await browser.get("/"))
        assert "Nothing counts yet" in _text(await browser.get(HERON_PAGE))


async def test_pages_load_nothing_from_elsewhere(browser: httpx.AsyncClient, herons_key: str) -> None:
    await _sign_in(browser, herons_key)
    for path in ("/", HERON_PAGE, "/login"):
        page = await browser.get(path)
        assert not re.search(r"(src|href)=\"(https?:)?//", page.text)
        assert "style=" not in page.text, "the content security policy forbids it"
        for asset in set(re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page.text)):
            assert (await browser.get(asset)).status_code == 200
