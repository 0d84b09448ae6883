"""A file that is there whole or not at all: written aside, synced, renamed."""

import gzip
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final, Protocol, cast

import pyarrow as pa
from pyarrow import parquet

from shared import tabular
from shared.errors import VouchError

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")


class Sink(Protocol):
    """Takes tables of one schema."""

    def write_table(self, table: pa.Table) -> None:
        """Append rows."""
        ...


class _Csv:
    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self._stream = stream
        stream.write(tabular.csv_header(schema))

    def write_table(self, table: pa.Table) -> None:
        self._stream.write(tabular.csv_lines(table))


def check(path: Path) -> None:
    """Raises VouchError for a path that no file can be written to, or of no known form."""
    if not path.name.endswith(SUFFIXES) or path.name.startswith("."):
        raise VouchError(f"--out: {path.name!r} must end in {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise VouchError(f"--out: {path} is a folder")
    if not path.parent.is_dir():
        raise VouchError(f"--out: there is no folder {path.parent}")


@contextmanager
def opened(path: Path, schema: pa.Schema) -> Iterator[Sink]:
    """Write the file; what was there before stays until all is written, and stays when anything goes wrong.

    Raises VouchError when the file system refuses.
    """
    try:
        with _aside(path) as stream, ExitStack() as layers:
            if path.name.endswith(".parquet"):
                yield layers.enter_context(parquet.ParquetWriter(stream, schema, compression="zstd"))
            elif path.name.endswith(".gz"):
                packed = layers.enter_context(gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0))
                yield _Csv(cast(IO[bytes], packed), schema)
            else:
                yield _Csv(stream, schema)
    except OSError as error:
        raise VouchError(f"--out: {path}: {error.strerror or error}") from error


@contextmanager
def _aside(path: Path) -> Iterator[IO[bytes]]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        written.chmod(0o666 & ~umask)
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)
