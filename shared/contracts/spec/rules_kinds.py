"""Rules across the fields of one kind of guarantee, and between guarantees."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from shared.contracts.kinds.amounts import UNITS
from shared.contracts.spec.form_service import BUSINESS_HOURS
from shared.contracts.spec.plain import given, list_in, mapping_in, names_of, number_in
from shared.errors import Fault
from shared.indicators.holidays import REGIONS
from shared.strict_yaml import at

_VERSIONS: Final = (1,)
HOURS: Final = "hours"


def kind_faults(root: dict[str, Any], guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    """What must agree inside one kind, and with the other guarantees of the contract."""
    kind = guarantee.get("kind")
    if isinstance(kind, str) and kind in _RULES:
        yield from _RULES[kind](guarantee, path)
    indicator = guarantee.get("indicator")
    if isinstance(indicator, str) and isinstance(kind, str) and indicator not in {f"{kind}@{v}" for v in _VERSIONS}:
        yield Fault(at(path, "indicator"), f"unknown formula {indicator!r}, only {kind}@{_VERSIONS[-1]}")
    yield from _exclusive(root, guarantee, path)


def measured_names(guarantee: dict[str, Any]) -> frozenset[str]:
    """Names of quantities a formula of this guarantee may use: the known ones and those it declares."""
    roles = {role for role in UNITS if ":" not in role}
    return frozenset(roles | set(mapping_in(guarantee.get("quantities"))))


def _intensity(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    constants = set(mapping_in(guarantee.get("constants")))
    used, known = names_of(guarantee.get("expected_kwh")), measured_names(guarantee)
    for name in sorted(used - constants - known - {HOURS}):
        reason = f"unknown name {name!r}: neither {HOURS}, a constant, nor a quantity (see `quantities`)"
        yield Fault(at(path, "expected_kwh"), reason)
    for name in sorted(constants & (known | {HOURS})):
        yield Fault(at(at(path, "constants"), name), "this name is measured, it cannot be a constant")
    for name, limits in mapping_in(guarantee.get("valid_range")).items():
        place = at(at(path, "valid_range"), name)
        if name not in used and name.removesuffix("_per_h") not in used:
            yield Fault(place, "is no driver of expected_kwh")
        low, high = (*(number_in(each) for each in list_in(limits)), None, None)[:2]
        if low is not None and high is not None and low >= high:
            yield Fault(place, f"{low} is not below {high}")


def _savings(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    decision, line = guarantee.get("decision"), mapping_in(guarantee.get("baseline"))
    if isinstance(decision, str) and decision != "point_estimate" and not _is_exact(line):
        yield Fault(at(path, "decision"), f"{decision} needs x_mean and sxx of the baseline")
    if (line.get("x_mean") is None) != (line.get("sxx") is None):
        yield Fault(at(path, "baseline"), "x_mean and sxx go together")
    if isinstance(decision, str) and decision in {"lower_bound_00", "probability_ge_0.0"}:
        yield Fault(at(path, "decision"), "proves nothing")


def _is_exact(line: dict[str, Any]) -> bool:
    return line.get("x_mean") is not None and line.get("sxx") is not None


def _response(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    for name, each in mapping_in(guarantee.get("priorities")).items():
        priority, place = mapping_in(each), at(at(path, "priorities"), name)
        if isinstance(each, dict) and not given(priority, ("respond_h", "restore_h")):
            yield Fault(place, "needs respond_h, restore_h, or both")
        yield from _hours(priority.get("hours"), at(place, "hours"))


def _hours(hours: Any, path: str) -> Iterator[Fault]:
    region = hours.removeprefix(BUSINESS_HOURS) if isinstance(hours, str) else mapping_in(hours).get("holidays")
    if isinstance(hours, str) and region == hours:
        return
    if isinstance(region, str) and region not in REGIONS:
        yield Fault(path, f"no holidays are known of {region!r}, only of {', '.join(REGIONS)}")
    between = list_in(mapping_in(hours).get("between"))
    if (
        len(between) == 2
        and all(isinstance(each, str) for each in between)
        and _padded(between[0]) >= _padded(between[1])
    ):
        yield Fault(at(path, "between"), "ends before it starts")
    if mapping_in(hours).get("days") == []:
        yield Fault(at(path, "days"), "needs at least one")


def _padded(time: str) -> str:
    return time.zfill(5)


def _notice(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    says = isinstance(guarantee.get("level"), dict)
    if says == (guarantee.get("notice_days") is not None):
        reason = "the level says the days already" if says else "missing, where the level does not say the days"
        yield Fault(at(path, "notice_days"), reason)


def _rates(guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    if guarantee.get("ideal_rate") == {}:
        yield Fault(at(path, "ideal_rate"), "needs at least one product")


def _exclusive(root: dict[str, Any], guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    """Guarantees that go before this one exist, are others, and do not wait for this one in turn."""
    ids = [mapping_in(each).get("id") for each in list_in(root.get("guarantees"))]
    place = at(at(path, "settlement"), "exclusive_of")
    for name in _first(guarantee):
        if name not in ids:
            yield Fault(place, f"there is no guarantee {name!r}")
        elif name == guarantee.get("id"):
            yield Fault(place, "names the guarantee itself")
        elif ids.index(name) < _index(ids, guarantee) and guarantee.get("id") in _first(_of(root, str(name))):
            yield Fault(place, f"{name!r} is exclusive of this one already")


def _first(guarantee: dict[str, Any]) -> list[Any]:
    named = mapping_in(guarantee.get("settlement")).get("exclusive_of")
    return [named] if isinstance(named, str) else [each for each in list_in(named) if isinstance(each, str)]


def _of(root: dict[str, Any], name: str) -> dict[str, Any]:
    each = (mapping_in(each) for each in list_in(root.get("guarantees")))
    return next((guarantee for guarantee in each if guarantee.get("id") == name), {})


def _index(ids: list[Any], guarantee: dict[str, Any]) -> int:
    return ids.index(guarantee["id"]) if guarantee.get("id") in ids else 0


_RULES: Final[dict[str, Callable[[dict[str, Any], str], Iterator[Fault]]]] = {
    "energy_intensity": _intensity,
    "energy_savings": _savings,
    "response_time": _response,
    "failure_notice": _notice,
    "oee": _rates,
}
