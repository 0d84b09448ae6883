"""Two pumps of which there is everything to see: findings with their scores, reviews, predictions, notices, models."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from shared import fleet
from shared.db import fleet as fleets
from shared.db.pool import Connection

NOW: Final = datetime(2026, 3, 14, 12, tzinfo=UTC)
"""As `tests.integration.asking.NOW`."""
STEP: Final = timedelta(minutes=10)
FIRST_SCORE: Final = datetime(2026, 3, 4, tzinfo=UTC)
FAULT: Final = datetime(2026, 3, 13, tzinfo=UTC)
SENSORS: Final = {"vibration_mm_s": 1.8, "bearing_temp_c": 54.0, "flow_m3_h": 210.0, "power_kw": 75.0}
DRIFT: Final = {"typical_score": 0.93, "unseen_share": 0.0, "missing": [], "carried_by": ["flow_m3_h"]}
# Of the sensors in a fault, how much each carries and in which direction.
WORN: Final = {"vibration_mm_s": 0.61, "bearing_temp_c": 0.27, "flow_m3_h": -0.12}
FLEET: Final = """
customers: [{slug: lechtal, name: Lechtal Waterworks}, {slug: other, name: Other GmbH}]
sites: [{customer: lechtal, slug: north, name: North works}]
models:
  - slug: pump
    name: Booster pump
    telemetry_hold_s: 1200
    sensors:
      - {name: vibration_mm_s, unit: mm/s}
      - {name: bearing_temp_c, unit: °C}
      - {name: flow_m3_h, unit: m³/h}
      - {name: power_kw, unit: kW}
    detector: {sensors: [vibration_mm_s, bearing_temp_c, flow_m3_h], drivers: [power_kw], bucket_s: 600, open_after: 3,
               close_after: 6, false_alarms_per_month: 0.5}
    prognosis:
      every_s: 21600
      components:
        - {name: bearing, causes: [bearing_failure], limits: {vibration_mm_s: 4.5}}
        - {name: seal, causes: [seal_failure]}
    codes:
      "up": {category: FP, cause: running, party: nobody}
      "bearing": {category: FO, cause: bearing_failure, party: supplier}
      "seal": {category: FO, cause: seal_failure, party: supplier}
assets:
  - {customer: lechtal, site: north, slug: p1, name: Pump 1, model: pump}
  - {customer: lechtal, site: north, slug: p2, name: Pump 2, model: pump}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreseen:
    """Ids: of the pumps; of the findings, where `going_on` repeats in kind what `worn` was and `odd` is another."""

    p1: int
    p2: int
    going_on: int
    worn: int
    odd: int
    model: int


def furnish(connection: Connection) -> Foreseen:
    """Store all of it."""
    fleets.save(connection, fleet.parse(FLEET, "fleet"))
    ids = dict(connection.execute("SELECT slug, id FROM asset").fetchall())
    p1, p2 = ids["p1"], ids["p2"]
    models = {asset: _model(connection, asset) for asset in (p1, p2)}
    worn = _finding(connection, p2, models[p2], datetime(2026, 2, 20, 6, tzinfo=UTC), 14, 5.5, WORN)
    odd = _finding(connection, p1, models[p1], datetime(2026, 3, 6, 2, tzinfo=UTC), 5, 1.6, {"flow_m3_h": 1.0})
    going_on = _finding(connection, p1, models[p1], FAULT, None, 14.0, WORN)
    _readings(connection, p1)
    _scores(connection, p1, models[p1])
    _timeline(connection, p1)
    _watch(connection, p1)
    model = _registry(connection)
    _predictions(connection, p1, model)
    _notices(connection, p1)
    return Foreseen(p1=p1, p2=p2, going_on=going_on, worn=worn, odd=odd, model=model)


def level(sensor: str, at: datetime) -> float:
    """What a healthy pump shows."""
    hour = (at - FIRST_SCORE) / timedelta(hours=1)
    return SENSORS[sensor] * (1 + 0.04 * math.sin(hour / 24 * 2 * math.pi))


def worn_by(at: datetime) -> float:
    """How far the fault has developed: 0 before it began, then growing by the day."""
    return max(0.0, (at - FAULT) / timedelta(days=1))


def _instants() -> list[datetime]:
    return [FIRST_SCORE + step * STEP for step in range(int((NOW - FIRST_SCORE) / STEP))]


def _model(connection: Connection, asset_id: int) -> int:
    return _id(
        connection,
        "INSERT INTO model (customer_id, asset_id, detector, trained_from, trained_to, trained_at, parameters, sha256)"
        " SELECT customer_id, id, 'ensemble@1', %s, %s, %s, '{}', %s FROM asset WHERE id = %s RETURNING id",
        ("2026-01-25", "2026-02-08", "2026-02-08", f"{asset_id:064x}", asset_id),
    )


def _finding(
    connection: Connection,
    asset_id: int,
    model_id: int,
    start: datetime,
    hours: int | None,
    peak: float,
    signature: dict[str, float],
) -> int:
    contributions = [
        {
            "sensor": sensor,
            "share": abs(share),
            "observed": SENSORS[sensor] * (1 + share),
            "expected": SENSORS[sensor],
            "direction": "high" if share > 0 else "low",
        }
        for sensor, share in signature.items()
    ]
    return _id(
        connection,
        "INSERT INTO anomaly (customer_id, asset_id, model_id, start_at, end_at, peak_score, contributions, severity,"
        " detector, signature) SELECT customer_id, id, %s, %s, %s, %s, %s, %s, %s, %s FROM asset WHERE id = %s"
        " RETURNING id",
        (
            model_id,
            start,
            None if hours is None else start + timedelta(hours=hours),
            peak,
            json.dumps(contributions),
            "critical" if peak > 10 else "warning" if peak > 2 else "watch",
            "residual" if len(signature) > 1 else "change_point",
            json.dumps(signature),
            asset_id,
        ),
    )


def _readings(connection: Connection, asset_id: int) -> None:
    series = dict(connection.execute("SELECT name, id FROM sensor WHERE asset_id = %s", (asset_id,)).fetchall())
    noise = np.random.default_rng(5)
    for sensor, series_id in series.items():
        rows = [
            (
                series_id,
                at,
                level(sensor, at) * (1 + WORN.get(sensor, 0.0) * worn_by(at) + 0.01 * noise.standard_normal()),
            )
            for at in _instants()
        ]
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO reading (series_id, at, value) VALUES (%s, %s, %s)", rows)


def _scores(connection: Connection, asset_id: int, model_id: int) -> None:
    noise = np.random.default_rng(6)
    rows: list[tuple[Any, ...]] = []
    for at in _instants():
        score = 0.35 + 0.25 * float(noise.random()) + 9.0 * worn_by(at)
        explained = [
            {
                "sensor": sensor,
                "share": abs(share),
                "observed": level(sensor, at) * (1 + share * worn_by(at)),
                "expected": level(sensor, at),
                "direction": "high" if share > 0 else "low",
            }
            for sensor, share in WORN.items()
        ]
        rows.append((at, model_id, score, json.dumps(explained if score >= 0.5 else []), asset_id))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO anomaly_score (asset_id, at, customer_id, model_id, score, contributions)"
            " SELECT id, %s, customer_id, %s, %s, %s FROM asset WHERE id = %s",
            rows,
        )


def _timeline(connection: Connection, asset_id: int) -> None:
    """It ran but for a bearing that failed as announced, and a seal that failed unannounced."""
    stretches = (
        ("2025-11-01", "2026-01-20T07:00Z", "FP", "running", "nobody"),
        ("2026-01-20T07:00Z", "2026-01-21T15:00Z", "FO", "bearing_failure", "supplier"),
        ("2026-01-21T15:00Z", "2026-02-11T03:00Z", "FP", "running", "nobody"),
        ("2026-02-11T03:00Z", "2026-02-11T09:00Z", "FO", "seal_failure", "supplier"),
        ("2026-02-11T09:00Z", NOW, "FP", "running", "nobody"),
    )
    for start, end, category, cause, party in stretches:
        connection.execute(
            "INSERT INTO interval (customer_id, asset_id, start_at, end_at, category, cause, party)"
            " SELECT customer_id, id, %s, %s, %s, %s, %s FROM asset WHERE id = %s",
            (start, end, category, cause, party, asset_id),
        )
    connection.execute(
        "INSERT INTO asset_status (asset_id, customer_id, last_heard_at, last_fact_at) SELECT id, customer_id, %s, %s"
        " FROM asset WHERE id = %s",
        (NOW, NOW, asset_id),
    )


def _watch(connection: Connection, asset_id: int) -> None:
    connection.execute(
        "INSERT INTO watch_state (asset_id, customer_id, healthy_from, healthy_to, origin, reset_at, reset_by, drift,"
        " checked_at) SELECT id, customer_id, %s, %s, 'found', %s, 'bearing_failure', %s, %s FROM asset WHERE id = %s",
        ("2026-01-25", "2026-02-08", "2026-01-21T15:00Z", json.dumps(DRIFT),
         NOW, asset_id),
    )  # fmt: skip


def _registry(connection: Connection) -> int:
    for version, state in ((1, "retired"), (2, "champion"), (3, "challenger")):
        connection.execute(
            "INSERT INTO model_version (asset_model_id, purpose, version, state, method, trained_from, trained_to,"
            " trained_at, data_sha256, rows, features, metrics, calibration, seed, artefact, artefact_sha256,"
            " promoted_by, promoted_at, reason)"
            " SELECT id, 'remaining_life', %s, %s, 'run_to_failure', '2024-01-01', '2025-12-01',"
            " '2025-12-01', 'd0', 4711, '[\"vibration_mm_s_mean\"]', %s, '{\"margin\": 0.12}', 1, 'artefact', 'a0', %s,"
            " %s, 'better on data held back' FROM asset_model WHERE slug = 'pump'",
            (version, state, json.dumps({"rmse_h": 40.0 - version}), *(("anna", NOW) if version < 3 else (None, None))),
        )
    return _id(connection, "SELECT id FROM model_version WHERE state = 'champion'", ())


def _predictions(connection: Connection, asset_id: int, model: int) -> None:
    """Of the bearing a life that runs out, since it was replaced; of the seal what its age says."""
    first = datetime(2026, 1, 22, tzinfo=UTC)
    rows: list[tuple[Any, ...]] = []
    for step in range(int((NOW - first) / timedelta(hours=6)) + 1):
        at = first + step * timedelta(hours=6)
        left_h = 1_500 - 6.0 * step + 30 * math.sin(step / 9)
        rows.append(
            ("bearing", at, at + timedelta(seconds=9), "run_to_failure", model, "remaining_life@2 run_to_failure",
             0.75 * left_h, left_h, 1.3 * left_h, 0.001, 0.02, min(0.9, 200 / left_h), left_h / 1_560,
             at + timedelta(hours=0.7 * left_h), "1,204 run-to-failure hours of 9 pumps", asset_id)
        )  # fmt: skip
        rows.append(
            ("seal", at, at + timedelta(seconds=9), "weibull", None, None, 900.0, 4_200.0, 9_000.0, 0.002, 0.015, 0.06,
             None, None, "lifetimes of 14 seals, 5 of them failed", asset_id)
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO prediction (customer_id, asset_id, component, at, made_at, method, model_version_id,"
            " model_name, p10_h, p50_h, p90_h, p_24h, p_7d, p_30d, health, latest_at, reason, evidence)"
            " SELECT customer_id, id, %s,"
            ' %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, \'{"histories": 9, "windows": 1204}\''
            " FROM asset WHERE id = %s",
            rows,
        )


def _notices(connection: Connection, asset_id: int) -> None:
    """One that came true (its prediction is of the time before the others), one that is open."""
    early = datetime(2026, 1, 2, 6, tzinfo=UTC)
    connection.execute(
        "INSERT INTO prediction (customer_id, asset_id, component, at, made_at, method, p10_h, p50_h, p90_h, p_30d,"
        " health, latest_at, reason, evidence)"
        " SELECT customer_id, id, 'bearing', %s, %s, 'health_trend', 300, 430, 600, 0.7, 0.3,"
        " %s, 'vibration rises', '{}' FROM asset WHERE id = %s",
        (early, early, early + timedelta(hours=280), asset_id),
    )
    told: tuple[tuple[Any, ...], ...] = (
        (early, "confirmed", "2026-01-20T07:00Z", "2026-01-20T07:00Z"),
        (datetime(2026, 3, 10, tzinfo=UTC), "open", None, None),
    )
    for given_at, state, decided_at, failed_at in told:
        connection.execute(
            "INSERT INTO failure_notice (customer_id, asset_id, component, given_at, said_at, prediction_id,"
            " expected_at, latest_at, window_end, state, decided_at, failed_at, reason)"
            " SELECT customer_id, asset_id, component, at, made_at, id,"
            " at + p50_h * interval '1 hour', latest_at, at + interval '30 days', %s, %s, %s, 'the risk reached 0.5'"
            " FROM prediction WHERE asset_id = %s AND component = 'bearing' AND at = %s",
            (state, decided_at, failed_at, asset_id, given_at),
        )


def _id(connection: Connection, query: Any, parameters: tuple[Any, ...]) -> int:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]
