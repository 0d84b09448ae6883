"""One guarantee over one window: facts and terms in, an Assessment out. The kernel's one entry for judgement.

The money here is this period's alone; `ledger.fold` goes over all periods for what they share.
"""

from fractions import Fraction

from shared.contracts.answers import answers
from shared.contracts.assessment import Assessment, Budget, Forecast
from shared.contracts.decide import by_rule, decide
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding
from shared.contracts.forecast import Evidence, forecast
from shared.contracts.kinds.registry import JUDGES, policy_of
from shared.contracts.level import level_of, so_far
from shared.contracts.measured import Form, Verdict
from shared.contracts.rounding import half_up, lowest_met
from shared.contracts.settlement.settle import settle
from shared.contracts.terms import Contract, Guarantee, Kind, Weighting

# Kinds that are missed hour by hour, so that a budget of hours and its outlook mean something.
_BY_THE_HOUR = {Kind.TIME_AVAILABILITY, Kind.TECHNICAL_AVAILABILITY, Kind.THRESHOLD_AVAILABILITY}


def assess(
    contract: Contract, guarantee: Guarantee, facts: Facts, window: Window, evidence: Evidence | None = None
) -> Assessment:
    """What the guarantee says of the window's period, as far as its `until_us`.

    ValueError when an asset of the contract is missing in `facts`, or knows more time than has passed.

    The value follows the contract's rule for missing information; the finding's `low` and `high` count all of it, and
    what is disputed, as down and as up. While the period runs and these lie on both sides of the level, the outcome is
    inconclusive; afterwards the contract's rule decides. The money always follows the contract's rule.
    """
    if missing := [name for name in contract.assets if name not in facts.durations]:
        raise ValueError(f"no facts of {', '.join(missing)}")
    finding = JUDGES[guarantee.kind](contract, guarantee, facts, window)
    level = _level(contract, guarantee, window)
    decimals = guarantee.rounding.value_decimals
    rounded = None if finding.value is None or decimals is None else half_up(finding.value, decimals)
    measured = None if finding.value is None else by_rule(guarantee, finding.value)
    outcome, reason = decide(guarantee, finding, level, measured, running=window.running)
    budget = _budget(contract, guarantee, finding, window, level)
    return Assessment(
        contract_id=contract.id,
        contract_version=contract.version,
        guarantee_id=guarantee.id,
        kind=guarantee.kind,
        formula=guarantee.indicator,
        period_start_us=window.start_us,
        period_end_us=window.end_us,
        as_of_us=window.until_us,
        level=level,
        finding=finding,
        value_rounded=rounded,
        outcome=outcome,
        reason=reason,
        settlement=settle(
            contract,
            guarantee,
            finding,
            level=level,
            measured=measured,
            outcome=outcome,
            period=window.period,
            running=window.running,
        ),
        answers=answers(guarantee, finding),
        budget=budget,
        forecast=_forecast(contract, guarantee, finding, window, evidence) if budget else None,
    )


def _level(contract: Contract, guarantee: Guarantee, window: Window) -> Fraction:
    """The level of the window's period; of energy saved what of it falls on the time passed, while the period runs."""
    return level_of(contract, guarantee, so_far(guarantee, window.period, window.until_us))


def _budget(
    contract: Contract, guarantee: Guarantee, finding: Finding, window: Window, level: Fraction
) -> Budget | None:
    """(1 - level) of the denominator expected at the end."""
    if guarantee.kind not in _BY_THE_HOUR or guarantee.weighting is not Weighting.EQUAL_HOURS:
        return None
    if window.until_us > window.start_us and not finding.tallies:
        return None
    expected = finding.denominator + _to_come_us(contract, guarantee, finding, window)
    return Budget(total_us=(1 - level) * expected, used_us=finding.denominator - finding.numerator)


def _to_come_us(contract: Contract, guarantee: Guarantee, finding: Finding, window: Window) -> Fraction:
    """What the rest of the period adds to the denominator, over all assets.

    The clock of every asset; where required hours were reported, as much in proportion as they were of the time passed.
    """
    passed_us = window.until_us - window.start_us
    left_us = Fraction((window.end_us - window.until_us) * len(contract.machines))
    if not left_us or not passed_us:
        return left_us
    by_verdict = finding.by_verdict
    policy = policy_of(guarantee)
    excluded_counts = policy is not None and policy.form is Form.DEEMED_AVAILABLE
    by_clock = passed_us * len(contract.machines) - (Fraction(0) if excluded_counts else by_verdict[Verdict.EXCLUDED])
    return (
        left_us
        if finding.denominator == by_clock
        else finding.denominator * left_us / (passed_us * len(contract.machines))
    )


def _forecast(
    contract: Contract,
    guarantee: Guarantee,
    finding: Finding,
    window: Window,
    evidence: Evidence | None,
) -> Forecast | None:
    """The outlook on what is left once the value, rounded by the contract's rule, must still reach the level."""
    least = lowest_met(level_of(contract, guarantee, window.period), guarantee.rounding.value_decimals)
    budget = _budget(contract, guarantee, finding, window, least)
    if budget is None:
        return None
    remaining_us = _to_come_us(contract, guarantee, finding, window)
    return forecast(remaining_us=remaining_us, budget_us=budget.left_us, seen=evidence)
