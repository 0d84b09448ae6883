"""Unavailable time by who answers for it: the party of the facts, or whom an allowance names for what is beyond it."""

from fractions import Fraction

from shared.contracts.charging.ruling import Ruling
from shared.contracts.finding import Finding
from shared.contracts.kinds.registry import policy_of
from shared.contracts.measured import Allowance
from shared.contracts.terms import Guarantee


def answers(guarantee: Guarantee, finding: Finding) -> dict[str, Fraction]:
    """Microseconds by name, in the order of the names; nothing of those who answer for no time."""
    policy = policy_of(guarantee)
    ruling = None if policy is None else Ruling(policy=policy)
    found: dict[str, Fraction] = {}
    for tally in finding.tallies:
        rule = None if ruling is None else ruling.rule((tally.category, tally.cause, tally.party))
        responsible = rule.responsible if isinstance(rule, Allowance) else None
        name = responsible or tally.party.value
        if tally.unavailable_us:
            found[name] = found.get(name, Fraction(0)) + tally.unavailable_us
    return dict(sorted(found.items()))
