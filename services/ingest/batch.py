"""A batch between validation and COMMIT: the facts to store, and what goes to the quarantine instead."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.ingest.columns import Checked, Samples, time_fault
from services.ingest.inbox import Message
from services.ingest.wire import Decoded, Fault
from shared import topics
from shared.db.catalog import Catalog, KnownAsset
from shared.db.quarantine import Rejection
from shared.db.telemetry import Facts, Stored
from shared.instant import from_us
from shared.model.connection import Statement
from shared.model.facts import QuarantineReason

# Each bad part has a row of its own with the whole payload, as long as the copies of one payload stay below this.
MAX_COPIES_BYTES: Final = 4 * 1024 * 1024


class Origin(NamedTuple):
    """Whose a sample is, and its place in its message as a detail begins with it."""

    asset: KnownAsset
    prefix: str


class Rejected(NamedTuple):
    """A fault of a message, by its place in the batch; `asset` None: the message is nobody's."""

    message: int
    asset: KnownAsset | None
    fault: Fault


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """What `validate` made of messages.

    `origins` gives those of the samples, by number, whose message was not a plain one of one asset. `event_origins`
    gives for each of `facts.events` its message and its place there; `rejected` is what was refused
    before the readings became columns. `unknown` is what named an asset or a sensor that the
    catalog does not have.
    """

    messages: Sequence[Message]
    catalog: Catalog
    samples: Samples
    origins: Mapping[int, Origin]
    checked: Checked
    facts: Facts
    event_origins: Sequence[tuple[int, str]]
    statements: Sequence[Statement]
    rejected: Sequence[Rejected]
    unknown: Sequence[Decoded]

    def faults(self, stored: Stored) -> list[Rejected]:
        """Everything that was not stored, once the database has said what it holds otherwise."""
        checked = self.checked
        conflicting = [*checked.conflicting.tolist(), *checked.origin[stored.conflicting_readings].tolist()]
        return [
            *self.rejected,
            *(self._implausible(number) for number in checked.implausible.tolist()),
            *(self._outside(number) for number in checked.outside.tolist()),
            *(self._conflicting_reading(number) for number in conflicting),
            *(self._conflicting_event(place) for place in stored.conflicting_events),
        ]

    def _implausible(self, sample: int) -> Rejected:
        origin = self._origin(sample)
        detail = f"{origin.prefix}ts: {time_fault(self.samples.at_us[sample])}"
        fault = Fault(QuarantineReason.TIME_IMPLAUSIBLE, detail)
        return Rejected(self.samples.message[sample], origin.asset, fault)

    def _outside(self, reading: int) -> Rejected:
        sensors, sensor = self.catalog.sensors, self.samples.sensor[reading]
        low, high = sensors.physical_low[sensor], sensors.physical_high[sensor]
        what = f"{self.checked.value[reading]} {sensors.unit[sensor]} is outside of what is possible, {low} to {high}"
        return self._refused_reading(reading, QuarantineReason.OUT_OF_PHYSICAL_RANGE, what)

    def _conflicting_reading(self, reading: int) -> Rejected:
        at = from_us(self.samples.at_us[self.checked.sample[reading]]).isoformat()
        what = f"{self.checked.value[reading]} is not what was reported before for {at}"
        return self._refused_reading(reading, QuarantineReason.CONFLICTING_READING, what)

    def _conflicting_event(self, place: int) -> Rejected:
        event, (message, prefix) = self.facts.events[place], self.event_origins[place]
        end = "" if event.end_us is None else from_us(event.end_us).isoformat()
        detail = f"{prefix}end: {end} is not the end that was reported before"
        asset = KnownAsset(id=event.asset_id, customer_id=event.customer_id, sensors={})
        return Rejected(message, asset, Fault(QuarantineReason.CONFLICTING_EVENT, detail))

    def _refused_reading(self, reading: int, reason: QuarantineReason, what: str) -> Rejected:
        sample = int(self.checked.sample[reading])
        origin = self._origin(sample)
        name = self.catalog.sensors.name[self.samples.sensor[reading]]
        return Rejected(
            self.samples.message[sample], origin.asset, Fault(reason, f"{origin.prefix}values.{name}: {what}")
        )

    def _origin(self, sample: int) -> Origin:
        found = self.origins.get(sample)
        if found is None:
            message = self.messages[self.samples.message[sample]]
            is_list = message.payload.lstrip().startswith(b"[")
            path = message.topic.removeprefix(f"{topics.ROOT}/").rpartition("/")[0]
            found = Origin(self.catalog.assets[path], f"[{self.samples.index[sample]}]." if is_list else "")
        return found


def rejections(messages: Sequence[Message], faults: Sequence[Rejected]) -> list[Rejection]:
    """The rows of the quarantine, in the order of the messages."""
    by_message: dict[int, list[Rejected]] = {}
    for rejected in faults:
        by_message.setdefault(rejected.message, []).append(rejected)
    return [row for place in sorted(by_message) for row in _rows(messages[place], by_message[place])]


def _rows(message: Message, faults: Sequence[Rejected]) -> Iterator[Rejection]:
    copies = max(1, MAX_COPIES_BYTES // max(1, len(message.payload)))
    for number, (_, asset, fault) in enumerate(faults[:copies], start=1):
        rest = f" (and {len(faults) - copies} more faults)" if number == copies < len(faults) else ""
        yield Rejection(
            customer_id=None if asset is None else asset.customer_id,
            asset_id=None if asset is None else asset.id,
            topic=message.topic.replace("\0", "\ufffd"),
            payload=message.payload,
            reason=fault.reason,
            detail=fault.detail + rest,
            redelivered=message.redelivered,
            content_type=message.content_type,
            retained=message.retained,
        )
