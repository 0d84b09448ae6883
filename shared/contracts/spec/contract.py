"""A contract file to a Contract: read strictly, checked whole, mapped once. Nothing past it sees YAML."""

import hashlib
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared import declared, strict_yaml
from shared.contracts.levels import Levels, RampUp, Season
from shared.contracts.spec import fees, measure, money, rules
from shared.contracts.spec.form import AssetForm, ContractForm, StationForm
from shared.contracts.spec.texts import contract_texts, guarantee_texts
from shared.contracts.terms import (
    AlertPolicy,
    Contract,
    FloorPerAsset,
    Guarantee,
    Kind,
    Machine,
    PeriodKind,
    Rounding,
    Statements,
    Weighting,
)
from shared.errors import Fault, SpecError

# How a fault of pydantic's choice between the kinds is said.
_KINDS: Final = frozenset(kind.value for kind in Kind)
_TAGS: Final = {"union_tag_invalid": "unknown kind", "union_tag_not_found": "missing"}


def parse(text: str, source: str) -> Contract:
    """The contract a YAML text declares; `source` names the text in messages.

    SpecError with every fault found, each with its path in the file.
    """
    plain, faults = strict_yaml.read(text)
    form, found = _form(plain) if plain is not None else (None, [])
    unread = {fault.path for fault in faults}
    faults += [fault for fault in found if fault.path not in unread]
    if faults or form is None:
        raise SpecError(source, faults)
    return _contract(form, text)


def _form(plain: Any) -> tuple[ContractForm | None, list[Fault]]:
    """The checked form, and what the form and the rules across fields find wrong in the same values."""
    crossed = list(rules.faults(plain))
    try:
        return ContractForm.model_validate(plain), crossed
    except ValidationError as error:
        return None, [*(_fault(each) for each in error.errors(include_url=False)), *crossed]


def _fault(error: ErrorDetails) -> Fault:
    """A fault at its place in the file; which kind's form found it is no part of the place."""
    if error["type"] in _TAGS:
        given = error["input"].get("kind") if isinstance(error["input"], dict) else None
        reason = _TAGS[error["type"]] if given is None else f"unknown kind {given!r}, only {', '.join(sorted(_KINDS))}"
        return Fault(strict_yaml.at(strict_yaml.at("guarantees", error["loc"][1]), "kind"), reason)
    loc = error["loc"]
    if len(loc) > 2 and loc[0] == "guarantees" and loc[2] in _KINDS:
        loc = (*loc[:2], *loc[3:])
    return declared.fault({**error, "loc": loc})


def _contract(form: ContractForm, text: str) -> Contract:
    return Contract(
        id=form.contract.id,
        version=form.contract.version,
        customer=form.contract.customer,
        currency=form.contract.currency,
        zone=form.contract.tz,
        start=form.term.start,
        end=form.term.end,
        period=form.term.period,
        settlement_year=form.term.true_up or _year_of(form.term.period),
        machines=_machines(form),
        guarantees=tuple(_guarantee(each, form) for each in form.guarantees),
        fees=fees.fees(form),
        caps=money.contract_caps(form.caps, form),
        statements=Statements(
            late_data_cutoff_days=form.data.late_data_cutoff_days,
            due_days=form.statement.due_days,
            customer_review_days=form.statement.customer_review_days,
            escalation=form.statement.escalation,
        ),
        unreported=form.data.unreported,
        offering=form.contract.offering,
        texts=contract_texts(form),
        source=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _year_of(period: PeriodKind) -> PeriodKind:
    """The settlement year of a contract that does not say: as its periods are cut."""
    if period in {PeriodKind.CONTRACT_YEAR, PeriodKind.TERM}:
        return PeriodKind.CONTRACT_YEAR
    return PeriodKind.CALENDAR_YEAR


def _machines(form: ContractForm) -> tuple[Machine, ...]:
    fleet = form.fleet.assets if form.fleet else ()
    return (
        *(_machine(each) for each in form.assets),
        *(_station(each) for each in (form.station,) if each is not None),
        *(Machine(name=each.id, rated_kw=each.rated_kw) for each in fleet),
    )


def _machine(form: AssetForm) -> Machine:
    return Machine(name=form.id, rated_kw=form.rated_kw, parts=form.machines, bottleneck=form.bottleneck)


def _station(form: StationForm) -> Machine:
    return Machine(name=form.id, parts=(*form.compressors, *form.machines))


def _guarantee(form: Any, contract: ContractForm) -> Guarantee:
    settlement = form.settlement
    by_fleet = contract.fleet.weighting if contract.fleet and form.kind in rules.WEIGHTED else None
    decimals = form.rounding.availability_decimals
    return Guarantee(
        id=form.id,
        kind=Kind(form.kind),
        indicator=form.indicator or f"{form.kind}@1",
        levels=_levels(form),
        measure=measure.measure(form, contract),
        rounding=Rounding(
            value_decimals=form.rounding.value_decimals if decimals is None else decimals,
            money_decimals=form.rounding.money_decimals,
        ),
        alert=AlertPolicy(open_at=float(form.alert.p_miss_open), close_below=float(form.alert.p_miss_close)),
        weighting=form.weighting or by_fleet or Weighting.EQUAL_HOURS,
        floor=_floor(form),
        dead_band=money.dead_band(form),
        malus=money.malus(form, contract),
        bonus=money.bonus(form, contract),
        caps=money.caps(settlement, contract),
        carry_over=money.carry_over(form),
        true_up=money.true_up(form),
        make_good=money.make_good(form),
        indexation=money.indexation(form),
        exclusive_of=settlement.exclusive_of if settlement else (),
        quantities=dict(form.quantities),
        texts=guarantee_texts(form),
    )


def _floor(form: Any) -> FloorPerAsset | None:
    given = getattr(form, "floor_per_asset", None)
    return None if given is None else FloorPerAsset(level=given.level, amount=given.ld)


def _levels(form: Any) -> Levels:
    base = _base_level(form)
    return Levels(
        base=base,
        by_contract_year=form.by_contract_year,
        seasons=tuple(Season(months=frozenset(each.months), level=each.level) for each in form.seasons),
        ramp_up=_ramp_up(form, base),
        degradation_per_year=form.degradation_per_year,
    )


def _base_level(form: Any) -> Decimal:
    match Kind(form.kind):
        case Kind.ENERGY_SAVINGS:
            return form.level_mwh_per_period
        case Kind.OUTPUT:
            return form.level_good_units_per_required_h
        case Kind.MTBF:
            return form.level_h
        case Kind.FAILURE_NOTICE:
            return form.level[0]
        case _:
            return form.level


def _ramp_up(form: Any, base: Decimal) -> RampUp | None:
    given = form.ramp_up
    if given is None:
        return None
    # A level of pieces an hour of at most 1 beside thousands is meant as a share of them.
    if given.level is not None and given.level <= 1 < base:
        return RampUp(first_days=given.first_days, factor=given.level)
    return RampUp(first_days=given.first_days, level=given.level, factor=given.factor)
