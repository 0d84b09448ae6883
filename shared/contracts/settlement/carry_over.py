"""Banking: what earlier periods were better than promised makes good for one that was worse."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from shared.contracts.assessment import Settlement
from shared.contracts.finding import Finding, Outcome, Reason
from shared.contracts.rounding import plain
from shared.contracts.settlement.settle import Case, settle_case
from shared.contracts.settlement.shortfall import Shortfall, band_of, shortfall_of
from shared.instant import from_us


@dataclass(slots=True)
class Kept:
    """What is left of the surplus of a period, for those after it."""

    start_us: int
    end_us: int
    left: Fraction


def settle_with_surplus(case: Case, history: Sequence[Kept]) -> tuple[Settlement, list[Fraction]]:
    """The case's money after earlier surplus, and how much it used of each of `history`: the last periods, in order.

    The oldest surplus goes first, and no more than brings the shortfall into the dead band; where nothing is owed
    anyway none is used.
    """
    alone = settle_case(case)
    nothing = [Fraction(0)] * len(history)
    if case.guarantee.carry_over is None or case.measured is None or alone.computed_malus == 0:
        return alone, nothing
    whole = shortfall_of(case.guarantee, case.finding, case.level, case.measured)
    takes = _takes(history, case.period.start_us, _beyond_band(case, whole))
    used = sum(takes, Fraction(0))
    if not used:
        return alone, nothing
    settled = settle_case(_improved(case, whole, used))
    steps = [_said(case, kept, take, whole.unit) for kept, take in zip(history, takes, strict=True) if take]
    return replace(settled, carried_in=used, steps=(*steps, *settled.steps)), takes


def _beyond_band(case: Case, whole: Shortfall) -> Fraction:
    width, own = band_of(case.guarantee, case.finding, case.level)
    if whole.missing is not None:
        return whole.missing - (own or Fraction(0))
    return whole.pp - width * 100


def _takes(history: Sequence[Kept], start_us: int, need: Fraction) -> list[Fraction]:
    """What is used of each period: only of those that reach up to `start_us` without gap."""
    takes = [Fraction(0)] * len(history)
    oldest, joins_us = len(history), start_us
    while oldest and history[oldest - 1].end_us == joins_us:
        oldest -= 1
        joins_us = history[oldest].start_us
    for index in range(oldest, len(history)):
        takes[index] = max(Fraction(0), min(history[index].left, need))
        need -= takes[index]
    return takes


def _improved(case: Case, whole: Shortfall, used: Fraction) -> Case:
    """The case as if its value were better by the surplus used."""
    finding = case.finding
    better = whole.better_by(_in_value(finding, whole, used))
    left = None if whole.missing is None else whole.missing - used
    finding = replace(finding, shortfall=None if finding.shortfall is None else left)
    if finding.decided is not None and (left if left is not None else better.pp) <= 0:
        reason = Reason.AT_OR_BELOW_LEVEL if whole.lower_is_better else Reason.AT_OR_ABOVE_LEVEL
        finding = replace(finding, decided=(Outcome.MET, reason))
    return replace(case, measured=better.measured, finding=finding)


def _in_value(finding: Finding, whole: Shortfall, used: Fraction) -> Fraction:
    """A surplus in the unit of the value: pp of a ratio, own quantity of a quotient over its denominator."""
    if whole.missing is None:
        return used / 100
    if finding.shortfall is None or not finding.denominator:
        return used
    return used / finding.denominator


def _said(case: Case, kept: Kept, take: Fraction, unit: str) -> str:
    since = from_us(kept.start_us).astimezone(case.contract.zone).date()
    return f"{plain(take)} {unit} carried over from the period of {since}"
