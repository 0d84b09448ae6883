"""Between the broker's thread, which puts, and the writer, which takes: messages in the order they came."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

# A batch ends here too, so that a few thousand large payloads do not become one transaction. Decoded, a payload takes
# some ten times its room.
MAX_BATCH_BYTES: Final = 8 * 1024 * 1024
# What a message takes beside its payload.
_MESSAGE_BYTES: Final = 256
_ROOM_WAIT_S: Final = 0.2


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


class Inbox:
    """What has come and is not taken. Filled to `limit_bytes` it has no room: nothing more is read from the broker."""

    def __init__(self, limit_bytes: int, *, weigh: Callable[[bytes], int] = len) -> None:
        """`weigh` tells how large a payload is once it is read; that many bytes count for a batch."""
        self._limit_bytes, self._weigh = limit_bytes, weigh
        self._changed = threading.Condition()
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._wanted = 1
        self._closed = threading.Event()

    def has_room(self) -> bool:
        """Whether there is room, now or within a moment."""
        with self._changed:
            return self._changed.wait_for(lambda: self._bytes < self._limit_bytes, timeout=_ROOM_WAIT_S)

    def put(self, messages: Sequence[Message]) -> None:
        """Add messages; whoever puts asks for room first."""
        with self._changed:
            self._messages.extend(messages)
            self._bytes += sum([len(message.payload) for message in messages]) + _MESSAGE_BYTES * len(messages)
            if len(self._messages) >= self._wanted:
                self._changed.notify_all()

    def discard(self) -> None:
        """Forget what is not taken: its connection is gone, and the broker sends it again."""
        with self._changed:
            self._messages.clear()
            self._bytes = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Let `take` return nothing from now on."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def rest(self, seconds: float) -> bool:
        """Wait; True as soon as the inbox is closed."""
        return self._closed.wait(seconds)

    def take(self, *, most: int, linger_s: float, idle_s: float) -> list[Message]:
        """Up to `most` messages, waiting `linger_s` for more once one is there; none after `idle_s`, or when closed."""
        with self._changed:
            while not self._closed.is_set():
                if not self._changed.wait_for(lambda: self._messages or self._closed.is_set(), timeout=idle_s):
                    break
                self._wanted = most
                self._changed.wait_for(lambda: len(self._messages) >= most or self._closed.is_set(), timeout=linger_s)
                self._wanted = 1
                if self._messages and not self._closed.is_set():
                    return self._pop(most)
            return []

    def _pop(self, most: int) -> list[Message]:
        messages, batch, size = self._messages, [], 0
        while messages and len(batch) < most:
            size += self._weigh(messages[0].payload)
            if size > MAX_BATCH_BYTES and batch:
                break
            batch.append(messages.popleft())
        self._bytes -= sum([len(message.payload) for message in batch]) + _MESSAGE_BYTES * len(batch)
        self._changed.notify_all()
        return batch
