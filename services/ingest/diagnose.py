"""The slow, precise way through a document the typed decoders refused: keeps the good parts, names each bad one."""

from typing import Any, Final

from msgspec import UNSET

from services.ingest.part import Part
from services.ingest.wire import Decoded, Event, Fault, Sample, Status, instant_us, key, quoted
from shared.model.facts import QuarantineReason as Reason

# Stands for a sample at fault, so that the others keep their place; without values it says nothing.
NOTHING: Final = Sample(0, {})


def telemetry(path: str, document: Any, sensor: str | None = None) -> Decoded:
    """The samples of any plain form without what is bad in them, and the faults; `sensor`: what the topic names."""
    if not isinstance(document, list):
        whole = Part("")
        if sensor is None and isinstance(document, dict) and isinstance(document.get("ts"), list):
            samples = _columns(document, whole)
            return Decoded(path=path, is_list=True, samples=samples, faults=whole.faults)
        return Decoded(path=path, samples=[_sample(document, whole, sensor)], faults=whole.faults)
    parts = [Part(f"[{index}]") for index in range(len(document))]
    samples = [_sample(item, part, sensor) for item, part in zip(document, parts, strict=True)]
    return Decoded(path=path, is_list=True, samples=samples, faults=[fault for part in parts for fault in part.faults])


def event(item: Any, place: str) -> tuple[Event | None, list[Fault]]:
    """One event, or None and every fault of it."""
    part = Part(place)
    document = part.object(item)
    if part.faults:
        return None, part.faults
    is_state = "ts" in document
    if is_state == ("start" in document):
        part.refuse(Reason.MALFORMED_PAYLOAD, "", "expected either ts (a state) or start (an interval)")
    elif is_state and document.get("end") is not None:
        part.refuse(Reason.MALFORMED_PAYLOAD, "end", "a state has no end")
    found = Event(
        code=part.code(document),
        text=part.text(document, "text", default=""),
        ts=part.instant(document, "ts") if is_state else UNSET,
        start=part.instant(document, "start") if "start" in document else UNSET,
        end=None if document.get("end") is None else part.instant(document, "end"),
        seq=part.seq(document),
        announced=None if document.get("announced") is None else part.instant(document, "announced"),
    )
    return (None, part.faults) if part.faults else (found, [])


def status(item: Any) -> tuple[Status | None, list[Fault]]:
    """A sign of life, or None and every fault of it."""
    part = Part("")
    document = part.object(item)
    if part.faults:
        return None, part.faults
    ts = part.instant(document, "ts")
    online = document.get("online")
    if not isinstance(online, bool):
        part.refuse(Reason.MALFORMED_PAYLOAD, "online", f"{quoted(online)} is neither true nor false")
    return (None, part.faults) if part.faults else (Status(ts, bool(online)), [])


def _sample(item: Any, part: Part, sensor: str | None) -> Sample:
    document = part.object(item)
    if part.faults:
        return NOTHING
    is_in_ms = "timestamp_ms" in document and "ts" not in document
    at_us = part.epoch_ms(document, "timestamp_ms") if is_in_ms else instant_us(part.instant(document, "ts"))
    is_timed = not part.faults
    if sensor is not None:
        good = _one(document, part, sensor)
    elif is_in_ms and "values" not in document:
        good = _tags(document, part)
    else:
        good = _values(document, part)
    return Sample(at_us, good) if is_timed and good is not None else NOTHING


def _values(document: dict[Any, Any], part: Part) -> dict[str, float | None] | None:
    values = document.get("values")
    if not isinstance(values, dict):
        what = "missing" if values is None else f"{quoted(values)} is not an object"
        part.refuse(Reason.MALFORMED_PAYLOAD, "values", what)
        return None
    return {name: value for name, value in values.items() if _is_reading(part, "values.", name, value)}


def _tags(document: dict[Any, Any], part: Part) -> dict[str, float | None] | None:
    tags = {name: value for name, value in document.items() if name != "timestamp_ms"}
    if tags.keys() == {"value"}:
        part.refuse(Reason.MALFORMED_PAYLOAD, "value", "of which sensor? The topic ends in telemetry/{sensor} then")
        return None
    return {name: value for name, value in tags.items() if _is_reading(part, "", name, value)}


def _one(document: dict[Any, Any], part: Part, sensor: str) -> dict[str, float | None] | None:
    if "value" not in document:
        part.refuse(Reason.MALFORMED_PAYLOAD, "value", "missing (the topic names the sensor)")
        return None
    return {sensor: document["value"]} if part.is_value("value", document["value"]) else None


def _is_reading(part: Part, prefix: str, name: Any, value: Any) -> bool:
    if isinstance(name, str):
        return part.is_value(f"{prefix}{key(name)}", value)
    part.refuse(Reason.MALFORMED_PAYLOAD, f"{prefix}{key(name)}", "a sensor's name is a text")
    return False


def _columns(document: dict[Any, Any], whole: Part) -> list[Sample]:
    """A sample a row; a column of another length than `ts` is refused, the others stay."""
    columns = document.get("values")
    times = document["ts"]
    if not isinstance(columns, dict):
        whole.refuse(Reason.MALFORMED_PAYLOAD, "values", "expected an object of lists")
        return []
    good: dict[Any, list[Any]] = {}
    for name, column in columns.items():
        if not isinstance(column, list):
            whole.refuse(Reason.MALFORMED_PAYLOAD, f"values.{key(name)}", f"{quoted(column)} is not a list")
        elif len(column) != len(times):
            what = f"{len(column)} values for {len(times)} times"
            whole.refuse(Reason.MALFORMED_PAYLOAD, f"values.{key(name)}", what)
        else:
            good[name] = column
    samples: list[Sample] = []
    for index, ts in enumerate(times):
        row = Part(f"[{index}]")
        samples.append(_sample({"ts": ts, "values": {name: good[name][index] for name in good}}, row, None))
        whole.faults += row.faults
    return samples
