"""The encodings JSON, MessagePack and CBOR: typed decoding where the form is known, and documents for the rest.

The typed functions raise one of REFUSED for whatever does not fit; `document` raises ValueError that says why.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from math import isfinite
from typing import Any, Final, TypeVar

import cbor2
import msgspec
from msgspec import Raw

from services.ingest.wire import Event, PlainColumns, PlainSample, Status, quoted

REFUSED: Final = (msgspec.MsgspecError, ValueError, RecursionError)
Tags = dict[str, float | None]
_Form = TypeVar("_Form")

# Longer integers than any double are read as doubles, which makes them infinite.
_MAX_DIGITS: Final = 400
# Of a decimal fraction of CBOR; a double has 17.
_MAX_MANTISSA: Final = 10**30
# Binary formats start with bytes that are not UTF-8.
_HINT: Final = "a binary format needs a content type, or is declared in the asset model"
# Tag 55799: what follows is CBOR (RFC 8949, section 3.4.6).
_SELF_DESCRIBED: Final = b"\xd9\xd9\xf7"
_NO_TAGS: Final = (2, 3, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799)
_MSGPACK_LISTS: Final = frozenset({*range(0x90, 0xA0), 0xDC, 0xDD})

_json_raws: Final = msgspec.json.Decoder(list[Raw]).decode
_msgpack_raws: Final = msgspec.msgpack.Decoder(list[Raw]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Codec:
    """One encoding. `tags` are an object of numbers; `parts` are the bytes of each item, None when it is no list."""

    samples: Callable[[bytes], list[PlainSample] | PlainSample]
    columns: Callable[[bytes], PlainColumns]
    tags: Callable[[bytes], Tags]
    event: Callable[[bytes], Event]
    status: Callable[[bytes], Status]
    parts: Callable[[bytes], list[bytes] | None]
    document: Callable[[bytes], Any]


def _json_parts(payload: bytes) -> list[bytes] | None:
    return _raws(payload, _json_raws, _json_document) if payload.lstrip().startswith(b"[") else None


def _raws(payload: bytes, decode: Callable[[bytes], list[Raw]], document: Callable[[bytes], Any]) -> list[bytes] | None:
    try:
        return [bytes(raw) for raw in decode(payload)]
    except REFUSED:
        document(payload)  # says why
        raise


def _json_document(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except REFUSED:
        pass
    try:
        return json.loads(
            payload.decode("utf-8"),
            parse_int=lambda digits: int(digits) if len(digits) < _MAX_DIGITS else float(digits),
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}: {_HINT}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _msgpack_parts(payload: bytes) -> list[bytes] | None:
    return _raws(payload, _msgpack_raws, _msgpack_document) if payload[0] in _MSGPACK_LISTS else None


def _msgpack_document(payload: bytes) -> Any:
    try:
        return msgspec.msgpack.decode(payload)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"not MessagePack: {error}") from error


def _cbor_parts(payload: bytes) -> list[bytes] | None:
    document = _cbor_document(payload)
    return [cbor2.dumps(item) for item in document] if isinstance(document, list) else None


def _cbor_document(payload: bytes) -> Any:
    payload = payload.removeprefix(_SELF_DESCRIBED)
    stream = BytesIO(payload)
    try:
        decoder = cbor2.CBORDecoder(
            stream, tag_hook=_refuse_tag, semantic_decoders=_CBOR_TAGS, allow_duplicate_keys=False
        )
        document = decoder.decode()
    except Exception as error:
        # What the library says may quote the device, at any length.
        why = quoted(str(error.__cause__ or error)).strip('"')
        raise ValueError(f"not CBOR of ours: {why}") from error
    if stream.tell() != len(payload):
        raise ValueError(f"not CBOR of ours: {len(payload) - stream.tell()} bytes after its end")
    return document


def _refuse_tag(*_: object) -> Any:
    raise ValueError("a tag other than time and decimal fraction")


def _decimal_fraction(parts: Any, _immutable: object) -> float:
    exponent, mantissa = parts
    if not isinstance(exponent, int) or not isinstance(mantissa, int) or abs(mantissa) > _MAX_MANTISSA:
        raise ValueError("a decimal fraction that is none")
    return float(f"{mantissa}e{exponent}")


_CBOR_TAGS: Final[dict[int, Any]] = dict.fromkeys(_NO_TAGS, _refuse_tag) | {4: _decimal_fraction}


def _convert(form: type[_Form]) -> Callable[[bytes], _Form]:
    return lambda payload: msgspec.convert(_cbor_document(payload), form)


def _are_finite(values: Iterable[float | None]) -> bool:
    try:
        return isfinite(sum(values))  # pyright: ignore[reportArgumentType, reportCallIssue]
    except TypeError:
        return all(value is None or isfinite(value) for value in values)


def _finite(
    decode: Callable[[bytes], _Form], numbers: Callable[[_Form], Iterable[Iterable[float | None]]]
) -> Callable[[bytes], _Form]:
    """Decoding that also refuses NaN and the infinities, which JSON does not have."""

    def checked(payload: bytes) -> _Form:
        found = decode(payload)
        if not all(map(_are_finite, numbers(found))):
            raise ValueError("not finite")
        return found

    return checked


def _of_samples(found: list[PlainSample] | PlainSample) -> Iterable[Iterable[float | None]]:
    return [sample.values.values() for sample in (found if isinstance(found, list) else (found,))]


def _of_columns(found: PlainColumns) -> Iterable[Iterable[float | None]]:
    return found.values.values()


def _of_tags(found: Tags) -> Iterable[Iterable[float | None]]:
    return (found.values(),)


JSON: Final = Codec(
    samples=msgspec.json.Decoder(list[PlainSample] | PlainSample).decode,
    columns=msgspec.json.Decoder(PlainColumns).decode,
    tags=msgspec.json.Decoder(Tags).decode,
    event=msgspec.json.Decoder(Event).decode,
    status=msgspec.json.Decoder(Status).decode,
    parts=_json_parts,
    document=_json_document,
)
MSGPACK: Final = Codec(
    samples=_finite(msgspec.msgpack.Decoder(list[PlainSample] | PlainSample).decode, _of_samples),
    columns=_finite(msgspec.msgpack.Decoder(PlainColumns).decode, _of_columns),
    tags=_finite(msgspec.msgpack.Decoder(Tags).decode, _of_tags),
    event=msgspec.msgpack.Decoder(Event).decode,
    status=msgspec.msgpack.Decoder(Status).decode,
    parts=_msgpack_parts,
    document=_msgpack_document,
)
CBOR: Final = Codec(
    samples=_finite(_convert(list[PlainSample] | PlainSample), _of_samples),  # pyright: ignore[reportArgumentType]
    columns=_finite(_convert(PlainColumns), _of_columns),
    tags=_finite(_convert(Tags), _of_tags),
    event=_convert(Event),
    status=_convert(Status),
    parts=_cbor_parts,
    document=_cbor_document,
)
