"""Second hop: a topic and a payload to samples, events or a sign of life, with what is wrong. No catalog yet."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import UNSET, Raw

from services.ingest import diagnose
from services.ingest.wire import Decoded, Event, EventPart, Fault, Sample, Status
from shared import topics
from shared.model.facts import QuarantineReason
from shared.topics import Channel

_decode_samples: Final = msgspec.json.Decoder(list[Sample] | Sample).decode
_decode_raws: Final = msgspec.json.Decoder(list[Raw]).decode
_decode_event: Final = msgspec.json.Decoder(Event).decode
_decode_status: Final = msgspec.json.Decoder(Status).decode


def decode(topic: str, payload: bytes, max_payload_bytes: int) -> Decoded:
    """Never raises for what a device may send: a fault is part of the result, and the good parts stay."""
    address = _address(topic)
    if address is None:
        form = f"{topics.ROOT}/{{customer}}/{{site}}/{{asset}}/{{{'|'.join(Channel)}}}"
        return Decoded(faults=[Fault(QuarantineReason.MALFORMED_TOPIC, f"expected {form}")])
    path, channel = address
    if not payload:
        return Decoded(path=path, faults=[Fault(QuarantineReason.EMPTY_PAYLOAD, "no payload")])
    if len(payload) > max_payload_bytes:
        detail = f"{len(payload)} bytes, at most {max_payload_bytes}"
        return Decoded(path=path, faults=[Fault(QuarantineReason.PAYLOAD_TOO_LARGE, detail)])
    return _BY_CHANNEL[channel](path, payload)


@lru_cache(maxsize=65_536)
def _address(topic: str) -> tuple[str, Channel] | None:
    parts = topics.parse(topic)
    return None if parts is None else (f"{parts.customer}/{parts.site}/{parts.asset}", parts.channel)


def _telemetry(path: str, payload: bytes) -> Decoded:
    try:
        samples = _decode_samples(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        is_list, found, faults = diagnose.telemetry(payload)
        return Decoded(path=path, is_list=is_list, samples=found, faults=faults)
    if isinstance(samples, list):
        return Decoded(path=path, is_list=True, samples=samples)
    return Decoded(path=path, samples=[samples])


def _events(path: str, payload: bytes) -> Decoded:
    if not payload.lstrip().startswith(b"["):
        parts = [("", payload)]
    else:
        try:
            parts = [(f"[{index}]", bytes(raw)) for index, raw in enumerate(_decode_raws(payload))]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Decoded(path=path, faults=[Fault(QuarantineReason.MALFORMED_PAYLOAD, str(error))])
    decoded = Decoded(path=path, is_list=parts[:1] != [("", payload)])
    for place, raw in parts:
        event, faults = _event(raw, place)
        decoded.faults += faults
        if event is not None:
            decoded.events.append(EventPart(event, place, raw))
    return decoded


def _event(raw: bytes, place: str) -> tuple[Event | None, list[Fault]]:
    try:
        event = _decode_event(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return diagnose.event(raw, place)
    if (event.ts is UNSET) == (event.start is UNSET) or (event.ts is not UNSET and event.end is not None):
        return diagnose.event(raw, place)
    if "\0" in event.code or "\0" in event.text:
        return diagnose.event(raw, place)
    return event, []


def _status(path: str, payload: bytes) -> Decoded:
    try:
        return Decoded(path=path, status=_decode_status(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        status, faults = diagnose.status(payload)
        return Decoded(path=path, status=status, faults=faults)


_BY_CHANNEL: Final[dict[Channel, Callable[[str, bytes], Decoded]]] = {
    Channel.TELEMETRY: _telemetry,
    Channel.EVENT: _events,
    Channel.STATUS: _status,
}
