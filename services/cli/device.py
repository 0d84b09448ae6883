"""`vouch device`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.owner import owner

if TYPE_CHECKING:
    from services.devices.broker_control import BrokerControl
    from shared.db.pool import Connection
    from shared.settings import AccessSettings

app = typer.Typer(no_args_is_help=True, help="Credentials of devices.")

Name = Annotated[str, typer.Argument(help="as `vouch device list` shows it: CUSTOMER.SITE.ASSET[.NAME]")]
Certificate = Annotated[
    Path | None,
    typer.Option(metavar="PREFIX", help="a client certificate, in PREFIX.crt, PREFIX.key and PREFIX.ca.crt"),
]


@app.command("add")
def device_add(
    asset: Annotated[str, typer.Argument(metavar="CUSTOMER/SITE/ASSET", help="whose readings it may send")],
    name: Annotated[str | None, typer.Option(help="tells several devices of one asset apart")] = None,
    certificate: Certificate = None,
) -> None:
    """Give a device of an asset a credential and print, once, what to put on the device."""
    from services.devices import credentials, handover

    kind = credentials.Kind.PASSWORD if certificate is None else credentials.Kind.CERTIFICATE
    now = _now()
    with _both() as (settings, connection, broker):
        with handover.to_device(settings, certificate, now=now) as prepare:
            secret = credentials.add(connection, broker, path=asset, name=name, kind=kind, at=now, prepare=prepare)
        print(handover.instructions(secret, settings, certificate, now=now))


@app.command("list")
def device_list(
    revoked: Annotated[bool, typer.Option("--revoked", help="also those that are revoked")] = False,
) -> None:
    """Who has a credential; never the credentials."""
    from shared.db import devices

    with owner() as connection:
        found = devices.every(connection, with_revoked=revoked)
    rows: list[tuple[str, ...]] = [("name", "asset", "kind", "created", "rotated", "revoked")]
    for device in found:
        times = (device.created_at, device.rotated_at, device.revoked_at)
        said = (at.isoformat(timespec="seconds") if at else "-" for at in times)
        rows.append((device.name, device.path, device.kind, *said))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command("rotate")
def device_rotate(name: Name, certificate: Certificate = None) -> None:
    """Replace the secret of a credential: the old one is refused from now on."""
    from services.devices import credentials, handover

    now = _now()
    with _both() as (settings, connection, broker):
        with handover.to_device(settings, certificate, now=now) as prepare:
            secret = credentials.rotate(connection, broker, name=name, at=now, prepare=prepare)
        print(handover.instructions(secret, settings, certificate, now=now))


@app.command("revoke")
def device_revoke(name: Name) -> None:
    """End a credential; whoever is connected with it is disconnected."""
    from services.devices import credentials

    with _both() as (_, connection, broker):
        credentials.revoke(connection, broker, name=name, at=_now())
    print(f"{name}: revoked")


@app.command("sync")
def device_sync() -> None:
    """Make the broker agree with the database, after a backup of either was restored or the fleet has changed."""
    from services.devices import credentials

    with _both() as (_, connection, broker):
        found = credentials.sync(connection, broker)
    lines = [f"{name}: removed from the broker, nobody's credential" for name in found.removed]
    lines += [f"{name}: permissions corrected" for name in found.corrected]
    lines += [f"{name}: restored at the broker" for name in found.restored]
    lines += [f"{name}: the broker has lost its password: vouch device rotate {name}" for name in found.lost]
    print("\n".join(lines) or "the broker agrees with the database")
    if found.lost:
        raise typer.Exit(1)


@contextmanager
def _both() -> "Iterator[tuple[AccessSettings, Connection, BrokerControl]]":
    from services.devices.broker_control import BrokerControl
    from shared.settings import AccessSettings

    settings = AccessSettings.load()
    with owner() as connection, BrokerControl(settings.mqtt_admin_url) as broker:
        yield settings, connection, broker


def _now() -> datetime:
    from shared.clock import now_us
    from shared.instant import from_us

    return from_us(now_us())
