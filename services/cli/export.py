"""`vouch export`."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.owner import owner

app = typer.Typer()

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _instant(text: str) -> datetime:
    try:
        if _RFC3339.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        pass
    raise typer.BadParameter(f"{text!r} is not an RFC 3339 time with offset, like 2026-03-01T00:00:00Z")


@app.command("export")
def export(
    asset: Annotated[list[str], typer.Argument(help="machines, as customer/site/asset")],
    out: Annotated[Path, typer.Option(help="file to write: .csv, .csv.gz or .parquet")],
    *,
    sensor: Annotated[list[str] | None, typer.Option(help="sensor; repeatable; default all")] = None,
    start: Annotated[
        datetime | None, typer.Option("--from", parser=_instant, metavar="TIME", help="first instant; default: all")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", parser=_instant, metavar="TIME", help="first instant after the window")
    ] = None,
    events: Annotated[bool, typer.Option("--events", help="events instead of readings")] = False,
    mapping: Annotated[
        bool, typer.Option("--mapping", help="write FILE.mapping.yaml too, with which `vouch backfill` reads FILE")
    ] = False,
) -> None:
    """Write readings, or events, of machines to a file; it is there when it is complete."""
    from services.export import Order, run
    from shared.db.export import Window

    order = Order(
        assets=list(dict.fromkeys(asset)),
        sensors=sensor or None,
        window=Window(start=start, end=end),
        out=out,
        is_events=events,
        has_mapping=mapping,
    )
    with owner() as connection:
        print(run(connection, order))
