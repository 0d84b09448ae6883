"""Recorded files as a stream: CSV, plain or packed, or Parquet -> the samples of a source, in the file's order."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from services.devices.mapping import Source
from services.devices.rows import Rejected, RowReader, Sample, coverage, end_of_log
from shared.errors import VouchError


@dataclass(kw_only=True, slots=True)
class Tally:
    """What was read so far; `on_bad_row` is told file, line and reason of every row that could not be said."""

    on_bad_row: Callable[[str], None]
    characters: int = 0
    rows: int = 0
    left_out: int = 0
    bad_rows: int = 0
    values: int = 0
    nulls: int = 0
    events: int = 0

    def lines(self, stream: IO[str]) -> Iterator[str]:
        """The stream's lines, counted."""
        for line in stream:
            self.characters += len(line)
            yield line

    def sample(self, sample: Sample) -> Sample:
        """Count a sample that is said."""
        self.values += sample.values
        self.nulls += sample.nulls
        self.events += not sample.values
        return sample

    def bad_row(self, place: str, reason: str) -> None:
        """Count and report a row that is not said."""
        self.bad_rows += 1
        self.on_bad_row(f"{place}: {reason}")


def size(source: Source, data: Path) -> int | None:
    """Characters in the source's files below `data`, about; None when a file does not say.

    Raises VouchError naming a file or member that is missing or unreadable.
    """
    sizes = [_size(data / name, source.member) for name in source.files]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def samples(source: Source, data: Path, tally: Tally) -> Iterator[Sample]:
    """Everything the source says. Raises VouchError for an unreadable file, SpecError for missing columns."""
    yield from map(tally.sample, coverage(source))
    last: dict[str, int] = {}
    seq = 0
    for name in source.files:
        for place, row, reader in rows(data / name, source, tally):
            seq += 1
            said = reader.read(row, seq)
            if isinstance(said, Sample):
                last[said.topic] = said.at_us
                yield tally.sample(said)
            elif isinstance(said, Rejected):
                tally.bad_row(place, said.reason)
            else:
                tally.left_out += 1
    if source.end_of_log:
        for address, at_us in sorted(last.items(), key=lambda item: item[1]):
            yield tally.sample(end_of_log(source.end_of_log, address, at_us, seq + 1))


def rows(path: Path, source: Source, tally: Tally) -> Iterator[tuple[str, list[str], RowReader]]:
    """The rows of one file, each with its place as a report names it, and their reader.

    Raises VouchError for an unreadable file, SpecError for missing columns.
    """
    if path.suffix == ".parquet":
        return _parquet_rows(path, source, tally)
    return _csv_rows(path, source, tally)


def _csv_rows(path: Path, source: Source, tally: Tally) -> Iterator[tuple[str, list[str], RowReader]]:
    try:
        with ExitStack() as open_files:
            binary = open_binary(path, source.member, open_files)
            stream = io.TextIOWrapper(binary, "utf-8-sig", errors="replace", newline="")
            table = csv.reader(tally.lines(stream), delimiter=source.delimiter)
            reader = RowReader(source, next(table, []), str(path))
            for row in table:
                if row:
                    tally.rows += 1
                    yield f"{path.name}, line {table.line_num}", row, reader
    except (OSError, EOFError, csv.Error, zipfile.BadZipFile) as error:
        raise VouchError(f"{path}: {error}") from error


def _parquet_rows(path: Path, source: Source, tally: Tally) -> Iterator[tuple[str, list[str], RowReader]]:
    from services.devices import parquet

    columns = [name for name in parquet.header(path) if name in source.columns]
    reader = RowReader(source, columns, str(path))
    length, number = path.stat().st_size, 0
    for batch, share in parquet.batches(path, columns):
        tally.characters += round(length * share)
        for row in parquet.cells(batch):
            number += 1
            tally.rows += 1
            yield f"{path.name}, row {number}", row, reader


def open_binary(path: Path, member: str | None, open_files: ExitStack) -> IO[bytes]:
    """The bytes of a CSV file, unpacked."""
    if member is not None:
        return open_files.enter_context(open_files.enter_context(zipfile.ZipFile(path)).open(member))
    if path.suffix == ".gz":
        return cast(IO[bytes], open_files.enter_context(gzip.open(path)))
    return open_files.enter_context(path.open("rb"))


def _size(path: Path, member: str | None) -> int | None:
    try:
        if member is not None:
            with zipfile.ZipFile(path) as archive:
                return archive.getinfo(member).file_size
        length = path.stat().st_size
    except (OSError, zipfile.BadZipFile) as error:
        raise VouchError(f"{path}: {error}") from error
    except KeyError as error:
        raise VouchError(f"{path}: it has no member {member!r}") from error
    return None if path.suffix == ".gz" else length
