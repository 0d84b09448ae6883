"""The publisher against a real broker, also one that goes away, and against one that misbehaves."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from services.devices.publisher import Publisher
from shared.embedded import broker
from shared.embedded.binaries import Programs
from shared.errors import UnavailableError
from tests.integration import killable
from tests.waiting import wait_for

TOPIC = "vouch/v1/lechtal/kempten/c1/telemetry"
CONNACK = bytes([0x20, 3, 0, 0, 0])
CONNACK_NOT_AUTHORISED = bytes([0x20, 3, 0, 0x87, 0])
CONNACK_RECEIVE_MAXIMUM_3 = bytes([0x20, 6, 0, 0, 3, 0x21, 0, 3])
QUOTA_EXCEEDED = 0x97


class Subscriber:
    """A persistent session that collects payloads in the order they come."""

    def __init__(self, mqtt_url: str) -> None:
        self.received: list[bytes] = []
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="reader", protocol=mqtt.MQTTv5)
        self._client.on_message = lambda _client, _userdata, message: self.received.append(bytes(message.payload))
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3_600
        parts = urlsplit(mqtt_url)
        assert parts.hostname
        assert parts.port
        self._client.connect(parts.hostname, parts.port, clean_start=False, properties=session)

    def __enter__(self) -> "Subscriber":
        self._client.loop_start()
        assert self._subscribed.wait(10)
        return self

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(TOPIC, qos=1)

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def stubborn(connack: bytes, puback_reason: int | None = None) -> Iterator[str]:
    """A server that answers CONNECT with `connack` and each PUBLISH with a PUBACK of that reason, or not at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                read_packet(connection)
                connection.sendall(connack)
                while (packet := read_packet(connection)) is not None:
                    if packet[0] & 0xF0 == 0x30 and puback_reason is not None:
                        topic_length = int.from_bytes(packet[1:3], "big")
                        mid = packet[3 + topic_length : 5 + topic_length]
                        connection.sendall(bytes([0x40, 3]) + mid + bytes([puback_reason]))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"mqtt://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)
        assert not thread.is_alive()


def read_packet(connection: socket.socket) -> bytes | None:
    """First byte and body of the next packet; None when the peer has gone."""
    head = connection.recv(1)
    if not head:
        return None
    length = shift = 0
    while True:
        [byte] = connection.recv(1)
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    body = b""
    while len(body) < length:
        body += connection.recv(length - len(body))
    return head + body


def test_every_message_arrives_once_and_in_order(mqtt_url: str):
    payloads = [b"%d" % number for number in range(5_000)]
    with Subscriber(mqtt_url) as subscriber:
        with Publisher(mqtt_url, window=100) as publisher:
            for payload in payloads:
                publisher.publish(TOPIC, payload)
            publisher.drain(30)
            assert publisher.acknowledged == len(payloads)
            assert publisher.unheard == 0
        wait_for(lambda: len(subscriber.received) >= len(payloads), what="all messages")
    assert subscriber.received == payloads


def test_several_threads_may_publish_at_once(mqtt_url: str):
    def publish(publisher: Publisher, name: int) -> None:
        for number in range(500):
            publisher.publish(TOPIC, b"%d/%d" % (name, number))

    with Subscriber(mqtt_url) as subscriber:
        with Publisher(mqtt_url, window=20) as publisher:
            threads = [threading.Thread(target=publish, args=(publisher, name)) for name in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        wait_for(lambda: len(subscriber.received) >= 2_000, what="all messages")
    assert len(set(subscriber.received)) == len(subscriber.received) == 2_000


def test_leaving_the_block_waits_for_the_last_acknowledgement(mqtt_url: str):
    with Publisher(mqtt_url) as publisher:
        for number in range(500):
            publisher.publish(TOPIC, b"%d" % number)
    assert publisher.acknowledged == 500


def test_messages_without_a_subscriber_are_counted_as_unheard(mqtt_url: str):
    with Publisher(mqtt_url) as publisher:
        for _ in range(3):
            publisher.publish(TOPIC, b"{}")
        publisher.drain(10)
        assert publisher.unheard == 3


def test_nothing_is_lost_when_the_broker_restarts(programs: Programs, server_folder: Path):
    folder = server_folder / "restarting"
    folder.mkdir(mode=0o755)
    payloads = [b"%d" % number for number in range(3_000)]
    with ExitStack() as stack:
        with broker.running(programs.broker, folder, programs.account) as url:
            subscriber = stack.enter_context(Subscriber(url))
            publisher = stack.enter_context(Publisher(url, window=4_000))
            for payload in payloads[:1_000]:
                publisher.publish(TOPIC, payload)
        for payload in payloads[1_000:2_000]:
            publisher.publish(TOPIC, payload)
        with pytest.raises(UnavailableError, match=r"\d+ message\(s\) unacknowledged after 0.2 s"):
            publisher.drain(0.2)
        with broker.running(programs.broker, folder, programs.account) as again:
            assert again == url
            for payload in payloads[2_000:]:
                publisher.publish(TOPIC, payload)
            publisher.drain(30)
            wait_for(lambda: set(subscriber.received) >= set(payloads), what="all messages")


def test_what_nobody_was_subscribed_to_is_sent_again_until_somebody_is(mqtt_url: str):
    with Publisher(mqtt_url, keep_s=5) as publisher:
        for number in range(3):
            publisher.publish(TOPIC, b"%d" % number)
        wait_for(lambda: publisher.unheard >= 3, what="messages to nobody")
        with pytest.raises(UnavailableError, match="unacknowledged"):
            publisher.drain(0.1)
        with Subscriber(mqtt_url) as subscriber:
            publisher.drain(20)
            wait_for(lambda: len(subscriber.received) == 3, what="all messages")
    assert subscriber.received == [b"0", b"1", b"2"]


def test_what_a_killed_broker_forgot_is_sent_again_and_without_keeping_it_is_lost(
    programs: Programs, server_folder: Path
):
    """Saving each half minute, the broker has saved nothing but the session when it is killed."""
    with ExitStack() as stack:
        server = stack.enter_context(killable.mosquitto(programs, server_folder / "forgetful", save_s=30))
        # Stopped in order it saves: from here on it knows the session and that it is subscribed.
        with Subscriber(server.url):
            pass
        server.close()
        server.restart()
        keeping = stack.enter_context(Publisher(server.url, keep_s=60))
        forgetting = stack.enter_context(Publisher(server.url))
        for number in range(100):
            keeping.publish(TOPIC, b"kept %d" % number)
            forgetting.publish(TOPIC, b"forgotten %d" % number)
        keeping.drain(20)
        forgetting.drain(20)
        server.kill()
        server.restart()
        wait_for(lambda: keeping.acknowledged >= 200, what="all to be acknowledged again")
        with Subscriber(server.url) as subscriber:
            wait_for(lambda: len(subscriber.received) >= 100, what="what was kept")
        assert subscriber.received == [b"kept %d" % number for number in range(100)]


def publish(url: str, messages: int, *, window: int = 10) -> None:
    """Publish and drain, with little patience."""
    with Publisher(url, window=window, patience_s=0.3) as publisher:
        for _ in range(messages):
            publisher.publish(TOPIC, b"{}")
        publisher.drain(0.2)


def test_a_full_window_blocks_and_after_the_patience_names_what_is_unacknowledged():
    with stubborn(CONNACK) as url, pytest.raises(UnavailableError, match=r"10 message\(s\) unacknowledged after 0.3 s"):
        publish(url, 11)


def test_the_window_is_no_larger_than_the_broker_can_receive():
    with stubborn(CONNACK_RECEIVE_MAXIMUM_3) as url, pytest.raises(UnavailableError, match=r"3 message\(s\) unack"):
        publish(url, 4)


def test_draining_names_how_many_are_unacknowledged():
    expected = r"2 message\(s\) unacknowledged after 0.2 s \(connected\)"
    with stubborn(CONNACK) as url, pytest.raises(UnavailableError, match=expected):
        publish(url, 2)


def test_a_refused_message_is_an_error_not_a_loss():
    with stubborn(CONNACK, QUOTA_EXCEEDED) as url, pytest.raises(UnavailableError, match="refused: Quota exceeded"):
        publish(url, 1)


def test_a_refused_connection_says_why():
    with (
        stubborn(CONNACK_NOT_AUTHORISED) as url,
        pytest.raises(UnavailableError, match="connection refused: Not authorized"),
    ):
        Publisher(url).__enter__()


def test_no_broker_is_an_error_at_once():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnavailableError, match=f"broker 127.0.0.1:{port}"):
        Publisher(f"mqtt://127.0.0.1:{port}").__enter__()
