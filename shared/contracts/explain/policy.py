"""What time counts as under one guarantee, in words: categories, exceptions, allowances, gaps, disputes."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from shared.contracts.explain.words import hours, listed, number, percent
from shared.contracts.kinds.registry import policy_of
from shared.contracts.measured import Allowance, Contribution, Form, Notice, Override, Per, Policy, Verdict
from shared.contracts.rounding import plain
from shared.contracts.terms import Guarantee, Kind
from shared.model.facts import Category

CATEGORY_WORDS: Final[dict[Category, str]] = {
    Category.FP: "full performance",
    Category.PP: "partial performance",
    Category.TS: "technical standby",
    Category.OEN: "out of environmental specification",
    Category.RS: "requested shutdown",
    Category.OEL: "out of electrical specification",
    Category.SM: "scheduled maintenance",
    Category.PCA: "planned corrective action",
    Category.FO: "forced outage",
    Category.S: "suspended",
    Category.FM: "force majeure",
    Category.IU: "information unavailable",
}
_VERDICT_WORDS: Final[dict[Verdict, str]] = {
    Verdict.AVAILABLE: "up",
    Verdict.UNAVAILABLE: "down",
    Verdict.EXCLUDED: "left out",
    Verdict.DEEMED_AVAILABLE: "counted as up",
}
_PER: Final = {Per.PERIOD: "period", Per.MONTH: "calendar month", Per.YEAR: "settlement year"}


# Kinds whose value has bounds by what nobody knows and what is disputed.
_BOUNDED: Final = {Kind.TIME_AVAILABILITY, Kind.TECHNICAL_AVAILABILITY, Kind.THRESHOLD_AVAILABILITY}


def counted(guarantee: Guarantee) -> Iterator[tuple[str, list[str]]]:
    """Labels with their sentences; nothing for a guarantee that is not about time."""
    policy = policy_of(guarantee)
    if policy is None:
        return
    yield "What time counts as", list(_verdicts(policy))
    yield "Exceptions first", [_override(each, policy) for each in policy.overrides]
    yield "Customer's share", [_contribution(each) for each in policy.contributions]
    yield "Allowances", [_allowance(each, policy) for each in policy.allowances]
    bounds = "; the bounds of the value show it all down, and all up" if guarantee.kind in _BOUNDED else ""
    yield "Gaps", list(_gaps(policy, bounds))
    yield "Disputes", [_disputes(policy, bounds)]
    yield "Limits", list(_limits(policy))


def verdict_words(verdict: Verdict, policy: Policy) -> str:
    """What a verdict does, by the guarantee's form."""
    if verdict is Verdict.EXCLUDED and policy.form is Form.DEEMED_AVAILABLE:
        return "left out: counted as up"
    return _VERDICT_WORDS[verdict]


def _verdicts(policy: Policy) -> Iterator[str]:
    """One sentence a verdict; categories that an allowance decides alone stand with the allowances."""
    granted = {each.category for each in policy.allowances if not each.causes}
    for verdict in Verdict:
        named = [
            f"{category} {CATEGORY_WORDS[category]}"
            for category in Category
            if policy.verdicts[category] is verdict and category not in granted
        ]
        if named:
            yield f"{verdict_words(verdict, policy)}: {listed(named)}"


def _override(override: Override, policy: Policy) -> str:
    accepted = ", once both parties agree who answers for it" if override.needs_acceptance else ""
    return f"where {override.when.source}{accepted}: {verdict_words(override.verdict, policy)}"


def _contribution(contribution: Contribution) -> str:
    share = percent(Fraction(contribution.share))
    return f"where {contribution.when.source}: {share} of the time that is down is left out"


def _allowance(allowance: Allowance, policy: Policy) -> str:
    within, beyond = verdict_words(allowance.within, policy), verdict_words(allowance.beyond, policy)
    answers = f" ({allowance.responsible.replace('_', ' ')} answers for it)" if allowance.responsible else ""
    return f"{_of(allowance)}, {_granted(allowance)}: {within}; beyond that {beyond}{answers}{_terms(allowance)}"


def _of(allowance: Allowance) -> str:
    category = f"{allowance.category} {CATEGORY_WORDS[allowance.category]}" if allowance.category else ""
    causes = f"cause {listed(sorted(allowance.causes))}" if allowance.causes else ""
    return " with ".join(part for part in (category, causes) if part)


def _granted(allowance: Allowance) -> str:
    if allowance.fraction is not None:
        return f"up to {percent(Fraction(allowance.fraction))} of the period for each machine"
    if allowance.hours is None:
        return "without a limit"
    share = "" if allowance.prorate else ", of a stub period all of it"
    rolls = ", what a year leaves unused is granted in the next year only" if allowance.rolls else ""
    exact = allowance.hours
    most = f"{plain(exact * 60)} min" if isinstance(exact, Fraction) else f"{number(exact)} h"
    return f"up to {most} a {_PER[allowance.per]} for each machine{share}{rolls}"


def _terms(allowance: Allowance) -> str:
    """Notice and forbidden hours."""
    said = ""
    if allowance.notice_days is not None:
        unknown = "is presumed" if allowance.unannounced is Notice.PRESUMED else "counts as none"
        said += f"; only if announced {allowance.notice_days} days ahead (notice nobody recorded {unknown})"
    if allowance.not_between:
        closed = listed(f"{_clock(start)} to {_clock(end)}" for start, end in allowance.not_between)
        said += f"; never from {closed}"
    return said


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _gaps(policy: Policy, bounds: str) -> Iterator[str]:
    if policy.interpolate_us:
        yield f"a gap of up to {hours(policy.interpolate_us)} between two known stretches is what was before it"
    allowance = next((each for each in policy.allowances if each.category is Category.IU and not each.causes), None)
    if allowance is None:
        verdict = verdict_words(policy.verdicts[Category.IU], policy)
        yield f"time nobody knows of (IU): {verdict}{bounds}"


def _disputes(policy: Policy, bounds: str) -> str:
    if policy.disputed is None:
        return f"disputed time counts as recorded until somebody rules{bounds}"
    return f"disputed time: {verdict_words(policy.disputed, policy)} until somebody rules{bounds}"


def _limits(policy: Policy) -> Iterator[str]:
    if policy.min_event_us:
        yield f"a stop shorter than {hours(policy.min_event_us)} does not count"
    if policy.max_excluded_fraction is not None:
        share = percent(Fraction(policy.max_excluded_fraction))
        yield f"time left out beyond {share} of the period counts as down"
