"""Verdict to money: malus and bonus of one guarantee over one period alone, with every step in words.

What periods and guarantees share (caps of the year, carry-over, true-up) comes after, in `ledger`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from shared.contracts.assessment import Settlement
from shared.contracts.decide import below_floor
from shared.contracts.finding import Finding, Outcome, Reason
from shared.contracts.money import CountMoney, FormulaMoney, Money, StepMoney
from shared.contracts.periods import Period
from shared.contracts.rounding import down, half_up, plain
from shared.contracts.settlement.forms import Priced, price_bonus, price_breaches, price_malus
from shared.contracts.settlement.indexing import index_factor
from shared.contracts.settlement.shortfall import Shortfall, after_band, shortfall_of
from shared.contracts.terms import Contract, Guarantee, Kind

# Reasons for which there is no value yet, though money may be owed once it is known.
_NOT_YET = {Reason.MISSING_QUANTITY, Reason.UNCERTAINTY_UNKNOWN}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is to be settled: a value (None: there is none) against its level."""

    contract: Contract
    guarantee: Guarantee
    finding: Finding
    level: Fraction
    measured: Fraction | None
    outcome: Outcome
    period: Period
    running: bool = False

    @property
    def nothing(self) -> Decimal:
        return half_up(Fraction(0), self.guarantee.rounding.money_decimals)

    @property
    def agreed(self) -> bool:
        terms = self.guarantee
        return bool(terms.malus or terms.bonus or terms.floor or terms.make_good)

    def one_hour_worse(self) -> "Case | None":
        """The case had one more hour been unavailable; None where hours do not count, or no money hangs on them."""
        worse = self.finding.one_hour_worse()
        if worse is None or worse.value is None or self.finding.value is None or self.measured is None:
            return None
        if not self.agreed or self.outcome is Outcome.NOT_ASSESSABLE:
            return None
        decimals = self.guarantee.rounding.value_decimals
        now, then = self.finding.value, worse.value
        if decimals is not None:
            now, then = Fraction(half_up(now, decimals)), Fraction(half_up(then, decimals))
        return replace(self, finding=worse, measured=self.measured - (now - then))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Amount:
    """One side of the money after rounding and the period's cap; None when it is not known."""

    amount: Decimal | None
    steps: tuple[str, ...]
    capped: bool = False


def settle(
    contract: Contract,
    guarantee: Guarantee,
    finding: Finding,
    *,
    level: Fraction,
    measured: Fraction | None,
    outcome: Outcome,
    period: Period,
    running: bool = False,
) -> Settlement:
    """What a guarantee's value costs the supplier or the customer; `measured` is rounded by the contract's rule.

    Order: dead band, form, index, never below nothing, rounding half up, cap of the period. Nothing is owed at the
    level or better, and never malus and bonus together. A kind with a test of its own (`finding.decided`) owes by what
    that decided. A formula that divides by zero because nothing was available is owed its cap, the limit it grows to;
    for any other reason, and without a cap, it has no value, and neither has one with a quantity that is not known.
    What one more hour would cost depends on what periods share, and comes with that.
    """
    return settle_case(
        Case(
            contract=contract,
            guarantee=guarantee,
            finding=finding,
            level=level,
            measured=measured,
            outcome=outcome,
            period=period,
            running=running,
        )
    )


def is_missed(guarantee: Guarantee, finding: Finding, level: Fraction, measured: Fraction | None) -> bool:
    """Whether the value is worse than the level, or the kind's own test says so; floors and dead band apart."""
    if finding.decided is not None:
        return finding.decided[0] is Outcome.MISSED
    return measured is not None and shortfall_of(guarantee, finding, level, measured).beyond(level) > 0


def settle_case(case: Case) -> Settlement:
    """As `settle`, of a case."""
    finding = case.finding
    if case.outcome is Outcome.NOT_ASSESSABLE:
        return _not_assessable(case)
    if case.measured is None:
        return _without_value(case)
    whole = shortfall_of(case.guarantee, finding, case.level, case.measured)
    missed = is_missed(case.guarantee, finding, case.level, case.measured)
    floors = _floors(case)
    so_far = ", its share of the period so far" if case.running and case.guarantee.kind is Kind.ENERGY_SAVINGS else ""
    relation = f"measured {plain(case.measured)} against level {plain(case.level)}{so_far}"
    if missed or floors:
        word = "worse" if case.outcome is Outcome.MET else "missed"
        return _missed(case, whole if missed else None, floors, f"{relation}: {word if missed else 'met'}")
    if finding.decided is not None and finding.decided[0] is not Outcome.MET:
        return _no_money(case, f"{relation}: {finding.decided[1].value.replace('_', ' ')}, nothing is owed")
    return _met(case, whole, relation)


def _not_assessable(case: Case) -> Settlement:
    reason = case.finding.reason
    if case.agreed and reason in _NOT_YET:
        steps = (*case.finding.notes, "no value yet: the money cannot be computed")
        can_owe = bool(case.guarantee.malus or case.guarantee.floor or case.guarantee.make_good)
        return _settlement(
            case,
            _Amount(amount=None if can_owe else case.nothing, steps=steps),
            _Amount(amount=None if case.guarantee.bonus else case.nothing, steps=()),
        )
    by_time = case.finding.sum_unit == "us" and reason in {None, Reason.NO_DENOMINATOR}
    said = "no time counts" if by_time else (reason or Reason.NO_DENOMINATOR).value.replace("_", " ")
    return _no_money(case, f"{said}: nothing is owed")


def _without_value(case: Case) -> Settlement:
    """A kind with a test of its own may decide without a value: no failure at all still proves a bound.

    Breaches are counted all the same, so that their price is known.
    """
    if is_missed(case.guarantee, case.finding, case.level, None) and case.guarantee.malus:
        parts = [_priced_without_value(money, case.finding) for money in case.guarantee.malus]
        amount = _total(case, parts, case.guarantee.caps.malus_per_period)
        return _settlement(case, amount, _Amount(amount=case.nothing, steps=()))
    return _no_money(case, "no value is needed: nothing is owed")


def _priced_without_value(money: Money, finding: Finding) -> Priced:
    if isinstance(money, CountMoney):
        return price_breaches(money, finding.breaches)
    return Priced(amount=None, steps=("missed, but there is no value: the money cannot be computed",))


def _no_money(case: Case, *steps: str) -> Settlement:
    return _settlement(case, _Amount(amount=case.nothing, steps=steps), _Amount(amount=case.nothing, steps=()))


def _missed(case: Case, whole: Shortfall | None, floors: Sequence[Priced], relation: str) -> Settlement:
    """The malus for the value (`whole`, None when it is met) and for the assets below their floor."""
    guarantee = case.guarantee
    steps: tuple[str, ...] = (relation,)
    paid, parts = None, list(floors)
    if whole is not None:
        paid, band_steps = after_band(guarantee, case.finding, whole)
        steps += band_steps
    if paid is not None:
        parts = [*(price_malus(money, paid) for money in guarantee.malus), *parts]
    if not parts:
        said = () if paid is None or guarantee.make_good else ("no malus is agreed",)
        amount = _Amount(amount=case.nothing, steps=(*steps, *said))
    else:
        amount = _total(case, parts, guarantee.caps.malus_per_period)
        amount = replace(amount, steps=(*steps, *amount.steps))
    owed = _settlement(case, amount, _Amount(amount=case.nothing, steps=()))
    return _made_good(case, owed) if paid is not None or floors else owed


def _floors(case: Case) -> list[Priced]:
    """A price for each asset whose own value, by the contract's rule, is below the floor."""
    floor = case.guarantee.floor
    if floor is None:
        return []
    return [
        Priced(
            amount=Fraction(floor.amount),
            steps=(f"{asset.asset} {plain(value)} below its floor {floor.level}: {floor.amount}",),
        )
        for asset, value in below_floor(case.guarantee, case.finding)
    ]


def floor_malus(case: Case) -> Decimal:
    """What of the malus is for assets below their floor, before any cap."""
    return _total(case, _floors(case), None).amount or case.nothing


def _made_good(case: Case, owed: Settlement) -> Settlement:
    make_good = case.guarantee.make_good
    if make_good is None or (owed.malus == 0 and case.guarantee.malus):
        return owed
    instead = f"{make_good.by} within {make_good.within_days} days"
    money = "the money" if owed.malus is None else f"{owed.malus} {owed.currency}"
    in_place = f" instead of {money}, which is owed if it is not rendered" if case.guarantee.malus else ""
    return replace(owed, malus=case.nothing, instead=instead, steps=(*owed.steps, f"{instead} is owed{in_place}"))


def _met(case: Case, whole: Shortfall, relation: str) -> Settlement:
    malus = _Amount(amount=case.nothing, steps=(f"{relation}: met, nothing is owed",))
    bonus = _Amount(amount=case.nothing, steps=())
    if case.guarantee.bonus:
        parts = [price_bonus(money, whole) for money in case.guarantee.bonus]
        bonus = _total(case, parts, case.guarantee.caps.bonus_per_period)
    surplus = _surplus_of(case, whole, Fraction(1) if bonus.amount == 0 else _unpaid(case, whole))
    settled = replace(_settlement(case, malus, bonus), surplus=surplus)
    if not surplus:
        return settled
    return replace(settled, steps=(*settled.steps, f"{plain(surplus)} {whole.unit} may be carried over"))


def _unpaid(case: Case, whole: Shortfall) -> Fraction:
    """The share of what is better than promised that earns no bonus: up to the value above which it is paid."""
    limits = [money.above for money in case.guarantee.bonus if isinstance(money, FormulaMoney | StepMoney)]
    over = -whole.beyond(whole.level)
    paid_from = [-replace(whole, measured=Fraction(limit)).beyond(whole.level) for limit in limits if limit is not None]
    return min(max(paid_from[0] / over, Fraction(0)), Fraction(1)) if paid_from and over > 0 else Fraction(0)


def _surplus_of(case: Case, whole: Shortfall, unpaid: Fraction) -> Fraction:
    """What a value better than promised leaves to carry over: of the guarantee's own quantity, else of its pp."""
    terms = case.guarantee.carry_over
    if terms is None:
        return Fraction(0)
    better = max(-(whole.pp if whole.missing is None else whole.missing), Fraction(0)) * unpaid
    kept = Fraction(terms.share) * better
    if terms.max_pp is None or case.finding.unit != "1":
        return kept
    one_pp = Fraction(1) if whole.missing is None else case.finding.denominator / 100
    return min(kept, Fraction(terms.max_pp) * one_pp)


def _total(case: Case, parts: Sequence[Priced], cap: Decimal | None) -> _Amount:
    """The sum of the parts, indexed, rounded and capped; not known when a part is not, unless it grows to the cap."""
    steps = [step for part in parts for step in part.steps]
    currency, places = case.contract.currency, case.guarantee.rounding.money_decimals
    unknown = [part for part in parts if part.amount is None]
    if unknown:
        if cap is None or not all(part.limitless for part in unknown):
            return _Amount(amount=None, steps=tuple(steps))
        return _capped(cap, currency, places, steps)
    exact = sum((part.amount for part in parts if part.amount is not None), Fraction(0))
    if len(parts) > 1:
        steps.append(f"together {plain(exact)}")
    if exact and case.guarantee.indexation is not None:
        factor, step = index_factor(case.contract, case.guarantee.indexation, case.period)
        exact *= factor
        steps.append(step if factor == 1 else f"{step}: {plain(exact)}")
    owed = half_up(exact, places)
    steps.append(f"rounded half up to {places} decimals: {owed} {currency}")
    if cap is None:
        return _Amount(amount=owed, steps=tuple(steps))
    if owed > cap:
        return _capped(cap, currency, places, steps)
    return _Amount(amount=owed, steps=(*steps, f"cap of the period {cap} {currency}: not reached"))


def _capped(cap: Decimal, currency: str, places: int, steps: list[str]) -> _Amount:
    owed = down(Fraction(cap), places)
    step = f"cap of the period {cap} {currency}: {owed} {currency} is owed"
    return _Amount(amount=owed, steps=(*steps, step), capped=True)


def _settlement(case: Case, malus: _Amount, bonus: _Amount) -> Settlement:
    capped = malus.capped or bonus.capped
    return Settlement(
        agreed=case.agreed,
        currency=case.contract.currency,
        malus=malus.amount,
        bonus=bonus.amount,
        computed_malus=malus.amount,
        computed_bonus=bonus.amount,
        capped=capped,
        cap="period" if capped else None,
        steps=(*malus.steps, *bonus.steps),
    )
