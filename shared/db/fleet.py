"""Stores a declared fleet: customers, sites, models with their codes, assets with their sensors, alert channels."""

from collections.abc import Iterator
from typing import Any

from psycopg.types.json import Jsonb

from shared.db import notify, registration, sparkplug
from shared.db.named import load
from shared.db.pool import Connection
from shared.fleet import Asset, Channel, Fleet, Model, Registration, Rule

_SQL = load("fleet")
_Row = dict[str, Any]


def save(connection: Connection, fleet: Fleet) -> None:
    """Insert or update everything `fleet` declares, in one transaction; what it leaves out stays as it is.

    Machines are not registered meanwhile: whoever reads the catalog finds ids in the order they were committed.

    Assets whose facts now read differently (codes, rules, model, detector) are marked dirty over all their known
    time, so that what was derived from those facts follows.
    """
    with connection.transaction():
        registration.lock(connection)
        before = _interpretations(connection)
        for query, rows in _statements(fleet):
            with connection.cursor() as cursor:
                cursor.executemany(_SQL[query], rows)
        sparkplug.save_sources(connection, fleet.assets)
        after = _interpretations(connection)
        changed = [asset for asset, reading in before.items() if after[asset] != reading]
        if changed:
            connection.execute(_SQL["mark_known_time"], {"assets": changed})
            connection.execute(notify.WAKE, (notify.DIRTY,))


def _interpretations(connection: Connection) -> dict[int, str]:
    return dict(connection.execute(_SQL["interpretations"]).fetchall())


def _statements(fleet: Fleet) -> Iterator[tuple[str, list[_Row]]]:
    """Queries with their rows in the order their references ask for."""
    yield "save_customer", [c.model_dump() for c in fleet.customers]
    yield "save_site", [s.model_dump() for s in fleet.sites]
    yield "save_model", [_model(m) for m in fleet.models]
    yield "save_code", [row for m in fleet.models for row in _codes(m)]
    yield "save_asset", [_asset(a) for a in fleet.assets]
    sensors = [row for m in fleet.models for row in _sensors(m)]
    yield "save_model_sensor", sensors
    yield "save_sensor", sensors
    yield "save_silence", [{"customer": a.customer, "site": a.site, "slug": a.slug} for a in fleet.assets]
    yield "save_registration_rule", [_registration(r) for r in fleet.registration]
    yield "save_channel", [_channel(c) for c in fleet.channels]


def _model(model: Model) -> _Row:
    watched = model.detector
    return {
        "slug": model.slug,
        "name": model.name,
        "telemetry_hold_us": round(model.telemetry_hold_s * 1e6),
        "payload_format": model.payload,
        "state_rules": Jsonb([_rule(rule) for rule in model.state_rules]),
        "detector": watched
        and Jsonb(watched.model_dump(exclude={"bucket_s"}) | {"bucket_us": watched.bucket_s * 1_000_000}),
    }


def _rule(rule: Rule) -> _Row:
    when = [{"sensor": name, "low": low, "high": high} for name, (low, high) in rule.when.items()]
    return {"when": when, "category": rule.category, "cause": rule.cause, "party": rule.party}


def _codes(model: Model) -> list[_Row]:
    return [code.model_dump() | {"code": key, "model": model.slug} for key, code in model.codes.items()]


def _sensors(model: Model) -> Iterator[_Row]:
    for sensor in model.sensors:
        yield {
            "model": model.slug,
            "name": sensor.name,
            "unit": sensor.unit,
            "reported_unit": sensor.reported_unit,
            "reported_scale": sensor.conversion[0],
            "reported_offset": sensor.conversion[1],
            "physical_low": sensor.physical[0],
            "physical_high": sensor.physical[1],
            "expected_low": sensor.expected[0],
            "expected_high": sensor.expected[1],
        }


def _asset(asset: Asset) -> _Row:
    return asset.model_dump(exclude={"healthy", "sparkplug"}) | {
        "healthy_from": asset.healthy and asset.healthy.start,
        "healthy_to": asset.healthy and asset.healthy.end,
    }


def _registration(rule: Registration) -> _Row:
    return rule.model_dump(exclude={"sensors", "slugs"}) | {
        "slugs": list(rule.slugs),
        "learns_sensors": rule.sensors == "learn",
    }


def _channel(channel: Channel) -> _Row:
    return channel.model_dump() | {"kinds": [kind.value for kind in channel.kinds]}
