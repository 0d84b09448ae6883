"""`vouch broker`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The broker devices connect to.")


@app.command("init")
def broker_init(
    folder: Annotated[Path, typer.Argument(help="what it fills; must not exist yet")],
    host: Annotated[list[str], typer.Option(help="name or address devices reach the broker by; repeatable")],
    service_host: Annotated[
        str | None, typer.Option(help="the one our own services use, such as mosquitto; default the first host")
    ] = None,
) -> None:
    """Make keys, certificates and accounts for a broker of deploy/mosquitto/mosquitto.conf."""
    from services.devices import broker_folder
    from shared.clock import now_us
    from shared.instant import from_us

    broker_folder.create(folder, hosts=host, service_host=service_host, now=from_us(now_us()))
    print(f"{folder}/broker: for mosquitto, at /mosquitto/vouch, writable")
    print(f"{folder}/ca.crt: for every client, to know the broker by")
    print(f"{folder}/ingest.env: for `vouch ingest`; secret")
    print(f"{folder}/admin.env: for `vouch device`; secret")
    print(f"{folder}/authority: signs certificates of devices; secret, keep a copy, never give it to the broker")


@app.command("renew")
def broker_renew(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="one made by `vouch broker init`")],
    host: Annotated[
        list[str] | None, typer.Option(help="name or address of the broker, its services' one too; default as it was")
    ] = None,
) -> None:
    """Replace the broker's certificate before it expires; devices keep theirs, and the CA file they have."""
    from services.devices import broker_folder
    from shared.clock import now_us
    from shared.instant import from_us

    until = broker_folder.renew(folder, hosts=host or [], now=from_us(now_us()))
    print(f"{folder}/broker/server.crt: valid until {until:%Y-%m-%d}; mosquitto takes it at a SIGHUP or restart")
