"""How assets are watched: settings, when they became other machines, the models of each such time, what is in use."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.types.json import Json, Jsonb

from shared.db.dirty import Window
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us, to_us
from shared.model.detector import DetectorSettings

_SQL: Final = load("watching")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModel:
    """What the last training left: a model, or the reason why there is none. `sha256` is over canonical JSON.

    `circumstances`: the settings and the healthy window it was made with, and whether it was `refused`.
    """

    id: int
    sha256: str
    circumstances: dict[str, Any]

    @property
    def is_refused(self) -> bool:
        return self.circumstances.get("refused") is not None

    @property
    def settings(self) -> DetectorSettings | None:
        """None: an earlier release stored it, and said nothing of them."""
        told = self.circumstances.get("settings")
        return None if told is None else _settings(told)

    @property
    def healthy(self) -> Window | None:
        """The window it was trained on; None as above."""
        bounds = self.circumstances.get("healthy")
        return None if bounds is None else Window(start_us=bounds[0], end_us=bounds[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What is in use since the latest reset: the healthy window, and the drift noticed; None: none.

    `origin` of the window: declared or found. `checked_us`: as far as the timeline was known when this was written;
    `searched_us`: when a stable stretch was last looked for in vain. `is_outdated`: the model in use was trained with
    other settings, or on another window, and what a new one would learn from is no longer kept.
    """

    healthy: Window | None
    origin: str | None
    reset_us: int | None
    reset_by: str | None
    drift: Any
    checked_us: int
    searched_us: int | None = None
    is_outdated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """An asset with a detector.

    `declared` is its healthy window, if somebody named one. Its timeline is known in `[known_from_us, known_to_us)`,
    both 0 when it has none; its open finding began at `open_since_us`; readings before `readings_from_us` are no longer
    kept. `resets`: when it became another machine, and why, in order. `models` by the reset they hold from, None: from
    the beginning.
    """

    asset_id: int
    settings: DetectorSettings
    declared: Window | None
    series: dict[str, int]
    known_from_us: int
    known_to_us: int
    open_since_us: int | None
    readings_from_us: int
    resets: tuple[tuple[int, str], ...]
    models: Mapping[int | None, StoredModel]
    state: State | None


async def watched(connection: AsyncConnection, asset_ids: Collection[int]) -> list[Watched]:
    """How assets are watched, in order of their ids; those whose model has no detector are left out."""
    assets = {"assets": list(asset_ids)}
    rows = await (await connection.execute(_SQL["watched"], assets)).fetchall()
    resets: dict[int, list[tuple[int, str]]] = {row["asset_id"]: [] for row in rows}
    models: dict[int, dict[int | None, StoredModel]] = {row["asset_id"]: {} for row in rows}
    assets = {"assets": list(resets)}
    for row in await (await connection.execute(_SQL["resets"], assets)).fetchall():
        resets[row["asset_id"]].append((to_us(row["at"]), row["cause"]))
    for row in await (await connection.execute(_SQL["models"], assets)).fetchall():
        since_us = None if row["valid_from"] is None else to_us(row["valid_from"])
        stored = StoredModel(id=row["id"], sha256=row["sha256"], circumstances=row["circumstances"])
        models[row["asset_id"]][since_us] = stored
    return [_watched(row, resets[row["asset_id"]], models[row["asset_id"]]) for row in rows]


def _watched(
    row: Mapping[str, Any], resets: Sequence[tuple[int, str]], models: Mapping[int | None, StoredModel]
) -> Watched:
    declared = None
    if row["healthy_from"] is not None and row["healthy_to"] is not None:
        declared = Window(start_us=to_us(row["healthy_from"]), end_us=to_us(row["healthy_to"]))
    return Watched(
        asset_id=row["asset_id"],
        settings=_settings(row["detector"]),
        declared=declared,
        series=row["series"],
        known_from_us=to_us(row["known_from"]) if row["known_from"] else 0,
        known_to_us=to_us(row["known_to"]) if row["known_to"] else 0,
        open_since_us=to_us(row["open_since"]) if row["open_since"] else None,
        readings_from_us=to_us(row["readings_from"]) if row["readings_from"] else 0,
        resets=tuple(resets),
        models=models,
        state=_state(row) if row["checked_at"] else None,
    )


def _state(row: Mapping[str, Any]) -> State:
    healthy = None
    if row["origin"] is not None:
        healthy = Window(start_us=to_us(row["state_from"]), end_us=to_us(row["state_to"]))
    return State(
        healthy=healthy,
        origin=row["origin"],
        reset_us=None if row["reset_at"] is None else to_us(row["reset_at"]),
        reset_by=row["reset_by"],
        drift=row["drift"],
        checked_us=to_us(row["checked_at"]),
        searched_us=None if row["searched_at"] is None else to_us(row["searched_at"]),
        is_outdated=row["is_outdated"],
    )


def _settings(detector: dict[str, Any]) -> DetectorSettings:
    return DetectorSettings(
        sensors=tuple(detector["sensors"]),
        drivers=tuple(detector["drivers"]),
        bucket_us=detector["bucket_us"],
        open_after=detector["open_after"],
        close_after=detector["close_after"],
        false_alarms_per_month=detector["false_alarms_per_month"],
    )


async def note_resets(connection: AsyncConnection, windows: Sequence[tuple[int, Window]]) -> dict[int, int]:
    """Follow what the timelines of assets say in windows about resets; by asset, the first one that came or went."""
    asked = {
        "assets": [asset_id for asset_id, _ in windows],
        "starts": [from_us(window.start_us) for _, window in windows],
        "ends": [from_us(window.end_us) for _, window in windows],
    }
    found: dict[int, list[tuple[int, int, str]]] = {asset_id: [] for asset_id, _ in windows}
    for row in await (await connection.execute(_SQL["read_resets"], asked)).fetchall():
        found[row["asset_id"]].append((to_us(row["start_at"]), to_us(row["end_at"]), row["cause"]))
    known = await (await connection.execute(_SQL["resets"], asked)).fetchall()
    concerned = {asset_id for asset_id, stretches in found.items() if stretches} | {row["asset_id"] for row in known}
    changed: dict[int, int] = {}
    for asset_id, window in windows:
        if asset_id in concerned:
            moved = await _replace_resets(connection, asset_id, window, found[asset_id])
            if moved:
                changed[asset_id] = min(*moved, changed.get(asset_id, moved[0]))
    return changed


async def _replace_resets(
    connection: AsyncConnection, asset_id: int, window: Window, stretches: Sequence[tuple[int, int, str]]
) -> list[int]:
    inside = [s for s in stretches if s[0] <= window.end_us and s[1] >= window.start_us]
    last = {end: cause for _, end, cause in inside}
    low = min([window.start_us, *(start for start, _, _ in inside)])
    high = max([window.end_us, *(end for _, end, _ in inside)])
    at = [from_us(end) for end in last]
    span = {"asset_id": asset_id, "start": from_us(low), "end": from_us(high), "kept": at}
    moved = await (await connection.execute(_SQL["drop_resets"], span)).fetchall()
    if last:
        told = {"asset_id": asset_id, "at": at, "cause": list(last.values())}
        moved += await (await connection.execute(_SQL["save_resets"], told)).fetchall()
    return [to_us(row["at"]) for row in moved]


async def parameters(connection: AsyncConnection, model_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """What stored models are made of, by id."""
    rows = await (await connection.execute(_SQL["parameters"], {"ids": list(model_ids)})).fetchall()
    return {row["id"]: row["parameters"] for row in rows}


async def save_model(
    connection: AsyncConnection,
    asset_id: int,
    *,
    since_us: int | None,
    detector: str,
    healthy: Window,
    parameters: dict[str, Any],
    circumstances: dict[str, Any],
    sha256: str,
    now_us: int,
) -> StoredModel:
    """Store what a training left, from now on the current one of the time since `since_us`; the same is one row."""
    cursor = await connection.execute(
        _SQL["save_model"],
        {
            "asset_id": asset_id,
            "detector": detector,
            "trained_from": from_us(healthy.start_us),
            "trained_to": from_us(healthy.end_us),
            "trained_at": from_us(now_us),
            "parameters": Json(parameters),
            "sha256": sha256,
            "valid_from": None if since_us is None else from_us(since_us),
            "circumstances": Jsonb(circumstances),
        },
    )
    [row] = await cursor.fetchall()
    return StoredModel(id=row["id"], sha256=sha256, circumstances=circumstances)


async def known_bad(connection: AsyncConnection, asset_id: int, window: Window) -> list[Window]:
    """When in a window somebody has confirmed a finding, whether or not scoring still finds it."""
    asked = {"asset_id": asset_id, "start": from_us(window.start_us), "end": from_us(window.end_us)}
    rows = await (await connection.execute(_SQL["known_bad"], asked)).fetchall()
    return [Window(start_us=to_us(row["start_at"]), end_us=to_us(row["end_at"])) for row in rows]


async def save_state(connection: AsyncConnection, asset_id: int, state: State) -> None:
    """Make this what is in use for an asset."""
    healthy = state.healthy
    await connection.execute(
        _SQL["save_state"],
        {
            "asset_id": asset_id,
            "healthy_from": healthy and from_us(healthy.start_us),
            "healthy_to": healthy and from_us(healthy.end_us),
            "origin": state.origin,
            "reset_at": None if state.reset_us is None else from_us(state.reset_us),
            "reset_by": state.reset_by,
            "drift": None if state.drift is None else Jsonb(state.drift),
            "checked_at": from_us(state.checked_us),
            "searched_at": None if state.searched_us is None else from_us(state.searched_us),
            "is_outdated": state.is_outdated,
        },
    )
