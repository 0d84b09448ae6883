"""Power curve: energy made against the reference curve's, row by row, over the time in which the machine could run."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from shared.contracts.facts import Facts, Window
from shared.contracts.finding import AssetFinding, Finding, Reason
from shared.contracts.kinds.amounts import Row, Series, accounts, distinct, formula_quantities, missing, read, stretches
from shared.contracts.level import level_of
from shared.contracts.measured import PowerCurveMeasure
from shared.contracts.rounding import plain
from shared.contracts.terms import Contract, Guarantee
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval

# In these the machine ran, could have, or nobody knows better than the rows: what is missing then is the curve's.
# In all others it was stopped or held back, which availability answers for.
_COULD_RUN: Final = frozenset({Category.FP, Category.PP, Category.TS, Category.IU})
# A row that touches a stop is left out whole, as what it holds of either side is not known; longer rows only when they
# lie in stops altogether, else a day or a year would go for an hour.
_LONGEST_US: Final = HOUR_US


@dataclass(frozen=True, kw_only=True, slots=True)
class _Compared:
    """Energy of one account over the time that both series know; what was left out for stops, and what was not."""

    actual: Fraction
    reference: Fraction
    left_out_us: int
    standing_us: int


def judge_power_curve(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Energy made by the reference energy (MWh), over the time in which both are known.

    Rows of at most an hour that touch time in which the machine could not run are left out on both sides, where
    timelines say so, and longer ones that hold nothing else; what others hold of it is noted. `shortfall` is what is
    missing to the level (MWh), `expected` what the level asks for.
    """
    measure = guarantee.measure
    assert isinstance(measure, PowerCurveMeasure)
    pairs = [
        (asset, *(read(guarantee, facts, window, role, asset=asset) for role in (measure.reference, measure.actual)))
        for asset in accounts(contract)
    ]
    series = [each for _, *both in pairs for each in both]
    if not all(each.rows for each in series):
        return missing(series, window)
    judged = [(asset, _compared(facts, reference, actual)) for asset, reference, actual in pairs]
    made = sum((each.actual for _, each in judged), Fraction(0))
    curve = sum((each.reference for _, each in judged), Fraction(0))
    asked = level_of(contract, guarantee, window.period) * curve
    notes = [*(note for each in series for note in each.notes), *_of_stops([each for _, each in judged])]
    return Finding(
        value=made / curve if curve > 0 else None,
        numerator=made,
        denominator=curve,
        sum_unit=series[0].unit,
        shortfall=asked - made,
        expected=asked,
        reason=None if curve > 0 else Reason.NO_DENOMINATOR,
        assets=tuple(_of_asset(asset, each) for asset, each in judged if asset is not None),
        measures={
            **formula_quantities(guarantee, facts, window),
            measure.actual: made,
            measure.reference: curve,
        },
        notes=distinct(notes),
    )


def _compared(facts: Facts, reference: Series, actual: Series) -> _Compared:
    kept, standing = zip(*(_running(facts, each) for each in (reference, actual)), strict=True)
    known = [each.values for each in stretches(kept) if len(each.values) == len(kept)]
    return _Compared(
        actual=sum((values[actual.role] for values in known), Fraction(0)),
        reference=sum((values[reference.role] for values in known), Fraction(0)),
        left_out_us=reference.covered_us - kept[0].covered_us,
        standing_us=max(standing),
    )


def _of_stops(compared: Sequence[_Compared]) -> Iterator[str]:
    """What people must know of stops among the rows."""
    left_out, standing = (
        plain(Fraction(us, HOUR_US), 2)
        for us in (sum(each.left_out_us for each in compared), sum(each.standing_us for each in compared))
    )
    if left_out != "0":
        yield f"left out: {left_out} h of rows in which the machine could not run"
    if standing != "0":
        yield f"rows of more than an hour hold {standing} h in which the machine could not run: they count as they are"


def _of_asset(asset: str, compared: _Compared) -> AssetFinding:
    return AssetFinding(
        asset=asset,
        value=compared.actual / compared.reference if compared.reference > 0 else None,
        numerator=compared.actual,
        denominator=compared.reference,
    )


def _running(facts: Facts, series: Series) -> tuple[Series, int]:
    """The series without what falls to stops of its assets, and how long the rows that stay stood, microseconds."""
    stops = {
        asset: [each for each in facts.timelines.get(asset, ()) if each.category not in _COULD_RUN]
        for asset in {row.asset for row in series.rows}
    }
    rows: list[Row] = []
    standing = 0
    for row in series.rows:
        stood = _stood_us(stops[row.asset], row)
        if stood < row.duration_us and (not stood or row.duration_us > _LONGEST_US):
            rows.append(row)
            standing += stood
    return Series(role=series.role, unit=series.unit, is_mean=series.is_mean, rows=tuple(rows)), standing


def _stood_us(stops: Sequence[Interval], row: Row) -> int:
    """How much of a row lies in the ordered, disjoint stops."""
    first = bisect_right(stops, row.start_us, key=lambda stop: stop.end_us)
    last = bisect_left(stops, row.end_us, key=lambda stop: stop.start_us)
    return sum(min(each.end_us, row.end_us) - max(each.start_us, row.start_us) for each in stops[first:last])
