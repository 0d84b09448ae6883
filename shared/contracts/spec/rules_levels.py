"""Rules across the fields of levels: seasons, ramp-up, floors."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from shared.contracts.spec.plain import given, list_in, mapping_in, number_in
from shared.errors import Fault
from shared.strict_yaml import at

# Kinds whose value is a share of 1, so that no level of theirs can lie above it.
SHARES: Final = (
    "time_availability",
    "technical_availability",
    "threshold_availability",
    "production_availability",
    "oee",
    "response_time",
    "failure_notice",
)
_BASES: Final = ("level", "level_mwh_per_period", "level_good_units_per_required_h", "level_h")


def base_level(guarantee: dict[str, Any]) -> Decimal | None:
    """The level a guarantee states, whatever its key; None where it states none."""
    for key in given(guarantee, _BASES):
        value = guarantee[key]
        if isinstance(value, dict) and len(value) == 1:
            [value] = value.values()
        return number_in(value)
    return None


def level_faults(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    """No month in two seasons, one level in the ramp-up, shares up to 1, a floor up to the level."""
    yield from _seasons(guarantee, path)
    ramp_up = mapping_in(guarantee.get("ramp_up"))
    if ramp_up and len(given(ramp_up, ("level", "factor"))) != 1:
        yield Fault(at(path, "ramp_up"), "needs one of level and factor")
    if guarantee.get("kind") in SHARES:
        yield from _shares(guarantee, path)
    base, floor = base_level(guarantee), number_in(mapping_in(guarantee.get("floor_per_asset")).get("level"))
    if base is not None and floor is not None and floor > base:
        yield Fault(at(at(path, "floor_per_asset"), "level"), f"is above the level {base}")


def _seasons(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    seen: dict[int, int] = {}
    for index, each in enumerate(list_in(guarantee.get("seasons"))):
        place = at(at(at(path, "seasons"), index), "months")
        months = list_in(mapping_in(each).get("months"))
        if mapping_in(each).get("months") == []:
            yield Fault(place, "needs at least one")
        for month in months:
            if isinstance(month, int) and month in seen:
                yield Fault(place, f"month {month} has a level already (seasons[{seen[month]}])")
            elif isinstance(month, int):
                seen[month] = index


def _shares(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    found = [(at(at(path, "ramp_up"), "level"), mapping_in(guarantee.get("ramp_up")).get("level"))]
    for index, each in enumerate(list_in(guarantee.get("seasons"))):
        found.append((at(at(at(path, "seasons"), index), "level"), mapping_in(each).get("level")))
    for index, each in enumerate(list_in(guarantee.get("by_contract_year"))):
        found.append((at(at(path, "by_contract_year"), index), each))
    for place, value in found:
        level = number_in(value)
        if level is not None and level > 1:
            yield Fault(place, f"is a share of up to 1, not {level}")
