"""What a payload is encoded in (by content type, then declaration, else JSON), and its bytes without compression."""

import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from services.ingest.inbox import Message
from services.ingest.wire import Fault, quoted
from shared.model.facts import QuarantineReason as Reason
from shared.model.payload import Format

# How much larger than the largest payload one may be that came compressed.
INFLATION: Final = 4
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_ISIZE_BYTES: Final = 4
# Deflate (RFC 1951) says at most 258 bytes in two bits: beyond that it is no length, but the end of what was cut.
_MAX_RATIO: Final = 1032
# What JSON of ours begins with. No document of ours does in MessagePack or CBOR, where these are numbers and strings.
_JSON_STARTS: Final = b"{[ \t\r\n"

# Types that say nothing of the format: it is as declared.
_SILENT: Final = frozenset({"", "application/octet-stream", "application/gzip", "application/x-gzip"})
_FORMATS: Final = {
    "application/json": Format.JSON,
    "application/senml+json": Format.SENML_JSON,
    "application/sensml+json": Format.SENML_JSON,
    "application/senml+cbor": Format.SENML_CBOR,
    "application/sensml+cbor": Format.SENML_CBOR,
    "application/cbor": Format.CBOR,
    "application/msgpack": Format.MSGPACK,
    "application/vnd.msgpack": Format.MSGPACK,
    "application/x-msgpack": Format.MSGPACK,
}


class Content(NamedTuple):
    """A payload that is not compressed (any more), and what it is encoded in."""

    format: Format
    payload: bytes


def read(message: Message, declared: Format | None, max_payload_bytes: int) -> Content | Fault:
    """The content of a message whose payload is not empty; MQTT's word goes before the asset model's."""
    payload, named = message.payload, None
    if message.content_type is not None:
        named = _named(message.content_type)
        if isinstance(named, Fault):
            return named
    if payload.startswith(_GZIP_MAGIC):
        inflated = _inflate(payload, max_payload_bytes * INFLATION)
        if isinstance(inflated, Fault):
            return inflated
        payload = inflated
    if named is None and declared is not None and payload[0] not in _JSON_STARTS:
        named = declared
    elif named is None:
        named = declared if declared is Format.SENML_JSON else Format.JSON
    return Content(named, payload)


def inflated_bytes(payload: bytes) -> int:
    """How long a payload is without gzip, by its own word; `read` never inflates one further than that."""
    if payload.startswith(_GZIP_MAGIC):
        return int.from_bytes(payload[-_ISIZE_BYTES:], "little")
    return len(payload)


def weight(payload: bytes, *, max_payload_bytes: int) -> int:
    """How many bytes there are to hold while it is read; what claims more than `read` takes is never inflated."""
    inflated = inflated_bytes(payload)
    return inflated if inflated <= max_payload_bytes * INFLATION else len(payload)


@lru_cache(maxsize=64)
def _named(content_type: str) -> Format | Fault | None:
    essence = content_type.partition(";")[0].strip().lower().removesuffix("+gzip")
    if essence in _SILENT:
        return None
    known = ", ".join(_FORMATS)
    fault = Fault(Reason.UNSUPPORTED_CONTENT_TYPE, f"{quoted(content_type)} is none of {known} (or one of them +gzip)")
    return _FORMATS.get(essence, fault)


def _inflate(payload: bytes, limit: int) -> bytes | Fault:
    """One gzip member (RFC 1952), inflated no further than it says of itself; not at all when that is too much."""
    said = inflated_bytes(payload)
    if limit < said <= len(payload) * _MAX_RATIO:
        return Fault(Reason.PAYLOAD_TOO_LARGE, f"{said} bytes when inflated, at most {limit}")
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        data = b"" if said > limit else inflater.decompress(payload, said + 1)
    except zlib.error as error:
        return Fault(Reason.MALFORMED_PAYLOAD, f"not gzip: {error}")
    if not inflater.eof or inflater.unused_data:
        return Fault(Reason.MALFORMED_PAYLOAD, "not gzip: cut short, or something comes after its end")
    return data if data else Fault(Reason.EMPTY_PAYLOAD, "nothing in the gzip")
