"""Machines, sensors and a window -> one file, in constant memory, with a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from services.export import sink
from services.export.mapping import mapping
from shared import tabular
from shared.db import export
from shared.db.export import Series, Window
from shared.db.pool import Connection
from shared.errors import NotFoundError, VouchError

_WORD = pa.dictionary(pa.int32(), pa.string())
_READINGS = pa.schema(
    {
        "asset": _WORD,
        "sensor": _WORD,
        "unit": _WORD,
        "at": tabular.UTC_TIME,
        "value": pa.float64(),
        "quality": _WORD,
    }
)
_EVENTS = pa.schema(
    {
        "asset": pa.string(),
        "kind": pa.string(),
        "code": pa.string(),
        "text": pa.string(),
        "start_at": tabular.UTC_TIME,
        "end_at": tabular.UTC_TIME,
        "seq": pa.int64(),
        "received_at": tabular.UTC_TIME,
        "topic": pa.string(),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What to write where. `assets` are customer/site/asset; `sensors` None: all of them."""

    assets: Sequence[str]
    sensors: Sequence[str] | None
    window: Window
    out: Path
    is_events: bool = False
    has_mapping: bool = False


def run(connection: Connection, order: Order) -> str:
    """Write the file and say what is in it.

    Raises NotFoundError (machines, sensors), VouchError (the file, an order that makes no sense), UnavailableError.
    """
    _check(order)
    with export.snapshot(connection):
        machines = export.assets(connection, order.assets)
        missing = [path for path in order.assets if path not in machines]
        if missing:
            raise NotFoundError(f"there is no asset {', '.join(missing)}; name them customer/site/asset")
        if order.is_events:
            count = _events(connection, order, machines)
            return f"{count:,} event(s) of {len(machines)} asset(s) in {order.out}"
        listed = export.series(connection, machines, order.sensors)
        unknown = set(order.sensors or ()) - {one.sensor for one in listed}
        if unknown or not listed:
            raise NotFoundError(f"none of the assets has the sensor {', '.join(sorted(unknown)) or 'any'}")
        count = _readings(connection, order, listed)
    if order.has_mapping:
        beside = order.out.with_name(f"{order.out.name}.mapping.yaml")
        beside.write_text(mapping(order.out.name, listed), encoding="utf-8")
    return f"{count:,} reading(s) of {len(listed)} sensor(s) in {order.out}"


def _check(order: Order) -> None:
    sink.check(order.out)
    start, end = order.window.start, order.window.end
    if start is not None and end is not None and start >= end:
        raise VouchError("--from: must be before --to")
    if order.is_events and (order.sensors is not None or order.has_mapping):
        raise VouchError("--events: events have no --sensor and no --mapping")


def _readings(connection: Connection, order: Order, listed: Sequence[Series]) -> int:
    schema, count = tabular.with_units(_READINGS, {one.sensor: one.unit for one in listed}), 0
    with sink.opened(order.out, schema) as file, _shown(len(listed)) as advance:
        for done, one in enumerate(listed):
            for page, share in export.readings(connection, one.id, order.window):
                columns = {"at_us": page.at_us, "value": page.value, "quality": page.quality}
                table = tabular.readings(sensor=one.sensor, unit=one.unit, **columns)
                table = table.append_column("asset", tabular.repeated(one.asset, len(table)))
                file.write_table(table.select(schema.names).replace_schema_metadata(schema.metadata))
                count += len(table)
                advance(done + share)
            advance(done + 1)
    return count


def _events(connection: Connection, order: Order, machines: dict[str, int]) -> int:
    count = 0
    with sink.opened(order.out, _EVENTS) as file, _shown(None) as advance:
        for page in export.events(connection, machines, order.window):
            file.write_table(pa.Table.from_pylist([asdict(event) for event in page], _EVENTS))
            count += len(page)
            advance(count)
    return count


@contextmanager
def _shown(total: int | None) -> Iterator[Callable[[float], None]]:
    screen = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("export"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("export", total=total)
        yield lambda done: progress.update(task, completed=done)
