"""Notices of failure on a real database: given once, decided by what happens, counted by contracts if really told."""

from decimal import Decimal
from typing import Any

import pytest

from services.analytics.foretelling.foretell import foretell_due
from shared import fleet
from shared.contracts import spec
from shared.db import contracts, notices, quantities
from shared.db import fleet as fleets
from shared.db.notices import Given, Notice
from shared.db.pool import Connection
from shared.instant import DAY_US, from_us
from shared.model.prognosis import NoticeState
from shared.model.quantity import Quantity
from tests.integration.judging import interval, state, us
from tests.integration.test_predictions import foretell
from tests.integration.wearing import START, asked, derive, fleet_text, load, on, rows, vibrate, worsening

NOTICE = "{risk: 0.5, within_days: 30, false_quota: 0.3}"
CONTRACT = """
contract: {id: NOTICE-1, version: 1, customer: lechtal, offering: AES, currency: EUR, tz: UTC}
term: {start: 2025-01-01, end: 2025-12-31, period: calendar_month}
assets: [{id: kempten/p0}]
guarantees:
  - id: NOTICE
    kind: failure_notice
    level: {share_of_failures_with_notice_days_ge_1: 0.70}
    max_false_alarm_share: 0.3
    settlement: {per_unannounced_failure_beyond_quota: 800}
"""


@pytest.fixture
def pump(connection: Connection) -> int:
    """A pump under contract whose bearing is worn within 14 days from day 10 on."""
    return _pump(connection)


def _pump(connection: Connection, notice: str = NOTICE, lead_days: int = 1) -> int:
    asset_id = load(connection, 1, notice)["p0"]
    text = CONTRACT.replace("days_ge_1", f"days_ge_{lead_days}")
    contracts.store(connection, spec.parse(text, "contract"), START)
    state(connection, asset_id, on(0), "up")
    vibrate(connection, asset_id, 0, 20, worsening(10, 14))
    return asset_id


def _listed(database_url: str) -> list[Notice]:
    return asked(database_url, lambda c: notices.listed(c, limit=10))


def _judged(connection: Connection, database_url: str, month: str = "2025-01") -> dict[str, Any]:
    derive(database_url, 60)
    found = rows(connection, "SELECT to_char(period_start, 'YYYY-MM'), result FROM assessment")
    return dict(found)[month]


def _notes(document: dict[str, Any]) -> str:
    return " ".join(map(str, document.get("notes", [])))


def test_a_notice_is_given_once_and_confirmed_by_the_failure(
    connection: Connection, database_url: str, pump: int
) -> None:
    foretell(database_url, 20)
    [notice] = _listed(database_url)
    assert (notice.component, notice.state, notice.asset) == ("bearing", NoticeState.OPEN, "lechtal/kempten/p0")
    assert notice.given_at < from_us(START + 20 * DAY_US)
    assert (notice.window_end - notice.given_at).days == 30
    assert "two predictions in a row" in notice.reason
    interval(connection, pump, on(20), on(21), "F1")
    foretell(database_url, 20.01)
    [confirmed] = _listed(database_url)
    assert (confirmed.id, confirmed.state) == (notice.id, NoticeState.CONFIRMED)
    failed_at = from_us(START + 20 * DAY_US)
    assert confirmed.failed_at == failed_at
    assert confirmed.lead_h == (failed_at - notice.given_at).total_seconds() / 3600


@pytest.mark.parametrize("code", ["M1", "M2"])
def test_planned_work_before_the_failure_makes_it_neither_right_nor_wrong(
    connection: Connection, database_url: str, pump: int, code: str
) -> None:
    foretell(database_url, 20)
    interval(connection, pump, on(20.1), on(20.6), code)
    foretell(database_url, 21)
    assert [each.state for each in _listed(database_url)] == [NoticeState.AVERTED]


def test_a_notice_that_no_failure_follows_is_false_when_its_window_is_over(
    connection: Connection, database_url: str, pump: int
) -> None:
    foretell(database_url, 20)
    vibrate(connection, pump, 20, 50, lambda _: 2.0)
    foretell(database_url, 50)
    [notice] = _listed(database_url)
    assert (notice.state, notice.decided_at) == (NoticeState.FALSE, notice.window_end)


def test_a_notice_is_not_decided_on_a_timeline_that_waits_to_be_derived(
    connection: Connection, database_url: str, pump: int
) -> None:
    foretell(database_url, 20)
    vibrate(connection, pump, 20, 50, lambda _: 2.0)
    now_us = derive(database_url, 50)
    interval(connection, pump, on(30), on(31), "F1")
    asked(database_url, lambda c: foretell_due(c, now_us))
    assert [each.state for each in _listed(database_url)] == [NoticeState.OPEN]
    foretell(database_url, 50)
    assert _listed(database_url)[-1].state == NoticeState.CONFIRMED


def test_a_contract_counts_a_failure_as_announced_if_the_notice_was_given_before_it(
    connection: Connection, database_url: str, pump: int
) -> None:
    foretell(database_url, 20)
    [notice] = _listed(database_url)
    assert (START + 22 * DAY_US) / 1e6 - notice.made_at.timestamp() >= 86_400
    interval(connection, pump, on(22), on(23), "F1")
    foretell(database_url, 24)
    found = _judged(connection, database_url)
    assert (found["numerator"], found["denominator"], found["verdict"]) == (1, 1, "met"), found
    assert "announcements" not in _notes(found)


def test_a_notice_that_proves_right_is_not_false_because_it_came_too_late_for_the_contract(
    connection: Connection, database_url: str
) -> None:
    pump = _pump(connection, lead_days=14)
    foretell(database_url, 20)
    interval(connection, pump, on(22), on(23), "F1")
    foretell(database_url, 24)
    found = _judged(connection, database_url)
    assert (found["numerator"], found["denominator"], found["verdict"]) == (0, 1, "missed"), found
    assert "days ahead, 14 are asked for" in _notes(found)
    assert "announcements" not in _notes(found)


def test_what_is_declared_later_says_nothing_of_the_time_before_and_foretelling_goes_on(
    connection: Connection, database_url: str
) -> None:
    asset_id = _pump(connection, notice="null", lead_days=0)
    assert foretell(database_url, 20) == 20 * 4 * 2
    seal = "- {name: seal, causes: [seal_leaking]}"
    shaft = "- {name: shaft, causes: [shaft_broken], limits: {vibration_mm_s: 4.5}}"
    text = fleet_text(1, NOTICE).replace(seal, f"{seal}\n        {shaft}")
    fleets.save(connection, fleet.parse(text, "fleet"))
    interval(connection, asset_id, on(20.5), on(20.7), "F1")
    assert foretell(database_url, 21) == 21 * 4 + 4 * 2
    given = {each.component: each for each in _listed(database_url)}
    assert {each.made_at for each in given.values()} == {from_us(START + 21 * DAY_US)}
    assert given["shaft"].given_at < from_us(START + 20 * DAY_US)
    assert given["bearing"].given_at == from_us(START + round(20.25 * DAY_US))
    assert given["bearing"].state == NoticeState.CONFIRMED
    found = _judged(connection, database_url)
    assert (found["numerator"], found["denominator"], found["verdict"]) == (0, 1, "missed"), found
    assert foretell(database_url, 22) == 4 * 3


@pytest.mark.parametrize(("day", "count"), [(20, 1), (21, 0)])
def test_a_notice_is_given_when_its_prediction_is_made_and_never_afterwards(
    connection: Connection, database_url: str, day: int, count: int
) -> None:
    asset_id = _pump(connection, notice="null")
    foretell(database_url, 20)
    given = Given(
        asset_id=asset_id, component="bearing", given_us=START + 18 * DAY_US, window_end_us=START + 48 * DAY_US,
        state=NoticeState.OPEN, decided_us=None, failed_us=None, reason="likely",
    )  # fmt: skip
    asked(database_url, lambda c: notices.keep(c, [given], START + day * DAY_US))
    assert len(_listed(database_url)) == count


def test_what_was_worked_out_after_the_failure_was_told_to_nobody(
    connection: Connection, database_url: str, pump: int
) -> None:
    interval(connection, pump, on(20), on(21), "F1")
    foretell(database_url, 24)
    [notice] = _listed(database_url)
    assert notice.state == NoticeState.CONFIRMED
    assert notice.made_at > notice.given_at
    found = _judged(connection, database_url)
    assert (found["numerator"], found["denominator"], found["verdict"]) == (0, 1, "missed"), found
    assert "no announcement on record" in _notes(found)


def test_false_notices_count_against_the_share_agreed_unless_somebody_else_counts_them(
    connection: Connection, database_url: str, pump: int
) -> None:
    foretell(database_url, 20)
    vibrate(connection, pump, 20, 50, lambda _: 2.0)
    foretell(database_url, 50)
    found = _judged(connection, database_url, "2025-02")
    assert "1 of 1 announcements were false" in _notes(found), found

    whose = quantities.Whose(customer_id=_customer(connection), contract_id="NOTICE-1", assets={}, source="by hand")
    by_hand = {"announcements": 10, "false_announcements": 4}
    quantities.store(connection, whose, [_february(name, count) for name, count in by_hand.items()], START)
    found = _judged(connection, database_url, "2025-02")
    assert "4 of 10 announcements were false" in _notes(found), found
    assert "1 of 1" not in _notes(found)


def _february(name: str, count: int) -> Quantity:
    start_us, end_us = us("2025-02-01"), us("2025-03-01")
    return Quantity(asset="NOTICE-1", name=name, start_us=start_us, end_us=end_us, value=Decimal(count), unit="1")


def _customer(connection: Connection) -> int:
    [(customer_id,)] = rows(connection, "SELECT id FROM customer")
    return customer_id


def test_without_a_notice_section_nothing_is_announced(connection: Connection, database_url: str) -> None:
    asset_id = load(connection, 1, notice="null")["p0"]
    state(connection, asset_id, on(0), "up")
    vibrate(connection, asset_id, 0, 20, worsening(10, 14))
    assert foretell(database_url, 20) == 20 * 4 * 2
    assert _listed(database_url) == []
