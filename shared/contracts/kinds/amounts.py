"""Measured quantities to amounts inside a window: what the judges of every kind add up, average and line up in time."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding, Reason
from shared.contracts.money import FormulaMoney
from shared.contracts.rounding import plain
from shared.contracts.terms import Contract, Guarantee
from shared.instant import HOUR_US
from shared.model.quantity import Quantity
from shared.units import is_same

# Roles and the unit their rows must come in; a product is named behind a colon, `good_units:SKU-A`.
UNITS: Final = {
    "actual_output_mwh": "MWh", "actual_mwh": "MWh", "reference_mwh": "MWh", "lost_output_mwh": "MWh",
    "actual_kwh": "kWh", "volume_m3": "m3", "pumped_volume_1000m3": "1000 m3", "inlet_c": "degC",
    "header_pressure_bar_g": "bar", "vibration_mm_s": "mm/s",
    "good_units": "1", "produced_units": "1", "failures": "1", "failures_with_notice": "1", "announcements": "1",
    "false_announcements": "1",
    "planned_busy_h": "h", "required_h": "h", "own_fault_h": "h", "operating_h": "h",
}  # fmt: skip
_MEANS: Final = frozenset({"inlet_c", "header_pressure_bar_g", "vibration_mm_s"})
# Of roles without an entry the unit tells: these, and whatever is by something else, do not add up over time.
_MEAN_UNITS: Final = frozenset({"degC", "degF", "K", "bar", "mbar", "Pa", "kPa", "hPa", "MPa", "%", "W", "kW", "MW"})
# Gauge pressure is a pressure; the role says above what.
_GAUGE: Final = {"bar(g)": "bar", "barg": "bar", "bar_g": "bar", "bar g": "bar"}
# Parts of an amount are multiples of its inverse: exact parts of rows with uneven edges add up to fractions of
# thousands of digits.
_PARTS: Final = 10**12


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A value over `[start_us, end_us)`, cut to the window; of a sum the part by time."""

    asset: str
    start_us: int
    end_us: int
    value: Fraction

    @property
    def duration_us(self) -> int:
        return self.end_us - self.start_us


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The rows of one role in a window, by asset and time, disjoint; none when they cannot be used, `notes` say why."""

    role: str
    unit: str
    is_mean: bool
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> Fraction | None:
        """The sum, or the mean weighted by time; None without rows."""
        if not self.rows:
            return None
        if not self.is_mean:
            return sum((row.value for row in self.rows), Fraction(0))
        return sum((row.value * row.duration_us for row in self.rows), Fraction(0)) / self.covered_us

    @property
    def covered_us(self) -> int:
        """The time of the rows, summed over assets."""
        return sum(row.duration_us for row in self.rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Time in which nothing changes: the value of each role that is known throughout, of sums the part by time."""

    start_us: int
    end_us: int
    values: Mapping[str, Fraction]

    @property
    def hours(self) -> Fraction:
        return Fraction(self.end_us - self.start_us, HOUR_US)


def unit_of(role: str) -> str | None:
    """The unit a role comes in; None for roles of a contract's own."""
    return UNITS.get(role.partition(":")[0])


def name_of(guarantee: Guarantee, role: str) -> str:
    """What the rows of a role are called in the data; a product keeps its name behind the colon."""
    base, colon, product = role.partition(":")
    return guarantee.quantities.get(role, guarantee.quantities.get(base, base) + colon + product)


def read(guarantee: Guarantee, facts: Facts, window: Window, role: str, *, asset: str | None = None) -> Series:
    """The rows of `role` in `[window.start_us, window.until_us)`, of one asset or of all.

    Rows of the contract's assets count; only where there are none, those of others (parts of a line, a meter). Rows in
    another unit than the role's, and rows of one asset that overlap, make the series unusable: a sum over them would
    be wrong. Exact repeats count once.
    """
    name = name_of(guarantee, role)
    found = _rows(facts, name, window, asset)
    unit = unit_of(role) or (found[0].unit if found else "1")
    is_mean = role in _MEANS or (unit_of(role) is None and ("/" in unit or unit in _MEAN_UNITS))
    wrong = sorted(each for each in {row.unit for row in found} if not is_same(_GAUGE.get(each, each), unit))
    if wrong:
        return _unusable(role, unit, f"{name} is in {', '.join(wrong)}, {unit} is expected: not used", is_mean=is_mean)
    rows, is_cut = _cut(found, window, is_mean=is_mean)
    if any(one.asset == other.asset and other.start_us < one.end_us for one, other in pairwise(rows)):
        return _unusable(role, unit, f"{name} has rows that overlap in time: not used", is_mean=is_mean)
    notes = (f"{name}: rows that reach over the window's edge count by their share of time",) if is_cut else ()
    series = Series(role=role, unit=unit, is_mean=is_mean, rows=rows, notes=notes)
    return Series(role=role, unit=unit, is_mean=is_mean, rows=rows, notes=notes + _coverage(series, name, window))


def is_delivered(guarantee: Guarantee, facts: Facts, role: str, *, asset: str | None = None) -> bool:
    """Whether rows of `role` are on record at any time, of the asset or (None) of anything.

    Where they are, a window without usable ones has a gap: nothing else stands in for them.
    """
    name = name_of(guarantee, role)
    whose = facts.by_name.get(name, {}).keys() | facts.known_names.get(name, frozenset())
    return bool(whose) if asset is None else asset in whose


def rounded(value: Fraction) -> Fraction:
    """To 12 decimals, half to even."""
    return Fraction(round(value * _PARTS), _PARTS)


def part(value: Fraction, since: int, until: int, whole: int) -> Fraction:
    """What of an amount falls on `[since, until)` of `[0, whole)`, to 12 decimals; parts side by side add up to it."""
    scale = value.denominator * whole
    first, last = ((2 * value.numerator * each * _PARTS // scale + 1) >> 1 for each in (since, until))
    return (value if until == whole else Fraction(last, _PARTS)) - Fraction(first, _PARTS)


def products(guarantee: Guarantee, facts: Facts, role: str) -> tuple[str, ...]:
    """Every form of a role that the data has: itself, and with a product (`good_units:SKU-A`), in order."""
    name = name_of(guarantee, role)
    seen = facts.by_name.keys()
    named = {role} if name in seen else set()
    return tuple(sorted(named | {role + each[len(name) :] for each in seen if each.startswith(f"{name}:")}))


def formula_quantities(guarantee: Guarantee, facts: Facts, window: Window) -> dict[str, Fraction]:
    """The sum (or mean) of each quantity that the guarantee's money formulas name, as far as the data has it."""
    named: set[str] = set()
    for money in (*guarantee.malus, *guarantee.bonus):
        if isinstance(money, FormulaMoney):
            named |= money.formula.names - money.constants.keys()
    values = {name: read(guarantee, facts, window, name).value for name in sorted(named)}
    return {name: value for name, value in values.items() if value is not None}


def stretches(series: Sequence[Series]) -> list[Stretch]:
    """The time that any of the series speaks of, cut wherever one of them changes.

    A role is known in a stretch when every asset that has rows of it has one there: sums of assets are added, means
    averaged. Of a row that lies in several stretches each has its part by time, to 12 decimals.
    """
    bounds = sorted({us for each in series for row in each.rows for us in (row.start_us, row.end_us)})
    parts = {each.role: _parts(each, bounds) for each in series}
    return [
        Stretch(
            start_us=start, end_us=end, values={role: known[index] for role, known in parts.items() if index in known}
        )
        for index, (start, end) in enumerate(pairwise(bounds))
    ]


def accounts(contract: Contract) -> tuple[str | None, ...]:
    """Whose rows are held against each other: each asset's own; None, all rows there are, for a single asset."""
    return contract.assets if len(contract.assets) > 1 else (None,)


def missing(series: Iterable[Series], window: Window, why: Iterable[str] = ()) -> Finding:
    """The finding when one of these has no usable row; it names them and the unit they are expected in.

    `why`: what else is wrong with the rows there are.
    """
    notes = list(why)
    for each in series:
        notes += each.notes
        if not each.rows:
            notes.append(f"{each.role} ({each.unit}) is not known in {window.period.label}")
    return Finding(
        value=None,
        numerator=Fraction(0),
        denominator=Fraction(0),
        reason=Reason.MISSING_QUANTITY,
        notes=distinct(notes),
    )


def distinct(notes: Iterable[str]) -> tuple[str, ...]:
    """Each note once, in order."""
    return tuple(dict.fromkeys(notes))


def _rows(facts: Facts, name: str, window: Window, asset: str | None) -> list[Quantity]:
    """The rows of a name that touch the window: of one asset, or of the contract's, if those have none of others."""
    named = facts.by_name.get(name, {})
    if asset is not None and asset in facts.durations:
        return [row for row in named.get(asset, ()) if _touches(row, window)]
    touching = [row for rows in named.values() for row in rows if _touches(row, window)]
    found = [row for row in touching if row.asset in facts.durations] or touching
    return [row for row in found if asset in {None, row.asset}]


def _touches(row: Quantity, window: Window) -> bool:
    return max(row.start_us, window.start_us) < min(row.end_us, window.until_us)


def _unusable(role: str, unit: str, note: str, *, is_mean: bool) -> Series:
    return Series(role=role, unit=unit, is_mean=is_mean, rows=(), notes=(note,))


def _cut(found: Sequence[Quantity], window: Window, *, is_mean: bool) -> tuple[tuple[Row, ...], bool]:
    """Rows inside the window in order, repeats dropped, and whether a sum was shared by time."""
    rows: list[Row] = []
    is_cut = False
    for row in sorted(found, key=lambda each: (each.asset, each.start_us, each.end_us)):
        start, end = max(row.start_us, window.start_us), min(row.end_us, window.until_us)
        value = Fraction(row.value)
        if not is_mean and end - start < row.duration_us:
            value, is_cut = part(value, start - row.start_us, end - row.start_us, row.duration_us), True
        cut = Row(asset=row.asset, start_us=start, end_us=end, value=value)
        if not rows or rows[-1] != cut:
            rows.append(cut)
    return tuple(rows), is_cut


def _coverage(series: Series, name: str, window: Window) -> tuple[str, ...]:
    """A note when rows are missing; counts and hours have none where nothing happened."""
    whole = (window.until_us - window.start_us) * len({row.asset for row in series.rows})
    if series.unit in {"1", "h"} or series.covered_us >= whole:
        return ()
    known, of = plain(Fraction(series.covered_us, HOUR_US), 2), plain(Fraction(whole, HOUR_US), 2)
    return (f"{name} is known for {known} of {of} h",)


def _parts(series: Series, bounds: Sequence[int]) -> dict[int, Fraction]:
    """The series' value by the number of the stretch, where it is known."""
    assets = len({row.asset for row in series.rows})
    sums: dict[int, Fraction] = {}
    seen: dict[int, int] = {}
    for row in series.rows:
        for index in range(bisect_left(bounds, row.start_us), bisect_left(bounds, row.end_us)):
            start, end = bounds[index], bounds[index + 1]
            is_part = not series.is_mean and end - start < row.duration_us
            since, until = start - row.start_us, end - row.start_us
            value = part(row.value, since, until, row.duration_us) if is_part else row.value
            sums[index] = sums[index] + value if index in sums else value
            seen[index] = seen.get(index, 0) + 1
    return {
        index: value / assets if series.is_mean else value for index, value in sums.items() if seen[index] == assets
    }
