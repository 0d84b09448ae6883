"""The fleet file: who is served, which machines they have, what those measure and what their codes mean."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from shared import declared, units
from shared.declared import Declared, NonEmpty, Span
from shared.errors import Fault
from shared.model.alert import AlertKind
from shared.model.facts import OFFLINE, Category, Party
from shared.model.payload import Format

# Slugs are levels of MQTT topics; words name sensors and causes inside payloads and formulas.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=64)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$", max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# One level of a topic somebody else names: neither separator nor wildcard.
Level = Annotated[str, StringConstraints(pattern=r"^[^/+#\x00]+$", max_length=200)]
# Up to a year; a part of a second for what is stored in microseconds.
Seconds = Annotated[int, Field(gt=0, le=31_622_400)]
SplitSeconds = Annotated[float, Field(ge=0.001, le=31_622_400)]


def _ordered(bounds: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    low, high = bounds
    if low is not None and high is not None and low > high:
        raise PydanticCustomError("crossed", "low {low} is above high {high}", {"low": low, "high": high})
    return bounds


Bounds = Annotated[tuple[float | None, float | None], AfterValidator(_ordered)]


class Customer(Declared):
    """Who is promised something; sees its own machines only."""

    slug: Slug
    name: Text


class Site(Declared):
    """Where machines of one customer stand."""

    customer: Slug
    slug: Slug
    name: Text


class Sensor(Declared):
    """A series every machine of the model has. Outside `physical` a reading is refused, outside `expected` doubtful.

    Both are in `unit`, in which readings are stored. A device that reports in another one says so in `reported_unit`;
    `conversion` is the scale and offset from that one to `unit`.
    """

    name: Word
    unit: str
    reported_unit: str | None = None
    physical: Bounds = (None, None)
    expected: Bounds = (None, None)

    @field_validator("reported_unit")
    @classmethod
    def _is_convertible(cls, reported: str | None, info: ValidationInfo) -> str | None:
        unit, name = info.data.get("unit"), info.data.get("name", "")
        if reported is not None and unit is not None:
            try:
                units.conversion(reported, unit)
            except units.UnitError as error:
                raise PydanticCustomError("unit", "{name}: {error}", {"name": name, "error": str(error)}) from error
        return reported

    @property
    def conversion(self) -> tuple[float, float]:
        return (1.0, 0.0) if self.reported_unit is None else units.conversion(self.reported_unit, self.unit)


class Code(Declared):
    """What a code of the model is, and who answers for it; `note` says why it is read so."""

    category: Category
    cause: Word
    party: Party
    note: str = ""


class Rule(Declared):
    """A category named by telemetry: `low <= value < high` for each sensor in `when`; the first that holds wins."""

    when: dict[str, Bounds] = Field(min_length=1)
    category: Category
    cause: Word
    party: Party


class Detector(Declared):
    """How the machines of the model are watched; see shared.model.detector.DetectorSettings."""

    sensors: NonEmpty[str]
    bucket_s: Seconds
    open_after: PositiveInt
    close_after: PositiveInt
    false_alarm_rate: float = Field(gt=0, lt=1)


class Model(Declared):
    """A type of machine. One telemetry sample vouches for `telemetry_hold_s` seconds.

    `payload` is how its devices encode what they send, where neither topic nor MQTT says so.
    """

    slug: Slug
    name: Text
    telemetry_hold_s: SplitSeconds
    payload: Format | None = None
    sensors: tuple[Sensor, ...] = ()
    state_rules: tuple[Rule, ...] = ()
    detector: Detector | None = None
    codes: dict[str, Code] = Field(default_factory=dict)

    @field_validator("codes")
    @classmethod
    def _ours_stay_unknown_time(cls, codes: dict[str, Code]) -> dict[str, Code]:
        ours = {code: meant for code, meant in codes.items() if code.startswith("$")}
        _refuse(f"is not a code that can be read otherwise; {OFFLINE} is", set(ours) - {OFFLINE})
        _refuse("must be IU", {code for code, meant in ours.items() if meant.category is not Category.IU})
        return codes

    @field_validator("sensors")
    @classmethod
    def _are_distinct(cls, sensors: tuple[Sensor, ...]) -> tuple[Sensor, ...]:
        names = [sensor.name for sensor in sensors]
        _refuse("is declared twice", {name for name in names if names.count(name) > 1})
        return sensors

    @field_validator("state_rules")
    @classmethod
    def _rules_know_their_sensors(cls, rules: tuple[Rule, ...], info: ValidationInfo) -> tuple[Rule, ...]:
        _refuse_unknown({name for rule in rules for name in rule.when}, info)
        return rules

    @field_validator("detector")
    @classmethod
    def _detector_knows_its_sensors(cls, detector: Detector | None, info: ValidationInfo) -> Detector | None:
        _refuse_unknown(set(detector.sensors if detector else ()), info)
        return detector


def _refuse_unknown(names: set[str], info: ValidationInfo) -> None:
    if "sensors" in info.data:
        _refuse("is not a sensor of this model", names - {sensor.name for sensor in info.data["sensors"]})


def _refuse(reason: str, names: set[str]) -> None:
    if names:
        raise PydanticCustomError("names", "{names} {reason}", {"names": ", ".join(sorted(names)), "reason": reason})


class SparkplugSource(Declared):
    """What speaks for a machine in Sparkplug B: an edge node, or one device of it."""

    group: Level
    node: Level
    device: Level | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.group, self.node, self.device)))


class Asset(Declared):
    """One machine; `healthy` is when it was known to be well: what the detector learns from."""

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
