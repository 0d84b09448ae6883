"""Recorded telemetry as columns, block by block: what is plain is read by whole columns, the rest row by row.

`RowReader` says what a row means. Only cells whose meaning is beyond doubt are read here; every row with another goes
to it, so that both ways give the same.
"""

import csv
import io
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from services.devices import cells, parquet
from services.devices.mapping import Source
from services.devices.recorded import open_binary
from services.devices.rows import Rejected, RowReader, Sample
from shared.errors import VouchError

# A block is one transaction of a backfill: long enough to be cheap, short enough to let others in.
_READINGS: Final = 50_000
_FIRST_BYTES: Final = 1 << 18
_MOST_BYTES: Final = 1 << 24


@dataclass(kw_only=True, slots=True)
class Block:
    """Consecutive rows of a file, `rows` in all.

    Rows that are plain: their asset (place in `source.asset.slugs`) and time, both of shape (n,), and one column for
    each of `source.readings`, NaN where there is no value. `others` is what the rest says, `bad` place and reason of
    each row that cannot be said; `size` is the block's part of what `recorded.size` says of the file.
    """

    rows: int
    size: int
    asset: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    at_us: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    values: Sequence[NDArray[np.float64]] = ()
    others: list[Sample] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0


def blocks(path: Path, source: Source) -> Iterator[Block]:
    """The telemetry of one file; raises VouchError for an unreadable file, SpecError for missing columns."""
    if path.suffix == parquet.SUFFIX:
        return _parquet_blocks(path, source)
    return _csv_blocks(path, source)


def _parquet_blocks(path: Path, source: Source) -> Iterator[Block]:
    columns = [name for name in parquet.header(path) if name in source.columns]
    reader = _Reader(source, columns, path)
    length, first = path.stat().st_size, 1
    for batch, share in parquet.batches(path, columns, max(1, _READINGS // len(source.readings))):
        places = [f"{path.name}, row {first + number}" for number in range(batch.num_rows)]
        yield reader.block(batch.columns, places, round(length * share))
        first += batch.num_rows


def _csv_blocks(path: Path, source: Source) -> Iterator[Block]:
    try:
        with ExitStack() as open_files:
            stream = open_binary(path, source.member, open_files)
            head = stream.readline()
            line = head.decode("utf-8-sig", errors="replace")
            if line.count('"') % 2:
                raise VouchError(f"{path}: the header breaks within a quoted name")
            header = next(csv.reader([line], delimiter=source.delimiter), [])
            yield from _CsvReader(source, header, path).blocks(stream)
    except (OSError, EOFError, csv.Error, zipfile.BadZipFile, KeyError) as error:
        raise VouchError(f"{path}: {error}") from error


class _Reader:
    """Columns to a block, for a file whose needed columns are `columns`, in this order."""

    def __init__(self, source: Source, columns: Sequence[str], path: Path) -> None:
        self._source, self._name = source, path.name
        self._rows = RowReader(source, list(columns), str(path))
        self._place = {name: place for place, name in enumerate(columns)}
        self._keys = _among(list(source.asset.values))
        slugs = source.asset.slugs
        self._slug = np.array([slugs.index(slug) for slug in source.asset.values.values()], np.intp)

    def block(self, columns: Sequence[pa.Array], places: Sequence[str], size: int) -> Block:
        """The block of these columns; `places` names each row in a report."""
        source, place = self._source, self._place
        wanted = self._wanted(columns)
        asset, is_plain = self._asset(columns)
        at_us, is_timed = cells.times(columns[place[source.time.column]], source.time)
        is_plain &= is_timed
        values: list[NDArray[np.float64]] = []
        for name, quantity in source.readings.items():
            read, is_number = cells.numbers(columns[place[name]])
            is_plain &= is_number
            values.append(read * quantity.scale + quantity.offset)
        plain = np.flatnonzero(is_plain & wanted)
        block = Block(
            rows=len(at_us),
            size=size,
            asset=asset[plain],
            at_us=at_us[plain],
            values=[column[plain] for column in values],
            left_out=int((~wanted).sum()),
        )
        for row in np.flatnonzero(~is_plain & wanted).tolist():
            told = [cells.texts(column.slice(row, 1))[0].as_py() for column in columns]
            take(block, self._rows, places[row], told)
        return block

    def _wanted(self, columns: Sequence[pa.Array]) -> NDArray[np.bool_]:
        wanted = np.ones(len(columns[0]), np.bool_)
        for name, among in self._source.where.items():
            texts = cells.texts(columns[self._place[name]])
            wanted &= np.asarray(pc.call_function("is_in", [texts], _among(among)))
        return wanted

    def _asset(self, columns: Sequence[pa.Array]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        target = self._source.asset
        if target.column is None:
            return np.zeros(len(columns[0]), np.intp), np.ones(len(columns[0]), np.bool_)
        found = pc.call_function("index_in", [cells.texts(columns[self._place[target.column]])], self._keys)
        known = np.asarray(found.is_valid())
        return self._slug[pc.fill_null(found, 0).to_numpy(zero_copy_only=False)], known


class _CsvReader:
    """Bytes below the header to blocks, cut where a line ends outside of quotes."""

    def __init__(self, source: Source, header: list[str], path: Path) -> None:
        self._source, self._name = source, path.name
        self._rows = RowReader(source, header, str(path))
        self._names = [str(number) for number in range(len(header))]
        self._needed = [self._names[header.index(name)] for name in source.columns]
        self._columns = _Reader(source, source.columns, path)
        self._line = 2
        self._bytes = _FIRST_BYTES

    def blocks(self, stream: IO[bytes]) -> Iterator[Block]:
        rest = b""
        while data := stream.read(self._bytes):
            data = rest + data
            cut = data.rfind(b"\n") + 1
            if len(data) - cut > _MOST_BYTES:
                raise csv.Error(f"line {self._line} is longer than {_MOST_BYTES} bytes")
            if _breaks_within_quotes(data[:cut]):
                # From here on only a reader that remembers can tell where a row ends.
                yield from self._row_by_row(_Joined(data, stream), most=_FIRST_BYTES)
                return
            rest = data[cut:]
            if cut:
                yield self._block(data[:cut])
        if rest:
            yield from self._row_by_row(io.BytesIO(rest), most=_FIRST_BYTES)

    def _block(self, data: bytes) -> Block:
        lines = data.count(b"\n")
        try:
            table = self._table(data)
        except pa.ArrowException:
            table = None
        if table is None or len(table) != lines:
            # A row of another width, a blank line, what is no UTF-8: to be looked at one by one.
            [block] = self._row_by_row(io.BytesIO(data), most=len(data) + 1)
            return block
        columns = [column.combine_chunks() for column in table.columns]
        places = _Lines(self._name, self._line)
        block = self._columns.block(columns, places, len(data))
        self._line += lines
        per_byte = max(1, lines * len(self._source.readings)) / len(data)
        self._bytes = int(min(_MOST_BYTES, max(_FIRST_BYTES // 8, _READINGS / per_byte)))
        return block

    def _table(self, data: bytes) -> pa.Table:
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(use_threads=False, column_names=self._names, block_size=len(data) + 1),
            arrow_csv.ParseOptions(delimiter=self._source.delimiter),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(self._needed, pa.string()),
                include_columns=self._needed,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _row_by_row(self, stream: IO[bytes] | io.RawIOBase, *, most: int) -> Iterator[Block]:
        """Blocks of some `most` characters; the last one, which may be empty, ends where the stream does."""
        counted = _Counted(io.TextIOWrapper(cast(IO[bytes], stream), "utf-8", errors="replace", newline=""))
        table = csv.reader(counted, delimiter=self._source.delimiter)
        block, before = Block(rows=0, size=0), self._line - 1
        for row in table:
            if row:
                block.rows += 1
                take(block, self._rows, f"{self._name}, line {before + table.line_num}", row)
            if counted.size >= most:
                block.size, counted.size = counted.size, 0
                yield block
                block = Block(rows=0, size=0)
        block.size = counted.size
        self._line = before + table.line_num + 1
        yield block


def take(block: Block, reader: RowReader, place: str, row: list[str]) -> None:
    """Let a row be read by itself into the block."""
    said = reader.read(row, 0)
    if isinstance(said, Sample):
        block.others.append(said)
    elif isinstance(said, Rejected):
        block.bad.append((place, said.reason))
    else:
        block.left_out += 1


def _among(texts: Sequence[str]) -> pc.SetLookupOptions:
    return pc.SetLookupOptions(pa.array(texts, pa.string()))


def _breaks_within_quotes(data: bytes) -> bool:
    if b'"' not in data:
        return False
    characters = np.frombuffer(data, np.uint8)
    is_open = np.cumsum(characters == ord('"')) % 2
    return bool(is_open[characters == ord("\n")].any())


@dataclass(frozen=True, slots=True)
class _Lines(Sequence[str]):
    """The places of rows that are a line each; made only when one is asked for."""

    name: str
    first: int

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, row: int) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return f"{self.name}, line {self.first + row}"


@dataclass(slots=True)
class _Counted(Iterator[str]):
    """Lines, with how many characters were taken."""

    lines: Iterator[str]
    size: int = 0

    def __next__(self) -> str:
        line = next(self.lines)
        self.size += len(line)
        return line


class _Joined(io.RawIOBase):
    """What was read already, then the rest of its stream."""

    def __init__(self, read: bytes, stream: IO[bytes]) -> None:
        self._read, self._stream = io.BytesIO(read), stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._read.read(size) or self._stream.read(size)

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(size)
