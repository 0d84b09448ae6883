"""Everything a process may be told, read from the environment once, at its start, by `main` modules only."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.broker import TLS_FILES, UNESCAPED, Broker, with_tls_files
from shared.errors import ConfigError


def _is_postgres(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        # Neither in these words nor in libpq's: both may repeat the password.
        raise ValueError("must be a postgresql:// URL") from error
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("must be a postgresql:// URL")
    try:
        understood = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ValueError(f"must be a postgresql:// URL that libpq understands; {UNESCAPED}") from error
    # libpq ends the password at its first @ or /, and would name the rest of it as the host or the port it tries.
    ports = str(understood.get("port") or "").split(",")
    if "@" in str(understood.get("host", "")) or "@" in parts.path or not all(re.fullmatch(r"\d*", p) for p in ports):
        raise ValueError(f"is not taken apart as it is meant; {UNESCAPED}")
    return url


def _is_mqtt(url: str) -> str:
    Broker.parse(url)
    return url


_SECRETS = Path("/run/secrets")

DatabaseUrl = Annotated[str, AfterValidator(_is_postgres)]
MqttUrl = Annotated[str, AfterValidator(_is_mqtt)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class Settings(BaseSettings):
    """What every process may be told. A variable is the field's name in capitals with the prefix VOUCH_."""

    model_config = SettingsConfigDict(
        env_prefix="VOUCH_", extra="ignore", frozen=True, secrets_dir=_SECRETS if _SECRETS.is_dir() else None
    )

    log_format: str = Field(default="json", pattern="^(json|console)$")

    @classmethod
    def load(cls) -> Self:
        """Read the environment, then files of the same names in /run/secrets, where containers are given secrets.

        Raises ConfigError naming every wrong or missing variable.
        """
        try:
            return cls()
        except ValidationError as error:
            raise ConfigError("; ".join(_said(fault) for fault in error.errors())) from error


class OwnerSettings(Settings):
    """Commands that work on the tables as their owner."""

    database_url: DatabaseUrl


class DeviceSettings(Settings):
    """What talks to the broker. The three files count for mqtts:// and end up in the query of `mqtt_url`."""

    mqtt_ca_file: Path | None = None
    mqtt_cert_file: Path | None = None
    mqtt_key_file: Path | None = None
    mqtt_url: MqttUrl = "mqtt://127.0.0.1:1883"

    @field_validator("mqtt_url")
    @classmethod
    def _names_files(cls, url: str, told: ValidationInfo) -> str:
        return _with_files(url, told)


class MetricsSettings(Settings):
    """Where a process without HTTP of its own answers /metrics, /healthz and /readyz; loopback unless told."""

    metrics_host: str = Field(default="127.0.0.1", min_length=1)


class IngestSettings(OwnerSettings, DeviceSettings, MetricsSettings):
    """`vouch ingest`; metrics port 0 = no metrics endpoint. Reader: `tap` takes messages in bulk, `paho` one by one."""

    ingest_client_id: str = Field(default="vouch-ingest", min_length=1, max_length=64)
    # Processes that name the same share divide the messages among them.
    ingest_share: str | None = Field(default=None, pattern=r"^[^/+#\x00]+$", max_length=64)
    ingest_reader: str = Field(default="tap", pattern="^(tap|paho)$")
    ingest_batch_messages: int = Field(default=20_000, ge=1, le=60_000)
    ingest_linger_ms: int = Field(default=5, ge=0, le=10_000)
    ingest_max_payload_bytes: int = Field(default=1_048_576, ge=1_024)
    ingest_metrics_port: Port = 0
    # Without an id of its own this host does not listen to Sparkplug.
    sparkplug_host_id: str | None = Field(default=None, pattern=r"^[^/+#\x00]+$", max_length=200)
    sparkplug_reorder_wait_ms: int = Field(default=2_000, ge=0, le=600_000)


class AnalyticsSettings(OwnerSettings, MetricsSettings):
    """`vouch analytics`: the longest wait between two passes; metrics port 0 = no metrics endpoint."""

    analytics_interval_s: float = Field(default=10.0, gt=0, le=3_600)
    analytics_metrics_port: Port = 0


class ApiSettings(Settings):
    """`vouch api`: best the URL of the role vouch_api alone; with the owner's it drops to that role."""

    database_url: DatabaseUrl | None = None
    api_database_url: DatabaseUrl | None = None
    api_host: str = "127.0.0.1"
    api_port: Port = 8_000

    @model_validator(mode="after")
    def _has_database(self) -> Self:
        if not self.url:
            raise ValueError("VOUCH_API_DATABASE_URL or VOUCH_DATABASE_URL: is not set")
        return self

    @property
    def url(self) -> str:
        """The database as the API reaches it."""
        return self.api_database_url or self.database_url or ""


class AccessSettings(OwnerSettings):
    """`vouch device`: the broker as its administrator reaches it, and as devices do.

    `mqtt_authority` is the folder of the certificate authority, needed for client certificates only.
    """

    mqtt_ca_file: Path | None = None
    mqtt_admin_url: MqttUrl
    mqtt_device_url: MqttUrl
    mqtt_certificate_url: MqttUrl | None = None
    mqtt_authority: Path | None = None

    @field_validator("mqtt_admin_url")
    @classmethod
    def _names_files(cls, url: str, told: ValidationInfo) -> str:
        return _with_files(url, told)


def _with_files(url: str, told: ValidationInfo) -> str:
    url = with_tls_files(url, {name: told.data.get(f"mqtt_{name}") for name in TLS_FILES})
    return _is_mqtt(url)


def _said(fault: ErrorDetails) -> str:
    reason = "is not set" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
    variable = "_".join(str(part) for part in fault["loc"]).upper()
    return f"VOUCH_{variable}: {reason}" if variable else reason
