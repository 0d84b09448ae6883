"""The judgement path on a real database: facts in, timeline, cube and assessments out."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack

import psycopg
import pytest
from psycopg import sql

from services.analytics import refresh
from services.analytics.refresh import run_once
from shared.contracts import spec
from shared.contracts.document import digest
from shared.db import contracts, dirty
from shared.db import timeline as timelines
from shared.db.pool import Connection, connect_async
from shared.errors import VouchError
from shared.timeline import durations
from tests.integration.judging import (
    CONTRACT,
    FLEET,
    cube,
    derived,
    documents,
    interval,
    judge,
    load,
    power,
    readings,
    state,
    timeline,
    us,
)
from tests.waiting import wait_for

# Machines without sensors, which are derived many at once.
TOLD_BY_EVENTS = FLEET[: FLEET.index("    sensors:")] + FLEET[FLEET.index("    codes:") :]


def test_states_hold_until_the_next_and_the_last_one_until_now(database_url: str, connection: Connection) -> None:
    c1 = load(connection)["c1"]
    state(connection, c1, "2026-03-02T08:00", "up")
    state(connection, c1, "2026-03-02T09:30", "down")
    judge(database_url, "2026-03-02T10:00")
    assert timeline(connection, c1) == [
        ("03-02 08:00:00", "03-02 09:30:00", "FP", "running"),
        ("03-02 09:30:00", "03-02 10:00:00", "FO", "broken"),
    ]


def test_what_still_holds_is_carried_as_time_passes_and_nothing_else_is_touched(
    database_url: str, connection: Connection
) -> None:
    assets = load(connection)
    state(connection, assets["c1"], "2026-03-02T08:00", "up")
    interval(connection, assets["c2"], "2026-03-02T08:00", "2026-03-02T09:00", "down")
    judge(database_url, "2026-03-02T10:00")
    assert judge(database_url, "2026-03-02T10:00").assets == 0
    assert judge(database_url, "2026-03-02T10:00:10").assets == 1
    assert timeline(connection, assets["c1"]) == [("03-02 08:00:00", "03-02 10:00:10", "FP", "running")]
    assert timeline(connection, assets["c2"]) == [("03-02 08:00:00", "03-02 09:00:00", "FO", "broken")]


def test_telemetry_vouches_for_its_hold_and_no_longer(database_url: str, connection: Connection) -> None:
    c1 = load(connection)["c1"]
    power(connection, c1, {"2026-03-02T08:00": 90.0, "2026-03-02T08:05": 0.0, "2026-03-02T08:50": 91.0})
    judge(database_url, "2026-03-02T08:52")
    assert timeline(connection, c1)[-1] == ("03-02 08:50:00", "03-02 08:52:00", "FP", "running")
    judge(database_url, "2026-03-02T12:00")
    assert timeline(connection, c1) == [
        ("03-02 08:00:00", "03-02 08:05:00", "FP", "running"),
        ("03-02 08:05:00", "03-02 08:15:00", "TS", "idle"),
        ("03-02 08:50:00", "03-02 09:00:00", "FP", "running"),
    ]
    assert connection.execute("SELECT count(*) FROM dirty_window").fetchone() == (0,)


def test_an_event_that_ends_after_now_is_derived_to_its_end_once_that_has_come(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection)["c1"]
    interval(connection, c1, "2026-03-02T07:58", "2026-03-02T08:03", "down")
    judge(database_url, "2026-03-02T08:00")
    assert timeline(connection, c1) == [("03-02 07:58:00", "03-02 08:00:00", "FO", "broken")]
    judge(database_url, "2026-03-02T08:10")
    assert timeline(connection, c1) == [("03-02 07:58:00", "03-02 08:03:00", "FO", "broken")]


def test_closing_an_open_interval_takes_back_what_was_carried(database_url: str, connection: Connection) -> None:
    c1 = load(connection)["c1"]
    interval(connection, c1, "2026-03-02T08:00", None, "down")
    judge(database_url, "2026-03-02T20:00")
    assert timeline(connection, c1) == [("03-02 08:00:00", "03-02 20:00:00", "FO", "broken")]
    interval(connection, c1, "2026-03-02T08:00", "2026-03-02T08:30", "down")
    judge(database_url, "2026-03-02T20:01")
    assert timeline(connection, c1) == [("03-02 08:00:00", "03-02 08:30:00", "FO", "broken")]
    assert [row[-1] for row in cube(connection)] == [30 * 60 * 1_000_000]


def test_a_state_that_means_nothing_known_ends_the_one_before_and_is_not_carried(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection)["c1"]
    state(connection, c1, "2026-03-02T08:00", "up")
    judge(database_url, "2026-03-05T00:00")
    state(connection, c1, "2026-03-02T09:00", "log_end")
    judge(database_url, "2026-03-05T00:01")
    expected = [("03-02 08:00:00", "03-02 09:00:00", "FP", "running")]
    assert timeline(connection, c1) == expected
    assert judge(database_url, "2026-03-06T00:00").assets == 0
    assert timeline(connection, c1) == expected


def test_an_unmapped_code_is_shown_as_such(database_url: str, connection: Connection) -> None:
    c1 = load(connection)["c1"]
    state(connection, c1, "2026-03-02T08:00", "4711")
    judge(database_url, "2026-03-02T09:00")
    judge(database_url, "2026-03-02T10:00")
    assert timeline(connection, c1) == [("03-02 08:00:00", "03-02 10:00:00", "IU", "unmapped_code")]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_arrival_does_not_matter(database_url: str, connection: Connection, seed: int) -> None:
    chance = random.Random(seed)
    c1 = load(connection)["c1"]
    hours = [f"2026-03-{day:02}T{hour:02}:{minute:02}" for day in (2, 3) for hour in range(24) for minute in (7, 41)]
    facts: list[Callable[[], None]] = []
    for at, end in zip(hours, hours[3:], strict=False):
        match chance.randrange(4):
            case 0:
                code = chance.choice(["up", "down", "service", "log_end", "4711"])
                facts.append(lambda at=at, code=code: state(connection, c1, at, code))
            case 1:
                code = chance.choice(["down", "service"])
                facts.append(lambda at=at, end=end, code=code: interval(connection, c1, at, end, code))
            case 2:
                facts.append(lambda at=at, end=end: _opened_then_closed(connection, database_url, c1, at, end))
            case _:
                value = chance.choice([0.0, 90.0])
                facts.append(lambda at=at, value=value: power(connection, c1, {at: value}))
    chance.shuffle(facts)
    for place, store in enumerate(facts):
        store()
        if chance.random() < 0.2:
            judge(database_url, f"2026-03-06T00:{place % 60:02}")
    judge(database_url, "2026-03-07T00:00")
    grown = derived(connection)
    connection.execute("TRUNCATE interval, asset_day")
    connection.execute(
        "INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)"
        " VALUES (%s, '2026-03-01Z', '2026-03-07Z', now())",
        (c1,),
    )
    judge(database_url, "2026-03-07T00:00")
    assert derived(connection) == grown


@pytest.mark.parametrize("seed", range(3))
def test_many_at_once_are_derived_as_each_alone(
    database_url: str, connection: Connection, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    machines = "".join(
        f"  - {{customer: lechtal, site: kempten, slug: w{n}, name: W{n}, model: compressor}}\n" for n in range(8)
    )
    assets = load(connection, TOLD_BY_EVENTS + machines)
    codes = ["up", "down", "service", "log_end", "4711"]
    for place, asset_id in enumerate(assets.values()):
        for hour in range(60):
            at, minute = f"2026-03-{2 + hour // 24:02}T{hour % 24:02}", chance.randrange(60)
            match chance.randrange(8) if place % 2 else 0:
                case 7:
                    interval(connection, asset_id, f"{at}:{minute:02}", None, chance.choice(["down", "$offline"]))
                case 6 | 5:
                    end = f"2026-03-{3 + hour // 24:02}T{hour % 24:02}:05"
                    interval(connection, asset_id, f"{at}:{minute:02}", end, chance.choice(["service", "$offline"]))
                case _:
                    state(connection, asset_id, f"{at}:{minute:02}", chance.choice(codes), chance.randrange(2))
        if place % 3 == 0:
            judge(database_url, f"2026-03-05T00:{place:02}")
    judge(database_url, "2026-03-06T00:00")
    together = derived(connection)
    connection.execute("TRUNCATE interval, asset_day")
    connection.execute(
        "INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)"
        " SELECT id, '2026-03-01Z', '2026-03-07Z', now() FROM asset"
    )
    monkeypatch.setattr(refresh, "hull", lambda *_: None)
    judge(database_url, "2026-03-06T00:00")
    assert together == derived(connection)
    assert len({row[0] for row in together}) == len(assets)


def _opened_then_closed(connection: Connection, database_url: str, asset_id: int, at: str, end: str) -> None:
    interval(connection, asset_id, at, None, "down")
    judge(database_url, "2026-03-05T12:00")
    interval(connection, asset_id, at, end, "down")


def test_the_cube_sums_to_the_timeline(database_url: str, connection: Connection) -> None:
    c1 = load(connection)["c1"]
    power(
        connection,
        c1,
        {f"2026-03-02T{hour:02}:{minute:02}": 90.0 * (hour % 3 > 0) for hour in range(24) for minute in (3, 9, 57)},
    )
    state(connection, c1, "2026-03-02T11:11:11", "down")
    judge(database_url, "2026-03-03T07:00")
    by_interval = connection.execute(
        "SELECT category, cause, sum(extract(epoch FROM end_at - start_at) * 1000000)::bigint FROM interval"
        " GROUP BY 1, 2 ORDER BY 1"
    ).fetchall()
    by_day = connection.execute(
        "SELECT category, cause, sum(duration_us)::bigint FROM asset_day GROUP BY 1, 2 ORDER BY 1"
    ).fetchall()
    assert by_day == by_interval
    assert {row[0] for row in by_day} == {"FP", "TS", "FO"}


def test_durations_of_any_window_are_those_of_its_intervals(database_url: str, connection: Connection) -> None:
    chance = random.Random(1)
    assets = load(connection)
    for asset_id in assets.values():
        for hour in range(48):
            at = f"2026-03-{2 + hour // 24:02}T{hour % 24:02}:{chance.randrange(60):02}:{chance.randrange(60):02}"
            state(connection, asset_id, at, chance.choice(["up", "down", "service", "log_end"]))
    judge(database_url, "2026-03-04T06:00")
    start, end = us("2026-03-01T23:00"), us("2026-03-04T07:00")

    async def compare() -> int:
        async with connect_async(database_url) as analytics:
            for _ in range(60):
                low, high = sorted(chance.randrange(start, end) for _ in range(2))
                found = await timelines.durations(analytics, list(assets.values()), low, high)
                for asset_id in assets.values():
                    told = await timelines.intervals(analytics, asset_id, low, high)
                    assert all(low <= i.start_us < i.end_us <= high for i in told)
                    assert found[asset_id] == durations(told, low, high)
            whole = await timelines.durations(analytics, list(assets.values()), start, end)
            return sum(sum(totals.values()) for totals in whole.values())

    assert asyncio.run(compare()) == sum(row[-1] for row in cube(connection)) > 0


def test_rules_see_the_sensors_of_one_instant_together(database_url: str, connection: Connection) -> None:
    two_sensors = FLEET.replace("unit: kW}]", "unit: kW}, {name: wind, unit: m/s}]").replace(
        "{power_kw: [null, 5]}", "{power_kw: [null, 5], wind: [null, 3]}"
    )
    c1 = load(connection, two_sensors, None)["c1"]
    readings(connection, c1, "power_kw", {"2026-03-02T08:00": 0.0, "2026-03-02T08:05": 0.0, "2026-03-02T08:10": 9.0})
    readings(connection, c1, "wind", {"2026-03-02T08:00": 9.0, "2026-03-02T08:05": 2.0})
    judge(database_url, "2026-03-02T10:00")
    assert timeline(connection, c1) == [
        ("03-02 08:05:00", "03-02 08:10:00", "TS", "idle"),
        ("03-02 08:10:00", "03-02 08:20:00", "FP", "running"),
    ]


def test_every_month_that_has_begun_is_assessed_and_closed_ones_keep_their_bytes(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection)["c1"]
    state(connection, c1, "2025-12-31T12:00", "up")
    state(connection, c1, "2026-02-10T00:00", "down")
    state(connection, c1, "2026-02-12T00:00", "up")
    judge(database_url, "2026-03-15T00:00")
    found = documents(connection)
    assert {month: found[month]["verdict"] for month in sorted(found)} == {
        "2026-01": "met",
        "2026-02": "missed",
        "2026-03": "met",
    }
    assert found["2026-02"]["settlement"]["malus"] == "2976.00"
    assert found["2026-02"]["period"]["complete"]
    assert found["2026-03"]["forecast"]["failures"] == 1
    assert not found["2026-03"]["period"]["complete"]
    versions = _row_versions(connection)
    judge(database_url, "2026-03-15T00:01")
    now = _row_versions(connection)
    assert {month for month in now if now[month] != versions[month]} == {"2026-03"}


def test_a_month_is_closed_though_no_fact_came(database_url: str, connection: Connection) -> None:
    load(connection)
    judge(database_url, "2026-01-20T00:00")
    assert not documents(connection)["2026-01"]["period"]["complete"]
    judge(database_url, "2026-02-02T00:00")
    assert documents(connection)["2026-01"]["period"]["complete"]


def test_late_data_corrects_the_month_it_belongs_to_and_no_other(database_url: str, connection: Connection) -> None:
    c1 = load(connection)["c1"]
    state(connection, c1, "2025-12-31T12:00", "up")
    judge(database_url, "2026-04-15T00:00")
    before = documents(connection)
    versions = _row_versions(connection)
    interval(connection, c1, "2026-02-10T00:00", "2026-02-12T00:00", "down")
    judge(database_url, "2026-04-15T00:00:01")
    after, now = documents(connection), _row_versions(connection)
    assert (before["2026-02"]["verdict"], after["2026-02"]["verdict"]) == ("met", "missed")
    assert after["2026-02"]["unavailable_hours_by_party"] == {"supplier": 48.0}
    assert {month for month in now if now[month] != versions[month]} == {"2026-02", "2026-04"}


def test_late_data_moves_the_money_of_later_months_that_share_a_cap_with_its_own(
    database_url: str, connection: Connection
) -> None:
    capped = CONTRACT.replace("{malus_per_period: 29750}", "{malus_per_year: 4000}")
    c1 = load(connection, contract_text=capped)["c1"]
    state(connection, c1, "2025-12-31T12:00", "up")
    interval(connection, c1, "2026-02-10T00:00", "2026-02-12T00:00", "down")
    judge(database_url, "2026-04-15T00:00")
    assert _maluses(connection) == {"2026-01": "0.00", "2026-02": "2976.00", "2026-03": "0.00"}
    march = documents(connection)["2026-02"]
    interval(connection, c1, "2026-01-10T00:00", "2026-01-12T00:00", "down")
    judge(database_url, "2026-04-15T00:01")
    assert _maluses(connection) == {"2026-01": "2976.00", "2026-02": "1024.00", "2026-03": "0.00"}
    after = documents(connection)["2026-02"]
    assert after["settlement"]["capped"]
    assert {key for key in after if after[key] != march[key]} == {"settlement"}
    stored = connection.execute("SELECT result, sha256 FROM assessment").fetchall()
    assert all(digest(document) == sha256 for document, sha256 in stored)


def test_what_an_earlier_month_used_of_a_yearly_allowance_bears_on_the_later_ones(
    database_url: str, connection: Connection
) -> None:
    grant = "{category: SM, hours_per_asset_per_year: 48, within: available, beyond: unavailable}"
    allowed = CONTRACT.replace(
        "unavailable: [SM, PCA, FO, S]", f"unavailable: [PCA, FO, S]\n      allowance: [{grant}]"
    )
    c1 = load(connection, contract_text=allowed)["c1"]
    state(connection, c1, "2025-12-31T12:00", "up")
    interval(connection, c1, "2026-02-10T00:00", "2026-02-12T00:00", "service")
    judge(database_url, "2026-04-15T00:00")
    assert documents(connection)["2026-02"]["unavailable_hours_by_party"] == {}
    interval(connection, c1, "2026-01-10T00:00", "2026-01-11T12:00", "service")
    judge(database_url, "2026-04-15T00:01")
    assert documents(connection)["2026-01"]["unavailable_hours_by_party"] == {}
    assert documents(connection)["2026-02"]["unavailable_hours_by_party"] == {"supplier": 36.0}


def _maluses(connection: Connection) -> dict[str, str]:
    found = documents(connection)
    return {month: found[month]["settlement"]["malus"] for month in sorted(found)[:3]}


def test_a_pass_that_fails_leaves_everything_as_it_was(database_url: str, connection: Connection) -> None:
    c1 = load(connection)["c1"]
    state(connection, c1, "2026-03-02T08:00", "up")
    marks = connection.execute("SELECT * FROM dirty_mark").fetchall()
    connection.execute("ALTER TABLE asset_status ADD CONSTRAINT refused CHECK (carried_to IS NULL)")
    with pytest.raises(psycopg.errors.CheckViolation):
        judge(database_url, "2026-03-02T10:00")
    assert timeline(connection, c1) == []
    assert documents(connection) == {}
    assert connection.execute("SELECT * FROM dirty_mark").fetchall() == marks
    connection.execute("ALTER TABLE asset_status DROP CONSTRAINT refused")
    judge(database_url, "2026-03-02T10:00")
    assert len(timeline(connection, c1)) == 1


@pytest.mark.parametrize("machines", [FLEET, TOLD_BY_EVENTS])
def test_an_asset_that_cannot_be_derived_stays_dirty_and_holds_up_nobody(
    database_url: str, connection: Connection, machines: str
) -> None:
    assets = load(connection, machines)
    for asset_id in (assets["c1"], assets["c2"]):
        state(connection, asset_id, "2026-03-02T08:00", "up")
    refusal = sql.SQL("ALTER TABLE interval ADD CONSTRAINT refused CHECK (asset_id <> {})")
    connection.execute(refusal.format(sql.Literal(assets["c1"])))
    assert judge(database_url, "2026-03-02T10:00").assets == 1
    assert timeline(connection, assets["c1"]) == []
    assert len(timeline(connection, assets["c2"])) == 1
    connection.execute("ALTER TABLE interval DROP CONSTRAINT refused")
    judge(database_url, "2026-03-02T10:05")
    assert timeline(connection, assets["c1"]) == timeline(connection, assets["c2"])


def test_a_period_that_cannot_be_assessed_is_assessed_once_it_can(database_url: str, connection: Connection) -> None:
    c1 = load(connection)["c1"]
    state(connection, c1, "2026-01-02T08:00", "up")
    judge(database_url, "2026-03-02T10:00")
    connection.execute("ALTER TABLE assessment ADD CONSTRAINT refused CHECK (period_start > '2026-01-15') NOT VALID")
    interval(connection, c1, "2026-01-10T00:00", "2026-01-12T00:00", "down")
    judge(database_url, "2026-03-02T10:01")
    assert sorted(documents(connection)) == ["2026-02", "2026-03"]
    connection.execute("ALTER TABLE assessment DROP CONSTRAINT refused")
    judge(database_url, "2026-03-02T10:02")
    assert documents(connection)["2026-01"]["unavailable_hours_by_party"] == {"supplier": 48.0}


def test_workers_share_the_assets_and_agree_on_the_contract(database_url: str, connection: Connection) -> None:
    fleet = FLEET + "".join(
        f"  - {{customer: lechtal, site: kempten, slug: w{n}, name: W{n}, model: compressor}}\n" for n in range(40)
    )
    machines = ", ".join(f"{{id: kempten/w{n}}}" for n in range(40))
    assets = load(connection, fleet, CONTRACT.replace("{id: kempten/c1}", machines))
    for n in range(40):
        state(connection, assets[f"w{n}"], "2026-01-01T00:00", "up")
        interval(connection, assets[f"w{n}"], "2026-01-10T00:00", "2026-01-10T12:00", "down")

    async def work() -> list[int]:
        async with AsyncExitStack() as stack:
            workers = [await stack.enter_async_context(connect_async(database_url)) for _ in range(3)]
            passes = await asyncio.gather(*(run_once(worker, us("2026-03-02T10:00")) for worker in workers))
            return [done.assets for done in passes]

    assert sorted(asyncio.run(work())) == [8, 16, 16]
    assert documents(connection)["2026-01"]["unavailable_hours_by_party"] == {"supplier": 480.0}
    assert connection.execute("SELECT count(*) FROM dirty_window WHERE start_at < '2026-03-02T10:00Z'").fetchone() == (
        0,
    )


def test_a_worker_that_comes_while_another_spreads_the_marks_waits_for_them(
    database_url: str, connection: Connection
) -> None:
    assets = load(connection)
    state(connection, assets["c1"], "2026-01-01T00:00", "up")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    async def work() -> int:
        async with connect_async(database_url) as first, connect_async(database_url) as second:
            async with first.transaction():
                await dirty.spread(first)
                later = asyncio.create_task(run_once(second, us("2026-03-02T10:00")))
                await asyncio.to_thread(
                    wait_for, lambda: later.done() or connection.execute(waiting).fetchall()[0][0], what="the second"
                )
            return (await later).assets

    assert asyncio.run(work()) == 1


def test_a_version_is_stored_once_and_never_edited(connection: Connection) -> None:
    load(connection)
    assert not contracts.store(connection, spec.parse(CONTRACT, "again"), us("2026-01-01"))
    with pytest.raises(VouchError, match="stored with another content"):
        contracts.store(connection, spec.parse(CONTRACT.replace("0.97", "0.96"), "edited"), us("2026-01-01"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version: 1": "version: 3", "start: 2026-01-01": "start: 2026-06-01"}, "the next version is 2"),
        ({"version: 1": "version: 2"}, "changes a period of version 1 in its past"),
        ({"version: 1": "version: 2", "start: 2026-01-01": "start: 2026-06-02"}, "changes a period of version 1"),
        ({"id: LF-1": "id: LF-2", "kempten/c1": "kempten/c7"}, "has no asset kempten/c7"),
        ({"id: LF-1": "id: LF-2", "customer: lechtal": "customer: nobody"}, "customer nobody is unknown"),
    ],
)
def test_a_contract_that_cannot_be_is_refused(connection: Connection, changes: dict[str, str], reason: str) -> None:
    load(connection)
    with pytest.raises(VouchError, match=reason):
        contracts.store(connection, spec.parse(_edited(changes), "contract"), us("2026-01-01"))
    assert connection.execute("SELECT count(*) FROM contract").fetchone() == (1,)


def test_the_next_version_is_the_law_from_its_first_day_and_not_before(
    database_url: str, connection: Connection
) -> None:
    c1 = load(connection)["c1"]
    later = _edited({"version: 1": "version: 2", "start: 2026-01-01": "start: 2026-03-01", "level: 0.97": "level: 0.5"})
    assert contracts.store(connection, spec.parse(later, "later"), us("2026-01-01"))
    state(connection, c1, "2025-12-31T12:00", "up")
    for month in ("01", "02", "03"):
        interval(connection, c1, f"2026-{month}-10T00:00", f"2026-{month}-12T00:00", "down")
    judge(database_url, "2026-04-15T00:00")
    assert {
        month: (found["contract"]["version"], found["verdict"]) for month, found in documents(connection).items()
    } == {
        "2026-01": (1, "missed"),
        "2026-02": (1, "missed"),
        "2026-03": (2, "met"),
        "2026-04": (2, "met"),
    }


def _edited(changes: dict[str, str]) -> str:
    text = CONTRACT
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def _row_versions(connection: Connection) -> dict[str, str]:
    """Changes with every write of an assessment."""
    return dict(
        connection.execute(
            "SELECT to_char(period_start AT TIME ZONE 'Europe/Berlin', 'YYYY-MM'), xmin::text FROM assessment"
        ).fetchall()
    )
