"""Plain values of a contract file that may be anything: what is there of the wanted type, else nothing."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from shared.contracts import formula


def mapping_in(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def list_in(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def number_in(value: Any) -> Decimal | None:
    return None if isinstance(value, bool) or not isinstance(value, int | Decimal) else Decimal(value)


def given(part: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """Those of `keys` that the part gives a value, in their order."""
    return [key for key in keys if part.get(key) is not None]


def names_of(source: Any) -> frozenset[str]:
    """The names a formula uses; none when it is no formula."""
    try:
        return formula.parse(source).names if isinstance(source, str) else frozenset()
    except ValueError:
        return frozenset()
