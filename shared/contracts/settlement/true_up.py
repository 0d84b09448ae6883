"""The settlement year looked at as a whole: a year that meets the level gives back the malus of its periods."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

from shared.contracts.calendar_days import midnight_us
from shared.contracts.decide import below_floor, by_rule, decide
from shared.contracts.finding import AssetFinding, Finding, Outcome, Reason
from shared.contracts.periods import Period, periods_between
from shared.contracts.rounding import plain
from shared.contracts.settlement.entry import Entry
from shared.contracts.terms import Contract, Guarantee
from shared.instant import HOUR_US, from_us

# Longer than any period of a grid, so that the one after an entry is not cut.
_BEYOND = timedelta(days=800)


def closes_year(contract: Contract, entry: Entry, year: Period) -> bool:
    """Whether the entry is its settlement year's last period, and over."""
    end_us = entry.period_end_us
    if not entry.complete:
        return False
    if end_us in {year.end_us, midnight_us(contract.end + timedelta(days=1), contract.zone)}:
        return True
    following = from_us(end_us).astimezone(contract.zone).date()
    (next_day,) = periods_between(contract, following, following + timedelta(days=1))
    if end_us + next_day.full_us <= year.end_us:
        return False
    return periods_between(contract, following, following + _BEYOND)[0].end_us > year.end_us


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEnd:
    """What the year's sums say: whether the value meets the level, and every asset its floor; None: not known."""

    met: bool | None
    floors_met: bool
    step: str


def year_end(contract: Contract, guarantee: Guarantee, entries: Sequence[Entry], year: Period) -> YearEnd:
    """The sums of the year's entries held against the level (each weighted by what counted), as a period's are.

    Tolerance, rounding and floors are those of a period. Not known: a period is missing, or waits for a quantity.
    """
    label = f"true-up of {year.label}"
    if not _whole(contract, entries, year):
        return YearEnd(met=None, floors_met=False, step=f"{label}: periods of the year are missing, nothing goes back")
    if any(entry.finding.reason is Reason.MISSING_QUANTITY for entry in entries):
        step = f"{label}: a quantity is missing, what goes back is not known yet"
        return YearEnd(met=None, floors_met=False, step=step)
    finding = _summed([entry.finding for entry in entries])
    if finding.value is None:
        return YearEnd(met=False, floors_met=False, step=f"{label}: nothing counted, nothing goes back")
    level = sum((entry.level * entry.finding.denominator for entry in entries), Fraction(0)) / finding.denominator
    measured = by_rule(guarantee, finding.value)
    outcome, reason = decide(guarantee, finding, level, measured, running=False)
    met = outcome is Outcome.MET or reason is Reason.FLOOR_MISSED
    below = [asset.asset for asset, _ in below_floor(guarantee, finding)]
    scale, unit = (HOUR_US, "h") if finding.sum_unit == "us" else (1, finding.sum_unit)
    sums = f"{plain(finding.numerator / scale)} / {plain(finding.denominator / scale)} {unit} = {plain(measured)}"
    floors = f", {', '.join(below)} below the floor" if below else ""
    step = f"{label}: {sums} against level {plain(level)}: {'met' if met else 'missed'}{floors}"
    return YearEnd(met=met, floors_met=not below, step=step)


def _summed(findings: Sequence[Finding]) -> Finding:
    """The findings of the periods as one of the year: sums, also of each asset."""
    assets: dict[str, list[AssetFinding]] = {}
    for finding in findings:
        for asset in finding.assets:
            assets.setdefault(asset.asset, []).append(asset)
    numerator, denominator = _sums(findings)
    return replace(
        findings[0],
        value=_ratio(numerator, denominator),
        numerator=numerator,
        denominator=denominator,
        assets=tuple(_summed_asset(name, parts) for name, parts in assets.items()),
    )


def _summed_asset(name: str, parts: Sequence[AssetFinding]) -> AssetFinding:
    numerator, denominator = _sums(parts)
    value = _ratio(numerator, denominator)
    return AssetFinding(asset=name, value=value, numerator=numerator, denominator=denominator)


def _sums(parts: Sequence[Finding] | Sequence[AssetFinding]) -> tuple[Fraction, Fraction]:
    return sum((each.numerator for each in parts), Fraction(0)), sum((each.denominator for each in parts), Fraction(0))


def _ratio(numerator: Fraction, denominator: Fraction) -> Fraction | None:
    return numerator / denominator if denominator else None


def _whole(contract: Contract, entries: Sequence[Entry], year: Period) -> bool:
    """Whether the entries, in the order of time, cover the year from its start, or the term's, without gap."""
    first_us = max(year.start_us, midnight_us(contract.start, contract.zone))
    joined = all(before.period_end_us == after.period_start_us for before, after in pairwise(entries))
    return joined and entries[0].period_start_us <= first_us
