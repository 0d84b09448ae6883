"""The broker's address, and the files that say whom to trust and who we are."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.devices.authority import Authority
from shared.broker import Broker, with_tls_files
from shared.errors import ConfigError
from shared.settings import AccessSettings, DeviceSettings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VOUCH_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with an authority and a certificate with its key."""
    authority = Authority.create(now=NOW)
    issued = authority.for_device("d1", "a/b/c", now=NOW)
    (tmp_path / "ca.crt").write_bytes(authority.issued.certificate)
    (tmp_path / "d1.crt").write_bytes(issued.certificate)
    (tmp_path / "d1.key").write_bytes(issued.key)
    (tmp_path / "other.key").write_bytes(authority.issued.key)
    return tmp_path


def test_files_are_named_in_the_url() -> None:
    broker = Broker.parse("mqtts://broker?ca_file=/a/c%20a.crt&cert_file=d.crt&key_file=/a/d.key")
    assert (broker.ca_file, broker.cert_file, broker.key_file) == (Path("/a/c a.crt"), Path("d.crt"), Path("/a/d.key"))
    assert Broker.parse("mqtts://broker").ca_file is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mqtt://broker?ca_file=/a", "certificates need mqtts://"),
        ("mqtts://broker?cert_file=/a", "cert_file and key_file go together"),
        ("mqtts://broker?key_file=/a", "cert_file and key_file go together"),
    ],
)
def test_what_does_not_go_together_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Broker.parse(url)


def test_settings_name_the_files_where_the_url_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_MQTT_CA_FILE", "/run/c a&b.crt")
    monkeypatch.setenv("VOUCH_MQTT_URL", "mqtts://u:p@broker:8883")
    assert DeviceSettings.load().mqtt_url == "mqtts://u:p@broker:8883?ca_file=/run/c%20a%26b.crt"
    assert Broker.parse(DeviceSettings.load().mqtt_url).ca_file == Path("/run/c a&b.crt")
    monkeypatch.setenv("VOUCH_MQTT_URL", "mqtts://broker?ca_file=/own.crt")
    assert DeviceSettings.load().mqtt_url == "mqtts://broker?ca_file=/own.crt"
    monkeypatch.setenv("VOUCH_MQTT_URL", "mqtt://127.0.0.1:1883?protocol=3.1.1")
    assert DeviceSettings.load().mqtt_url == "mqtt://127.0.0.1:1883?protocol=3.1.1"


def test_a_certificate_and_its_key_come_from_one_place() -> None:
    told = {"ca_file": Path("/ca"), "cert_file": Path("/c"), "key_file": Path("/k")}
    assert with_tls_files("mqtts://b", told) == "mqtts://b?ca_file=/ca&cert_file=/c&key_file=/k"
    assert with_tls_files("mqtts://b?cert_file=/x&key_file=/y", told).endswith("?cert_file=/x&key_file=/y&ca_file=/ca")


def test_a_certificate_without_its_key_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_MQTT_CERT_FILE", "/run/d.crt")
    monkeypatch.setenv("VOUCH_MQTT_URL", "mqtts://broker")
    with pytest.raises(ConfigError, match="VOUCH_MQTT_URL: cert_file and key_file go together"):
        DeviceSettings.load()


def test_the_administrators_url_and_the_devices_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_DATABASE_URL", "postgresql://db/vouch")
    with pytest.raises(ConfigError, match=r"VOUCH_MQTT_ADMIN_URL: is not set; VOUCH_MQTT_DEVICE_URL: is not set"):
        AccessSettings.load()


def test_a_context_verifies_and_shows_the_certificate(files: Path) -> None:
    url = f"mqtts://broker?ca_file={files}/ca.crt&cert_file={files}/d1.crt&key_file={files}/d1.key"
    context = Broker.parse(url).tls_context()
    assert context.check_hostname
    assert [found["subject"] for found in context.get_ca_certs()] != []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("ca_file={0}/none.crt", "ca_file: .*/none.crt: No such file"),
        ("ca_file={0}/d1.key", "ca_file: .*/d1.key: "),
        ("cert_file={0}/d1.crt&key_file={0}/none.key", "key_file .*/none.key: .*No such file"),
        ("cert_file={0}/d1.crt&key_file={0}/other.key", "key_file .*/other.key: .*mismatch"),
    ],
)
def test_a_file_that_is_missing_or_wrong_is_named(files: Path, query: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Broker.parse(f"mqtts://broker?{query.format(files)}").tls_context()
