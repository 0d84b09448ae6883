"""Rules of a contract file that join several fields. They read plain values, so that they find faults beside others."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from shared.contracts.spec.form_promise import CLOSE_BELOW, OPEN_AT
from shared.contracts.spec.plain import list_in, mapping_in, number_in
from shared.contracts.spec.rules_kinds import kind_faults
from shared.contracts.spec.rules_levels import level_faults
from shared.contracts.spec.rules_money import caps_faults, fee_faults, settlement_faults
from shared.contracts.spec.rules_policy import data_faults, duty_faults, policy_faults
from shared.contracts.terms import PeriodKind, Weighting
from shared.errors import Fault
from shared.strict_yaml import at

_YEARS: Final = (PeriodKind.CALENDAR_YEAR.value, PeriodKind.CONTRACT_YEAR.value)
# Kinds whose assets add up by hours, which rated power may weigh.
WEIGHTED: Final = ("time_availability", "technical_availability", "threshold_availability")
_PERIODS: Final = frozenset(kind.value for kind in PeriodKind)


def faults(plain: Any) -> Iterator[Fault]:
    """Every fault across fields; parts of the wrong type are left to the form."""
    root = mapping_in(plain)
    yield from _term(mapping_in(root.get("term")))
    yield from _assets(root)
    yield from _listed(root, "guarantees")
    yield from data_faults(mapping_in(root.get("data")), "data")
    yield from duty_faults(root)
    yield from fee_faults(mapping_in(root.get("fee")), "fee")
    yield from caps_faults(root)
    yield from _weighting(root)
    for index, each in enumerate(list_in(root.get("guarantees"))):
        guarantee, path = mapping_in(each), at("guarantees", index)
        yield from policy_faults(root, guarantee, path)
        yield from level_faults(guarantee, path)
        yield from kind_faults(root, guarantee, path)
        yield from _alert(mapping_in(guarantee.get("alert")), at(path, "alert"))
        yield from _rounding(mapping_in(guarantee.get("rounding")), at(path, "rounding"))
        yield from settlement_faults(root, guarantee, path)


def _term(term: dict[str, Any]) -> Iterator[Fault]:
    start, end, first = term.get("start"), term.get("end"), term.get("first_period")
    if isinstance(start, date) and isinstance(end, date) and end < start:
        yield Fault("term.end", f"{end} is before the start {start}")
    if isinstance(start, date) and isinstance(first, date) and first != start:
        yield Fault("term.first_period", f"the first period begins with the term, {start}")
    true_up = term.get("true_up")
    if isinstance(true_up, str) and true_up in _PERIODS and true_up not in _YEARS:
        yield Fault("term.true_up", f"is one of {' and '.join(_YEARS)}")


def _assets(root: dict[str, Any]) -> Iterator[Fault]:
    """At least one asset in one of the three forms, each with a name of its own, a bottleneck among its machines."""
    yield from _listed(root, "assets")
    if not {"assets", "station", "fleet"} & set(root):
        yield Fault("assets", "missing")
    if {"assets", "fleet"} <= set(root):
        yield Fault("fleet", "assets are given already")
    fleet = list_in(mapping_in(root.get("fleet")).get("assets"))
    if "fleet" in root and mapping_in(root["fleet"]).get("assets") == []:
        yield Fault("fleet.assets", "needs at least one")
    names = [mapping_in(each).get("id") if isinstance(each, dict) else each for each in fleet]
    for index, name in enumerate(names):
        if isinstance(name, str) and name in names[:index]:
            yield Fault(at("fleet.assets", index), f"{name!r} is fleet.assets[{names.index(name)}] already")
    for index, each in enumerate(list_in(root.get("assets"))):
        asset, path = mapping_in(each), at("assets", index)
        machines = list_in(asset.get("machines"))
        if isinstance(asset.get("bottleneck"), str) and asset["bottleneck"] not in machines:
            yield Fault(at(path, "bottleneck"), f"{asset['bottleneck']!r} is not one of the machines")
        for place, name in enumerate(machines):
            if isinstance(name, str) and name in machines[:place]:
                yield Fault(at(at(path, "machines"), place), f"{name!r} is named already")


def _weighting(root: dict[str, Any]) -> Iterator[Fault]:
    """Weights are of hours, and need the rated power of every machine."""
    fleet = mapping_in(root.get("fleet"))
    places = ["fleet.weighting"] if fleet.get("weighting") == Weighting.RATED_POWER.value else []
    for index, each in enumerate(list_in(root.get("guarantees"))):
        guarantee, place = mapping_in(each), at(at("guarantees", index), "weighting")
        if guarantee.get("weighting") is not None and guarantee.get("kind") not in WEIGHTED:
            yield Fault(place, "only availabilities by hours are weighted")
        elif guarantee.get("weighting") == Weighting.RATED_POWER.value:
            places.append(place)
    listed = [*list_in(root.get("assets")), *list_in(fleet.get("assets")), root.get("station")]
    unknown = [each for each in listed if each is not None and not number_in(mapping_in(each).get("rated_kw"))]
    names = ", ".join(str(mapping_in(each).get("id", each)) for each in unknown)
    for place in places if unknown else ():
        yield Fault(place, f"rated_power needs the rated_kw of {names}")


def _listed(root: dict[str, Any], key: str) -> Iterator[Fault]:
    """At least one entry, each with a name of its own."""
    if root.get(key) == []:
        yield Fault(key, "needs at least one")
    seen: dict[str, int] = {}
    for index, each in enumerate(list_in(root.get(key))):
        name = mapping_in(each).get("id")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Fault(at(at(key, index), "id"), f"{name!r} is {at(key, seen[name])} already")
        seen.setdefault(name, index)


def _alert(alert: dict[str, Any], path: str) -> Iterator[Fault]:
    close, opened = number_in(alert.get("p_miss_close", CLOSE_BELOW)), number_in(alert.get("p_miss_open", OPEN_AT))
    if close is not None and opened is not None and close > opened:
        yield Fault(path, "p_miss_close is above p_miss_open")


def _rounding(rounding: dict[str, Any], path: str) -> Iterator[Fault]:
    if {"availability_decimals", "value_decimals"} <= set(rounding):
        yield Fault(at(path, "value_decimals"), "availability_decimals says it already")
