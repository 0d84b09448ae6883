"""Everything a process may be told, read from the environment once, at its start, by `main` modules only."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.broker import Broker
from shared.errors import ConfigError


def _is_postgres(url: str) -> str:
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        raise ValueError("must be a postgresql:// URL")
    try:
        conninfo_to_dict(url)
    except ProgrammingError as error:
        # Not in libpq's words, which may repeat the password.
        raise ValueError("must be a postgresql:// URL that libpq understands") from error
    return url


def _is_mqtt(url: str) -> str:
    Broker.parse(url)
    return url


DatabaseUrl = Annotated[str, AfterValidator(_is_postgres)]
MqttUrl = Annotated[str, AfterValidator(_is_mqtt)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class Settings(BaseSettings):
    """What every process may be told. A variable is the field's name in capitals with the prefix VOUCH_."""

    model_config = SettingsConfigDict(env_prefix="VOUCH_", extra="ignore", frozen=True)

    log_format: str = Field(default="json", pattern="^(json|console)$")

    @classmethod
    def load(cls) -> Self:
        """Read the environment; raises ConfigError naming every wrong or missing variable."""
        try:
            return cls()
        except ValidationError as error:
            raise ConfigError("; ".join(_said(fault) for fault in error.errors())) from error


class OwnerSettings(Settings):
    """Commands that work on the tables as their owner."""

    database_url: DatabaseUrl


class DeviceSettings(Settings):
    """What talks to the broker."""

    mqtt_url: MqttUrl = "mqtt://127.0.0.1:1883"


class IngestSettings(OwnerSettings, DeviceSettings):
    """`vouch ingest`; metrics port 0 = no metrics endpoint."""

    ingest_client_id: str = Field(default="vouch-ingest", min_length=1, max_length=64)
    ingest_batch_messages: int = Field(default=5_000, ge=1, le=60_000)
    ingest_linger_ms: int = Field(default=20, ge=0, le=10_000)
    ingest_max_payload_bytes: int = Field(default=1_048_576, ge=1_024)
    ingest_metrics_port: Port = 0


class AnalyticsSettings(OwnerSettings):
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


def _said(fault: ErrorDetails) -> str:
    reason = "is not set" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
    variable = "_".join(str(part) for part in fault["loc"]).upper()
    return f"VOUCH_{variable}: {reason}" if variable else reason
