"""What the ledger keeps of an assessment: all that its money depends on, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from shared.contracts.assessment import Assessment
from shared.contracts.finding import AssetFinding, Finding, Outcome, Reason
from shared.contracts.periods import Period
from shared.contracts.settlement.settle import Case
from shared.contracts.terms import Contract, Guarantee

# The fields of a finding that money reads; time by cause and bounds stay with the assessment.
_EXACT = ("value", "numerator", "denominator", "shortfall", "expected")
_AS_IS = ("unit", "sum_unit", "breaches")
_LONG = 10**1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One guarantee and period before what periods share. `complete`: the period is over."""

    guarantee_id: str
    period_start_us: int
    period_end_us: int
    complete: bool
    level: Fraction
    measured: Fraction | None
    outcome: Outcome
    finding: Finding


def entry_of(assessment: Assessment) -> Entry:
    """The entry of an assessment; its own settlement is left behind, the ledger settles again."""
    return Entry(
        guarantee_id=assessment.guarantee_id,
        period_start_us=assessment.period_start_us,
        period_end_us=assessment.period_end_us,
        complete=assessment.complete,
        level=assessment.level,
        measured=assessment.measured,
        outcome=assessment.outcome,
        finding=replace(assessment.finding, tallies=(), low=None, high=None, interval=None),
    )


def case_of(contract: Contract, guarantee: Guarantee, entry: Entry) -> Case:
    """What is to be settled of the entry's period alone."""
    length_us = entry.period_end_us - entry.period_start_us
    return Case(
        contract=contract,
        guarantee=guarantee,
        finding=entry.finding,
        level=entry.level,
        measured=entry.measured,
        outcome=entry.outcome,
        running=not entry.complete,
        period=Period(start_us=entry.period_start_us, end_us=entry.period_end_us, full_us=length_us, label=""),
    )


def to_plain(entry: Entry) -> dict[str, Any]:
    """The entry as JSON's own types; fractions as text in lowest terms, in base 16 where they are long."""
    finding = entry.finding
    return {
        "guarantee": entry.guarantee_id,
        "start_us": entry.period_start_us,
        "end_us": entry.period_end_us,
        "complete": entry.complete,
        "level": _text(entry.level),
        "measured": _text(entry.measured),
        "outcome": entry.outcome.value,
        **{name: _text(getattr(finding, name)) for name in _EXACT},
        **{name: getattr(finding, name) for name in _AS_IS},
        "decided": None if finding.decided is None else [finding.decided[0].value, finding.decided[1].value],
        "reason": None if finding.reason is None else finding.reason.value,
        "assets": [
            [asset.asset, _text(asset.value), _text(asset.numerator), _text(asset.denominator)]
            for asset in finding.assets
        ],
        "measures": {name: _text(value) for name, value in finding.measures.items()},
        "notes": list(finding.notes),
    }


def from_plain(plain: Mapping[str, Any]) -> Entry:
    """The entry that `to_plain` wrote; KeyError or ValueError for anything else."""
    decided, reason = plain["decided"], plain["reason"]
    finding = Finding(
        value=_exact(plain["value"]),
        numerator=_fraction(plain["numerator"]),
        denominator=_fraction(plain["denominator"]),
        unit=plain["unit"],
        sum_unit=plain["sum_unit"],
        shortfall=_exact(plain["shortfall"]),
        expected=_exact(plain["expected"]),
        breaches=plain["breaches"],
        decided=None if decided is None else (Outcome(decided[0]), Reason(decided[1])),
        reason=None if reason is None else Reason(reason),
        assets=tuple(
            AssetFinding(asset=name, value=_exact(value), numerator=_fraction(above), denominator=_fraction(below))
            for name, value, above, below in plain["assets"]
        ),
        measures={name: _fraction(value) for name, value in plain["measures"].items()},
        notes=tuple(plain["notes"]),
    )
    return Entry(
        guarantee_id=plain["guarantee"],
        period_start_us=plain["start_us"],
        period_end_us=plain["end_us"],
        complete=plain["complete"],
        level=_fraction(plain["level"]),
        measured=_exact(plain["measured"]),
        outcome=Outcome(plain["outcome"]),
        finding=finding,
    )


def _text(value: Fraction | None) -> str | None:
    """Python refuses to write very long numbers in base 10, and is slow at it."""
    if value is None:
        return None
    if max(abs(value.numerator), value.denominator) < _LONG:
        return str(value)
    return f"{value.numerator:#x}/{value.denominator:#x}"


def _exact(text: str | None) -> Fraction | None:
    return None if text is None else _fraction(text)


def _fraction(text: str) -> Fraction:
    if "0x" not in text:
        return Fraction(text)
    numerator, denominator = text.split("/")
    return Fraction(int(numerator, 16), int(denominator, 16))
