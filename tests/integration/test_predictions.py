"""Predictions on a real database: made once for each instant, from the time up to it, and never changed."""

from datetime import timedelta
from typing import Any

from services.analytics.foretelling.foretell import foretell_due
from services.analytics.learning import train
from shared.db import prognosis_views
from shared.db.pool import Connection
from shared.db.predictions import Foretold
from shared.instant import DAY_US, from_us
from shared.model.registry import Purpose
from tests.integration.judging import interval, state
from tests.integration.wearing import START, asked, derive, load, on, rows, vibrate, wear, worsening

_SAID = """
    SELECT asset_id, component, at, method, p10_h, p50_h, p90_h, p_24h, p_7d, p_30d, health, latest_at, reason,
           evidence::text
    FROM prediction WHERE at <= '2025-01-31' ORDER BY asset_id, component, at
"""


def foretell(database_url: str, days: float) -> int:
    """Derive and foretell what there is by so many days after START; how many predictions were made."""
    now_us = derive(database_url, days)
    return asked(database_url, lambda c: foretell_due(c, now_us))


def history(database_url: str, asset_id: int, component: str) -> list[Foretold]:
    """All that was said of a component."""
    ever = from_us(START), from_us(START + 1_000 * DAY_US)
    asked_of = {"component": component, "start": ever[0], "end": ever[1], "after": (ever[0], 0), "limit": 10_000}
    return asked(database_url, lambda c: prognosis_views.history(c, asset_id, **asked_of))


def _first_month(connection: Connection, asset_id: int) -> None:
    state(connection, asset_id, on(0), "up")
    for day in (9, 18, 26):
        interval(connection, asset_id, on(day), on(day + 0.3), "F1")
    vibrate(connection, asset_id, 0, 30, worsening(28, 5))


def _later(connection: Connection, asset_id: int) -> None:
    interval(connection, asset_id, on(31), on(32), "F1")
    vibrate(connection, asset_id, 32, 40, lambda _: 2.0)


def test_each_instant_is_foretold_once_and_as_if_nothing_after_it_had_happened(
    connection: Connection, database_url: str
) -> None:
    asset_id = load(connection, 1)["p0"]
    _first_month(connection, asset_id)
    assert foretell(database_url, 30) == 30 * 4 * 2, "two components, every six hours"
    said = rows(connection, _SAID)
    assert foretell(database_url, 30.2) == 0

    _later(connection, asset_id)
    interval(connection, asset_id, on(5), on(5.5), "F2")
    assert foretell(database_url, 40) == 10 * 4 * 2
    assert rows(connection, _SAID) == said, "late data change nothing that was said"

    connection.execute("DELETE FROM asset_event WHERE code = 'F2'")
    connection.execute("UPDATE asset SET name = 'x'; DELETE FROM failure_notice; DELETE FROM prediction")
    connection.execute(
        "INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at) SELECT id, %s, %s, now() FROM asset",
        (on(0), on(40)),
    )
    assert foretell(database_url, 40) == 40 * 4 * 2
    assert rows(connection, _SAID) == said, "what came later is not looked at"


def test_the_method_is_what_the_data_allow_and_not_enough_is_an_answer(
    connection: Connection, database_url: str
) -> None:
    asset_id = load(connection, 1)["p0"]
    _first_month(connection, asset_id)
    foretell(database_url, 30)
    bearing = history(database_url, asset_id, "bearing")
    assert bearing[0].method == "not_enough_data"
    assert "0 failure(s) of this component on record" in bearing[0].reason
    assert bearing[-1].method == "weibull"
    assert "3 failure(s) among 4 lives" in bearing[-1].reason
    assert {each.method for each in history(database_url, asset_id, "seal")} == {"not_enough_data"}
    down = [each for each in bearing if "not back in operation" in each.reason]
    assert {each.at.day for each in down} == {10, 19, 27}


def test_a_sensor_on_its_way_to_its_limit_tells_how_long_it_takes(connection: Connection, database_url: str) -> None:
    asset_id = load(connection, 1)["p0"]
    state(connection, asset_id, on(0), "up")
    vibrate(connection, asset_id, 0, 30, worsening(20, 14))
    foretell(database_url, 30)
    said = history(database_url, asset_id, "bearing")
    assert {each.method for each in said if each.at < from_us(START + 19 * DAY_US)} == {"not_enough_data"}
    last = said[-1]
    assert last.method == "health_trend"
    assert "vibration_mm_s on its way to the limit 4.5" in last.reason
    assert last.p10_h is not None
    assert last.p50_h is not None
    # It takes 14 days, of which 10 are over.
    assert 2 * 24 < last.p50_h < 6 * 24
    assert last.latest_at is not None
    assert last.at <= last.latest_at <= last.at + timedelta(hours=last.p10_h)
    assert last.health is not None
    assert 0.2 < last.health < 0.6


def test_an_instant_waits_until_all_of_the_time_before_it_is_derived(connection: Connection, database_url: str) -> None:
    asset_id = load(connection, 1)["p0"]
    state(connection, asset_id, on(0), "up")
    derive(database_url, 2)
    interval(connection, asset_id, on(1), on(1.1), "F1")
    now = START + 2 * DAY_US
    assert asked(database_url, lambda c: foretell_due(c, now)) == 4 * 2
    assert foretell(database_url, 2) == 4 * 2


def test_a_model_speaks_for_the_time_after_what_it_learnt_and_is_named_and_a_refused_one_is_too(
    connection: Connection, database_url: str
) -> None:
    assets = load(connection, 4)
    wear(connection, assets, 240)
    now = derive(database_url, 240)
    found = asked(database_url, lambda c: train.learn_now(c, "pump", Purpose.FAILURE_RISK, now))
    assert found is not None
    version = found[0].version
    assert version is not None
    connection.execute("UPDATE asset_model SET prognosis = jsonb_set(prognosis, '{every_us}', '86400000000')")
    foretell(database_url, 240)
    said = history(database_url, assets["p1"], "bearing")
    assert {each.model for each in said if each.at < version.trained_to} == {None}
    after = [each for each in said if each.at >= version.trained_to and "not back" not in each.reason]
    assert {each.model for each in after} == {version.name}
    assert {each.model_version_id for each in after} == {version.id}

    connection.execute("UPDATE model_version SET artefact = 'x'")
    state(connection, assets["p1"], on(242), "up", seq=1)
    foretell(database_url, 243)
    refused = history(database_url, assets["p1"], "bearing")[-1]
    assert (refused.model, refused.method) == (None, "weibull")
    assert f"{version.name} not used: the artefact's SHA-256" in refused.reason


def test_a_customer_sees_its_own_predictions_and_no_others(connection: Connection, database_url: str) -> None:
    asset_id = load(connection, 1)["p0"]
    state(connection, asset_id, on(0), "up")
    foretell(database_url, 1)
    [(own,)] = rows(connection, "SELECT id FROM customer")
    connection.execute("SET ROLE vouch_api")
    seen: dict[str, Any] = {}
    for customers in (str(own), str(own + 1), ""):
        connection.execute("SELECT set_config('vouch.customers', %s, false)", (customers,))
        seen[customers] = rows(connection, "SELECT count(*) FROM prediction")[0][0]
    assert seen == {str(own): 8, str(own + 1): 0, "": 0}
