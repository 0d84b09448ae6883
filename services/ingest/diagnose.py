"""The slow, precise way through a payload the typed decoder refused: keeps the good parts, names each bad one."""

import json
import math
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from services.ingest.wire import MAX_CODE, MAX_EPOCH_MS, MAX_SEQ, Event, Fault, Instant, Sample, Status, key, quoted
from shared.model.facts import QuarantineReason as Reason

# Longer integers than any double are read as doubles, which makes them infinite.
_MAX_DIGITS: Final = 400
# Stands for a sample at fault, so that the others keep their place; without values it says nothing.
_NOTHING: Final = Sample(0, {})


def telemetry(payload: bytes) -> tuple[bool, list[Sample], list[Fault]]:
    """Whether the message is a list, its samples without what is bad in them, and the faults."""
    whole = _Part("")
    document = whole.parse(payload)
    if whole.faults:
        return False, [], whole.faults
    if not isinstance(document, list):
        return False, [_sample(document, whole)], whole.faults
    parts = [_Part(f"[{index}]") for index in range(len(document))]
    samples = [_sample(item, part) for item, part in zip(document, parts, strict=True)]
    return True, samples, [fault for part in parts for fault in part.faults]


def event(raw: bytes, place: str) -> tuple[Event | None, list[Fault]]:
    """One event, or None and every fault of it."""
    part = _Part(place)
    document = part.object(part.parse(raw))
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
    )
    return (None, part.faults) if part.faults else (found, [])


def status(payload: bytes) -> tuple[Status | None, list[Fault]]:
    """A sign of life, or None and every fault of it."""
    part = _Part("")
    document = part.object(part.parse(payload))
    if part.faults:
        return None, part.faults
    ts = part.instant(document, "ts")
    online = document.get("online")
    if not isinstance(online, bool):
        part.refuse(Reason.MALFORMED_PAYLOAD, "online", f"{quoted(online)} is neither true nor false")
    return (None, part.faults) if part.faults else (Status(ts, bool(online)), [])


def _sample(item: Any, part: "_Part") -> Sample:
    document = part.object(item)
    if part.faults:
        return _NOTHING
    ts = part.instant(document, "ts")
    values = document.get("values")
    if not isinstance(values, dict):
        what = "missing" if values is None else f"{quoted(values)} is not an object"
        part.refuse(Reason.MALFORMED_PAYLOAD, "values", what)
        return _NOTHING
    is_timed = not part.faults
    good = {name: value for name, value in values.items() if part.is_value(f"values.{key(name)}", value)}
    return Sample(ts, good) if is_timed else _NOTHING


class _Part:
    """Reads one part of a message field by field; what is wrong goes to `faults`, and a stand-in is returned."""

    def __init__(self, place: str) -> None:
        self.faults: list[Fault] = []
        self._place = place

    def refuse(self, reason: Reason, field: str, what: str) -> None:
        place = ".".join(filter(None, (self._place, field)))
        self.faults.append(Fault(reason, f"{place}: {what}" if place else what))

    def parse(self, payload: bytes) -> Any:
        try:
            return json.loads(
                payload.decode("utf-8"),
                parse_int=lambda digits: int(digits) if len(digits) < _MAX_DIGITS else float(digits),
            )
        except UnicodeDecodeError as error:
            self.refuse(Reason.MALFORMED_PAYLOAD, "", f"not UTF-8 at byte {error.start}")
        except json.JSONDecodeError as error:
            self.refuse(Reason.MALFORMED_PAYLOAD, "", f"not JSON: {error}")
        except RecursionError:
            self.refuse(Reason.MALFORMED_PAYLOAD, "", "nested too deeply")
        return None

    def object(self, item: Any) -> dict[str, Any]:
        if isinstance(item, dict):
            return item
        if not self.faults:
            self.refuse(Reason.MALFORMED_PAYLOAD, "", f"{quoted(item)} is not an object")
        return {}

    def instant(self, document: dict[str, Any], field: str) -> Instant:
        value = document.get(field, UNSET)
        if isinstance(value, str):
            return self._parsed_instant(field, value)
        if isinstance(value, bool) or not isinstance(value, int):
            if value is UNSET:
                self.refuse(Reason.MALFORMED_PAYLOAD, field, "missing")
            else:
                self.refuse(Reason.TIME_MALFORMED, field, f"{quoted(value)} is neither ISO 8601 nor epoch milliseconds")
            return 0
        if abs(value) > MAX_EPOCH_MS:
            self.refuse(Reason.TIME_IMPLAUSIBLE, field, f"{quoted(value)} ms is beyond any calendar")
            return 0
        return value

    def _parsed_instant(self, field: str, value: str) -> Instant:
        at = _iso_8601(value)
        if at is None:
            self.refuse(Reason.TIME_MALFORMED, field, f"{quoted(value)} is no time in ISO 8601")
        elif at.tzinfo is None:
            self.refuse(Reason.TIME_WITHOUT_ZONE, field, f"{quoted(value)} has no offset from UTC")
        else:
            return at
        return 0

    def is_value(self, field: str, value: Any) -> bool:
        """Whether it is a finite number, or null."""
        if value is None:
            return True
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.refuse(Reason.VALUE_NOT_A_NUMBER, field, f"{quoted(value)} is not a number")
            return False
        if not _is_finite(value):
            self.refuse(Reason.VALUE_NOT_FINITE, field, f"{quoted(value)} is not finite")
            return False
        return True

    def code(self, document: dict[str, Any]) -> str:
        code = self.text(document, "code", default=None)
        if len(code) > MAX_CODE:
            self.refuse(Reason.MALFORMED_PAYLOAD, "code", f"{len(code)} characters, at most {MAX_CODE}")
        return code

    def text(self, document: dict[str, Any], field: str, *, default: str | None) -> str:
        """The text of a field; where there is no default it must be there, and not empty."""
        value = document.get(field, UNSET if default is None else default)
        if value is UNSET:
            self.refuse(Reason.MALFORMED_PAYLOAD, field, "missing")
        elif not isinstance(value, str) or "\0" in value or (default is None and not value) or not _is_unicode(value):
            self.refuse(Reason.MALFORMED_PAYLOAD, field, f"{quoted(value)} is not a text")
        else:
            return value
        return ""

    def seq(self, document: dict[str, Any]) -> int:
        value = document.get("seq", 0)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_SEQ:
            return value
        self.refuse(Reason.MALFORMED_PAYLOAD, "seq", f"{quoted(value)} is not a 64-bit integer")
        return 0


def _iso_8601(value: str) -> datetime | None:
    try:
        return msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        pass
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
