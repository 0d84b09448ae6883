"""The subscriber on the wire: what it asks of a broker, and that a mid is acknowledged on its own connection only.

A real broker sends unacknowledged messages again under their old mids, which hides a mistaken acknowledgement; so here
the other end is a socket that says what the test wants said.
"""

import queue
import socket
from collections.abc import Iterator

import pytest

from services.ingest.inbox import Message
from services.ingest.subscriber import SESSION_EXPIRY_S, Subscriber

CONNECT, PUBACK, SUBSCRIBE, DISCONNECT = 0x10, 0x40, 0x82, 0xE0
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
    """What the subscriber reports."""

    def __init__(self, port: int) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()
        self.ready: queue.Queue[None] = queue.Queue()
        self.lost: queue.Queue[None] = queue.Queue()
        self.subscriber = Subscriber(
            mqtt_url=f"mqtt://127.0.0.1:{port}",
            client_id="vouch-ingest",
            receive_maximum=10_000,
            on_message=self.messages.put,
            on_ready=lambda: self.ready.put(None),
            on_lost=lambda: self.lost.put(None),
        )


@pytest.fixture
def ends(broker: Broker) -> Iterator[Ends]:
    started = Ends(broker.port)
    started.subscriber.start()
    yield started
    started.subscriber.stop()


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
    mids = [ends.messages.get(timeout=LIMIT_S).mid for _ in range(3)]
    assert ends.subscriber.unacknowledged == 3
    ends.subscriber.acknowledge(mids)
    assert [broker.expect(PUBACK) for _ in range(3)] == [b"\x00\x03", b"\x00\x01", b"\x00\x02"]
    assert ends.subscriber.unacknowledged == 0


def test_a_mid_of_a_connection_that_is_gone_is_not_acknowledged_on_the_next(broker: Broker, ends: Ends) -> None:
    broker.accept()
    broker.publish(7)
    broker.publish(8)
    old = [ends.messages.get(timeout=LIMIT_S).mid for _ in range(2)]
    broker.end()
    ends.lost.get(timeout=LIMIT_S)
    broker.accept()
    broker.publish(8)
    new = ends.messages.get(timeout=LIMIT_S).mid
    assert new not in old
    ends.subscriber.acknowledge(old)
    assert ends.subscriber.unacknowledged == 1
    ends.subscriber.acknowledge([new])
    assert broker.expect(PUBACK) == b"\x00\x08"
    ends.subscriber.stop()
    broker.expect(DISCONNECT)
