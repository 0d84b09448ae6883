"""Inputs of an indicator: what each must be, and the values given, read strictly and exactly before the formula.

Numbers are exact: JSON is read with decimals, and a binary float stands for the decimal it is written as.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final, cast


class Shape(StrEnum):
    """What a value looks like in JSON."""

    NUMBER = "number"
    COUNT = "whole number"
    FLAG = "true or false"
    TEXT = "text"
    NUMBERS = "list of numbers"
    COUNTS = "list of whole numbers"
    TABLE = "object of numbers"
    TEXTS = "list of texts"
    SERIES = "list of numbers, or an object of such lists"
    ROWS = "list of lists of texts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Where a number may lie; `is_open` leaves both ends out."""

    low: Fraction | None = None
    high: Fraction | None = None
    is_open: bool = False

    def fault(self, number: Fraction) -> str | None:
        """Why `number` is refused, None when it is not."""
        below = self.low is not None and (number < self.low or (self.is_open and number == self.low))
        above = self.high is not None and (number > self.high or (self.is_open and number == self.high))
        return f"must be {self}" if below or above else None

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"between {self.low} and {self.high}, both {'excluded' if self.is_open else 'included'}"
        if self.low is not None:
            return f"above {self.low}" if self.is_open else f"at least {self.low}"
        return "any number"


ANY: Final = Range()
NOT_NEGATIVE: Final = Range(low=Fraction(0))
POSITIVE: Final = Range(low=Fraction(0), is_open=True)
SHARE: Final = Range(low=Fraction(0), high=Fraction(1))
INSIDE_UNIT: Final = Range(low=Fraction(0), high=Fraction(1), is_open=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """A quantity an indicator is computed from.

    `or_one` lets a single value stand for a list of one; `longest` is how many values a list may hold.
    """

    name: str
    unit: str
    meaning: str
    shape: Shape = Shape.NUMBER
    within: Range = NOT_NEGATIVE
    aliases: tuple[str, ...] = ()
    required: bool = True
    choices: tuple[str, ...] = ()
    or_one: bool = False
    longest: int = 20_000

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


class InputError(ValueError):
    """An input is wrong or contradicts another; the message says why, `field` which."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(reason)


Single = Fraction | int | bool | str
Parsed = (
    Single | list[Fraction] | list[int] | list[str] | list[list[str]] | dict[str, Fraction] | dict[str, list[Fraction]]
)

_LONGEST_TEXT: Final = 200
_MOST_KEYS: Final = 200
_MAX: Final = Fraction(10) ** 30
_MAX_DIGITS: Final = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """The values given, by input name; what was not given is absent. Ask for an input only as the shape it has."""

    values: Mapping[str, Parsed]

    def has(self, name: str) -> bool:
        return name in self.values

    def number(self, name: str) -> Fraction:
        return cast(Fraction, self.values[name])

    def maybe(self, name: str) -> Fraction | None:
        return cast(Fraction | None, self.values.get(name))

    def count(self, name: str) -> int:
        return cast(int, self.values[name])

    def flag(self, name: str, *, default: bool) -> bool:
        return cast(bool, self.values.get(name, default))

    def text(self, name: str, default: str = "") -> str:
        return cast(str, self.values.get(name, default))

    def texts(self, name: str) -> list[str]:
        return cast(list[str], self.values.get(name, []))

    def numbers(self, name: str) -> list[Fraction]:
        return cast(list[Fraction], self.values.get(name, []))

    def counts(self, name: str) -> list[int]:
        return cast(list[int], self.values.get(name, []))

    def table(self, name: str) -> dict[str, Fraction]:
        return cast(dict[str, Fraction], self.values.get(name, {}))

    def series(self, name: str) -> dict[str, list[Fraction]]:
        return cast(dict[str, list[Fraction]], self.values.get(name, {}))

    def rows(self, name: str) -> list[list[str]]:
        return cast(list[list[str]], self.values.get(name, []))


def read(wanted: Input, value: object) -> Parsed:
    """The value of an input; InputError says what is wrong with it, and where in it."""
    if wanted.or_one and not isinstance(value, list):
        value = [value]
    if wanted.shape in _SINGLE:
        return _SINGLE[wanted.shape](value, wanted, wanted.name)
    if wanted.shape in _LISTS:
        reader = _LISTS[wanted.shape]
        return cast(Parsed, [reader(one, wanted, at) for at, one in _list(value, wanted, wanted.name)])
    if wanted.shape is Shape.TABLE:
        return {key: _number(one, wanted, at) for at, key, one in _object(value, wanted)}
    if not isinstance(value, Mapping):
        return {"x": [_number(one, wanted, at) for at, one in _list(value, wanted, wanted.name)]}
    return {
        key: [_number(one, wanted, at) for at, one in _list(each, wanted, place)]
        for place, key, each in _object(value, wanted)
    }


def _number(value: object, wanted: Input, at: str) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Fraction):
        raise InputError(at, "must be a number")
    if isinstance(value, int | Fraction):
        number = Fraction(value)
    else:
        decimal = Decimal(repr(value)) if isinstance(value, float) else value
        if not decimal.is_finite():
            raise InputError(at, "must be a finite number")
        digits = decimal.as_tuple()
        if len(digits.digits) > _MAX_DIGITS or (abs(decimal.adjusted()) > _MAX_DIGITS and decimal):
            raise InputError(at, f"must have at most {_MAX_DIGITS} digits before and after the point")
        number = Fraction(decimal) if decimal else Fraction(0)
    if abs(number) > _MAX:
        raise InputError(at, "must not be larger than 1e30")
    fault = wanted.within.fault(number)
    if fault:
        raise InputError(at, fault)
    return number


def _count(value: object, wanted: Input, at: str) -> int:
    number = _number(value, wanted, at)
    if number.denominator != 1:
        raise InputError(at, "must be a whole number")
    if number > 10**12:
        raise InputError(at, "must not be larger than 1e12")
    return number.numerator


def _flag(value: object, wanted: Input, at: str) -> bool:
    del wanted
    if not isinstance(value, bool):
        raise InputError(at, "must be true or false")
    return value


def _text(value: object, wanted: Input, at: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise InputError(at, f"must be a text of at most {_LONGEST_TEXT} characters")
    if wanted.choices and value not in wanted.choices:
        raise InputError(at, f"must be one of {', '.join(wanted.choices)}")
    return value


def _list(value: object, wanted: Input, at: str) -> list[tuple[str, object]]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InputError(at, "must be a list")
    if len(value) > wanted.longest:
        raise InputError(at, f"must not hold more than {wanted.longest:,} values")
    return [(f"{at}[{index}]", one) for index, one in enumerate(value)]


def _object(value: object, wanted: Input) -> list[tuple[str, str, object]]:
    if not isinstance(value, Mapping):
        raise InputError(wanted.name, "must be an object")
    if len(value) > _MOST_KEYS:
        raise InputError(wanted.name, f"must not have more than {_MOST_KEYS} keys")
    for key in value:
        if not isinstance(key, str) or len(key) > _LONGEST_TEXT:
            raise InputError(wanted.name, f"has a key that is no text of at most {_LONGEST_TEXT} characters")
        if wanted.choices and key not in wanted.choices:
            raise InputError(f"{wanted.name}.{key}", f"unknown: must be one of {', '.join(wanted.choices)}")
    return [(f"{wanted.name}.{key}", str(key), one) for key, one in value.items()]


def _row(value: object, wanted: Input, at: str) -> list[str]:
    return [_text(one, wanted, place) for place, one in _list(value, wanted, at)]


_SINGLE: Final[Mapping[Shape, Callable[[object, Input, str], Single]]] = {
    Shape.NUMBER: _number,
    Shape.COUNT: _count,
    Shape.FLAG: _flag,
    Shape.TEXT: _text,
}
_LISTS: Final[Mapping[Shape, Callable[[object, Input, str], Fraction | int | str | list[str]]]] = {
    Shape.NUMBERS: _number,
    Shape.COUNTS: _count,
    Shape.TEXTS: _text,
    Shape.ROWS: _row,
}
