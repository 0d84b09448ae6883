"""The subscriber on the wire: what it asks of a broker, and that a mid is acknowledged on its own connection only.

A real broker sends unacknowledged messages again under their old mids, which hides a mistaken acknowledgement; so here
the other end is a socket that says what the test wants said. Everything holds for both readers: the tap, which takes
messages out of paho's socket in bulk, and paho alone.
"""

import inspect
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from services.ingest import subscriber
from services.ingest.inbox import Inbox, Message
from services.ingest.subscriber import Subscriber
from shared.broker import SESSION_EXPIRY_S
from tests.waiting import wait_for

CONNECT, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 0x10, 0x40, 0x82, 0xC0, 0xE0
LIMIT_S = 20.0
TOPIC = "vouch/v1/a/b/c/telemetry"


class Broker:
    """One connection at a time, packet by packet."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT_S)
        self.port = self._listener.getsockname()[1]
        self._peer: socket.socket | None = None

    def accept(self) -> bytes:
        """Take the next connection up to its subscription; the body of its CONNECT."""
        self.end()
        self._peer, _ = self._listener.accept()
        self._peer.settimeout(LIMIT_S)
        connect = self.expect(CONNECT)
        self.say(0x20, b"\x01\x00\x00")  # CONNACK: session present, success, no properties
        subscribe = self.expect(SUBSCRIBE)
        self.say(0x90, subscribe[:2] + b"\x00\x01")  # SUBACK: QoS 1 granted
        return connect

    def publish(self, mid: int) -> None:
        """QoS 1, no properties, no payload."""
        self.say(0x32, len(TOPIC).to_bytes(2, "big") + TOPIC.encode() + mid.to_bytes(2, "big") + b"\x00")

    def say(self, kind: int, body: bytes) -> None:
        assert self._peer is not None
        self._peer.sendall(bytes((kind, len(body))) + body)

    def expect(self, kind: int) -> bytes:
        """The body of the next packet, which must be of this kind."""
        found, length = self._read(2)
        assert found == kind
        assert length < 128
        return self._read(length)

    def end(self) -> None:
        if self._peer is not None:
            self._peer.close()

    def close(self) -> None:
        self.end()
        self._listener.close()

    def _read(self, length: int) -> bytes:
        assert self._peer is not None
        got = b""
        while len(got) < length:
            more = self._peer.recv(length - len(got))
            assert more, "the subscriber has hung up"
            got += more
        return got


@pytest.fixture
def broker() -> Iterator[Broker]:
    opened = Broker()
    yield opened
    opened.close()


class Ends:
    """A subscriber, what it reports, and the inbox it fills."""

    def __init__(self, port: int, *, is_tapping: bool, limit_bytes: int = 1 << 20) -> None:
        self.ready: queue.Queue[None] = queue.Queue()
        self.lost: queue.Queue[None] = queue.Queue()
        self.inbox = Inbox(limit_bytes)
        self.subscriber = Subscriber(
            mqtt_url=f"mqtt://127.0.0.1:{port}",
            client_id="vouch-ingest",
            subscriptions=["vouch/v1/#"],
            receive_maximum=10_000,
            is_tapping=is_tapping,
            inbox=self.inbox,
            on_received=lambda _: None,
            on_ready=lambda: self.ready.put(None),
            on_lost=lambda: self.lost.put(None),
        )

    def take(self, count: int) -> list[Message]:
        taken: list[Message] = []
        while len(taken) < count:
            part = self.inbox.take(most=count, linger_s=0, idle_s=LIMIT_S)
            assert part, f"only {len(taken)} of {count} messages came"
            taken += part
        return taken


@contextmanager
def subscribed(broker: Broker, *, is_tapping: bool, limit_bytes: int = 1 << 20) -> Iterator[Ends]:
    started = Ends(broker.port, is_tapping=is_tapping, limit_bytes=limit_bytes)
    started.subscriber.start()
    try:
        yield started
    finally:
        started.inbox.close()
        started.subscriber.stop()


@pytest.fixture(params=[True, False], ids=["tap", "paho"])
def ends(broker: Broker, request: pytest.FixtureRequest) -> Iterator[Ends]:
    with subscribed(broker, is_tapping=request.param) as started:
        yield started


def test_the_session_is_persistent_and_names_its_receive_maximum(broker: Broker, ends: Ends) -> None:
    connect = broker.accept()
    ends.ready.get(timeout=LIMIT_S)
    assert connect[:7] == b"\x00\x04MQTT\x05"
    assert connect[7] & 0b10 == 0, "clean start"
    length = connect[10]
    properties = connect[11 : 11 + length]
    assert b"\x11" + SESSION_EXPIRY_S.to_bytes(4, "big") in properties
    assert b"\x21" + (10_000).to_bytes(2, "big") in properties


def test_acknowledgements_go_out_in_the_order_they_are_given(broker: Broker, ends: Ends) -> None:
    broker.accept()
    for mid in (3, 1, 2):
        broker.publish(mid)
    mids = [message.mid for message in ends.take(3)]
    assert ends.subscriber.unacknowledged == 3
    ends.subscriber.acknowledge(mids)
    assert [broker.expect(PUBACK) for _ in range(3)] == [b"\x00\x03", b"\x00\x01", b"\x00\x02"]
    assert ends.subscriber.unacknowledged == 0


def test_a_mid_of_a_connection_that_is_gone_is_not_acknowledged_on_the_next(broker: Broker, ends: Ends) -> None:
    broker.accept()
    broker.publish(7)
    broker.publish(8)
    old = [message.mid for message in ends.take(2)]
    broker.end()
    ends.lost.get(timeout=LIMIT_S)
    broker.accept()
    broker.publish(8)
    [new] = [message.mid for message in ends.take(1)]
    assert new not in old
    ends.subscriber.acknowledge(old)
    assert ends.subscriber.unacknowledged == 1
    ends.subscriber.acknowledge([new])
    assert broker.expect(PUBACK) == b"\x00\x08"
    ends.subscriber.stop()
    broker.expect(DISCONNECT)


def test_a_message_comes_with_all_that_mqtt_says_of_it(broker: Broker, ends: Ends) -> None:
    broker.accept()
    topic = len(TOPIC).to_bytes(2, "big") + TOPIC.encode()
    # Retained, QoS 0, with a user property and a content type.
    broker.say(0x31, topic + b"\x0d\x26\x00\x01a\x00\x01b\x03\x00\x03x/y" + b"{}")
    broker.say(0x3A, topic + b"\x00\x09\x00" + b"again")
    assert ends.take(2) == [
        Message(TOPIC, b"{}", None, content_type="x/y", retained=True),
        Message(TOPIC, b"again", ends.subscriber._connection << 16 | 9, redelivered=True),
    ]


def test_a_full_inbox_stops_the_reading_and_nothing_is_lost(broker: Broker) -> None:
    with subscribed(broker, is_tapping=True, limit_bytes=1_000) as ends:
        broker.accept()
        for mid in range(1, 8):
            broker.publish(mid)
        assert [mid & 0xFFFF for _, _, mid, *_ in ends.take(7) if mid] == list(range(1, 8))
        broker.publish(8)
        wait_for(lambda: ends.subscriber.unacknowledged == 8)
        # By now more than fits has been put: nothing is read until something is taken.
        for mid in range(9, 13):
            broker.publish(mid)
            wait_for(lambda mid=mid: ends.subscriber.unacknowledged == mid or not ends.inbox.has_room())
        assert not ends.inbox.has_room()
        assert [mid & 0xFFFF for _, _, mid, *_ in ends.take(5) if mid] == list(range(8, 13))


def test_a_full_inbox_does_not_make_a_healthy_connection_look_dead(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "_KEEPALIVE_S", 1)
    with subscribed(broker, is_tapping=True, limit_bytes=1) as ends:
        broker.accept()
        broker.publish(1)
        wait_for(lambda: not ends.inbox.has_room(), what="the inbox to be full")
        # The answers lie unread behind what is not taken; without any paho hangs up after the second.
        for _ in range(4):
            broker.expect(PINGREQ)
            broker.say(0xD0, b"")
        assert ends.lost.empty()


def test_a_stream_the_tap_does_not_understand_is_left_to_paho_from_the_next_connection_on(broker: Broker) -> None:
    with subscribed(broker, is_tapping=True) as ends:
        broker.accept()
        topic = len(TOPIC).to_bytes(2, "big") + TOPIC.encode()
        broker.say(0x30, topic + b"\x02\x7f\x00")  # a property that no PUBLISH has
        ends.lost.get(timeout=LIMIT_S)
        broker.accept()
        broker.publish(5)
        [message] = ends.take(1)
        assert not ends.subscriber._client.is_tapping
        ends.subscriber.acknowledge([message.mid])
        assert broker.expect(PUBACK) == b"\x00\x05"


def test_the_seam_into_paho_is_where_the_tap_expects_it() -> None:
    assert callable(Client._create_socket)
    assert list(inspect.signature(Client._create_socket).parameters) == ["self"]
    assert hasattr(Client(CallbackAPIVersion.VERSION2), "_last_bytes_received")
    used = inspect.getsource(Client._sock_recv) + inspect.getsource(Client._sock_send) + inspect.getsource(Client._loop)
    for call in ("self._sock.recv(", "self._sock.send(", "self._sock.pending()"):
        assert call in used
