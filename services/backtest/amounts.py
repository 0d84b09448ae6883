"""The file of quantities, `asset,name,start,end,value,unit`: each in the unit of its name, none counted twice."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

from services.backtest.assets import Assets
from services.backtest.cells import instant_us, number
from services.backtest.table import Cells, Faults, Table
from shared import units
from shared.backtest.names import is_used, names_used
from shared.contracts.kinds.amounts import unit_of
from shared.contracts.measured import OeeMeasure
from shared.contracts.terms import Contract
from shared.model.quantity import Quantity

_COLUMNS: Final = ("asset", "name", "start", "end", "value", "unit")
# Amounts are never negative; temperatures and the like may be.
_AMOUNTS: Final = frozenset({"Wh", "kWh", "MWh", "GJ", "m3", "1000 m3", "h", "1"})
# Spellings that stand in statements and not among units: what they are, and how many of it.
_SPELLINGS: Final = {
    "1000 m3": ("m3", 1000), "1000m3": ("m3", 1000), "bar(g)": ("bar", 1), "barg": ("bar", 1), "bar_g": ("bar", 1),
    "pieces": ("1", 1), "pcs": ("1", 1), "units": ("1", 1), "unit": ("1", 1), "1000 units": ("1", 1000),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A row that can be read, and where it stands."""

    line: int
    quantity: Quantity


class QuantityReader:
    """Rows to quantities; `quantities` fills while `read` runs.

    Known names (of the kinds, or as a guarantee renames them) are converted to the unit the name says. Two rows of one
    asset and name that share time would count it twice and are a fault. `as_of_us` leaves out what was recorded later,
    and what was not over by then and has no time of recording.
    """

    def __init__(self, contract: Contract, assets: Assets, as_of_us: int | None, faults: Faults) -> None:
        self.quantities: list[Quantity] = []
        self.notes: list[str] = []
        self._assets, self._as_of_us, self._faults = assets, as_of_us, faults
        self._roles = {name: role for each in contract.guarantees for role, name in sorted(each.quantities.items())}
        measures = [each.measure for each in contract.guarantees if isinstance(each.measure, OeeMeasure)]
        self._used = names_used(contract)
        self._products = {product for measure in measures for product in measure.ideal_per_h}
        self._later = 0

    def read(self, path: Path) -> str:
        """Read the file; gives its SHA-256. What is wrong goes to the faults."""
        table = Table(path, _COLUMNS, ("recorded",), self._faults)
        rows = [found for line, row in table.rows() if (found := self._row(table, line, row)) is not None]
        distinct = list({row.quantity: row for row in reversed(rows)}.values())
        distinct.sort(key=lambda row: _order(row.quantity))
        if len(distinct) < len(rows):
            self.notes.append(f"{table.name}: {len(rows) - len(distinct)} exact repetition(s) of a row dropped")
        if self._later:
            self.notes.append(f"{table.name}: {self._later} row(s) not known at the as-of time left out")
        self._note_unused(table.name, Counter(row.quantity.name for row in distinct))
        self._refuse_shared_time(table, distinct)
        self.quantities = [row.quantity for row in distinct]
        return table.sha256

    def _note_unused(self, file: str, rows: Mapping[str, int]) -> None:
        for name, times in rows.items():
            if is_used(name, self._used):
                continue
            near = get_close_matches(name, sorted(self._used), n=2) or sorted(self._used)
            known = f"; used are, nearest first: {', '.join(near)}" if near else ""
            self.notes.append(f"{file}: {times} row(s) named {name} are used by no guarantee of this contract{known}")

    def _row(self, table: Table, line: int, row: list[str]) -> _Row | None:
        asset, name, start, end, value, unit, recorded = row
        cells = Cells(table, line)
        known = cells.read("asset", asset, self._assets.named_or_all)
        start_us = cells.read("start", start, instant_us)
        end_us = cells.read("end", end, instant_us)
        recorded_us = cells.read("recorded", recorded, instant_us) if recorded else None
        amount = cells.read("value", value, number)
        cells.read("name", name, self._is_name)
        if start_us is not None and end_us is not None and end_us <= start_us:
            cells.fault("end", f"{end!r} is not after the start {start!r}")
        stored = self._in_unit_of(cells, name, amount, unit) if amount is not None else None
        if cells.are_wrong or known is None or start_us is None or end_us is None or stored is None:
            return None
        if not self._was_known(recorded_us, end_us):
            self._later += 1
            return None
        measured, stored_unit = stored
        quantity = Quantity(asset=known, name=name, start_us=start_us, end_us=end_us, value=measured, unit=stored_unit)
        return _Row(line=line, quantity=quantity)

    def _was_known(self, recorded_us: int | None, end_us: int) -> bool:
        return self._as_of_us is None or (end_us if recorded_us is None else recorded_us) <= self._as_of_us

    def _is_name(self, name: str) -> None:
        role, _, product = name.partition(":")
        if not role:
            raise ValueError("is empty")
        if role in {"good_units", "produced_units"} and product and self._products and product not in self._products:
            raise ValueError(f"product {product!r} has no ideal rate; known: {', '.join(sorted(self._products))}")

    def _in_unit_of(self, cells: Cells, name: str, value: Decimal, unit: str) -> tuple[Decimal | Fraction, str] | None:
        """The value in the unit that its name says, and that unit; as reported where the name says none."""
        base = name.partition(":")[0]
        wanted = unit_of(self._roles.get(name, self._roles.get(base, base)))
        if value < 0 and (wanted or unit) in _AMOUNTS:
            cells.fault("value", f"{value} is negative; {name} is an amount")
        if wanted is None:
            return value, unit
        try:
            return _converted(value, unit, wanted), wanted
        except units.UnitError as error:
            cells.fault("unit", f"{unit or 'none'!r} is no unit of {name}, which is in {wanted!r}: {error}")
            return None

    def _refuse_shared_time(self, table: Table, rows: Iterable[_Row]) -> None:
        for one, other in pairwise(rows):
            same = (one.quantity.asset, one.quantity.name) == (other.quantity.asset, other.quantity.name)
            if same and other.quantity.start_us < one.quantity.end_us:
                table.fault(other.line, "start", f"shares time with line {one.line}: {one.quantity.name} twice")


def _converted(value: Decimal, reported: str, stored: str) -> Decimal | Fraction:
    """Exact; a Decimal where the result has an end."""
    if units.is_same(reported, stored):
        return value
    source, many = _SPELLINGS.get(reported.strip().lower(), (reported, 1))
    target, share = _SPELLINGS.get(stored, (stored, 1))
    scale, offset = units.exact_conversion(source, target)
    exact = (Fraction(value) * many * scale + offset) / share
    return _decimal(exact)


def _decimal(exact: Fraction) -> Decimal | Fraction:
    rest, digits = exact.denominator, 0
    for prime in (2, 5):
        times = 0
        while rest % prime == 0:
            rest, times = rest // prime, times + 1
        digits = max(digits, times)
    if rest != 1:
        return exact
    return Decimal(exact.numerator * 10**digits // exact.denominator).scaleb(-digits)


def _order(quantity: Quantity) -> tuple[str, str, int, int]:
    return quantity.asset, quantity.name, quantity.start_us, quantity.end_us
