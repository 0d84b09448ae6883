"""The fast way through the plain forms: a sample, a list of them, columns, or tags beside `timestamp_ms`."""

from typing import Final

from services.ingest.codec import REFUSED, Codec
from services.ingest.wire import MAX_EPOCH_MS, Decoded, PlainColumns, PlainSample, Sample, instant_us

# Beside these `timestamp_ms` does not make an object one of tags.
_OTHER_FORMS: Final = frozenset({"ts", "values"})


def telemetry(path: str, payload: bytes, codec: Codec, sensor: str | None) -> Decoded | None:
    """What a faultless payload says; None when it is none, or in a form that is read the slow way."""
    if sensor is not None:
        return _tags(path, payload, codec, sensor)
    try:
        found = codec.samples(payload)
    except REFUSED:
        return _columns(path, payload, codec) or _tags(path, payload, codec, None)
    if isinstance(found, list):
        return Decoded(path=path, is_list=True, samples=[_sample(sample) for sample in found])
    return Decoded(path=path, samples=[_sample(found)])


def _sample(plain: PlainSample) -> Sample:
    return Sample(instant_us(plain.ts), plain.values)


def _columns(path: str, payload: bytes, codec: Codec) -> Decoded | None:
    try:
        found = codec.columns(payload)
    except REFUSED:
        return None
    if any(len(column) != len(found.ts) for column in found.values.values()):
        return None
    return Decoded(path=path, is_list=True, samples=_rows(found))


def _rows(found: PlainColumns) -> list[Sample]:
    at_us = map(instant_us, found.ts)
    if not found.values:
        return [Sample(at, {}) for at in at_us]
    names = tuple(found.values)
    rows = zip(*found.values.values(), strict=True)
    return [Sample(at, dict(zip(names, row, strict=True))) for at, row in zip(at_us, rows, strict=True)]


def _tags(path: str, payload: bytes, codec: Codec, sensor: str | None) -> Decoded | None:
    """An object of numbers, `timestamp_ms` among them; below a sensor's topic `value` is that sensor's."""
    try:
        tags = codec.tags(payload)
    except REFUSED:
        return None
    at_ms = tags.pop("timestamp_ms", None)
    if at_ms is None or abs(at_ms) >= MAX_EPOCH_MS or not tags.keys().isdisjoint(_OTHER_FORMS):
        return None
    if (tags.keys() == {"value"}) != (sensor is not None):
        return None
    values = tags if sensor is None else {sensor: tags["value"]}
    return Decoded(path=path, samples=[Sample(round(at_ms * 1_000), values)])
