"""The pages of machines and findings: what an engineer looks at, with plots that load nothing and follow the page."""

import re
from collections.abc import AsyncIterator, Iterator
from html import unescape
from xml.etree import ElementTree as Xml

import httpx
import pytest

from services.api.web.plots import finding, life
from shared.db.pool import Connection, connect
from tests.integration import foreseen
from tests.integration.asking import asking, key, own_database
from tests.integration.foreseen import Foreseen

_SVG = re.compile(r"<svg [^>]*class=\"marks\".*?</svg>", re.DOTALL)


@pytest.fixture(scope="module")
def furnished(admin_url: str, template: str) -> Iterator[tuple[str, Foreseen]]:
    with own_database(admin_url, template) as url, connect(url) as connection:
        yield url, foreseen.furnish(connection)


@pytest.fixture
def ids(furnished: tuple[str, Foreseen]) -> Foreseen:
    return furnished[1]


@pytest.fixture
def owner(furnished: tuple[str, Foreseen]) -> Iterator[Connection]:
    with connect(furnished[0]) as opened:
        yield opened


@pytest.fixture
async def browser(furnished: tuple[str, Foreseen], owner: Connection) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(furnished[0]) as opened:
        opened.headers = {"Accept": "text/html,*/*;q=0.8"}
        await opened.post("/login", json={"key": key(owner, "service_engineer")})
        yield opened


async def _page(browser: httpx.AsyncClient, path: str) -> str:
    page = await browser.get(path)
    assert page.status_code == 200, page.text
    return page.text


def _words(page: str) -> str:
    """What a reader sees outside the plots: without tags, spaces made plain."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", _SVG.sub(" ", page))).split())


def _plots(page: str) -> list[str]:
    """The texts of each plot."""
    return [" ".join(Xml.fromstring(svg).itertext()) for svg in _SVG.findall(page)]


async def test_a_machine_shows_its_state_its_findings_and_when_to_see_to_what(
    browser: httpx.AsyncClient, ids: Foreseen
) -> None:
    words = _words(await _page(browser, f"/machines/{ids.p1}"))
    assert "Pump 1 lechtal/north/p1 · pump · as of 2026-03-14 12:00 UTC" in words
    assert "State Full performance running, known to 2026-03-14 12:00 UTC" in words
    assert "Findings going on 1" in words
    assert "vibration_mm_s high Residual 14.0 not reviewed" in words
    assert "See to the bearing by 2026-03-21 12:22 UTC ." in words
    assert "1,204 run-to-failure hours of 9 pumps" in words
    assert "7.5 days / 10 days / 13 days" in words
    assert "Run-to-failure histories remaining_life@2 run_to_failure" in words
    assert "Nothing to be done for the seal yet." in words
    assert "Failed as announced 2026-01-20 07:00 UTC 18 days" in words
    assert "2026-01-25 00:00 UTC to 2026-02-08 00:00 UTC, found" in words
    assert "Drift typical score 0.93, carried by flow_m3_h" in words


async def test_a_machine_s_plots_have_axes_with_units_and_mark_what_happened(
    browser: httpx.AsyncClient, ids: Foreseen
) -> None:
    sensor, score, shares, health, life, seal = _plots(await _page(browser, f"/machines/{ids.p1}"))
    for label in ("vibration_mm_s [mm/s]", "Time (UTC)", "observed", "expected"):
        assert label in sensor
    assert "Score [1 = threshold]" in score
    for label in ("Share of the score [%]", "bearing_temp_c", "+61 %", "\N{MINUS SIGN}12 %"):
        assert label in shares
    for label in ("Health [1 = as new]", "notice", "failure", "now"):
        assert label in health
    assert "Remaining life [days]" in life
    assert "Remaining life [days]" in seal


async def test_a_machine_of_which_nothing_is_known_says_so(browser: httpx.AsyncClient, ids: Foreseen) -> None:
    page = await _page(browser, f"/machines/{ids.p2}")
    words = _words(page)
    assert "Nothing known yet" in words
    assert "Healthy window in use none declared, none found yet" in words
    assert "Findings going on None." in words


async def test_a_finding_shows_its_sensors_what_carries_it_and_what_it_resembles(
    browser: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    owner.execute(
        "SELECT vouch_review_finding(%s, 'confirmed', 'bearing <wear>', 'outer race', 'anna', '2026-02-22')",
        (ids.worn,),
    )
    page = await _page(browser, f"/findings/{ids.going_on}")
    words = _words(page)
    assert f"Finding {ids.going_on}: vibration_mm_s high" in words
    assert "flow_m3_h 12 % 184.8 m³/h 210 m³/h \N{MINUS SIGN}25.2 m³/h low" in words
    assert "Confirmed bearing <wear>" in words
    assert "<wear>" not in page, "words of others are shown as words"
    assert len(_plots(page)) == 5, "three sensors, the score, the shares"


async def test_the_review_is_offered_to_those_who_may_say_what_it_was(
    browser: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    path = f"/findings/{ids.going_on}"
    page = await _page(browser, path)
    assert f'data-review="/api/v1/anomalies/{ids.going_on}/review"' in page
    assert "data-in-force" not in page
    _, buttons = re.split(r'<form class="review"', page)
    assert re.findall(r'<button type="(\w+)"[^>]* value="(\w+)">', buttons) == [
        ("button", "confirmed"),
        ("button", "rejected"),
        ("button", "withdraw"),
    ], "none submits, so that Enter in a field says nothing"
    await browser.post("/login", json={"key": key(owner, "customer", "lechtal")})
    assert "data-review" not in await _page(browser, path)


async def test_the_page_names_the_review_that_is_taken_back(
    browser: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    said = owner.execute(
        "SELECT review_id FROM vouch_review_finding(%s, 'confirmed', NULL, '', 'anna', '2026-02-23')", (ids.worn,)
    ).fetchone()
    assert said is not None
    assert f'data-in-force="/api/v1/reviews/{said[0]}"' in await _page(browser, f"/findings/{ids.worn}")


async def test_what_was_drawn_is_not_drawn_again_for_some_minutes(
    furnished: tuple[str, Foreseen], ids: Foreseen, owner: Connection
) -> None:
    drawn = (finding.against_expectation, finding.contributions, finding.score, life.health, life.remaining_life)
    seen: list[list[str]] = []
    missed: list[int] = []
    for at in ("2026-03-14T12:01:02.000003", "2026-03-14T12:09:58", "2026-03-14T12:10:00"):
        async with asking(furnished[0], at) as later:
            later.headers = {"Accept": "text/html,*/*;q=0.8"}
            await later.post("/login", json={"key": key(owner, "service_engineer")})
            pages = [await _page(later, path) for path in (f"/machines/{ids.p1}", f"/findings/{ids.going_on}")]
        seen.append([svg for page in pages for svg in _SVG.findall(page)])
        missed.append(sum(plot.cache_info().misses for plot in drawn))
    assert missed[0] == missed[1] < missed[2]
    assert seen[0] == seen[1] != seen[2]


async def test_the_list_of_findings_can_be_narrowed_and_shows_precision(
    browser: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    owner.execute("SELECT vouch_review_finding(%s, 'rejected', NULL, '', 'anna', '2026-03-07')", (ids.odd,))
    every = await _page(browser, "/findings")
    assert re.findall(r'<a href="/findings/(\d+)">', every) == [str(ids.going_on), str(ids.odd), str(ids.worn)]
    assert "March 2026 Change point 1 0 1 0 0 0 % (0 % to 95 %)" in _words(every)
    going_on = await _page(browser, "/findings?open=true")
    assert re.findall(r'<a href="/findings/(\d+)">', going_on) == [str(ids.going_on)]
    assert '<a href="/findings?open=true" aria-current="page">' in going_on


async def test_a_finding_without_a_known_sensor_has_a_page_too(
    browser: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    kept = owner.execute("SELECT contributions FROM anomaly WHERE id = %s", (ids.odd,)).fetchone()
    assert kept is not None
    owner.execute("UPDATE anomaly SET contributions = '[]' WHERE id = %s", (ids.odd,))
    assert _plots(await _page(browser, f"/findings/{ids.odd}")) == []


async def test_pages_with_plots_load_nothing_and_carry_no_style_of_their_own(
    browser: httpx.AsyncClient, ids: Foreseen
) -> None:
    for path in (f"/machines/{ids.p1}", f"/findings/{ids.going_on}", "/findings"):
        page = await _page(browser, path)
        assert not re.search(r"(src|href)=\"(https?:)?//", page)
        assert not re.search(r"<style|style=|<image|xlink:href|@import", page), "the content security policy forbids it"
        colours = re.findall(r' (?:fill|stroke)="([^"]+)"', "".join(_SVG.findall(page)))
        assert {one for one in colours if not one.startswith(("var(--", "none", "transparent"))} == set()
        named = re.findall(r'\bid="([^"]+)"', page)
        assert len(named) == len(set(named)), "an id is there twice, and a plot would be cut by another's frame"


@pytest.mark.parametrize("path", ["/machines/77", "/findings/77", "/findings?severity=mild"])
async def test_what_is_not_there_is_a_page_that_says_so(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code in {404, 422}
    assert "All contracts" in answer.text


async def test_machines_and_findings_of_another_customer_have_no_page(
    browser: httpx.AsyncClient, ids: Foreseen, owner: Connection
) -> None:
    await browser.post("/login", json={"key": key(owner, "customer", "other")})
    for path in (f"/machines/{ids.p1}", f"/findings/{ids.going_on}"):
        assert (await browser.get(path)).status_code == 404
    assert "None. A finding appears when" in _words(await _page(browser, "/findings"))
