"""Makes a broker ready: its certificate authority, its own certificate, who may do what, and what our services need."""

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from services.devices.access import ADMIN, DEFAULT_ACCESS, INGEST, Acl, admin_role, ingest_role
from services.devices.authority import Authority, Issued, hosts_of, valid_until
from shared.errors import ConfigError

PASSWORD_PORT: Final = 8883
CERTIFICATE_PORT: Final = 8884
# mosquitto's own number: what is hashed is 32 bytes of chance, which no number of rounds would make harder to guess.
_HASH_ROUNDS: Final = 101
_SALT_BYTES: Final = 12
_SECRET_BYTES: Final = 32
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")


def create(folder: Path, *, hosts: Sequence[str], service_host: str | None, now: datetime) -> None:
    """Fill a new folder: all of it or nothing.

    `hosts` are the names and addresses devices reach the broker by, `service_host` (default: the first of them) the
    one our own services use; the broker's certificate holds for all. Raises ConfigError when the folder exists, even
    if it is empty, or a name is none.
    """
    service_host = service_host or hosts[0]
    _check_hosts([*hosts, service_host])
    if folder.exists():
        raise ConfigError(f"{folder} exists; its keys and accounts are not overwritten")
    folder = folder.absolute()
    try:
        # Until it is complete only its owner can enter it; what an interrupted run leaves stands in nobody's way.
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}") from error
    try:
        _fill(fresh, folder, hosts=hosts, service_host=service_host, now=now)
        # Services of other accounts need ca.crt, whatever the umask; by its name only, and nothing else beside it.
        (fresh / "ca.crt").chmod(0o644)
        fresh.chmod(0o711)
        fresh.rename(folder)
    except BaseException:
        shutil.rmtree(fresh)
        raise


def renew(folder: Path, *, hosts: Sequence[str], now: datetime) -> datetime:
    """Give the broker of the folder a new certificate, for the same names or for `hosts`; until when it is valid.

    The broker takes it at its next SIGHUP or start. Raises ConfigError when the folder is none made by `create`, or
    may not be written.
    """
    _check_hosts(hosts)
    server_files = [folder / "broker" / name for name in ("server.key", "server.crt")]
    try:
        now_shown = server_files[1].read_bytes()
        issued = authority(folder / "authority").for_server(list(hosts) or hosts_of(now_shown), now=now)
        for file, content in zip(server_files, (issued.key, issued.certificate), strict=True):
            _replace(file, content)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from error
    return valid_until(issued.certificate)


def authority(folder: Path) -> Authority:
    """The certificate authority in this folder, `authority/` of one made by `create`; raises ConfigError."""
    try:
        issued = Issued(certificate=(folder / "ca.crt").read_bytes(), key=(folder / "ca.key").read_bytes())
    except OSError as error:
        raise ConfigError(f"VOUCH_MQTT_AUTHORITY: {error.filename}: {error.strerror}") from error
    return Authority.load(issued)


def write_new(file: Path, content: bytes, *, is_secret: bool) -> None:
    """Write a file that does not exist yet; a secret one only its owner can read, from its first byte on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if is_secret else 0o644)
    with os.fdopen(descriptor, "wb") as output:
        output.write(content)


def _check_hosts(hosts: Sequence[str]) -> None:
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ConfigError(f"host: {host!r} is neither a name nor an address")


def _replace(file: Path, content: bytes) -> None:
    # Owner and mode stay: the file may be the broker's own by now.
    was = file.stat()
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    write_new(fresh, content, is_secret=True)
    os.chown(fresh, was.st_uid, was.st_gid)
    fresh.chmod(was.st_mode & 0o777)
    fresh.replace(file)


def _fill(fresh: Path, folder: Path, *, hosts: Sequence[str], service_host: str, now: datetime) -> None:
    made = Authority.create(now=now)
    server = made.for_server(list(dict.fromkeys([*hosts, service_host])), now=now)
    passwords = {name: secrets.token_urlsafe(_SECRET_BYTES) for name in (ADMIN, INGEST)}
    accounts = json.dumps(_dynamic_security(passwords), indent=1).encode()
    for name in ("authority", "broker"):
        (fresh / name).mkdir(mode=0o700)
    for part, content, is_secret in [
        ("ca.crt", made.issued.certificate, False),
        ("authority/ca.crt", made.issued.certificate, False),
        ("authority/ca.key", made.issued.key, True),
        ("broker/ca.crt", made.issued.certificate, False),
        ("broker/server.crt", server.certificate, False),
        ("broker/server.key", server.key, True),
        ("broker/dynamic-security.json", accounts, True),
        ("ingest.env", _ingest_env(folder, service_host, passwords[INGEST]), True),
        ("admin.env", _admin_env(folder, hosts[0], service_host, passwords[ADMIN]), True),
    ]:
        write_new(fresh / part, content, is_secret=is_secret)


def _dynamic_security(passwords: dict[str, str]) -> dict[str, Any]:
    """The first state of the plugin's file; from then on it is the broker's, who writes it on every change."""
    roles: dict[str, list[Acl]] = {ADMIN: admin_role(), INGEST: ingest_role()}
    return {
        "defaultACLAccess": DEFAULT_ACCESS,
        "clients": [_account(name, password) for name, password in passwords.items()],
        "groups": [],
        "roles": [{"rolename": name, "acls": acls} for name, acls in roles.items()],
    }


def _account(name: str, password: str) -> dict[str, Any]:
    salt = os.urandom(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS)
    return {
        "username": name,
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _HASH_ROUNDS,
        "roles": [{"rolename": name}],
    }


def _ingest_env(folder: Path, service_host: str, password: str) -> bytes:
    return _variables(
        VOUCH_MQTT_URL=_url(service_host, PASSWORD_PORT, f"{INGEST}:{password}@"),
        VOUCH_MQTT_CA_FILE=str(folder / "ca.crt"),
    )


def _admin_env(folder: Path, host: str, service_host: str, password: str) -> bytes:
    return _variables(
        VOUCH_MQTT_ADMIN_URL=_url(service_host, PASSWORD_PORT, f"{ADMIN}:{password}@"),
        VOUCH_MQTT_DEVICE_URL=_url(host, PASSWORD_PORT),
        VOUCH_MQTT_CERTIFICATE_URL=_url(host, CERTIFICATE_PORT),
        VOUCH_MQTT_CA_FILE=str(folder / "ca.crt"),
        VOUCH_MQTT_AUTHORITY=str(folder / "authority"),
    )


def _url(host: str, port: int, credential: str = "") -> str:
    return f"mqtts://{credential}{f'[{host}]' if ':' in host else host}:{port}"


def _variables(**values: str) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in values.items()).encode()
