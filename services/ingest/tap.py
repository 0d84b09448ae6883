"""The one seam into paho: its socket, behind which PUBLISH packets are taken in bulk and acknowledged in bulk.

paho keeps what it is good at (connecting, TLS, keepalive, subscribing, reconnecting) and sees every other packet.
"""

import select
import ssl
import threading
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Any, Final, Protocol

from paho.mqtt.client import Client, time_func
from paho.mqtt.enums import MQTTProtocolVersion

from services.ingest.inbox import Message
from services.ingest.packets import MalformedStreamError, PacketStream, acknowledgements

_READ_BYTES: Final = 256 * 1024
_GATHER_S: Final = 0.001
# Of a mid, what tells the connection.
_BASE_MASK: Final = ~0xFFFF
_SEND_LIMIT_S: Final = 5.0
_SEND_POLL_S: Final = 0.1
_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Receiver(Protocol):
    """Who takes what the tap reads."""

    def has_room(self) -> bool:
        """Whether more may be read now; it may wait a little for room."""
        ...

    def receive(self, messages: list[Message], size: int) -> None:
        """Take messages in the order they came, of about `size` bytes with all that is about them."""
        ...


class Tap:
    """A socket for paho: what it reads has no PUBLISH packets of QoS 0 and 1 in it, and what is sent is sent whole.

    While the receiver has no room nothing is read, and so the broker holds the rest.
    """

    def __init__(
        self,
        sock: Any,
        receiver: Receiver,
        *,
        mid_base: int,
        has_properties: bool,
        on_alive: Callable[[], None],
        on_malformed: Callable[[], None],
    ) -> None:
        self._socket, self._receiver = sock, receiver
        self._on_alive, self._on_malformed = on_alive, on_malformed
        self._mid_base = mid_base
        self._packets = PacketStream(mid_base=mid_base, has_properties=has_properties)
        self._read_s = 0.0
        self._for_paho = bytearray()
        self._outgoing = bytearray()
        # An SSL object must not read and write at once, and paho's packets must not be cut by acknowledgements.
        self._using = threading.Lock()

    def recv(self, size: int) -> bytes:
        """For paho's loop: bytes of other packets; BlockingIOError when there are none now."""
        if not self._for_paho:
            # What waits unread says as much as an answer to a ping, which would lie behind it.
            self._on_alive()
            if not self._receiver.has_room():
                raise BlockingIOError
            self._gather()
            with self._using:
                data = self._socket.recv(_READ_BYTES)
            if not data:
                return b""
            try:
                messages, others = self._packets.feed(data)
            except MalformedStreamError as error:
                self._on_malformed()
                raise ConnectionError(str(error)) from error
            if messages:
                self._receiver.receive(messages, len(data))
            self._for_paho += others
        if not self._for_paho:
            raise BlockingIOError
        part = bytes(self._for_paho[:size])
        del self._for_paho[:size]
        return part

    def _gather(self) -> None:
        """Let a moment pass since the last read: paho's loop costs as much for one message as for hundreds."""
        passed_s = monotonic() - self._read_s
        if passed_s < _GATHER_S:
            sleep(_GATHER_S - passed_s)
        self._read_s = monotonic()

    def send(self, data: bytes | bytearray) -> int:
        """Send all of it; raises OSError when the connection is gone or takes nothing for long."""
        with self._using:
            self._outgoing += data
        self._flush()
        return len(data)

    def acknowledge(self, mids: Sequence[int | None]) -> int:
        """Send the PUBACKs of those that came by this connection, in this order; how many those are.

        A lost connection is paho's to find.
        """
        base = self._mid_base
        own = [mid for mid in mids if mid is not None and mid & _BASE_MASK == base]
        try:
            self.send(acknowledgements(own))
        except OSError:
            return 0
        return len(own)

    def _flush(self) -> None:
        for _ in range(round(_SEND_LIMIT_S / _SEND_POLL_S)):
            with self._using:
                try:
                    while self._outgoing:
                        del self._outgoing[: self._socket.send(self._outgoing)]
                except _WOULD_BLOCK:
                    pass
                else:
                    return
            try:
                select.select([], [self._socket], [], _SEND_POLL_S)
            except ValueError as error:
                raise ConnectionError("the connection was closed meanwhile") from error
        raise TimeoutError("the broker takes nothing")

    def pending(self) -> int:
        """What can be read without waiting for the network."""
        with self._using:
            inner = self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
        return len(self._for_paho) + inner

    def fileno(self) -> int:
        return self._socket.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  (as of a socket)
        self._socket.setblocking(flag)

    def close(self) -> None:
        with self._using:
            self._outgoing.clear()
            self._socket.close()


class TappedClient(Client):
    """paho's client with a Tap around each of its connections, as long as `is_tapping`.

    `opening` is called before each connection and gives what is added to its packet identifiers. A stream that the tap
    does not understand is left to paho from the next connection on.
    """

    def __init__(self, *args: Any, receiver: Receiver, opening: Callable[[], int], **options: Any) -> None:
        super().__init__(*args, **options)
        self._receiver, self._opening = receiver, opening
        self.is_tapping = True
        self.tap: Tap | None = None

    def _create_socket(self) -> Any:
        mid_base = self._opening()
        sock = super()._create_socket()
        self.tap = None
        if not self.is_tapping:
            return sock
        self.tap = Tap(
            sock,
            self._receiver,
            mid_base=mid_base,
            has_properties=self._protocol == MQTTProtocolVersion.MQTTv5,
            on_alive=self._note_alive,
            on_malformed=self._stop_tapping,
        )
        return self.tap

    def _note_alive(self) -> None:
        with self._msgtime_mutex:
            self._last_bytes_received = time_func()

    def _stop_tapping(self) -> None:
        self.is_tapping = False
