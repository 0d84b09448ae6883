"""Between the broker's thread, which puts, and the writer, which takes: messages in the order they came."""

import threading
from collections import deque
from typing import Final, NamedTuple

# A batch ends here too, so that a few thousand large payloads do not become one transaction.
MAX_BATCH_BYTES: Final = 32 * 1024 * 1024


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


class Inbox:
    """What has come and is not taken: never more than `limit`, the receive maximum, which the broker keeps to.

    Only messages of QoS 0 could exceed it: those are dropped beyond the limit, as QoS 0 allows.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._messages: deque[Message] = deque()
        self._wanted = 1
        self._closed = threading.Event()

    def put(self, message: Message) -> bool:
        """Add a message; False when it was dropped."""
        with self._changed:
            if message.mid is None and len(self._messages) >= self._limit:
                return False
            self._messages.append(message)
            if len(self._messages) >= self._wanted:
                self._changed.notify()
            return True

    def discard(self) -> None:
        """Forget what is not taken: its connection is gone, and the broker sends it again."""
        with self._changed:
            self._messages.clear()

    def close(self) -> None:
        """Let `take` return nothing from now on."""
        self._closed.set()
        with self._changed:
            self._changed.notify()

    def rest(self, seconds: float) -> bool:
        """Wait; True as soon as the inbox is closed."""
        return self._closed.wait(seconds)

    def take(self, *, most: int, linger_s: float) -> list[Message]:
        """Up to `most` messages, waiting `linger_s` for more once there is one; empty when closed."""
        with self._changed:
            while not self._closed.is_set():
                self._changed.wait_for(lambda: self._messages or self._closed.is_set())
                self._wanted = most
                self._changed.wait_for(lambda: len(self._messages) >= most or self._closed.is_set(), timeout=linger_s)
                self._wanted = 1
                if self._messages and not self._closed.is_set():
                    return self._pop(most)
            return []

    def _pop(self, most: int) -> list[Message]:
        batch = [self._messages.popleft()]
        size = len(batch[0].payload)
        while self._messages and len(batch) < most and size + len(self._messages[0].payload) <= MAX_BATCH_BYTES:
            batch.append(self._messages.popleft())
            size += len(batch[-1].payload)
        return batch
