"""What every step of the demo works with, and how it waits: with a limit, and never for a service that has ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from services.demo.board import Api
from services.demo.children import Children
from shared.errors import UnavailableError

_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """The running parts of the demo."""

    console: Console
    folder: Path
    children: Children
    api: Api
    database_url: str

    def wait(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Poll `condition`; raises UnavailableError when a service has ended, or naming `what` after `limit_s`."""
        deadline = time.monotonic() + limit_s
        while not condition():
            self.children.check()
            if time.monotonic() > deadline:
                raise UnavailableError(f"waited {limit_s:g} s for {what}; the logs are in {self.folder}")
            time.sleep(_POLL_S)
