"""A watched machine for tests: told its readings and its timeline directly, in a story that is always the same."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.analytics.watch import watch as watch_all
from shared.db.dirty import Window
from shared.db.pool import AsyncConnection, Connection
from shared.instant import DAY_US, HOUR_US, from_us

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
    "false_alarms_per_month": 1.0,
    "drivers": [],
    "resets": ["sensor_replaced"],
}


async def watch(connection: AsyncConnection, asset_id: int, start_us: int, end_us: int, now_us: int) -> None:
    """As a pass watches one machine after a change; nothing may fail."""
    assert not await watch_all(connection, [(asset_id, [Window(start_us=start_us, end_us=end_us)])], now_us)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """One asset in a database, told its readings and its timeline directly."""

    connection: Connection
    asset_id: int
    series: dict[str, int]

    def tell(self, at_us: np.ndarray, values: np.ndarray, *sensors: str) -> None:
        """Insert readings: `values` (n, sensors) at `at_us` (n,), NaN = none."""
        rows = [
            (self.series[sensor], from_us(int(at)), float(value))
            for at, row in zip(at_us, values, strict=True)
            for sensor, value in zip(sensors or SENSORS, row, strict=True)
            if np.isfinite(value)
        ]
        with self.connection.cursor().copy("COPY reading (series_id, at, value) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def ran(self, *stretches: tuple[int, int, str] | tuple[int, int, str, str]) -> None:
        """Make these the whole timeline: from, to, category, and a cause if it matters."""
        self.connection.execute("DELETE FROM interval WHERE asset_id = %s", (self.asset_id,))
        for start_us, end_us, category, *cause in stretches:
            self.connection.execute(
                """INSERT INTO interval (customer_id, asset_id, start_at, end_at, category, cause, party)
                   SELECT customer_id, id, %s, %s, %s, %s, 'nobody' FROM asset WHERE id = %s""",
                (from_us(start_us), from_us(end_us), category, *(cause or ["x"]), self.asset_id),
            )

    def sensor(self, name: str) -> None:
        """Have one more."""
        inserted = self.connection.execute(
            "INSERT INTO sensor (customer_id, asset_id, name, unit) SELECT customer_id, id, %s, '1' FROM asset"
            " WHERE id = %s RETURNING name, id",
            (name, self.asset_id),
        ).fetchall()
        self.series.update(dict(inserted))

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


def furnish(connection: Connection) -> Machine:
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


def another(connection: Connection, slug: str) -> Machine:
    """One more machine of the same model."""
    row = connection.execute(
        "INSERT INTO asset (customer_id, site_id, model_id, slug, name, healthy_from, healthy_to)"
        " SELECT customer_id, site_id, model_id, %s, %s, healthy_from, healthy_to FROM asset ORDER BY id LIMIT 1"
        " RETURNING id",
        (slug, slug),
    ).fetchone()
    assert row is not None
    machine = Machine(connection=connection, asset_id=row[0], series={})
    for name in SENSORS:
        machine.sensor(name)
    return machine


# From when to when which sensor reads by how much too high.
HOT = (*FAULT, 1, 12.0)


def story(
    start_us: int = START_US,
    end_us: int = END_US,
    faults: Iterable[tuple[int, int, int, float]] = (HOT,),
    step_us: int = STEP_US,
) -> tuple[np.ndarray, np.ndarray]:
    """Five days of a machine, told as far as asked: its oil runs 12 degrees hot during the fault. Always the same."""
    at = np.arange(START_US, END_US, step_us)
    chance = np.random.default_rng(11)
    load = np.sin(2 * np.pi * (at % DAY_US) / DAY_US) + 0.3 * chance.normal(size=len(at))
    mixing = np.array([[50.0, 8.0, -0.3]])
    values = load[:, None] @ mixing + chance.normal(size=(len(at), 3)) * [3.0, 0.5, 0.03] + [200.0, 70.0, 7.5]
    for begin_us, over_us, sensor, by in faults:
        values[(at >= begin_us) & (at < over_us), sensor] += by
    told = (at >= start_us) & (at < end_us)
    return at[told], values[told]
