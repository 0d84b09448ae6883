"""MQTT's byte stream, cut: PUBLISH packets of QoS 0 and 1 as messages in bulk, everything else as it came. Pure.

MQTT Version 5.0 (OASIS Standard, 2019), sections 2.1 (fixed header), 2.2.2 (properties), 3.3 (PUBLISH), 3.4 (PUBACK).
A packet costs well under a microsecond here; a client library's own way of one call a byte costs some thirty.
"""

from collections.abc import Iterable
from typing import Final

from services.ingest.inbox import Message

# The first byte of a PUBLISH of QoS 0 or 1, flags masked out.
_PUBLISH: Final = 0x30
_NO_FLAGS: Final = 0xF4
_QOS1: Final = 0x02
_DUP: Final = 0x08
_RETAIN: Final = 0x01
_CONTENT_TYPE: Final = 0x03
# Bytes of a property's value by its identifier (section 2.2.2.2); None: a string or bytes behind a length of two.
# Only what a PUBLISH may carry; user properties (0x26) are two strings, the subscription identifier (0x0B) a varint.
_WIDTH: Final[dict[int, int | None]] = {0x01: 1, 0x02: 4, 0x03: None, 0x08: None, 0x09: None, 0x23: 2}
_USER_PROPERTY: Final = 0x26
_SUBSCRIPTION_ID: Final = 0x0B
# A topic repeats with every message of its machine: decoded once. Beyond this many it is begun anew, and what is longer
# than any topic of ours is not kept.
_MOST_TOPICS: Final = 200_000
_LONGEST_TOPIC: Final = 300


class MalformedStreamError(ValueError):
    """These bytes are no MQTT: the connection cannot be followed any further."""


class PacketStream:
    """Cuts the bytes of one connection; keeps what is left of a packet that is not complete.

    `mid_base` is added to the packet identifiers. `has_properties`: the connection speaks version 5.
    """

    def __init__(self, *, mid_base: int, has_properties: bool) -> None:
        self._mid_base, self._has_properties = mid_base, has_properties
        self._rest: list[bytes] = []
        self._rest_length = 0
        self._wanted = 0
        self._topics: dict[bytes, str] = {}

    def feed(self, data: bytes) -> tuple[list[Message], bytes]:
        """The messages that are complete with `data`, and all other complete packets, joined.

        Raises MalformedStreamError for what no broker may send.
        """
        if self._rest:
            self._rest.append(data)
            self._rest_length += len(data)
            if self._rest_length < self._wanted:
                return [], b""
            data = b"".join(self._rest)
        try:
            messages, others, end, self._wanted = self._cut(data)
        except IndexError as error:
            raise MalformedStreamError("a PUBLISH packet is shorter than what it holds") from error
        self._rest = [data[end:]] if end < len(data) else []
        self._rest_length = len(data) - end
        return messages, others

    def _cut(self, data: bytes) -> tuple[list[Message], bytes, int, int]:
        """Messages, other packets, where the first incomplete packet begins, and its length as far as known."""
        messages: list[Message] = []
        others: list[bytes] = []
        topics, base, has_properties = self._topics, self._mid_base, self._has_properties
        add, new = messages.append, tuple.__new__
        start, length = 0, len(data)
        while start + 2 <= length:
            first, size = data[start], data[start + 1]
            at = start + 2
            if size & 0x80:
                size, at = _varint(data, at - 1)
                if not at:
                    break
            end = at + size
            if end > length:
                return messages, b"".join(others), start, end - start
            if first & _NO_FLAGS == _PUBLISH:
                body = at + 2
                at = body + (data[at] << 8 | data[at + 1])
                raw = data[body:at]
                topic = topics.get(raw) or self._learn(raw)
                mid = content_type = None
                if first & _QOS1:
                    mid = base | data[at] << 8 | data[at + 1]
                    at += 2
                if has_properties:
                    if data[at]:
                        content_type, at = _content_type(data, at)
                    else:
                        at += 1
                if at > end:
                    raise MalformedStreamError("a PUBLISH packet is shorter than what it holds")
                payload = data[at:end]
                # As Message(...) does, at half its cost.
                add(new(Message, (topic, payload, mid, first & _DUP != 0, content_type, first & _RETAIN != 0)))
            else:
                others.append(data[start:end])
            start = end
        return messages, b"".join(others), start, 0

    def _learn(self, raw: bytes) -> str:
        # A topic that is not UTF-8 is nobody's; it goes to quarantine like any other that is not ours.
        topic = raw.decode("utf-8", errors="replace")
        if len(raw) <= _LONGEST_TOPIC:
            if len(self._topics) >= _MOST_TOPICS:
                self._topics.clear()
            self._topics[raw] = topic
        return topic


def acknowledgements(mids: Iterable[int]) -> bytes:
    """PUBACK packets (success) for these packet identifiers, of which the low 16 bits count."""
    return b"".join([b"\x40\x02" + (mid & 0xFFFF).to_bytes(2, "big") for mid in mids])


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer (section 1.5.5) at `at`: its value, and where it ends; 0 when it is not complete."""
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        if data[at] < 0x80:
            return value, at + 1
        at, shift = at + 1, shift + 7
        if shift > 21:
            raise MalformedStreamError("a length of more than four bytes")
    return 0, 0


def _content_type(data: bytes, at: int) -> tuple[str | None, int]:
    """The content type among the properties whose length stands at `at`, and where they end."""
    size, at = _varint(data, at)
    end, found = at + size, None
    while at < end:
        identifier = data[at]
        at += 1
        if identifier == _USER_PROPERTY:
            for _ in range(2):
                at += 2 + (data[at] << 8 | data[at + 1])
        elif identifier == _SUBSCRIPTION_ID:
            _, at = _varint(data, at)
        elif identifier not in _WIDTH:
            raise MalformedStreamError(f"a PUBLISH packet has no property {identifier:#04x}")
        else:
            width = _WIDTH[identifier]
            if width is None:
                width = data[at] << 8 | data[at + 1]
                at += 2
                if identifier == _CONTENT_TYPE:
                    found = data[at : at + width].decode("utf-8", errors="replace")
            at += width
    if at != end:
        raise MalformedStreamError("the properties of a PUBLISH packet do not end where they say")
    return found, end
