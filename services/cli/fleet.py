"""`vouch fleet`."""

import typer

from services.cli.owner import File, owner

app = typer.Typer(no_args_is_help=True, help="Fleets: customers, sites, models, assets, sensors.")


@app.command("load")
def fleet_load(file: File) -> None:
    """Store the customers, models, assets and sensors a file declares; repeatable."""
    from shared import declared, fleet
    from shared.db import fleet as fleets

    entries = fleet.parse(declared.read(file), str(file))
    with owner() as connection:
        fleets.save(connection, entries)
    print(f"{len(entries.assets)} asset(s) of {len(entries.customers)} customer(s)")
