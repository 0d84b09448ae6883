"""The pair of servers of one machine: what the environment names is used, what it does not name is started."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.embedded import broker, place, postgres
from shared.embedded.binaries import Programs


@dataclass(frozen=True, kw_only=True, slots=True)
class Servers:
    """Where the database and the broker are, and one line for people on where they come from."""

    database_url: str
    mqtt_url: str
    origin: str


@contextmanager
def start(
    folder: Path,
    *,
    durable: bool = True,
    runtime: Path = Path(".runtime"),
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Servers]:
    """Use VOUCH_DATABASE_URL and VOUCH_MQTT_URL, and start what they do not name with its data below `folder`.

    Data and ports are kept across starts; `durable=False` gives up crash safety of the database for speed. What has to
    be fetched lies below `runtime`. On leaving, only processes started here are stopped. With
    VOUCH_REQUIRE_TIMESCALEDB=1 what is for a trial only is refused.

    Raises ConfigError (another process holds the folder, nothing allowed is found) and UnavailableError.
    """
    database_url, mqtt_url = environ.get("VOUCH_DATABASE_URL"), environ.get("VOUCH_MQTT_URL")
    if database_url and mqtt_url:
        origin = "as VOUCH_DATABASE_URL and VOUCH_MQTT_URL say"
        yield Servers(database_url=database_url, mqtt_url=mqtt_url, origin=origin)
        return
    with ExitStack() as stack:
        stack.enter_context(place.held(folder))
        programs = Programs.of(environ, runtime=runtime)
        data = place.settle(folder, programs.account)
        database_origin, mqtt_origin = "as VOUCH_DATABASE_URL says", "as VOUCH_MQTT_URL says"
        if not database_url:
            database_origin = programs.postgres.origin
            server = postgres.running(programs.postgres, data, programs.account, durable=durable)
            database_url = stack.enter_context(server)
        if not mqtt_url:
            mqtt_origin = programs.broker.origin
            mqtt_url = stack.enter_context(broker.running(programs.broker, data, programs.account))
        origin = f"database: {database_origin}; broker: {mqtt_origin}"
        yield Servers(database_url=database_url, mqtt_url=mqtt_url, origin=origin)
