"""The money parts of a contract file to amounts: forms of malus and bonus, caps, what joins periods."""

from decimal import Decimal
from typing import Any, Final

from shared.contracts.money import (
    CapacityMoney,
    Caps,
    CarryOver,
    CountMoney,
    DeadBand,
    FormulaMoney,
    Indexation,
    MakeGood,
    Money,
    StepMoney,
    StepRule,
    Tier,
    TieredMoney,
    TrueUp,
    UnitMoney,
)
from shared.contracts.spec.fees import EXACT, Basis, basis, fees, months_of
from shared.contracts.spec.form import ContractForm
from shared.contracts.spec.form_money import (
    BonusForm,
    CapForm,
    CapsForm,
    Constants,
    MalusForm,
    NoticeSettlement,
    RatioSettlement,
    SettlementForm,
    TicketSettlement,
    UnitSettlement,
)

_TENTH: Final = Decimal("0.1")


def malus(form: Any, contract: ContractForm) -> tuple[Money, ...]:
    """The form of malus of one guarantee, wherever the file says it; none, or one."""
    settlement: SettlementForm | None = form.settlement
    tariff = getattr(form, "tariff", None)
    found: list[Money] = []
    if settlement is not None:
        of = basis(settlement, contract)
        if settlement.malus is not None:
            found.append(_malus(settlement.malus, of))
        found += _special(settlement, of, contract)
    if tariff is not None:
        found.append(UnitMoney(price=tariff.value))
    return tuple(found)


def _special(settlement: SettlementForm, of: Basis, contract: ContractForm) -> list[Money]:
    """What only some kinds have."""
    match settlement:
        case RatioSettlement():
            tiered = [_tiered(settlement, of, contract)] if settlement.tiers else []
            return [*tiered, *_capacity(settlement)]
        case UnitSettlement(else_per_1000_units=Decimal() as price):
            return [UnitMoney(price=price, per=Decimal(1000))]
        case TicketSettlement(per_breach=Decimal() as amount):
            return [CountMoney(amount=amount)]
        case NoticeSettlement(per_unannounced_failure_beyond_quota=Decimal() as amount):
            return [CountMoney(amount=amount)]
        case _:
            return []


def _capacity(settlement: RatioSettlement) -> list[Money]:
    if settlement.capacity is None:
        return []
    return [CapacityMoney(amount=settlement.capacity.amount, target=settlement.capacity.target)]


def _tiered(settlement: RatioSettlement, of: Basis, contract: ContractForm) -> Money:
    named = settlement.of
    if named == "base_monthly":
        amount = contract.fee.base_monthly if contract.fee and contract.fee.base_monthly is not None else of.monthly
    else:
        amount = of.annual if isinstance(named, str) else named
    assert amount is not None
    tiers = tuple(Tier(below=tier.below, fraction=tier.credit_fraction) for tier in settlement.tiers)
    return TieredMoney(tiers=tiers, of=amount, of_name=named if isinstance(named, str) else "agreed_amount")


def _malus(form: MalusForm, of: Basis) -> Money:
    if form.formula is not None:
        return FormulaMoney(formula=form.formula, constants=_constants(form, of))
    if form.price is not None:
        return UnitMoney(price=form.price, per=form.per or Decimal(1))
    if form.per_pp is not None:
        return StepMoney(step_pp=Decimal(1), amount=form.per_pp, rule=None)
    if form.per_tenth_pp_started is not None:
        return StepMoney(step_pp=_TENTH, amount=form.per_tenth_pp_started, rule=StepRule.STARTED)
    amount = form.amount_per_step if form.amount_per_step is not None else of.share(form.fraction_of_fee)
    assert form.per_step_pp is not None
    assert amount is not None
    return StepMoney(step_pp=form.per_step_pp, amount=amount, rule=form.step_rule)


def bonus(form: Any, contract: ContractForm) -> tuple[Money, ...]:
    """The forms of bonus of one guarantee; a formula may name the malus's constants, too."""
    settlement: SettlementForm | None = form.settlement
    if settlement is None:
        return ()
    capacity = _capacity(settlement) if isinstance(settlement, RatioSettlement) else []
    given = [] if settlement.bonus is None else [_bonus(settlement.bonus, settlement, contract)]
    return (*given, *capacity)


def _bonus(given: BonusForm, settlement: SettlementForm, contract: ContractForm) -> Money:
    of = basis(settlement, contract)
    if given.formula is not None:
        constants = _constants(settlement.malus, of) if settlement.malus else {}
        constants |= _constants(given, of)
        if given.share is not None:
            constants["share"] = given.share
        return FormulaMoney(formula=given.formula, constants=constants, above=given.above)
    if given.per_pp is not None:
        return StepMoney(step_pp=Decimal(1), amount=_shared(given), rule=None, above=given.above)
    assert given.price is not None
    share = Decimal(1) if given.share is None else given.share
    return UnitMoney(price=given.price, per=given.per or Decimal(1), share=share)


def _shared(form: BonusForm) -> Decimal:
    assert form.per_pp is not None
    return form.per_pp if form.share is None else EXACT.multiply(form.per_pp, form.share)


def _constants(form: Constants, of: Basis) -> dict[str, Decimal]:
    annual = {} if of.annual is None else {"annual_fee": of.annual}
    return {**dict(form.__pydantic_extra__ or {}), **annual}


def caps(settlement: SettlementForm | None, contract: ContractForm) -> Caps:
    """The caps of one guarantee."""
    if settlement is None:
        return Caps()
    of = basis(settlement, contract)
    given = _caps(settlement.cap or CapForm(), of)
    period = (
        settlement.cap_per_period,
        settlement.cap_per_month,
        settlement.cap_per_quarter,
        of.share(settlement.cap_fraction_month, months=1),
        of.share(settlement.cap_fraction_quarter, months=3),
    )
    year = (settlement.cap_per_year, of.share(settlement.cap_fraction_year), of.share(settlement.cap_fraction))
    own_bonus = settlement.bonus.cap if settlement.bonus else None
    return Caps(
        malus_per_period=_lowest(given.malus_per_period, *period),
        malus_per_year=_lowest(given.malus_per_year, *year),
        malus_lifetime=_lowest(given.malus_lifetime, of.lifetime(settlement.lifetime_cap_fraction_of_fees)),
        bonus_per_period=_lowest(given.bonus_per_period, own_bonus),
        bonus_per_year=given.bonus_per_year,
    )


def contract_caps(form: CapsForm | None, contract: ContractForm) -> Caps:
    """The caps over all guarantees."""
    if form is None:
        return Caps()
    annual = form.annual_fee if form.annual_fee is not None else fees(contract).annual
    of = Basis(annual=annual, months=months_of(contract))
    given = _caps(form, of)
    return Caps(
        malus_per_period=given.malus_per_period,
        malus_per_year=given.malus_per_year,
        malus_lifetime=_lowest(given.malus_lifetime, of.lifetime(form.lifetime_cap_fraction_of_fees)),
        bonus_per_period=given.bonus_per_period,
        bonus_per_year=given.bonus_per_year,
    )


def _caps(form: CapForm, of: Basis) -> Caps:
    return Caps(
        malus_per_period=_lowest(form.malus_per_period, of.share(form.malus_fraction_of_annual_fee)),
        malus_per_year=_lowest(form.malus_per_year, of.share(form.malus_year_fraction_of_annual_fee)),
        malus_lifetime=form.malus_lifetime,
        bonus_per_period=_lowest(form.bonus_per_period, of.share(form.bonus_fraction_of_annual_fee)),
        bonus_per_year=form.bonus_per_year,
    )


def _lowest(*amounts: Decimal | None) -> Decimal | None:
    return min((amount for amount in amounts if amount is not None), default=None)


def dead_band(form: Any) -> DeadBand | None:
    """The band of a guarantee whose kind has one."""
    given = getattr(form, "dead_band", None)
    return None if given is None else DeadBand(kind=given.type, pp=given.pp, fraction=given.fraction)


def carry_over(form: Any) -> CarryOver | None:
    """What a period leaves for later ones; said of the guarantee or in its settlement."""
    given = form.carry_over or (form.settlement.carry_over if form.settlement else None)
    if given is None:
        return None
    share = Decimal(1) if given.share is None else given.share
    return CarryOver(periods=given.periods, share=share, max_pp=given.max_pp)


def true_up(form: Any) -> TrueUp | None:
    return None if form.true_up is None else TrueUp(basis=form.true_up.basis, refund_if_met=form.true_up.refund_if_met)


def make_good(form: Any) -> MakeGood | None:
    """Service in place of money; said of the guarantee or in its settlement."""
    given = form.make_good or (form.settlement.make_good if form.settlement else None)
    if given is not None:
        return MakeGood(by=given.by, within_days=given.within_days)
    if form.settlement is None or form.settlement.action is None:
        return None
    return MakeGood(by=form.settlement.action, within_days=form.settlement.within_days or 0)


def indexation(form: Any) -> Indexation | None:
    given = form.indexation or (form.settlement.indexation if form.settlement else None)
    return None if given is None else Indexation(index=given.index, base=given.base, values=dict(given.values))
