"""What files say to what ingest stores: rows in plain columns without a detour, the rest as messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.devices.columnar import Block
from services.devices.mapping import Source
from services.devices.rows import Sample, timestamp
from services.ingest import late, stored
from services.ingest.batch import Batch
from services.ingest.columns import Samples, check
from services.ingest.inbox import Message
from shared.db.catalog import Catalog
from shared.topics import Channel, Topic

# An operator chose these files: no row of them is too large.
_MAX_PAYLOAD_BYTES: Final = 2**30
_PACK: Final = 200


def of_block(block: Block, source: Source, catalog: Catalog, received_us: int) -> list[Batch]:
    """The batches of a block of telemetry; every row is a message of its own to the quarantine.

    `catalog` is the fleet as `source` tells of it, see `Catalog.as_stored`.
    """
    batches = [] if not len(block.at_us) else [_of_columns(block, source, catalog, received_us)]
    return [*batches, *of_samples(block.others, catalog, received_us, stored.content_type(source.stored))]


def of_samples(
    samples: Sequence[Sample], catalog: Catalog, received_us: int, content_type: str | None = None
) -> list[Batch]:
    """The batches of samples or events, as their devices would have sent them, the order of each device kept."""
    if not samples:
        return []
    messages = [
        Message(topic, payload, None, redelivered=True, content_type=content_type) for topic, payload in _packs(samples)
    ]
    return [late.read(messages, catalog, received_us, max_payload_bytes=_MAX_PAYLOAD_BYTES)]


def _of_columns(block: Block, source: Source, catalog: Catalog, received_us: int) -> Batch:
    rows, width = len(block.at_us), len(source.readings)
    addresses = [f"{source.asset.customer}/{source.asset.site}/{slug}" for slug in source.asset.slugs]
    names = [quantity.sensor for quantity in source.readings.values()]
    sensors = np.array([[catalog.assets[path].sensors[name] for name in names] for path in addresses], np.intp)
    sensor, value = sensors[block.asset].ravel(), np.stack(block.values, axis=1).ravel()
    samples = Samples(
        message=np.arange(rows),  # pyright: ignore[reportArgumentType]  (checked as columns)
        index=np.zeros(rows, np.intp),  # pyright: ignore[reportArgumentType]
        at_us=block.at_us,  # pyright: ignore[reportArgumentType]
        count=np.full(rows, width),  # pyright: ignore[reportArgumentType]
        sensor=sensor,  # pyright: ignore[reportArgumentType]
        value=value,  # pyright: ignore[reportArgumentType]
    )
    checked = check(samples, catalog.sensors, received_us)
    # Those of a batch are asked for one by one, and only where something is wrong.
    samples.message, samples.index, samples.at_us = range(rows), _Zeros(), _Whole(block.at_us)  # pyright: ignore[reportAttributeAccessIssue]
    nothing = late.read([], catalog, received_us, max_payload_bytes=_MAX_PAYLOAD_BYTES)
    return replace(
        nothing,
        messages=_RowMessages(block, source, tuple(names)),
        samples=samples,
        checked=checked,
        facts=replace(nothing.facts, readings=checked.readings),
    )


def _packs(samples: Sequence[Sample]) -> Iterator[tuple[str, bytes]]:
    """What belongs together of one topic; a row with a cell that is no number goes alone, to be seen alone."""
    open_packs: dict[str, list[object]] = {}
    for sample in samples:
        if any(isinstance(value, str) for value in sample.body.get("values", {}).values()):
            yield sample.topic, msgspec.json.encode(sample.body)
            continue
        pack = open_packs.setdefault(sample.topic, [])
        pack.append(sample.body)
        if len(pack) == _PACK:
            yield sample.topic, msgspec.json.encode(open_packs.pop(sample.topic))
    for topic, pack in open_packs.items():
        yield topic, msgspec.json.encode(pack)


@dataclass(frozen=True, slots=True)
class _RowMessages(Sequence[Message]):
    """Rows as the messages their devices would have sent; made when one is asked for."""

    block: Block
    source: Source
    sensors: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.block.at_us)

    def __getitem__(self, row: int) -> Message:  # pyright: ignore[reportIncompatibleMethodOverride]
        target, block = self.source.asset, self.block
        slug = target.slugs[block.asset[row]]
        topic = Topic(customer=target.customer, site=target.site, asset=slug, channel=Channel.TELEMETRY)
        cells = [float(column[row]) for column in block.values]
        values = {name: None if np.isnan(cell) else cell for name, cell in zip(self.sensors, cells, strict=True)}
        body = {"ts": timestamp(int(block.at_us[row])), "values": values}
        content_type = stored.content_type(self.source.stored)
        return Message(str(topic), msgspec.json.encode(body), None, redelivered=True, content_type=content_type)


@dataclass(frozen=True, slots=True)
class _Whole(Sequence[int]):
    """A column whose items are plain integers."""

    column: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, row: int) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        return int(self.column[row])


class _Zeros:
    """Every sample is the first of its message."""

    def __getitem__(self, _row: int) -> int:
        return 0
