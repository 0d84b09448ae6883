"""Watching on a real database: what is trained, scored and found follows from the facts, however they arrive."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from services.analytics.watch import watch
from shared.db.pool import AsyncConnection, Connection, connect_async
from shared.instant import DAY_US, HOUR_US, MINUTE_US, from_us

SENSORS = ("power_kw", "oil_temperature_c", "pressure_bar")
BUCKET_US = 600_000_000
STEP_US = 300_000_000
START_US = 20_000 * DAY_US
HEALTHY_TO_US = START_US + 3 * DAY_US
END_US = START_US + 5 * DAY_US
NOW_US = END_US + DAY_US
# The oil runs hot in this stretch.
FAULT = (START_US + 4 * DAY_US, START_US + 4 * DAY_US + 6 * HOUR_US)
DETECTOR: dict[str, Any] = {
    "sensors": list(SENSORS),
    "bucket_us": BUCKET_US,
    "open_after": 3,
    "close_after": 6,
    "false_alarm_rate": 0.005,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """One asset in a database, told its readings and its timeline directly."""

    connection: Connection
    asset_id: int
    series: dict[str, int]

    def tell(self, at_us: np.ndarray, values: np.ndarray) -> None:
        """Insert readings: `values` (n, sensors) at `at_us` (n,), NaN = none."""
        rows = [
            (self.series[sensor], from_us(int(at)), float(value))
            for at, row in zip(at_us, values, strict=True)
            for sensor, value in zip(SENSORS, row, strict=True)
            if np.isfinite(value)
        ]
        with self.connection.cursor() as cursor:
            cursor.executemany("INSERT INTO reading (series_id, at, value) VALUES (%s, %s, %s)", rows)

    def ran(self, *stretches: tuple[int, int, str]) -> None:
        """Make these the whole timeline."""
        self.connection.execute("DELETE FROM interval")
        for start_us, end_us, category in stretches:
            self.connection.execute(
                """INSERT INTO interval (customer_id, asset_id, start_at, end_at, category, cause, party)
                   SELECT customer_id, id, %s, %s, %s, 'x', 'nobody' FROM asset WHERE id = %s""",
                (from_us(start_us), from_us(end_us), category, self.asset_id),
            )

    def detector(self, **changes: Any) -> None:
        settings = json.dumps(DETECTOR | changes)
        self.connection.execute("UPDATE asset_model SET detector = %s::jsonb", (settings,))

    def models(self) -> list[tuple[Any, ...]]:
        return self.connection.execute("SELECT sha256, parameters, trained_at FROM model ORDER BY id").fetchall()

    def scores(self) -> list[tuple[Any, ...]]:
        return self.connection.execute("SELECT at, score, contributions FROM anomaly_score ORDER BY at").fetchall()

    def findings(self) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            "SELECT start_at, end_at, peak_score, contributions FROM anomaly ORDER BY start_at"
        ).fetchall()


@pytest.fixture
def machine(connection: Connection) -> Machine:
    """A watched machine of which nothing is known yet."""
    row = connection.execute(
        """WITH c AS (INSERT INTO customer (slug, name) VALUES ('c', 'C') RETURNING id),
                s AS (INSERT INTO site (customer_id, slug, name) SELECT id, 's', 'S' FROM c RETURNING id),
                m AS (INSERT INTO asset_model (slug, name, telemetry_hold_us, detector)
                      VALUES ('m', 'M', 600000000, %s::jsonb) RETURNING id)
           INSERT INTO asset (customer_id, site_id, model_id, slug, name, healthy_from, healthy_to)
           SELECT c.id, s.id, m.id, 'a', 'A', %s, %s FROM c, s, m RETURNING id""",
        (json.dumps(DETECTOR), from_us(START_US), from_us(HEALTHY_TO_US)),
    ).fetchone()
    assert row is not None
    inserted = connection.execute(
        """INSERT INTO sensor (customer_id, asset_id, name, unit)
           SELECT customer_id, id, unnest(%s::text[]), '1' FROM asset RETURNING name, id""",
        (list(SENSORS),),
    ).fetchall()
    return Machine(connection=connection, asset_id=row[0], series=dict(inserted))


@pytest_asyncio.fixture
async def analytics(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with connect_async(database_url) as opened:
        yield opened


def story(start_us: int = START_US, end_us: int = END_US) -> tuple[np.ndarray, np.ndarray]:
    """Five days of a machine whose oil runs 6 degrees hot during the fault; always the same."""
    at = np.arange(START_US, END_US, STEP_US)
    chance = np.random.default_rng(11)
    load = np.sin(2 * np.pi * (at % DAY_US) / DAY_US) + 0.3 * chance.normal(size=len(at))
    mixing = np.array([[50.0, 8.0, -0.3]])
    values = load[:, None] @ mixing + chance.normal(size=(len(at), 3)) * [3.0, 0.5, 0.03] + [200.0, 70.0, 7.5]
    values[(at >= FAULT[0]) & (at < FAULT[1]), 1] += 6.0
    told = (at >= start_us) & (at < end_us)
    return at[told], values[told]


async def test_a_machine_is_trained_scored_and_its_fault_found_with_the_sensor_that_shows_it(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    [(sha256, parameters, _)] = machine.models()
    assert len(sha256) == 64
    assert parameters["rows"] == 3 * 144 - 3
    assert len(machine.scores()) == 2 * 144
    assert machine.scores()[0][0] == from_us(HEALTHY_TO_US)
    [(start_at, end_at, peak, contributions)] = machine.findings()
    assert abs(start_at - from_us(FAULT[0])).total_seconds() <= 600
    assert abs(end_at - from_us(FAULT[1])).total_seconds() <= 1_200
    assert peak > 2
    assert contributions[0]["sensor"] == "oil_temperature_c"
    assert contributions[0]["direction"] == "high"
    assert contributions[0]["observed"] - contributions[0]["expected"] == pytest.approx(6.0, abs=0.5)
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


@pytest.mark.parametrize(
    "statement", ["UPDATE asset_model SET detector = NULL", "UPDATE asset SET healthy_from = NULL"]
)
async def test_without_a_detector_or_a_healthy_window_nothing_happens(
    machine: Machine, analytics: AsyncConnection, statement: str
) -> None:
    machine.tell(*story())
    machine.ran((START_US, END_US, "FP"))
    machine.connection.execute(statement.encode())

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
    assert abs(end_at - from_us(FAULT[1])).total_seconds() <= 1_200


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


async def test_a_bucket_in_which_a_sensor_is_missing_is_not_scored(
    machine: Machine, analytics: AsyncConnection
) -> None:
    at, values = story()
    values[(at >= END_US - HOUR_US), 2] = np.nan
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
    assert parameters["left_out"] == {"vibration_mm_s": "missing"}
    assert len(machine.findings()) == 1


async def test_absurd_values_stop_neither_the_means_nor_the_scores(
    machine: Machine, analytics: AsyncConnection
) -> None:
    at, values = story()
    values[[20, 21, 1_300], [0, 0, 1]] = 1e300, -1.7e308, 1e300
    machine.tell(at, values)
    machine.ran((START_US, END_US, "FP"))

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    assert len(machine.scores()) == 2 * 144
    [(score, contributions)] = [(s, c) for t, s, c in machine.scores() if t == from_us(int(at[1_300]))]
    assert score > 1e6
    assert contributions[0]["sensor"] == "oil_temperature_c"
    assert len(machine.findings()) >= 1
