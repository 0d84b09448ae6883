"""`vouch fleet`."""

import typer

from services.cli.owner import File, owner

app = typer.Typer(no_args_is_help=True, help="Fleets (customers, sites, models, assets, sensors): check and load.")


@app.command("check")
def fleet_check(file: File) -> None:
    """List every fault of a fleet file with its place."""
    from shared import declared, fleet

    entries = fleet.parse(declared.read(file), str(file))
    print(f"{len(entries.assets)} asset(s) of {len(entries.customers)} customer(s), no fault")


@app.command("load")
def fleet_load(file: File) -> None:
    """Store the customers, models, assets and sensors a file declares; repeatable, refused whole with a fault."""
    from shared import declared, fleet
    from shared.db import fleet as fleets

    entries = fleet.parse(declared.read(file), str(file))
    with owner() as connection:
        fleets.save(connection, entries, str(file))
    print(f"{len(entries.assets)} asset(s) of {len(entries.customers)} customer(s)")
