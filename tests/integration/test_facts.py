"""Facts in the database: what codes meant when, who is believed, what was known when, and what people settle."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import numpy as np
import pytest

from shared import fleet
from shared.db import as_of, reclassification, telemetry
from shared.db import fleet as fleets
from shared.db import timeline as timelines
from shared.db.corrections import Correction, supersede_events
from shared.db.pool import AsyncConnection, Connection, connect_async
from shared.db.reclassification import Actor, Noted, Proposal
from shared.model.facts import Category, EventKind, Interval, Meaning, Party
from shared.model.reclassification import Refusal, Side, Status
from tests.integration.judging import FLEET, interval, judge, load, power, state, timeline, us

_Result = TypeVar("_Result")

GRID = Meaning(category=Category.OEL, cause="grid", party=Party.THIRD_PARTY)
SUPPLIER = Actor(name="engineer", side=Side.SUPPLIER)
CUSTOMER = Actor(name="plant", side=Side.CUSTOMER)
EXPERT = Actor(name="expert", side=Side.EXPERT)
NOW = "2026-03-02T00:00:00"
DOWN = '"down": {category: FO, cause: broken, party: supplier}'


@pytest.fixture
def c1(connection: Connection) -> int:
    return load(connection, contract_text=None)["c1"]


def asked(database_url: str, work: Callable[[AsyncConnection], Awaitable[_Result]]) -> _Result:
    async def connected() -> _Result:
        async with connect_async(database_url) as connection:
            return await work(connection)

    return asyncio.run(connected())


def reload(connection: Connection, old: str, new: str) -> None:
    """Load the fleet with one thing said otherwise."""
    assert old in FLEET
    fleets.save(connection, fleet.parse(FLEET.replace(old, new), "fleet"))


def report(connection: Connection, asset_id: int, start: str, end: str | None, received: str, **more: Any) -> int:
    """An interval event `down`, as ingest stores it, at the time it comes; its id."""
    row = connection.execute("SELECT customer_id FROM asset WHERE id = %s", (asset_id,)).fetchone()
    assert row is not None
    event = telemetry.ReportedEvent(
        customer_id=row[0],
        asset_id=asset_id,
        kind=EventKind.INTERVAL,
        code="down",
        text="",
        start_us=us(start),
        end_us=None if end is None else us(end),
        seq=0,
        topic="",
        payload=b"",
        **more,
    )
    none = np.empty(0)
    nothing = telemetry.Readings(
        series_id=none.astype(np.int32),
        at_us=none.astype(np.int64),
        value=none,
        quality=none.astype(np.int16),
        asset_id=none.astype(np.int32),
        hold_us=none.astype(np.int64),
    )
    with telemetry.transaction(connection):
        telemetry.store(
            connection, telemetry.Facts(received_us=us(received), readings=nothing, events=[event], heard={})
        )
    [(event_id,)] = connection.execute(
        "SELECT id FROM asset_event WHERE asset_id = %s AND start_at = %s AND code = 'down'", (asset_id, start)
    ).fetchall()
    return event_id


def propose(
    database_url: str, asset_id: int, start: str, end: str, now: str = NOW, actor: Actor = SUPPLIER, **more: Any
) -> int:
    said = {"meaning": GRID, "evidence": "the grid operator's notice", "urls": (), "event_id": None} | more
    proposal = Proposal(asset_id=asset_id, start_us=us(start), end_us=us(end), **said)
    noted = asked(database_url, lambda connection: reclassification.propose(connection, proposal, actor, us(now)))
    assert noted is not None
    return noted.reclassification_id


def move(
    database_url: str, number: int, wanted: Status, actor: Actor, now: str = NOW, ruled: Meaning | None = None
) -> Noted | Refusal:
    async def work(connection: AsyncConnection) -> Noted | Refusal:
        [found] = await reclassification.listed(connection, limit=1, reclassification_id=number)
        return await reclassification.move(connection, found, wanted, actor, us(now), why="because", ruled=ruled)

    return asked(database_url, work)


def known(database_url: str, asset_id: int, as_of_time: str) -> list[tuple[str, str, str]]:
    """From, to and cause of 1 March, as it was known at a time."""

    async def work(connection: AsyncConnection) -> list[Interval]:
        span = us("2026-03-01"), us("2026-03-02")
        return (await as_of.known_at(connection, [asset_id], *span, us(as_of_time)))[asset_id]

    def hour(at_us: int) -> str:
        return f"{(at_us - us('2026-03-01')) / 3_600_000_000:g}"

    return [(hour(one.start_us), hour(one.end_us), one.cause) for one in asked(database_url, work)]


def hours(connection: Connection, asset_id: int) -> list[tuple[float, str, str, str]]:
    """The stored timeline as hours, category, cause and party, in the order of time."""
    return connection.execute(
        "SELECT (extract(epoch FROM end_at - start_at) / 3600)::float, category, cause, party FROM interval"
        " WHERE asset_id = %s ORDER BY start_at",
        (asset_id,),
    ).fetchall()


# What codes mean.


def test_a_meaning_that_holds_from_a_date_leaves_the_time_before_as_it_was(
    connection: Connection, database_url: str, c1: int
) -> None:
    state(connection, c1, "2026-03-01T00:00:00", "down")
    state(connection, c1, "2026-03-01T10:00:00", "up")
    judge(database_url, NOW)
    later = "changes: [{from: 2026-03-01T06:00:00+01:00, category: OEL, cause: grid, party: third_party}]"
    reload(connection, DOWN, DOWN.replace("}", f", {later}}}"))
    judge(database_url, NOW)
    assert timeline(connection, c1)[:3] == [
        ("03-01 00:00:00", "03-01 05:00:00", "FO", "broken"),
        ("03-01 05:00:00", "03-01 10:00:00", "OEL", "grid"),
        ("03-01 10:00:00", "03-02 00:00:00", "FP", "running"),
    ]
    [(now_means,)] = connection.execute("SELECT cause FROM code_map WHERE code = 'down'").fetchall()
    assert now_means == "grid"


def test_a_meaning_without_a_date_corrects_all_time_and_what_it_was_stays_on_record(
    connection: Connection, database_url: str, c1: int
) -> None:
    state(connection, c1, "2026-03-01T00:00:00", "down")
    reload(connection, DOWN, DOWN.replace("broken", "fault"))
    reload(connection, DOWN, DOWN.replace("broken", "fault"))
    judge(database_url, NOW)
    assert [cause for _, _, _, cause in timeline(connection, c1)] == ["fault"]
    versions = connection.execute(
        "SELECT cause, superseded_at IS NULL FROM code_version WHERE code = 'down' ORDER BY recorded_at, cause"
    ).fetchall()
    assert versions == [("broken", False), ("fault", True)]


# Who is believed.


def test_packml_states_are_read_by_name_and_by_number_unless_the_model_says_otherwise(
    connection: Connection, database_url: str, c1: int
) -> None:
    reload(
        connection,
        "    codes:\n",
        "    packml: {}\n    codes:\n      Held: {category: RS, cause: operator, party: customer}\n",
    )
    for hour, code in enumerate(["Execute", "9", "11", "Held", "4"]):
        state(connection, c1, f"2026-03-01T0{hour}:00:00", code)
    judge(database_url, "2026-03-01T05:00:00")
    assert hours(connection, c1) == [
        (1.0, "FP", "running", "nobody"),
        (1.0, "FO", "aborted", "unknown"),
        (1.0, "RS", "operator", "customer"),
        (1.0, "RS", "operator", "customer"),
        (1.0, "TS", "idle", "nobody"),
    ]


def test_packml_states_are_read_from_a_sensor(connection: Connection, database_url: str, c1: int) -> None:
    reload(connection, "    state_rules:\n", "    packml: {sensor: power_kw}\n    state_rules:\n")
    power(connection, c1, {"2026-03-01T00:00:00": 6.0, "2026-03-01T00:05:00": 9.0, "2026-03-01T00:10:00": 40.0})
    judge(database_url, NOW)
    assert [(category, cause) for _, _, category, cause in timeline(connection, c1)] == [
        ("FP", "running"),
        ("FO", "aborted"),
        ("FP", "running"),
    ]


def test_the_order_of_trust_and_the_least_length_are_the_models(
    connection: Connection, database_url: str, c1: int
) -> None:
    power(connection, c1, {f"2026-03-01T00:{minute:02}:00": 50.0 for minute in range(0, 60, 10)})
    interval(connection, c1, "2026-03-01T00:10:00", "2026-03-01T00:20:00", "down")
    interval(connection, c1, "2026-03-01T00:58:00", "2026-03-01T01:30:00", "down")
    judge(database_url, NOW)
    assert [category for _, category, _, _ in hours(connection, c1)] == ["FP", "FO", "FP", "FO"]
    reload(connection, "    state_rules:\n", "    min_event_s: 900\n    state_rules:\n")
    judge(database_url, NOW)
    assert timeline(connection, c1) == [
        ("03-01 00:00:00", "03-01 00:58:00", "FP", "running"),
        ("03-01 00:58:00", "03-01 01:30:00", "FO", "broken"),
    ]
    reload(connection, "    state_rules:\n", "    trust: [telemetry, [event, state], packml]\n    state_rules:\n")
    judge(database_url, NOW)
    assert timeline(connection, c1) == [
        ("03-01 00:00:00", "03-01 01:00:00", "FP", "running"),
        ("03-01 01:00:00", "03-01 01:30:00", "FO", "broken"),
    ]


def test_what_was_announced_reaches_the_timeline_and_the_first_word_stays(
    connection: Connection, database_url: str, c1: int
) -> None:
    first, second = us("2026-02-20"), us("2026-02-28")
    report(connection, c1, "2026-03-01T08:00:00Z", None, "2026-03-01T08:00:00", announced_us=first)
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T09:00:00", "2026-03-01T09:00:00", announced_us=second)
    judge(database_url, NOW)
    announced = connection.execute("SELECT announced_at FROM interval WHERE asset_id = %s", (c1,)).fetchall()
    assert [(us(at.isoformat()),) for (at,) in announced] == [(first,)]


# What was known when.


def test_an_event_is_known_from_when_it_came_and_its_end_from_when_that_came(
    connection: Connection, database_url: str, c1: int
) -> None:
    report(connection, c1, "2026-03-01T08:00:00Z", None, "2026-03-01T08:01:00")
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T10:00:00", "2026-03-01T12:00:00")
    connection.execute("UPDATE code_version SET recorded_at = '2026-01-01'")
    assert known(database_url, c1, "2026-03-01T08:00:00") == []
    assert known(database_url, c1, "2026-03-01T11:00:00") == [("8", "11", "broken")]
    assert known(database_url, c1, "2026-03-01T12:00:00") == [("8", "10", "broken")]


def test_a_corrected_end_is_known_from_the_correction_on(connection: Connection, database_url: str, c1: int) -> None:
    report(connection, c1, "2026-03-01T08:00:00Z", None, "2026-03-01T08:01:00")
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T10:00:00", "2026-03-01T12:00:00")
    connection.execute("UPDATE code_version SET recorded_at = '2026-01-01'")
    for end, at in (("2026-03-01T09:00:00", "2026-03-03"), ("2026-03-01T11:00:00", "2026-03-05")):
        correction = Correction(reason="log", source="log.csv", source_sha256=at.encode(), now_us=us(at))
        row = connection.execute("SELECT customer_id FROM asset WHERE id = %s", (c1,)).fetchone()
        assert row is not None
        event = telemetry.ReportedEvent(
            customer_id=row[0], asset_id=c1, kind=EventKind.INTERVAL, code="down", text="",
            start_us=us("2026-03-01T08:00:00"), end_us=us(end), seq=0, topic="", payload=b"",
        )  # fmt: skip
        assert supersede_events(connection, [event], [0], correction) == [0]
    assert known(database_url, c1, "2026-03-01T11:00:00") == [("8", "11", "broken")]
    assert known(database_url, c1, "2026-03-02") == [("8", "10", "broken")]
    assert known(database_url, c1, "2026-03-04") == [("8", "9", "broken")]
    assert known(database_url, c1, "2026-03-06") == [("8", "11", "broken")]


def test_a_meaning_is_known_from_when_it_was_loaded(connection: Connection, database_url: str, c1: int) -> None:
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T10:00:00", "2026-03-01T12:00:00")
    reload(connection, DOWN, DOWN.replace("broken", "fault"))
    connection.execute("UPDATE code_version SET recorded_at = '2026-01-01' WHERE cause = 'broken'")
    connection.execute("UPDATE code_version SET superseded_at = '2026-03-04' WHERE cause = 'broken'")
    connection.execute("UPDATE code_version SET recorded_at = '2026-03-04' WHERE cause = 'fault'")
    assert known(database_url, c1, "2026-03-03") == [("8", "10", "broken")]
    assert known(database_url, c1, "2026-03-04") == [("8", "10", "fault")]


def test_what_people_settled_is_known_from_when_they_did(connection: Connection, database_url: str, c1: int) -> None:
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T10:00:00", "2026-03-01T12:00:00")
    connection.execute("UPDATE code_version SET recorded_at = '2026-01-01'")
    number = propose(database_url, c1, "2026-03-01T08:00:00", "2026-03-01T09:00:00", "2026-03-03")
    move(database_url, number, Status.ACCEPTED, CUSTOMER, "2026-03-04")
    assert known(database_url, c1, "2026-03-03T12:00:00") == [("8", "10", "broken")]
    assert known(database_url, c1, "2026-03-04") == [("8", "9", "grid"), ("9", "10", "broken")]


def test_a_corrected_reading_is_as_it_was_before(connection: Connection, database_url: str, c1: int) -> None:
    power(connection, c1, {"2026-03-01T00:00:00": 50.0})
    [(series,)] = connection.execute("SELECT id FROM sensor WHERE asset_id = %s", (c1,)).fetchall()
    connection.execute("UPDATE reading SET value = 1 WHERE series_id = %s", (series,))
    connection.execute(
        "INSERT INTO reading_superseded (customer_id, asset_id, series_id, at, old_value, new_value, superseded_at,"
        " reason, source, source_sha256) SELECT customer_id, id, %s, '2026-03-01', 50, 1, '2026-03-04', '', '', ''"
        " FROM asset WHERE id = %s",
        (series, c1),
    )
    assert [cause for _, _, cause in known(database_url, c1, "2026-03-03")] == ["running"]
    assert [cause for _, _, cause in known(database_url, c1, "2026-03-05")] == ["idle"]


def test_as_of_now_is_what_is_stored(connection: Connection, database_url: str, c1: int) -> None:
    power(connection, c1, {f"2026-03-01T{hour:02}:00:00": 50.0 for hour in range(12)})
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T10:00:00", "2026-03-01T12:00:00")
    state(connection, c1, "2026-03-01T14:00:00", "up")
    number = propose(database_url, c1, "2026-03-01T09:30:00", "2026-03-01T16:00:00")
    move(database_url, number, Status.DISPUTED, CUSTOMER)
    connection.execute("UPDATE code_version SET recorded_at = '2026-01-01'")
    judge(database_url, NOW)
    span = us("2026-03-01"), us("2026-03-02")
    is_stored = asked(database_url, lambda connection: timelines.intervals(connection, c1, *span))
    is_known = asked(database_url, lambda connection: as_of.known_at(connection, [c1], *span, us(NOW)))
    assert is_known[c1] == is_stored


# What people say.


def test_a_proposal_changes_nothing_a_dispute_the_party_and_an_acceptance_what_it_was(
    connection: Connection, database_url: str, c1: int
) -> None:
    event_id = report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T10:00:00", "2026-03-01T12:00:00")
    judge(database_url, NOW)
    number = propose(database_url, c1, "2026-03-01T08:00:00", "2026-03-01T09:00:00", event_id=event_id)
    judge(database_url, NOW)
    assert hours(connection, c1) == [(2.0, "FO", "broken", "supplier")]
    move(database_url, number, Status.DISPUTED, CUSTOMER)
    judge(database_url, NOW)
    assert hours(connection, c1) == [(1.0, "FO", "broken", "disputed"), (1.0, "FO", "broken", "supplier")]
    move(database_url, number, Status.ACCEPTED, CUSTOMER)
    judge(database_url, NOW)
    assert hours(connection, c1) == [(1.0, "OEL", "grid", "third_party"), (1.0, "FO", "broken", "supplier")]
    rows = connection.execute(
        "SELECT event_id, reclassification_id, reported_category FROM interval ORDER BY start_at"
    ).fetchall()
    assert rows == [(event_id, number, "FO"), (event_id, None, None)]


def test_a_dispute_that_is_withdrawn_leaves_what_was_reported(
    connection: Connection, database_url: str, c1: int
) -> None:
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T10:00:00", "2026-03-01T12:00:00")
    number = propose(database_url, c1, "2026-03-01T07:00:00", "2026-03-01T09:00:00")
    move(database_url, number, Status.DISPUTED, CUSTOMER)
    judge(database_url, NOW)
    assert [row[1:] for row in hours(connection, c1)] == [
        ("IU", "no_data", "disputed"),
        ("FO", "broken", "disputed"),
        ("FO", "broken", "supplier"),
    ]
    move(database_url, number, Status.WITHDRAWN, SUPPLIER)
    judge(database_url, NOW)
    assert hours(connection, c1) == [(2.0, "FO", "broken", "supplier")]


@pytest.mark.parametrize(
    ("ruled", "expected"),
    [
        (GRID, (2.0, "OEL", "grid", "third_party")),
        (
            Meaning(category=Category.FO, cause="broken", party=Party.CUSTOMER),
            (2.0, "FO", "broken", "customer"),
        ),
        (None, (2.0, "FO", "broken", "supplier")),
    ],
)
def test_what_an_expert_rules_holds(
    connection: Connection, database_url: str, c1: int, ruled: Meaning | None, expected: tuple[Any, ...]
) -> None:
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T10:00:00", "2026-03-01T12:00:00")
    number = propose(database_url, c1, "2026-03-01T08:00:00", "2026-03-01T10:00:00")
    move(database_url, number, Status.DISPUTED, CUSTOMER)
    move(database_url, number, Status.RULED, EXPERT, ruled=ruled)
    judge(database_url, NOW)
    assert hours(connection, c1) == [expected]


def test_a_fact_that_comes_late_does_not_undo_what_was_settled(
    connection: Connection, database_url: str, c1: int
) -> None:
    number = propose(database_url, c1, "2026-03-01T08:00:00", "2026-03-01T10:00:00")
    move(database_url, number, Status.ACCEPTED, CUSTOMER)
    report(connection, c1, "2026-03-01T07:00:00Z", "2026-03-01T11:00:00", "2026-03-01T12:00:00")
    judge(database_url, NOW)
    assert hours(connection, c1) == [
        (1.0, "FO", "broken", "supplier"),
        (2.0, "OEL", "grid", "third_party"),
        (1.0, "FO", "broken", "supplier"),
    ]


def test_what_readings_said_comes_back_when_they_are_gone_and_a_dispute_is_withdrawn(
    connection: Connection, database_url: str, c1: int
) -> None:
    power(connection, c1, {f"2026-03-01T00:{minute:02}:00": 50.0 for minute in range(0, 60, 10)})
    number = propose(database_url, c1, "2026-03-01T00:20:00", "2026-03-01T00:40:00")
    move(database_url, number, Status.DISPUTED, CUSTOMER)
    judge(database_url, NOW)
    assert [party for _, _, _, party in hours(connection, c1)] == ["nobody", "disputed", "nobody"]
    connection.execute("DELETE FROM reading")
    connection.execute("INSERT INTO retention (what, dropped_before) VALUES ('readings', '2026-03-01 12:00Z')")
    move(database_url, number, Status.WITHDRAWN, SUPPLIER)
    judge(database_url, NOW)
    assert hours(connection, c1) == [(1.0, "FP", "running", "nobody")]


def test_what_is_settled_rewrites_its_own_stretch_and_day_and_nothing_else(
    connection: Connection, database_url: str, c1: int
) -> None:
    for day in range(1, 29):
        report(connection, c1, f"2026-02-{day:02}T08:00:00Z", f"2026-02-{day:02}T10:00:00", "2026-03-01")
    judge(database_url, NOW)

    def written() -> tuple[dict[Any, Any], dict[Any, Any]]:
        timeline_rows = connection.execute("SELECT start_at::date, xmin::text FROM interval").fetchall()
        return dict(timeline_rows), dict(connection.execute("SELECT day::date, xmin::text FROM asset_day").fetchall())

    before = written()
    number = propose(database_url, c1, "2026-02-10T08:00:00", "2026-02-10T10:00:00")
    move(database_url, number, Status.ACCEPTED, CUSTOMER)
    judge(database_url, NOW)
    for old, new in zip(before, written(), strict=True):
        assert {day.day for day, writer in new.items() if old[day] != writer} == {10}


def test_an_interval_that_ends_too_soon_is_taken_back(connection: Connection, database_url: str, c1: int) -> None:
    reload(connection, "    state_rules:\n", "    min_event_s: 900\n    state_rules:\n")
    report(connection, c1, "2026-03-01T08:00:00Z", None, "2026-03-01T08:00:00")
    judge(database_url, "2026-03-01T08:05:00")
    assert len(hours(connection, c1)) == 1
    report(connection, c1, "2026-03-01T08:00:00Z", "2026-03-01T08:03:00", "2026-03-01T08:06:00")
    judge(database_url, "2026-03-01T08:10:00")
    assert hours(connection, c1) == []


def test_two_who_answer_at_once_do_not_both_count(database_url: str, c1: int) -> None:
    number = propose(database_url, c1, "2026-03-01T08:00:00", "2026-03-01T10:00:00")

    async def work(connection: AsyncConnection) -> list[Noted | Refusal]:
        [seen] = await reclassification.listed(connection, limit=1, reclassification_id=number)
        steps = (Status.ACCEPTED, CUSTOMER), (Status.WITHDRAWN, SUPPLIER)
        return [
            await reclassification.move(connection, seen, wanted, actor, us(NOW), why="now") for wanted, actor in steps
        ]

    first, second = asked(database_url, work)
    assert isinstance(first, Noted)
    assert second is Refusal.CHANGED
