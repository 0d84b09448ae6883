"""What analytics judged, told to every open stream: one LISTEN connection for the process, one small queue a client."""

import asyncio
from collections.abc import AsyncIterator

import structlog

from shared.db import views
from shared.db.principals import Pool
from shared.errors import UnavailableError

_RETRY_S = 2.0
_log = structlog.get_logger()


class Broadcast:
    """Hands the number of each judgement to all who listen.

    A client that is slow to read misses numbers in between, never the latest: it will ask for the state anyway.
    """

    def __init__(self) -> None:
        self._number = 0
        self._queues: set[asyncio.Queue[int | None]] = set()
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._queues)

    def publish(self) -> None:
        """Tell everyone that something was judged."""
        self._number += 1
        for queue in self._queues:
            _replace(queue, self._number)

    def close(self) -> None:
        """End every stream, and each that is opened later, so that the process can stop."""
        self._closed = True
        for queue in self._queues:
            _replace(queue, None)

    async def numbers(self, *, at_once: bool) -> AsyncIterator[int]:
        """The numbers of the judgements from now on; `at_once` begins with the latest, for one who missed some."""
        queue: asyncio.Queue[int | None] = asyncio.Queue(maxsize=1)
        if self._closed:
            queue.put_nowait(None)
        elif at_once:
            queue.put_nowait(self._number)
        self._queues.add(queue)
        try:
            while (number := await queue.get()) is not None:
                yield number
        finally:
            self._queues.discard(queue)


async def listen(pool: Pool, broadcast: Broadcast) -> None:
    """Publish every NOTIFY of analytics until cancelled; a lost connection is taken up again."""
    while True:
        try:
            async for _ in views.judgements(pool):
                broadcast.publish()
        except UnavailableError as error:
            _log.warning("listen_interrupted", error=str(error))
        await asyncio.sleep(_RETRY_S)


def _replace(queue: asyncio.Queue[int | None], number: int | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(number)
