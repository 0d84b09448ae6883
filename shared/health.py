"""Whether a process can do its work: each part it needs, by name, with since when that is so and why."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.instant import SECOND_US, from_us

Probe = Callable[[], str | None]
_PROBE_EVERY_US = 2 * SECOND_US


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How a part is; `detail` says what is wrong, and is empty when nothing is."""

    ok: bool
    since_us: int
    detail: str

    def as_json(self) -> dict[str, Any]:
        """The object under the part's name in the answer of /readyz."""
        since = from_us(self.since_us).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"ok": self.ok, "since": since, "detail": self.detail}


class Part:
    """Something the process needs; whoever uses it reports. It is asked itself as well when it can be (`probe`).

    `probe` returns what is wrong, or None, and is called at most every two seconds. Safe to use from several threads.
    """

    def __init__(self, clock_us: Callable[[], int], detail: str = "", probe: Probe | None = None) -> None:
        self._clock_us, self._probe = clock_us, probe
        self._changing, self._probing = threading.Lock(), threading.Lock()
        self._reported, self._found = detail, ""
        self._probed_us: int | None = None
        self._state = State(ok=not detail, since_us=clock_us(), detail=detail)

    def report(self, detail: str | None) -> None:
        """What is wrong in the eyes of whoever uses the part; None: nothing."""
        with self._changing:
            self._reported = detail or ""
            self._settle()

    @property
    def last(self) -> State:
        """How it was when last reported or asked."""
        with self._changing:
            return self._state

    def state(self) -> State:
        """How it is now."""
        with self._probing:
            now_us = self._clock_us()
            if self._probe and (self._probed_us is None or now_us - self._probed_us >= _PROBE_EVERY_US):
                found = self._probe() or ""
                with self._changing:
                    self._probed_us, self._found = now_us, found
                    self._settle()
        return self.last

    def _settle(self) -> None:
        detail = self._reported or self._found
        is_as_before = (not detail) == self._state.ok
        since_us = self._state.since_us if is_as_before else self._clock_us()
        self._state = State(ok=not detail, since_us=since_us, detail=detail)


@dataclass(frozen=True, slots=True)
class Health:
    """The parts of one process by name."""

    parts: Mapping[str, Part]

    def ready(self) -> tuple[bool, bytes]:
        """Whether all parts are well, and the answer of /readyz."""
        states = {name: part.state() for name, part in self.parts.items()}
        is_ready = all(state.ok for state in states.values())
        status = "ready" if is_ready else "unavailable"
        body = {"status": status} | {name: state.as_json() for name, state in states.items()}
        return is_ready, json.dumps(body).encode()
