"""The policy parts of a contract file to a Policy: what time counts as, with the defaults of each kind."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from shared.contracts import condition
from shared.contracts.measured import Allowance, Contribution, Override, Per, Policy, Verdict
from shared.contracts.spec.form_policy import (
    PLANNED_WINDOW,
    AllowanceForm,
    Data,
    DutyForm,
    ExclusionForm,
    GapRule,
    Grant,
    OverrideForm,
    Policed,
    VerdictsForm,
    WindowForm,
)
from shared.model.facts import Category

# What counts without `verdicts`. Outside resources are provided (EN 13306, note to availability), so their loss is not
# the supplier's; what nobody knows is not held against him, and the bounds show it.
_PROMISED: Final[dict[Category, Verdict]] = {
    Category.FP: Verdict.AVAILABLE, Category.PP: Verdict.AVAILABLE, Category.TS: Verdict.AVAILABLE,
    Category.OEN: Verdict.AVAILABLE, Category.RS: Verdict.AVAILABLE, Category.OEL: Verdict.AVAILABLE,
    Category.FM: Verdict.AVAILABLE, Category.SM: Verdict.UNAVAILABLE, Category.PCA: Verdict.UNAVAILABLE,
    Category.FO: Verdict.UNAVAILABLE, Category.S: Verdict.UNAVAILABLE, Category.IU: Verdict.DEEMED_AVAILABLE,
}  # fmt: skip
# Required time of a machine in a line: planned work and what comes from outside are not required of it.
_REQUIRED: Final[dict[Category, Verdict]] = {
    **_PROMISED, Category.RS: Verdict.EXCLUDED, Category.OEL: Verdict.EXCLUDED, Category.FM: Verdict.EXCLUDED,
    Category.SM: Verdict.EXCLUDED,
}  # fmt: skip
# Failures: what broke, and the waiting for its repair; planned work is none.
_FAILED: Final[dict[Category, Verdict]] = {
    **_REQUIRED, Category.PCA: Verdict.EXCLUDED, Category.IU: Verdict.EXCLUDED,
}  # fmt: skip
DEFAULTS: Final[Mapping[str, Mapping[Category, Verdict]]] = {
    "time_availability": _PROMISED,
    "threshold_availability": _PROMISED,
    "production_availability": _PROMISED,
    "technical_availability": _REQUIRED,
    "oee": _REQUIRED,
    "output": _REQUIRED,
    "mtbf": _FAILED,
    "failure_notice": _FAILED,
}


def policy(form: Policed, kind: str, data: Data, duties: tuple[DutyForm, ...]) -> Policy:
    """The policy of one guarantee: its own parts, and the contract's for gaps, disputes and customer duties."""
    allowances = _allowances(form)
    verdicts = _verdicts(form.verdicts, kind)
    if data.gap_rule is not None and not _names_unknown(form.verdicts):
        verdicts[Category.IU], more = _gaps(data.gap_rule)
        allowances += more
    return Policy(
        form=form.form,
        verdicts=verdicts,
        overrides=_overrides(form, duties),
        allowances=allowances,
        interpolate_us=_minutes_us(data.gap_rule.interpolate_max_min) if data.gap_rule else 0,
        min_event_us=seconds_us(form.min_event_s),
        max_excluded_fraction=form.max_excluded_fraction,
        contributions=tuple(
            Contribution(when=duty.when, share=duty.contributory_share)
            for duty in duties
            if duty.when is not None and duty.contributory_share is not None
        ),
        disputed=data.disputed_default.verdict if data.disputed_default else None,
    )


def seconds_us(seconds: Decimal | None) -> int:
    """Whole microseconds of seconds; none for None."""
    return int((seconds or Decimal(0)) * 1_000_000)


def _minutes_us(minutes: Decimal | None) -> int:
    return seconds_us(None if minutes is None else minutes * 60)


def _verdicts(form: VerdictsForm | None, kind: str) -> dict[Category, Verdict]:
    """Each category's verdict; where an allowance alone speaks of one, what is beyond it."""
    if form is None:
        return dict(DEFAULTS[kind])
    verdicts = {each.category: each.beyond for each in form.allowance if each.category is not None}
    for verdict in Verdict:
        verdicts |= dict.fromkeys(getattr(form, verdict.value), verdict)
    return verdicts


def _names_unknown(form: VerdictsForm | None) -> bool:
    """Whether the guarantee says itself what unknown time is."""
    if form is None:
        return False
    listed = (*form.available, *form.unavailable, *form.excluded, *form.deemed_available)
    return Category.IU in listed or any(each.category is Category.IU for each in form.allowance)


def _gaps(rule: GapRule) -> tuple[Verdict, tuple[Allowance, ...]]:
    if rule.excluded_max_fraction is None:
        return rule.otherwise, ()
    beyond = rule.beyond or Verdict.UNAVAILABLE
    allowance = Allowance(
        category=Category.IU, fraction=rule.excluded_max_fraction, within=rule.otherwise, beyond=beyond
    )
    return beyond, (allowance,)


def _overrides(form: Policed, duties: tuple[DutyForm, ...]) -> tuple[Override, ...]:
    stops = tuple(each for each in form.excluded if each.cause != PLANNED_WINDOW and not _is_granted(each))
    return (
        *(_override(each) for each in form.overrides),
        *(
            Override(when=duty.when, verdict=duty.verdict)
            for duty in duties
            if duty.when and duty.contributory_share is None
        ),
        *(_exclusion(each) for each in stops),
    )


def _override(form: OverrideForm) -> Override:
    return Override(when=form.when, verdict=form.verdict, needs_acceptance=form.needs is not None)


def _exclusion(form: ExclusionForm) -> Override:
    source = f"cause == '{form.cause}'" if form.when is None else f"cause == '{form.cause}' && ({form.when.source})"
    return Override(when=condition.parse(source), verdict=Verdict.EXCLUDED, needs_acceptance=form.needs is not None)


def outside(causes: tuple[str, ...]) -> tuple[Override, ...]:
    """Causes that leave the count wherever they come from."""
    return tuple(Override(when=condition.parse(f"cause == '{cause}'"), verdict=Verdict.EXCLUDED) for cause in causes)


def _is_granted(form: Grant) -> bool:
    """Whether an exclusion has an amount, a notice or forbidden hours: then it is an allowance."""
    hours, fraction, _ = _amount(form)
    return hours is not None or fraction is not None or form.notice_days is not None or bool(form.not_between)


def _allowances(form: Policed) -> tuple[Allowance, ...]:
    """Those of causes before those of whole categories: the first that speaks of a fact grants."""
    stops = tuple(
        _allowance(each, Verdict.EXCLUDED, each.beyond, causes=frozenset({each.cause}))
        for each in form.excluded
        if each.cause != PLANNED_WINDOW and _is_granted(each)
    )
    declared = tuple(_declared(each) for each in form.verdicts.allowance) if form.verdicts else ()
    return (
        *stops,
        *(each for each in declared if each.causes),
        *(_window(each) for each in (form.planned_window,) if each is not None),
        *(each for each in declared if not each.causes),
    )


def _declared(form: AllowanceForm) -> Allowance:
    causes: frozenset[str] = frozenset((*form.causes, *((form.cause,) if form.cause else ())))
    return _allowance(form, form.within, form.beyond, category=form.category, causes=causes)


def _window(form: WindowForm) -> Allowance:
    return _allowance(form, Verdict.EXCLUDED, form.beyond, category=form.category)


def _allowance(
    form: Grant,
    within: Verdict,
    beyond: Verdict,
    *,
    category: Category | None = None,
    causes: frozenset[str] = frozenset(),
) -> Allowance:
    hours, fraction, per = _amount(form)
    return Allowance(
        category=category,
        causes=causes,
        hours=hours,
        per=per,
        fraction=fraction,
        within=within,
        beyond=beyond,
        prorate=form.prorate and form.prorate_first_year,
        rolls=form.rolls,
        notice_days=form.notice_days,
        unannounced=form.unannounced,
        not_between=form.not_between,
        responsible=form.responsible,
        evidence=form.evidence,
    )


def _amount(form: Grant) -> tuple[Decimal | Fraction | None, Decimal | None, Per]:
    """Hours, or a fraction, and what they are granted for; at most one of them is given."""
    if form.minutes_per_month is not None:
        return Fraction(form.minutes_per_month) / 60, None, Per.MONTH
    if form.hours_per_asset_per_month is not None:
        return form.hours_per_asset_per_month, None, Per.MONTH
    if form.hours_per_asset_per_year is not None:
        return form.hours_per_asset_per_year, None, Per.YEAR
    return form.hours_per_asset_per_period, form.fraction_of_period, Per.PERIOD
