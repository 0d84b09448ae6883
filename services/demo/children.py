"""The services as processes of the demo: started with their logs in its folder, watched, ended by id."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.embedded import process
from shared.errors import UnavailableError

_LOG_LINES = 12
_STOP_LIMIT_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """A running service and the file it logs to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise UnavailableError with the end of its log when it has ended."""
        code = self.process.poll()
        if code is not None:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
            raise UnavailableError("\n  ".join([f"vouch {self.name} ended with {code}, see {self.log}:", *lines]))


class Children:
    """All services running. They share the environment `env`."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._env = dict(env)
        self._running: list[Child] = []

    def start(self, name: str) -> None:
        """Start `vouch <name>` in a session of its own, so that Ctrl-C in a terminal reaches the demo only.

        Where the system can, it gets SIGTERM when the demo itself is killed.
        """
        log = self._folder / f"{name}.log"
        command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), name]
        setpriv = shutil.which("setpriv")
        if setpriv and sys.platform == "linux":
            command = [setpriv, "--pdeathsig", "TERM", "--", *command]
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        self._running.append(Child(name=name, process=child, log=log))

    def check(self) -> None:
        """Raise UnavailableError when one has ended, naming it and showing the end of its log."""
        for child in self._running:
            child.check()

    def stop(self) -> None:
        """SIGTERM to all at once, then wait for each; SIGKILL to what has not ended in time."""
        for child in self._running:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        for child in self._running:
            process.stop(child.process, [(signal.SIGTERM, _STOP_LIMIT_S)])


@contextmanager
def running(folder: Path, settings: Mapping[str, str]) -> Iterator[Children]:
    """Services started within are told `settings` on top of the environment, and stopped on leaving."""
    children = Children(folder, os.environ | dict(settings))
    try:
        yield children
    finally:
        children.stop()
