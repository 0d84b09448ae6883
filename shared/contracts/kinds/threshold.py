"""Availability by a signal: time is bad while the signal is beyond its limit, unless the contract excuses that time."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

from shared.contracts.charging.allowances import Account
from shared.contracts.charging.policy import PRESUMED, Charge, Key, Ruling, Split, add, charge, share, within_cap
from shared.contracts.charging.stretches import Stretch, clip, stretches
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding
from shared.contracts.kinds.amounts import Row, accounts, distinct, formula_quantities, is_delivered, read
from shared.contracts.kinds.hours import rows_by_asset, time_finding
from shared.contracts.measured import Allowance, Policy, ThresholdMeasure, Verdict
from shared.contracts.terms import Contract, Guarantee
from shared.model.facts import Category, Party
from shared.timeline import NO_DATA

# What says nothing against the signal: machines that run may deliver too little all the same.
_RUNNING: Final = {Category.FP, Category.PP, Category.TS}
_GAP: Final = (NO_DATA.category, NO_DATA.cause, NO_DATA.party)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """Time in which the signal was beyond its limit, was not, or (None) is not known."""

    start_us: int
    end_us: int
    bad: bool | None


def judge_threshold(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """The share of the time that counts in which the signal kept its limit, summed over assets.

    Where an asset has the signal, it decides. Time that events excuse leaves the sums whatever the signal was, of an
    allowance the first so much that is granted; after that, and for planned work without notice, the signal decides
    again. Time without the signal is information unavailable, unless events say that the asset stood: planned work
    that is no longer excused then counts as the contract says of it. An asset that no signal is delivered of, in this
    window or any other, is judged by its events alone.
    """
    measure = guarantee.measure
    assert isinstance(measure, ThresholdMeasure)
    series = read(guarantee, facts, window, measure.signal)
    rows = rows_by_asset(contract, series)
    gaps = _delivered(contract, guarantee, facts, measure.signal) - rows.keys()
    silent = tuple(machine for machine in contract.machines if machine.name not in rows.keys() | gaps)
    by_events = charge(replace(contract, machines=silent), _of_events(measure), facts, window)
    ruling = Ruling(policy=replace(measure.policy, min_event_us=0))
    account = Account(contract=contract, ruling=ruling, facts=facts, window=window)
    splits, notes = dict(by_events.assets), list(series.notes)
    for asset in contract.assets:
        if asset in rows or asset in gaps:
            splits[asset] = _by_signal(account, measure, asset, _pieces(measure, rows.get(asset, ()), window), notes)
    if gaps:
        notes.append(
            f"{measure.signal} is delivered, but not of this period, which is a gap: {', '.join(sorted(gaps))}"
        )
    if silent:
        notes.append(f"without {measure.signal}, by events: {', '.join(machine.name for machine in silent)}")
    if any(row.duration_us > measure.resolution_us for row in series.rows):
        notes.append(f"{measure.signal}: means over more than {measure.resolution_us // 1_000_000} s hide short dips")
    return time_finding(
        contract,
        guarantee,
        measure.policy.form,
        Charge(assets={asset: splits[asset] for asset in contract.assets}, notes=by_events.notes),
        window,
        measures=formula_quantities(guarantee, facts, window),
        notes=distinct(notes),
    )


def _delivered(contract: Contract, guarantee: Guarantee, facts: Facts, signal: str) -> set[str]:
    """The assets that the signal is delivered of at any time; of a single asset any meter's."""
    whose = zip(contract.assets, accounts(contract), strict=True)
    return {asset for asset, account in whose if is_delivered(guarantee, facts, signal, asset=account)}


def _of_events(measure: ThresholdMeasure) -> Policy:
    """The policy where nothing but events is known: what is too short for the signal is too short for them."""
    return replace(measure.policy, min_event_us=max(measure.policy.min_event_us, measure.min_duration_us))


def _by_signal(
    account: Account, measure: ThresholdMeasure, asset: str, signal: Sequence[_Piece], notes: list[str]
) -> Split:
    window, ruling = account.window, account.ruling
    found = stretches(
        account.contract, ruling, account.facts.timelines.get(asset, ()), window.start_us, window.until_us
    )
    if any(stretch.presumed for stretch in found):
        notes.append(f"{asset}: {PRESUMED}: {sum(stretch.presumed for stretch in found)}")
    excused = sorted(_excused(account, asset, found), key=lambda stretch: stretch.start_us)
    stood = [each for each in found if _is_stop(each)]
    split: Split = {}
    gap_us = 0
    for start_us, end_us in pairwise(_bounds([*signal, *excused, *stood])):
        excuse, stop, bad = _at(excused, start_us), _at(stood, start_us), _bad_at(signal, start_us)
        if excuse is not None:
            rule = excuse.rule
            add(split, excuse.key, rule.within if isinstance(rule, Allowance) else rule, end_us - start_us)
        elif bad is None and stop is None:
            gap_us += end_us - start_us
        else:
            add(split, *_by_state(measure, stop, bad=bad), end_us - start_us)
    _charge_gaps(account, asset, split, gap_us)
    return within_cap(ruling.policy, split, window)


def _by_state(measure: ThresholdMeasure, stop: Stretch | None, *, bad: bool | None) -> tuple[Key, Verdict]:
    """What time counts as that nothing excuses: the signal decides, and where it is not known (None) the stop."""
    if bad is False:
        return (Category.FP, measure.signal, Party.NOBODY), Verdict.AVAILABLE
    if stop is not None and isinstance(stop.rule, Allowance):
        if bad is None:
            return stop.key, stop.rule.beyond
    elif stop is not None:
        return stop.key, Verdict.UNAVAILABLE
    return (Category.FO, measure.signal, Party.SUPPLIER), Verdict.UNAVAILABLE


def _charge_gaps(account: Account, asset: str, split: Split, gap_us: int) -> None:
    if not gap_us:
        return
    rule = account.ruling.rule(_GAP)
    if isinstance(rule, Allowance):
        share(split, rule, [(_GAP, gap_us)], account.left_us(rule, asset))
    else:
        add(split, _GAP, rule, gap_us)


def _excused(account: Account, asset: str, found: Iterable[Stretch]) -> Iterator[Stretch]:
    """What events take out of the signal's hands: exclusions, stops the contract calls available, and of each
    allowance the first that is granted."""
    allowed: dict[Allowance, list[Stretch]] = {}
    for stretch in found:
        if stretch.key[0] is Category.IU or stretch.barred:
            continue
        if isinstance(stretch.rule, Allowance):
            allowed.setdefault(stretch.rule, []).append(stretch)
        elif stretch.rule in {Verdict.EXCLUDED, Verdict.DEEMED_AVAILABLE} or _is_allowed_stop(stretch):
            yield stretch
    for allowance, parts in allowed.items():
        for grant in account.left(allowance, asset):
            left_us = None if grant.us is None else int(grant.us)
            for stretch in parts:
                inside = clip(stretch, grant.start_us, grant.end_us)
                taken = inside if inside is None or left_us is None else _first(inside, left_us)
                if taken is not None:
                    left_us = None if left_us is None else left_us - taken.duration_us
                    yield taken


def _is_stop(stretch: Stretch) -> bool:
    """Whether events say that the asset stood, and the contract does not excuse it, or an allowance only in part."""
    if isinstance(stretch.rule, Allowance):
        return stretch.key[0] not in {*_RUNNING, Category.IU}
    return stretch.rule is Verdict.UNAVAILABLE and stretch.key[0] is not Category.IU


def _is_allowed_stop(stretch: Stretch) -> bool:
    """Whether the asset stood, and the contract calls that available: a requested shutdown, say, or force majeure."""
    return stretch.rule is Verdict.AVAILABLE and stretch.key[0] not in _RUNNING


def _first(stretch: Stretch, most_us: int) -> Stretch | None:
    return clip(stretch, stretch.start_us, stretch.start_us + most_us)


def _pieces(measure: ThresholdMeasure, rows: Sequence[Row], window: Window) -> list[_Piece]:
    """The whole window by what the signal was, neighbours different; bad only where it lasted."""
    pieces: list[_Piece] = []
    first, reached, bad = window.start_us, window.start_us, None
    for start_us, end_us, follows in _states(measure, rows, window):
        if follows is not bad and start_us > first:
            pieces.append(_Piece(start_us=first, end_us=start_us, bad=bad))
        if follows is not bad:
            first, bad = start_us, follows
        reached = end_us
    if first < reached:
        pieces.append(_Piece(start_us=first, end_us=reached, bad=bad))
    return [
        replace(piece, bad=False) if piece.bad and piece.end_us - piece.start_us < measure.min_duration_us else piece
        for piece in pieces
    ]


def _states(measure: ThresholdMeasure, rows: Sequence[Row], window: Window) -> Iterator[tuple[int, int, bool | None]]:
    """Each row and each gap between rows in order; a gap that may be bridged is what was before it."""
    below = None if measure.bad_below is None else Fraction(measure.bad_below)
    above = None if measure.bad_above is None else Fraction(measure.bad_above)
    reached, bad = window.start_us, None
    for row in rows:
        if reached < row.start_us:
            yield reached, row.start_us, bad if row.start_us - reached <= measure.policy.interpolate_us else None
        bad = (below is not None and row.value < below) or (above is not None and row.value > above)
        yield row.start_us, row.end_us, bad
        reached = row.end_us
    if reached < window.until_us:
        yield reached, window.until_us, None


def _bounds(parts: Iterable[_Piece | Stretch]) -> list[int]:
    return sorted({us for part in parts for us in (part.start_us, part.end_us)})


def _at(ordered: Sequence[Stretch], at_us: int) -> Stretch | None:
    index = bisect_right(ordered, at_us, key=lambda part: part.start_us) - 1
    return ordered[index] if index >= 0 and at_us < ordered[index].end_us else None


def _bad_at(ordered: Sequence[_Piece], at_us: int) -> bool | None:
    return ordered[bisect_right(ordered, at_us, key=lambda part: part.start_us) - 1].bad
