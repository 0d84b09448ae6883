"""Parquet files as rows of cells, as a CSV file would have them; a few thousand rows are held at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from services.devices.cells import texts
from shared.errors import VouchError

SUFFIX: Final = ".parquet"
_ROWS: Final = 8_192


def header(path: Path) -> list[str]:
    """The names of the file's columns; raises VouchError when it is no Parquet file."""
    with _opened(path) as file:
        return file.schema_arrow.names


def batches(path: Path, columns: Sequence[str], rows: int = _ROWS) -> Iterator[tuple[pa.RecordBatch, float]]:
    """The file's rows in order, at most `rows` at a time, each with its share of the whole file, 0 to 1."""
    try:
        with _opened(path) as file:
            total = max(1, file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False):
                yield batch.select(list(columns)), batch.num_rows / total
    except (OSError, pa.ArrowException) as error:
        raise VouchError(f"{path}: {error}") from error


def cells(batch: pa.RecordBatch) -> Iterator[list[str]]:
    """The rows of a batch."""
    for row in zip(*(texts(column).to_pylist() for column in batch.columns), strict=True):
        yield list(row)


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise VouchError(f"{path}: {error}") from error
