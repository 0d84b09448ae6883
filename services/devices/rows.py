"""One row of a recorded file -> what the device would have said. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.devices.mapping import EndOfLog, Quantity, Source
from shared.errors import Fault, SpecError
from shared.instant import from_us, to_us
from shared.topics import Channel, Topic


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One telemetry sample or event, ready for the wire; `values` counts its cells, `nulls` the empty ones."""

    topic: str
    at_us: int
    body: dict[str, Any]
    values: int = 0
    nulls: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A row that cannot be said: its time or asset is unreadable."""

    reason: str


class RowReader:
    """Reads the rows below one `header` as `source` says."""

    def __init__(self, source: Source, header: list[str], path: str) -> None:
        """Raises SpecError naming every column that the mapping names and the file does not have, or has twice."""
        faults = [
            Fault(path, f"column {name!r} is {'doubled' if name in header else 'missing'}")
            for name in source.columns
            if header.count(name) != 1
        ]
        if faults:
            raise SpecError(path, faults)
        self._source = source
        self._width = len(header)
        self._place = {name: index for index, name in enumerate(header)}
        self._at_us = source.time.reader()
        self._quantities = [(self._place[name], quantity) for name, quantity in source.readings.items()]
        channel = Channel.EVENT if source.events else Channel.TELEMETRY
        self._topics = {slug: _address(source, slug, channel) for slug in source.asset.slugs}

    def read(self, row: list[str], seq: int) -> Sample | Rejected | None:
        """What row number `seq` says; None for a row that `where` leaves out."""
        if len(row) != self._width:
            return Rejected(reason=f"{len(row)} cells below a header of {self._width}")
        if not all(row[self._place[name]] in wanted for name, wanted in self._source.where.items()):
            return None
        try:
            address = self._topics[self._slug(row)]
            at_us = self._at_us(row[self._place[self._source.time.column]])
            return self._telemetry(row, address, at_us) if self._quantities else self._event(row, seq, address, at_us)
        except (ValueError, OverflowError) as error:
            return Rejected(reason=str(error))

    def _slug(self, row: list[str]) -> str:
        target = self._source.asset
        if target.column is None:
            return target.slugs[0]
        cell = row[self._place[target.column]]
        if cell not in target.values:
            raise ValueError(f"column {target.column!r}: no asset is named for {cell!r}")
        return target.values[cell]

    def _telemetry(self, row: list[str], address: str, at_us: int) -> Sample:
        values = {quantity.sensor: _number(row[place], quantity) for place, quantity in self._quantities}
        body = {"ts": timestamp(at_us), "values": values}
        nulls = sum(value is None for value in values.values())
        return Sample(topic=address, at_us=at_us, body=body, values=len(values), nulls=nulls)

    def _event(self, row: list[str], seq: int, address: str, at_us: int) -> Sample:
        events = self._source.events
        assert events is not None
        code = ":".join(row[self._place[name]].strip() for name in events.code)
        text = row[self._place[events.text]] if events.text else ""
        said = {"code": code, "text": text, "seq": seq}
        if events.end is None:
            return Sample(topic=address, at_us=at_us, body={"ts": timestamp(at_us), **said})
        end = row[self._place[events.end]].strip()
        span = {"start": timestamp(at_us), "end": timestamp(self._at_us(end)) if end else None}
        return Sample(topic=address, at_us=at_us, body={**span, **said})


def coverage(source: Source) -> Iterator[Sample]:
    """The spans over which the log is complete, as interval events of every asset of the source."""
    for span in sorted(source.coverage, key=lambda span: span.start):
        start_us, end_us = to_us(span.start), to_us(span.end)
        said = {"start": timestamp(start_us), "end": timestamp(end_us), "code": span.code, "text": span.text, "seq": 0}
        for slug in source.asset.slugs:
            yield Sample(topic=_address(source, slug, Channel.EVENT), at_us=start_us, body=said)


def end_of_log(end: EndOfLog, address: str, at_us: int, seq: int) -> Sample:
    """The state that ends an asset's log at its last row; `seq` is above every row's."""
    body = {"ts": timestamp(at_us), "code": end.code, "text": end.text, "seq": seq}
    return Sample(topic=address, at_us=at_us, body=body)


def timestamp(at_us: int) -> int | str:
    """A time on the wire: epoch milliseconds where that is exact, else RFC 3339."""
    return at_us // 1_000 if at_us % 1_000 == 0 else from_us(at_us).isoformat()


def _address(source: Source, slug: str, channel: Channel) -> str:
    return str(Topic(customer=source.asset.customer, site=source.asset.site, asset=slug, channel=channel))


def _number(cell: str, quantity: Quantity) -> float | str | None:
    """An empty or NaN cell is no value. What is no finite number goes out as it stands, for ingest to quarantine."""
    cell = cell.strip()
    try:
        value = float(cell) if cell else math.nan
    except ValueError:
        return cell
    if math.isnan(value):
        return None
    if math.isinf(value) or "_" in cell:
        return cell
    return value * quantity.scale + quantity.offset
