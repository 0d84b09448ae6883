"""The fleet file: who is served, which machines they have, what those measure and what their codes mean."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from shared import declared
from shared.declared import Declared, NonEmpty, Span
from shared.errors import Fault
from shared.fleet_model import Code, Detector, Model, Rule, Seconds, Sensor, Slug, Text, Word
from shared.model.alert import AlertKind

__all__ = [
    "Asset", "Channel", "Code", "Customer", "Detector", "Fleet", "Model", "Registration", "Rule", "Sensor", "Site",
    "Slug", "SparkplugSource", "Text", "Word", "parse",
]  # fmt: skip

# One level of a topic somebody else names: neither separator nor wildcard.
Level = Annotated[str, StringConstraints(pattern=r"^[^/+#\x00]+$", max_length=200)]


class Customer(Declared):
    """Who is promised something; sees its own machines only."""

    slug: Slug
    name: Text


class Site(Declared):
    """Where machines of one customer stand."""

    customer: Slug
    slug: Slug
    name: Text


class SparkplugSource(Declared):
    """What speaks for a machine in Sparkplug B: an edge node, or one device of it."""

    group: Level
    node: Level
    device: Level | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.group, self.node, self.device)))


class Asset(Declared):
    """One machine; `healthy` is when it was known to be well: what the detector learns from. Without, that is found."""

    customer: Slug
    site: Slug
    slug: Slug
    name: Text
    model: Slug
    silent_after_s: Seconds | None = None
    healthy: Span | None = None
    sparkplug: SparkplugSource | None = None


class Registration(Declared):
    """Which unknown assets of a site become known by themselves, and as what; no rule, none.

    `from: birth` waits for a status that says online or a Sparkplug birth, `telemetry` takes telemetry too. `slugs` are
    patterns with * and ?. With `sensors: learn` such an asset also gets the sensors its model does not have. `most`
    bounds the assets one rule may register; 0 closes it.
    """

    name: Slug
    customer: Slug
    site: Slug
    model: Slug
    accepts: Literal["birth", "telemetry"] = Field(alias="from")
    slugs: NonEmpty[Annotated[str, StringConstraints(pattern=r"^[a-z0-9*?-]+$", max_length=64)]] = ("*",)
    sensors: Literal["declared", "learn"] = "declared"
    most: Annotated[int, Field(ge=0, le=100_000)] = 1_000
    silent_after_s: Seconds | None = None


class Channel(Declared):
    """Where alerts of some kinds go (an apprise URL); without customer: those of all customers."""

    name: Text
    url: Text
    customer: Slug | None = None
    kinds: NonEmpty[AlertKind]


class Fleet(Declared):
    """Everything a fleet file declares, free of contradictions."""

    customers: tuple[Customer, ...] = ()
    sites: tuple[Site, ...] = ()
    models: tuple[Model, ...] = ()
    assets: tuple[Asset, ...] = ()
    channels: tuple[Channel, ...] = ()
    registration: tuple[Registration, ...] = ()


# What makes an entry unique in its list, and which entries it points at: (its fields, the list, that list's fields).
_IDENTITY = {
    "customers": ("slug",), "sites": ("customer", "slug"), "models": ("slug",), "assets": ("customer", "site", "slug"),
    "channels": ("name",), "registration": ("name",),
}  # fmt: skip
_REFERENCES = {
    "sites": [(("customer",), "customers")],
    "assets": [(("customer",), "customers"), (("customer", "site"), "sites"), (("model",), "models")],
    "channels": [(("customer",), "customers")],
    "registration": [(("customer",), "customers"), (("customer", "site"), "sites"), (("model",), "models")],
}


def parse(text: str, source: str) -> Fleet:
    """The fleet in YAML `text`; raises SpecError with every fault: form, references, duplicates, ranges."""
    return declared.parse(Fleet, text, source, _contradictions)


def _contradictions(data: Any) -> Iterator[Fault]:
    if isinstance(data, dict):
        yield from _doubled(data)
        yield from _dangling(data)
        yield from _claimed_twice(data)


def _identities(data: dict[str, Any], key: str, fields: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Path and values of `fields` of each entry of a list that has them as text, whatever else is wrong with it."""
    entries = data.get(key)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        values = [entry.get(field) for field in fields] if isinstance(entry, dict) else []
        identity = tuple(value for value in values if isinstance(value, str))
        if len(identity) == len(fields):
            yield f"{key}[{index}].{fields[-1]}", identity


def _doubled(data: dict[str, Any]) -> Iterator[Fault]:
    for key, fields in _IDENTITY.items():
        seen: set[tuple[str, ...]] = set()
        for path, identity in _identities(data, key, fields):
            if identity in seen:
                yield Fault(path, f"{'/'.join(identity)!r} is declared twice")
            seen.add(identity)


def _dangling(data: dict[str, Any]) -> Iterator[Fault]:
    for key, references in _REFERENCES.items():
        for fields, target in references:
            known = {identity for _, identity in _identities(data, target, _IDENTITY[target])}
            for path, identity in _identities(data, key, fields):
                if identity not in known:
                    yield Fault(path, f"{'/'.join(identity)!r} is not among the {target}")


def _claimed_twice(data: dict[str, Any]) -> Iterator[Fault]:
    """Sparkplug sources that more than one asset names."""
    assets = data.get("assets")
    seen: set[tuple[Any, ...]] = set()
    for index, asset in enumerate(assets if isinstance(assets, list) else ()):
        source = asset.get("sparkplug") if isinstance(asset, dict) else None
        if isinstance(source, dict):
            levels = tuple(source.get(level) for level in ("group", "node", "device") if source.get(level))
            if all(isinstance(level, str) for level in levels):
                if levels in seen:
                    yield Fault(f"assets[{index}].sparkplug", f"{'/'.join(levels)!r} speaks for an asset already")
                seen.add(levels)
