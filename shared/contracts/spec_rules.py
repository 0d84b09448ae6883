"""Rules of a contract file that join several fields. They read plain values, so that they find faults beside others."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from shared.contracts import formula
from shared.contracts.settle import MEASURES, QUANTITIES
from shared.contracts.spec_form import CLOSE_BELOW, OPEN_AT
from shared.errors import Fault
from shared.model.facts import Category
from shared.strict_yaml import at

_CATEGORIES = tuple(category.value for category in Category)


def faults(plain: Any) -> Iterator[Fault]:
    """Every fault across fields; parts of the wrong type are left to the form."""
    root = _mapping(plain)
    yield from _term(_mapping(root.get("term")))
    yield from _listed(root, "assets")
    yield from _listed(root, "guarantees")
    for index, each in enumerate(_list(root.get("guarantees"))):
        guarantee, path = _mapping(each), at("guarantees", index)
        if isinstance(guarantee.get("verdicts"), dict):
            yield from _coverage(guarantee["verdicts"], at(path, "verdicts"))
        yield from _alert(_mapping(guarantee.get("alert")), at(path, "alert"))
        yield from _settlement(_mapping(guarantee.get("settlement")), at(path, "settlement"))


def _term(term: dict[str, Any]) -> Iterator[Fault]:
    start, end = term.get("start"), term.get("end")
    if isinstance(start, date) and isinstance(end, date) and end < start:
        yield Fault("term.end", f"{end} is before the start {start}")


def _listed(root: dict[str, Any], key: str) -> Iterator[Fault]:
    """At least one entry, each with a name of its own."""
    if root.get(key) == []:
        yield Fault(key, "needs at least one")
    seen: dict[str, int] = {}
    for index, each in enumerate(_list(root.get(key))):
        name = _mapping(each).get("id")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Fault(at(at(key, index), "id"), f"{name!r} is {at(key, seen[name])} already")
        seen.setdefault(name, index)


def _coverage(verdicts: dict[str, Any], path: str) -> Iterator[Fault]:
    """Every category has exactly one verdict, by a list or by an allowance."""
    places: dict[str, str] = {}
    for category, place in _named(verdicts):
        if category in places:
            yield Fault(at(path, place), f"category {category!r} has a verdict already ({places[category]})")
        places.setdefault(category, place)
    for category in Category:
        if category not in places:
            yield Fault(path, f"category {category.value!r} has no verdict")
    for index, each in enumerate(_list(verdicts.get("allowance"))):
        yield from _allowance(_mapping(each), at(at(path, "allowance"), index))


def _named(verdicts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for verdict in ("available", "excluded", "unavailable"):
        for index, category in enumerate(_list(verdicts.get(verdict))):
            if category in _CATEGORIES:
                yield category, at(verdict, index)
    for index, each in enumerate(_list(verdicts.get("allowance"))):
        category = _mapping(each).get("category")
        if category in _CATEGORIES:
            yield category, at("allowance", index)


def _allowance(allowance: dict[str, Any], path: str) -> Iterator[Fault]:
    amounts = [allowance.get("hours_per_asset_per_period"), allowance.get("fraction_of_period")]
    if sum(amount is not None for amount in amounts) != 1:
        yield Fault(path, "needs one of hours_per_asset_per_period and fraction_of_period")
    if "within" in allowance and allowance["within"] == allowance.get("beyond"):
        yield Fault(path, "within and beyond are the same verdict")


def _alert(alert: dict[str, Any], path: str) -> Iterator[Fault]:
    try:
        if alert.get("p_miss_close", CLOSE_BELOW) > alert.get("p_miss_open", OPEN_AT):
            yield Fault(path, "p_miss_close is above p_miss_open")
    except TypeError:
        return


def _settlement(settlement: dict[str, Any], path: str) -> Iterator[Fault]:
    malus, cap = _mapping(settlement.get("malus")), settlement.get("cap")
    constants = set(malus) - {"formula", "unit"}
    if isinstance(cap, dict):
        yield from _cap(cap, at(path, "cap"))
        constants |= {"annual_fee"} & set(cap)
    for name in sorted(constants & (MEASURES | QUANTITIES)):
        yield Fault(at(at(path, "malus"), name), "this name is measured, it cannot be a constant")
    if {"annual_fee"} & set(malus) and isinstance(cap, dict) and "annual_fee" in cap:
        yield Fault(at(at(path, "malus"), "annual_fee"), "given in the cap already")
    for name in sorted(_names(malus.get("formula")) - constants - MEASURES - QUANTITIES):
        yield Fault(at(at(path, "malus"), "formula"), f"unknown name {name!r}")


def _cap(cap: dict[str, Any], path: str) -> Iterator[Fault]:
    by_fee = {"malus_fraction_of_annual_fee", "annual_fee"} & set(cap)
    if ("malus_per_period" in cap) == ("malus_fraction_of_annual_fee" in cap):
        yield Fault(path, "needs one of malus_per_period and malus_fraction_of_annual_fee")
    elif by_fee == {"malus_fraction_of_annual_fee"}:
        yield Fault(path, "malus_fraction_of_annual_fee needs annual_fee")


def _names(source: Any) -> frozenset[str]:
    try:
        return formula.parse(source).names if isinstance(source, str) else frozenset()
    except ValueError:
        return frozenset()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
