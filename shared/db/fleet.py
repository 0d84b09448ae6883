"""Stores a declared fleet: customers, sites, models with their codes, assets with their sensors, alert channels."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from shared import fleet_model, units
from shared.db import notify, registration, sparkplug
from shared.db.named import load
from shared.db.pool import Connection
from shared.errors import Fault, SpecError
from shared.fleet import Asset, Channel, Code, Fleet, Model, Registration, Rule
from shared.fleet_model import Meant
from shared.instant import DAY_US, SECOND_US
from shared.model import packml
from shared.model.facts import USUAL_TRUST, Meaning
from shared.model.foretelling import Component, NoticeRule, Prognosis, as_json

_SQL = load("fleet")
_Row = dict[str, Any]
_Place = tuple[str, str]
_Statement = tuple[str, list[_Row]]
# From when a meaning holds (None: from the beginning), the meaning, and why it is read so.
_Version = tuple[datetime | None, Meant | Meaning, str]


def save(connection: Connection, fleet: Fleet, source: str = "fleet") -> None:
    """Insert or update everything `fleet` declares, in one transaction; what it leaves out stays as it is.

    Raises SpecError, in which `source` names the fleet, for a sensor that gets another unit while it has readings.

    Machines are not registered meanwhile: whoever reads the catalog finds ids in the order they were committed.

    Assets whose facts now read differently (codes, rules, model, detector) are marked dirty over all their known
    time, so that what was derived from those facts follows.
    """
    with connection.transaction():
        registration.lock(connection)
        before, known = _interpretations(connection), _declared_sensors(connection, fleet)
        _execute(connection, _registry(fleet))
        _refuse_relabelled(connection, fleet, known, source)
        _execute(connection, _machines(fleet))
        sparkplug.save_sources(connection, fleet.assets)
        connection.execute(_SQL["note_version"])
        after = _interpretations(connection)
        changed = [asset for asset, reading in before.items() if after[asset] != reading]
        if changed:
            connection.execute(_SQL["mark_known_time"], {"assets": changed})
            connection.execute(notify.WAKE, (notify.DIRTY,))


def _execute(connection: Connection, statements: Iterable[_Statement]) -> None:
    for query, rows in statements:
        with connection.cursor() as cursor:
            cursor.executemany(_SQL[query], rows)


def _declared_sensors(connection: Connection, fleet: Fleet) -> set[_Place]:
    found = connection.execute(_SQL["declared_sensors"], {"models": [model.slug for model in fleet.models]})
    return set(found.fetchall())


def _refuse_relabelled(connection: Connection, fleet: Fleet, known: set[_Place], source: str) -> None:
    """Raises SpecError for sensors that were of another unit when their readings were stored; `known` were declared."""
    places = {
        (model.slug, sensor.name): (f"models[{at}].sensors[{number}].unit", sensor)
        for at, model in enumerate(fleet.models)
        for number, sensor in enumerate(model.sensors)
    }
    changed = connection.execute(_SQL["sensors_of_another_unit"], {"models": [model.slug for model in fleet.models]})
    faults: dict[_Place, Fault] = {}
    for model, name, stored, series_id, asset in changed.fetchall():
        path, sensor = places.get((model, name), (None, None))
        if path is None or sensor is None or (model, name) in faults:
            continue
        # A sensor learned from a device that names no unit is given its name; another spelling is the same unit.
        is_named = stored == "" and (model, name) not in known and sensor.conversion == (1.0, 0.0)
        if not is_named and not units.is_same(stored, sensor.unit) and _has_readings(connection, series_id):
            reason = f"stored readings of {name!r} ({asset}) are in {stored or 'no unit'}: declare a new sensor"
            faults[model, name] = Fault(path, reason)
    if faults:
        raise SpecError(source, list(faults.values()))


def _has_readings(connection: Connection, series_id: int) -> bool:
    [(has_readings,)] = connection.execute(_SQL["has_readings"], {"series_id": series_id}).fetchall()
    return has_readings


def _interpretations(connection: Connection) -> dict[int, str]:
    return dict(connection.execute(_SQL["interpretations"]).fetchall())


def _registry(fleet: Fleet) -> Iterator[_Statement]:
    """Queries with their rows in the order their references ask for, up to what the models declare."""
    yield "save_customer", [c.model_dump() for c in fleet.customers]
    yield "save_site", [s.model_dump() for s in fleet.sites]
    yield "save_model", [_model(m) for m in fleet.models]
    codes = [row for m in fleet.models for row in _codes(m)]
    yield "supersede_code", codes
    yield "save_code", codes
    yield "save_asset", [_asset(a) for a in fleet.assets]
    yield "save_model_sensor", [row for m in fleet.models for row in _sensors(m)]


def _machines(fleet: Fleet) -> Iterator[_Statement]:
    """What follows from it for the machines of those models."""
    yield "save_sensor", [row for m in fleet.models for row in _sensors(m)]
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
        "state_rules": Jsonb(_state_rules(model)),
        "trust": None if model.trust == USUAL_TRUST else Jsonb([[*rank] for rank in model.trust]),
        "min_event_us": round(model.min_event_s * 1e6),
        "packml": model.packml is not None,
        "prognosis": model.prognosis and Jsonb(as_json(_prognosis(model.prognosis))),
        "detector": watched
        and Jsonb(watched.model_dump(exclude={"bucket_s"}) | {"bucket_us": watched.bucket_s * 1_000_000}),
    }


def _prognosis(declared: fleet_model.Prognosis) -> Prognosis:
    rule = declared.notice
    return Prognosis(
        every_us=declared.every_s * SECOND_US,
        components=tuple(
            Component(name=each.name, causes=frozenset(each.causes), limits=each.limits) for each in declared.components
        ),
        notice=rule and NoticeRule(risk=rule.risk, within_us=rule.within_days * DAY_US, false_quota=rule.false_quota),
    )


def _state_rules(model: Model) -> list[_Row]:
    """The rules of the model; before them, what a PackML state says that arrives as a number."""
    if model.packml is None or model.packml.sensor is None:
        return [_rule(rule) for rule in model.state_rules]
    sensor = model.packml.sensor
    told = [
        {
            "when": [{"sensor": sensor, "low": state.number, "high": state.number + 1}],
            **_meant(_own(model, state) or state.meaning),
        }
        for state in packml.STATES
    ]
    return [*told, *(_rule(rule) for rule in model.state_rules)]


def _rule(rule: Rule) -> _Row:
    when = [{"sensor": name, "low": low, "high": high} for name, (low, high) in rule.when.items()]
    return {"when": when, **_meant(rule)}


def _meant(meant: Meant | Rule | Meaning) -> _Row:
    return {"category": meant.category, "cause": meant.cause, "party": meant.party}


def _codes(model: Model) -> Iterator[_Row]:
    """What the file says of each code, and what PackML says of the states that the file does not name."""
    for key, code in model.codes.items():
        yield _code(model, key, _versions(code))
    for key, state in packml.BY_CODE.items() if model.packml else ():
        if key not in model.codes:
            own = _own(model, state)
            yield _code(model, key, _versions(own) if own else [(None, state.meaning, state.note)])


def _own(model: Model, state: packml.State) -> Code | None:
    """What the model says of a PackML state, by its name or by its number."""
    return model.codes.get(state.name) or model.codes.get(str(state.number))


def _versions(code: Code) -> list[_Version]:
    return [(start, meant, meant.note) for start, meant in code.versions]


def _code(model: Model, code: str, versions: Sequence[_Version]) -> _Row:
    return {
        "model": model.slug,
        "code": code,
        "valid_from": [start for start, _, _ in versions],
        "category": [meant.category.value for _, meant, _ in versions],
        "cause": [meant.cause for _, meant, _ in versions],
        "party": [meant.party.value for _, meant, _ in versions],
        "note": [note for _, _, note in versions],
    }


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
            "quantity": sensor.quantity and sensor.quantity.name,
            "quantity_as": sensor.quantity and sensor.quantity.kind.value,
            "quantity_unit": sensor.quantity and sensor.quantity.unit,
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
