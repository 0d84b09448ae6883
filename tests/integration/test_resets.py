"""Healthy windows that are found, and machines that become others to their detector when a sensor is replaced."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from shared.db.pool import AsyncConnection, Connection, connect_async
from shared.instant import DAY_US, HOUR_US, MINUTE_US, from_us
from tests.integration.watching import END_US, FAULT, HOT, NOW_US, START_US, Machine, furnish, story, watch

# The oil sensor is replaced half-way, and its successor reads 15 degrees less.
REPLACED = (START_US + 60 * HOUR_US, START_US + 62 * HOUR_US)
OFFSET = (REPLACED[1], END_US, 1, -15.0)
WITH_REPLACEMENT = (
    (START_US, REPLACED[0], "FP"),
    (*REPLACED, "SM", "sensor_replaced"),
    (REPLACED[1], END_US, "FP"),
)
WITHOUT = ((START_US, REPLACED[0], "FP"), (*REPLACED, "SM", "inspection"), (REPLACED[1], END_US, "FP"))


@pytest.fixture
def machine(connection: Connection) -> Machine:
    """A watched machine of which nobody has said when it was well."""
    furnished = furnish(connection)
    furnished.detector(bucket_us=MINUTE_US, open_after=5, close_after=60)
    connection.execute("UPDATE asset SET healthy_from = NULL, healthy_to = NULL")
    return furnished


@pytest_asyncio.fixture
async def analytics(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with connect_async(database_url) as opened:
        yield opened


def told(
    start_us: int = START_US, end_us: int = END_US, faults: Iterable[tuple[int, int, int, float]] = (HOT,)
) -> tuple[np.ndarray, np.ndarray]:
    """The story by the minute: a stable stretch takes its number of buckets."""
    return story(start_us, end_us, faults, MINUTE_US)


def state(machine: Machine) -> tuple[Any, ...]:
    [row] = machine.connection.execute(
        "SELECT healthy_from, healthy_to, origin, reset_at, reset_by FROM watch_state WHERE asset_id = %s",
        (machine.asset_id,),
    ).fetchall()
    return row


def findings_in(machine: Machine, start_us: int, end_us: int) -> list[tuple[datetime, datetime | None]]:
    rows = machine.connection.execute(
        "SELECT start_at, end_at FROM anomaly WHERE start_at < %s AND coalesce(end_at, 'infinity') > %s"
        " ORDER BY start_at",
        (from_us(end_us), from_us(start_us)),
    ).fetchall()
    return [(start, end) for start, end in rows]


async def test_without_a_declared_window_the_first_stable_stretch_is_found_kept_and_learnt_from(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*told())
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    healthy_from, healthy_to, origin, reset_at, _ = state(machine)
    assert (origin, reset_at) == ("found", None)
    assert from_us(START_US) <= healthy_from < healthy_to <= from_us(FAULT[0])
    assert machine.scores()[0][0] >= healthy_to
    assert findings_in(machine, *FAULT)


async def test_a_declared_window_is_said_to_be_declared(machine: Machine, analytics: AsyncConnection) -> None:
    declared = from_us(START_US + 6 * HOUR_US), from_us(START_US + 60 * HOUR_US)
    machine.connection.execute("UPDATE asset SET healthy_from = %s, healthy_to = %s", declared)
    machine.tell(*told())
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert state(machine) == (*declared, "declared", None, None)


async def test_what_is_found_as_data_arrive_is_what_is_found_of_all_of_it(
    machine: Machine, analytics: AsyncConnection
) -> None:
    for hour in range(START_US, END_US, 3 * HOUR_US):
        machine.tell(*told(hour, hour + 3 * HOUR_US))
        machine.ran((START_US, hour + 3 * HOUR_US, "FP"))
        await watch(analytics, machine.asset_id, hour, hour + 3 * HOUR_US, NOW_US)
    piecemeal = state(machine), machine.scores(), machine.findings()

    machine.connection.execute("TRUNCATE anomaly_score, anomaly, model, watch_state CASCADE")
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert piecemeal == (state(machine), machine.scores(), machine.findings())


async def test_after_a_sensor_was_replaced_another_window_is_found_and_the_offset_is_no_finding(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*told(faults=(HOT, OFFSET)))
    machine.ran(*WITHOUT)
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    assert findings_in(machine, REPLACED[1], REPLACED[1] + 6 * HOUR_US)

    machine.ran(*WITH_REPLACEMENT)
    await watch(analytics, machine.asset_id, *REPLACED, NOW_US + 1)

    healthy_from, healthy_to, origin, reset_at, reset_by = state(machine)
    assert (origin, reset_at, reset_by) == ("found", from_us(REPLACED[1]), "sensor_replaced")
    assert from_us(REPLACED[1]) <= healthy_from < healthy_to
    scored = [at for at, _, _ in machine.scores()]
    assert not [at for at in scored if from_us(REPLACED[0]) <= at < healthy_to]
    assert [at for at in scored if at < from_us(REPLACED[0])]
    assert findings_in(machine, REPLACED[0], REPLACED[1] + 6 * HOUR_US) == []
    assert findings_in(machine, *FAULT)


async def test_a_replacement_that_turns_out_not_to_be_one_leaves_no_trace(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*told(faults=(HOT, OFFSET)))
    machine.ran(*WITHOUT)
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    before = state(machine), machine.scores(), machine.findings()
    machine.ran(*WITH_REPLACEMENT)
    await watch(analytics, machine.asset_id, *REPLACED, NOW_US + 1)
    assert before != (state(machine), machine.scores(), machine.findings())

    machine.ran(*WITHOUT)
    await watch(analytics, machine.asset_id, *REPLACED, NOW_US + 2)

    assert before == (state(machine), machine.scores(), machine.findings())


async def test_a_replacement_that_comes_back_leaves_nothing_of_what_was_found_without_it(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*told(faults=(HOT, OFFSET)))
    machine.ran(*WITH_REPLACEMENT)
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    before = state(machine), machine.scores(), machine.findings()

    for later, timeline in enumerate((WITHOUT, WITH_REPLACEMENT), 1):
        machine.ran(*timeline)
        await watch(analytics, machine.asset_id, *REPLACED, NOW_US + later)

    assert before == (state(machine), machine.scores(), machine.findings())


async def test_drift_is_told_of_the_recent_day_alone(machine: Machine, analytics: AsyncConnection) -> None:
    machine.tell(*told(faults=((START_US + 2 * DAY_US, END_US, 1, 20.0),)))
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    [(drift,)] = machine.connection.execute("SELECT drift FROM watch_state").fetchall()
    assert drift["rows"] == DAY_US // MINUTE_US
    assert datetime.fromisoformat(drift["from"]) == from_us(END_US - DAY_US)


async def test_where_nothing_is_stable_it_is_searched_again_when_an_hour_more_is_known_or_what_is_late_came(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.ran((START_US, START_US + 10 * HOUR_US, "FP"))
    machine.tell(*told(end_us=START_US + 10 * HOUR_US))
    searched = []
    for minute, late in ((0, 0), (30, 0), (59, 0), (61, 0), (62, 1), (91, 40), (121, 0), (151, 0)):
        known_to_us = START_US + 10 * HOUR_US + minute * MINUTE_US + 5
        machine.ran((START_US, known_to_us, "FP"))
        changed_us = START_US + 10 * HOUR_US if minute == 0 else known_to_us - 5 - late * MINUTE_US
        await watch(analytics, machine.asset_id, changed_us, known_to_us, NOW_US)
        [(at,)] = machine.connection.execute("SELECT searched_at FROM watch_state").fetchall()
        searched.append((at - from_us(START_US + 10 * HOUR_US)).seconds // 60)

    # What goes on from the minute in which it was searched is not late.
    assert searched == [0, 0, 0, 61, 61, 91, 91, 151]


async def test_a_replacement_ends_the_finding_that_led_to_it(machine: Machine, analytics: AsyncConnection) -> None:
    begins = REPLACED[0] - 4 * HOUR_US
    machine.tell(*told(end_us=REPLACED[0], faults=((begins, END_US, 1, 6.0),)))
    machine.ran((START_US, REPLACED[0], "FP"))
    await watch(analytics, machine.asset_id, START_US, REPLACED[0], NOW_US)
    assert findings_in(machine, begins, REPLACED[0])[-1][1] is None

    machine.ran((START_US, REPLACED[0], "FP"), (REPLACED[0], REPLACED[0] + HOUR_US // 2, "SM", "sensor_replaced"))
    await watch(analytics, machine.asset_id, REPLACED[0], REPLACED[0] + HOUR_US // 2, NOW_US)

    assert findings_in(machine, begins, REPLACED[0])[-1][1] == from_us(REPLACED[0])


@pytest.mark.parametrize("seed", range(2))
async def test_with_a_replacement_the_order_of_arrival_does_not_matter_either(
    machine: Machine, analytics: AsyncConnection, seed: int
) -> None:
    machine.ran(*WITH_REPLACEMENT)
    chance = np.random.default_rng(seed)
    at, values = told(faults=(HOT, OFFSET))
    batch = chance.integers(0, 4, len(at) // 12 + 1).repeat(12)[: len(at)]
    for number in chance.permutation(4):
        machine.tell(at[batch == number], values[batch == number])
        for hour in np.unique(at[batch == number] // HOUR_US):
            await watch(analytics, machine.asset_id, int(hour) * HOUR_US, int(hour + 1) * HOUR_US, NOW_US)
    piecemeal = state(machine), machine.scores(), machine.findings()

    machine.connection.execute("TRUNCATE anomaly_score, anomaly, model, watch_state, watch_reset CASCADE")
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert piecemeal == (state(machine), machine.scores(), machine.findings())


async def test_a_timeline_that_vanishes_takes_what_was_found_with_it(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*told())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    assert machine.findings()

    machine.ran()
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US + 1)

    assert machine.scores() == machine.findings() == []
    assert state(machine)[2] is None


async def test_what_readings_that_are_no_longer_kept_once_gave_stays_with_its_window(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*told())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    given = state(machine), machine.models(), machine.scores(), machine.findings()

    kept_from = from_us(END_US - DAY_US // 4)
    machine.connection.execute("DELETE FROM reading WHERE at < %s", (kept_from,))
    machine.connection.execute("INSERT INTO retention VALUES ('readings', 1, %s)", (kept_from,))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US + 1)

    assert (state(machine), machine.models(), machine.scores(), machine.findings()) == given
