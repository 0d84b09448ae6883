"""Between the broker's thread, which puts, and the writer, which takes: messages in the order they came."""

import threading
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from time import monotonic
from typing import Final, NamedTuple

# A batch ends here too, so that a few thousand large payloads do not become one transaction. Decoded, a payload takes
# some ten times its room.
MAX_BATCH_BYTES: Final = 8 * 1024 * 1024
# What a message takes in memory beside its bytes on the wire.
_MESSAGE_BYTES: Final = 200
_ROOM_WAIT_S: Final = 0.2
_GZIP_BEGIN: Final = b"\x1f"


class Message(NamedTuple):
    """A message as the subscriber hands it over.

    `mid` is what the subscriber acknowledges, others do not look into it; None: sent with QoS 0, nobody waits for it.
    """

    topic: str
    payload: bytes
    mid: int | None
    # The broker sent it before: it may be stored already.
    redelivered: bool = False
    # What MQTT 5 says of the payload.
    content_type: str | None = None
    # It was said before we listened: the last word of its topic, not a sign of life.
    retained: bool = False


Weigh = Callable[[bytes], int]


class Inbox:
    """What has come and is not taken. Filled to `limit_bytes` it has no room: nothing more is read from the broker."""

    def __init__(self, limit_bytes: int, *, weigh: Weigh = len) -> None:
        """`weigh` tells how large a payload is once it is read; that many bytes count for a batch."""
        self._limit_bytes, self._weigh = limit_bytes, weigh
        self._changed = threading.Condition()
        self._messages: list[Message] = []
        self._weights: list[int] = []
        self._bytes = 0
        self._since_s = 0.0
        self._wanted = 1
        self._closed = threading.Event()

    def has_room(self) -> bool:
        """Whether there is room, now or within a moment."""
        with self._changed:
            return self._changed.wait_for(lambda: self._bytes < self._limit_bytes, timeout=_ROOM_WAIT_S)

    def put(self, messages: list[Message], size: int) -> None:
        """Add messages of about `size` bytes with all that is about them; whoever puts asks for room first."""
        weigh = self._weigh
        # Each message costs here: what is not gzip is weighed without a call.
        weights = [
            weigh(message.payload) if message.payload[:1] == _GZIP_BEGIN else len(message.payload)
            for message in messages
        ]
        with self._changed:
            if not self._messages:
                self._since_s = monotonic()
            self._messages += messages
            self._weights += weights
            self._bytes += size + _MESSAGE_BYTES * len(messages)
            if len(self._messages) >= self._wanted:
                self._changed.notify_all()

    def discard(self) -> None:
        """Forget what comes again, as its connection is gone; what was sent with QoS 0 nobody sends again."""
        with self._changed:
            kept = [place for place, message in enumerate(self._messages) if message.mid is None]
            self._bytes = self._bytes * len(kept) // max(1, len(self._messages))
            self._messages = [self._messages[place] for place in kept]
            self._weights = [self._weights[place] for place in kept]
            self._changed.notify_all()

    def close(self) -> None:
        """Let `take` return nothing from now on."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def rest_of_qos_0(self) -> list[Message]:
        """After closing: what nobody sends again."""
        with self._changed:
            return [message for message in self._messages if message.mid is None]

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def rest(self, seconds: float) -> bool:
        """Wait; True as soon as the inbox is closed."""
        return self._closed.wait(seconds)

    def take(self, *, most: int, linger_s: float, idle_s: float) -> list[Message]:
        """Up to `most` messages, `linger_s` after the first of them came; none after `idle_s`, or when closed."""
        with self._changed:
            while not self._closed.is_set():
                if not self._changed.wait_for(lambda: self._messages or self._closed.is_set(), timeout=idle_s):
                    break
                self._wanted = most
                left_s = max(0.0, self._since_s + linger_s - monotonic())
                self._changed.wait_for(lambda: len(self._messages) >= most or self._closed.is_set(), timeout=left_s)
                self._wanted = 1
                if self._messages and not self._closed.is_set():
                    return self._pop(most)
            return []

    def _pop(self, most: int) -> list[Message]:
        count = max(1, bisect_right(list(accumulate(self._weights[:most])), MAX_BATCH_BYTES))
        self._bytes -= self._bytes * count // len(self._messages)
        self._since_s = monotonic()
        batch = self._messages[:count]
        del self._messages[:count], self._weights[:count]
        self._changed.notify_all()
        return batch
