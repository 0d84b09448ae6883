"""Settings: what is wrong or missing stops the start, each variable named, and no secret repeated."""

import os

import pytest

from shared.errors import ConfigError
from shared.settings import AnalyticsSettings, ApiSettings, DeviceSettings, IngestSettings, OwnerSettings, Settings

URL = "postgresql://vouch:geheim@db/vouch"


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VOUCH_")]:
        monkeypatch.delenv(name)


def refusal(monkeypatch: pytest.MonkeyPatch, kind: type[Settings], **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        kind.load()
    return str(refused.value)


def test_one_variable_is_needed_the_others_have_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (OwnerSettings, IngestSettings, AnalyticsSettings):
        assert refusal(monkeypatch, kind) == "VOUCH_DATABASE_URL: is not set"
    assert refusal(monkeypatch, ApiSettings) == "VOUCH_API_DATABASE_URL or VOUCH_DATABASE_URL: is not set"
    assert DeviceSettings.load().mqtt_url == "mqtt://127.0.0.1:1883"
    monkeypatch.setenv("VOUCH_DATABASE_URL", URL)
    assert IngestSettings.load().database_url == URL


def test_the_api_takes_the_url_of_its_own_role_before_the_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_DATABASE_URL", URL)
    assert ApiSettings.load().url == URL
    monkeypatch.setenv("VOUCH_API_DATABASE_URL", "postgresql://vouch_api@db/vouch")
    assert ApiSettings.load().url == "postgresql://vouch_api@db/vouch"
    monkeypatch.delenv("VOUCH_DATABASE_URL")
    assert ApiSettings.load().url == "postgresql://vouch_api@db/vouch"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("VOUCH_DATABASE_URL", "mysql://db/vouch", "must be a postgresql:// URL"),
        ("VOUCH_DATABASE_URL", "postgresql://vouch:geheim%zz@db/vouch", "must be a postgresql:// URL that libpq"),
        ("VOUCH_DATABASE_URL", "postgresql://vouch:geheim@db/vouch?bogus=1", "must be a postgresql:// URL that libpq"),
        ("VOUCH_API_DATABASE_URL", "geheim", "must be a postgresql:// URL"),
        ("VOUCH_MQTT_URL", "http://user:geheim@broker", "must be mqtt://host"),
        ("VOUCH_DATABASE_URL", "postgresql://vouch:ge@heim@db/vouch", "percent-encode @"),
        ("VOUCH_DATABASE_URL", "postgresql://vouch:ge/heim@db/vouch", "percent-encode @"),
        ("VOUCH_DATABASE_URL", "postgresql://vouch:1/heim@db/vouch", "percent-encode @"),
        ("VOUCH_DATABASE_URL", "postgresql://vouch:ge[heim@db/vouch", "must be a postgresql:// URL"),
        ("VOUCH_MQTT_URL", "mqtt://broker:many", "the port is a number up to 65535"),
        ("VOUCH_MQTT_URL", "mqtt://vouch:ge/heim@broker", "percent-encode @"),
        ("VOUCH_MQTT_URL", "mqtt://vouch:1/heim@broker", "percent-encode @"),
        ("VOUCH_MQTT_URL", "mqtt://vouch:1#heim@broker", "percent-encode @"),
        ("VOUCH_MQTT_URL", "mqtt://broker?protocol=4", "protocol must be 5 or 3.1.1, not 4"),
        ("VOUCH_LOG_FORMAT", "xml", "match pattern"),
        ("VOUCH_INGEST_CLIENT_ID", "", "at least 1 character"),
        ("VOUCH_INGEST_BATCH_MESSAGES", "0", "greater than or equal to 1"),
        ("VOUCH_INGEST_LINGER_MS", "soon", "valid integer"),
        ("VOUCH_INGEST_MAX_PAYLOAD_BYTES", "-1", "greater than or equal to 1024"),
        ("VOUCH_INGEST_METRICS_PORT", "65536", "less than or equal to 65535"),
        ("VOUCH_ANALYTICS_INTERVAL_S", "nan", "less than or equal to 3600"),
        ("VOUCH_API_PORT", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv("VOUCH_DATABASE_URL", URL)
    kind = ApiSettings if "API" in name else AnalyticsSettings if "ANALYTICS" in name else IngestSettings
    said = refusal(monkeypatch, kind, **{name: value})
    assert said.startswith(f"{name}: ")
    assert reason in said
    assert "heim" not in said
    assert "ge@" not in said
    assert "'ge" not in said


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, IngestSettings, VOUCH_DATABASE_URL="x", VOUCH_MQTT_URL="x", VOUCH_INGEST_LINGER_MS="x")
    assert sorted(part.partition(":")[0] for part in said.split("; ")) == [
        "VOUCH_DATABASE_URL",
        "VOUCH_INGEST_LINGER_MS",
        "VOUCH_MQTT_URL",
    ]
