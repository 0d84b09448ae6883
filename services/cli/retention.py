"""`vouch retention`."""

from typing import Annotated

import typer

from services.cli.owner import owner
from shared.db.retention import Kind

app = typer.Typer(no_args_is_help=True, help="How long rows are kept.")


@app.command("show")
def retention_show() -> None:
    """Print what is kept for how long, and before when it is gone."""
    from shared.db import retention
    from shared.instant import from_us

    with owner() as connection:
        for one in retention.declared(connection):
            kept = "for ever" if one.keep_days is None else f"{one.keep_days} days"
            gone = "" if one.dropped_before_us is None else f"gone before {from_us(one.dropped_before_us):%F %R} UTC"
            print(f"{one.kind:12}{kept:12}{gone}".rstrip())


@app.command("set")
def retention_set(
    what: Kind,
    days: Annotated[int | None, typer.Option(min=1, help="keep it for so many days")] = None,
    forever: Annotated[bool, typer.Option("--forever", help="keep it for ever")] = False,
) -> None:
    """Declare how long something is kept; `vouch retention run` then drops what is older."""
    from shared.db import retention

    if (days is None) is not forever:
        raise typer.BadParameter("say either --days or --forever")
    with owner() as connection:
        retention.declare(connection, what, days)
    print(f"{what}: kept {'for ever' if days is None else f'{days} days'}")


@app.command("run")
def retention_run() -> None:
    """Drop what is older than declared; to be run daily."""
    from shared.clock import now_us
    from shared.db import retention
    from shared.errors import VouchError
    from shared.instant import from_us

    with owner() as connection:
        outcomes = retention.run(connection, now_us())
    for one in outcomes:
        unit = "chunks" if one.is_chunks else "rows"
        print(f"{one.kind}: {one.count} {unit} before {from_us(one.before_us):%F %R} UTC dropped")
    if not outcomes:
        print("everything is kept for ever")
    held = [f"{one.kind} ({one.pending} marks)" for one in outcomes if one.pending]
    if held:
        raise VouchError(f"kept, because analytics has not rolled up all of it yet: {', '.join(held)}")


@app.command("columnstore")
def retention_columnstore(
    after_days: Annotated[int, typer.Option(min=1, help="age at which readings become columns")],
) -> None:
    """Have older readings stored in columns, where TimescaleDB's edition can."""
    from shared.db import retention

    with owner() as connection:
        retention.store_in_columns(connection, after_days)
    print(f"readings older than {after_days} days are stored in columns from now on")
