"""`vouch backfill`."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.owner import File, owner

app = typer.Typer()


@app.command()
def backfill(
    mapping: File,
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="folder the mapping's files lie below")],
    *,
    supersede: Annotated[bool, typer.Option("--supersede", help="replace stored values that differ")] = False,
    reason: Annotated[str | None, typer.Option(help="why; kept with each value that is replaced")] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="read files again that are stored already")] = False,
) -> None:
    """Store recorded files (CSV, Parquet) straight in the database; stopped at any time, it goes on when run again.

    Exit code 1: rows were bad or values quarantined, by this run or an earlier one of the same files.
    """
    from services.backfill import Order, run
    from shared.clock import now_us
    from shared.errors import VouchError

    if supersede != bool(reason and reason.strip()):
        raise VouchError("--reason: goes with --supersede, and --supersede with a reason")
    with owner() as connection:
        refused = run(connection, Order(mapping=mapping, data=data, reason=reason, from_start=from_start), now_us)
    if refused:
        raise typer.Exit(1)
