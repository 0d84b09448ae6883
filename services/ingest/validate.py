"""Third hop: what messages say against the catalog, into facts to store. Each part is a fact, or has its reason."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import UNSET

from services.ingest.batch import Batch, Origin, Rejected
from services.ingest.columns import Samples, check, is_plausible, time_fault
from services.ingest.inbox import Message
from services.ingest.wire import (
    MAX_EPOCH_MS,
    MAX_EPOCH_S,
    Decoded,
    EventPart,
    Fault,
    Instant,
    PlainSample,
    Sample,
    instant_us,
    key,
    quoted,
)
from shared import topics, units
from shared.db.catalog import Catalog, KnownAsset
from shared.db.telemetry import Facts, ReportedEvent
from shared.model.connection import Statement
from shared.model.facts import RESERVED, EventKind
from shared.model.facts import QuarantineReason as Reason
from shared.model.payload import Format
from shared.topics import Channel

Read = Callable[[Message], Sequence[Decoded]]

# What a payload may raise that is not plain, or names what the fleet does not have.
_NOT_PLAIN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError)

_decode_plain: Final = msgspec.json.Decoder(list[PlainSample] | PlainSample).decode


def validate(messages: Sequence[Message], read: Read, catalog: Catalog, received_us: int, *, plain_up_to: int) -> Batch:
    """Hold a batch against the catalog, as of the moment it was received; never raises for what a device sends.

    Telemetry in the plain form from sensors that are known is taken here and now, up to `plain_up_to` bytes of payload;
    `read` decodes all else.
    """
    walk = _Walk(catalog, received_us)
    walk.take_all(messages, read, plain_up_to)
    checked = check(walk.samples, catalog.sensors, received_us)
    return Batch(
        messages=messages,
        catalog=catalog,
        samples=walk.samples,
        origins=walk.origins,
        checked=checked,
        facts=Facts(received_us=received_us, readings=checked.readings, events=walk.events, heard=walk.heard),
        event_origins=walk.event_origins,
        statements=walk.statements,
        rejected=walk.rejected,
        unknown=walk.unknown,
    )


@lru_cache(maxsize=1)
def _plain_topics(catalog: Catalog) -> dict[str, KnownAsset]:
    """Telemetry topics on which the plain form may be expected."""
    return {
        f"{topics.ROOT}/{path}/{Channel.TELEMETRY}": asset
        for path, asset in catalog.assets.items()
        if asset.payload_format in (None, Format.JSON)
    }


class _Walk:
    """Goes through the messages once and collects."""

    def __init__(self, catalog: Catalog, received_us: int) -> None:
        self._catalog, self._received_us = catalog, received_us
        self.samples = Samples()
        self.origins: dict[int, Origin] = {}
        self.events: list[ReportedEvent] = []
        self.event_origins: list[tuple[int, str]] = []
        self.heard: dict[int, int] = {}
        self.statements: list[Statement] = []
        self.rejected: list[Rejected] = []
        self.unknown: list[Decoded] = []

    def take_all(self, messages: Sequence[Message], read: Read, plain_up_to: int) -> None:
        """Take every message: what is plain at once, all else as it was read.

        One pass costs well under a microsecond a plain message; that is why it is written out here.
        """
        plain, samples = _plain_topics(self._catalog), self.samples
        sensor, value, at = samples.sensor, samples.value, samples.at_us
        count, index, origin, heard = samples.count, samples.index, samples.message, self.heard
        for place, message in enumerate(messages):
            topic, payload, _, _, content_type, is_retained = message
            asset = plain.get(topic)
            if asset is None or content_type is not None or is_retained or len(payload) > plain_up_to:
                self._take_read(place, message, read)
                continue
            try:
                said = _decode_plain(payload)
                if type(said) is list:
                    self._take_plain_list(place, asset, said)
                    continue
                values, ts, sensors = said.values, said.ts, asset.sensors
                sensor += [sensors[name] for name in values]
            except _NOT_PLAIN:
                self._take_read(place, message, read)
                continue
            value += values.values()
            at.append(ts * 1_000 if type(ts) is int and MAX_EPOCH_S <= ts < MAX_EPOCH_MS else instant_us(ts))
            heard[asset.id] = asset.customer_id
            count.append(len(values))
            index.append(0)
            origin.append(place)

    def _take_plain_list(self, place: int, asset: KnownAsset, said: list[PlainSample]) -> None:
        """Take samples of the plain form, all or none."""
        samples, sensors = self.samples, asset.sensors
        samples.sensor += [sensors[name] for sample in said for name in sample.values]
        for sample in said:
            samples.value += sample.values.values()
        samples.at_us += [instant_us(sample.ts) for sample in said]
        samples.count += [len(sample.values) for sample in said]
        samples.index += range(len(said))
        samples.message += [place] * len(said)
        self.heard[asset.id] = asset.customer_id

    def _take_read(self, place: int, message: Message, read: Read) -> None:
        for said in read(message):
            self.take(place, message, said)

    def take(self, place: int, message: Message, said: Decoded) -> None:
        """Take what a message says of one asset, part by part."""
        asset = None if said.path is None else self._catalog.assets.get(said.path)
        if asset is None:
            self._nobodys(place, said)
            return
        if not (message.retained or said.is_historical) and (said.status is None or said.status.online):
            self.heard[asset.id] = asset.customer_id
        for fault in said.faults:
            self.rejected.append(Rejected(place, asset, fault))
        for index, sample in enumerate(said.samples):
            self._sample(place, said, asset, index, sample)
        for part in said.events:
            self._event(place, message, asset, part)
        if said.status is not None:
            self.statements.append(
                Statement(
                    asset_id=asset.id,
                    customer_id=asset.customer_id,
                    is_online=said.status.online,
                    at_us=self._plausible_us(place, asset, "ts", said.status.ts),
                    topic=message.topic,
                    payload=message.payload,
                    is_retained=message.retained,
                    is_redelivered=message.redelivered,
                )
            )

    def _nobodys(self, place: int, said: Decoded) -> None:
        if said.path is None:
            self.rejected += [Rejected(place, None, fault) for fault in said.faults]
        else:
            self.unknown.append(said)
            self._reject(place, None, Reason.UNKNOWN_ASSET, f"no asset {quoted(said.path)}")

    def _sample(self, place: int, said: Decoded, asset: KnownAsset, index: int, sample: Sample) -> None:
        samples, sensors, prefix = self.samples, asset.sensors, said.prefix(index)
        values = sample.values
        if not values.keys() <= sensors.keys():
            self.unknown.append(said)
            for name in values.keys() - sensors.keys():
                self._reject(place, asset, Reason.UNKNOWN_SENSOR, f"{prefix}values.{key(name)}: no such sensor")
            values = {name: value for name, value in values.items() if name in sensors}
        for name, unit in (sample.units or {}).items():
            fault = self._unit_fault(sensors[name], unit) if name in values else None
            if fault is not None:
                self._reject(place, asset, Reason.UNIT_MISMATCH, f"{prefix}values.{key(name)}: {fault}")
                values = {other: value for other, value in values.items() if other != name}
        self.origins[len(samples.count)] = Origin(asset, prefix)
        samples.sensor += [sensors[name] for name in values]
        samples.value += values.values()
        samples.message.append(place)
        samples.index.append(index)
        samples.at_us.append(sample.at_us)
        samples.count.append(len(values))

    def _unit_fault(self, sensor: int, stated: str) -> str | None:
        columns = self._catalog.sensors
        return units.mismatch(stated, columns.reported_unit[sensor], columns.unit[sensor])

    def _event(self, place: int, message: Message, asset: KnownAsset, part: EventPart) -> None:
        event, prefix = part.event, f"{part.place}." if part.place else ""
        if event.code.startswith(RESERVED):
            what = f"{quoted(event.code)}: codes that begin with {RESERVED} are vouch's own"
            self._reject(place, asset, Reason.MALFORMED_PAYLOAD, f"{prefix}code: {what}")
            return
        is_state = event.start is UNSET
        start_us = self._plausible_us(place, asset, f"{prefix}{'ts' if is_state else 'start'}", event.begins)
        end_us = None if event.end is None else self._plausible_us(place, asset, f"{prefix}end", event.end)
        announced_us = None
        if event.announced is not None:
            announced_us = self._plausible_us(place, asset, f"{prefix}announced", event.announced)
        missing = (event.end, end_us), (event.announced, announced_us)
        if start_us is None or any(said is not None and at_us is None for said, at_us in missing):
            return
        if end_us is not None and end_us < start_us:
            self._reject(place, asset, Reason.TIME_IMPLAUSIBLE, f"{prefix}end: lies before the start")
            return
        self.event_origins.append((place, prefix))
        self.events.append(
            ReportedEvent(
                customer_id=asset.customer_id,
                asset_id=asset.id,
                kind=EventKind.STATE if is_state else EventKind.INTERVAL,
                code=event.code,
                text=event.text,
                start_us=start_us,
                end_us=end_us,
                seq=event.seq,
                announced_us=announced_us,
                topic=message.topic,
                payload=part.raw,
            )
        )

    def _plausible_us(self, place: int, asset: KnownAsset, field: str, instant: Instant) -> int | None:
        at_us = instant_us(instant)
        if is_plausible(at_us, self._received_us):
            return at_us
        self._reject(place, asset, Reason.TIME_IMPLAUSIBLE, f"{field}: {time_fault(at_us)}")
        return None

    def _reject(self, place: int, asset: KnownAsset | None, reason: Reason, detail: str) -> None:
        self.rejected.append(Rejected(place, asset, Fault(reason, detail)))
