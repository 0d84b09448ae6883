"""An Assessment as the document that is stored, sent and shown; the same assessment gives the same bytes."""

import hashlib
import json
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from shared.contracts.assessment import Assessment, Budget, Settlement, Tally
from shared.instant import HOUR_US, from_us
from shared.model.facts import Category


def as_document(assessment: Assessment, zone: ZoneInfo) -> dict[str, Any]:
    """The document of an assessment: times RFC 3339 in the contract's `zone`, hours and probabilities as floats.

    What decides money stays exact: the level, the rounded value and the malus are decimal strings, the value also a
    fraction in lowest terms. A ratio is null where nothing counts.
    """
    return {
        "contract": {"id": assessment.contract_id, "version": assessment.contract_version},
        "guarantee": assessment.guarantee_id,
        "kind": assessment.kind,
        "formula": assessment.formula,
        "period": _period(assessment, zone),
        "level": _text(assessment.level),
        "value": _value(assessment.value),
        "value_rounded": _text(assessment.value_rounded),
        "margin": _margin(assessment),
        "verdict": assessment.outcome.value,
        "reason": assessment.reason.value,
        "numerator_h": _hours(assessment.numerator_us),
        "denominator_h": _hours(assessment.denominator_us),
        "bounds": _bounds(assessment.bound_low, assessment.bound_high),
        "hours": [_tally(tally) for tally in assessment.tallies],
        "hours_by_category": _by_category(assessment.tallies),
        "unavailable_hours_by_party": {
            party.value: _hours(us) for party, us in sorted(assessment.unavailable_by_party_us.items())
        },
        "budget": _budget(assessment.budget),
        "settlement": _settlement(assessment.settlement),
        "forecast": asdict(assessment.forecast) if assessment.forecast else None,
    }


def digest(document: dict[str, Any]) -> str:
    """SHA-256 (hex) over the canonical JSON: keys sorted, no spaces, UTF-8. ValueError for NaN or infinity."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _period(assessment: Assessment, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "start": _rfc3339(assessment.period_start_us, zone),
        "end": _rfc3339(assessment.period_end_us, zone),
        "as_of": _rfc3339(assessment.as_of_us, zone),
        "complete": assessment.complete,
    }


def _value(value: Fraction | None) -> dict[str, Any] | None:
    return None if value is None else {"exact": f"{value.numerator}/{value.denominator}", "decimal": float(value)}


def _margin(assessment: Assessment) -> float | None:
    return None if assessment.measured is None else float(assessment.measured - Fraction(assessment.level))


def _bounds(low: Fraction | None, high: Fraction | None) -> dict[str, float] | None:
    return None if low is None or high is None else {"low": float(low), "high": float(high)}


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "category": tally.category.value,
        "cause": tally.cause,
        "party": tally.party.value,
        "hours": _hours(tally.duration_us),
        "available_h": _hours(tally.available_us),
        "unavailable_h": _hours(tally.unavailable_us),
        "excluded_h": _hours(tally.excluded_us),
    }


def _by_category(tallies: tuple[Tally, ...]) -> dict[str, float]:
    sums: dict[Category, Fraction] = {}
    for tally in tallies:
        sums[tally.category] = sums.get(tally.category, Fraction(0)) + tally.duration_us
    return {category.value: _hours(us) for category, us in sums.items()}


def _budget(budget: Budget) -> dict[str, float]:
    return {
        "total_h": _hours(budget.total_us),
        "used_h": _hours(budget.used_us),
        "left_h": _hours(budget.left_us),
    }


def _settlement(settlement: Settlement) -> dict[str, Any]:
    return {
        "agreed": settlement.agreed,
        "malus": _text(settlement.malus),
        "currency": settlement.currency,
        "capped": settlement.capped,
        "steps": list(settlement.steps),
    }


def _hours(us: Fraction) -> float:
    return float(us / HOUR_US)


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _rfc3339(us: int, zone: ZoneInfo) -> str:
    return from_us(us).astimezone(zone).isoformat()
