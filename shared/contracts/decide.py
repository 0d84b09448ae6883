"""A value against its level: met or missed, and why. The one rule for a period, a running one, and a whole year."""

from collections.abc import Iterator
from fractions import Fraction

from shared.contracts.finding import AssetFinding, Finding, Outcome, Reason
from shared.contracts.rounding import half_up, lowest_met
from shared.contracts.settlement.shortfall import band_of
from shared.contracts.terms import Guarantee


def by_rule(guarantee: Guarantee, value: Fraction) -> Fraction:
    """A value as the contract compares it: rounded half up where it has a rule, else exact."""
    decimals = guarantee.rounding.value_decimals
    return value if decimals is None else Fraction(half_up(value, decimals))


def decide(
    guarantee: Guarantee, finding: Finding, level: Fraction, measured: Fraction | None, *, running: bool
) -> tuple[Outcome, Reason]:
    """What `measured`, the value by the contract's rule, says of the level; a kind's own test goes before.

    While the period runs and the finding's bounds lie on both sides of the level, it is inconclusive.
    """
    if finding.decided is not None:
        return finding.decided
    if measured is None:
        return Outcome.NOT_ASSESSABLE, finding.reason or Reason.NO_DENOMINATOR
    if guarantee.kind.lower_is_better:
        met = measured <= level + band_of(guarantee, finding, level)[0]
        return (Outcome.MET, Reason.AT_OR_BELOW_LEVEL) if met else (Outcome.MISSED, Reason.ABOVE_LEVEL)
    if running and _is_open(guarantee, finding, level):
        return Outcome.INCONCLUSIVE, Reason.DATA_GAPS_DECIDE
    if measured < level:
        return Outcome.MISSED, Reason.BELOW_LEVEL
    floor_missed = any(below_floor(guarantee, finding))
    return (Outcome.MISSED, Reason.FLOOR_MISSED) if floor_missed else (Outcome.MET, Reason.AT_OR_ABOVE_LEVEL)


def below_floor(guarantee: Guarantee, finding: Finding) -> Iterator[tuple[AssetFinding, Fraction]]:
    """Each asset below the guarantee's floor, with its value by the contract's rule."""
    if guarantee.floor is None:
        return
    floor = Fraction(guarantee.floor.level)
    for asset in finding.assets:
        if asset.value is not None and (value := by_rule(guarantee, asset.value)) < floor:
            yield asset, value


def _is_open(guarantee: Guarantee, finding: Finding, level: Fraction) -> bool:
    """Whether the bounds lie on both sides of the level."""
    least = lowest_met(level, guarantee.rounding.value_decimals)
    return finding.low is not None and finding.high is not None and finding.low < least <= finding.high
