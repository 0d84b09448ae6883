"""What the demo's database is told before anything is published: schema, fleet, contracts, one API key."""

import os
from pathlib import Path

from services.demo import story
from services.demo.story import Story
from shared import fleet
from shared.contracts import spec
from shared.db import contracts, migrate, principals
from shared.db import fleet as fleets
from shared.db.pool import Connection, connect

_KEY_NAME = "demo"
_KEY_ROLE = "admin"


def prepare(database_url: str, folder: Path, told: Story, *, alerts_port: int, now_us: int) -> str:
    """Migrate, store what the files declare, and return the API key; the same each time, so repeatable."""
    with connect(database_url) as connection:
        migrate.run(connection)
        fleets.save(connection, fleet.parse(story.fleet_text(told, alerts_port), "the demo's fleet"))
        for source, text in story.contract_texts(told):
            contracts.store(connection, spec.parse(text, source), now_us)
        return _key(connection, folder, now_us)


def _key(connection: Connection, folder: Path, now_us: int) -> str:
    file = folder / "api-key"
    if file.exists():
        return file.read_text(encoding="ascii").strip()
    key = principals.create_key(connection, name=_KEY_NAME, role=_KEY_ROLE, customers=[], now_us=now_us)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as output:
        output.write(key + "\n")
    return key
