"""What engineers say of findings and what follows from it; and what is done with bad readings and bad models."""

import importlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from services.analytics.detectors import record
from services.analytics.watch import watch as watch_all
from services.analytics.watching import ready
from shared.db import reviews
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection, Connection, connect_async
from shared.db.reviews import Verdict
from shared.instant import DAY_US, HOUR_US, from_us
from tests.integration.watching import (
    BUCKET_US,
    END_US,
    FAULT,
    HEALTHY_TO_US,
    NOW_US,
    SENSORS,
    START_US,
    Machine,
    another,
    furnish,
    story,
    watch,
)  # fmt: skip

NOW = from_us(NOW_US)
# A fault, the same once more a day later; or worse, or in another sensor.
HOT = (START_US + 78 * HOUR_US, START_US + 84 * HOUR_US, 1, 20.0)
AGAIN = (START_US + 102 * HOUR_US, START_US + 108 * HOUR_US, 1, 20.0)
WORSE = (*AGAIN[:2], 1, 60.0)
OTHERWISE = (*AGAIN[:2], 2, 1.0)


@pytest.fixture
def machine(connection: Connection) -> Machine:
    """A watched machine that ran all the time; nothing was read from it yet."""
    furnished = furnish(connection)
    furnished.ran((START_US, END_US, "FP"))
    return furnished


@pytest_asyncio.fixture
async def analytics(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with connect_async(database_url) as opened:
        yield opened


async def watched(machine: Machine, analytics: AsyncConnection, *faults: tuple[int, int, int, float]) -> list[int]:
    """Watch a story with these faults; the ids of the findings that lie in them, in order."""
    machine.tell(*story(faults=faults))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)
    found = [
        machine.connection.execute(
            "SELECT id FROM anomaly WHERE start_at < %s AND end_at > %s ORDER BY peak_score DESC LIMIT 1",
            (from_us(end), from_us(start)),
        ).fetchall()
        for start, end, _, _ in faults
    ]
    assert all(found)
    return [one[0][0] for one in found]


async def say(analytics: AsyncConnection, anomaly_id: int, verdict: Verdict, by: str = "anna") -> reviews.Review:
    review = await reviews.add(
        analytics, anomaly_id, verdict=verdict, label="oil cooler", note="seen on site", by=by, at=NOW
    )
    assert review is not None
    return review


async def follow(machine: Machine, analytics: AsyncConnection) -> None:
    """Watch what became dirty."""
    marks = machine.connection.execute("DELETE FROM dirty_window RETURNING start_at, end_at").fetchall()
    assert marks
    for start, end in marks:
        await watch(analytics, machine.asset_id, _us(start), _us(end), NOW_US + 1)


def _us(at: Any) -> int:
    return round(at.timestamp() * 1e6)


def suppressed(machine: Machine) -> dict[int, int | None]:
    return dict(machine.connection.execute("SELECT id, suppressed_by FROM anomaly").fetchall())


async def test_a_finding_says_how_severe_it_is_what_found_it_and_what_it_looks_like(
    machine: Machine, analytics: AsyncConnection
) -> None:
    [found] = await watched(machine, analytics, HOT)

    [(severity, detector, signature, name)] = machine.connection.execute(
        "SELECT n.severity, n.detector, n.signature, m.detector FROM anomaly n JOIN model m ON m.id = n.model_id"
        " WHERE n.id = %s",
        (found,),
    ).fetchall()
    assert severity in {"warning", "critical"}
    assert detector
    assert name != detector
    assert max(signature, key=lambda sensor: abs(signature[sensor])) == "oil_temperature_c"
    assert signature["oil_temperature_c"] > 0
    assert sum(abs(share) for share in signature.values()) == pytest.approx(1, abs=1e-3)


async def test_what_an_engineer_says_survives_that_everything_is_scored_anew(
    machine: Machine, analytics: AsyncConnection
) -> None:
    [found] = await watched(machine, analytics, HOT)
    said = await say(analytics, found, Verdict.CONFIRMED)

    machine.detector(open_after=4)
    await watch(analytics, machine.asset_id, END_US - HOUR_US, END_US, NOW_US + 1)

    [(review_id, verdict, label)] = machine.connection.execute(
        "SELECT r.id, r.verdict, r.label FROM anomaly n, vouch_review_of(n.asset_id, n.start_at, n.end_at) r"
    ).fetchall()
    assert (review_id, verdict, label) == (said.id, "confirmed", "oil cooler")


async def test_saying_the_same_again_is_one_review_and_saying_otherwise_supersedes_it(
    machine: Machine, analytics: AsyncConnection
) -> None:
    [found] = await watched(machine, analytics, HOT)
    first = await say(analytics, found, Verdict.CONFIRMED)
    assert (await say(analytics, found, Verdict.CONFIRMED)).id == first.id

    second = await say(analytics, found, Verdict.REJECTED, by="ben")

    assert [one.id for one in await reviews.listed(analytics, limit=9)] == [second.id]
    known = await reviews.listed(analytics, limit=9, in_force=False)
    assert [(one.id, one.superseded_by) for one in known] == [(second.id, None), (first.id, "ben")]


async def test_saying_otherwise_has_the_time_of_both_reviews_looked_at_again(
    machine: Machine, analytics: AsyncConnection
) -> None:
    [found] = await watched(machine, analytics, HOT)
    first = await say(analytics, found, Verdict.CONFIRMED)
    await follow(machine, analytics)
    # Scored anew, it is shorter than what was judged.
    machine.connection.execute(
        "UPDATE anomaly SET start_at = start_at + interval '1 hour', end_at = end_at - interval '1 hour' WHERE id = %s",
        (found,),
    )

    await say(analytics, found, Verdict.REJECTED, by="ben")

    [(start, end)] = machine.connection.execute("SELECT start_at, end_at FROM dirty_window").fetchall()
    assert start <= first.start_at < first.end_at <= end


async def test_a_rejected_pattern_stops_recurring_until_the_review_is_withdrawn(
    machine: Machine, analytics: AsyncConnection
) -> None:
    first, second = await watched(machine, analytics, HOT, AGAIN)
    review = await say(analytics, first, Verdict.REJECTED)
    await follow(machine, analytics)
    assert {suppressed(machine)[first], suppressed(machine)[second]} == {review.id}

    withdrawn = await reviews.withdraw(analytics, review.id, by="anna", at=NOW)
    assert withdrawn is not None
    assert await reviews.withdraw(analytics, review.id, by="ben", at=NOW) == withdrawn, "it stays taken back"
    await follow(machine, analytics)
    assert set(suppressed(machine).values()) == {None}


@pytest.mark.parametrize("other", [WORSE, OTHERWISE])
async def test_what_is_worse_or_looks_otherwise_than_what_was_rejected_is_told(
    machine: Machine, analytics: AsyncConnection, other: tuple[int, int, int, float]
) -> None:
    first, second = await watched(machine, analytics, HOT, other)
    await say(analytics, first, Verdict.REJECTED)
    await follow(machine, analytics)
    assert suppressed(machine)[second] is None


async def test_what_came_before_the_rejected_one_and_what_was_confirmed_is_told(
    machine: Machine, analytics: AsyncConnection
) -> None:
    first, second = await watched(machine, analytics, HOT, AGAIN)
    review = await say(analytics, second, Verdict.REJECTED)
    await follow(machine, analytics)
    assert (suppressed(machine)[first], suppressed(machine)[second]) == (None, review.id)


async def test_earlier_findings_that_look_alike_are_named_with_what_was_said_of_them(
    machine: Machine, analytics: AsyncConnection
) -> None:
    first, second = await watched(machine, analytics, HOT, AGAIN)
    await say(analytics, first, Verdict.CONFIRMED)

    [alike] = await reviews.similar(analytics, second, 5)

    assert (alike.id, alike.verdict, alike.label) == (first, "confirmed", "oil cooler")
    assert alike.similarity == pytest.approx(1, abs=0.05)
    assert await reviews.similar(analytics, first, 5) == []


async def test_precision_counts_by_detector_and_month_with_its_exact_interval(
    machine: Machine, analytics: AsyncConnection
) -> None:
    first, second = await watched(machine, analytics, HOT, WORSE)
    await say(analytics, first, Verdict.CONFIRMED)
    told = await reviews.precision(analytics, start=from_us(START_US), end=from_us(END_US))
    assert sum(one.unreviewed for one in told) == 1
    await say(analytics, second, Verdict.REJECTED)

    told = await reviews.precision(analytics, asset_id=machine.asset_id, start=from_us(START_US), end=from_us(END_US))

    assert sum(one.findings for one in told) == 2
    assert (sum(one.confirmed for one in told), sum(one.rejected for one in told)) == (1, 1)
    for one in told:
        assert one.precision is not None
        assert one.precision == one.confirmed / (one.confirmed + one.rejected)
        assert one.low is not None
        assert one.high is not None
        assert 0 <= one.low <= one.precision <= one.high <= 1
        assert one.month == from_us(START_US).replace(day=1, hour=0)


async def test_the_api_reviews_what_its_asker_may_see_and_nothing_else(
    machine: Machine, analytics: AsyncConnection
) -> None:
    [found] = await watched(machine, analytics, HOT)
    for customers, may in (("999", False), ("1", True)):
        async with analytics.transaction():
            await analytics.execute("SELECT set_config('vouch.customers', %s, true)", (customers,))
            await analytics.execute("SET LOCAL ROLE vouch_api")
            told = await reviews.add(analytics, found, verdict=Verdict.REJECTED, label=None, note="", by="x", at=NOW)
            assert (told is not None) is may
            assert len(await reviews.listed(analytics, limit=9)) == may
    [review] = await reviews.listed(analytics, limit=9)
    async with analytics.transaction():
        await analytics.execute("SELECT set_config('vouch.customers', '999', true)")
        await analytics.execute("SET LOCAL ROLE vouch_api")
        assert await reviews.withdraw(analytics, review.id, by="x", at=NOW) is None
    assert await reviews.listed(analytics, limit=9) == [review]


async def test_time_in_which_a_finding_was_confirmed_is_never_learnt_from(
    machine: Machine, analytics: AsyncConnection
) -> None:
    [found] = await watched(machine, analytics, HOT)
    rows = _rows(machine)
    review = await say(analytics, found, Verdict.CONFIRMED)

    machine.connection.execute("UPDATE asset SET healthy_to = %s", (from_us(END_US - 6 * HOUR_US),))
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US + 1)

    lost = -(-_us(review.end_at) // BUCKET_US) - _us(review.start_at) // BUCKET_US
    assert lost > 30
    assert _rows(machine) == rows + (END_US - 6 * HOUR_US - HEALTHY_TO_US) // BUCKET_US - lost


def _rows(machine: Machine) -> int:
    model = record.model_of(machine.models()[-1][1])
    assert model is not None
    return model.rows


async def test_a_stored_model_that_was_tampered_with_is_refused_and_trained_anew(
    machine: Machine, analytics: AsyncConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    await watched(machine, analytics, HOT)
    before = machine.models()[0][:2], machine.scores(), machine.findings()
    machine.connection.execute(
        "UPDATE model SET parameters = replace(parameters::text, '0.', '1.')::json WHERE parameters::text LIKE '%0.%'"
    )
    importlib.reload(ready)

    await watch(analytics, machine.asset_id, END_US - HOUR_US, END_US, NOW_US + 1)

    assert "detector_model_refused" in capsys.readouterr().out
    assert (machine.models()[0][:2], machine.scores(), machine.findings()) == before


async def test_a_stored_model_is_read_back_to_the_bit(machine: Machine, analytics: AsyncConnection) -> None:
    at, values = story()
    machine.tell(at, values * [1e17, 1e-9, 1])
    await watch(analytics, machine.asset_id, START_US, FAULT[0], NOW_US)
    scored = machine.scores()
    importlib.reload(ready)

    await watch(analytics, machine.asset_id, START_US + 3 * DAY_US, END_US, NOW_US + 1)

    assert len(machine.models()) == 1
    assert machine.scores()[: len(scored)] == scored
    [(sha256, parameters, _)] = machine.models()
    assert record.digest(parameters) == sha256


async def test_a_constant_sensor_and_one_without_values_are_left_out_and_the_others_watched(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.detector(sensors=[*SENSORS, "speed", "torque"])
    machine.sensor("speed")
    machine.sensor("torque")
    at, _ = story()
    machine.tell(at, np.full((len(at), 1), 1_500.0), "speed")

    await watched(machine, analytics, HOT)

    model = record.model_of(machine.models()[-1][1])
    assert model is not None
    assert model.left_out == {"speed": "constant", "torque": "missing"}


async def test_nothing_but_missing_values_is_refused_with_the_reason(
    machine: Machine, analytics: AsyncConnection
) -> None:
    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    [(_, parameters, _)] = machine.models()
    assert parameters["refused"]
    assert machine.scores() == machine.findings() == []


async def test_a_sensor_that_appears_later_is_left_out_and_one_that_disappears_stops_nothing(
    machine: Machine, analytics: AsyncConnection
) -> None:
    machine.detector(sensors=[*SENSORS, "speed"])
    machine.sensor("speed")
    at, values = story()
    is_late = at >= HEALTHY_TO_US + DAY_US // 2
    machine.tell(at[is_late], np.random.default_rng(1).normal(size=(is_late.sum(), 1)), "speed")
    values[at >= END_US - 6 * HOUR_US, 2] = np.nan
    machine.tell(at, values)

    await watch(analytics, machine.asset_id, START_US, END_US, NOW_US)

    model = record.model_of(machine.models()[-1][1])
    assert model is not None
    assert (model.sensors, model.left_out) == (SENSORS, {"speed": "missing"})
    assert any(start <= from_us(FAULT[0] + 2 * HOUR_US) < end for start, end, _, _ in machine.findings())
    assert all(at <= from_us(END_US) for at, _, _ in machine.scores())


async def test_machines_watched_together_are_as_if_watched_alone_and_one_that_fails_stops_no_other(
    machine: Machine, analytics: AsyncConnection, connection: Connection
) -> None:
    machines = [machine, *(another(connection, f"a{number}") for number in range(3))]
    broken = machines[2]
    for number, one in enumerate(machines):
        one.tell(*story(faults=((HOT[0] + number * HOUR_US, *HOT[1:]),)))
        one.ran((START_US, END_US, "FP"))
    connection.execute(
        "INSERT INTO asset_model (slug, name, telemetry_hold_us, detector)"
        """ VALUES ('bad', 'Bad', 1, '{"sensors": ["power_kw"], "drivers": [], "bucket_us": 0}')"""
    )
    connection.execute(
        "UPDATE asset SET model_id = (SELECT id FROM asset_model WHERE slug = 'bad') WHERE id = %s", (broken.asset_id,)
    )
    everything = [Window(start_us=START_US, end_us=END_US)]

    failed = await watch_all(analytics, [(one.asset_id, everything) for one in machines], NOW_US)

    assert failed == {broken.asset_id}
    together = [_outcome(connection, one) for one in machines]
    connection.execute("TRUNCATE anomaly_score, anomaly, model, watch_state CASCADE")
    for one in machines:
        await watch_all(analytics, [(one.asset_id, everything)], NOW_US)
    assert together == [_outcome(connection, one) for one in machines]
    assert [len(findings) >= 1 for _, findings in together] == [True, True, False, True]


def _outcome(connection: Connection, machine: Machine) -> tuple[Sequence[Any], Sequence[Any]]:
    asset = (machine.asset_id,)
    return (
        connection.execute(
            "SELECT at, score, contributions, detector FROM anomaly_score WHERE asset_id = %s ORDER BY at", asset
        ).fetchall(),
        connection.execute(
            "SELECT start_at, end_at, peak_score, contributions, severity, signature FROM anomaly"
            " WHERE asset_id = %s ORDER BY start_at",
            asset,
        ).fetchall(),
    )
