"""The bar over recorded files while they are read: how far, rows, and values a second."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from services.devices.recorded import Tally

_SHOWN_BAD_ROWS = 20
_LEAST_S = 1e-3


@contextmanager
def shown(
    screen: Console, total: int | None, *, refused: str, done: Callable[[Tally], int]
) -> Iterator[tuple[Tally, Callable[[], None]]]:
    """The tally to count in, and what moves the bar.

    `total` characters are to be read, None when nobody knows. `refused` is how the first bad rows are reported, `done`
    what the rate counts.
    """
    columns = (
        SpinnerColumn(), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rows]} rows, {task.fields[rate]}/s"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=screen) as progress:
        task = progress.add_task("", total=total, rows=0, rate=0)
        started = time.monotonic()

        def report(fault: str) -> None:
            if tally.bad_rows <= _SHOWN_BAD_ROWS:
                screen.print(f"{refused}: {fault}", markup=False, highlight=False, soft_wrap=True)

        def advance() -> None:
            rate = round(done(tally) / max(time.monotonic() - started, _LEAST_S))
            progress.update(task, completed=tally.characters, rows=tally.rows, rate=rate)

        tally = Tally(on_bad_row=report)
        yield tally, advance
        progress.update(task, completed=tally.characters, total=tally.characters, rows=tally.rows)
