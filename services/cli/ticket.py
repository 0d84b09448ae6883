"""`vouch ticket`."""

from typing import Annotated

import typer

from services.cli.owner import File, owner

app = typer.Typer(no_args_is_help=True, help="Tickets of the service desk, for promised response times.")


@app.command("load")
def ticket_load(
    file: File, *, contract: Annotated[str, typer.Option(help="id of the contract in whose words they are named")]
) -> None:
    """Store the rows of a CSV file (id,asset,priority,received,on_site,restored,paused_s); one may come again.

    What was known before stays on record, and what is judged by it is judged again. Refused whole when a row is wrong.
    """
    from services.backtest.assets import Assets
    from services.backtest.table import Faults
    from services.backtest.tickets import TicketReader
    from shared.clock import now_us
    from shared.db import contracts, tickets

    faults = Faults()
    with owner() as connection:
        latest = contracts.latest(connection, contract)
        reader = TicketReader(latest.contract, Assets(latest.contract), None, faults)
        reader.read(file)
        faults.refuse(str(file))
        new = tickets.store(connection, latest.whose(str(file.name)), reader.tickets, now_us())
    for note in reader.notes:
        typer.echo(note, err=True)
    print(f"{len(reader.tickets)} ticket(s), {new} of them new")
