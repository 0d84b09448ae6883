"""Second hop: a topic and a payload to samples, events or a sign of life, with what is wrong. No catalog yet."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from services.ingest import codec, content, diagnose, plain, senml
from services.ingest.codec import REFUSED, Codec
from services.ingest.inbox import Message
from services.ingest.wire import Decoded, Event, EventPart, Fault
from shared import topics
from shared.model.facts import QuarantineReason
from shared.model.payload import Format
from shared.topics import Channel

_CODECS: Final = {
    Format.JSON: codec.JSON,
    Format.SENML_JSON: codec.JSON,
    Format.MSGPACK: codec.MSGPACK,
    Format.CBOR: codec.CBOR,
    Format.SENML_CBOR: codec.CBOR,
}
_SENML: Final = frozenset({Format.SENML_JSON, Format.SENML_CBOR})


class _Letter(NamedTuple):
    """A payload and what is needed to read it; `sensor` is what the topic names, if it does."""

    path: str
    sensor: str | None
    format: Format
    payload: bytes
    received_us: int

    @property
    def codec(self) -> Codec:
        return _CODECS[self.format]


def decode(message: Message, *, declared: Format | None, received_us: int, max_payload_bytes: int) -> Decoded:
    """Never raises for what a device may send: a fault is part of the result, and the good parts stay.

    The format is what MQTT's content type says, else what the asset's model declares, else JSON.
    """
    address = _address(message.topic)
    if address is None:
        form = f"{topics.ROOT}/{{customer}}/{{site}}/{{asset}}/{{{'|'.join(Channel)}}} or telemetry/{{sensor}}"
        return Decoded(faults=[Fault(QuarantineReason.MALFORMED_TOPIC, f"expected {form}")])
    path, channel, sensor = address
    if not message.payload:
        return Decoded(path=path, faults=[Fault(QuarantineReason.EMPTY_PAYLOAD, "no payload")])
    if len(message.payload) > max_payload_bytes:
        detail = f"{len(message.payload)} bytes, at most {max_payload_bytes}"
        return Decoded(path=path, faults=[Fault(QuarantineReason.PAYLOAD_TOO_LARGE, detail)])
    found = content.read(message, declared, max_payload_bytes)
    if isinstance(found, Fault):
        return Decoded(path=path, faults=[found])
    return _BY_CHANNEL[channel](_Letter(path, sensor, found.format, found.payload, received_us))


def _address(topic: str) -> tuple[str, Channel, str | None] | None:
    parts = topics.parse(topic)
    return None if parts is None else (f"{parts.customer}/{parts.site}/{parts.asset}", parts.channel, parts.sensor)


def _telemetry(letter: _Letter) -> Decoded:
    path, sensor, format_, payload, received_us = letter
    if format_ not in _SENML:
        found = plain.telemetry(path, payload, letter.codec, sensor)
        if found is not None:
            return found
    try:
        document = _document(letter)
    except ValueError as error:
        return _malformed(path, str(error))
    if format_ not in _SENML and (format_ is not Format.JSON or not senml.is_pack(document)):
        return diagnose.telemetry(path, document, sensor)
    if sensor is not None:
        return _malformed(path, "SenML names its sensors itself: its topic ends in telemetry")
    return senml.telemetry(path, document, received_us=received_us)


def _document(letter: _Letter) -> Any:
    document = letter.codec.document(letter.payload)
    return senml.labelled(document) if letter.format is Format.SENML_CBOR else document


def _events(letter: _Letter) -> Decoded:
    path, payload = letter.path, letter.payload
    try:
        if letter.format in _SENML:
            return senml.events(path, _document(letter), received_us=letter.received_us)
        raws = letter.codec.parts(payload)
    except REFUSED as error:
        return _malformed(path, str(error))
    parts = [("", payload)] if raws is None else [(f"[{index}]", raw) for index, raw in enumerate(raws)]
    decoded = Decoded(path=path, is_list=raws is not None)
    for place, raw in parts:
        event, faults = _event(letter.codec, raw, place)
        decoded.faults += faults
        if event is not None:
            decoded.events.append(EventPart(event, place, raw))
    return decoded


def _event(codec: Codec, raw: bytes, place: str) -> tuple[Event | None, list[Fault]]:
    try:
        event = codec.event(raw)
    except REFUSED:
        event = None
    if event is not None and _is_sound(event):
        return event, []
    try:
        return diagnose.event(codec.document(raw), place)
    except ValueError as error:
        return None, [Fault(QuarantineReason.MALFORMED_PAYLOAD, f"{place}: {error}" if place else str(error))]


def _is_sound(event: Event) -> bool:
    if (event.ts is UNSET) == (event.start is UNSET) or (event.ts is not UNSET and event.end is not None):
        return False
    return "\0" not in event.code and "\0" not in event.text


def _status(letter: _Letter) -> Decoded:
    try:
        return Decoded(path=letter.path, status=letter.codec.status(letter.payload))
    except REFUSED:
        pass
    try:
        status, faults = diagnose.status(letter.codec.document(letter.payload))
    except ValueError as error:
        return _malformed(letter.path, str(error))
    return Decoded(path=letter.path, status=status, faults=faults)


def _malformed(path: str, detail: str) -> Decoded:
    return Decoded(path=path, faults=[Fault(QuarantineReason.MALFORMED_PAYLOAD, detail)])


_BY_CHANNEL: Final[dict[Channel, Callable[[_Letter], Decoded]]] = {
    Channel.TELEMETRY: _telemetry,
    Channel.EVENT: _events,
    Channel.STATUS: _status,
}
