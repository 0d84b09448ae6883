"""What runs until it is stopped, and the schema it runs on."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.owner import File, check_schema

app = typer.Typer()


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
    check_schema(settings.database_url)
    run(settings)


@app.command()
def analytics() -> None:
    """Rows to judgements to alerts, until stopped."""
    from services.analytics.main import run
    from shared.settings import AnalyticsSettings

    settings = AnalyticsSettings.load()
    check_schema(settings.database_url)
    run(settings)


@app.command()
def api() -> None:
    """The HTTP API and its pages, until stopped."""
    from services.api.main import run
    from shared.settings import ApiSettings

    settings = ApiSettings.load()
    check_schema(settings.url)
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
    mapping: File,
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="folder the mapping's files lie below")],
    speed: Annotated[float, typer.Option(min=0, help="times real time; 0 = as fast as the broker takes it")] = 0,
) -> None:
    """Publish recorded files over MQTT, as the devices would have."""
    from services.devices.replay import run
    from shared.settings import DeviceSettings

    run(mapping, data=data, mqtt_url=DeviceSettings.load().mqtt_url, speed=speed)
