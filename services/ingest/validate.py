"""Third hop: what was decoded against the catalog, into facts to store. Each part is a fact, or has its reason."""

from collections.abc import Sequence

from msgspec import UNSET

from services.ingest.batch import Batch, Rejected
from services.ingest.columns import Samples, check, is_plausible, time_fault
from services.ingest.inbox import Message
from services.ingest.wire import Decoded, EventPart, Fault, Instant, Sample, instant_us, key, quoted
from shared.db.catalog import Catalog, KnownAsset
from shared.db.telemetry import Facts, ReportedEvent
from shared.model.facts import EventKind
from shared.model.facts import QuarantineReason as Reason


def validate(messages: Sequence[Message], decoded: Sequence[Decoded], catalog: Catalog, received_us: int) -> Batch:
    """Hold a batch against the catalog, as of the moment it was received; never raises for what a device sends."""
    walk = _Walk(catalog, received_us)
    for place, (message, said) in enumerate(zip(messages, decoded, strict=True)):
        walk.take(place, message, said)
    checked = check(walk.samples, catalog.sensors, received_us)
    return Batch(
        messages=messages,
        decoded=decoded,
        catalog=catalog,
        samples=walk.samples,
        checked=checked,
        facts=Facts(received_us=received_us, readings=checked.readings, events=walk.events, heard=walk.heard),
        event_origins=walk.event_origins,
        rejected=walk.rejected,
        has_unknown=walk.has_unknown,
    )


class _Walk:
    """Goes through the messages once and collects."""

    def __init__(self, catalog: Catalog, received_us: int) -> None:
        self._catalog, self._received_us = catalog, received_us
        self.samples = Samples()
        self.events: list[ReportedEvent] = []
        self.event_origins: list[tuple[int, str]] = []
        self.heard: dict[int, int] = {}
        self.rejected: list[Rejected] = []
        self.has_unknown = False

    def take(self, place: int, message: Message, said: Decoded) -> None:
        asset = None if said.path is None else self._catalog.assets.get(said.path)
        if asset is None:
            self._nobodys(place, said)
            return
        if said.status is None or said.status.online:
            self.heard[asset.id] = asset.customer_id
        for fault in said.faults:
            self.rejected.append(Rejected(place, asset, fault))
        for index, sample in enumerate(said.samples):
            self._sample(place, said, asset, index, sample)
        for part in said.events:
            self._event(place, message, asset, part)
        if said.status is not None:
            self._plausible_us(place, asset, "ts", said.status.ts)

    def _nobodys(self, place: int, said: Decoded) -> None:
        if said.path is None:
            self.rejected += [Rejected(place, None, fault) for fault in said.faults]
        else:
            self.has_unknown = True
            self._reject(place, None, Reason.UNKNOWN_ASSET, f"no asset {quoted(said.path)}")

    def _sample(self, place: int, said: Decoded, asset: KnownAsset, index: int, sample: Sample) -> None:
        samples, sensors, values = self.samples, asset.sensors, sample.values
        try:
            samples.sensor.extend([sensors[name] for name in values])
        except KeyError:
            self.has_unknown = True
            for name in values.keys() - sensors.keys():
                detail = f"{said.prefix(index)}values.{key(name)}: no such sensor"
                self._reject(place, asset, Reason.UNKNOWN_SENSOR, detail)
            values = {name: value for name, value in values.items() if name in sensors}
            samples.sensor.extend([sensors[name] for name in values])
        samples.value.extend(values.values())
        samples.message.append(place)
        samples.index.append(index)
        samples.at_us.append(instant_us(sample.ts))
        samples.count.append(len(values))

    def _event(self, place: int, message: Message, asset: KnownAsset, part: EventPart) -> None:
        event, prefix = part.event, f"{part.place}." if part.place else ""
        is_state = event.start is UNSET
        start_us = self._plausible_us(place, asset, f"{prefix}{'ts' if is_state else 'start'}", event.begins)
        end_us = None if event.end is None else self._plausible_us(place, asset, f"{prefix}end", event.end)
        if start_us is None or (event.end is not None and end_us is None):
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
