"""Servers that a test kills and, as a service manager would, starts again on the same data and port."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from shared.embedded import broker, postgres
from shared.embedded.binaries import Programs


class Killable:
    """A server of `shared.embedded`: `start` runs it, `pid` tells its process while it runs."""

    def __init__(self, start: Callable[[], AbstractContextManager[str]], pid: Callable[[], int]) -> None:
        self._start, self._pid = start, pid
        self._running = ExitStack()
        self.url = self._running.enter_context(start())

    def kill(self) -> None:
        """SIGKILL: no word to anyone, nothing written any more."""
        os.kill(self._pid(), signal.SIGKILL)
        self._running.close()

    def restart(self) -> None:
        """Start it on what it left."""
        assert self._running.enter_context(self._start()) == self.url, "clients could not find it again"

    def close(self) -> None:
        """Stop it, if it runs."""
        self._running.close()


@contextmanager
def database(programs: Programs, folder: Path) -> Iterator[Killable]:
    """A durable cluster in a folder of its own, new when there is none."""
    _open(folder)
    killable = Killable(
        lambda: postgres.running(programs.postgres, folder, programs.account, durable=True),
        lambda: int((folder / "postgres" / "postmaster.pid").read_text(encoding="ascii").split()[0]),
    )
    try:
        yield killable
    finally:
        killable.close()


@contextmanager
def mosquitto(programs: Programs, folder: Path, *, save_s: int) -> Iterator[Killable]:
    """A persistent broker that saves its queues about every `save_s` seconds."""
    _open(folder)
    killable = Killable(
        lambda: broker.running(programs.broker, folder, programs.account, save_s=save_s),
        lambda: int((folder / "mosquitto.pid").read_text(encoding="ascii")),
    )
    try:
        yield killable
    finally:
        killable.close()


def _open(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
