"""`vouch quantity`."""

from typing import Annotated

import typer

from services.cli.owner import File, owner

app = typer.Typer(no_args_is_help=True, help="Measured amounts that no sensor reports: energy, pieces, planned hours.")


@app.command("load")
def quantity_load(
    file: File, *, contract: Annotated[str, typer.Option(help="id of the contract in whose words they are named")]
) -> None:
    """Store the rows of a CSV file (asset,name,start,end,value,unit); a stretch that comes again replaces what it said.

    What it said before stays on record, and what is judged by it is judged again. Refused whole when a row is wrong.
    """
    from services.backtest.amounts import QuantityReader
    from services.backtest.assets import Assets
    from services.backtest.table import Faults
    from shared.clock import now_us
    from shared.db import contracts, quantities

    faults = Faults()
    with owner() as connection:
        latest = contracts.latest(connection, contract)
        reader = QuantityReader(latest.contract, Assets(latest.contract), None, faults)
        reader.read(file)
        faults.refuse(str(file))
        new = quantities.store(connection, latest.whose(str(file.name)), reader.quantities, now_us())
    for note in reader.notes:
        typer.echo(note, err=True)
    print(f"{len(reader.quantities)} row(s), {new} of them new")
