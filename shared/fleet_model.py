"""The models of the fleet file: what machines of a type measure, and how what they say is read."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from shared import units
from shared.declared import Declared, NonEmpty
from shared.model.facts import OFFLINE, USUAL_TRUST, Category, Party, Source
from shared.model.payload import Format
from shared.model.quantity import SumKind

# Slugs are levels of MQTT topics; words name sensors and causes inside payloads and formulas.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=64)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$", max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# Up to a year; a part of a second for what is stored in microseconds.
Seconds = Annotated[int, Field(gt=0, le=31_622_400)]
SplitSeconds = Annotated[float, Field(ge=0.001, le=31_622_400)]


def _ordered(bounds: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    low, high = bounds
    if low is not None and high is not None and low > high:
        raise PydanticCustomError("crossed", "low {low} is above high {high}", {"low": low, "high": high})
    return bounds


Bounds = Annotated[tuple[float | None, float | None], AfterValidator(_ordered)]


class Measured(Declared):
    """A quantity that contracts know by `name`, hour by hour in `unit`, from a sensor.

    By how much a counter rose, what a rate (`as: rate`, per hour) came to over the time for which it is known, or the
    mean over that time.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_:.-]+$", max_length=64)]
    unit: Text
    kind: SumKind = Field(alias="as")


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
    quantity: Measured | None = None

    @field_validator("quantity")
    @classmethod
    def _is_of_its_unit(cls, quantity: Measured | None, info: ValidationInfo) -> Measured | None:
        unit, name = info.data.get("unit"), info.data.get("name", "")
        if quantity is not None and unit is not None:
            try:
                units.exact_conversion(quantity.kind.unit_of(unit), quantity.unit)
            except units.UnitError as error:
                raise PydanticCustomError("unit", "{name}: {error}", {"name": name, "error": str(error)}) from error
        return quantity

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


class Meant(Declared):
    """A category, its cause and who answers for it; `note` says why it is read so."""

    category: Category
    cause: Word
    party: Party
    note: str = ""


class LaterMeaning(Meant):
    """What a code means from a time on."""

    start: AwareDatetime = Field(alias="from")


def _ascending(changes: tuple[LaterMeaning, ...]) -> tuple[LaterMeaning, ...]:
    starts = [change.start for change in changes]
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise PydanticCustomError("order", "must ascend in time, one meaning from each time on")
    return changes


class Code(Meant):
    """What a code of the model is; `changes`: what it means from later times on, ascending."""

    changes: Annotated[tuple[LaterMeaning, ...], AfterValidator(_ascending)] = ()

    @property
    def versions(self) -> Sequence[tuple[datetime | None, Meant]]:
        """Each meaning with the time from which it holds; the first from the beginning."""
        return [(None, self), *((change.start, change) for change in self.changes)]


class Rule(Declared):
    """A category named by telemetry: `low <= value < high` for each sensor in `when`; the first that holds wins."""

    when: dict[str, Bounds] = Field(min_length=1)
    category: Category
    cause: Word
    party: Party


class Detector(Declared):
    """How the machines of the model are watched; see shared.model.detector.DetectorSettings.

    `resets` are causes after which a machine is another one to the detector: it is learnt anew.
    """

    sensors: NonEmpty[str]
    drivers: tuple[str, ...] = ()
    bucket_s: Seconds
    open_after: PositiveInt
    close_after: PositiveInt
    false_alarms_per_month: float = Field(ge=0.01, le=100)
    resets: tuple[Word, ...] = ("sensor_replaced",)

    @field_validator("drivers")
    @classmethod
    def _drivers_are_not_watched(cls, drivers: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        _refuse("is watched itself", set(drivers) & set(info.data.get("sensors", ())))
        _refuse("is named twice", {name for name in drivers if drivers.count(name) > 1})
        return drivers


class Component(Declared):
    """A part of the machine that fails: a stop with one of `causes` is a failure of it.

    `limits`: of sensors, in their units, the value at which the machine must not run on.
    """

    name: Word
    causes: NonEmpty[Word]
    limits: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)


class Notice(Declared):
    """When a failure is announced; see shared.model.foretelling.NoticeRule."""

    risk: float = Field(default=0.5, gt=0, lt=1)
    within_days: Annotated[int, Field(gt=0, le=365)] = 30
    false_quota: float = Field(default=0.3, ge=0, le=1)


class Prognosis(Declared):
    """What is foretold of the machines of the model, every so many seconds; without `notice` nothing is announced."""

    every_s: Annotated[int, Field(ge=3_600, le=604_800)] = 21_600
    components: NonEmpty[Component]
    notice: Notice | None = None

    @field_validator("components")
    @classmethod
    def _are_distinct(cls, components: tuple[Component, ...]) -> tuple[Component, ...]:
        for named in ([each.name for each in components], [cause for each in components for cause in each.causes]):
            _refuse("is named twice", {name for name in named if named.count(name) > 1})
        return components


class Packml(Declared):
    """The machines of the model report PackML states: as codes of state events, and, if named, by a sensor's number."""

    sensor: Word | None = None


def _ranks(named: object) -> object:
    """Sources by rank, of a list of names and of lists of names that share a rank."""
    if not isinstance(named, list):
        return named
    return tuple(tuple(_source(name) for name in (rank if isinstance(rank, list) else [rank])) for rank in named)


def _source(name: object) -> Source:
    if name not in list(Source):
        known = ", ".join(Source)
        raise PydanticCustomError("source", "{name} is not one of {known}", {"name": repr(name), "known": known})
    return Source(str(name))


def _each_once(trust: tuple[tuple[Source, ...], ...]) -> tuple[tuple[Source, ...], ...]:
    ranks = trust if trust[:1] == ((Source.MANUAL,),) else ((Source.MANUAL,), *trust)
    named = sorted(source for rank in ranks for source in rank)
    if named != sorted(Source):
        raise PydanticCustomError(
            "trust", "must name event, packml, state and telemetry once each; manual goes first, alone"
        )
    return ranks


class Model(Declared):
    """A type of machine. One telemetry sample vouches for `telemetry_hold_s` seconds.

    `payload` is how its devices encode what they send, where neither topic nor MQTT says so. `trust` is which source of
    states goes before which; those of a list within it are of one rank. Interval events shorter than `min_event_s` do
    not count.
    """

    slug: Slug
    name: Text
    telemetry_hold_s: SplitSeconds
    payload: Format | None = None
    sensors: tuple[Sensor, ...] = ()
    state_rules: tuple[Rule, ...] = ()
    detector: Detector | None = None
    prognosis: Prognosis | None = None
    codes: dict[str, Code] = Field(default_factory=dict)
    packml: Packml | None = None
    trust: Annotated[tuple[tuple[Source, ...], ...], BeforeValidator(_ranks), AfterValidator(_each_once)] = USUAL_TRUST
    min_event_s: Annotated[float, Field(ge=0, le=86_400)] = 0

    @field_validator("codes")
    @classmethod
    def _ours_stay_unknown_time(cls, codes: dict[str, Code]) -> dict[str, Code]:
        ours = {code: meant for code, meant in codes.items() if code.startswith("$")}
        _refuse(f"is not a code that can be read otherwise; {OFFLINE} is", set(ours) - {OFFLINE})
        known = {code for code, said in ours.items() for _, meant in said.versions if meant.category is not Category.IU}
        _refuse("must be IU", known)
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
        _refuse_unknown({*detector.sensors, *detector.drivers} if detector else set(), info)
        return detector

    @field_validator("prognosis")
    @classmethod
    def _prognosis_knows_its_sensors(cls, prognosis: Prognosis | None, info: ValidationInfo) -> Prognosis | None:
        _refuse_unknown({name for each in (prognosis.components if prognosis else ()) for name in each.limits}, info)
        return prognosis

    @field_validator("packml")
    @classmethod
    def _packml_knows_its_sensor(cls, packml: Packml | None, info: ValidationInfo) -> Packml | None:
        _refuse_unknown({packml.sensor} if packml and packml.sensor else set(), info)
        return packml


def _refuse_unknown(names: set[str], info: ValidationInfo) -> None:
    if "sensors" in info.data:
        _refuse("is not a sensor of this model", names - {sensor.name for sensor in info.data["sensors"]})


def _refuse(reason: str, names: set[str]) -> None:
    if names:
        raise PydanticCustomError("names", "{names} {reason}", {"names": ", ".join(sorted(names)), "reason": reason})
