"""A contract file to a Contract: read strictly, checked whole, mapped once. Nothing past it sees YAML."""

import hashlib
from decimal import Context, Decimal
from typing import Any

from pydantic import ValidationError

from shared import declared, strict_yaml
from shared.contracts import spec_rules
from shared.contracts.spec_form import Cap, ContractForm, GuaranteeForm, SettlementForm
from shared.contracts.terms import AlertPolicy, Allowance, Contract, Guarantee, Malus, Override, Verdict
from shared.errors import Fault, SpecError
from shared.model.facts import Category

# Wide enough for the product of any two numbers that strict_yaml reads.
_EXACT = Context(prec=2 * strict_yaml.MAX_DIGITS)


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
    crossed = list(spec_rules.faults(plain))
    try:
        return ContractForm.model_validate(plain), crossed
    except ValidationError as error:
        return None, [*(declared.fault(each) for each in error.errors(include_url=False)), *crossed]


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
        assets=tuple(asset.id for asset in form.assets),
        guarantees=tuple(_guarantee(each) for each in form.guarantees),
        source=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _guarantee(form: GuaranteeForm) -> Guarantee:
    return Guarantee(
        id=form.id,
        level=form.level,
        form=form.form,
        verdicts=_verdicts(form),
        allowances=tuple(
            Allowance(
                category=each.category,
                hours_per_asset_per_period=each.hours_per_asset_per_period,
                fraction_of_period=each.fraction_of_period,
                within=each.within,
                beyond=each.beyond,
            )
            for each in form.verdicts.allowance
        ),
        overrides=tuple(Override(when=each.when, verdict=each.verdict) for each in form.overrides),
        availability_decimals=form.rounding.availability_decimals,
        money_decimals=form.rounding.money_decimals,
        malus=_malus(form.settlement) if form.settlement else None,
        alert=AlertPolicy(open_at=float(form.alert.p_miss_open), close_below=float(form.alert.p_miss_close)),
    )


def _verdicts(form: GuaranteeForm) -> dict[Category, Verdict]:
    lists = (
        (Verdict.AVAILABLE, form.verdicts.available),
        (Verdict.EXCLUDED, form.verdicts.excluded),
        (Verdict.UNAVAILABLE, form.verdicts.unavailable),
    )
    return {category: verdict for verdict, categories in lists for category in categories}


def _malus(form: SettlementForm) -> Malus:
    constants = dict(form.malus.__pydantic_extra__)
    if form.cap and form.cap.annual_fee is not None:
        constants["annual_fee"] = form.cap.annual_fee
    return Malus(formula=form.malus.formula, constants=constants, cap=_cap(form.cap) if form.cap else None)


def _cap(form: Cap) -> Decimal | None:
    if form.malus_fraction_of_annual_fee is None or form.annual_fee is None:
        return form.malus_per_period
    return _EXACT.multiply(form.malus_fraction_of_annual_fee, form.annual_fee)
