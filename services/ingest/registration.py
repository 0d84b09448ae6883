"""Third hop, when something unknown is named: which of it may become known, by the rules of the fleet. Pure."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from services.ingest.wire import Decoded
from shared.db.catalog import Catalog, KnownAsset
from shared.model.registration import Accepts, Rule, Wanted

# As the fleet file spells the slugs of assets and the names of sensors.
_SLUG: Final = re.compile(r"[a-z0-9-]{1,64}")
_SENSOR: Final = re.compile(r"[a-z0-9_-]{1,64}")
_MOST_UNIT: Final = 40


def wanted(unknown: Iterable[Decoded], catalog: Catalog) -> list[Wanted]:
    """What the rules let become known, of messages that name an asset or a sensor the catalog does not have.

    One entry an asset, in the order they were first named. A name that no fleet file could declare is left out.
    """
    asked: dict[str, tuple[Rule, dict[str, str]]] = {}
    for said in unknown:
        path = said.path or ""
        asset = catalog.assets.get(path)
        # Whoever was born in this batch goes on to telemetry in it.
        rule = asked[path][0] if path in asked else _rule(said, asset, catalog.rules)
        if rule is None:
            continue
        _, sensors = asked.setdefault(path, (rule, {}))
        if rule.learns_sensors:
            known = () if asset is None else asset.sensors
            sensors |= {name: unit for name, unit in _stated(said).items() if name not in known and name not in sensors}
    return [
        Wanted(rule=rule.id, slug=path.rpartition("/")[2], sensors=sensors)
        for path, (rule, sensors) in asked.items()
        if sensors or path not in catalog.assets
    ]


def _rule(said: Decoded, asset: KnownAsset | None, rules: Sequence[Rule]) -> Rule | None:
    """The rule that registered the asset, if it learns; for an unknown one the first that takes it."""
    if asset is not None:
        return next((rule for rule in rules if rule.id == asset.rule), None)
    place, _, slug = (said.path or "").rpartition("/")
    is_birth = said.status is not None and said.status.online
    if not _SLUG.fullmatch(slug) or not (is_birth or any(sample.values for sample in said.samples)):
        return None
    return next((rule for rule in rules if rule.place == place and _takes(rule, slug, is_birth=is_birth)), None)


def _takes(rule: Rule, slug: str, *, is_birth: bool) -> bool:
    is_enough = is_birth or rule.accepts is Accepts.TELEMETRY
    return is_enough and any(fnmatchcase(slug, pattern) for pattern in rule.slugs)


def _stated(said: Decoded) -> dict[str, str]:
    """Sensors that have a value in the message, with the unit it states, empty when it states none."""
    found: dict[str, str] = {}
    for sample in said.samples:
        stated = sample.units or {}
        for name in sample.values:
            unit = stated.get(name, "")
            if _SENSOR.fullmatch(name) and len(unit) <= _MOST_UNIT and "\0" not in unit:
                found[name] = found.get(name) or unit
    return found
