"""The scalars a contract file is made of: read strictly, with the JSON Schema of what may be written there."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from shared.contracts import condition, formula
from shared.contracts.condition import Condition
from shared.contracts.formula import Formula
from shared.contracts.measured import Verdict
from shared.model.facts import Category

FIRST_YEAR, LAST_YEAR = 1995, 2199

_LOCAL_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|min|h)")
_PER_HOUR = {"s": 3600, "min": 60, "h": 1}
_Item = TypeVar("_Item")


class Part(BaseModel):
    """A mapping of the form: no key it does not know, no value of another type."""

    model_config = ConfigDict(
        strict=True, extra="forbid", arbitrary_types_allowed=True, frozen=True, use_attribute_docstrings=True
    )


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{value!r} is not a number")
    return Decimal(value)


def text_as(read: Callable[[str], Any]) -> PlainValidator:
    """A text that `read` makes a value of; ValueError of `read` is the fault."""

    def checked(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not a text")
        return read(value)

    return PlainValidator(checked)


def one_of(kind: type[StrEnum], what: str) -> PlainValidator:
    """A member of `kind` by its value."""

    def read(value: Any) -> Any:
        try:
            return kind(value)
        except ValueError as error:
            raise ValueError(f"unknown {what} {value!r}") from error

    return PlainValidator(read)


def members(kind: type[StrEnum]) -> WithJsonSchema:
    """The schema of `one_of`."""
    return WithJsonSchema({"type": "string", "enum": [member.value for member in kind]})


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown zone {name!r}") from error


def _day(value: date) -> date:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return value


def _minute(text: str) -> int:
    """Minutes of the local day of `HH:MM`; 24:00 is its end."""
    found = _LOCAL_TIME.fullmatch(text)
    minute = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else -1
    if not 0 <= minute <= 24 * 60:
        raise ValueError(f"{text!r} is no time of day like 05:30")
    return minute


def _duration(text: str) -> int:
    """Seconds of an ISO 8601 duration in days, hours, minutes and seconds."""
    found = _DURATION.fullmatch(text)
    seconds = sum(
        int(amount or 0) * unit for amount, unit in zip(found.groups(), (86_400, 3_600, 60, 1), strict=True)
    ) if found else 0  # fmt: skip
    if not 0 < seconds <= 366 * 86_400:
        raise ValueError(f"{text!r} is no duration like PT10M")
    return seconds


def _rate(text: str) -> Decimal:
    found = _RATE.fullmatch(text)
    if not found or not Decimal(found[1]):
        raise ValueError(f"{text!r} is no rate like 120/min or 60/h")
    return Decimal(found[1]) * _PER_HOUR[found[2]]


def _numeric(**limits: float) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", **limits})


Number = Annotated[Decimal, BeforeValidator(_number), _numeric()]
Share = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=1), _numeric(minimum=0, maximum=1)]
Level = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=1), _numeric(exclusiveMinimum=0, maximum=1)]
Confidence = Annotated[
    Decimal, BeforeValidator(_number), Field(gt=0, lt=1), _numeric(exclusiveMinimum=0, exclusiveMaximum=1)
]
Positive = Annotated[Decimal, BeforeValidator(_number), Field(gt=0), _numeric(exclusiveMinimum=0)]
Amount = Annotated[Decimal, BeforeValidator(_number), Field(ge=0), _numeric(minimum=0)]
Decimals = Annotated[int, Field(ge=0, le=12)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Days = Annotated[int, Field(ge=0, le=10_000)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
AssetName = Annotated[str, StringConstraints(pattern=r"^[^/\s+#]+(/[^/\s+#]+){0,2}$", max_length=300)]
Cause = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*$", max_length=200)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
Day = Annotated[date, AfterValidator(_day)]
Zone = Annotated[ZoneInfo, text_as(_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})]
CategoryName = Annotated[Category, one_of(Category, "category"), members(Category)]
VerdictName = Annotated[Verdict, one_of(Verdict, "verdict"), members(Verdict)]
When = Annotated[
    Condition,
    text_as(condition.parse),
    WithJsonSchema({"type": "string", "description": "CEL over the texts category, cause and party"}),
]
Expression = Annotated[
    Formula, text_as(formula.parse), WithJsonSchema({"type": "string", "description": "+ - * / ( ) numbers and names"})
]
LocalTime = Annotated[int, text_as(_minute), WithJsonSchema({"type": "string", "pattern": r"^\d{1,2}:\d{2}$"})]
Resolution = Annotated[int, text_as(_duration), WithJsonSchema({"type": "string", "examples": ["PT1M", "PT10M"]})]
HourlyRate = Annotated[Decimal, text_as(_rate), WithJsonSchema({"type": "string", "examples": ["120/min", "60/h"]})]
Listed = Annotated[tuple[_Item, ...], Field(strict=False)]
