"""MQTT 5 by hand, for benches: feeds a broker and empties a session as fast as sockets go."""

import select
import socket
import struct
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

WINDOW = 20_000
LIMIT_S = 300.0
GATHER_S = 0.001


def varint(number: int) -> bytes:
    out = bytearray()
    while True:
        out.append(number & 0x7F | (0x80 if number > 0x7F else 0))
        number >>= 7
        if not number:
            return bytes(out)


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + varint(len(body)) + body


def publish_packet(topic: bytes, payload: bytes, number: int) -> bytes:
    """A PUBLISH of QoS 1 without properties; `number` counts from 0."""
    return packet(
        0x32, struct.pack(">H", len(topic)) + topic + struct.pack(">H", number % 65_535 + 1) + b"\0" + payload
    )


class RawSession:
    """One connection; with a session that is kept, unless `is_clean`."""

    def __init__(self, mqtt_url: str, client_id: str, *, is_clean: bool, receive_maximum: int = 60_000) -> None:
        address = urlsplit(mqtt_url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        expiry = b"" if is_clean else b"\x11" + struct.pack(">I", 3_600)
        properties = expiry + b"\x21" + struct.pack(">H", receive_maximum)
        name = client_id.encode()
        self.socket.sendall(
            packet(
                0x10,
                b"\0\4MQTT\5" + bytes([2 if is_clean else 0]) + b"\0\0" + varint(len(properties)) + properties
                + struct.pack(">H", len(name)) + name,
            )
        )  # fmt: skip
        self.buffer = b""
        self._await(0x20)

    def subscribe(self, topic: str) -> None:
        name = topic.encode()
        self.socket.sendall(packet(0x82, b"\0\1\0" + struct.pack(">H", len(name)) + name + b"\1"))
        self._await(0x90)

    def close(self) -> None:
        self.socket.setblocking(True)
        self.socket.sendall(b"\xe0\x00")
        self.socket.close()

    def _await(self, kind: int) -> None:
        while not self.buffer or self.buffer[0] != kind or len(self.buffer) < 2 + self.buffer[1]:
            self.buffer += self.socket.recv(65_536)
        self.buffer = self.buffer[2 + self.buffer[1] :]


def feed(mqtt_url: str, packets: Iterable[bytes]) -> int:
    """Publish packets numbered from 0 with a bounded number unacknowledged; returns when all are acknowledged."""
    session = RawSession(mqtt_url, "bench-feeder", is_clean=True)
    session.socket.setblocking(False)
    sent, received, deadline = 0, 0, time.monotonic() + LIMIT_S
    pending = bytearray()
    source = iter(packets)
    is_over = False
    while time.monotonic() < deadline:
        while not is_over and len(pending) < 1 << 18 and sent - received // 4 < WINDOW:
            following = next(source, None)
            if following is None:
                is_over = True
            else:
                pending += following
                sent += 1
        # A PUBACK of success has four bytes; mosquitto adds a reason when nobody listens, which is an error here.
        if is_over and not pending and received >= 4 * sent:
            session.close()
            return sent
        readable, writable, _ = select.select([session.socket], [session.socket] if pending else [], [], 5)
        if readable:
            received += len(session.socket.recv(1 << 18))
        if writable:
            del pending[: session.socket.send(pending)]
    raise SystemExit(f"fed {received // 4} of {sent} messages in {LIMIT_S} s")


def empty(mqtt_url: str, client_id: str, count: int) -> float:
    """Take, cut and acknowledge `count` messages that wait for a session, and nothing else: seconds."""
    begun = time.perf_counter()
    session = RawSession(mqtt_url, client_id, is_clean=False)
    rest, got, deadline = session.buffer, 0, time.monotonic() + LIMIT_S
    while got < count and time.monotonic() < deadline:
        # Reading whatever is there at once would keep the broker busy with small pieces.
        time.sleep(GATHER_S)
        data = rest + session.socket.recv(1 << 20)
        acks, start, length = [], 0, len(data)
        while start + 2 <= length:
            size, at, shift = 0, start + 1, 0
            while at < length:
                size |= (data[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if data[at - 1] < 0x80:
                    break
            else:
                break
            end = at + size
            if end > length:
                break
            if data[start] & 0xF0 == 0x30:
                at += 2 + (data[at] << 8 | data[at + 1])
                acks.append(b"\x40\x02" + data[at : at + 2])
            start = end
        rest = data[start:]
        got += len(acks)
        session.socket.sendall(b"".join(acks))
    # The broker has taken the acknowledgements when it answers what was sent behind them.
    session.socket.sendall(b"\xc0\x00")
    while b"\xd0\x00" not in rest:
        rest = session.socket.recv(65_536)
    took = time.perf_counter() - begun
    session.close()
    return took
