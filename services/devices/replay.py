"""Publishes recorded files over MQTT as the devices would have, at a chosen speed."""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from services.devices import mapping as mappings
from services.devices import progress, recorded
from services.devices.mapping import Source
from services.devices.publisher import Publisher
from services.devices.recorded import Tally
from services.devices.rows import Sample
from shared import declared
from shared.errors import Fault, SpecError, VouchError

_PACK_WEIGHT = 1_000
_EVENT_WEIGHT = 10
_DRAIN_S = 300.0
_ROWS_A_STEP = 500


def run(mapping: Path, *, data: Path, mqtt_url: str, speed: float) -> None:
    """Publish what the mapping file names below `data`, `speed` times real time (0: as fast as it is acknowledged).

    Every source is said in its file's order, several are merged by time. A row without readable time or asset is
    reported with its line and not sent; a cell that is no number is sent as it stands. Prints a summary. Raises
    SpecError (mapping, columns), VouchError (files; messages nobody subscribes to), UnavailableError (broker).
    """
    sources = mappings.parse(declared.read(mapping), str(mapping)).sources
    _check(sources, str(mapping))
    sizes = [recorded.size(source, data) for source in sources]
    total = None if None in sizes else sum(size for size in sizes if size)
    screen = Console(stderr=True)
    started = time.monotonic()
    bar = progress.shown(screen, total, refused="not sent", done=lambda tally: tally.values or tally.events)
    with Publisher(mqtt_url) as publisher, bar as (tally, advance):
        packs = Packs(publish=publisher.publish)
        streams = [recorded.samples(source, data, tally) for source in sources]
        for sample in _paced(heapq.merge(*streams, key=lambda sample: sample.at_us), speed, packs.flush):
            packs.add(sample)
            if tally.rows % _ROWS_A_STEP == 0:
                advance()
        packs.flush()
        publisher.drain(_DRAIN_S)
        unheard = publisher.unheard
    Console(soft_wrap=True, highlight=False).print(_summary(tally, packs.messages, time.monotonic() - started))
    if unheard:
        raise VouchError(f"{unheard} message(s) had no subscriber and are lost: has ingest ever run on this broker?")


def _check(sources: Sequence[Source], mapping: str) -> None:
    """Raises SpecError for cells no device can say: what it sends is taken to be in its sensor's reported unit."""
    reason = (
        "a device cannot say that a value is in the stored unit: use `vouch backfill`, or leave `unit` out where the"
        " sensor declares no `reported_unit`"
    )
    faults = [
        Fault(f"sources[{number}].readings.{column}.unit", reason)
        for number, source in enumerate(sources)
        for column, quantity in source.readings.items()
        if quantity.unit == "stored"
    ]
    if faults:
        raise SpecError(mapping, faults)


@dataclass(kw_only=True, slots=True)
class Packs:
    """Samples of one topic travel as lists of about a thousand values."""

    publish: Callable[[str, bytes], None]
    messages: int = 0
    _open: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _weight: dict[str, int] = field(default_factory=dict)

    def add(self, sample: Sample) -> None:
        """Put a sample in its topic's pack and send the pack when it is full."""
        self._open.setdefault(sample.topic, []).append(sample.body)
        weight = self._weight.get(sample.topic, 0) + (sample.values or _EVENT_WEIGHT)
        self._weight[sample.topic] = weight
        if weight >= _PACK_WEIGHT:
            self._send(sample.topic)

    def flush(self) -> None:
        """Send every pack as it is."""
        for topic in list(self._open):
            self._send(topic)

    def _send(self, topic: str) -> None:
        del self._weight[topic]
        self.publish(topic, msgspec.json.encode(self._open.pop(topic)))
        self.messages += 1


def _paced(samples: Iterable[Sample], speed: float, before_wait: Callable[[], None]) -> Iterator[Sample]:
    """Hold each sample back until it is due, counted from the first; what is due already is not held."""
    first_us: int | None = None
    started = time.monotonic()
    for sample in samples:
        first_us = sample.at_us if first_us is None else first_us
        wait_s = started + (sample.at_us - first_us) / 1e6 / speed - time.monotonic() if speed else 0
        if wait_s > 0:
            before_wait()
            time.sleep(wait_s)
        yield sample


def _summary(tally: Tally, messages: int, elapsed_s: float) -> str:
    said = f"{tally.values} values ({tally.nulls} of them empty)" if tally.values else f"{tally.events} events"
    return (
        f"{tally.rows} rows read, {tally.left_out} left out, {tally.bad_rows} bad; {said} in {messages} messages,"
        f" acknowledged after {elapsed_s:.1f} s"
    )
