"""The one command, `vouch`: one module a group of sub-commands.

A service is imported inside its sub-command only, so that each starts alone and fast.
"""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from services.cli import (
    backfill,
    backtest,
    broker,
    contract,
    device,
    evaluate,
    event,
    export,
    fleet,
    indicator,
    key,
    model,
    programs,
    quantity,
    quarantine,
    retention,
    ticket,
)
from shared.errors import VouchError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold URLs with passwords
)
app.add_typer(programs.app)
app.add_typer(backfill.app)
app.add_typer(backtest.app)
app.add_typer(broker.app, name="broker")
app.add_typer(contract.app, name="contract")
app.add_typer(device.app, name="device")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(event.app, name="event")
app.add_typer(export.app)
app.add_typer(fleet.app, name="fleet")
app.add_typer(indicator.app, name="indicator")
app.add_typer(key.app, name="key")
app.add_typer(model.app, name="model")
app.add_typer(quantity.app, name="quantity")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(retention.app, name="retention")
app.add_typer(ticket.app, name="ticket")


def _say_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"vouch {version('vouch')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Value in use of machines, against the contract."""


def main() -> None:
    """Entry point: a VouchError is one message on standard error and exit code 2, never a traceback."""
    try:
        app()
    except VouchError as error:
        Console(stderr=True).print(f"[bold red]vouch:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
