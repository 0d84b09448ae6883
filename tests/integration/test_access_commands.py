"""`vouch broker` and `vouch device`: what they leave behind, what they refuse, and that broker and database agree."""

import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from services.devices import credentials
from services.devices.broker_control import BrokerControl
from services.devices.credentials import Kind, Secret
from shared import fleet
from shared.db import devices
from shared.db import fleet as fleets
from shared.db.pool import Connection
from shared.embedded.binaries import Programs
from shared.errors import NotFoundError, UnavailableError, VouchError
from tests.integration import guarded
from tests.integration.guarded import NOT_AUTHORISED, Guarded, Party
from tests.integration.test_access import FLEET, A, B
from tests.waiting import wait_for

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VOUCH = Path(sysconfig.get_path("scripts")) / "vouch"


@pytest.fixture(scope="module")
def house(programs: Programs, server_folder: Path) -> Iterator[Guarded]:
    """The shipped broker, running."""
    with guarded.running(programs, server_folder / "guarded-commands") as running:
        yield running


@pytest.fixture(scope="module")
def control(house: Guarded) -> Iterator[BrokerControl]:
    """Its administrator."""
    with BrokerControl(f"{house.env['VOUCH_MQTT_ADMIN_URL']}?ca_file={house.ca_file}") as connected:
        yield connected


@pytest.fixture
def owner(connection: Connection, control: BrokerControl) -> Connection:
    """The tables, with two machines of two customers and no credentials; nor has the broker any of an earlier test."""
    fleets.save(connection, fleet.parse(FLEET, "test"))
    credentials.sync(connection, control)
    return connection


Vouch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def vouch(owner: Connection, database_url: str, house: Guarded, tmp_path: Path) -> Vouch:
    """Runs `vouch` on the test's database, as administrator of the broker."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": "/usr/bin:/bin", "VOUCH_DATABASE_URL": database_url, **house.env}
        return subprocess.run(
            [VOUCH, *arguments], capture_output=True, text=True, timeout=60, check=False, env=environ, cwd=tmp_path
        )

    return run


def nothing(_: Secret) -> None:
    pass


def add(owner: Connection, control: BrokerControl, path: str, kind: Kind = Kind.PASSWORD) -> Secret:
    return credentials.add(owner, control, path=path, name=None, kind=kind, at=NOW, prepare=nothing)


def said(output: str, what: str) -> str:
    return re.search(rf"^{what} +(.+)$", output, re.MULTILINE).group(1)  # pyright: ignore[reportOptionalMemberAccess]


def test_a_password_lives_from_add_over_rotate_to_revoke(vouch: Vouch, house: Guarded) -> None:
    added = vouch("device", "add", A)
    assert added.returncode == 0, added.stderr
    name, first = said(added.stdout, "username"), said(added.stdout, "password")
    assert (name, said(added.stdout, "may send"), said(added.stdout, "may read")) == (
        "lechtal.kempten.c1",
        f"vouch/v1/{A}/#",
        "nothing",
    )
    with Party(house, name, first) as device:
        assert device.publish(f"vouch/v1/{A}/telemetry") in {0, 0x10}
    example = shlex.split(re.search(r"^mosquitto_pub .+$", added.stdout, re.MULTILINE)[0])  # pyright: ignore[reportOptionalSubscript]
    assert example[example.index("-t") + 1] == f"vouch/v1/{A}/telemetry"
    sample = json.loads(example[example.index("-m") + 1])
    assert list(sample["values"]) == ["power_kw"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(sample["ts"])) < timedelta(minutes=5)
    assert "-P shows the password to other accounts" in added.stdout
    second = said(vouch("device", "rotate", name).stdout, "password")
    assert second != first
    with Party(house, name, first) as device:
        assert device.is_refused
    with Party(house, name, second) as device:
        assert not device.is_refused
    listed = vouch("device", "list").stdout
    assert re.search(rf"^{name} +{A} +password +2\S+ +2\S+ +-$", listed, re.MULTILINE), listed
    assert vouch("device", "revoke", name).returncode == 0
    with Party(house, name, second) as device:
        assert device.is_refused
    assert name not in vouch("device", "list").stdout
    listed = vouch("device", "list", "--revoked").stdout
    assert name in listed
    assert first not in listed
    assert second not in listed


@pytest.mark.parametrize("keep_alive_s", [0, 301])
def test_a_keep_alive_mqtt_3_1_1_cannot_be_told_to_shorten_is_refused(
    owner: Connection, control: BrokerControl, house: Guarded, keep_alive_s: int
) -> None:
    secret = add(owner, control, A)
    for protocol, is_taken in ((MQTTProtocolVersion.MQTTv311, False), (MQTTProtocolVersion.MQTTv5, True)):
        with Party(house, secret.username, secret.password, protocol=protocol, keep_alive_s=keep_alive_s) as device:
            assert device.connack is not None
            assert (str(device.connack) == "Success") is is_taken
            assert is_taken or str(device.connack) == "Client identifier not valid"
    with Party(house, secret.username, secret.password, protocol=MQTTProtocolVersion.MQTTv311) as device:
        assert str(device.connack) == "Success"


def test_a_certificate_is_written_where_it_is_wanted_and_works(vouch: Vouch, house: Guarded, tmp_path: Path) -> None:
    added = vouch("device", "add", A, "--name", "gateway", "--certificate", "c1")
    assert added.returncode == 0, added.stderr
    assert "password" not in added.stdout
    assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("c1.*")} == {
        "c1.crt": 0o644,
        "c1.key": 0o600,
        "c1.ca.crt": 0o644,
    }
    assert (tmp_path / "c1.ca.crt").read_bytes() == house.ca_file.read_bytes()
    with Party(house, None, certificate=tmp_path / "c1.crt") as device:
        assert device.publish(f"vouch/v1/{A}/telemetry") in {0, 0x10}
        assert device.publish(f"vouch/v1/{B}/telemetry") == NOT_AUTHORISED
    again = vouch("device", "rotate", "lechtal.kempten.c1.gateway", "--certificate", "c1")
    assert again.returncode == 2
    assert "certificate: c1.crt: File exists" in again.stderr
    with Party(house, None, certificate=tmp_path / "c1.crt") as device:
        assert device.publish(f"vouch/v1/{A}/telemetry") in {0, 0x10}


def test_a_command_that_cannot_be_done_says_why(vouch: Vouch) -> None:
    for command, reason in {
        "add lechtal/kempten/c9": "asset: lechtal/kempten/c9: there is no such asset",
        "add lechtal/kempten/+": "asset: '+' is not a name of small letters",
        "revoke nobody": "nobody: no credential in force has this name",
    }.items():
        refused = vouch("device", *command.split())
        assert (refused.returncode, refused.stdout) == (2, "")
        assert reason in refused.stderr


def test_what_is_refused_leaves_neither_row_nor_account(
    owner: Connection, control: BrokerControl, house: Guarded
) -> None:
    before = house.account_names()
    with pytest.raises(NotFoundError):
        add(owner, control, "lechtal/kempten/c9")

    def refuse(_: Secret) -> None:
        raise VouchError("no")

    with pytest.raises(VouchError, match="no"):
        credentials.add(owner, control, path=A, name=None, kind=Kind.PASSWORD, at=NOW, prepare=refuse)
    username, password = house.ingest
    address = f"mqtts://{username}:{password}@127.0.0.1:{house.password_port}?ca_file={house.ca_file}"
    with pytest.raises(UnavailableError, match="is not the broker's administrator"), BrokerControl(address):
        pass
    assert house.account_names() == before
    assert devices.every(owner, with_revoked=True) == []


def test_a_second_credential_needs_a_name(owner: Connection, control: BrokerControl) -> None:
    first = add(owner, control, A)
    with pytest.raises(VouchError, match=r"name: lechtal.kempten.c1 has a credential already"):
        add(owner, control, A)
    credentials.add(owner, control, path=A, name="second", kind=Kind.PASSWORD, at=NOW, prepare=nothing)
    assert [device.name for device in devices.every(owner, with_revoked=False)] == [first.name, f"{first.name}.second"]


def test_an_account_whose_row_was_not_committed_is_replaced_by_the_same_command(
    owner: Connection, control: BrokerControl, house: Guarded
) -> None:
    owner.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'away'; END $$;"
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON device DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(psycopg.errors.RaiseException, match="away"):
        add(owner, control, A)
    assert "lechtal.kempten.c1" in house.account_names()
    owner.execute("DROP TRIGGER refuse ON device")
    secret = add(owner, control, A)
    with Party(house, secret.username, secret.password) as device:
        assert not device.is_refused


def test_sync_makes_the_broker_agree_and_leaves_other_accounts_alone(
    owner: Connection, control: BrokerControl, house: Guarded, tmp_path: Path
) -> None:
    kept, certified = add(owner, control, A), add(owner, control, B, Kind.CERTIFICATE)
    assert credentials.sync(owner, control) == credentials.Synced(removed=[], corrected=[], restored=[], lost=[])
    stranger = {"username": "stranger", "textname": "device:stranger", "roles": [{"rolename": f"device:{kept.name}"}]}
    wider = {"acltype": "publishClientSend", "topic": "#", "allow": True, "priority": 0}
    control.execute(
        [
            {"command": "createClient", "password": "x", **stranger},
            {"command": "createClient", "username": "by-hand", "password": "x"},
            {"command": "addRoleACL", "rolename": f"device:{kept.name}", **wider},
            {"command": "deleteClient", "username": certified.username},
            {"command": "modifyRole", "rolename": "vouch-ingest", "acls": []},
        ]
    )
    found = credentials.sync(owner, control)
    assert (found.removed, found.corrected, found.restored, found.lost) == (
        ["stranger"],
        [kept.name, "vouch-ingest"],
        [certified.name],
        [],
    )
    assert house.account_names() == {"vouch-admin", "vouch-ingest", "by-hand", kept.username, certified.username}
    with Party(house, kept.username, kept.password) as device:
        assert device.publish(f"vouch/v1/{B}/telemetry") == NOT_AUTHORISED
        assert device.publish(f"vouch/v1/{A}/telemetry") in {0, 0x10}
    control.execute([{"command": "deleteClient", "username": name} for name in (kept.username, "by-hand")])
    assert credentials.sync(owner, control).lost == [kept.name]
    assert credentials.sync(owner, control).lost == [kept.name]


def test_a_broker_is_made_ready_once_and_its_secrets_are_its_owners_only(tmp_path: Path) -> None:
    command = [VOUCH, "broker", "init", "house", "--host", "broker.example.org", "--service-host", "mosquitto"]
    environ = {"PATH": os.environ["PATH"]}
    made = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environ, cwd=tmp_path, umask=0o027
    )
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "house"
    # Another account reaches ca.crt by its name, lists nothing and enters nothing below.
    assert (folder.stat().st_mode & 0o777, (folder / "ca.crt").stat().st_mode & 0o777) == (0o711, 0o644)
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_dir()} == {
        "authority": 0o700,
        "broker": 0o700,
    }
    modes = {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert {name for name, mode in modes.items() if mode & 0o077} == {
        "ca.crt",
        "authority/ca.crt",
        "broker/ca.crt",
        "broker/server.crt",
    }
    password = re.search(r"vouch-ingest:([^@]+)@mosquitto:8883", (folder / "ingest.env").read_text())
    assert password
    assert password.group(1) not in made.stdout + (folder / "broker/dynamic-security.json").read_text()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ, cwd=tmp_path)
    assert again.returncode == 2
    assert "house exists; its keys and accounts are not overwritten" in again.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_renewed_certificate_is_shown_after_a_sighup_and_trusted_as_before(house: Guarded) -> None:
    def shown() -> bytes | None:
        context = ssl.create_default_context(cafile=house.ca_file)
        with (
            socket.create_connection(("127.0.0.1", house.password_port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as wrapped,
        ):
            return wrapped.getpeercert(binary_form=True)

    before = shown()
    # `renew` expects the broker's files where `init` made them.
    (house.made / "broker").symlink_to(house.accounts.parent)
    command = [VOUCH, "broker", "renew", house.made]
    renewed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/usr/bin"})
    assert renewed.returncode == 0, renewed.stderr
    key = (house.accounts.parent / "server.key").stat()
    assert (key.st_mode & 0o777, key.st_uid) == (0o600, house.accounts.stat().st_uid)
    assert shown() == before
    os.kill(house.pid, signal.SIGHUP)
    wait_for(lambda: shown() != before, what="the new certificate")
