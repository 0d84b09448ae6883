"""Lost production to the facts it fell on, and to what a contract charges of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from shared.contracts.charging.policy import Charge, Key, Ruling
from shared.contracts.charging.stretches import unreported
from shared.contracts.facts import Facts
from shared.contracts.kinds.amounts import Row, Series, part
from shared.contracts.kinds.hours import rows_by_asset
from shared.contracts.measured import ProductionMeasure, Verdict
from shared.contracts.terms import Contract
from shared.model.facts import Category, Interval, Party
from shared.timeline import NO_DATA, durations

_UNKNOWN: Final[Key] = (NO_DATA.category, NO_DATA.cause, NO_DATA.party)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """Lost production of one fact of one asset, and the shares of it (1 in all) that are charged as each verdict."""

    asset: str
    key: Key
    amount: Fraction
    shares: Mapping[Verdict, Fraction]


def losses(
    contract: Contract, measure: ProductionMeasure, charge: Charge, facts: Facts, series: Iterable[Series]
) -> tuple[list[Loss], list[str]]:
    """Every loss on record, and what people must know of it.

    A loss is charged in the proportion in which the time of its fact is: of `lost_output_mwh:FO` all time of the
    category, with a cause behind another colon only that of the cause, in the contract's own verdict where no such
    time is on record. Rows without category fall on the facts under them by time, full performance left out, what no
    interval speaks of as what the contract says unreported time is; each share to 12 decimals.
    """
    ruling = Ruling(policy=measure.policy)
    found: list[Loss] = []
    notes: list[str] = []
    for each in series:
        named = _named(each.role)
        if named is None and ":" in each.role:
            notes.append(f"{each.role}: no such category, its loss counts as one of unknown time")
        notes += each.notes
        for asset, rows in rows_by_asset(contract, each).items():
            time_us = charge.assets.get(asset, {})
            known_us = {key: int(sum(by.values())) for key, by in time_us.items()}
            if named is None:
                weights = _under(_each_with(rows, facts.timelines.get(asset, ()), known_us, unreported(contract)))
            else:
                weights = _of_name(named, known_us)
                weights = {key: part * sum(row.value for row in rows) for key, part in weights.items()}
            found += [
                Loss(asset=asset, key=key, amount=amount, shares=_shares(ruling, time_us, key))
                for key, amount in weights.items()
            ]
    return found, notes


def _named(role: str) -> tuple[Category, str | None] | None:
    """Category and cause of `lost_output_mwh:FO:gearbox`; None where it names no category."""
    _, _, name = role.partition(":")
    category, _, cause = name.partition(":")
    return (Category(category), cause or None) if category in set(Category) else None


def _of_name(named: tuple[Category, str | None], time_us: Mapping[Key, int]) -> dict[Key, Fraction]:
    """The facts a name speaks of by their share of its time (1 in all)."""
    category, cause = named
    of_it = {key: us for key, us in time_us.items() if key[0] is category and cause in {None, key[1]} and us}
    whole = sum(of_it.values())
    if not whole:
        return {(category, cause or "", Party.UNKNOWN): Fraction(1)}
    return {key: Fraction(us, whole) for key, us in of_it.items()}


def _under(each_with: Iterable[tuple[Row, Mapping[Key, int]]]) -> dict[Key, Fraction]:
    """What was lost in each row, shared by time among the facts under it that are not full performance."""
    sums: dict[Key, Fraction] = {}
    for row, under in each_with:
        stood = {key: us for key, us in under.items() if us and key[0] is not Category.FP} or {_UNKNOWN: 1}
        whole, reached = sum(stood.values()), 0
        for key, us in stood.items():
            sums[key] = sums.get(key, Fraction(0)) + part(row.value, reached, reached + us, whole)
            reached += us
    return sums


def _each_with(
    rows: Sequence[Row], intervals: Sequence[Interval], known_us: Mapping[Key, int], rest: Key
) -> Iterator[tuple[Row, Mapping[Key, int]]]:
    """Each row with the time under it, what no interval speaks of as `rest`; without intervals all time of the asset is
    under every row."""
    first = 0
    for row in rows:
        if not intervals:
            yield row, known_us
            continue
        while first < len(intervals) and intervals[first].end_us <= row.start_us:
            first += 1
        last = first
        while last < len(intervals) and intervals[last].start_us < row.end_us:
            last += 1
        under = durations(intervals[first:last], row.start_us, row.end_us)
        yield row, {**under, rest: under.get(rest, 0) + row.duration_us - sum(under.values())}


def _shares(
    ruling: Ruling, time_us: Mapping[Key, Mapping[Verdict, int | Fraction]], key: Key
) -> dict[Verdict, Fraction]:
    charged = time_us.get(key, {})
    whole = Fraction(sum(charged.values()))
    if not whole:
        return {ruling.verdict(key): Fraction(1)}
    return {verdict: us / whole for verdict, us in charged.items()}
