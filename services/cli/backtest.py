"""`vouch backtest`."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.owner import File

app = typer.Typer()

if TYPE_CHECKING:
    from decimal import Decimal

    from shared.backtest.bench import Question

# As wide as the tables want to be where nobody looks at a terminal.
_WIDE = 160


@app.command()
def backtest(
    contract: File,
    events: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="CSV: asset,start,end,category,cause,party,note")
    ],
    *,
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="first day, in the contract's zone")],
    end: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="first day after")],
    quantities: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="CSV: asset,name,start,end,value,unit")
    ] = None,
    tickets: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="CSV: id,asset,priority,received,on_site,restored,paused_s"),
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="fleet file that says what codes mean")
    ] = None,
    model: Annotated[str | None, typer.Option(help="whose codes: a model of the fleet file")] = None,
    as_of: Annotated[str | None, typer.Option(help="judge by what was known then (ISO 8601 with offset)")] = None,
    unreported: Annotated[
        str | None, typer.Option(help="what time is that no event speaks of: FP (running) or IU (unknown)")
    ] = None,
    levels: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH:STEP", help="what other levels would have cost, as 0.95:0.99:0.005")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the whole answer as JSON")] = False,
) -> None:
    """What a contract says of recorded facts, with no server: every period's verdict and money.

    Exit code 2: a file has faults; each is named with file, line and column, and nothing is computed.
    """
    from rich.console import Console

    from services.backtest.main import Files, answer
    from services.backtest.present import tables

    files = Files(contract=contract, events=events, quantities=quantities, tickets=tickets, codes=codes, model=model)
    question, asked = _question(start, end, as_of, unreported), _levels(levels) if levels else ()
    with _without_collection():
        found = answer(files, question, asked)
    if as_json:
        print(json.dumps(found.document, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        Console(width=None if sys.stdout.isatty() else _WIDE).print(tables(found.backtest, found.prices))


@contextmanager
def _without_collection() -> Iterator[None]:
    """Millions of small values, none in a cycle: looking for garbage among them again and again takes a third."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _question(start: datetime, end: datetime, as_of: str | None, unreported: str | None) -> "Question":
    from services.backtest.cells import instant_us
    from shared.backtest.bench import Question
    from shared.errors import VouchError
    from shared.model.facts import Category

    if unreported not in {None, "FP", "IU"}:
        raise VouchError(f"--unreported: {unreported!r} is neither FP nor IU")
    try:
        as_of_us = None if as_of is None else instant_us(as_of)
    except ValueError as error:
        raise VouchError(f"--as-of: {error}") from error
    return Question(
        start=start.date(),
        end=end.date(),
        as_of_us=as_of_us,
        unreported=None if unreported is None else Category(unreported),
    )


def _levels(levels: str) -> "list[Decimal]":
    from services.backtest.cells import number
    from shared.backtest.levels import levels_between
    from shared.errors import VouchError

    try:
        low, high, step = (number(part) for part in levels.split(":"))
        return levels_between(low, high, step)
    except ValueError as error:
        raise VouchError(f"--levels: {levels!r} is not LOW:HIGH:STEP: {error}") from error
