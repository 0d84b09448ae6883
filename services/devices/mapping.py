"""The replay mapping: says, as data, how recorded files become telemetry and events. Pure: reads no file."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from shared import declared
from shared.declared import Declared, NonEmpty, Span
from shared.fleet import Slug, Text, Word
from shared.instant import to_us
from shared.model.facts import EventKind

UNITS_US = {"s": 1_000_000, "ms": 1_000, "us": 1}


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise PydanticCustomError("zone", "{name} is not an IANA time zone", {"name": name})
    return name


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise PydanticCustomError("path", "must lie below the data folder")
    return path


class Target(Declared):
    """The asset a row is about: `asset`, or what `values` says of the cell in `column`."""

    customer: Slug
    site: Slug
    asset: Slug | None = None
    column: Text | None = None
    values: dict[str, Slug] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if (self.asset is None) == (self.column is None) or (self.column is None) == bool(self.values):
            raise PydanticCustomError("target", "needs either `asset`, or `column` with `values`")
        return self

    @property
    def slugs(self) -> tuple[str, ...]:
        """Every asset a row can be about."""
        return (self.asset,) if self.asset else tuple(dict.fromkeys(self.values.values()))


class TimeColumn(Declared):
    """A column of times: `iso`, `epoch` numbers of a `unit`, or a strptime pattern. Naive ones are read in `zone`."""

    column: Text
    format: Text
    zone: Annotated[str, AfterValidator(_known_zone)] | None = None
    unit: Literal["s", "ms", "us"] | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.format not in ("iso", "epoch") and "%" not in self.format:
            raise PydanticCustomError("format", "`format` must be iso, epoch or a strptime pattern")
        if (self.format == "epoch") != (self.unit is not None):
            raise PydanticCustomError("unit", "`unit` goes with the format epoch, and epoch with a `unit`")
        if "%" in self.format and ("%z" in self.format) == (self.zone is not None):
            raise PydanticCustomError("zone", "a pattern needs either %z or a `zone`")
        return self

    def reader(self) -> Callable[[str], int]:
        """Cell -> UTC microseconds. It raises ValueError for a cell that is no time, or none that the zone has once."""
        if self.unit:
            factor = UNITS_US[self.unit]
            return lambda cell: round(float(cell) * factor)
        zone = ZoneInfo(self.zone) if self.zone else None
        if self.format == "iso":
            return lambda cell: to_us(_located(datetime.fromisoformat(cell), zone))
        return lambda cell: to_us(_located(datetime.strptime(cell, self.format), zone))  # noqa: DTZ007 (_located)


def _located(at: datetime, zone: ZoneInfo | None) -> datetime:
    if at.tzinfo is not None:
        return at
    if zone is None:
        raise ValueError(f"{at} has no zone and the mapping names none")
    first, second = at.replace(tzinfo=zone), at.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        exists = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == at
        raise ValueError(f"{at} {'comes twice' if exists else 'does not exist'} in {zone.key}")
    return first


class Quantity(Declared):
    """A column of readings; `value * scale + offset` is what the device reported, in the sensor's `reported_unit`.

    With `unit: stored` it is in the sensor's `unit` already, as an export writes it, and is not converted.
    """

    sensor: Word
    scale: float = 1.0
    offset: float = 0.0
    unit: Literal["reported", "stored"] = "reported"


class Events(Declared):
    """Rows that are events: cells of `code` joined by a colon, words, and for intervals the column of their end."""

    kind: EventKind
    code: NonEmpty[Text]
    text: Text | None = None
    end: Text | None = None

    @model_validator(mode="after")
    def _ends_if_interval(self) -> Self:
        if (self.kind is EventKind.INTERVAL) != (self.end is not None):
            raise PydanticCustomError("end", "`end` names the column of an interval's end; a state has none")
        return self


class Coverage(Span):
    """A span the log is complete over: published as an interval of its own, so that no entry means something."""

    code: Text
    text: str = ""


class EndOfLog(Declared):
    """The state published at an asset's last row, so that its last state does not hold for ever."""

    code: Text
    text: str = ""


class Source(Declared):
    """Files of one form, read in the order named: CSV, plain, gzip (.gz) or one `member` of a zip, or Parquet."""

    files: NonEmpty[Annotated[Text, AfterValidator(_inside)]]
    member: Text | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    asset: Target
    time: TimeColumn
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    readings: dict[str, Quantity] = Field(default_factory=dict)
    events: Events | None = None
    coverage: tuple[Coverage, ...] = ()
    end_of_log: EndOfLog | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if bool(self.readings) == (self.events is not None):
            raise PydanticCustomError("kind", "needs either `readings` or `events`")
        if self.end_of_log and (self.events is None or self.events.kind is not EventKind.STATE):
            raise PydanticCustomError("end_of_log", "`end_of_log` ends a log of states; this source has none")
        sensors = [quantity.sensor for quantity in self.readings.values()]
        if len(set(sensors)) < len(sensors):
            raise PydanticCustomError("sensors", "`readings` names a sensor twice")
        if any(name.endswith(".zip") != (self.member is not None) for name in self.files):
            raise PydanticCustomError("member", "`member` goes with zip files, and zip files with a `member`")
        return self

    @property
    def stored(self) -> frozenset[str]:
        """The sensors whose cells are in the unit they are stored in."""
        return frozenset(quantity.sensor for quantity in self.readings.values() if quantity.unit == "stored")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns that are read, each once."""
        target = () if self.asset.column is None else (self.asset.column,)
        named = [self.time.column, *target, *self.where, *self.readings]
        if self.events is not None:
            named += [*self.events.code, *(name for name in (self.events.text, self.events.end) if name)]
        return tuple(dict.fromkeys(named))


class Mapping(Declared):
    """All that one replay publishes."""

    sources: NonEmpty[Source]


def parse(text: str, source: str) -> Mapping:
    """The mapping in YAML `text`; raises SpecError with every fault."""
    return declared.parse(Mapping, text, source)
