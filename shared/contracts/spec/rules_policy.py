"""Rules across the fields that say what time counts as."""

from collections.abc import Iterator
from typing import Any, Final

from shared.contracts.spec.form_policy import PLANNED_WINDOW
from shared.contracts.spec.plain import given, list_in, mapping_in, number_in
from shared.errors import Fault
from shared.model.facts import Category
from shared.strict_yaml import at

_CATEGORIES: Final = tuple(category.value for category in Category)
_LISTS: Final = ("available", "excluded", "unavailable", "deemed_available")
_AMOUNTS: Final = (
    "hours_per_asset_per_period",
    "hours_per_asset_per_month",
    "hours_per_asset_per_year",
    "minutes_per_month",
    "fraction_of_period",
)
_CONDITIONS: Final = ("notice_days", "not_between")


def data_faults(data: dict[str, Any], path: str) -> Iterator[Fault]:
    """What the rule for gaps says beyond its limit makes sense only with the limit."""
    rule = mapping_in(data.get("gap_rule"))
    if rule.get("beyond") is not None and rule.get("excluded_max_fraction") is None:
        yield Fault(at(at(path, "gap_rule"), "beyond"), "needs excluded_max_fraction")


def duty_faults(root: dict[str, Any]) -> Iterator[Fault]:
    """A share says what time it is of, and is no verdict."""
    for index, each in enumerate(list_in(root.get("customer_duties"))):
        duty, place = mapping_in(each), at(at("customer_duties", index), "contributory_share")
        if duty.get("contributory_share") is not None and duty.get("when") is None:
            yield Fault(place, "needs when")
        if duty.get("contributory_share") is not None and duty.get("verdict") is not None:
            yield Fault(place, "not beside verdict")


def policy_faults(root: dict[str, Any], guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    """Each category with one verdict, each allowance with one amount, each exclusion once."""
    if isinstance(guarantee.get("verdicts"), dict):
        spoken: list[Any] = [Category.IU.value] if mapping_in(root.get("data")).get("gap_rule") else []
        if guarantee.get("planned_window") is not None:
            spoken.append(mapping_in(guarantee["planned_window"]).get("category", Category.SM.value))
        yield from _coverage(guarantee["verdicts"], spoken, at(path, "verdicts"))
    yield from _excluded(guarantee, path)
    if isinstance(guarantee.get("planned_window"), dict):
        yield from _grant(guarantee["planned_window"], at(path, "planned_window"))


def _coverage(verdicts: dict[str, Any], spoken: list[Any], path: str) -> Iterator[Fault]:
    """Every category has exactly one verdict, by a list or by an allowance; `spoken` ones may go without."""
    places: dict[str, str] = {}
    for category, place in _named(verdicts):
        if category in places:
            yield Fault(at(path, place), f"category {category!r} has a verdict already ({places[category]})")
        places.setdefault(category, place)
    for category in Category:
        if category not in places and category not in spoken:
            yield Fault(path, f"category {category.value!r} has no verdict")
    for index, each in enumerate(list_in(verdicts.get("allowance"))):
        yield from _allowance(mapping_in(each), at(at(path, "allowance"), index))


def _named(verdicts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Categories with their places; an allowance of single causes leaves the category its own verdict."""
    for verdict in _LISTS:
        for index, category in enumerate(list_in(verdicts.get(verdict))):
            if category in _CATEGORIES:
                yield category, at(verdict, index)
    for index, each in enumerate(list_in(verdicts.get("allowance"))):
        allowance = mapping_in(each)
        if allowance.get("category") in _CATEGORIES and not given(allowance, ("cause", "causes")):
            yield allowance["category"], at("allowance", index)


def _allowance(allowance: dict[str, Any], path: str) -> Iterator[Fault]:
    if not given(allowance, ("category", "cause", "causes")):
        yield Fault(path, "needs a category or a cause")
    elif {"cause", "causes"} <= set(given(allowance, ("cause", "causes"))):
        yield Fault(at(path, "causes"), "cause is given already")
    yield from _grant(allowance, path)
    if "within" in allowance and allowance["within"] == allowance.get("beyond"):
        yield Fault(path, "within and beyond are the same verdict")


def _grant(grant: dict[str, Any], path: str) -> Iterator[Fault]:
    """One amount; none only where a notice or forbidden hours limit it."""
    amounts = given(grant, _AMOUNTS)
    if len(amounts) > 1 or (not amounts and not given(grant, _CONDITIONS)):
        yield Fault(path, f"needs one of {', '.join(_AMOUNTS[:-1])} and {_AMOUNTS[-1]}")
    if grant.get("rolls") is True and amounts != ["hours_per_asset_per_year"]:
        yield Fault(at(path, "rolls"), "only hours_per_asset_per_year can roll")


def _excluded(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, each in enumerate(list_in(guarantee.get("excluded"))):
        entry = {"cause": each} if isinstance(each, str) else mapping_in(each)
        cause, place = entry.get("cause"), at(at(path, "excluded"), index)
        if cause == PLANNED_WINDOW and guarantee.get("planned_window") is None:
            yield Fault(place, "planned_window is not described: hours_per_asset_per_year, notice_days ...")
        beside = [key for key in entry if key not in {"cause", "evidence"}] if cause == PLANNED_WINDOW else []
        for key in beside:
            yield Fault(at(place, key), "say it in planned_window: the entry only names it")
        if isinstance(cause, str) and cause in seen:
            yield Fault(place, f"cause {cause!r} is excluded already")
        if isinstance(cause, str):
            seen.add(cause)
        yield from _exclusion(entry, place)


def _exclusion(entry: dict[str, Any], path: str) -> Iterator[Fault]:
    amounts = given(entry, _AMOUNTS)
    if len(amounts) > 1:
        yield Fault(at(path, amounts[1]), f"{amounts[0]} is given already")
    if entry.get("rolls") is True and amounts != ["hours_per_asset_per_year"]:
        yield Fault(at(path, "rolls"), "only hours_per_asset_per_year can roll")
    granted = amounts or given(entry, _CONDITIONS)
    for key in given(entry, ("when", "needs")) if granted else ():
        yield Fault(at(path, key), f"not beside {granted[0]}: an amount is granted by cause alone")
    if number_in(entry.get("fraction_of_period")) == 0:
        yield Fault(at(path, "fraction_of_period"), "excludes nothing")
