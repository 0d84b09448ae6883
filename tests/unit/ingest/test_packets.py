"""MQTT's byte stream, held against paho's own encoder: every flag, property, split and join."""

import struct
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from services.ingest.inbox import Message
from services.ingest.packets import MalformedStreamError, PacketStream, acknowledgements

BASE = 7 << 16
OTHERS = [b"\xd0\x00", b"\x90\x04\x00\x01\x00\x01", b"\xe0\x00", b"\x34\x07\x00\x01t\x00\x09\x00x"]


class Sent(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int
    content_type: str | None
    expiry_s: int | None
    note: tuple[str, str] | None
    answer_to: str | None


text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
sents = st.builds(
    Sent,
    topic=text,
    payload=st.one_of(st.binary(max_size=300), st.integers(0, 40_000).map(bytes)),
    qos=st.sampled_from([0, 1]),
    retain=st.booleans(),
    dup=st.booleans(),
    mid=st.integers(1, 65_535),
    content_type=st.none() | text,
    expiry_s=st.none() | st.integers(0, 2**32 - 1),
    note=st.none() | st.tuples(text, text),
    answer_to=st.none() | text,
)


class Encoder(Client):
    """paho, writing PUBLISH packets into a buffer instead of a socket."""

    def __init__(self, *, is_mqtt5: bool) -> None:
        protocol = MQTTProtocolVersion.MQTTv5 if is_mqtt5 else MQTTProtocolVersion.MQTTv311
        super().__init__(CallbackAPIVersion.VERSION2, protocol=protocol)
        self.is_mqtt5 = is_mqtt5
        self.wire = b""

    def _packet_queue(self, command, packet, mid, qos, info=None):
        self.wire = bytes(packet)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def encode(self, sent: Sent) -> bytes:
        properties = None
        if self.is_mqtt5:
            properties = Properties(PacketTypes.PUBLISH)
            if sent.content_type is not None:
                properties.ContentType = sent.content_type
            if sent.expiry_s is not None:
                properties.MessageExpiryInterval = sent.expiry_s
            if sent.note is not None:
                properties.UserProperty = sent.note
            if sent.answer_to is not None:
                properties.ResponseTopic = sent.answer_to
        self._sock = self  # pyright: ignore[reportAttributeAccessIssue]  (only asked whether there is one)
        self._send_publish(
            sent.mid, sent.topic.encode(), sent.payload, sent.qos, sent.retain, sent.dup, properties=properties
        )
        self._sock = None
        return self.wire


def expected(sent: Sent, *, is_mqtt5: bool) -> Message:
    return Message(
        sent.topic,
        sent.payload,
        BASE | sent.mid if sent.qos else None,
        sent.dup,
        sent.content_type if is_mqtt5 else None,
        sent.retain,
    )


@given(
    st.lists(st.one_of(sents, st.sampled_from(OTHERS)), max_size=12),
    st.lists(st.integers(0, 60_000), max_size=20),
    st.booleans(),
)
def test_whatever_paho_encodes_comes_out_however_the_bytes_are_split(
    packets: list[Sent | bytes], cuts: list[int], is_mqtt5: bool
) -> None:
    encoder = Encoder(is_mqtt5=is_mqtt5)
    wire = b"".join(packet if isinstance(packet, bytes) else encoder.encode(packet) for packet in packets)
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    stream = PacketStream(mid_base=BASE, has_properties=is_mqtt5)
    messages, others = [], b""
    for start, end in pairwise(edges):
        found, rest = stream.feed(wire[start:end])
        messages += found
        others += rest
    assert messages == [expected(packet, is_mqtt5=is_mqtt5) for packet in packets if isinstance(packet, Sent)]
    assert others == b"".join(packet for packet in packets if isinstance(packet, bytes))


@given(st.lists(st.binary(max_size=200), max_size=20), st.booleans())
def test_no_bytes_at_all_do_more_than_end_the_connection(parts: list[bytes], is_mqtt5: bool) -> None:
    stream = PacketStream(mid_base=0, has_properties=is_mqtt5)
    taken = 0
    with suppress(MalformedStreamError):
        for part in parts:
            messages, others = stream.feed(part)
            taken += len(others) + sum(len(message.payload) for message in messages)
    assert taken <= sum(map(len, parts))


def test_a_large_packet_in_many_parts_is_joined_once() -> None:
    payload = bytes(3_000_000)
    body = struct.pack(">H1sH", 1, b"t", 5) + b"\0" + payload
    wire = b"\x32" + bytes(
        [len(body) & 127 | 128, len(body) >> 7 & 127 | 128, len(body) >> 14 & 127 | 128, len(body) >> 21]
    )
    wire += body
    stream = PacketStream(mid_base=0, has_properties=True)
    found = [message for at in range(0, len(wire), 1_000) for message in stream.feed(wire[at : at + 1_000])[0]]
    assert found == [Message("t", payload, 5)]


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (b"\x32\xff\xff\xff\xff\x01", "length of more than four bytes"),
        (b"\x32\x03\x00\x09t", "shorter than what it holds"),
        (b"\x32\x08\x00\x01t\x00\x01\x02\x7f\x00", "has no property 0x7f"),
        (b"\x32\x09\x00\x01t\x00\x01\x01\x02\x00\x00", "do not end where they say"),
    ],
    ids=["length", "short", "property", "properties"],
)
def test_what_no_broker_may_send_is_named(wire: bytes, said: str) -> None:
    with pytest.raises(MalformedStreamError, match=said):
        PacketStream(mid_base=0, has_properties=True).feed(wire)


def test_a_topic_that_is_not_utf8_is_still_a_message() -> None:
    [message], _ = PacketStream(mid_base=0, has_properties=False).feed(b"\x30\x05\x00\x02\xff\xfex")
    assert message == Message("\ufffd\ufffd", b"x", None)


def test_acknowledgements_are_pubacks_of_the_low_sixteen_bits() -> None:
    assert acknowledgements([BASE | 1, BASE | 0xFFFE]) == b"\x40\x02\x00\x01\x40\x02\xff\xfe"
