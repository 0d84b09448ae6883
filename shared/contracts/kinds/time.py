"""Availability by time: of the clock (IEC 61400-26-1, EN 13306), and of the time a line was required (technical)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from shared.contracts.charging.policy import Amount, Charge, Key, Split, charge, total
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding
from shared.contracts.kinds.amounts import Row, Series, accounts, formula_quantities, is_delivered, missing, read
from shared.contracts.kinds.hours import rows_by_asset, time_finding
from shared.contracts.kinds.lines import as_lines
from shared.contracts.measured import Form, Policy, TimeMeasure, Verdict
from shared.contracts.rounding import plain
from shared.contracts.terms import Contract, Guarantee
from shared.indicators.registry import indicator
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.timeline import durations, splice

_REQUIRED_H, _OWN_FAULT_H, _BUSY_H = _ROLES = ("required_h", "own_fault_h", "planned_busy_h")
# What the hours of an agreed report are, whose events nobody lists.
_REQUIRED: Final[Key] = (Category.FP, "required", Party.NOBODY)
_OWN_FAULT: Final[Key] = (Category.FO, "own_fault", Party.SUPPLIER)
# Time outside the planned busy time: no fact of the machine, left out once time is charged.
_NOT_BUSY: Final[Key] = (Category.FP, "not_planned_busy", Party.NOBODY)


def judge_time(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Time availability by the guarantee's policy, summed over the contract's assets (or lines, by root stop)."""
    measure = _measure(guarantee)
    facts, notes = as_lines(contract, facts, window) if measure.root_stop else (facts, ())
    return time_finding(
        contract,
        guarantee,
        measure.policy.form,
        charge(contract, measure.policy, facts, window),
        window,
        formula=indicator(guarantee.indicator),
        measures=formula_quantities(guarantee, facts, window),
        notes=notes,
    )


def judge_technical(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """(required - own fault) / required, hours.

    Required are the hours of quantity `required_h`; else `planned_busy_h` less what the policy excludes (planned
    maintenance, external stops) within the rows of it; else the clock less that. Own fault are the hours of quantity
    `own_fault_h`, else what the policy calls unavailable. What is delivered at other times is missing where it is not.
    The tallies are the time as events tell it, whatever was reported; a note says what it would have come to.
    """
    measure = _measure(guarantee)
    facts, notes = as_lines(contract, facts, window) if measure.root_stop else (facts, ())
    if lacking := list(_lacking(contract, guarantee, facts, window)):
        return missing(lacking, window, notes)
    roles = {role: read(guarantee, facts, window, role) for role in _ROLES}
    hours = {role: _hours_us(contract, series) for role, series in roles.items()}
    told = _told(contract, measure.policy, facts, window, roles)
    splits = {asset: _technical(split, asset, hours) for asset, split in told.assets.items()}
    by_events, found = (
        time_finding(
            contract,
            guarantee,
            Form.EXCLUDED_FROM_DENOMINATOR,
            charged,
            window,
            measures={
                **{role: series.value for role, series in roles.items() if series.value is not None},
                **formula_quantities(guarantee, facts, window),
            },
            notes=(*notes, *(note for series in roles.values() for note in series.notes)),
        )
        for charged in (told, replace(told, assets=splits))
    )
    more = [*_replaced(hours, by_events), *_contradictions(splits, hours)]
    return replace(found, tallies=by_events.tallies, notes=(*found.notes, *more))


def _measure(guarantee: Guarantee) -> TimeMeasure:
    assert isinstance(guarantee.measure, TimeMeasure)
    return guarantee.measure


def _lacking(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Iterator[Series]:
    """What is delivered at other times and without which this window cannot be judged.

    Planned busy time is only asked for where required time is not delivered.
    """
    for asset in accounts(contract):
        delivered = [role for role in _ROLES if is_delivered(guarantee, facts, role, asset=asset)]
        for role in delivered:
            series = read(guarantee, facts, window, role, asset=asset)
            if not series.rows and not (role == _BUSY_H and _REQUIRED_H in delivered):
                yield series


def _told(
    contract: Contract,
    policy: Policy,
    facts: Facts,
    window: Window,
    roles: Mapping[str, Series],
) -> Charge:
    """The time that events tell, in planned busy time where that bears on the value."""
    by_role = {role: rows_by_asset(contract, series) for role, series in roles.items()}
    reported = by_role[_REQUIRED_H].keys() & by_role[_OWN_FAULT_H].keys()
    within = {asset: rows for asset, rows in by_role[_BUSY_H].items() if asset not in reported}
    told = charge(contract, policy, _while_busy(facts, within, window), window)
    return replace(
        told,
        assets={
            asset: {key: by for key, by in split.items() if key != _NOT_BUSY} for asset, split in told.assets.items()
        },
    )


def _replaced(hours: Mapping[str, Mapping[str, Fraction]], by_events: Finding) -> Iterator[str]:
    """That reports go before events, and what these come to."""
    used = (_REQUIRED_H if hours[_REQUIRED_H] else _BUSY_H, _OWN_FAULT_H)
    if given := [role for role in used if hours[role]]:
        value = "no value" if by_events.value is None else f"a value of {plain(by_events.value)}"
        yield f"{', '.join(given)} go before what events say, which would be {value}"


def _technical(split: Split, asset: str, hours: Mapping[str, Mapping[str, Fraction]]) -> Split:
    """The asset's time with required and own fault as they were reported, so far as they were."""
    required, own_fault = hours[_REQUIRED_H].get(asset), hours[_OWN_FAULT_H].get(asset)
    if required is not None and own_fault is not None:
        return _of_report(required, own_fault)
    sums = total(split)
    busy = hours[_BUSY_H].get(asset)
    if required is None and busy is not None:
        required = max(Fraction(0), busy - sums[Verdict.EXCLUDED])
    if required is None and own_fault is None:
        return split
    if required is None:
        required = Fraction(sums[Verdict.AVAILABLE] + sums[Verdict.DEEMED_AVAILABLE] + sums[Verdict.UNAVAILABLE])
    if own_fault is not None:
        excluded = {
            key: {Verdict.EXCLUDED: by[Verdict.EXCLUDED]} for key, by in split.items() if Verdict.EXCLUDED in by
        }
        return {**excluded, **_of_report(required, own_fault)}
    down = Fraction(sums[Verdict.UNAVAILABLE])
    return _up_for(split, required - down) if down < required else _all_down(split, required, down)


def _of_report(required: Fraction, own_fault: Fraction) -> Split:
    """Never more own fault than required time: that stays the denominator."""
    down = min(required, own_fault)
    return {_REQUIRED: {Verdict.AVAILABLE: required - down}, _OWN_FAULT: {Verdict.UNAVAILABLE: down}}


def _all_down(split: Split, required: Fraction, down: Fraction) -> Split:
    """All of `required` unavailable, in the proportion of the facts."""
    return {
        key: {
            Verdict.EXCLUDED: by.get(Verdict.EXCLUDED, 0),
            Verdict.UNAVAILABLE: required * by.get(Verdict.UNAVAILABLE, 0) / down if down else Fraction(0),
        }
        for key, by in split.items()
    }


def _up_for(split: Split, up: Fraction) -> Split:
    """The same with `up` available in all, in the proportion of the facts; what was deemed is available in it."""
    was = [(key, by.get(Verdict.AVAILABLE, 0) + by.get(Verdict.DEEMED_AVAILABLE, 0)) for key, by in split.items()]
    sum_was: Amount = sum(amount for _, amount in was)
    if not sum_was:
        return {**split, _REQUIRED: {Verdict.AVAILABLE: up}}
    scaled: Split = {}
    for key, amount in was:
        stays = {
            verdict: us for verdict, us in split[key].items() if verdict in {Verdict.UNAVAILABLE, Verdict.EXCLUDED}
        }
        scaled[key] = {**stays, Verdict.AVAILABLE: up / sum_was * amount}
    return scaled


def _while_busy(facts: Facts, busy: Mapping[str, Sequence[Row]], window: Window) -> Facts:
    """The facts with whatever lies outside the rows of planned busy time marked as such.

    Where only sums are known nobody can tell when a stop was: they stay as they are.
    """
    timelines, known = dict(facts.timelines), dict(facts.durations)
    for asset, rows in busy.items():
        intervals: list[Interval] = list(timelines.get(asset, ()))
        if not intervals and known[asset]:
            continue
        reached = window.start_us
        for start_us, end_us in [*((row.start_us, row.end_us) for row in rows if row.value), (window.until_us,) * 2]:
            if reached < start_us:
                intervals = splice(intervals, [_not_busy(reached, start_us)], reached, start_us)
            reached = max(reached, end_us)
        timelines[asset] = intervals
        known[asset] = durations(intervals, window.start_us, window.until_us)
    return replace(facts, timelines=timelines, durations=known)


def _not_busy(start_us: int, end_us: int) -> Interval:
    category, cause, party = _NOT_BUSY
    return Interval(start_us=start_us, end_us=end_us, category=category, cause=cause, party=party)


def _hours_us(contract: Contract, series: Series) -> dict[str, Fraction]:
    return {
        asset: sum((row.value for row in rows), Fraction(0)) * HOUR_US
        for asset, rows in rows_by_asset(contract, series).items()
    }


def _contradictions(splits: Mapping[str, Split], hours: Mapping[str, Mapping[str, Fraction]]) -> list[str]:
    """More own fault than required time, which only wrong reports have: the value is then 0."""
    reported = hours[_REQUIRED_H].keys() | hours[_BUSY_H].keys()
    return [
        f"{asset}: as much own fault as required time, or more; its value is 0"
        for asset in sorted(reported & splits.keys())
        if (sums := total(splits[asset]))[Verdict.UNAVAILABLE]
        and not sums[Verdict.AVAILABLE] + sums[Verdict.DEEMED_AVAILABLE]
    ]
