"""Credentials of devices, without their secrets: who has one, since when, until when."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.db.named import load
from shared.db.pool import Connection
from shared.errors import NotFoundError, VouchError

_SQL: Final = load("devices")


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A credential; `path` is its asset's `customer/site/asset`, `username` whom the broker takes it for.

    `sparkplug_node` is the group and the name of the edge node the asset is, if it is one; `sensor` is the asset's
    first sensor, if it has any.
    """

    name: str
    path: str
    username: str
    kind: str
    created_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None
    sparkplug_node: tuple[str, str] | None
    sensor: str | None


@contextmanager
def changing(connection: Connection) -> Iterator[None]:
    """A transaction in which nobody else changes credentials: the broker must be told in the order of the rows."""
    with connection.transaction():
        connection.execute(_SQL["begin_change"])
        yield


def add(connection: Connection, *, path: str, name: str, username: str, kind: str, at: datetime) -> Device:
    """Raises NotFoundError when there is no such asset, VouchError when a credential in force has the name."""
    customer, site, asset = path.split("/")
    place = {"customer": customer, "site": site, "asset": asset}
    found = connection.execute(_SQL["asset_by_path"], place).fetchone()
    if found is None:
        raise NotFoundError(f"asset: {path}: there is no such asset")
    known = {"asset_id": found[0], "customer_id": found[1], "name": name}
    row = known | {"username": username, "kind": kind, "at": at}
    if not connection.execute(_SQL["insert"], row).rowcount:
        raise VouchError(f"name: {name} has a credential already: rotate or revoke it, or give this one another name")
    return one(connection, name)


def one(connection: Connection, name: str) -> Device:
    """The credential in force of this name; or NotFoundError."""
    rows = connection.execute(_SQL["all"], {"name": name, "with_revoked": False}).fetchall()
    if not rows:
        raise NotFoundError(f"{name}: no credential in force has this name")
    return _device(rows[0])


def every(connection: Connection, *, with_revoked: bool) -> list[Device]:
    """All credentials in force (that ever were), by name."""
    return [_device(row) for row in connection.execute(_SQL["all"], {"name": None, "with_revoked": with_revoked})]


def rotate(connection: Connection, *, name: str, username: str, at: datetime) -> None:
    """Note that the credential has a new secret and this username."""
    connection.execute(_SQL["rotate"], {"name": name, "username": username, "at": at})


def revoke(connection: Connection, *, name: str, at: datetime) -> None:
    """End the credential; its name is free again."""
    connection.execute(_SQL["revoke"], {"name": name, "at": at})


def _device(row: tuple) -> Device:
    name, path, username, kind, created_at, rotated_at, revoked_at, group, node, sensor = row
    return Device(
        name=name,
        path=path,
        username=username,
        kind=kind,
        created_at=created_at,
        rotated_at=rotated_at,
        revoked_at=revoked_at,
        sparkplug_node=None if node is None else (group, node),
        sensor=sensor,
    )
