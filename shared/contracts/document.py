"""An Assessment as the document that is stored, sent and shown; the same assessment gives the same bytes."""

import hashlib
import json
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from shared.contracts.assessment import Assessment, Budget, Settlement
from shared.contracts.finding import Finding, Tally
from shared.contracts.rounding import half_up
from shared.instant import HOUR_US, from_us
from shared.model.facts import Category

_DECIMALS = 12
_TOO_LONG = 10**60


def as_document(assessment: Assessment, zone: ZoneInfo) -> dict[str, Any]:
    """The document of an assessment: times RFC 3339 in the contract's `zone`, hours and probabilities as floats.

    What decides money stays exact: the level, the rounded value and the money are decimal strings, the value also a
    fraction in lowest terms (null where that has more than 60 digits a side). A value is null where there is none, and
    `reason` says why.
    """
    finding = assessment.finding
    by_hour = finding.sum_unit == "us"
    return {
        "contract": {"id": assessment.contract_id, "version": assessment.contract_version},
        "guarantee": assessment.guarantee_id,
        "kind": assessment.kind.value,
        "formula": assessment.formula,
        "period": _period(assessment, zone),
        "unit": finding.unit,
        "level": decimal_text(assessment.level),
        "value": _value(assessment.value),
        "value_rounded": amount_text(assessment.value_rounded),
        "margin": None if assessment.margin is None else float(assessment.margin),
        "verdict": assessment.outcome.value,
        "reason": assessment.reason.value,
        "sum_unit": "h" if by_hour else finding.sum_unit,
        "numerator": hours(finding.numerator) if by_hour else float(finding.numerator),
        "denominator": hours(finding.denominator) if by_hour else float(finding.denominator),
        "bounds": _bounds(finding.low, finding.high),
        "interval": list(finding.interval) if finding.interval else None,
        "hours": [_tally(tally) for tally in finding.tallies],
        "hours_by_category": hours_by_category(finding),
        "unavailable_hours_by_party": {name: hours(us) for name, us in assessment.answers.items()},
        "assets": [{"asset": each.asset, "value": _value(each.value)} for each in finding.assets],
        "measures": {name: float(amount) for name, amount in sorted(finding.measures.items())},
        "notes": list(finding.notes),
        "budget": _budget(assessment.budget) if assessment.budget else None,
        "settlement": settlement_document(assessment.settlement),
        "forecast": asdict(assessment.forecast) if assessment.forecast else None,
    }


def digest(document: dict[str, Any]) -> str:
    """SHA-256 (hex) over the canonical JSON: keys sorted, no spaces, UTF-8. ValueError for NaN or infinity."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def decimal_text(number: Fraction) -> str:
    """A fraction as a decimal without trailing zeros; what does not end is rounded half up to 12 places."""
    text = f"{half_up(number, _DECIMALS):f}".rstrip("0").rstrip(".")
    return text or "0"


def exact_text(value: Fraction | None) -> str | None:
    """A fraction in lowest terms; None of one that is too long for anybody to read, and of none."""
    if value is None or max(abs(value.numerator), value.denominator) >= _TOO_LONG:
        return None
    return f"{value.numerator}/{value.denominator}"


def hours_by_category(finding: Finding) -> dict[str, float]:
    """Hours by category over all assets, in the standard's order of the tallies."""
    sums: dict[Category, Fraction] = {}
    for tally in finding.tallies:
        sums[tally.category] = sums.get(tally.category, Fraction(0)) + tally.duration_us
    return {category.value: hours(us) for category, us in sums.items()}


def _period(assessment: Assessment, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "start": _rfc3339(assessment.period_start_us, zone),
        "end": _rfc3339(assessment.period_end_us, zone),
        "as_of": _rfc3339(assessment.as_of_us, zone),
        "complete": assessment.complete,
    }


def _value(value: Fraction | None) -> dict[str, Any] | None:
    return None if value is None else {"exact": exact_text(value), "decimal": float(value)}


def _bounds(low: Fraction | None, high: Fraction | None) -> dict[str, float] | None:
    return None if low is None or high is None else {"low": float(low), "high": float(high)}


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "category": tally.category.value,
        "cause": tally.cause,
        "party": tally.party.value,
        "hours": hours(tally.duration_us),
        "available_h": hours(tally.available_us),
        "unavailable_h": hours(tally.unavailable_us),
        "excluded_h": hours(tally.excluded_us),
        "deemed_h": hours(tally.deemed_us),
    }


def _budget(budget: Budget) -> dict[str, float]:
    return {
        "total_h": hours(budget.total_us),
        "used_h": hours(budget.used_us),
        "left_h": hours(budget.left_us),
    }


def settlement_document(settlement: Settlement) -> dict[str, Any]:
    """The part of an assessment's document that says what is owed."""
    return {
        "agreed": settlement.agreed,
        "malus": amount_text(settlement.malus),
        "bonus": amount_text(settlement.bonus),
        "computed_malus": amount_text(settlement.computed_malus),
        "computed_bonus": amount_text(settlement.computed_bonus),
        "refund": amount_text(settlement.refund),
        "currency": settlement.currency,
        "capped": settlement.capped,
        "cap": settlement.cap,
        "surplus": decimal_text(settlement.surplus),
        "carried_in": decimal_text(settlement.carried_in),
        "instead": settlement.instead,
        "marginal_hour": amount_text(settlement.marginal_hour),
        "steps": list(settlement.steps),
    }


def hours(us: Fraction) -> float:
    """Microseconds as hours."""
    return float(us / HOUR_US)


def amount_text(number: Decimal | None) -> str | None:
    """Money, or a rounded value, with the decimals it has."""
    return None if number is None else f"{number:f}"


def _rfc3339(us: int, zone: ZoneInfo) -> str:
    return from_us(us).astimezone(zone).isoformat()
