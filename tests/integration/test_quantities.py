"""Amounts and tickets on a real database: kept with their history, summed up from sensors, judged by."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from shared import fleet
from shared.contracts import spec
from shared.db import contracts, quantities, tickets
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect_async
from shared.errors import SpecError, VouchError
from shared.model.quantity import Quantity, Ticket
from tests.integration.judging import CONTRACT, FLEET, documents, judge, load, readings, state, us

METERED = FLEET.replace(
    "sensors: [{name: power_kw, unit: kW}]",
    "sensors: [{name: power_kw, unit: kW, quantity: {name: actual_kwh, unit: kWh, as: rate}},"
    " {name: meter, unit: kWh, quantity: {name: actual_output_mwh, unit: MWh, as: counter}},"
    " {name: inlet, unit: degC, quantity: {name: inlet_c, unit: degC, as: mean}}]",
)
BY_OUTPUT = CONTRACT.replace('"unavailable_h * rate"', '"unavailable_h * actual_output_mwh * rate"')
JANUARY = us("2026-01-10T00:00"), us("2026-01-10T01:00")


def _hours(connection: Connection, name: str) -> dict[str, Fraction]:
    """What is in force, by hour."""
    rows = connection.execute(
        "SELECT to_char(start_at, 'DD HH24:MI'), value, over FROM quantity WHERE name = %s AND superseded_at IS NULL"
        " ORDER BY start_at",
        (name,),
    ).fetchall()
    return {hour: Fraction(value) / Fraction(over) for hour, value, over in rows}


def _amount(value: str, span: tuple[int, int] = JANUARY, asset: str = "kempten/c1") -> Quantity:
    name, unit = "actual_output_mwh", "MWh"
    return Quantity(asset=asset, name=name, start_us=span[0], end_us=span[1], value=Decimal(value), unit=unit)


def test_a_counter_is_summed_up_by_the_hour_once_it_is_over_over_gaps_and_resets(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection, METERED, None)["c1"]
    readings(connection, c1, "meter", {"2026-03-02T08:10": 1000.1, "2026-03-02T08:50": 1000.4})
    readings(connection, c1, "meter", {"2026-03-02T09:10": 1000.9, "2026-03-02T09:20": 2.0, "2026-03-02T11:30": 5.5})
    judge(database_url, "2026-03-02T11:40")
    kwh = {"02 08:00": Fraction(3, 10), "02 09:00": Fraction(25, 10)}
    assert _hours(connection, "actual_output_mwh") == {hour: each / 1000 for hour, each in kwh.items()}
    judge(database_url, "2026-03-02T12:01")
    assert _hours(connection, "actual_output_mwh")["02 11:00"] == Fraction(35, 10_000)


def test_a_late_reading_changes_its_hour_and_the_one_whose_rise_it_cuts_and_no_other(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection, METERED, None)["c1"]
    readings(connection, c1, "meter", {"2026-03-02T08:10": 10.0, "2026-03-02T08:50": 20.0, "2026-03-02T15:10": 90.0})
    judge(database_url, "2026-03-03T00:00")
    before = dict(connection.execute("SELECT start_at, id FROM quantity WHERE superseded_at IS NULL").fetchall())
    readings(connection, c1, "meter", {"2026-03-02T11:10": 50.0})
    judge(database_url, "2026-03-03T00:01")
    assert _hours(connection, "actual_output_mwh") == {
        "02 08:00": Fraction(10, 1000),
        "02 11:00": Fraction(30, 1000),
        "02 15:00": Fraction(40, 1000),
    }
    after = dict(connection.execute("SELECT start_at, id FROM quantity WHERE superseded_at IS NULL").fetchall())
    assert [at.hour for at in before if before[at] == after[at]] == [8]
    assert connection.execute("SELECT count(*) FROM quantity WHERE superseded_at IS NOT NULL").fetchone() == (1,)


def test_a_rate_is_what_it_came_to_while_it_was_known_and_a_mean_is_a_mean(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection, METERED, None)["c1"]
    # Readings hold for ten minutes.
    readings(connection, c1, "power_kw", {"2026-03-02T08:00": 60.0, "2026-03-02T08:10": 30.0})
    readings(connection, c1, "inlet", {"2026-03-02T08:00": 20.0, "2026-03-02T08:10": 30.0, "2026-03-02T08:20": 40.0})
    judge(database_url, "2026-03-02T10:00")
    assert _hours(connection, "actual_kwh") == {"02 08:00": 60 * Fraction(1, 6) + 30 * Fraction(1, 6)}
    assert _hours(connection, "inlet_c") == {"02 08:00": 30}


def test_a_sensor_that_cannot_be_the_quantity_is_refused_by_its_unit() -> None:
    with pytest.raises(SpecError, match="kW"):
        fleet.parse(METERED.replace("unit: kWh, as: rate", "unit: degC, as: rate"), "fleet")
    with pytest.raises(SpecError, match="counter"):
        fleet.parse(METERED.replace("as: counter", "as: sum"), "fleet")


def test_money_by_a_quantity_is_settled_from_what_is_stored_and_again_when_that_changes(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection, FLEET, BY_OUTPUT)["c1"]
    state(connection, c1, "2025-12-31T12:00", "up")
    state(connection, c1, "2026-01-12T00:00", "down")
    state(connection, c1, "2026-01-14T00:00", "up")
    judge(database_url, "2026-02-15T00:00")
    assert documents(connection)["2026-01"]["settlement"]["malus"] is None
    whose = contracts.latest(connection, "LF-1").whose("test")
    assert quantities.store(connection, whose, [_amount("0.5")], us("2026-02-15T00:01")) == 1
    judge(database_url, "2026-02-15T00:02")
    assert documents(connection)["2026-01"]["settlement"]["malus"] == "1488.00"
    assert quantities.store(connection, whose, [_amount("0.5")], us("2026-02-15T00:03")) == 0
    assert quantities.store(connection, whose, [_amount("0.25")], us("2026-02-15T00:04")) == 1
    judge(database_url, "2026-02-15T00:05")
    assert documents(connection)["2026-01"]["settlement"]["malus"] == "744.00"
    assert connection.execute("SELECT count(*) FROM quantity").fetchone() == (2,)
    assert connection.execute("SELECT count(*) FROM fact_mark").fetchone() == (0,)


def test_what_people_state_of_an_hour_goes_before_what_its_sensor_says(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection, METERED, BY_OUTPUT)["c1"]
    readings(connection, c1, "meter", {"2026-03-02T08:10": 10.0, "2026-03-02T08:50": 20.0, "2026-03-02T09:10": 50.0})
    judge(database_url, "2026-03-02T12:00")
    whose = contracts.latest(connection, "LF-1").whose("meter reading by hand")
    nine = us("2026-03-02T09:00"), us("2026-03-02T10:00")
    assert quantities.store(connection, whose, [_amount("0.077", nine)], us("2026-03-02T12:01")) == 1
    readings(connection, c1, "meter", {"2026-03-02T09:40": 60.0})
    judge(database_url, "2026-03-02T12:02")
    assert _hours(connection, "actual_output_mwh") == {"02 08:00": Fraction(10, 1000), "02 09:00": Fraction(77, 1000)}


def test_the_first_delivery_of_a_quantity_has_all_periods_judged_again(
    database_url: str, connection: Connection
) -> None:
    load(connection, FLEET, CONTRACT)
    judge(database_url, "2026-03-15T00:00")
    whose = contracts.latest(connection, "LF-1").whose("test")
    assert quantities.store(connection, whose, [_amount("0.5")], us("2026-03-15T00:01")) == 1
    assert quantities.store(connection, whose, [_amount("0.25")], us("2026-03-15T00:02")) == 1
    marks = connection.execute(
        "SELECT extract(year FROM start_at), extract(year FROM end_at) FROM fact_mark ORDER BY id"
    )
    assert [tuple(map(int, row)) for row in marks.fetchall()] == [(1990, 2200), (2026, 2026)]


def test_an_amount_that_would_be_counted_twice_is_refused(connection: Connection) -> None:
    load(connection, FLEET, BY_OUTPUT)
    whose = contracts.latest(connection, "LF-1").whose("test")
    quantities.store(connection, whose, [_amount("0.5")], us("2026-02-01"))
    with pytest.raises(VouchError, match="shares time with what is stored"):
        quantities.store(connection, whose, [_amount("0.5", (JANUARY[0], JANUARY[1] + 1))], us("2026-02-01"))
    with pytest.raises(VouchError, match="declare it in the fleet"):
        quantities.store(connection, whose, [_amount("0.5", asset="T99")], us("2026-02-01"))
    assert connection.execute("SELECT count(*) FROM quantity").fetchone() == (1,)


def test_the_names_of_amounts_are_known_whenever_they_were_delivered(database_url: str, connection: Connection) -> None:
    assets = load(connection, FLEET, BY_OUTPUT)
    whose = contracts.latest(connection, "LF-1").whose("test")
    rows = [_amount("0.5"), replace(_amount("2"), name="actual_kwh"), replace(_amount("3"), asset="LF-1")]
    quantities.store(connection, whose, rows, us("2026-02-01"))

    async def asked() -> dict[str, frozenset[str]]:
        async with connect_async(database_url) as waiting:
            return await quantities.known_names(waiting, "LF-1", {"kempten/c1": assets["c1"]})

    assert asyncio.run(asked()) == {
        "actual_kwh": frozenset({"kempten/c1"}),
        "actual_output_mwh": frozenset({"kempten/c1", "LF-1"}),
    }


def test_a_ticket_is_kept_as_it_was_and_as_it_is(connection: Connection) -> None:
    load(connection)
    whose = contracts.latest(connection, "LF-1").whose("test")
    opened = Ticket(
        id="7", asset="kempten/c1", priority="P1", received_us=JANUARY[0], on_site_us=None, restored_us=None
    )
    assert tickets.store(connection, whose, [opened], us("2026-01-10T00:10")) == 1
    assert tickets.store(connection, whose, [opened], us("2026-01-10T00:20")) == 0
    closed = Ticket(
        id="7", asset="kempten/c1", priority="P1", received_us=JANUARY[0], on_site_us=None, restored_us=JANUARY[1]
    )
    assert tickets.store(connection, whose, [closed], us("2026-01-10T02:00")) == 1
    rows = connection.execute("SELECT restored_at IS NULL, superseded_at IS NULL FROM ticket ORDER BY id").fetchall()
    assert rows == [(True, False), (False, True)]


def test_machines_are_found_by_their_own_name_where_only_one_has_it(connection: Connection) -> None:
    load(connection, FLEET.replace("sites: [", "sites: [{customer: lechtal, slug: sonthofen, name: S}, "), None)
    line = CONTRACT.replace("{id: kempten/c1}", "{id: C1}")
    assert contracts.store(connection, spec.parse(line, "contract"), us("2025-12-01"))
    assert list(contracts.latest(connection, "LF-1").assets) == ["C1"]
    twin = "customers: []\nassets:\n  - {customer: lechtal, site: sonthofen, slug: c2, name: C2, model: compressor}\n"
    with pytest.raises(SpecError):
        fleet.parse(twin, "twin")
    both = FLEET.replace("sites: [", "sites: [{customer: lechtal, slug: sonthofen, name: S}, ") + twin.splitlines()[2]
    fleets.save(connection, fleet.parse(both, "both"))
    other = CONTRACT.replace("{id: kempten/c1}", "{id: c2}").replace("LF-1", "LF-2")
    with pytest.raises(VouchError, match="more than one"):
        contracts.store(connection, spec.parse(other, "contract"), us("2025-12-01"))


def test_parts_of_a_line_are_machines_too_and_the_line_need_not_be_one(connection: Connection) -> None:
    parts = "".join(
        f"  - {{customer: lechtal, site: kempten, slug: {slug}, name: P, model: compressor}}\n"
        for slug in ("l7-filler", "packer")
    )
    load(connection, FLEET + parts, None)
    line = CONTRACT.replace("{id: kempten/c1}", "{id: L7, machines: [filler, packer], bottleneck: filler}")
    assert contracts.store(connection, spec.parse(line, "contract"), us("2025-12-01"))
    assert set(contracts.latest(connection, "LF-1").assets) == {"L7/filler", "L7/packer"}


def test_files_are_loaded_in_the_words_of_a_contract(
    database_url: str, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from services.cli import app

    load(connection)
    monkeypatch.setenv("VOUCH_DATABASE_URL", database_url)
    amounts, served = tmp_path / "amounts.csv", tmp_path / "tickets.csv"
    amounts.write_text(
        "asset,name,start,end,value,unit\n"
        "kempten/c1,actual_output_mwh,2026-01-10T00:00Z,2026-01-10T01:00Z,500,kWh\n"
        "LF-1,good_units,2026-01-01T00:00Z,2026-02-01T00:00Z,120000,1\n",
        encoding="utf-8",
    )
    served.write_text(
        "id,asset,priority,received,on_site,restored,paused_s\n"
        "7,kempten/c1,P1,2026-01-10T00:00Z,2026-01-10T02:30Z,,60\n",
        encoding="utf-8",
    )
    for command, file, said in (("quantity", amounts, "2 row(s), 2 of them new"), ("ticket", served, "1 ticket(s)")):
        outcome = CliRunner().invoke(app, [command, "load", str(file), "--contract", "LF-1"])
        assert outcome.exit_code == 0, outcome.output
        assert said in outcome.output
    assert _hours(connection, "actual_output_mwh") == {"10 00:00": Fraction(1, 2)}
    assert connection.execute("SELECT asset_id, contract FROM quantity WHERE name = 'good_units'").fetchone() == (
        None,
        "LF-1",
    )
