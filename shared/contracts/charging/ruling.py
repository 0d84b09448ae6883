"""A fact to the rule it falls under: a verdict, or the allowance that decides between two. First step of charging."""

from dataclasses import dataclass, field

from shared.contracts.measured import Allowance, Notice, Per, Policy, Verdict
from shared.model.facts import Category, Party

Key = tuple[Category, str, Party]
Rule = Verdict | Allowance

# Parties that nobody has agreed on.
_NOT_ACCEPTED = {Party.UNKNOWN, Party.DISPUTED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """The rules of one policy, asked once for each fact: facts repeat by the thousand, their conditions are slow."""

    policy: Policy
    known: dict[Key, Rule] = field(default_factory=dict)

    def rule(self, key: Key) -> Rule:
        """Disputed time by the rule for it, if there is one; else the first override that holds, else the first
        allowance that names the category and the cause, else the category's verdict."""
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = _rule(self.policy, key)
        return found

    def verdict(self, key: Key) -> Verdict:
        """The verdict of a fact; within its allowance where it has one: how much is left shows only over a window."""
        rule = self.rule(key)
        return rule.within if isinstance(rule, Allowance) else rule


def is_open(key: Key) -> bool:
    """Whether a fact may still turn out to be something else: nobody knows what was, or who answers for it."""
    return key[0] is Category.IU or key[2] is Party.DISPUTED


def needs_timelines(policy: Policy) -> bool:
    """Whether the policy looks at single stretches of time; else sums are enough."""
    return bool(policy.interpolate_us or policy.min_event_us) or any(
        allowance.notice_days is not None or allowance.not_between or allowance.per is Per.MONTH
        for allowance in policy.allowances
    )


def needs_announcement(allowance: Allowance) -> bool:
    """Whether work that nobody is known to have announced is beyond the allowance."""
    return allowance.notice_days is not None and allowance.unannounced is Notice.REQUIRED


def _rule(policy: Policy, key: Key) -> Rule:
    category, cause, party = key
    if party is Party.DISPUTED and policy.disputed is not None:
        return policy.disputed
    for override in policy.overrides:
        if override.needs_acceptance and party in _NOT_ACCEPTED:
            continue
        if override.when.holds(category, cause, party):
            return override.verdict
    for allowance in policy.allowances:
        if allowance.category in {None, category} and (not allowance.causes or cause in allowance.causes):
            return allowance
    return policy.verdicts[category]
