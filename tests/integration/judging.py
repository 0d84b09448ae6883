"""What the tests of the judgement share: a small fleet, facts through ingest's own door, and passes at a named time."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from services.analytics.refresh import Pass, run_once
from shared import fleet
from shared.contracts import spec
from shared.db import contracts, telemetry
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect_async
from shared.instant import to_us
from shared.model.facts import EventKind

FLEET = """
customers: [{slug: lechtal, name: Lechtal Foods GmbH}]
sites: [{customer: lechtal, slug: kempten, name: Kempten}]
models:
  - slug: compressor
    name: Screw compressor
    telemetry_hold_s: 600
    sensors: [{name: power_kw, unit: kW}]
    state_rules:
      - {when: {power_kw: [5, null]}, category: FP, cause: running, party: nobody}
      - {when: {power_kw: [null, 5]}, category: TS, cause: idle, party: nobody}
    codes:
      "up": {category: FP, cause: running, party: nobody}
      "down": {category: FO, cause: broken, party: supplier}
      "service": {category: SM, cause: service, party: supplier}
      "log_end": {category: IU, cause: log_end, party: unknown}
assets:
  - {customer: lechtal, site: kempten, slug: c1, name: Compressor 1, model: compressor, silent_after_s: 60}
  - {customer: lechtal, site: kempten, slug: c2, name: Compressor 2, model: compressor}
"""

CONTRACT = """
contract: {id: LF-1, version: 1, customer: lechtal, offering: AES, currency: EUR, tz: Europe/Berlin}
term: {start: 2026-01-01, end: 2026-12-31, period: calendar_month}
assets: [{id: kempten/c1}]
guarantees:
  - id: TBA
    kind: time_availability
    level: 0.97
    form: excluded_from_denominator
    category_model: iec61400_26_2019
    verdicts:
      available: [FP, PP, TS, OEN]
      excluded: [RS, OEL, FM, IU]
      unavailable: [SM, PCA, FO, S]
    rounding: {availability_decimals: 4, mode: half_up, money_decimals: 2}
    settlement:
      malus: {formula: "unavailable_h * rate", rate: 62.00, unit: EUR/h}
      cap: {malus_per_period: 29750}
"""


def us(text: str) -> int:
    """Microseconds of an ISO time, UTC where it names no zone."""
    at = datetime.fromisoformat(text)
    return to_us(at if at.tzinfo else at.replace(tzinfo=UTC))


def load(connection: Connection, fleet_text: str = FLEET, contract_text: str | None = CONTRACT) -> dict[str, int]:
    """Store fleet and contract; returns the assets' ids by slug."""
    fleets.save(connection, fleet.parse(fleet_text, "fleet"))
    if contract_text is not None:
        contracts.store(connection, spec.parse(contract_text, "contract"), us("2025-12-01"))
    return dict(connection.execute("SELECT slug, id FROM asset").fetchall())


def state(connection: Connection, asset_id: int, at: str, code: str, seq: int = 0) -> None:
    """A state event, as ingest stores it."""
    _event(connection, asset_id, EventKind.STATE, code, us(at), None, seq)


def interval(connection: Connection, asset_id: int, start: str, end: str | None, code: str) -> None:
    """An interval event, open without an end, as ingest stores it."""
    _event(connection, asset_id, EventKind.INTERVAL, code, us(start), None if end is None else us(end), 0)


def power(connection: Connection, asset_id: int, samples: Mapping[str, float]) -> None:
    """Readings of power_kw by their times, as ingest stores them."""
    readings(connection, asset_id, "power_kw", samples)


def readings(connection: Connection, asset_id: int, sensor: str, samples: Mapping[str, float]) -> None:
    """Readings of a sensor by their times, as ingest stores them."""
    at_us = np.array(sorted(us(at) for at in samples), np.int64)
    values = np.array([value for _, value in sorted((us(at), value) for at, value in samples.items())])
    row = connection.execute(
        "SELECT s.id, m.telemetry_hold_us FROM sensor s JOIN asset a ON a.id = s.asset_id"
        " JOIN asset_model m ON m.id = a.model_id WHERE a.id = %s AND s.name = %s",
        (asset_id, sensor),
    ).fetchone()
    assert row is not None
    count = len(at_us)
    columns = telemetry.Readings(
        series_id=np.full(count, row[0], np.int32),
        at_us=at_us,
        value=values,
        quality=np.zeros(count, np.int16),
        asset_id=np.full(count, asset_id, np.int32),
        hold_us=np.full(count, row[1], np.int64),
    )
    _store(connection, asset_id, int(at_us[-1]), columns, [])


def judge(database_url: str, now: str) -> Pass:
    """Passes at one time until nothing is left; returns the last."""

    async def work() -> Pass:
        async with connect_async(database_url) as connection:
            while (done := await run_once(connection, us(now))).is_full:
                pass
            return done

    return asyncio.run(work())


def timeline(connection: Connection, asset_id: int) -> list[tuple[str, str, str, str]]:
    """The stored timeline: start, end (to the second, UTC), category, cause."""
    rows = connection.execute(
        "SELECT to_char(start_at, 'MM-DD HH24:MI:SS'), to_char(end_at, 'MM-DD HH24:MI:SS'), category, cause"
        " FROM interval WHERE asset_id = %s ORDER BY start_at",
        (asset_id,),
    )
    return rows.fetchall()


def derived(connection: Connection) -> list[tuple[Any, ...]]:
    """Everything derived from facts: the timelines and the cube, in a fixed order, but for the ids of events."""
    intervals = connection.execute(
        "SELECT i.asset_id, i.start_at, i.end_at, i.category, i.cause, i.party, e.start_at, e.code, e.seq"
        " FROM interval i LEFT JOIN asset_event e ON e.id = i.event_id ORDER BY 1, 2"
    ).fetchall()
    return [*intervals, *cube(connection)]


def cube(connection: Connection) -> list[tuple[Any, ...]]:
    """The cube's rows."""
    return connection.execute(
        "SELECT asset_id, day, category, cause, party, duration_us FROM asset_day ORDER BY 1, 2, 3, 4, 5"
    ).fetchall()


def documents(connection: Connection) -> dict[str, dict[str, Any]]:
    """The stored assessments by the month their period starts in, in Berlin."""
    rows = connection.execute(
        "SELECT to_char(period_start AT TIME ZONE 'Europe/Berlin', 'YYYY-MM'), result FROM assessment"
    )
    return dict(rows.fetchall())


def _event(
    connection: Connection, asset_id: int, kind: EventKind, code: str, start_us: int, end_us: int | None, seq: int
) -> None:
    event = telemetry.ReportedEvent(
        customer_id=_customer(connection, asset_id),
        asset_id=asset_id,
        kind=kind,
        code=code,
        text="",
        start_us=start_us,
        end_us=end_us,
        seq=seq,
        topic="",
        payload=b"",
    )
    nothing = np.empty(0, np.int64)
    none = telemetry.Readings(
        series_id=nothing.astype(np.int32),
        at_us=nothing,
        value=nothing.astype(np.float64),
        quality=nothing.astype(np.int16),
        asset_id=nothing.astype(np.int32),
        hold_us=nothing,
    )
    _store(connection, asset_id, end_us or start_us, none, [event])


def _store(
    connection: Connection,
    asset_id: int,
    heard_us: int,
    readings: telemetry.Readings,
    events: Sequence[telemetry.ReportedEvent],
) -> None:
    heard = {asset_id: _customer(connection, asset_id)}
    facts = telemetry.Facts(received_us=heard_us, readings=readings, events=events, heard=heard)
    with telemetry.transaction(connection):
        stored = telemetry.store(connection, facts)
        one = telemetry.Heard(asset_id, heard[asset_id], heard_us, stored.newest_us.get(asset_id))
        telemetry.note_heard(connection, [one])


def _customer(connection: Connection, asset_id: int) -> int:
    row = connection.execute("SELECT customer_id FROM asset WHERE id = %s", (asset_id,)).fetchone()
    assert row is not None
    return row[0]
