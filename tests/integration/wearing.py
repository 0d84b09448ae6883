"""What the tests of prognosis share: a fleet whose bearings fail, mostly a day or two after a warning."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import numpy as np

from shared import fleet
from shared.db import fleet as fleets
from shared.db.pool import AsyncConnection, Connection, connect_async
from shared.instant import DAY_US, HOUR_US, from_us
from tests.integration.judging import interval, judge, readings, state, us

Found = TypeVar("Found")
START = us("2025-01-01")

FLEET = """
customers: [{{slug: lechtal, name: Lechtal Foods GmbH}}]
sites: [{{customer: lechtal, slug: kempten, name: Kempten}}]
models:
  - slug: pump
    name: Pump
    telemetry_hold_s: 600
    sensors: [{{name: vibration_mm_s, unit: mm/s}}]
    prognosis:
      every_s: 21600
      components:
        - {{name: bearing, causes: [bearing_failure], limits: {{vibration_mm_s: 4.5}}}}
        - {{name: seal, causes: [seal_leaking]}}
      notice: {notice}
    codes:
      "up": {{category: FP, cause: running, party: nobody}}
      "W1": {{category: PP, cause: rough_running, party: supplier}}
      "W2": {{category: PP, cause: hot, party: supplier}}
      "F1": {{category: FO, cause: bearing_failure, party: supplier}}
      "F2": {{category: FO, cause: seal_leaking, party: supplier}}
      "M1": {{category: PCA, cause: planned_repair, party: supplier}}
      "M2": {{category: SM, cause: bearing_failure, party: supplier}}
assets:
{assets}
"""
NOTICE = "{risk: 0.5, within_days: 7, false_quota: 0.3}"


def fleet_text(machines: int, notice: str = NOTICE) -> str:
    """The fleet file of so many machines."""
    lines = [
        f"  - {{customer: lechtal, site: kempten, slug: p{n}, name: Pump {n}, model: pump}}" for n in range(machines)
    ]
    return FLEET.format(notice=notice, assets="\n".join(lines))


def load(connection: Connection, machines: int, notice: str = NOTICE) -> dict[str, int]:
    """Store the fleet; ids by slug."""
    fleets.save(connection, fleet.parse(fleet_text(machines, notice), "fleet"))
    return dict(connection.execute("SELECT slug, id FROM asset ORDER BY id").fetchall())


def wear(connection: Connection, assets: dict[str, int], days: int, seed: int = 1) -> int:
    """Machines that run for `days` from START; bearings fail every six weeks or so; how many did.

    They warn three weeks ahead, and again the day before.
    """
    chance = np.random.default_rng(seed)
    failures = 0
    for asset_id in assets.values():
        state(connection, asset_id, _at(0), "up")
        hour = 0.0
        while (hour := hour + 24 * (28 + chance.weibull(2) * 14)) < (days - 3) * 24:
            first, last = hour - 24 * chance.uniform(20, 22), hour - chance.uniform(20, 30)
            interval(connection, asset_id, _at(first), _at(first + 1), "W1")
            interval(connection, asset_id, _at(last), _at(last + 1), "W2")
            interval(connection, asset_id, _at(hour), _at(hour + 8), "F1")
            failures += 1
    return failures


def derive(database_url: str, days: float) -> int:
    """Derive what there is by so many days after START, which it returns in microseconds."""
    judge(database_url, from_us(START + round(days * DAY_US)).isoformat())
    return START + round(days * DAY_US)


def asked(database_url: str, ask: Callable[[AsyncConnection], Awaitable[Found]]) -> Found:
    """What `ask` finds on an owner's connection."""

    async def work() -> Found:
        async with connect_async(database_url) as connection:
            return await ask(connection)

    return asyncio.run(work())


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return connection.execute(query.encode()).fetchall()


def _at(hours: float) -> str:
    return from_us(START + round(hours * HOUR_US)).isoformat()


def vibrate(
    connection: Connection, asset_id: int, start_day: float, end_day: float, level: Callable[[float], float]
) -> None:
    """A reading of the vibration in mm/s an hour, by the days since START; its noise is always the same."""
    hours = np.arange(round(start_day * 24), round(end_day * 24))
    noise = np.random.default_rng(7).normal(0, 0.05, 10_000)
    samples = {_at(hour): level(hour / 24) + float(noise[hour]) for hour in hours.tolist()}
    readings(connection, asset_id, "vibration_mm_s", samples)


def worsening(since_day: float, days: float) -> Callable[[float], float]:
    """2 mm/s until a day, then on its way to 4.5 within so many days."""
    return lambda day: 2.0 + 2.5 * max(0.0, (day - since_day) / days) ** 1.5


def on(day: float) -> str:
    """The time so many days after START."""
    return _at(24 * day)
