"""What the tests of the API share: two customers whose every word and number can be told apart, and ways to ask."""

import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql

from services.api.app import create_app
from shared import fleet
from shared.clock import now_us
from shared.contracts import spec
from shared.db import contracts, principals
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect
from shared.settings import ApiSettings
from tests.integration import judging
from tests.waiting import wait_for

NOW: Final = "2026-03-14T12:00:00"
"""The time of all tests that do not run a process of their own."""
START: Final = "2026-02-01T00:00:00Z"
END: Final = "2026-03-14T12:00:00Z"

IDENTITIES: Final = (
    "customer", "site", "asset_model", "asset", "sensor", "contract", "principal", "channel", "asset_event",
    "quarantine", "assessment", "model", "anomaly", "alert", "alert_transition", "delivery", "reclassification",
    "reclassification_step", "finding_review", "prediction", "failure_notice", "model_version",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Estate:
    """A customer with one machine and everything there can be of it; ids begin with `first_id`."""

    slug: str
    word: str
    first_id: int
    power_kw: float
    contract: str
    level: str
    rate: str


ZEBRA: Final = Estate(
    slug="zebra", word="Zebrano", first_id=918_273_001, power_kw=237.8125, contract="ZB-1", level="0.9731", rate="83.91"
)
HERON: Final = Estate(
    slug="heron", word="Heronry", first_id=1, power_kw=151.5, contract="HR-1", level="0.9412", rate="61.25"
)

_FLEET: Final = """
customers: [{{slug: {slug}, name: {word} GmbH}}]
sites: [{{customer: {slug}, slug: {slug}-yard, name: {word} Yard}}]
models:
  - slug: {slug}-compressor
    name: {word} compressor
    telemetry_hold_s: 600
    sensors: [{{name: power_kw, unit: kW, physical: [0, 400], expected: [0, 280]}}]
    codes:
      "up": {{category: FP, cause: {slug}_running, party: nobody}}
      "down": {{category: FO, cause: {slug}_broken, party: supplier}}
assets:
  - {{customer: {slug}, site: {slug}-yard, slug: {slug}-c1, name: {word} One, model: {slug}-compressor}}
"""
_CONTRACT: Final = """
contract: {{id: {contract}, version: {version}, customer: {slug}, offering: AES, currency: EUR, tz: Europe/Berlin}}
term: {{start: {start}, end: 2026-12-31, period: calendar_month}}
assets: [{{id: {slug}-yard/{slug}-c1}}]
guarantees:
  - id: {word}
    kind: time_availability
    level: {level}
    form: excluded_from_denominator
    category_model: iec61400_26_2019
    verdicts:
      available: [FP, PP, TS, OEN]
      excluded: [RS, OEL, FM, IU]
      unavailable: [SM, PCA, FO, S]
    rounding: {{availability_decimals: 4, mode: half_up, money_decimals: 2}}
    settlement:
      malus: {{formula: "unavailable_h * rate", rate: {rate}, unit: EUR/h}}
"""


@contextmanager
def own_database(admin_url: str, template: str) -> Iterator[str]:
    """A database for all tests of a module; dropped afterwards."""
    name = f"vouch_asking_{os.getpid()}_{secrets.token_hex(4)}"
    url = urlsplit(admin_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield url
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def furnished_database(admin_url: str, template: str) -> Iterator[str]:
    """A database with both customers, for all tests of a module that only read."""
    with own_database(admin_url, template) as url:
        with connect(url) as connection:
            furnish(connection, url)
        yield url


def furnish(connection: Connection, database_url: str) -> None:
    """Both customers, judged at NOW: readings, events, timeline, assessments, alerts, anomalies, quarantine."""
    for estate in (ZEBRA, HERON):
        for table in IDENTITIES:
            connection.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", (table, estate.first_id))
        _found(connection, estate)
        judging.judge(database_url, NOW)
        _judged(connection, estate)
        _foretold(connection, estate)
        judging.judge(database_url, NOW)
        _delivered(connection, estate)


def contract_text(estate: Estate, *, version: int = 1, start: str = "2026-02-01") -> str:
    """The contract file of an estate."""
    words = {name: getattr(estate, name) for name in ("slug", "word", "contract", "level", "rate")}
    return _CONTRACT.format(**words, version=version, start=start)


def key(connection: Connection, role: str, *customers: str) -> str:
    """A key of a new principal."""
    name = "-".join(("user", role, *customers))
    return principals.create_key(connection, name=name, role=role, customers=list(customers), now_us=now_us())


@asynccontextmanager
async def asking(database_url: str, at: str = NOW) -> AsyncIterator[httpx.AsyncClient]:
    """The whole app in this process, its own parts running; it is always `at`."""
    app = create_app(ApiSettings(database_url=database_url), lambda: judging.us(at))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://vouch") as client:
            yield client


def logged(log: Path, event: str) -> dict[str, Any] | None:
    """The first entry of a process's log with this event."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")] if log.exists() else []
    return next((entry for entry in map(json.loads, lines) if entry["event"] == event), None)


def ready_url(log: Path) -> str:
    """The URL a process says it listens at."""
    entry = wait_for(lambda: logged(log, "api_ready"), 60, "api_ready")
    assert entry is not None
    return f"http://{entry['host']}:{entry['port']}"


def bearer(presented: str) -> dict[str, str]:
    """The header that presents a key."""
    return {"Authorization": f"Bearer {presented}"}


def _found(connection: Connection, estate: Estate) -> None:
    declared = _FLEET.format(slug=estate.slug, word=estate.word)
    fleets.save(connection, fleet.parse(declared, "fleet"))
    contracts.store(connection, spec.parse(contract_text(estate), estate.contract), judging.us("2026-01-01"))
    asset_id = estate.first_id
    judging.state(connection, asset_id, "2026-02-01T00:00:00+01:00", "up")
    judging.interval(connection, asset_id, "2026-03-05T00:00:00Z", "2026-03-07T06:00:00Z", "down")
    samples = {f"2026-03-14T{hour:02}:00:00Z": estate.power_kw for hour in range(12)}
    judging.power(connection, asset_id, samples)
    connection.execute(
        "UPDATE asset_event SET text = %s, topic = %s, payload = %s WHERE asset_id = %s",
        (f"{estate.word} said", f"vouch/v1/{estate.slug}/x/y/event", f"raw {estate.word}".encode(), asset_id),
    )
    connection.execute(
        "INSERT INTO quarantine (customer_id, asset_id, received_at, topic, payload, reason, detail)"
        " SELECT customer_id, id, %s, %s, %s, 'unknown_sensor', %s FROM asset WHERE id = %s",
        ("2026-03-10T00:00:00Z", estate.slug, f"raw {estate.word}".encode(), f"{estate.word} ?", asset_id),
    )
    connection.execute(
        "INSERT INTO asset_connection (asset_id, customer_id, state, received_at)"
        " SELECT id, customer_id, 'online', %s FROM asset WHERE id = %s",
        (START, asset_id),
    )
    connection.execute(
        "INSERT INTO sparkplug_source (customer_id, asset_id, group_id, node_id, device_id)"
        " SELECT customer_id, id, %s, 'node', '' FROM asset WHERE id = %s",
        (estate.word, asset_id),
    )
    connection.execute(
        "INSERT INTO quantity (customer_id, asset_id, name, start_at, end_at, value, unit, recorded_at, source)"
        " SELECT customer_id, id, 'good_units', %s, %s, 1, '1', %s, %s FROM asset WHERE id = %s",
        (START, END, END, estate.word, asset_id),
    )
    connection.execute(
        "INSERT INTO ticket (customer_id, asset_id, number, priority, received_at, recorded_at, source)"
        " SELECT customer_id, id, '1', 'P1', %s, %s, %s FROM asset WHERE id = %s",
        (START, END, estate.word, asset_id),
    )
    told = (END, f"{estate.word} reason", asset_id)
    connection.execute(
        "INSERT INTO reading_superseded (customer_id, asset_id, series_id, at, old_value, new_value, superseded_at,"
        " reason, source, source_sha256) SELECT customer_id, id, id, %s, %s, 0, %s, %s, 'a.csv', '' FROM asset"
        " WHERE id = %s",
        (START, estate.power_kw, *told),
    )
    connection.execute(
        "INSERT INTO event_superseded (customer_id, asset_id, event_id, old_end, new_end, superseded_at,"
        " reason, source, source_sha256) SELECT customer_id, id, id, %s, %s, %s, %s, 'a.csv', '' FROM asset"
        " WHERE id = %s",
        (START, END, *told),
    )
    connection.execute(
        "WITH proposed AS (INSERT INTO reclassification (customer_id, asset_id, event_id, start_at, end_at, category,"
        " cause, party, evidence, urls) SELECT customer_id, id, id, %s, %s, 'OEL', 'grid', 'nobody', %s, '{}'"
        " FROM asset WHERE id = %s RETURNING id, customer_id, start_at, evidence)"
        " INSERT INTO reclassification_step (customer_id, reclassification_id, status, at, by, side, why)"
        " SELECT customer_id, id, 'proposed', start_at, %s, 'supplier', evidence FROM proposed",
        ("2026-03-06T00:00:00Z", "2026-03-07T00:00:00Z", f"{estate.word} says", asset_id, estate.word),
    )
    connection.execute(
        "INSERT INTO channel (name, customer_id, url, kinds) VALUES (%s, %s, 'json://127.0.0.1:9/secret', '{}')",
        (f"{estate.slug}-team", estate.first_id),
    )


def _judged(connection: Connection, estate: Estate) -> None:
    asset_id = estate.first_id
    found = connection.execute(
        "INSERT INTO model (customer_id, asset_id, detector, trained_from, trained_to, trained_at, parameters, sha256)"
        " SELECT customer_id, id, %s, %s, %s, %s, '{}', %s FROM asset WHERE id = %s RETURNING id",
        (f"{estate.slug}@1", START, END, END, estate.slug, asset_id),
    ).fetchone()
    assert found is not None
    contribution = '[{"sensor": "power_kw", "share": 1.0, "observed": %s, "expected": 0.5, "direction": "high"}]'
    connection.execute(
        "INSERT INTO anomaly (customer_id, asset_id, model_id, start_at, peak_score, contributions, detector)"
        " SELECT customer_id, id, %s, %s, %s, %s, %s FROM asset WHERE id = %s",
        (found[0], "2026-03-09T00:00:00Z", estate.power_kw, contribution % estate.power_kw, estate.slug, asset_id),
    )
    connection.execute(
        "INSERT INTO finding_review (customer_id, asset_id, start_at, end_at, signature, peak_score, detector, verdict,"
        " note, reviewed_by, reviewed_at) SELECT customer_id, id, %s, %s, '{}', 2, 'pca', 'confirmed', %s, %s, %s"
        " FROM asset WHERE id = %s",
        (START, END, estate.word, estate.word, END, asset_id),
    )
    connection.execute(
        "INSERT INTO watch_reset (customer_id, asset_id, at, cause)"
        " SELECT customer_id, id, %s, %s FROM asset WHERE id = %s",
        (START, estate.slug, asset_id),
    )
    connection.execute(
        "INSERT INTO watch_state (customer_id, asset_id, checked_at)"
        " SELECT customer_id, id, %s FROM asset WHERE id = %s",
        (START, asset_id),
    )


def _foretold(connection: Connection, estate: Estate) -> None:
    asset_id = estate.first_id
    connection.execute(
        """UPDATE asset_model SET prognosis = '{"every_us": 21600000000, "notice": null, "components":
           [{"name": "bearing", "causes": ["bearing_failure"], "limits": {}}]}' WHERE id = %s""",
        (asset_id,),
    )
    connection.execute(
        "INSERT INTO prediction (customer_id, asset_id, component, at, made_at, method, p10_h, p50_h, p90_h, p_24h,"
        " p_7d, p_30d, health, latest_at, reason, evidence)"
        " SELECT customer_id, id, 'bearing', %s, %s, 'weibull', 90, 200, 400,"
        " 0.01, 0.1, 0.9, 0.4, %s, %s, '{}' FROM asset WHERE id = %s",
        ("2026-03-14T06:00:00Z", "2026-03-14T06:00:10Z", "2026-03-17T00:00:00Z", estate.word, asset_id),
    )
    connection.execute(
        "INSERT INTO failure_notice (customer_id, asset_id, component, given_at, said_at, prediction_id, window_end,"
        " state, reason) SELECT customer_id, asset_id, component, at, made_at, id, %s, 'open', reason FROM prediction"
        " WHERE asset_id = %s",
        ("2026-04-14T06:00:00Z", asset_id),
    )
    connection.execute(
        "INSERT INTO model_version (asset_model_id, purpose, version, state, method, trained_from, trained_to,"
        " trained_at, data_sha256, rows, features, metrics, calibration, seed, artefact, artefact_sha256, reason)"
        " VALUES (%s, 'failure_risk', 1, 'challenger', 'events', %s, %s, %s, '', 1, '[]', '{}', '{}', 1, '', '', %s)",
        (asset_id, START, END, END, estate.word),
    )
    connection.execute(
        "INSERT INTO model_training (asset_model_id, purpose, tried_at, failures, failed, outcome)"
        " VALUES (%s, 'failure_risk', %s, 1, 0, 'trained')",
        (asset_id, END),
    )


def _delivered(connection: Connection, estate: Estate) -> None:
    connection.execute(
        "INSERT INTO delivery (customer_id, transition_id, channel_id, next_attempt_at, last_error)"
        " SELECT t.customer_id, t.id, h.id, t.at, %s FROM alert_transition t JOIN channel h USING (customer_id)"
        " WHERE t.customer_id = %s",
        (f"{estate.word} refused", estate.first_id),
    )
