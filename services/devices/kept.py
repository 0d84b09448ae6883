"""What a device still has to hand over, or hand over again, although it has sent it to the broker."""

from collections import deque
from typing import NamedTuple


class Note(NamedTuple):
    """A message as the device means it."""

    topic: str
    payload: bytes


class Kept:
    """Messages under way, and those the broker took over less than `keep_s` ago.

    A broker that is killed forgets what it acknowledged since it last saved its queues, so after a reconnect a device
    sends that again; nothing is stored twice. A message that nobody was subscribed to was dropped, and is sent again
    too. With `keep_s` 0 nothing is kept. Not thread-safe: its user holds a lock.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._under_way: dict[int, Note] = {}
        # Acknowledged before whoever sent it knew its id.
        self._early: dict[int, tuple[bool, float]] = {}
        self._safe: deque[tuple[float, Note]] = deque()
        self._unheard: deque[Note] = deque()
        self._again: deque[Note] = deque()

    def __bool__(self) -> bool:
        """Whether messages are kept at all."""
        return self._keep_s > 0

    @property
    def waiting(self) -> int:
        """Messages that are to be sent again."""
        return len(self._again) + len(self._unheard)

    def sent(self, mid: int, note: Note) -> None:
        """A message has got its packet id."""
        early = self._early.pop(mid, None)
        if early is None:
            self._under_way[mid] = note
        else:
            self._settle(note, *early)

    def acknowledged(self, mid: int, *, is_heard: bool, now_s: float) -> None:
        """The broker has taken the message over; not `is_heard`: for nobody, so it was dropped."""
        note = self._under_way.pop(mid, None)
        if note is None:
            self._early[mid] = (is_heard, now_s)
        else:
            self._settle(note, is_heard, now_s)

    def repeat_recent(self, now_s: float) -> None:
        """After a reconnect: all that a broker that was killed may have forgotten goes again."""
        self._forget(now_s)
        self._again.extend(note for _, note in self._safe)
        self._safe.clear()

    def repeat_unheard(self) -> None:
        """What nobody was subscribed to goes again."""
        self._again.extend(self._unheard)
        self._unheard.clear()

    def next(self) -> Note | None:
        """The next message to send again, which is under way then."""
        return self._again.popleft() if self._again else None

    def _settle(self, note: Note, is_heard: bool, now_s: float) -> None:  # noqa: FBT001
        if is_heard:
            self._safe.append((now_s, note))
            self._forget(now_s)
        else:
            self._unheard.append(note)

    def _forget(self, now_s: float) -> None:
        while self._safe and self._safe[0][0] < now_s - self._keep_s:
            self._safe.popleft()
