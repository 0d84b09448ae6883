"""Waiting for a condition with a limit, so that no test sleeps for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

_POLL_S = 0.02


def wait_for(condition: Callable[[], T], limit_s: float = 20.0, what: str = "the condition") -> T:
    """Call `condition` until it gives something true and return that; fail the test, saying `what`, after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while True:
        outcome = condition()
        if outcome:
            return outcome
        if time.monotonic() > deadline:
            pytest.fail(f"waited {limit_s:g} s for {what}; last seen: {outcome!r}")
        time.sleep(_POLL_S)
