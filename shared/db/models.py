"""The registry of trained models: versions, which of them is in force, and when a training was last tried."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.errors import NotFoundError, VouchError
from shared.instant import from_us, to_us
from shared.model import foretelling
from shared.model.foretelling import Prognosis
from shared.model.registry import Purpose, Standing, Trained

_SQL: Final = load("models")
# One training at a time in all of the database; versions are stored and promoted one after the other for each model.
_TRAINING_LOCK: Final = 7_300_510_003
_VERSION_LOCK: Final = 730_058


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelVersion:
    """A version without its artefact. `metrics` are of data held back; nobody promoted it: `promoted_by` None."""

    id: int
    asset_model: str
    purpose: str
    version: int
    state: str
    method: str
    trained_from: datetime
    trained_to: datetime
    trained_at: datetime
    data_sha256: str
    rows: int
    features: list[str]
    metrics: dict[str, Any]
    calibration: dict[str, Any]
    seed: int
    artefact_sha256: str
    promoted_by: str | None
    promoted_at: datetime | None
    reason: str

    @property
    def name(self) -> str:
        return name_of(self.purpose, self.version, self.method)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A version that is or was a champion, with what it is loaded from."""

    id: int
    purpose: Purpose
    name: str
    is_champion: bool
    trained_to_us: int
    artefact: bytes
    artefact_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Foretold:
    """A model of machines of which something is foretold; `drivers` explain the other `sensors`, all by name."""

    asset_model_id: int
    slug: str
    prognosis: Prognosis
    sensors: tuple[str, ...]
    drivers: tuple[str, ...]
    hold_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """The last training of a purpose: with how many failures to learn from; `failed` tries in a row came to nothing."""

    tried_us: int
    failures: int
    failed: int
    outcome: str


def name_of(purpose: str, version: int, method: str) -> str:
    """What a version is called where its predictions are shown: `remaining_life@3 run_to_failure`."""
    return f"{purpose}@{version} {method}"


async def listed(
    connection: AsyncConnection, *, asset_model: str | None = None, model_id: int | None = None
) -> list[ModelVersion]:
    """Versions by asset model and purpose, the latest first; none for an asker who does not see all customers."""
    async with connection.cursor(row_factory=class_row(ModelVersion)) as cursor:
        await cursor.execute(_SQL["listed"], {"asset_model": asset_model, "id": model_id})
        return await cursor.fetchall()


async def one(connection: AsyncConnection, model_id: int) -> ModelVersion:
    """A version; raises NotFoundError."""
    found = await listed(connection, model_id=model_id)
    if not found:
        raise NotFoundError(f"there is no model version {model_id}")
    return found[0]


async def artefact(connection: AsyncConnection, model_id: int) -> tuple[bytes, str]:
    """The artefact of a version as it is stored, and the SHA-256 it was registered with; raises NotFoundError."""
    row = await (await connection.execute(_SQL["artefact"], {"id": model_id})).fetchone()
    if row is None:
        raise NotFoundError(f"there is no model version {model_id}")
    return row["artefact"], row["artefact_sha256"]


async def in_force(connection: AsyncConnection, asset_model_id: int) -> list[Stored]:
    """The champions of a model and their predecessors, by purpose, the one in force first, then the latest."""
    rows = await (await connection.execute(_SQL["in_force"], {"asset_model_id": asset_model_id})).fetchall()
    return [
        Stored(
            id=row["id"],
            purpose=Purpose(row["purpose"]),
            name=name_of(row["purpose"], row["version"], row["method"]),
            is_champion=row["state"] == Standing.CHAMPION,
            trained_to_us=to_us(row["trained_to"]),
            artefact=row["artefact"],
            artefact_sha256=row["artefact_sha256"],
        )
        for row in rows
    ]


async def foretold(connection: AsyncConnection, slug: str | None = None) -> list[Foretold]:
    """The models of machines of which something is foretold; raises NotFoundError when `slug` is none of them."""
    rows = await (await connection.execute(_SQL["foretold"], {"slug": slug})).fetchall()
    if slug is not None and not rows:
        raise NotFoundError(f"{slug}: no such model of machines, or the fleet file gives it no `prognosis`")
    return [
        Foretold(
            asset_model_id=row["id"],
            slug=row["slug"],
            prognosis=foretelling.of_json(row["prognosis"]),
            sensors=tuple(name for name in row["sensors"] if name not in _drivers(row)),
            drivers=_drivers(row),
            hold_us=row["telemetry_hold_us"],
        )
        for row in rows
    ]


def _drivers(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple((row["detector"] or {}).get("drivers") or ())


@asynccontextmanager
async def training(connection: AsyncConnection) -> AsyncIterator[bool]:
    """Whether this connection is the one that may train now; it is until the block ends."""
    row = await (await connection.execute(_SQL["lock"], {"lock": _TRAINING_LOCK})).fetchone()
    is_ours = row is not None and row["is_ours"]
    try:
        yield is_ours
    finally:
        # With a connection that is gone, its lock is too.
        if is_ours and not connection.broken:
            await connection.execute(_SQL["unlock"], {"lock": _TRAINING_LOCK})


async def register(connection: AsyncConnection, asset_model_id: int, trained: Trained, now_us: int, reason: str) -> int:
    """Store a challenger, and its id; what learnt the same from the same data is stored once."""
    digest = hashlib.sha256(trained.artefact).hexdigest()
    row = {
        "asset_model_id": asset_model_id,
        "purpose": trained.purpose,
        "method": trained.method,
        "trained_from": from_us(trained.trained_from_us),
        "trained_to": from_us(trained.trained_to_us),
        "trained_at": from_us(now_us),
        "data_sha256": trained.data_sha256,
        "rows": trained.rows,
        "features": Jsonb(list(trained.features)),
        "metrics": Jsonb(trained.metrics),
        "calibration": Jsonb(trained.calibration),
        "seed": trained.seed,
        "artefact": trained.artefact,
        "artefact_sha256": digest,
        "reason": reason,
    }
    async with connection.transaction():
        await connection.execute(_SQL["hold"], {"lock": _VERSION_LOCK, "asset_model_id": asset_model_id})
        for query in ("same", "insert"):
            found = await (await connection.execute(_SQL[query], row)).fetchone()
            if found is not None:
                return found["id"]
    raise AssertionError("an insert returns its row")


async def promote(connection: AsyncConnection, model_id: int, by: str, now_us: int, reason: str) -> ModelVersion:
    """Make a version the champion; the one that was is retired, and so are challengers older than it.

    Whoever promotes has loaded it before. Raises NotFoundError, and VouchError for the champion.
    """
    async with connection.transaction():
        await connection.execute(_SQL["hold_of"], {"lock": _VERSION_LOCK, "id": model_id})
        found = await one(connection, model_id)
        if found.state == Standing.CHAMPION:
            raise VouchError(f"{found.asset_model} {found.name}: is the champion already")
        await connection.execute(_SQL["retire"], {"id": model_id})
        await connection.execute(_SQL["promote"], {"id": model_id, "by": by, "now": from_us(now_us), "reason": reason})
        return await one(connection, model_id)


async def trainings(connection: AsyncConnection, asset_model_id: int) -> dict[Purpose, Tried]:
    """By purpose the last training that was tried."""
    rows = await (await connection.execute(_SQL["trainings"], {"asset_model_id": asset_model_id})).fetchall()
    return {
        Purpose(row["purpose"]): Tried(
            tried_us=to_us(row["tried_at"]), failures=row["failures"], failed=row["failed"], outcome=row["outcome"]
        )
        for row in rows
    }


async def note_training(connection: AsyncConnection, asset_model_id: int, purpose: Purpose, tried: Tried) -> None:
    """Put a training on record, in the place of the one before."""
    await connection.execute(
        _SQL["note_training"],
        {
            "asset_model_id": asset_model_id,
            "purpose": purpose,
            "now": from_us(tried.tried_us),
            "failures": tried.failures,
            "failed": tried.failed,
            "outcome": tried.outcome,
        },
    )
