"""Mean operating time between failures: what a test of the level proves, pooled over the assets."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from shared.contracts.calendar_days import midnight_us
from shared.contracts.charging.policy import whole
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding, Outcome, Reason
from shared.contracts.kinds.amounts import distinct, formula_quantities, is_delivered, missing, read
from shared.contracts.kinds.failures import Failure, failures
from shared.contracts.level import level_of
from shared.contracts.measured import MtbfMeasure
from shared.contracts.periods import Period
from shared.contracts.terms import Contract, Guarantee
from shared.indicators.reliability import mtbf_limits
from shared.indicators.trend import trend
from shared.instant import HOUR_US, from_us
from shared.model.facts import Category

OPERATING: Final = frozenset({Category.FP, Category.PP})
# From this many failures on a trend is looked for; noted when a constant rate is this improbable.
_TREND_FAILURES: Final = 4
_TREND_P: Final = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Record:
    """What a test is made of: operating hours and failures, and when they were (nothing where only counts are)."""

    hours: Fraction
    failures: int
    times: tuple[Failure, ...]
    notes: tuple[str, ...]


def window_of(contract: Contract, guarantee: Guarantee, period: Period) -> Period:
    """The time whose failures decide about `period`: its own, or the months before its end if the window rolls.

    It never reaches back before the term, unless the period does.
    """
    measure = guarantee.measure
    assert isinstance(measure, MtbfMeasure)
    if measure.months is None:
        return period
    last = from_us(period.end_us - 1).astimezone(contract.zone).date()
    start = midnight_us(_months_before(last + timedelta(days=1), measure.months), contract.zone)
    start = min(period.start_us, max(start, midnight_us(contract.start, contract.zone)))
    return Period(start_us=start, end_us=period.end_us, full_us=period.end_us - start, label=period.label)


def judge_mtbf(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Operating hours by failures over `window_of` the period, whose facts are given.

    The test decides (chi-square, observation ends at a time; IEC 60605-4): met when the one-sided lower limit reaches
    the level, missed when the upper one stays below, else inconclusive; `interval` holds both limits in hours. Without
    a failure there is no value, but a lower limit. Quantities `operating_h` and `failures` go before the timeline, and
    it does not stand in for them where they are delivered at other times.
    """
    measure = guarantee.measure
    assert isinstance(measure, MtbfMeasure)
    rolled = Window(period=window_of(contract, guarantee, window.period), as_of_us=window.as_of_us)
    record = _record(contract, guarantee, measure, facts, rolled)
    if isinstance(record, Finding):
        return record
    level = level_of(contract, guarantee, window.period)
    limits = mtbf_limits(float(record.hours), record.failures, float(measure.confidence), two_sided=False)
    return Finding(
        value=record.hours / record.failures if record.failures else None,
        numerator=record.hours,
        denominator=Fraction(record.failures),
        unit="h",
        sum_unit="h",
        interval=limits,
        decided=_decided(limits, level) if record.hours else None,
        reason=_reason(record),
        measures={
            **formula_quantities(guarantee, facts, rolled),
            "operating_h": record.hours,
            "failures": Fraction(record.failures),
        },
        notes=distinct([*record.notes, *_trend(rolled, record.times)]),
    )


def whole_count(total: Fraction, name: str) -> tuple[int | None, tuple[str, ...]]:
    """A count of things that only come whole; None, with a note, where a row was shared over the window's edge."""
    if total.denominator == 1:
        return int(total), ()
    return None, (f"{name} is not a whole number in the window: a row reaches over its edge",)


def _record(
    contract: Contract, guarantee: Guarantee, measure: MtbfMeasure, facts: Facts, window: Window
) -> _Record | Finding:
    operating, counted = (read(guarantee, facts, window, role) for role in ("operating_h", "failures"))
    delivered = [each for each in (operating, counted) if is_delivered(guarantee, facts, each.role)]
    if not all(each.rows for each in delivered):
        return missing(delivered, window)
    hours = _operating_h(contract, facts, window) if operating.value is None else operating.value
    if counted.value is None and not facts.timelines:
        return missing([counted], window)
    if counted.value is None:
        found = failures(contract, measure.policy, facts, window, measure.same_failure_us)
        return _Record(hours=hours, failures=len(found.own), times=found.own, notes=operating.notes + found.notes)
    count, notes = whole_count(counted.value, counted.role)
    if count is None:
        return missing([counted], window, notes)
    return _Record(hours=hours, failures=count, times=(), notes=operating.notes + counted.notes)


def _operating_h(contract: Contract, facts: Facts, window: Window) -> Fraction:
    ran = sum(
        duration
        for asset in contract.assets
        for (category, _, _), duration in whole(contract, facts, window, asset).items()
        if category in OPERATING
    )
    return Fraction(ran, HOUR_US)


def _decided(limits: tuple[float | None, float | None], level: Fraction) -> tuple[Outcome, Reason]:
    lower, upper = limits
    if lower is not None and lower >= level:
        return Outcome.MET, Reason.PROVEN_ABOVE
    if upper is not None and upper < level:
        return Outcome.MISSED, Reason.PROVEN_BELOW
    return Outcome.INCONCLUSIVE, Reason.NOT_PROVEN


def _reason(record: _Record) -> Reason | None:
    if record.failures:
        return None
    return Reason.NO_FAILURES if record.hours else Reason.NO_DENOMINATOR


def _trend(window: Window, times: Sequence[Failure]) -> list[str]:
    """A note when failures do not come at a constant rate: a mean then says little of what is to come."""
    hours = [Fraction(each.start_us - window.start_us, HOUR_US) for each in times if each.start_us > window.start_us]
    until = Fraction(window.until_us - window.start_us, HOUR_US)
    if len(hours) < _TREND_FAILURES:
        return []
    seen = trend(hours, until)
    if seen.p_value >= _TREND_P:
        return []
    how = "ever more often" if seen.laplace_u > 0 else "ever more rarely"
    return [f"failures come {how} (Laplace U {seen.laplace_u:.2f}): a mean over the window says little of today"]


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
