"""Rules across the fields of money: one form a side, known names, fees for shares, caps of the contract's periods."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from shared.contracts.kinds.amounts import UNITS
from shared.contracts.spec.form_money import BonusForm, CapForm, MalusForm
from shared.contracts.spec.plain import given, list_in, mapping_in, names_of, number_in
from shared.contracts.spec.rules_kinds import HOURS, measured_names
from shared.contracts.spec.rules_levels import base_level
from shared.errors import Fault
from shared.strict_yaml import at

# What every money formula may name beside its constants and measured quantities.
MEASURES: Final = frozenset({"level", "measured", "shortfall_pp"})
_TIME: Final = frozenset({"unavailable_h", "denominator_h", "period_h", "available_h", "excluded_h"})
_OF_KIND: Final[dict[str, frozenset[str]]] = {
    "time_availability": _TIME,
    "technical_availability": _TIME,
    "threshold_availability": _TIME,
    "production_availability": frozenset({"charged_lost_output_mwh"}),
    "energy_intensity": frozenset({"expected_kwh", HOURS}),
    "energy_savings": frozenset({"savings_mwh"}),
    "response_time": frozenset({"tickets", "promises", "promises_kept"}),
}
# Kinds in whose own unit a price can be; of the others a price would be of nothing.
_PRICED: Final = frozenset({"energy_intensity", "energy_savings", "output", "mtbf", "production_availability"})
_PRICED_ONLY: Final = ("energy_savings", "output", "mtbf")
_BY_BREACH: Final = ("per_breach", "per_unannounced_failure_beyond_quota")
# Kinds with a test of their own, whose sums of periods say nothing of a year.
_NO_SUMS: Final = ("energy_savings", "mtbf", "failure_notice", "response_time")
_STEPS: Final = ("per_pp", "per_tenth_pp_started", "per_step_pp")
_MALUS: Final = ("formula", "price", *_STEPS)
_MISSES: Final = (
    "malus",
    "tiers",
    "capacity",
    "else_per_1000_units",
    "per_breach",
    "per_unannounced_failure_beyond_quota",
)
_BONUS: Final = ("formula", "price", "per_pp")
_CAP_KEYS: Final = tuple(key for key in CapForm.model_fields if key != "annual_fee")
_CAP_TWICE: Final = (
    ("malus_per_period", "malus_fraction_of_annual_fee"),
    ("malus_per_year", "malus_year_fraction_of_annual_fee"),
    ("bonus_per_period", "bonus_fraction_of_annual_fee"),
)
_OF_FEE: Final = frozenset(key for key in CapForm.model_fields if key.endswith("_of_annual_fee"))
_SHARES: Final = (
    "cap_fraction",
    "cap_fraction_month",
    "cap_fraction_quarter",
    "cap_fraction_year",
    "lifetime_cap_fraction_of_fees",
)
_ONE_CAP: Final = (
    ("cap_per_period", "cap_per_month", "cap_per_quarter", "cap_fraction_month", "cap_fraction_quarter"),
    ("cap_per_year", "cap_fraction_year", "cap_fraction"),
)
_OF_PERIOD: Final = {
    "cap_per_month": "calendar_month",
    "cap_fraction_month": "calendar_month",
    "cap_per_quarter": "calendar_quarter",
    "cap_fraction_quarter": "calendar_quarter",
}


def fee_faults(fee: dict[str, Any], path: str) -> Iterator[Fault]:
    """One fee by time, one by unit, a unit for the price by unit."""
    if {"per_m3", "per_unit"} <= set(given(fee, ("per_m3", "per_unit"))):
        yield Fault(at(path, "per_unit"), "per_m3 is given already")
    if (fee.get("per_unit") is None) != (fee.get("unit_quantity") is None):
        yield Fault(path, "per_unit and unit_quantity go together")
    for key, price in (("minimum_take_m3_per_month", "per_m3"), ("minimum_take_per_month", "per_unit")):
        if fee.get(key) is not None and fee.get(price) is None:
            yield Fault(at(path, key), f"needs {price}")


def caps_faults(root: dict[str, Any]) -> Iterator[Fault]:
    """The caps over all guarantees."""
    caps = mapping_in(root.get("caps"))
    if not isinstance(root.get("caps"), dict):
        return
    fees = (mapping_in(each).get("settlement") for each in list_in(root.get("guarantees")))
    own = [_own_fee(mapping_in(each)) for each in fees]
    stated = {fee for fee in own if fee is not None}
    has_own = _has_fee(root, caps)
    has_fee = has_own or bool(stated)
    if not has_own and len(stated) > 1 and given(caps, (*_OF_FEE, *_SHARES)):
        yield Fault("caps.annual_fee", "missing: the settlements state different ones")
    yield from _cap(caps, "caps", (*_CAP_KEYS, "lifetime_cap_fraction_of_fees"), has_fee=has_fee)


def settlement_faults(root: dict[str, Any], guarantee: dict[str, Any], path: str) -> Iterator[Fault]:
    """Everything in one guarantee's `settlement`, and the parts that may stand beside it."""
    settlement, place = mapping_in(guarantee.get("settlement")), at(path, "settlement")
    for key in ("carry_over", "make_good", "indexation"):
        if settlement.get(key) is not None and guarantee.get(key) is not None:
            yield Fault(at(place, key), "given beside the settlement already")
    if (settlement.get("action") is None) != (settlement.get("within_days") is None):
        yield Fault(place, "action and within_days go together")
    band = guarantee.get("dead_band")
    if isinstance(band, dict) and len(given(band, ("pp", "fraction"))) != 1:
        yield Fault(at(path, "dead_band"), "needs one of pp and fraction")
    elif number_in(band):
        yield Fault(at(path, "dead_band"), "say pp (percentage points) or fraction")
    yield from _one_malus(guarantee, settlement, path)
    yield from _across(guarantee, settlement, path)
    has_fee = _has_fee(root, settlement)
    yield from _caps(root, settlement, place, has_fee=has_fee)
    yield from _malus(guarantee, settlement, place, has_fee=has_fee)
    yield from _bonus(guarantee, settlement, place, has_fee=has_fee)
    yield from _tiers(root, guarantee, settlement, place)


def _one_malus(guarantee: dict[str, Any], settlement: dict[str, Any], path: str) -> Iterator[Fault]:
    """One form of malus a guarantee: two would pay the same miss twice."""
    found = [at(at(path, "settlement"), key) for key in given(settlement, _MISSES) if settlement[key] != []]
    found += [at(path, key) for key in given(guarantee, ("tariff",))]
    for place in found[1:]:
        yield Fault(place, f"a miss is paid by {found[0].rpartition('.')[2]} already")


def _across(guarantee: dict[str, Any], settlement: dict[str, Any], path: str) -> Iterator[Fault]:
    """What joins periods works where a surplus is one of the value, and a year's value a ratio of its sums."""
    kind = guarantee.get("kind")
    for part, place in ((guarantee, path), (settlement, at(path, "settlement"))):
        kept, inside = mapping_in(part.get("carry_over")), at(place, "carry_over")
        breach = given(settlement, _BY_BREACH)
        if kept and breach:
            yield Fault(inside, f"a surplus makes no breach undone: not beside {breach[0]}")
        if kept.get("max_pp") is not None and kind in _PRICED_ONLY:
            yield Fault(at(inside, "max_pp"), f"the value of {kind} is no share: percentage points are none of it")
    if guarantee.get("true_up") is not None and kind in _NO_SUMS:
        yield Fault(at(path, "true_up"), f"the values of {kind} make no ratio of sums over a year")


def _has_fee(root: dict[str, Any], settlement: dict[str, Any]) -> bool:
    fee = mapping_in(root.get("fee"))
    return any(each is not None for each in (_own_fee(settlement), fee.get("annual"), fee.get("base_monthly")))


def _own_fee(settlement: dict[str, Any]) -> Decimal | None:
    """The annual fee a settlement states, as `spec_fees.annual_of` reads it."""
    in_cap = number_in(mapping_in(settlement.get("cap")).get("annual_fee"))
    return number_in(settlement.get("annual_fee")) if in_cap is None else in_cap


def _caps(root: dict[str, Any], settlement: dict[str, Any], path: str, *, has_fee: bool) -> Iterator[Fault]:
    if isinstance(settlement.get("cap"), dict):
        yield from _cap(settlement["cap"], at(path, "cap"), _CAP_KEYS, has_fee=has_fee)
    for key in given(settlement, _SHARES):
        if not has_fee:
            yield Fault(at(path, key), "needs annual_fee")
    for several in _ONE_CAP:
        for key in given(settlement, several)[1:]:
            yield Fault(at(path, key), f"{given(settlement, several)[0]} is given already")
    period = mapping_in(root.get("term")).get("period")
    for key in given(settlement, _OF_PERIOD):
        if isinstance(period, str) and period != _OF_PERIOD[key]:
            yield Fault(at(path, key), f"the contract's period is {period}: use cap_per_period")
    if mapping_in(settlement.get("cap")).get("annual_fee") is not None and settlement.get("annual_fee") is not None:
        yield Fault(at(path, "annual_fee"), "given in the cap already")


def _cap(cap: dict[str, Any], path: str, keys: tuple[str, ...], *, has_fee: bool) -> Iterator[Fault]:
    if not given(cap, keys):
        yield Fault(path, f"needs one of {', '.join(keys[:-1])} and {keys[-1]}")
    for pair in _CAP_TWICE:
        if len(given(cap, pair)) == 2:
            yield Fault(path, f"needs one of {pair[0]} and {pair[1]}, not both")
    for key in given(cap, keys):
        if (key in _OF_FEE or key in _SHARES) and not has_fee:
            yield Fault(path, f"{key} needs annual_fee")


def _malus(guarantee: dict[str, Any], settlement: dict[str, Any], path: str, *, has_fee: bool) -> Iterator[Fault]:
    malus, place = mapping_in(settlement.get("malus")), at(path, "malus")
    if not isinstance(settlement.get("malus"), dict):
        return
    yield from _one_form(malus, _MALUS, place)
    yield from _of_kind(guarantee, malus, place)
    yield from _steps(malus, place, has_fee=has_fee)
    constants = set(malus) - set(MalusForm.model_fields)
    if malus.get("formula") is None:
        for name in sorted(constants):
            yield Fault(at(place, name), "unknown key")
        return
    in_cap = mapping_in(settlement.get("cap")).get("annual_fee") is not None
    if "annual_fee" in constants and (in_cap or settlement.get("annual_fee") is not None):
        yield Fault(
            at(place, "annual_fee"), "given in the cap already" if in_cap else "given in the settlement already"
        )
    yield from _names(guarantee, malus, constants | ({"annual_fee"} if has_fee else set()), constants, place)


def _bonus(guarantee: dict[str, Any], settlement: dict[str, Any], path: str, *, has_fee: bool) -> Iterator[Fault]:
    bonus, place = mapping_in(settlement.get("bonus")), at(path, "bonus")
    if not isinstance(settlement.get("bonus"), dict):
        return
    if settlement.get("capacity") is not None:
        yield Fault(place, "success is paid by capacity already")
    yield from _one_form(bonus, _BONUS, place)
    yield from _of_kind(guarantee, bonus, place)
    above, level = number_in(bonus.get("above")), base_level(guarantee)
    if above is not None and level is not None and guarantee.get("kind") != "energy_intensity" and above < level:
        yield Fault(at(place, "above"), f"is below the level {level}")
    if bonus.get("price") is not None and above is not None:
        yield Fault(at(place, "above"), "not beside a price: it is paid from the level on")
    own = set(bonus) - set(BonusForm.model_fields)
    if bonus.get("formula") is None:
        for name in sorted(own):
            yield Fault(at(place, name), "unknown key")
        return
    shared = set(mapping_in(settlement.get("malus"))) - set(MalusForm.model_fields)
    known = own | shared | ({"annual_fee"} if has_fee else set()) | set(given(bonus, ("share",)))
    yield from _names(guarantee, bonus, known, own, place)


def _one_form(part: dict[str, Any], forms: tuple[str, ...], path: str) -> Iterator[Fault]:
    found = given(part, forms)
    if len(found) != 1:
        yield Fault(path, f"needs one of {', '.join(forms[:-1])} and {forms[-1]}" + (", not several" if found else ""))
    if part.get("per") is not None and part.get("price") is None:
        yield Fault(at(path, "per"), "needs price")


def _of_kind(guarantee: dict[str, Any], part: dict[str, Any], path: str) -> Iterator[Fault]:
    """A price is of the guarantee's own quantity; percentage points are of a value that is a share."""
    kind = guarantee.get("kind")
    if part.get("price") is not None and isinstance(kind, str) and kind not in _PRICED:
        yield Fault(at(path, "price"), f"{kind} has no quantity of its own a price could be of")
    for key in given(part, _STEPS):
        if kind in _PRICED_ONLY:
            yield Fault(at(path, key), f"the value of {kind} is no share: use price")


def _steps(malus: dict[str, Any], path: str, *, has_fee: bool) -> Iterator[Fault]:
    amounts = given(malus, ("amount_per_step", "fraction_of_fee"))
    if malus.get("per_step_pp") is not None and len(amounts) != 1:
        yield Fault(path, "per_step_pp needs one of amount_per_step and fraction_of_fee")
    for key in (*amounts, *given(malus, ("step_rule",))):
        if malus.get("per_step_pp") is None:
            yield Fault(at(path, key), "needs per_step_pp")
    if malus.get("fraction_of_fee") is not None and not has_fee:
        yield Fault(at(path, "fraction_of_fee"), "needs annual_fee")


def _names(
    guarantee: dict[str, Any], part: dict[str, Any], known: set[str], constants: set[str], path: str
) -> Iterator[Fault]:
    kind = guarantee.get("kind")
    found = MEASURES | measured_names(guarantee) | (_OF_KIND.get(kind, frozenset()) if isinstance(kind, str) else set())
    for name in sorted(constants & (found | set(UNITS))):
        yield Fault(at(path, name), "this name is measured, it cannot be a constant")
    for name in sorted(names_of(part.get("formula")) - known - found):
        yield Fault(at(path, "formula"), f"unknown name {name!r}")


def _tiers(root: dict[str, Any], guarantee: dict[str, Any], settlement: dict[str, Any], path: str) -> Iterator[Fault]:
    """Each tier below the one before it, with a larger share; none above the level; `of` with a fee to be of."""
    tiers = [mapping_in(each) for each in list_in(settlement.get("tiers"))]
    level = base_level(guarantee)
    previous: tuple[Decimal, Decimal] | None = None
    for index, tier in enumerate(tiers):
        below, fraction = number_in(tier.get("below")), number_in(tier.get("credit_fraction"))
        place = at(at(path, "tiers"), index)
        if below is None or fraction is None:
            continue
        if level is not None and below > level:
            yield Fault(at(place, "below"), f"is above the level {level}")
        if previous is not None and below >= previous[0]:
            yield Fault(at(place, "below"), f"is not below the tier before it, {previous[0]}")
        if previous is not None and fraction < previous[1]:
            yield Fault(at(place, "credit_fraction"), f"is less than the tier's before it, {previous[1]}")
        previous = below, fraction
    if tiers and settlement.get("of") is None:
        yield Fault(at(path, "of"), "missing: what the shares of the tiers are of")
    if not tiers and settlement.get("of") is not None:
        yield Fault(at(path, "of"), "needs tiers")
    if isinstance(settlement.get("of"), str) and not _has_fee(root, settlement):
        yield Fault(at(path, "of"), "needs annual_fee or fee.base_monthly")
