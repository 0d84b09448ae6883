"""Identity and access at the broker as shipped: a device speaks for its own asset only and hears nothing."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from services.devices import credentials
from services.devices.broker_control import BrokerControl
from services.devices.credentials import Kind, Secret
from services.devices.publisher import Publisher
from shared import fleet
from shared.clock import now_us
from shared.db import fleet as fleets
from shared.db.pool import Connection
from shared.embedded.binaries import Programs
from shared.errors import UnavailableError
from shared.instant import from_us
from tests.integration import guarded
from tests.integration.guarded import NOT_AUTHORISED, Guarded, Party
from tests.waiting import wait_for

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FLEET = """
customers: [{slug: lechtal, name: Lechtal Foods}, {slug: alba, name: Alba}]
sites: [{customer: lechtal, slug: kempten, name: Kempten}, {customer: alba, slug: cuneo, name: Cuneo}]
models:
  - slug: compressor
    name: Compressor
    telemetry_hold_s: 300
    sensors: [{name: power_kw, unit: kW}]
assets:
  - {customer: lechtal, site: kempten, slug: c1, name: Compressor 1, model: compressor}
  - {customer: alba, site: cuneo, slug: c1, name: Compressor 1, model: compressor}
"""
A, B = "lechtal/kempten/c1", "alba/cuneo/c1"


@pytest.fixture(scope="module")
def house(programs: Programs, server_folder: Path) -> Iterator[Guarded]:
    """The shipped broker, running."""
    with guarded.running(programs, server_folder / "guarded") as running:
        yield running


@pytest.fixture(scope="module")
def control(house: Guarded) -> Iterator[BrokerControl]:
    """Its administrator."""
    url = f"{house.env['VOUCH_MQTT_ADMIN_URL']}?ca_file={house.ca_file}"
    with BrokerControl(url) as connected:
        yield connected


@pytest.fixture
def owner(connection: Connection, control: BrokerControl) -> Connection:
    """The tables, with two machines of two customers and no credentials; nor has the broker any of an earlier test."""
    fleets.save(connection, fleet.parse(FLEET, "test"))
    credentials.sync(connection, control)
    return connection


Enrol = Callable[..., Secret]


@pytest.fixture
def enrol(owner: Connection, control: BrokerControl, house: Guarded, tmp_path: Path) -> Enrol:
    """`enrol(path)` gives an asset's device a credential; a certificate is written to `tmp_path / username`."""

    def give(path: str, kind: Kind = Kind.PASSWORD) -> Secret:
        return credentials.add(
            owner, control, path=path, name=None, kind=kind, at=NOW, prepare=certificate_to(house, tmp_path)
        )

    return give


def certificate_to(house: Guarded, folder: Path) -> credentials.Prepare:
    def write(secret: Secret) -> None:
        if secret.password is None:
            issued = house.authority.for_device(secret.username, secret.path, now=datetime.now(UTC))
            (folder / f"{secret.username}.crt").write_bytes(issued.certificate)
            (folder / f"{secret.username}.key").write_bytes(issued.key)

    return write


def nothing(_: Secret) -> None:
    pass


def party(house: Guarded, secret: Secret, folder: Path) -> Party:
    if secret.password is None:
        return Party(house, None, certificate=folder / f"{secret.username}.crt")
    return Party(house, secret.username, secret.password)


def sample(kw: float) -> bytes:
    return json.dumps({"ts": from_us(now_us()).isoformat(), "values": {"power_kw": kw}}).encode()


def stored(connection: Connection) -> list[tuple[str, float]]:
    return connection.execute(
        "SELECT c.slug, r.value FROM reading r JOIN sensor s ON s.id = r.series_id"
        " JOIN customer c ON c.id = s.customer_id ORDER BY r.value"
    ).fetchall()


@pytest.fixture
def ingest(
    house: Guarded, owner: Connection, service: Callable[..., Popen[bytes]], tmp_path: Path
) -> Callable[..., Path]:
    """Starts ingest at the shipped broker as `ingest.env` says; its log."""

    def start(**env: str) -> Path:
        said = {name: house.env[name] for name in ("VOUCH_MQTT_URL", "VOUCH_MQTT_CA_FILE")}
        # A session of its own: that of an earlier test has messages for another database.
        service("ingest", VOUCH_INGEST_CLIENT_ID=f"ingest-{tmp_path.name}"[:64], **(said | env))
        return tmp_path / "ingest-1.log"

    return start


@pytest.fixture
def mqtt_url() -> str:
    """Nothing listens there: whoever does not use the shipped broker fails."""
    return "mqtt://127.0.0.1:9"


def logged(log: Path, event: str) -> str:
    """The first line of the log with this event; empty when there is none."""
    return next((line for line in log.read_text().splitlines() if f'"{event}"' in line), "")


@pytest.mark.parametrize("kind", list(Kind))
def test_what_a_device_sends_as_itself_is_stored_and_as_another_refused(
    house: Guarded, owner: Connection, enrol: Enrol, ingest: Callable[..., Path], tmp_path: Path, kind: Kind
) -> None:
    mine, other = enrol(A, kind), enrol(B)
    log = ingest()
    wait_for(lambda: logged(log, "ingest_ready"), what="ingest to subscribe")
    with party(house, mine, tmp_path) as device, Party(house, other.username, other.password) as neighbour:
        assert device.publish(f"vouch/v1/{A}/telemetry", sample(1)) == 0
        assert device.publish(f"vouch/v1/{B}/telemetry", sample(2)) == NOT_AUTHORISED
        assert device.publish(f"vouch/v1/{A}/status", b"{}") == 0
        assert neighbour.publish(f"vouch/v1/{B}/telemetry", sample(3)) == 0
    wait_for(lambda: len(stored(owner)) >= 2, what="what was sent to be stored")
    assert stored(owner) == [("lechtal", 1.0), ("alba", 3.0)]


def test_a_device_may_send_nothing_outside_its_own_topic(house: Guarded, enrol: Enrol) -> None:
    secret = enrol(A)
    topics = [
        "vouch/v1/alba/cuneo/c1/telemetry",
        "vouch/v1/lechtal/kempten/c10/telemetry",
        "vouch/v1/lechtal/kempten/telemetry",
        "vouch/v1/lechtal/kempten/c1x",
        "/vouch/v1/lechtal/kempten/c1/telemetry",
        "spBv1.0/plant/NDATA/edge",
        "$CONTROL/dynamic-security/v1",
        "$SYS/broker/version",
        "anything",
    ]
    with Party(house, secret.username, secret.password) as device:
        assert {topic: device.publish(topic) for topic in topics} == dict.fromkeys(topics, NOT_AUTHORISED)


def test_a_device_may_read_nothing_not_even_its_own_topic(house: Guarded, enrol: Enrol) -> None:
    secret, other = enrol(A), enrol(B)
    topics = ["#", "+/+/+/+/+/+", "vouch/v1/#", "$SYS/#", "$CONTROL/#", "spBv1.0/#", f"vouch/v1/{B}/telemetry"]
    topics += [f"vouch/v1/{A}/#", f"vouch/v1/{A}/telemetry"]
    topics += [f"$share/x/{topic}" for topic in topics]
    with (
        Party(house, secret.username, secret.password) as device,
        Party(house, other.username, other.password) as neighbour,
    ):
        assert {topic: device.subscribe(topic) for topic in topics} == dict.fromkeys(topics, NOT_AUTHORISED)
        neighbour.publish(f"vouch/v1/{B}/telemetry")
        device.publish(f"vouch/v1/{A}/telemetry")
        assert device.received == []


def test_the_same_holds_for_mqtt_3_1_1(house: Guarded, enrol: Enrol) -> None:
    secret = enrol(A)
    with Party(house, secret.username, secret.password, protocol=MQTTProtocolVersion.MQTTv311) as device:
        assert device.subscribe("#") == 0x80
        assert device.subscribe(f"vouch/v1/{A}/#") == 0x80


def test_a_last_will_reaches_its_own_topic_only(house: Guarded, enrol: Enrol) -> None:
    secret = enrol(A)
    with Party(house, *house.ingest) as reader:
        assert reader.subscribe("vouch/v1/#") == 1
        for path in (B, A):
            with Party(house, secret.username, secret.password, will=f"vouch/v1/{path}/status") as device:
                device.leave_with_will()
        wait_for(lambda: reader.received, what="the last will")
        assert reader.received == [(f"vouch/v1/{A}/status", b"gone")]


def test_who_is_unknown_or_takes_another_client_id_is_refused(house: Guarded, enrol: Enrol, tmp_path: Path) -> None:
    secret, certified = enrol(A), enrol(B, Kind.CERTIFICATE)
    for refused in [
        Party(house, None),
        Party(house, secret.username, "wrong"),
        Party(house, "nobody", "nothing"),
        # The session of ingest would be its to end.
        Party(house, secret.username, secret.password, client_id="vouch-ingest"),
        # Whose secret is a certificate has no password, not even an empty one.
        Party(house, certified.username, ""),
        Party(house, certified.username, None),
    ]:
        with refused:
            assert refused.is_refused
    # At the other door only the certificate counts, whatever is said besides.
    own = tmp_path / f"{certified.username}.crt"
    with Party(house, secret.username, secret.password, client_id="vouch-ingest", certificate=own) as device:
        assert device.publish(f"vouch/v1/{A}/telemetry") == NOT_AUTHORISED
        assert device.publish(f"vouch/v1/{B}/telemetry") in {0, 0x10}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_revoked_device_is_dropped_and_can_do_nothing_any_more(
    house: Guarded, owner: Connection, control: BrokerControl, enrol: Enrol, tmp_path: Path, kind: Kind
) -> None:
    secret, other = enrol(A, kind), enrol(B, kind)
    with party(house, secret, tmp_path) as device, party(house, other, tmp_path) as neighbour:
        credentials.revoke(owner, control, name=secret.name, at=NOW)
        assert device.loss() == "Administrative action"
        assert neighbour.publish(f"vouch/v1/{B}/telemetry") in {0, 0x10}
    with party(house, secret, tmp_path) as device:
        assert device.is_refused or device.publish(f"vouch/v1/{A}/telemetry") == NOT_AUTHORISED
        assert device.is_refused == (kind is Kind.PASSWORD)
    assert secret.username not in house.account_names()
    assert enrol(A, kind).name == secret.name


@pytest.mark.parametrize("kind", list(Kind))
def test_after_a_rotation_the_old_secret_is_worth_nothing(
    house: Guarded, owner: Connection, control: BrokerControl, enrol: Enrol, tmp_path: Path, kind: Kind
) -> None:
    old = enrol(A, kind)
    with party(house, old, tmp_path) as device:
        new = credentials.rotate(owner, control, name=old.name, at=NOW, prepare=certificate_to(house, tmp_path))
        assert device.loss() == "Administrative action"
    with party(house, old, tmp_path) as device:
        assert device.is_refused or device.publish(f"vouch/v1/{A}/telemetry") == NOT_AUTHORISED
    with party(house, new, tmp_path) as device:
        assert device.publish(f"vouch/v1/{A}/telemetry") in {0, 0x10}


def test_a_certificate_of_another_authority_or_another_purpose_is_no_way_in(
    house: Guarded, enrol: Enrol, tmp_path: Path
) -> None:
    secret = enrol(A, Kind.CERTIFICATE)
    now = datetime.now(UTC)
    stranger = guarded.Authority.create(now=now)
    for issued in (
        stranger.for_device(secret.username, A, now=now),
        house.authority.for_server(["vouch-admin"], now=now),
    ):
        (tmp_path / "forged.crt").write_bytes(issued.certificate)
        (tmp_path / "forged.key").write_bytes(issued.key)
        with Party(house, None, certificate=tmp_path / "forged.crt") as device:
            assert device.connack is None


def test_a_packet_beyond_the_limit_ends_the_connection_and_reaches_nobody(house: Guarded, enrol: Enrol) -> None:
    secret = enrol(A)
    topic = f"vouch/v1/{A}/telemetry"
    largest_payload = b" " * 1_048_576
    with Party(house, *house.ingest) as reader:
        assert reader.subscribe("vouch/v1/#") == 1
        with Party(house, secret.username, secret.password) as device:
            device.send(topic, b" " * 1_200_000)
            assert device.loss()
        with Party(house, secret.username, secret.password) as device:
            assert device.publish(topic, largest_payload) == 0
        wait_for(lambda: reader.received, what="what is within the limit")
        assert reader.received == [(topic, largest_payload)]


def test_a_sparkplug_node_speaks_as_itself_and_hears_its_own_commands(
    house: Guarded, owner: Connection, enrol: Enrol
) -> None:
    owner.execute(
        "INSERT INTO sparkplug_source (customer_id, asset_id, group_id, node_id, device_id)"
        " SELECT customer_id, id, 'plant', 'edge', '' FROM asset WHERE customer_id ="
        " (SELECT id FROM customer WHERE slug = 'lechtal')"
    )
    secret = enrol(A)
    with Party(house, secret.username, secret.password, will="spBv1.0/plant/NDEATH/edge") as node:
        for topic in ("NBIRTH/edge", "NDATA/edge", "DBIRTH/edge/d1", "DDATA/edge/d1", "DDEATH/edge/d1"):
            assert node.publish(f"spBv1.0/plant/{topic}") in {0, 0x10}
        for topic in ("plant/NDATA/edge2", "plant/NCMD/edge", "other/NDATA/edge", "STATE/host", "plant/DDATA/edge2/d1"):
            assert node.publish(f"spBv1.0/{topic}") == NOT_AUTHORISED
        for topic in ("plant/NCMD/edge", "plant/DCMD/edge/#", "STATE/scada"):
            assert node.subscribe(f"spBv1.0/{topic}") == 1
        for topic in ("plant/NCMD/#", "plant/NDATA/edge", "+/NCMD/edge", "#"):
            assert node.subscribe(f"spBv1.0/{topic}") == NOT_AUTHORISED


def test_our_own_accounts_do_their_work_and_nothing_else(house: Guarded) -> None:
    with Party(house, *house.ingest, client_id="any") as reader:
        for topic in ("vouch/v1/#", "spBv1.0/#", "$share/several/vouch/v1/#", "$share/several/spBv1.0/#"):
            assert reader.subscribe(topic) == 1
        for topic in ("#", "$SYS/#", "$CONTROL/#", "$share/several/#"):
            assert reader.subscribe(topic) == NOT_AUTHORISED
        for topic in ("spBv1.0/plant/NCMD/edge", "spBv1.0/plant/DCMD/edge/d1", "spBv1.0/STATE/vouch"):
            assert reader.publish(topic) == 0
        for topic in (f"vouch/v1/{A}/telemetry", "spBv1.0/plant/NDATA/edge", "$CONTROL/dynamic-security/v1"):
            assert reader.publish(topic) == NOT_AUTHORISED
    with Party(house, *house.admin, client_id="any") as admin:
        assert admin.subscribe("vouch/v1/#") == NOT_AUTHORISED
        assert admin.publish(f"vouch/v1/{A}/telemetry") == NOT_AUTHORISED


def test_ingest_refuses_a_broker_it_cannot_verify_and_says_why(
    house: Guarded, ingest: Callable[..., Path], tmp_path: Path
) -> None:
    wrong = tmp_path / "other.crt"
    wrong.write_bytes(guarded.Authority.create(now=datetime.now(UTC)).issued.certificate)
    log = ingest(VOUCH_MQTT_CA_FILE=str(wrong))
    line = wait_for(lambda: logged(log, "broker_unreachable"), what="the refusal")
    assert "certificate verify failed" in line
    assert not logged(log, "broker_connected")


def test_ingest_with_a_wrong_password_is_refused_and_says_so_without_repeating_it(
    house: Guarded, ingest: Callable[..., Path]
) -> None:
    log = ingest(VOUCH_MQTT_URL=f"mqtts://vouch-ingest:geheim@127.0.0.1:{house.password_port}")
    assert "Not authorized" in wait_for(lambda: logged(log, "broker_refused"), what="the refusal")
    assert "geheim" not in log.read_text()


# paho does not close the socket of a handshake that fails.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_publisher_verifies_the_broker_too(house: Guarded, enrol: Enrol, tmp_path: Path) -> None:
    secret = enrol(A)
    at = f"mqtts://{secret.username}:{secret.password}@127.0.0.1:{house.password_port}"
    with Publisher(f"{at}?ca_file={house.ca_file}", client_id=secret.username) as publisher:
        publisher.publish(f"vouch/v1/{A}/telemetry", b"{}")
    with pytest.raises(UnavailableError, match="certificate verify failed"), Publisher(at):
        pass
