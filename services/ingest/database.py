"""Ingest's connection to the database, and the fleet as last read from it."""

from typing import Final

from shared.db import catalog
from shared.db.catalog import Catalog
from shared.db.pool import Connection, connect
from shared.db.telemetry import transaction
from shared.instant import SECOND_US

# Ranges and holds that were changed are seen after this; assets and sensors that were added, at once.
_LOOK_EVERY_US: Final = 3 * SECOND_US


class Database:
    """Connects when asked, again after `drop`; everything here raises UnavailableError while the database is away."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: Connection | None = None
        self._catalog: Catalog | None = None
        self._read_us = 0

    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = connect(self._url)
        return self._connection

    def catalog(self, now_us: int) -> Catalog:
        """The fleet, read again when it has changed; asked every few seconds."""
        if self._catalog is None:
            return self._read(now_us)
        if now_us - self._read_us > _LOOK_EVERY_US:
            self._read_us = now_us
            return self.newer_catalog(self._catalog, now_us) or self._catalog
        return self._catalog

    def newer_catalog(self, known: Catalog, now_us: int) -> Catalog | None:
        """The fleet, when it is another by now than `known`."""
        with transaction(self.connection()):
            has_changed = catalog.version(self.connection()) != known.version
        return self._read(now_us) if has_changed else None

    def forget_catalog(self) -> None:
        """Read the fleet again with the next batch."""
        self._catalog = None

    def drop(self) -> None:
        """Give the connection up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, now_us: int) -> Catalog:
        with transaction(self.connection()):
            self._catalog = catalog.load(self.connection())
        self._read_us = now_us
        return self._catalog
