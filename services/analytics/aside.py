"""Long computations beside the event loop, which do not hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

_Args = ParamSpec("_Args")
_Found = TypeVar("_Found")


def on_one_core() -> None:
    """Have numerical libraries compute on one core from now on: sums over several differ by their number, in a bit.

    Never undone, so that threads cannot undo it for each other. For OpenMP it holds in the calling thread only.
    """
    threadpool_limits(1)


async def aside(work: Callable[_Args, _Found], *args: _Args.args, **named: _Args.kwargs) -> _Found:
    """What `work` returns or raises, from a thread of its own on one core.

    Whoever is cancelled meanwhile goes; the thread is left to itself, and ends with the process.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[_Found] = loop.create_future()

    def settle(found: _Found | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(found)  # type: ignore[arg-type]

    def run() -> None:
        found, failed = None, None
        try:
            on_one_core()
            found = work(*args, **named)
        except BaseException as error:  # noqa: BLE001  (it is raised where it was asked for)
            failed = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, found, failed)

    threading.Thread(target=run, name="vouch-aside", daemon=True).start()
    return await result
