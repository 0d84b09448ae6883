"""The one command, `vouch`. A service is imported inside its sub-command only, so that each starts alone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shared.errors import VouchError

if TYPE_CHECKING:
    from shared.db.pool import Connection

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold URLs with passwords
    help="Value in use of machines, against the contract.",
)
contract_app = typer.Typer(no_args_is_help=True, help="Contracts: check and load.")
fleet_app = typer.Typer(no_args_is_help=True, help="Fleets: customers, sites, models, assets, sensors.")
key_app = typer.Typer(no_args_is_help=True, help="API keys.")
app.add_typer(contract_app, name="contract")
app.add_typer(fleet_app, name="fleet")
app.add_typer(key_app, name="key")

_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


def main() -> None:
    """Entry point: a VouchError is one message on standard error and exit code 2, never a traceback."""
    try:
        app()
    except VouchError as error:
        Console(stderr=True).print(f"[bold red]vouch:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)


def _check_schema(database_url: str) -> None:
    """Refuse to start a service on another schema; a database that is away is waited for by the service itself."""
    from shared.db import migrate as migrations
    from shared.db.pool import connect
    from shared.errors import UnavailableError

    try:
        with connect(database_url) as connection:
            migrations.require(connection)
    except UnavailableError:
        return


@contextmanager
def _owner() -> Iterator["Connection"]:
    """A connection to tables of this version."""
    from shared.db import migrate as migrations
    from shared.db.pool import connect
    from shared.settings import OwnerSettings

    with connect(OwnerSettings.load().database_url) as connection:
        migrations.require(connection)
        yield connection


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    from shared.db import migrate as migrations
    from shared.db.pool import connect
    from shared.settings import OwnerSettings

    with connect(OwnerSettings.load().database_url) as connection:
        applied = migrations.run(connection)
    print("\n".join(f"applied {name}" for name in applied) or "up to date")


@app.command()
def ingest() -> None:
    """MQTT to rows, until stopped."""
    from services.ingest.main import run
    from shared.settings import IngestSettings

    settings = IngestSettings.load()
    _check_schema(settings.database_url)
    run(settings)


@app.command()
def analytics() -> None:
    """Rows to judgements to alerts, until stopped."""
    from services.analytics.main import run
    from shared.settings import AnalyticsSettings

    settings = AnalyticsSettings.load()
    _check_schema(settings.database_url)
    run(settings)


@app.command()
def api() -> None:
    """The HTTP API and its pages, until stopped."""
    from services.api.main import run
    from shared.settings import ApiSettings

    settings = ApiSettings.load()
    _check_schema(settings.url)
    run(settings)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="where the demo keeps its data")] = Path(".demo"),
    days: Annotated[int, typer.Option(min=1, max=400, help="days of history")] = 90,
    port: Annotated[int, typer.Option(min=0, max=65535, help="port of the page; 0 = any free one")] = 8000,
) -> None:
    """Start everything on this machine with a simulated fleet, until Ctrl-C."""
    from services.demo import run

    run(folder=folder, days=days, port=port)


@app.command()
def replay(
    mapping: _File,
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="folder the mapping's files lie below")],
    speed: Annotated[float, typer.Option(min=0, help="times real time; 0 = as fast as the broker takes it")] = 0,
) -> None:
    """Publish recorded files over MQTT, as the devices would have."""
    from services.devices.replay import run
    from shared.settings import DeviceSettings

    run(mapping, data=data, mqtt_url=DeviceSettings.load().mqtt_url, speed=speed)


@fleet_app.command("load")
def fleet_load(file: _File) -> None:
    """Store the customers, models, assets and sensors a file declares; repeatable."""
    from shared import declared, fleet
    from shared.db import fleet as fleets

    entries = fleet.parse(declared.read(file), str(file))
    with _owner() as connection:
        fleets.save(connection, entries)
    print(f"{len(entries.assets)} asset(s) of {len(entries.customers)} customer(s)")


@contract_app.command("check")
def contract_check(file: _File) -> None:
    """List every fault of a contract file with its place."""
    from shared import declared
    from shared.contracts import spec

    contract = spec.parse(declared.read(file), str(file))
    print(f"{contract.id} version {contract.version}: {len(contract.guarantees)} guarantee(s), no fault")


@contract_app.command("load")
def contract_load(file: _File) -> None:
    """Store a contract version; refused whole when it has a fault."""
    from shared import declared
    from shared.clock import now_us
    from shared.contracts import spec
    from shared.db import contracts

    contract = spec.parse(declared.read(file), str(file))
    with _owner() as connection:
        stored = contracts.store(connection, contract, now_us())
    print(f"{contract.id} version {contract.version}: {'stored' if stored else 'already stored'}")


@key_app.command("create")
def key_create(
    name: Annotated[str, typer.Option(help="who the key is for")],
    role: Annotated[str, typer.Option(help="admin, service_engineer, account_manager or customer")],
    customer: Annotated[list[str] | None, typer.Option(help="customer they may see; repeatable; default all")] = None,
) -> None:
    """Create a principal's API key and print it, once."""
    from shared.clock import now_us
    from shared.db import principals

    with _owner() as connection:
        print(principals.create_key(connection, name=name, role=role, customers=customer or [], now_us=now_us()))


@key_app.command("revoke")
def key_revoke(prefix: Annotated[str, typer.Argument(help="the key's second part: vouch_PREFIX_...")]) -> None:
    """End a key; whoever uses it is refused from the next request on."""
    from shared.clock import now_us
    from shared.db import principals
    from shared.errors import NotFoundError

    with _owner() as connection:
        # Whoever pastes the whole key means it.
        prefix = prefix.removeprefix("vouch_").partition("_")[0]
        if not principals.revoke_key(connection, prefix, now_us()):
            raise NotFoundError(f"{prefix}: no key in force has this prefix")
    print(f"{prefix}: revoked")
