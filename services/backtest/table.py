"""A CSV file to rows of named cells: first stage of `vouch backtest`. What is wrong is collected, with its place."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from shared.errors import Fault, SpecError, VouchError

_MOST_FAULTS: Final = 100
_Read = TypeVar("_Read")


class Faults:
    """Everything found wrong in the files of one call; the first hundred are told in full, the others counted."""

    def __init__(self) -> None:
        self._found: list[Fault] = []
        self._further = 0

    def add(self, place: str, reason: str) -> None:
        if len(self._found) < _MOST_FAULTS:
            self._found.append(Fault(place, reason))
        else:
            self._further += 1

    def refuse(self, source: str) -> None:
        """SpecError with all that was found, if anything was."""
        if not self._found:
            return
        further = [Fault("further", f"{self._further} fault(s) not listed here")] if self._further else []
        raise SpecError(source, [*self._found, *further])


class Table:
    """One file: UTF-8 with or without a byte order mark, RFC 4180, any line ends, columns in any order.

    `required` columns must stand in the header, `optional` ones may, others are faults. VouchError when the file
    cannot be read or is no UTF-8.
    """

    def __init__(self, path: Path, required: Sequence[str], optional: Sequence[str], faults: Faults) -> None:
        self.name = path.name
        self._faults = faults
        self._columns = (*required, *optional)
        try:
            content = path.read_bytes()
            self._text = content.decode("utf-8-sig")
        except OSError as error:
            raise VouchError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise VouchError(f"{path}: byte {error.start} is no UTF-8") from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._lines = csv.reader(io.StringIO(self._text, newline=""), strict=True)
        self.header = self._read_header()
        wrong = [f"column {name!r} is missing" for name in required if name not in self.header]
        wrong += [f"column {name!r} is none of {', '.join(self._columns)}" for name in self._unknown()]
        wrong += [f"column {name!r} stands twice" for name in sorted(set(self.header)) if self.header.count(name) > 1]
        for reason in wrong:
            faults.add(f"{self.name}, line 1", reason)
        self._is_readable = not wrong

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line and cells, without surrounding blanks, in the order of the columns asked for; empty for absent ones.

        Nothing when the header is wrong; a row of another width is a fault.
        """
        if not self._is_readable:
            return
        width = len(self.header)
        places = [self.header.index(name) if name in self.header else width for name in self._columns]
        line = self._lines.line_num + 1
        for row in self._cells():
            if len(row) == width:
                row.append("")
                yield line, [row[place].strip() for place in places]
            elif row:
                self._faults.add(f"{self.name}, line {line}", f"{len(row)} cell(s) below a header of {width}")
            line = self._lines.line_num + 1

    def fault(self, line: int, column: str, reason: str) -> None:
        """Note what is wrong with a cell."""
        self._faults.add(f"{self.name}, line {line}, column {column}", reason)

    def _unknown(self) -> list[str]:
        return [name for name in self.header if name not in self._columns]

    def _read_header(self) -> list[str]:
        return [name.strip() for name in next(self._cells(), [])]

    def _cells(self) -> Iterator[list[str]]:
        try:
            yield from self._lines
        except csv.Error as error:
            self._faults.add(f"{self.name}, line {self._lines.line_num}", f"is no CSV: {error}")


class Cells:
    """The cells of one row of `table`: what a reader refuses with ValueError is noted with its place."""

    __slots__ = ("_line", "_table", "are_wrong")

    def __init__(self, table: Table, line: int) -> None:
        self._table, self._line = table, line
        self.are_wrong = False

    def read(self, column: str, cell: str, reader: Callable[[str], _Read]) -> _Read | None:
        """What `reader` makes of the cell; None where it refused."""
        try:
            return reader(cell)
        except ValueError as error:
            self.fault(column, str(error))
            return None

    def fault(self, column: str, reason: str) -> None:
        """Note what is wrong with a cell of the row."""
        self.are_wrong = True
        self._table.fault(self._line, column, reason)
