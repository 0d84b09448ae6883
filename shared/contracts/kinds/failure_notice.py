"""Failure notice: the share of failures that were announced in time, and the limit on running in vibration zone D."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding, Outcome, Reason
from shared.contracts.kinds.amounts import Row, Series, distinct, formula_quantities, is_delivered, missing, read
from shared.contracts.kinds.failures import Failure, failures
from shared.contracts.kinds.mtbf import whole_count
from shared.contracts.level import level_of
from shared.contracts.measured import NoticeMeasure
from shared.contracts.rounding import plain
from shared.contracts.terms import Contract, Guarantee
from shared.indicators.vibration import zone
from shared.instant import DAY_US, HOUR_US, from_us, to_us


@dataclass(frozen=True, kw_only=True, slots=True)
class _Record:
    """Failures and how many of them were announced in time."""

    failures: int
    announced: int
    notes: tuple[str, ...]


def judge_failure_notice(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Failures announced at least `days` ahead by all failures; `breaches` are the unannounced beyond the quota.

    The quota is what the level leaves, in whole failures. Quantities `failures` and `failures_with_notice` go before
    the timeline, but only together: failures without a word on notice go by the timeline if that has announcements, and
    are else not taken for unannounced. More false announcements than agreed, or a run in zone D longer than agreed, is
    a miss whatever the share. False are the `false_announcements`; only where nobody delivers these, all of the
    `announcements` beyond the failures announced in time: what was announced too late is then taken for false.
    """
    measure = guarantee.measure
    assert isinstance(measure, NoticeMeasure)
    record = _record(contract, guarantee, measure, facts, window)
    if isinstance(record, Finding):
        return record
    allowed = (1 - level_of(contract, guarantee, window.period)) * record.failures
    unannounced = record.failures - record.announced
    broken = [*_false(guarantee, measure, facts, window, record), *_zone_d(contract, guarantee, measure, facts, window)]
    return Finding(
        value=Fraction(record.announced, record.failures) if record.failures else None,
        numerator=Fraction(record.announced),
        denominator=Fraction(record.failures),
        sum_unit="failures",
        breaches=max(0, unannounced - allowed.numerator // allowed.denominator),
        decided=(Outcome.MISSED, Reason.ABOVE_LEVEL) if any(is_broken for is_broken, _ in broken) else None,
        reason=None if record.failures else Reason.NO_FAILURES,
        measures={
            **formula_quantities(guarantee, facts, window),
            "failures": Fraction(record.failures),
            "failures_with_notice": Fraction(record.announced),
        },
        notes=distinct([*record.notes, *(note for _, note in broken)]),
    )


def _record(
    contract: Contract, guarantee: Guarantee, measure: NoticeMeasure, facts: Facts, window: Window
) -> _Record | Finding:
    counted = [read(guarantee, facts, window, role) for role in ("failures", "failures_with_notice")]
    if counted[0].value == 0 and not counted[1].value:
        return _Record(failures=0, announced=0, notes=counted[0].notes + counted[1].notes)
    if all(each.rows for each in counted):
        return _by_counts(counted, window)
    if not _by_events(guarantee, facts):
        return missing(counted, window)
    found = failures(contract, measure.policy, facts, window)
    late = [each for each in found.own if not _in_time(contract, each, measure.days)]
    given = ("failures_with_notice (1) is not known: failures and notice go by events",) if counted[0].rows else ()
    return _Record(
        failures=len(found.own),
        announced=len(found.own) - len(late),
        notes=(*given, *found.notes, *(_unannounced(contract, each, measure.days) for each in late)),
    )


def _by_counts(counted: Sequence[Series], window: Window) -> _Record | Finding:
    (total, faults), (announced, more) = (
        whole_count(value, each.role) for each in counted if (value := each.value) is not None
    )
    if total is None or announced is None or announced > total:
        many = () if total is None or announced is None else (f"{announced} failures with notice of {total} failures",)
        return missing(counted, window, faults + more + many)
    return _Record(failures=total, announced=announced, notes=counted[0].notes + counted[1].notes)


def _by_events(guarantee: Guarantee, facts: Facts) -> bool:
    """Whether timelines tell of notice, where counts do not."""
    if is_delivered(guarantee, facts, "failures_with_notice"):
        return False
    if not is_delivered(guarantee, facts, "failures"):
        return bool(facts.timelines)
    return any(each.announced_us is not None for timeline in facts.timelines.values() for each in timeline)


def _in_time(contract: Contract, failure: Failure, days: int) -> bool:
    """Whether it was announced at least so many calendar days before it began, at the same hour by the clock."""
    latest_us = to_us(from_us(failure.start_us).astimezone(contract.zone) - timedelta(days=days))
    return failure.announced_us is not None and failure.announced_us <= latest_us


def _unannounced(contract: Contract, failure: Failure, days: int) -> str:
    start = _local(contract, failure.start_us)
    if failure.announced_us is None:
        return f"{failure.asset} failed {start}: no announcement on record"
    ahead = plain(Fraction(failure.start_us - failure.announced_us, DAY_US), 1)
    return f"{failure.asset} failed {start}: announced {ahead} days ahead, {days} are asked for"


def _false(
    guarantee: Guarantee, measure: NoticeMeasure, facts: Facts, window: Window, record: _Record
) -> Iterator[tuple[bool, str]]:
    if measure.max_false_share is None:
        return
    made, false = (read(guarantee, facts, window, role).value for role in ("announcements", "false_announcements"))
    if false is None and made is not None and not is_delivered(guarantee, facts, "false_announcements"):
        false = made - record.announced
    if made is None or false is None:
        unknown = "announcements" if made is None else "false_announcements"
        yield False, f"{unknown} (1) is not known: the limit on false ones is not looked at"
    elif false > made:
        yield False, f"{plain(false)} false announcements of {plain(made)}: the limit on them is not looked at"
    elif made and false / made > Fraction(measure.max_false_share):
        yield True, f"{plain(false)} of {plain(made)} announcements were false, {measure.max_false_share} is the limit"


def _zone_d(
    contract: Contract, guarantee: Guarantee, measure: NoticeMeasure, facts: Facts, window: Window
) -> Iterator[tuple[bool, str]]:
    """Each run in zone D beyond the limit; vibration that is not known breaks a run."""
    group, support, most_us = measure.vibration_group, measure.vibration_support, measure.zone_d_max_us
    if group is None or support is None or most_us is None:
        return
    series = read(guarantee, facts, window, "vibration_mm_s")
    if not series.rows:
        yield False, "; ".join((*series.notes, "vibration_mm_s is not known: the limit on zone D is not looked at"))
        return
    runs: list[Row] = []
    for row in series.rows:
        if zone(row.value, group, support) != "D":
            continue
        last = runs[-1] if runs else None
        if last is not None and last.asset == row.asset and last.end_us == row.start_us:
            runs[-1] = Row(asset=row.asset, start_us=last.start_us, end_us=row.end_us, value=max(last.value, row.value))
        else:
            runs.append(row)
    for run in runs:
        if run.duration_us > most_us:
            hours, most = (plain(Fraction(us, HOUR_US), 2) for us in (run.duration_us, most_us))
            start = _local(contract, run.start_us)
            yield True, f"{run.asset} ran {hours} h in vibration zone D from {start}, {most} h is the limit"


def _local(contract: Contract, at_us: int) -> str:
    return from_us(at_us).astimezone(contract.zone).isoformat(timespec="minutes")
