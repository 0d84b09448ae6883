"""Declared files (fleet, replay mapping): YAML text -> strict pydantic values, every fault listed with its place."""

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from shared import strict_yaml
from shared.errors import Fault, SpecError


class Declared(BaseModel):
    """Base of declared values: no coercion, no unknown key, no NaN, never changed afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Span(Declared):
    """Half-open `[from, to)`, never empty."""

    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")

    @model_validator(mode="after")
    def _has_duration(self) -> Self:
        if self.start >= self.end:
            raise PydanticCustomError("empty", "`from` must be before `to`")
        return self


def _has_entries(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    if not entries:
        raise PydanticCustomError("no_entries", "needs at least one entry")
    return entries


_SHOWN: Final = 60
_WORDS: Final = {"extra_forbidden": "unknown key", "missing": "missing"}
_MAPPING, _LIST = "must be a mapping of keys to values", "must be a list"
_FORMS: Final = {
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
}
_PYDANTIC: Final = frozenset(get_args(ErrorType))
_Item = TypeVar("_Item")
_Kind = TypeVar("_Kind", bound=Declared)
NonEmpty = Annotated[tuple[_Item, ...], AfterValidator(_has_entries)]


def read(file: Path) -> str:
    """The text of a declared file; raises SpecError when it is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(str(file), [Fault("file", f"not UTF-8 at byte {error.start}")]) from error


def parse(kind: type[_Kind], text: str, source: str, rules: Callable[[Any], Iterable[Fault]] | None = None) -> _Kind:
    """The value a YAML text declares. `rules` names what is wrong across entries of the plain, unchecked value.

    Raises SpecError with every fault: of the YAML, of the form and of the rules; `source` names the text there.
    """
    plain, faults = strict_yaml.read(text)
    value = None
    if plain is not None or not faults:
        value, found = _form(kind, plain)
        unread = {fault.path for fault in faults}
        faults += [fault for fault in (*found, *(rules(plain) if rules else ())) if fault.path not in unread]
    if value is None or faults:
        raise SpecError(source, faults)
    return value


def _form(kind: type[_Kind], plain: object) -> tuple[_Kind | None, list[Fault]]:
    # As JSON, because strict pydantic takes no text for an enum and no list for a tuple from Python values.
    try:
        return kind.model_validate_json(json.dumps(plain, default=_json)), []
    except ValidationError as error:
        return None, [fault(each) for each in error.errors(include_url=False)]


def fault(error: ErrorDetails) -> Fault:
    """What pydantic found wrong in a declared file, in the words of the file: no Python class, no Python type."""
    kind, message, value = error["type"], error["msg"], error["input"]
    if kind in _WORDS:
        return Fault(_path(error["loc"]), _WORDS[kind])
    if kind == "value_error":
        return Fault(_path(error["loc"]), str(error.get("ctx", {})["error"]))
    if kind not in _PYDANTIC:
        return Fault(_path(error["loc"]), message)
    wanted = _FORMS.get(kind) or f"{message[0].lower()}{message[1:]}"
    return Fault(_path(error["loc"]), f"{wanted}, not {_shown(value)}")


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _json(value: object) -> float | str:
    return float(value) if isinstance(value, Decimal) else str(value)


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        path = strict_yaml.at(path, part)
    return path or "file"
