"""Reads one part of a message field by field; what is wrong with it is collected, never raised."""

import math
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from services.ingest.wire import MAX_CODE, MAX_EPOCH_MS, MAX_EPOCH_S, MAX_EPOCH_US, MAX_SEQ, Fault, Instant, quoted
from shared.model.facts import QuarantineReason as Reason


class Part:
    """One part of a message. Where a field is wrong, it goes to `faults` and a stand-in is returned.

    `place` is where the part lies in its message, as a detail begins with it: `[3]`, empty when it is all of it.
    """

    def __init__(self, place: str) -> None:
        self.faults: list[Fault] = []
        self._place = place

    def refuse(self, reason: Reason, field: str, what: str) -> None:
        place = ".".join(filter(None, (self._place, field)))
        self.faults.append(Fault(reason, f"{place}: {what}" if place else what))

    def object(self, item: Any) -> dict[Any, Any]:
        if isinstance(item, dict):
            return item
        self.refuse(Reason.MALFORMED_PAYLOAD, "", f"{quoted(item)} is not an object")
        return {}

    def instant(self, document: dict[Any, Any], field: str) -> Instant:
        value = document.get(field, UNSET)
        if value is UNSET:
            self.refuse(Reason.MALFORMED_PAYLOAD, field, "missing")
            return 0
        if isinstance(value, str):
            value = self._iso_8601(field, value)
        elif not isinstance(value, datetime):
            return self._epoch(field, value, MAX_EPOCH_US)
        if value is None:
            return 0
        if value.tzinfo is None:
            self.refuse(Reason.TIME_WITHOUT_ZONE, field, f"{quoted(document[field])} has no offset from UTC")
            return 0
        return value

    def epoch_ms(self, document: dict[Any, Any], field: str) -> int:
        """Microseconds of a field that is in milliseconds by its name, whatever its magnitude."""
        return round(self._epoch(field, document[field], MAX_EPOCH_MS) * 1_000)

    def seconds(self, document: dict[Any, Any], field: str) -> int:
        """Microseconds of a field in seconds since 1970, or since now; zero when it is not there."""
        return round(self._epoch(field, document.get(field, 0), MAX_EPOCH_S) * 1_000_000)

    def is_value(self, field: str, value: Any) -> bool:
        """Whether it is a finite number, or null."""
        return value is None or self.is_number(field, value)

    def is_number(self, field: str, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.refuse(Reason.VALUE_NOT_A_NUMBER, field, f"{quoted(value)} is not a number")
            return False
        if not _is_finite(value):
            self.refuse(Reason.VALUE_NOT_FINITE, field, f"{quoted(value)} is not finite")
            return False
        return True

    def code(self, document: dict[Any, Any], field: str = "code") -> str:
        code = self.text(document, field, default=None)
        if len(code) > MAX_CODE:
            self.refuse(Reason.MALFORMED_PAYLOAD, field, f"{len(code)} characters, at most {MAX_CODE}")
        return code

    def text(self, document: dict[Any, Any], field: str, *, default: str | None) -> str:
        """The text of a field; where there is no default it must be there, and not empty."""
        value = document.get(field, UNSET if default is None else default)
        if value is UNSET:
            self.refuse(Reason.MALFORMED_PAYLOAD, field, "missing")
        elif not isinstance(value, str) or "\0" in value or (default is None and not value) or not _is_unicode(value):
            self.refuse(Reason.MALFORMED_PAYLOAD, field, f"{quoted(value)} is not a text")
        else:
            return value
        return ""

    def seq(self, document: dict[Any, Any]) -> int:
        value = document.get("seq", 0)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_SEQ:
            return value
        self.refuse(Reason.MALFORMED_PAYLOAD, "seq", f"{quoted(value)} is not a 64-bit integer")
        return 0

    def _epoch(self, field: str, value: Any, limit: int) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or _is_nan(value):
            self.refuse(Reason.TIME_MALFORMED, field, f"{quoted(value)} is neither ISO 8601 nor an epoch time")
        elif abs(value) >= limit:
            self.refuse(Reason.TIME_IMPLAUSIBLE, field, f"{quoted(value)} is beyond any calendar")
        else:
            return value
        return 0

    def _iso_8601(self, field: str, value: str) -> datetime | None:
        try:
            return msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            pass
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.refuse(Reason.TIME_MALFORMED, field, f"{quoted(value)} is no time in ISO 8601")
            return None


def _is_nan(value: float) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_unicode(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
