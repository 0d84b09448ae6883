"""Credentials of devices, in the database and at the broker alike.

Every change is made in one order: row (locked, not yet committed), broker, COMMIT, and only then is the secret told. A
broker that refuses leaves no row. A COMMIT that fails leaves at the broker a secret that nobody knows; the same
command again, or `sync`, removes it: at the broker a credential is always replaced as a whole.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.devices.access import DEVICE_ROLE, INGEST, Acl, device_name, device_role, ingest_role
from services.devices.broker_control import BrokerControl, Command
from shared.db import devices
from shared.db.devices import Device
from shared.db.pool import Connection

# 32 bytes of chance: no number of hash rounds would make guessing it any harder.
_SECRET_BYTES: Final = 32
_IDENTITY_BYTES: Final = 16
_NOT_THERE: Final = frozenset({"Client not found", "Role not found"})


class Kind(StrEnum):
    """How a device shows who it is."""

    PASSWORD = "password"  # noqa: S105
    CERTIFICATE = "certificate"


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """What a device is told, once. `password` None: it shows a certificate for `username`.

    `sensor` is one it may report, if its machine has any.
    """

    name: str
    path: str
    username: str
    password: str | None = field(repr=False)
    acls: tuple[Acl, ...]
    sensor: str | None

    def topics(self, acltype: str) -> list[str]:
        """The topics of one kind of permission."""
        return [acl["topic"] for acl in self.acls if acl["acltype"] == acltype]


@dataclass(frozen=True, kw_only=True, slots=True)
class Synced:
    """What `sync` found: usernames for `removed`, names of credentials for the others.

    `removed`: at the broker, in nobody's name; `corrected`: with other permissions than they should have; `restored`:
    certificates the broker did not know; `lost`: passwords it does not know, which only a rotation can replace.
    """

    removed: list[str]
    corrected: list[str]
    restored: list[str]
    lost: list[str]


Prepare = Callable[[Secret], object]


def add(
    connection: Connection, broker: BrokerControl, *, path: str, name: str | None, kind: Kind, at: datetime,
    prepare: Prepare,
) -> Secret:  # fmt: skip
    """Give the asset `customer/site/asset` a credential; `prepare` sees it first and may still refuse.

    Raises VouchError (no slugs, a credential of that name in force), NotFoundError, UnavailableError.
    """
    full_name = device_name(path, name)
    username = _username(full_name, kind)
    with devices.changing(connection):
        device = devices.add(connection, path=path, name=full_name, username=username, kind=kind, at=at)
        secret = _new_secret(device, username)
        prepare(secret)
        broker.execute(_grant(secret, former=None), tolerated=_NOT_THERE)
    return secret


def rotate(connection: Connection, broker: BrokerControl, *, name: str, at: datetime, prepare: Prepare) -> Secret:
    """Give the credential a new secret; the old one ends, and who is connected with it is disconnected."""
    with devices.changing(connection):
        device = devices.one(connection, name)
        secret = _new_secret(device, _username(name, Kind(device.kind)))
        devices.rotate(connection, name=name, username=secret.username, at=at)
        prepare(secret)
        broker.execute(_grant(secret, former=device.username), tolerated=_NOT_THERE)
    return secret


def revoke(connection: Connection, broker: BrokerControl, *, name: str, at: datetime) -> Device:
    """End the credential; who is connected with it is disconnected."""
    with devices.changing(connection):
        device = devices.one(connection, name)
        devices.revoke(connection, name=name, at=at)
        broker.execute([_delete_client(device.username), _delete_role(name)], tolerated=_NOT_THERE)
    return device


def sync(connection: Connection, broker: BrokerControl) -> Synced:
    """Make the broker agree with the database; accounts made by hand are left alone."""
    with devices.changing(connection):
        known = devices.every(connection, with_revoked=False)
        clients, (roles, service_role) = _clients_at(broker), _roles_at(broker)
        removed = sorted(clients.keys() - {device.username for device in known})
        obsolete = sorted(roles.keys() - {device.name for device in known})
        commands = [_delete_client(username) for username in removed] + [_delete_role(name) for name in obsolete]
        found: dict[str, list[str]] = {"corrected": [], "restored": [], "lost": []}
        for device in known:
            what, needed = _repair(device, clients.get(device.username), roles.get(device.name))
            if what:
                found[what].append(device.name)
            commands += needed
        # A later release may need other topics than the one that made the broker ready.
        if _allowed(service_role) != _allowed(ingest_role()):
            found["corrected"].append(INGEST)
            commands.append({"command": "modifyRole", "rolename": INGEST, "acls": ingest_role()})
        if commands:
            broker.execute(commands, tolerated=_NOT_THERE)
    return Synced(removed=removed, **found)


def _repair(device: Device, granted: list[str] | None, role: list[Acl] | None) -> tuple[str | None, list[Command]]:
    acls = _acls(device)
    if granted is None or (role is None and device.kind == Kind.CERTIFICATE):
        if device.kind == Kind.PASSWORD:
            return "lost", []
        return "restored", _grant(_secret(device, device.username, None), former=None)
    name = DEVICE_ROLE + device.name
    if granted == [name] and role is not None and _allowed(role) == _allowed(acls):
        return None, []
    make: Command = {"command": "createRole" if role is None else "modifyRole", "rolename": name, "acls": acls}
    return "corrected", [make, {"command": "modifyClient", "username": device.username, "roles": [{"rolename": name}]}]


def _acls(device: Device) -> list[Acl]:
    return device_role(device.path, device.sparkplug_node)


def _username(name: str, kind: Kind) -> str:
    # The broker cannot tell two certificates of one name apart, so each has a name of its own; it also fits into the
    # 64 characters of a common name.
    return name if kind is Kind.PASSWORD else secrets.token_hex(_IDENTITY_BYTES)


def _new_secret(device: Device, username: str) -> Secret:
    is_password = device.kind == Kind.PASSWORD
    return _secret(device, username, secrets.token_urlsafe(_SECRET_BYTES) if is_password else None)


def _secret(device: Device, username: str, password: str | None) -> Secret:
    return Secret(
        name=device.name,
        path=device.path,
        username=username,
        password=password,
        acls=tuple(_acls(device)),
        sensor=device.sensor,
    )


def _grant(secret: Secret, *, former: str | None) -> list[Command]:
    role = DEVICE_ROLE + secret.name
    client: Command = {
        "command": "createClient",
        "username": secret.username,
        # With a client id of its choice it could take over, and so end, the session of ingest or of another device.
        "clientid": secret.username,
        "textname": role,
        "roles": [{"rolename": role}],
    }
    if secret.password is not None:
        client["password"] = secret.password
    return [
        *(_delete_client(username) for username in dict.fromkeys(filter(None, (former, secret.username)))),
        _delete_role(secret.name),
        {"command": "createRole", "rolename": role, "acls": list(secret.acls)},
        client,
    ]


def _delete_client(username: str) -> Command:
    return {"command": "deleteClient", "username": username}


def _delete_role(name: str) -> Command:
    return {"command": "deleteRole", "rolename": DEVICE_ROLE + name}


def _clients_at(broker: BrokerControl) -> dict[str, list[str]]:
    """Roles of the devices' accounts at the broker, by username."""
    [answer] = broker.execute([{"command": "listClients", "verbose": True, "count": -1, "offset": 0}])
    return {
        client["username"]: [role["rolename"] for role in client.get("roles", [])]
        for client in answer["data"]["clients"]
        if client.get("textname", "").startswith(DEVICE_ROLE)
    }


def _roles_at(broker: BrokerControl) -> tuple[dict[str, list[Acl]], list[Acl]]:
    """Permissions at the broker: of the devices' roles, by name of the credential, and of ingest."""
    [answer] = broker.execute([{"command": "listRoles", "verbose": True, "count": -1, "offset": 0}])
    roles = {role["rolename"]: role.get("acls", []) for role in answer["data"]["roles"]}
    of_devices = {name.removeprefix(DEVICE_ROLE): roles[name] for name in roles if name.startswith(DEVICE_ROLE)}
    return of_devices, roles.get(INGEST, [])


def _allowed(acls: list[Acl]) -> set[tuple[str, str, bool]]:
    return {(acl["acltype"], acl["topic"], acl["allow"]) for acl in acls}
