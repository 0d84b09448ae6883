"""Watching on a real database: what is trained, scored and found follows from the facts, however they arrive."""

import importlib
from collections.abc import AsyncIterator
from datetime import timedelta

import numpy as np
import pytest
import pytest_asyncio

from services.analytics.detectors import record
from services.analytics.watch import watch as watch_all
from services.analytics.watching import ready
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection, Connection, connect_async
from shared.instant import DAY_US, HOUR_US, MINUTE_US, from_us
from tests.integration.watching import (
    BUCKET_US,
    END_US,
    FAULT,
    HEALTHY_TO_US,
    NOW_US,
    SENSORS,
    START_US,
    STEP_US,
    Machine,
    furnish,
    story,
    watch,
)  # fmt: skip


@pytest.fixture
def machine(connection: Connection) -> Machine:
    """A watched machine of which nothing is known yet."""
    return furnish(connection)


@pytest_asyncio.fixture
async def analytics(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with connect_async(database_url) as opened:
        yield opened


async def test_a_machine_is_trained_scored_and_its_fault_found_with_the_sensor_that_shows_it(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    [(sha256, parameters, _)] = machine.models()
    assert len(sha256) == 64
    model = record.model_of(parameters)
    assert model is not None
    assert model.rows == 3 * 144 - 3
    assert len(machine.scores()) == 2 * 144
    assert machine.scores()[0][0] == from_us(HEALTHY_TO_US)
    [(start_at, end_at, peak, contributions)] = machine.findings()
    assert abs(start_at - from_us(FAULT[0])) <= timedelta(hours=1)
    assert timedelta() <= end_at - from_us(FAULT[1]) <= timedelta(microseconds=model.memory_us)
    assert peak > 2
    assert contributions[0]["sensor"] == "oil_temperature_c"
    assert contributions[0]["direction"] == "high"
    assert contributions[0]["observed"] - contributions[0]["expected"] == pytest.approx(12.0, abs=3)
    assert sum(one["share"] for one in contributions) == pytest.approx(1, abs=1e-3)
    assert [one["share"] for one in contributions] == sorted((o["share"] for o in contributions), reverse=True)


async def test_a_first_training_scores_everything_after_the_healthy_window_not_only_what_was_touched(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, END_US - HOUR_US, END_US, NOW_US)

    assert len(machine.scores()) == 2 * 144
    assert len(machine.findings()) == 1


async def test_nothing_is_trained_before_the_healthy_window_is_over(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story(end_us=HEALTHY_TO_US))
    machine.ran((START_US, HEALTHY_TO_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, HEALTHY_TO_US, NOW_US)

    assert machine.models() == []


async def test_training_waits_until_the_minute_is_over_in_which_the_healthy_window_ends(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.connection.execute("UPDATE asset SET healthy_to = healthy_to + interval '30 seconds'")
    machine.tell(*story())
    machine.ran((START_US, HEALTHY_TO_US + MINUTE_US, "FP"))

    await watch(analytics, machine.asset_id, HEALTHY_TO_US, HEALTHY_TO_US + MINUTE_US, NOW_US)
    assert machine.models() == []

    machine.ran((START_US, HEALTHY_TO_US + MINUTE_US + 1, "FP"))
    await watch(analytics, machine.asset_id, HEALTHY_TO_US, HEALTHY_TO_US + 2 * HOUR_US, NOW_US)
    assert len(machine.models()) == 1


async def test_what_readings_that_are_no_longer_kept_once_gave_stays(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    given = machine.models(), machine.scores(), machine.findings()
    assert machine.findings()

    kept_from = from_us(FAULT[1] + DAY_US // 4)
    machine.connection.execute("DELETE FROM reading WHERE at < %s", (kept_from,))
    machine.connection.execute("INSERT INTO retention VALUES ('readings', 1, %s)", (kept_from,))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US + 1)
    assert (machine.models(), machine.scores(), machine.findings()) == given

    machine.detector(open_after=5)
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US + 2)
    assert (machine.models(), machine.scores(), machine.findings()) == given


async def _forgets_the_readings(machine: Machine) -> None:
    kept_from = from_us(END_US - DAY_US)
    machine.connection.execute("DELETE FROM reading WHERE at < %s", (kept_from,))
    machine.connection.execute("INSERT INTO retention VALUES ('readings', 1, %s)", (kept_from,))


@pytest.mark.parametrize("is_declared", [True, False])
async def test_with_other_settings_and_no_healthy_readings_left_the_model_stays_in_use_and_is_said_to_be_outdated(
    machine: Machine, analytics: AsyncConnection, capsys: pytest.CaptureFixture[str], is_declared: bool
) -> None:
    if not is_declared:
        machine.connection.execute("UPDATE asset SET healthy_from = NULL, healthy_to = NULL")
        machine.detector(bucket_us=STEP_US // 2)
    machine.tell(*story(end_us=END_US - HOUR_US, step_us=STEP_US if is_declared else STEP_US // 5))
    machine.ran((START_US, END_US - HOUR_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US - HOUR_US, NOW_US)
    given = machine.models(), machine.scores(), machine.findings()
    assert machine.findings()
    await _forgets_the_readings(machine)

    machine.detector(bucket_us=2 * BUCKET_US, sensors=list(SENSORS[:2]))
    machine.ran((START_US, END_US, "FP"))
    machine.tell(*story(start_us=END_US - HOUR_US, step_us=STEP_US if is_declared else STEP_US // 5))
    for later in range(2):
        await watch(analytics, machine.asset_id, END_US - HOUR_US, END_US, NOW_US + later)

    assert machine.models() == given[0]
    assert machine.scores()[: len(given[1])] == given[1]
    assert machine.scores()[-1][0] >= from_us(END_US - BUCKET_US)
    assert all(one in machine.findings() for one in given[2])
    assert capsys.readouterr().out.count("detector_outdated") == 1


async def test_a_model_that_cannot_be_read_and_not_be_trained_anew_takes_nothing_with_it(
    machine: Machine, analytics: AsyncConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    given = machine.scores(), machine.findings()
    assert machine.findings()
    await _forgets_the_readings(machine)
    machine.connection.execute("UPDATE model SET parameters = '{}'")
    importlib.reload(ready)

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US + 1)

    assert len(machine.models()) == 1
    assert (machine.scores(), machine.findings()) == given
    assert "detector_outdated" in capsys.readouterr().out


async def test_two_changes_around_one_open_finding_leave_one_finding(
    machine: Machine, analytics: AsyncConnection
) -> None:
    hot = FAULT[0], END_US, 1, 12.0
    machine.tell(*story(end_us=END_US - HOUR_US, faults=(hot,)))
    machine.ran((START_US, END_US - HOUR_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US - HOUR_US, NOW_US)
    [*_, (begun, end_at, _, _)] = machine.findings()
    assert end_at is None

    machine.tell(*story(start_us=END_US - HOUR_US, faults=(hot,)))
    machine.ran((START_US, END_US, "FP"))
    late = Window(start_us=FAULT[0] - HOUR_US, end_us=FAULT[0])
    live = Window(start_us=END_US - HOUR_US, end_us=END_US)
    failed = await watch_all(analytics, [(machine.asset_id, [late, live])], NOW_US + 1)

    assert not failed
    assert [start for start, end, _, _ in machine.findings() if end is None] == [begun]


async def test_a_timeline_that_vanishes_takes_scores_and_findings_with_it(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    assert machine.findings() != []

    machine.ran()
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert machine.scores() == machine.findings() == []


async def test_without_a_detector_nothing_happens(machine: Machine, analytics: AsyncConnection) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    machine.connection.execute("UPDATE asset_model SET detector = NULL")

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert machine.models() == machine.scores() == machine.findings() == []


async def test_an_ongoing_finding_has_no_end_and_keeps_its_identity_when_it_ends(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story(end_us=FAULT[0] + 2 * HOUR_US))
    machine.ran((START_US, FAULT[0] + 2 * HOUR_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, FAULT[0] + 2 * HOUR_US, NOW_US)
    [(first, end_at)] = machine.connection.execute("SELECT id, end_at FROM anomaly").fetchall()
    assert end_at is None

    for hour in range(2, 12):
        window = FAULT[0] + hour * HOUR_US, FAULT[0] + (hour + 1) * HOUR_US
        machine.tell(*story(*window))
        machine.ran((START_US, window[1], "FP"))
        await watch(analytics, machine.asset_id, *window, NOW_US)

    [(last, end_at)] = machine.connection.execute("SELECT id, end_at FROM anomaly").fetchall()
    assert last == first
    assert timedelta() <= end_at - from_us(FAULT[1]) < timedelta(hours=8)


async def test_a_machine_that_stopped_in_its_fault_has_its_finding_closed_once_it_has_stood_for_long(
    machine: Machine, analytics: AsyncConnection
) -> None:
    stop = FAULT[0] + 2 * HOUR_US
    machine.tell(*story(end_us=stop))
    machine.ran((START_US, stop, "FP"))
    await watch(analytics, machine.asset_id, START_US, stop, NOW_US)
    machine.ran((START_US, stop, "FP"), (stop, stop + HOUR_US - 1, "FO"))
    await watch(analytics, machine.asset_id, stop, stop + HOUR_US - 1, NOW_US)
    assert machine.findings()[0][1] is None

    machine.ran((START_US, stop, "FP"), (stop, stop + HOUR_US, "FO"))
    await watch(analytics, machine.asset_id, stop, stop + HOUR_US, NOW_US)

    assert machine.findings()[0][1] == from_us(stop)


async def test_an_open_finding_is_closed_by_news_that_come_long_after_a_silence(
    machine: Machine, analytics: AsyncConnection
) -> None:
    silent = FAULT[0] + 2 * HOUR_US
    machine.tell(*story(end_us=silent))
    machine.ran((START_US, silent, "FP"))
    await watch(analytics, machine.asset_id, START_US, silent, NOW_US)
    assert machine.findings()[0][1] is None

    machine.tell(*story(start_us=END_US - HOUR_US))
    machine.ran((START_US, silent, "FP"), (END_US - HOUR_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, END_US - HOUR_US, END_US, NOW_US)

    [(_, end_at, _, _)] = machine.findings()
    assert end_at == from_us(silent)


@pytest.mark.parametrize("seed", range(3))
async def test_batches_in_random_order_leave_what_everything_at_once_leaves(
    machine: Machine, analytics: AsyncConnection, seed: int
) -> None:
    timeline = (
        (START_US, START_US + 30 * HOUR_US, "FP"),
        (START_US + 30 * HOUR_US, START_US + 31 * HOUR_US, "FO"),
        (START_US + 31 * HOUR_US, FAULT[0] + 3 * HOUR_US, "PP"),
        (FAULT[0] + 3 * HOUR_US, FAULT[0] + 4 * HOUR_US, "SM"),
        (FAULT[0] + 4 * HOUR_US, END_US, "FP"),
    )
    machine.ran(*timeline)
    chance = np.random.default_rng(seed)
    at, values = story()
    batch = chance.integers(0, 6, len(at) // 6 + 1).repeat(6)[: len(at)]
    for number in chance.permutation(6):
        machine.tell(at[batch == number], values[batch == number])
        for hour in np.unique(at[batch == number] // HOUR_US):
            await watch(analytics, machine.asset_id, int(hour) * HOUR_US, int(hour + 1) * HOUR_US, NOW_US)
    piecemeal = machine.models()[-1][0], machine.scores(), machine.findings()

    machine.connection.execute("TRUNCATE anomaly_score, anomaly, model, reading")
    machine.tell(at, values)
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert piecemeal == (machine.models()[-1][0], machine.scores(), machine.findings())
    assert len(machine.findings()) >= 1


async def test_too_few_healthy_rows_are_refused_once_with_the_reason_and_not_tried_again(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, START_US + 10 * HOUR_US, "FP"), (HEALTHY_TO_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    await watch(analytics, machine.asset_id, END_US - HOUR_US, END_US, NOW_US + 1)

    [(_, parameters, trained_at)] = machine.models()
    assert (parameters["refused"], parameters["rows"], parameters["rows_needed"]) == ("too_few_rows", 57, 100)
    assert trained_at == from_us(NOW_US)
    assert machine.scores() == machine.findings() == []


async def test_a_late_change_of_the_healthy_window_trains_anew_and_scores_everything_anew(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    before = machine.scores()

    machine.ran((START_US, START_US + HOUR_US, "FP"), (START_US + 9 * HOUR_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US + HOUR_US, START_US + 9 * HOUR_US, NOW_US + 1)

    assert len({sha256 for sha256, _, _ in machine.models()}) == 2
    after = machine.scores()
    assert [at for at, _, _ in after] == [at for at, _, _ in before]
    assert all(new[1] != old[1] for new, old in zip(after, before, strict=True))
    used = machine.connection.execute("SELECT DISTINCT model_id FROM anomaly_score").fetchall()
    assert used == machine.connection.execute("SELECT max(id) FROM model").fetchall()


async def test_the_same_data_trained_again_change_nothing(machine: Machine, analytics: AsyncConnection) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    before = machine.models()[0][0], machine.scores(), machine.findings()

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US + 1)

    assert len(machine.models()) == 1
    assert before == (machine.models()[0][0], machine.scores(), machine.findings())


async def test_other_settings_train_and_score_anew_at_the_next_news(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    machine.detector(bucket_us=2 * BUCKET_US)
    await watch(analytics, machine.asset_id, END_US - HOUR_US, END_US, NOW_US + 1)

    assert len(machine.scores()) == 144
    assert len(machine.models()) == 2


async def test_time_that_turns_out_to_be_a_stop_loses_its_scores_and_its_finding(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    machine.ran((START_US, FAULT[0], "FP"), (*FAULT, "SM"), (FAULT[1], END_US, "FP"))
    await watch(analytics, machine.asset_id, *FAULT, NOW_US)

    # The six hours, and the time of settling after them.
    assert len(machine.scores()) == 2 * 144 - 36 - 3
    assert machine.findings() == []


async def test_a_bucket_in_which_no_sensor_has_a_value_is_not_scored(
    machine: Machine, analytics: AsyncConnection
) -> None:
    at, values = story()
    values[(at >= END_US - HOUR_US)] = np.nan
    machine.tell(at, values)
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert len(machine.scores()) == 2 * 144 - 6


async def test_a_sensor_the_asset_does_not_have_is_left_out(machine: Machine, analytics: AsyncConnection) -> None:
    machine.detector(sensors=[*SENSORS, "vibration_mm_s"])
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    [(_, parameters, _)] = machine.models()
    model = record.model_of(parameters)
    assert model is not None
    assert model.left_out == {"vibration_mm_s": "missing"}
    assert len(machine.findings()) == 1


async def test_absurd_values_stop_neither_the_means_nor_the_scores_and_are_found(
    machine: Machine, analytics: AsyncConnection
) -> None:
    at, values = story()
    values[[20, 21], [0, 0]] = 1e300, -1.7e308
    values[1_300:1_312, 1] = 1e300
    machine.tell(at, values)
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert len(machine.scores()) == 2 * 144
    [(peak, contributions)] = [
        (peak, told) for start, end, peak, told in machine.findings() if start <= from_us(int(at[1_306])) < end
    ]
    assert 2 < peak < float("inf")
    assert contributions[0]["sensor"] == "oil_temperature_c"
