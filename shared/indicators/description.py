"""What a stranger needs to know of an indicator before giving it inputs, as plain values for a terminal or for JSON."""

from typing import Any

from shared.indicators.given import Input, Shape
from shared.indicators.indicator import Indicator

_WITHOUT_RANGE = frozenset({Shape.FLAG, Shape.TEXT, Shape.TEXTS, Shape.ROWS})


def describe(indicator: Indicator) -> dict[str, Any]:
    """All of an indicator but its code, in JSON's types."""
    return {
        "name": indicator.name,
        "version": indicator.version,
        "question": indicator.question,
        "class": indicator.grade.value,
        "kind": indicator.kind.value,
        "standard": indicator.standard,
        "source": indicator.source,
        "formula": indicator.formula,
        "rules": list(indicator.rules),
        "inputs": [_input(each) for each in indicator.inputs],
        "results": [{"name": each.name, "unit": each.unit, "meaning": each.meaning} for each in indicator.results],
        "example": dict(indicator.example),
    }


def keywords(indicator: Indicator) -> str:
    """The inputs with their aliases, then the results: what to look for when the name is not known."""
    takes = (f"{each.name} ({', '.join(each.aliases)})" if each.aliases else each.name for each in indicator.inputs)
    return f"{', '.join(takes)} -> {', '.join(each.name for each in indicator.results)}"


def _input(each: Input) -> dict[str, Any]:
    return {
        "name": each.name,
        "aliases": list(each.aliases),
        "unit": each.unit,
        "meaning": each.meaning,
        "shape": f"{each.shape.value}, or a single one" if each.or_one else each.shape.value,
        "within": None if each.shape in _WITHOUT_RANGE else str(each.within),
        "choices": list(each.choices),
        "required": each.required,
    }
