"""Runs an indicator on inputs as they come in JSON: checks them, computes, gives named results to be shown or sent."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, cast

from shared.errors import Fault, SpecError
from shared.indicators.given import Given, Input, InputError, Parsed, read
from shared.indicators.indicator import Indicator, Reason, Result, Value

_MAX_CHARACTERS: Final = 4_000_000
_LARGEST_EXACT: Final = 10**60
Plain = None | bool | int | float | str | list["Plain"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """One result: `value` for reading (None with a `reason`), `exact` as fractions where it is rational."""

    name: str
    unit: str
    value: Plain
    exact: Plain
    reason: Reason | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What an indicator gave."""

    indicator: Indicator
    results: tuple[Named, ...]
    notes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As JSON: each result with its unit, and `values` flat."""
        results = {
            each.name: {
                "value": each.value,
                "unit": each.unit,
                **({} if each.exact is None else {"exact": each.exact}),
                **({} if each.reason is None else {"reason": each.reason.value}),
            }
            for each in self.results
        }
        return {
            "indicator": self.indicator.name,
            "version": self.indicator.version,
            "results": results,
            "values": {each.name: each.value for each in self.results},
            "notes": list(self.notes),
        }


def parse(text: str, source: str) -> Mapping[str, object]:
    """The object a JSON text holds, numbers as decimals; SpecError when it is none, or says a key twice."""
    try:
        if len(text) > _MAX_CHARACTERS:
            raise ValueError(f"longer than {_MAX_CHARACTERS} characters")
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_object_once)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise SpecError(source, [Fault("file", f"not JSON: {error}")]) from error
    if not isinstance(value, dict):
        raise SpecError(source, [Fault("file", "must be an object of inputs")])
    return value


def evaluate(indicator: Indicator, inputs: Mapping[str, object]) -> Evaluation:
    """The results of `inputs`; SpecError lists every input that is unknown, missing or wrong, or a contradiction."""
    given = _given(indicator, inputs)
    try:
        answer = indicator.compute(given)
        results = tuple(_named(indicator, name, value) for name, value in answer.values.items())
    except InputError as error:
        raise SpecError(indicator.key, [Fault(_said(indicator, inputs, error.field), str(error))]) from error
    except (ArithmeticError, ValueError) as error:
        raise SpecError(indicator.key, [Fault("inputs", f"cannot be computed: {error}")]) from error
    return Evaluation(indicator=indicator, results=results, notes=answer.notes)


def _given(indicator: Indicator, inputs: Mapping[str, object]) -> Given:
    by_name = {name: wanted for wanted in indicator.inputs for name in wanted.names}
    faults = [
        Fault(name, f"unknown input; known: {', '.join(each.name for each in indicator.inputs)}")
        for name in inputs
        if name not in by_name
    ]
    values: dict[str, Parsed] = {}
    for wanted in indicator.inputs:
        said = [name for name in wanted.names if name in inputs]
        if len(said) > 1:
            faults.append(Fault(said[1], f"says the same as {said[0]}"))
        elif said and not (inputs[said[0]] is None and not wanted.required):
            _take(wanted, said[0], inputs[said[0]], values, faults)
        elif wanted.required:
            faults.append(Fault(wanted.name, _missing(wanted)))
    if faults:
        raise SpecError(indicator.key, faults)
    return Given(values=values)


def _said(indicator: Indicator, inputs: Mapping[str, object], field: str) -> str:
    """The field by the name it was given under."""
    head = field.partition("[")[0]
    names = next((each.names for each in indicator.inputs if each.name == head), ())
    said = next((name for name in names if name in inputs), head)
    return said + field.removeprefix(head)


def _take(wanted: Input, said: str, value: object, values: dict[str, Parsed], faults: list[Fault]) -> None:
    try:
        values[wanted.name] = read(wanted, value)
    except InputError as error:
        faults.append(Fault(error.field.replace(wanted.name, said, 1), str(error)))


def _missing(wanted: Input) -> str:
    other = f" (or {', '.join(wanted.aliases)})" if wanted.aliases else ""
    return f"missing{other}: {wanted.meaning}, {wanted.unit}"


def _named(indicator: Indicator, name: str, value: Value) -> Named:
    plain, reason = _plain(value)
    return Named(name=name, unit=_result(indicator, name).unit, value=plain, exact=_exact(value), reason=reason)


def _result(indicator: Indicator, name: str) -> Result:
    for result in indicator.results:
        head, mark, _ = result.name.partition("<")
        if name == result.name or (mark and name.startswith(head)):
            return result
    raise KeyError(f"{indicator.key} declares no result {name}")


def _plain(value: Value) -> tuple[Plain, Reason | None]:
    if isinstance(value, Reason):
        return None, value
    if isinstance(value, Fraction):
        return (value.numerator if value.denominator == 1 else float(value)), None
    if isinstance(value, float) and not math.isfinite(value):
        return None, Reason.NOT_FINITE
    if value is None or isinstance(value, str | int | float):
        return value, None
    parts = [_plain(one) for one in value]
    return [plain for plain, _ in parts], next((reason for _, reason in parts if reason), None)


def _exact(value: Value) -> Plain:
    if isinstance(value, Fraction):
        is_readable = max(abs(value.numerator), value.denominator) < _LARGEST_EXACT
        return f"{value.numerator}/{value.denominator}" if is_readable else None
    if value is None or isinstance(value, str | int | float):
        return None
    return [_exact(one) for one in value] if value and all(isinstance(one, Fraction) for one in value) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _object_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is said twice")
    return cast(dict[str, object], found)
