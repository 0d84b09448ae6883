"""A labelled file to named columns: first stage of every `vouch evaluate`. What is wrong is told with its place."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.errors import Fault, SpecError, VouchError
from shared.instant import to_us

_GZIP: Final = b"\x1f\x8b"
_MOST_FAULTS: Final = 20
_PLAIN_NUMBERS: Final = re.compile(r"[0-9eE+.\-\n]*", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NO_VALUE: Final = frozenset({"", "nan", "na", "null"})
_Read = TypeVar("_Read")


class _ManyFaultsError(SpecError):
    """More faults than are told: `faults` holds the first, the message says how many there are."""

    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        super().__init__(source, list(faults[:_MOST_FAULTS]))
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        self.args = (f"{source}: {len(faults)} fault(s), the first {_MOST_FAULTS} of them:\n{lines}",)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Table:
    """n rows of one file: `columns[i]` holds the n cells of `names[i]`, without surrounding blanks.

    `source` is the path as it was given, `lines` (n,) the line each row begins at, from 1.
    """

    source: str
    names: tuple[str, ...]
    columns: tuple[list[str], ...]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def cells(self, column: str) -> list[str]:
        """The n cells of a column; SpecError when there is none of that name."""
        if column not in self.names:
            reason = f"there is no column {column!r}; there are {', '.join(self.names)}"
            raise SpecError(self.source, [Fault("header", reason)])
        return self.columns[self.names.index(column)]

    def numbers(self, column: str, *, may_miss: bool = False) -> NDArray[np.float64]:
        """The n numbers of a column, finite; with `may_miss` an empty cell, NaN, NA or null is NaN, else a fault.

        SpecError names line, column and reason of the first faults.
        """
        cells = self.cells(column)
        if _PLAIN_NUMBERS.fullmatch("\n".join(cells)):
            try:
                values = np.array([float(cell) for cell in cells], dtype=np.float64)
            except ValueError:
                pass
            else:
                if np.isfinite(values).all():
                    return values
        return np.array(self.read(column, _number_or_none if may_miss else _number), dtype=np.float64)

    def instants_us(self, column: str) -> NDArray[np.int64]:
        """The n instants of a column (ISO 8601) in microseconds since 1970; without offset they are read as UTC.

        SpecError names line, column and reason of the first faults; a column mixes no times with and without offset.
        """
        cells = self.cells(column)
        instants = self.read(column, _instant)
        bare = [at.tzinfo is None for at in instants]
        if bare and any(bare) and not all(bare):
            row = bare.index(not bare[0])
            reason = f"{cells[row]!r} is a time {'without' if bare[row] else 'with'} offset, the first one is not"
            raise SpecError(self.source, [self.fault(row, column, reason)])
        return np.array([to_us(at.replace(tzinfo=at.tzinfo or UTC)) for at in instants], dtype=np.int64)

    def read(self, column: str, reader: Callable[[str], _Read]) -> list[_Read]:
        """What `reader` makes of the n cells of a column; where it refuses with ValueError, SpecError tells where."""
        faults: list[Fault] = []
        found: list[_Read] = []
        for row, cell in enumerate(self.cells(column)):
            try:
                found.append(reader(cell))
            except ValueError as error:
                faults.append(self.fault(row, column, str(error)))
        self.refuse(faults)
        return found

    def fault(self, row: int, column: str, reason: str) -> Fault:
        """What is wrong with the cell in `row` (from 0) of `column`, with its place in the file."""
        return Fault(f"line {self.lines[row]}, column {column}", reason)

    def refuse(self, faults: Sequence[Fault]) -> None:
        """SpecError with the first of `faults`, if there are any."""
        _refuse(self.source, faults)


def read(path: Path, separator: str = ",", *, names: Sequence[str] | None = None) -> Table:
    """Read a table, plain or gzip (told by its first bytes), UTF-8 with or without a byte order mark.

    `separator` is one character as RFC 4180 has it, or a blank for cells separated by any white space. The first line
    is the header, unless `names` gives the columns of a file without one. Blank lines are passed over. VouchError when
    the file cannot be read or decompressed; SpecError when rows and header disagree.
    """
    text = _text(path)
    rows = _split(text) if separator == " " else _separated(path, text, separator)
    if names is None:
        if not rows:
            raise SpecError(str(path), [Fault("line 1", "is empty; a header is needed")])
        line, header = rows.pop(0)
        _refuse(str(path), _wrong_header(line, header))
    else:
        header = list(names)
    width = len(header)
    wrong = [Fault(f"line {line}", f"{len(row)} cell(s), {width} column(s)") for line, row in rows if len(row) != width]
    _refuse(str(path), wrong)
    columns = tuple(map(list, zip(*(row for _, row in rows), strict=True))) if rows else tuple([] for _ in header)
    return Table(source=str(path), names=tuple(header), columns=columns, lines=[line for line, _ in rows])


def refuse_twice(paths: Sequence[Path]) -> None:
    """VouchError when a file stands twice among `paths`: its rows would count twice."""
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise VouchError(f"{path}: is given twice")
        seen.add(path.resolve())


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise VouchError(f"{path}: byte {error.start} is no UTF-8") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise VouchError(f"{path}: is no whole gzip file: {error}") from error
    except OSError as error:
        raise VouchError(f"{path}: {error.strerror}") from error


def _split(text: str) -> list[tuple[int, list[str]]]:
    return [(line, cells) for line, row in enumerate(text.splitlines(), 1) if (cells := row.split())]


def _separated(path: Path, text: str, separator: str) -> list[tuple[int, list[str]]]:
    if len(separator) != 1 or separator in '"\r\n':
        raise VouchError(f"separator {separator!r}: one character is needed, as ',' or ';' or a tab")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for row in reader:
            if row:
                rows.append((line, [cell.strip() for cell in row]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise SpecError(str(path), [Fault(f"line {reader.line_num}", f"is no CSV: {error}")]) from error
    return rows


def _wrong_header(line: int, header: list[str]) -> list[Fault]:
    wrong = [f"column {name!r} stands twice" for name in sorted(set(header)) if name and header.count(name) > 1]
    if header.count("") > 1:
        wrong.append(f"{header.count('')} columns have no name")
    return [Fault(f"line {line}", reason) for reason in wrong]


def _refuse(source: str, faults: Sequence[Fault]) -> None:
    if len(faults) > _MOST_FAULTS:
        raise _ManyFaultsError(source, faults)
    if faults:
        raise SpecError(source, list(faults))


def _number(cell: str) -> float:
    if not _NUMBER.fullmatch(cell):
        raise ValueError(f"{cell!r} is no number" if cell else "is empty; a number is needed")
    value = float(cell)
    if not np.isfinite(value):
        raise ValueError(f"{cell!r} is larger than a number can be")
    return value


def _number_or_none(cell: str) -> float:
    return np.nan if cell.lower() in _NO_VALUE else _number(cell)


def _instant(cell: str) -> datetime:
    try:
        return datetime.fromisoformat(cell)
    except ValueError as error:
        raise ValueError(f"{cell!r} is no time in ISO 8601") from error
