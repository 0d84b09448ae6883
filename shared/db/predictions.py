"""What is foretold: the machines whose next instant has come, what there is to foretell from, and what was said."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from shared.db.binary_copy import POSTGRES_EPOCH_US
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us, to_us
from shared.model.prognosis import Prediction

_SQL: Final = load("predictions")
# The first key of the advisory locks on assets that are foretold; the second is the asset's id.
_LOCK: Final = 730_055


@dataclass(frozen=True, kw_only=True, slots=True)
class Foretold:
    """What was said of a component at `at`; hours and probabilities None: it could not be said.

    `asset`: its path. `model`: the registered model that said so, None where none was needed. `latest_at`: by when to
    see to the component.
    """

    id: int
    asset_id: int
    asset: str
    component: str
    at: datetime
    made_at: datetime
    method: str
    model: str | None
    model_version_id: int | None
    p10_h: float | None
    p50_h: float | None
    p90_h: float | None
    p_24h: float | None
    p_7d: float | None
    p_30d: float | None
    health: float | None
    latest_at: datetime | None
    reason: str
    evidence: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A machine of which something can be foretold or learnt: all is known of `[first_us, known_to_us)`.

    `series`: its sensors by name.
    """

    asset_id: int
    first_us: int
    known_to_us: int
    series: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A prediction of an asset, to be stored; `model`: id and name of the version that made it."""

    asset_id: int
    prediction: Prediction
    model: tuple[int, str] | None
    latest_us: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """Starts of hours `at_us` (n,), ascending, and the sensor's means over them (n,)."""

    at_us: NDArray[np.int64]
    value: NDArray[np.float64]


async def due(
    connection: AsyncConnection, asset_model_id: int, now_us: int, limit: int, *, without: Collection[int] = ()
) -> list[Machine]:
    """Machines of a model with an instant to foretell, the longest waiting first; this transaction holds them.

    None of `without`. An instant has come when the timeline reaches it and nothing before it waits to be derived.
    """
    asked = {
        "asset_model_id": asset_model_id,
        "now": from_us(now_us),
        "limit": limit,
        "without": list(without),
    }
    rows = await (await connection.execute(_SQL["due"], asked)).fetchall()
    wanted = {"assets": [row["id"] for row in rows], "lock": _LOCK}
    held = {row["id"] for row in await (await connection.execute(_SQL["hold"], wanted)).fetchall()}
    return [_machine(row) for row in rows if row["id"] in held]


async def reached(connection: AsyncConnection, asset_ids: Sequence[int]) -> dict[tuple[int, str], int]:
    """The last instant that components of machines were foretold at; those that never were are absent."""
    rows = await (await connection.execute(_SQL["reached"], {"assets": list(asset_ids)})).fetchall()
    return {(row["asset_id"], row["component"]): to_us(row["at"]) for row in rows}


async def fleet(connection: AsyncConnection, asset_model_id: int, now_us: int) -> list[Machine]:
    """Every machine of a model of which anything is known, by id."""
    asked = {"asset_model_id": asset_model_id, "now": from_us(now_us)}
    return [_machine(row) for row in await (await connection.execute(_SQL["fleet"], asked)).fetchall()]


async def hours(connection: AsyncConnection, series: Sequence[int], start_us: int, end_us: int) -> dict[int, Hours]:
    """By series the means, weighted by time, of hours that begin in `[start_us, end_us)`; unknown ones are absent."""
    asked = {"series": list(series), "start": from_us(start_us), "end": from_us(end_us)}
    found: dict[int, Hours] = {}
    for row in await (await connection.execute(_SQL["hours"], asked, binary=True)).fetchall():
        at_us = np.frombuffer(row["at"], ">i8").astype(np.int64) + POSTGRES_EPOCH_US
        order = np.argsort(at_us)
        value = np.frombuffer(row["value"], ">f8").astype(np.float64)
        found[row["series_id"]] = Hours(at_us=at_us[order], value=value[order])
    return found


async def events(
    connection: AsyncConnection, asset_ids: Sequence[int], end_us: int
) -> dict[int, dict[str, NDArray[np.int64]]]:
    """By machine and code when it was reported before `end_us` (n,), ascending."""
    asked = {"assets": list(asset_ids), "end": from_us(end_us)}
    found: dict[int, dict[str, list[int]]] = {asset_id: {} for asset_id in asset_ids}
    for row in await (await connection.execute(_SQL["events"], asked, binary=True)).fetchall():
        found[row["asset_id"]].setdefault(row["code"], []).append(to_us(row["start_at"]))
    return {
        asset_id: {code: np.array(at_us, np.int64) for code, at_us in by_code.items()}
        for asset_id, by_code in found.items()
    }


async def failures(
    connection: AsyncConnection, asset_model_id: int, causes: Sequence[str], now_us: int
) -> dict[int, int]:
    """How often each machine of a model stopped for one of these causes before `now_us`, the most first."""
    asked = {"asset_model_id": asset_model_id, "causes": list(causes), "now": from_us(now_us)}
    rows = await (await connection.execute(_SQL["failures"], asked)).fetchall()
    return {row["id"]: row["failures"] for row in rows}


async def save(connection: AsyncConnection, made: Sequence[Made], now_us: int) -> int:
    """Store predictions, and how many are new; what was said of an instant before stays."""
    if not made:
        return 0
    risks = [each.prediction.risk or (None, None, None) for each in made]
    columns: dict[str, list[Any]] = {
        "asset_id": [each.asset_id for each in made],
        "component": [each.prediction.component for each in made],
        "at": [from_us(each.prediction.at_us) for each in made],
        "made_at": [from_us(now_us)] * len(made),
        "method": [each.prediction.method.value for each in made],
        "model_version_id": [each.model and each.model[0] for each in made],
        "model_name": [each.model and each.model[1] for each in made],
        "p10_h": [each.prediction.p10_h for each in made],
        "p50_h": [each.prediction.p50_h for each in made],
        "p90_h": [each.prediction.p90_h for each in made],
        "p_24h": [risk[0] for risk in risks],
        "p_7d": [risk[1] for risk in risks],
        "p_30d": [risk[2] for risk in risks],
        "health": [each.prediction.health for each in made],
        "latest_at": [None if each.latest_us is None else from_us(each.latest_us) for each in made],
        "reason": [each.prediction.reason for each in made],
        "evidence": [Jsonb(each.prediction.evidence) for each in made],
    }
    cursor = await connection.execute(_SQL["insert"], columns)
    return cursor.rowcount


def _machine(row: Mapping[str, Any]) -> Machine:
    return Machine(
        asset_id=row["id"],
        first_us=to_us(row["first_at"]),
        known_to_us=to_us(row["known_to"]),
        series=row["series"],
    )
