"""A Backtest as the document `vouch backtest --json` prints: the same input gives the same bytes."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from typing import Any, Final

from shared.backtest.fee import Fee
from shared.backtest.levels import Price, said_of
from shared.backtest.run import Backtest, Judged
from shared.contracts.assessment import Assessment, Settlement
from shared.contracts.document import amount_text, exact_text, hours, hours_by_category
from shared.contracts.finding import AssetFinding, Finding, Reason
from shared.contracts.terms import Kind
from shared.instant import HOUR_US, from_us

# Of kinds whose level is no ratio; a finding without a value does not say it.
_UNITS: Final = {Kind.OUTPUT: "1/h", Kind.ENERGY_SAVINGS: "MWh", Kind.MTBF: "h"}


def as_document(backtest: Backtest, inputs: Mapping[str, str], prices: Sequence[Price]) -> dict[str, Any]:
    """The document: values and hours as numbers, money as decimal strings, times ISO 8601 in the contract's zone.

    `inputs` gives each file's SHA-256, `prices` what other levels would have cost. What is not known is null, and its
    neighbour (`reason`, `steps`, `notes`) says why. Time kinds count `numerator` and `denominator` in hours.
    """
    contract = backtest.contract
    return {
        "contract": contract.id,
        "version": contract.version,
        "from": _time(backtest, backtest.start_us),
        "to": _time(backtest, backtest.end_us),
        "as_of": _time(backtest, backtest.as_of_us),
        "periods": [_period(backtest, judged, fee) for judged, fee in zip_longest(backtest.periods, backtest.fees)],
        "totals": totals(backtest),
        **({"levels": [_price(price) for price in prices]} if prices else {}),
        "assumptions": [*backtest.assumptions, *said_of(prices)],
        "notes": list(backtest.notes),
        "inputs": dict(inputs),
    }


def unit_of(assessment: Assessment) -> str:
    """The unit of level and value, `1` of ratios; also where there is no value."""
    return _UNITS.get(assessment.kind, assessment.finding.unit)


def totals(backtest: Backtest) -> dict[str, Any]:
    """Money over all periods, and by guarantee; `net` is malus less refund and bonus: what the supplier owes.

    `fee` is what the customer pays before that, `net_invoice` after it; null where some of it is not known, or no fee.

    A guarantee's sum with an amount in it that nobody knows is null. The sums over all guarantees are of what is known,
    and `not_known` names guarantee and period of what is not in them.
    """
    by_guarantee = {
        guarantee.id: [judged.assessments[place].settlement for judged in backtest.periods]
        for place, guarantee in enumerate(backtest.contract.guarantees)
    }
    every = [settlement for settlements in by_guarantee.values() for settlement in settlements]
    not_known = [
        f"{each.guarantee_id} {judged.period.label}"
        for judged in backtest.periods
        for each in judged.assessments
        if each.settlement.malus is None or each.settlement.bonus is None
    ]
    sums = _sums([each for each in every if each.malus is not None], [each for each in every if each.bonus is not None])
    fee = _sum(each.amount for each in backtest.fees) if backtest.fees else None
    net = None if not_known else sums["net"]
    return {
        **{name: amount_text(amount) for name, amount in sums.items()},
        "fee": amount_text(fee),
        "net_invoice": amount_text(None if fee is None or net is None else fee - net),
        "currency": backtest.contract.currency,
        "by_guarantee": {
            name: {key: amount_text(amount) for key, amount in _sums(each, each).items()}
            for name, each in by_guarantee.items()
        },
        "not_known": not_known,
    }


def _sums(owed: Sequence[Settlement], earned: Sequence[Settlement]) -> dict[str, Decimal | None]:
    malus = _sum(settlement.malus for settlement in owed)
    bonus = _sum(settlement.bonus for settlement in earned)
    refund = _sum(settlement.refund or Decimal(0) for settlement in owed)
    net = None if malus is None or bonus is None or refund is None else malus - refund - bonus
    return {"malus": malus, "bonus": bonus, "refund": refund, "net": net}


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal("0.00")
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _period(backtest: Backtest, judged: Judged, fee: Fee | None) -> dict[str, Any]:
    period = judged.period
    return {
        "label": period.label,
        "start": _time(backtest, period.start_us),
        "end": _time(backtest, period.end_us),
        "complete": period.end_us <= backtest.as_of_us,
        "hours": period.duration_us / HOUR_US,
        "fee": None if fee is None else {"amount": amount_text(fee.amount), "steps": list(fee.steps)},
        "guarantees": [_guarantee(each) for each in judged.assessments],
    }


def _guarantee(assessment: Assessment) -> dict[str, Any]:
    finding = assessment.finding
    by_time = finding.sum_unit == "us"
    has_sums = finding.reason is not Reason.MISSING_QUANTITY
    return {
        "id": assessment.guarantee_id,
        "kind": assessment.kind.value,
        "indicator": assessment.formula,
        "unit": unit_of(assessment),
        "level": float(assessment.level),
        "value": _number(assessment.value),
        "value_exact": exact_text(assessment.value),
        "value_rounded": _number(assessment.measured),
        "margin": None if assessment.margin is None else float(assessment.margin),
        "verdict": assessment.outcome.value,
        "reason": assessment.reason.value,
        "hours": {name: each for name, each in hours_by_category(finding).items() if each},
        "numerator": _sum_of(finding.numerator, by_time=by_time) if has_sums else None,
        "denominator": _sum_of(finding.denominator, by_time=by_time) if has_sums else None,
        "sum_unit": ("h" if by_time else finding.sum_unit) if has_sums else None,
        "bounds": {"low": _number(finding.low), "high": _number(finding.high)},
        "interval": list(finding.interval) if finding.interval else None,
        "attribution": {name: hours(us) for name, us in assessment.answers.items()},
        "assets": [_asset(each, by_time=by_time) for each in finding.assets],
        "measures": {name: float(amount) for name, amount in sorted(finding.measures.items())},
        "settlement": _settlement(assessment.settlement, finding),
        "notes": list(finding.notes),
    }


def _settlement(settlement: Settlement, finding: Finding) -> dict[str, Any]:
    return {
        "malus": amount_text(settlement.malus),
        "bonus": amount_text(settlement.bonus),
        "refund": amount_text(settlement.refund),
        "currency": settlement.currency,
        "agreed": settlement.agreed,
        "capped": settlement.capped,
        "cap": settlement.cap,
        "computed_malus": amount_text(settlement.computed_malus),
        "computed_bonus": amount_text(settlement.computed_bonus),
        "carried_in": float(settlement.carried_in),
        "surplus": float(settlement.surplus),
        "breaches": finding.breaches,
        "instead": settlement.instead,
        "marginal_hour": amount_text(settlement.marginal_hour),
        "steps": list(settlement.steps),
    }


def _asset(asset: AssetFinding, *, by_time: bool) -> dict[str, Any]:
    return {
        "asset": asset.asset,
        "value": _number(asset.value),
        "numerator": _sum_of(asset.numerator, by_time=by_time),
        "denominator": _sum_of(asset.denominator, by_time=by_time),
    }


def _price(price: Price) -> dict[str, Any]:
    return {
        "guarantee": price.guarantee_id,
        "level": float(price.level),
        "malus_per_year": amount_text(price.malus_per_year),
        "basis": price.basis.value,
        "currency": price.currency,
        "periods": price.periods,
        "periods_missed": price.missed,
        "share_missed": price.missed / price.periods if price.periods else None,
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _sum_of(amount: Fraction, *, by_time: bool) -> float:
    return hours(amount) if by_time else float(amount)


def _time(backtest: Backtest, us: int) -> str:
    return from_us(us).astimezone(backtest.contract.zone).isoformat()
