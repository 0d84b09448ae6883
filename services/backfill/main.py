"""Files, one after the other, into the database; killed at any time and started again, it goes on where it was."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from rich.console import Console

from services.backfill import facts
from services.backfill.writer import Writer, Written
from services.devices import columnar, progress, recorded
from services.devices import mapping as mappings
from services.devices.columnar import Block
from services.devices.mapping import Source
from services.devices.recorded import Tally
from shared import declared
from shared.db import backfills, catalog
from shared.db.backfills import Position
from shared.db.catalog import Catalog
from shared.db.pool import Connection
from shared.errors import Fault, SpecError, VouchError

_EVENTS: Final = 2_000
_LEAST_S: Final = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What to store: files below `data` as `mapping` says. `reason` is why conflicting values are replaced; None: they
    are not. `from_start`: whatever was stored before.
    """

    mapping: Path
    data: Path
    reason: str | None = None
    from_start: bool = False


def run(connection: Connection, order: Order, clock_us: Callable[[], int]) -> int:
    """Store what the order names and print a summary; bad rows are reported with their line.

    Returns how much of what the files say was refused, by this run or an earlier one: bad rows, quarantined parts.
    Raises SpecError (mapping, columns, machines and sensors the fleet does not have), VouchError (files; another
    backfill is running), UnavailableError (database).
    """
    text = declared.read(order.mapping)
    sources = mappings.parse(text, str(order.mapping)).sources
    known = catalog.load(connection)
    _check(sources, known, str(order.mapping))
    sizes = [recorded.size(source, order.data) for source in sources]
    backfills.begin(connection)
    screen = Console(stderr=True)
    started = time.monotonic()
    total, written = None if None in sizes else sum(size for size in sizes if size), Written()
    bar = progress.shown(screen, total, refused="not stored", done=lambda _: written.readings or written.events)
    with bar as (tally, advance):
        writer = Writer(connection=connection, written=written, reason=order.reason, clock_us=clock_us)
        work = _Backfill(order=order, known=known, writer=writer, tally=tally, advance=advance)
        for source in sources:
            work.source(source)
    Console(soft_wrap=True, highlight=False).print(_summary(tally, written, time.monotonic() - started))
    return tally.bad_rows + written.quarantined + written.refused_before


@dataclass(frozen=True, kw_only=True, slots=True)
class _Backfill:
    order: Order
    known: Catalog
    writer: Writer
    tally: Tally
    advance: Callable[[], None]

    def source(self, source: Source) -> None:
        """All files of a source: telemetry by blocks of columns, each file for itself; a log of events as one."""
        if source.events is not None:
            digest = b"".join(_sha256(self.order.data / name) for name in source.files)
            self._events(source, self._begin(source, source.files[0], hashlib.sha256(digest).digest()))
            return
        for name in source.files:
            self._telemetry(source, name, self._begin(source, name, _sha256(self.order.data / name)))

    def _begin(self, source: Source, name: str, digest: bytes) -> Position:
        """Where to go on. How a file is read is the source but for its files: another file may join them."""
        how = source.model_copy(update={"files": ()}).model_dump_json() + repr(self.order.reason is not None)
        start = Position(reading_sha256=hashlib.sha256(how.encode()).digest(), file=name, file_sha256=digest)
        begun = start if self.order.from_start else backfills.position(self.writer.connection, start)
        self.writer.written.refused_before += begun.refused
        return begun

    def _telemetry(self, source: Source, name: str, begun: Position) -> None:
        tally, rows, reached = self.tally, 0, begun
        known = self.known.as_stored(source.stored)
        if begun.is_done:
            tally.characters += recorded.size(source.model_copy(update={"files": (name,)}), self.order.data) or 0
            self.writer.written.rows_done_before += begun.rows
            return
        for block in columnar.blocks(self.order.data / name, source):
            rows += block.rows
            tally.characters += block.size
            if rows <= begun.rows:
                self.writer.written.rows_done_before += block.rows
            else:
                bad = reached.refused + len(block.bad)
                reached = self._block(source, block, known, replace(reached, rows=rows, refused=bad))
            self.advance()
        self.writer.commit([], replace(reached, rows=rows, is_done=True))

    def _block(self, source: Source, block: Block, known: Catalog, reached: Position) -> Position:
        tally = self.tally
        tally.rows += block.rows
        tally.left_out += block.left_out
        for place, reason in block.bad:
            tally.bad_row(place, reason)
        tally.values += len(block.at_us) * len(block.values) + sum(sample.values for sample in block.others)
        return self.writer.commit(facts.of_block(block, source, known, self.writer.clock_us()), reached)

    def _events(self, source: Source, begun: Position) -> None:
        """The events of all files; begun before, they are read again from the start, because later ones rest on it.

        Bad rows are reported each time, so what is noted as refused is what was quarantined.
        """
        stream, said, reached = recorded.samples(source, self.order.data, self.tally), 0, begun
        while samples := list(islice(stream, _EVENTS)):
            said += len(samples)
            if said > begun.rows:
                batches = facts.of_samples(samples, self.known, self.writer.clock_us())
                reached = self.writer.commit(batches, replace(reached, rows=said))
            self.advance()
        self.writer.commit([], replace(reached, rows=said, is_done=True))


def _check(sources: Sequence[Source], known: Catalog, mapping: str) -> None:
    """Raises SpecError naming every machine and sensor that the mapping names and the fleet does not have."""
    faults = [
        Fault(f"sources[{number}].{place}", what)
        for number, source in enumerate(sources)
        for place, what in _unknown(source, known)
    ]
    if faults:
        raise SpecError(mapping, faults)


def _unknown(source: Source, known: Catalog) -> Iterator[tuple[str, str]]:
    for slug in source.asset.slugs:
        path = f"{source.asset.customer}/{source.asset.site}/{slug}"
        asset = known.assets.get(path)
        if asset is None:
            yield "asset", f"the fleet has no {path}"
            continue
        for column, quantity in source.readings.items():
            if quantity.sensor not in asset.sensors:
                yield f"readings.{column}", f"{path} has no sensor {quantity.sensor!r}"


def _sha256(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise VouchError(f"{path}: {error}") from error


def _summary(tally: Tally, written: Written, elapsed_s: float) -> str:
    before = f" ({written.rows_done_before} stored by an earlier run)" if written.rows_done_before else ""
    if written.refused_before:
        before += f" ({written.refused_before} refused by an earlier run; --from-start reports them again)"
    rate = round(written.readings / max(elapsed_s, _LEAST_S))
    return (
        f"{tally.rows} rows read{before}, {tally.left_out} left out, {tally.bad_rows} bad\n"
        f"stored: {written.readings} readings, {written.events} events; {written.duplicates} were there already,"
        f" {written.corrected} corrected, {written.conflicts} in conflict; {written.quarantined} quarantined,"
        f" {written.nulls} empty\n"
        f"{elapsed_s:.1f} s, {rate} readings/s; {written.rested_s:.1f} s left to live traffic"
    )
