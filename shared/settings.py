"""Everything a process may be told, read from the environment once, at its start, by `main` modules only."""

from typing import Self
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.broker import Broker
from shared.errors import ConfigError


class Settings(BaseSettings):
    """Settings of all services; each variable is the field's name in capitals with the prefix VOUCH_."""

    model_config = SettingsConfigDict(env_prefix="VOUCH_", extra="ignore", frozen=True)

    database_url: str = Field(description="postgresql:// URL of the owner of the tables")
    api_database_url: str | None = Field(default=None, description="URL of the role vouch_api; default: database_url")
    mqtt_url: str = Field(
        default="mqtt://127.0.0.1:1883", description="mqtt[s]://[user:password@]host[:port][?protocol=3.1.1]"
    )
    log_format: str = Field(default="json", pattern="^(json|console)$")

    ingest_client_id: str = Field(default="vouch-ingest", min_length=1, max_length=64)
    ingest_batch_messages: int = Field(default=5_000, ge=1, le=60_000)
    ingest_linger_ms: int = Field(default=20, ge=0, le=10_000)
    ingest_max_payload_bytes: int = Field(default=1_048_576, ge=1_024)
    ingest_metrics_port: int = Field(default=0, ge=0, le=65_535, description="0 = no metrics endpoint")

    analytics_interval_s: float = Field(default=10.0, gt=0, le=3_600, description="the longest wait between passes")
    analytics_metrics_port: int = Field(default=0, ge=0, le=65_535, description="0 = no metrics endpoint")

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8_000, ge=0, le=65_535)

    @field_validator("database_url", "api_database_url")
    @classmethod
    def _is_postgres(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in {"postgresql", "postgres"}:
            raise ValueError("must be a postgresql:// URL")
        try:
            conninfo_to_dict(url or "")
        except ProgrammingError as error:
            # Not in libpq's words, which may repeat the password.
            raise ValueError("must be a postgresql:// URL that libpq understands") from error
        return url

    @field_validator("mqtt_url")
    @classmethod
    def _is_mqtt(cls, url: str) -> str:
        Broker.parse(url)
        return url

    @classmethod
    def load(cls) -> Self:
        """Read the environment; raises ConfigError naming every wrong or missing variable."""
        try:
            return cls()  # pyright: ignore[reportCallIssue]  (pydantic-settings fills the fields)
        except ValidationError as error:
            raise ConfigError("; ".join(_said(fault) for fault in error.errors())) from error


def _said(fault: ErrorDetails) -> str:
    variable = "_".join(str(part) for part in fault["loc"]).upper()
    return f"VOUCH_{variable}: {fault['msg'].removeprefix('Value error, ')}"
