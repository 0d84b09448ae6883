"""What an indicator is: a named, versioned, sourced formula with units. `registry` lists them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final

from shared.indicators.given import Given, Input


class Grade(StrEnum):
    """How an indicator tells of value in use: in money, by what is delivered, or by what goes with it."""

    ECONOMIC = "economic"
    DIRECT = "direct"
    INDIRECT = "indirect"


class Kind(StrEnum):
    """What an indicator looks at."""

    OUTPUT = "output"
    PROCESS = "process"
    OUTCOME = "outcome"
    LEADING = "leading"
    QUALITATIVE = "qualitative"


class Reason(StrEnum):
    """Why a result has no value. Stable: others act on it."""

    ZERO_DENOMINATOR = "zero_denominator"
    NO_FAILURES = "no_failures"
    NO_TIME = "no_time"
    NO_REPAIRS = "no_repairs"
    NOTHING_COUNTED = "nothing_counted"
    INPUT_NOT_GIVEN = "input_not_given"
    TOO_FEW_POINTS = "too_few_points"
    NO_VARIATION = "no_variation"
    NO_SAVINGS = "no_savings"
    BEYOND_DATA = "beyond_data"
    NOT_FINITE = "not_finite"


Value = Fraction | int | float | str | bool | None | Reason | Sequence["Value"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One named result. A name that holds `<...>` stands for one result for each of what is between."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a formula gives: values by result name, a Reason where there is none; what a reader must know of them."""

    values: Mapping[str, Value]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """An exact result with the two sums it comes from: periods and assets are added as sums, never as ratios."""

    numerator: Fraction
    denominator: Fraction

    @property
    def value(self) -> Fraction | None:
        """Numerator by denominator; None when there is nothing to divide by."""
        return self.numerator / self.denominator if self.denominator else None


Form = Callable[[Mapping[str, Fraction]], Ratio]
_NO_FORMS: Final[Mapping[str, Form]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """One version of one formula.

    `question` is what it answers; `rules` are when it is valid and what it refuses; `example` are inputs it accepts.
    `forms` are the variants a contract chooses from, empty where there is one formula only.
    """

    name: str
    version: int
    question: str
    grade: Grade
    kind: Kind
    inputs: tuple[Input, ...]
    results: tuple[Result, ...]
    formula: str
    standard: str
    source: str
    rules: tuple[str, ...]
    example: Mapping[str, object]
    compute: Callable[[Given], Answer]
    forms: Mapping[str, Form] = field(default_factory=lambda: _NO_FORMS)

    @property
    def key(self) -> str:
        """The name a contract and a result are bound to: `name@version`."""
        return f"{self.name}@{self.version}"

    def evaluate(self, form: str, quantities: Mapping[str, Fraction]) -> Ratio:
        """The result in `form`; ValueError when the quantities are not exactly the inputs, or the form is unknown."""
        expected = {each.name for each in self.inputs}
        if set(quantities) != expected:
            raise ValueError(f"{self.key} takes {sorted(expected)}, not {sorted(quantities)}")
        if form not in self.forms:
            raise ValueError(f"{self.key} has no form {form!r}")
        return self.forms[form](quantities)


def ratio(numerator: Fraction | None, denominator: Fraction | None) -> Fraction | Reason:
    """Numerator by denominator, or why not: an input is missing, or there is nothing to divide by."""
    if numerator is None or denominator is None:
        return Reason.INPUT_NOT_GIVEN
    return numerator / denominator if denominator else Reason.ZERO_DENOMINATOR


def product(*factors: Fraction | Reason) -> Fraction | Reason:
    """The product, or the first reason why a factor has no value."""
    total = Fraction(1)
    for factor in factors:
        if isinstance(factor, Reason):
            return factor
        total *= factor
    return total


def or_reason(value: float | None, reason: Reason) -> float | Reason:
    """The value, or `reason` where there is none."""
    return reason if value is None else value
