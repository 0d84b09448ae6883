"""The file of events: `asset,start,end,category,cause,party,note`, or `code` in place of category."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from services.backtest.assets import Assets
from services.backtest.cells import instant_us
from services.backtest.table import Cells, Faults, Table
from shared.model.facts import AssetEvent, Category, EventKind, Meaning, Party
from shared.timeline import UNMAPPED

# Before any time there is.
ALWAYS: Final = -(2**62)
# Of each code, what it means from which time on; ascending, the first from the beginning.
CodeMap = Mapping[str, Sequence[tuple[int, Meaning]]]

_UNSPECIFIED: Final = "unspecified"
_REQUIRED: Final = ("asset", "start", "end")
_OPTIONAL: Final = ("cause", "party", "note", "announced", "recorded")
_Identity = tuple[str, int, int | None, str, str, str, int | None]
_Meant = Sequence[tuple[int, str]]


class EventReader:
    """Rows to events, each judged by itself; `events` and `meanings` fill while `read` runs.

    With a `code_map` each part of an event has the meaning that its code had at the time. Rows `recorded` after
    `as_of_us` were not known then and are left out. Times that repeat from row to row are parsed once.
    """

    def __init__(self, assets: Assets, code_map: CodeMap | None, as_of_us: int | None, faults: Faults) -> None:
        self.events: dict[str, list[AssetEvent]] = {}
        self.meanings: dict[str, Meaning] = {}
        self.notes: list[str] = []
        self._assets, self._code_map, self._as_of_us, self._faults = assets, code_map, as_of_us, faults
        self._instants: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._codes: dict[tuple[str, str, str], _Meant] = {}
        self._seen: set[_Identity] = set()
        self._unmapped: set[str] = set()
        self._repeated = self._later = self._empty = self._open = 0

    def read(self, path: Path) -> str:
        """Read the file; gives its SHA-256. What is wrong goes to the faults."""
        said = "category" if self._code_map is None else "code"
        table = Table(path, (*_REQUIRED, said), _OPTIONAL, self._faults)
        if self._code_map is None and "code" in table.header:
            self._faults.add(f"{table.name}, line 1", "column 'code' is read with --codes FLEET.yaml and --model MODEL")
        for line, row in table.rows():
            self._row(table, line, row)
        self._note(table.name)
        return table.sha256

    def _row(self, table: Table, line: int, row: list[str]) -> None:
        asset, start, end, said, cause, party, note, announced, recorded = row
        cells = Cells(table, line)
        name = cells.read("asset", asset, self._name)
        start_us = cells.read("start", start, self._instant)
        end_us = cells.read("end", end, self._instant) if end else None
        announced_us = cells.read("announced", announced, self._instant) if announced else None
        recorded_us = cells.read("recorded", recorded, self._instant) if recorded else None
        meant = self._meant(cells, said, cause, party)
        if start_us is not None and end_us is not None and end_us < start_us:
            cells.fault("end", f"{end!r} is before the start {start!r}")
        if cells.are_wrong or name is None or start_us is None:
            return
        if self._as_of_us is not None and recorded_us is not None and recorded_us > self._as_of_us:
            self._later += 1
            return
        if start_us == end_us:
            self._empty += 1
            return
        if self._is_repeated((name, start_us, end_us, said, cause, party, announced_us)):
            return
        self._open += end_us is None
        self.events.setdefault(name, []).extend(
            AssetEvent(
                id=None,
                kind=EventKind.INTERVAL,
                code=code,
                text=note,
                start_us=since_us,
                end_us=until_us,
                announced_us=announced_us,
            )
            for since_us, until_us, code in _parts(start_us, end_us, meant)
        )

    def _is_repeated(self, identity: _Identity) -> bool:
        if identity in self._seen:
            self._repeated += 1
            return True
        self._seen.add(identity)
        return False

    def _meant(self, cells: Cells, said: str, cause: str, party: str) -> _Meant:
        """From when on which code, under which the meaning is kept; parsed once for rows that say the same."""
        meant = self._codes.get((said, cause, party))
        if meant is None:
            meant = tuple(self._read_meaning(cells, said, cause, party))
            if not cells.are_wrong:
                self._codes[said, cause, party] = meant
        return meant

    def _read_meaning(self, cells: Cells, said: str, cause: str, party: str) -> Iterator[tuple[int, str]]:
        answers = cells.read("party", party, _party) if party else None
        if self._code_map is None:
            category = cells.read("category", said, _category)
            if category is not None:
                meaning = Meaning(category=category, cause=cause or _UNSPECIFIED, party=answers or Party.UNKNOWN)
                yield ALWAYS, self._kept(meaning)
            return
        if said not in self._code_map:
            self._unmapped.add(said)
        for from_us, mapped in self._code_map.get(said, ((ALWAYS, UNMAPPED),)):
            meaning = Meaning(category=mapped.category, cause=cause or mapped.cause, party=answers or mapped.party)
            yield from_us, self._kept(meaning)

    def _kept(self, meaning: Meaning) -> str:
        code = f"{meaning.category}:{meaning.cause}:{meaning.party}"
        self.meanings[code] = meaning
        return code

    def _name(self, cell: str) -> str:
        name = self._names.get(cell)
        if name is None:
            name = self._names[cell] = self._assets.named(cell)
        return name

    def _instant(self, cell: str) -> int:
        at_us = self._instants.get(cell)
        if at_us is None:
            at_us = self._instants[cell] = instant_us(cell)
        return at_us

    def _note(self, name: str) -> None:
        if self._repeated:
            self.notes.append(f"{name}: {self._repeated} exact repetition(s) of a row dropped")
        if self._later:
            self.notes.append(f"{name}: {self._later} row(s) recorded after the as-of time left out")
        if self._empty:
            self.notes.append(f"{name}: {self._empty} event(s) that end when they start left out")
        if self._open:
            self.notes.append(f"{name}: {self._open} event(s) without an end; they last as far as is looked")
        if self._unmapped:
            codes = ", ".join(sorted(self._unmapped)[:10])
            self.notes.append(f"{name}: {len(self._unmapped)} code(s) without meaning, unknown time: {codes}")


def _parts(start_us: int, end_us: int | None, meant: _Meant) -> Iterator[tuple[int, int | None, str]]:
    """`[start_us, end_us)` cut where the meaning changes."""
    for place, (from_us, code) in enumerate(meant):
        change_us = meant[place + 1][0] if place + 1 < len(meant) else None
        since_us = max(start_us, from_us)
        until_us = end_us if change_us is None else change_us if end_us is None else min(end_us, change_us)
        if until_us is None or since_us < until_us:
            yield since_us, until_us, code


def _category(cell: str) -> Category:
    try:
        return Category(cell)
    except ValueError as error:
        raise ValueError(f"{cell!r} is none of {', '.join(Category)}") from error


def _party(cell: str) -> Party:
    try:
        return Party(cell)
    except ValueError as error:
        raise ValueError(f"{cell!r} is none of {', '.join(Party)}") from error
