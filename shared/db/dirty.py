"""What must be derived again: claimed by asset, settled in the transaction that saves what was derived."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import MINUTE_US, from_us, to_us

_SQL = load("dirty")
# The first key of the advisory locks on assets; the second is the asset's id.
_LOCK = 730_051
# Shared by passes, so that nothing is dropped while one derives from it (shared.db.retention).
HORIZON_LOCK = 7_300_510_002


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Time `[start_us, end_us)` of one asset."""

    start_us: int
    end_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """An asset that is this worker's until its transaction ends, and the windows to derive: ordered, none touching.

    The windows end at `until_us`: now, or where a clock ahead of ours carried the asset to; `rest` lies beyond that
    and stays dirty. `marked` is what was said to be dirty, in whole minutes; the windows reach as far as it bears on.
    `has_sensors`: there may be readings to sum up, and to watch.
    """

    asset_id: int
    has_sensors: bool
    windows: tuple[Window, ...]
    rest: Window | None
    marked: tuple[Window, ...]
    until_us: int


async def spread(connection: AsyncConnection) -> None:
    """Make the marks of ingest's batches marks of single assets, which can be claimed."""
    may_be_more = True
    while may_be_more:
        cursor = await connection.execute(_SQL["spread"])
        row = await cursor.fetchone()
        may_be_more = row is not None and row["may_be_more"]


async def claim(connection: AsyncConnection, now_us: int, *, sensing: int, telling: int) -> list[Claim]:
    """Claim assets with work, the longest waiting first: at most `sensing` with sensors, and `telling` without any.

    Their dirty marks are gone when this commits. To be called in a transaction. Assets another worker holds are passed
    over.
    """
    now = from_us(now_us)
    await connection.execute(_SQL["hold_horizon"], {"lock": HORIZON_LOCK})
    most = {"sensing": sensing, "telling": telling}
    cursor = await connection.execute(_SQL["claim"], most | {"now": now, "lock": _LOCK})
    due = {row["asset_id"]: row for row in await cursor.fetchall()}
    cursor = await connection.execute(_SQL["take"], {"assets": list(due), "now": now})
    taken: dict[int, list[Window]] = {asset_id: [] for asset_id in due}
    for row in await cursor.fetchall():
        taken[row["asset_id"]].append(Window(start_us=to_us(row["start_at"]), end_us=to_us(row["end_at"])))
    marks = {asset_id: coalesce(map(_in_whole_minutes, windows)) for asset_id, windows in taken.items()}
    carried_us = {
        asset_id: now_us if row["carried_to"] is None else to_us(row["carried_to"]) for asset_id, row in due.items()
    }
    until_us = {asset_id: max(now_us, carried_us[asset_id]) for asset_id in due}
    reached = await _reach(connection, marks, until_us)
    claims = []
    for asset_id, row in due.items():
        windows = reached[asset_id]
        if row["holds"]:
            windows.append(Window(start_us=carried_us[asset_id], end_us=until_us[asset_id]))
        inside, rest = parted(coalesce(windows), until_us[asset_id])
        claims.append(
            Claim(
                asset_id=asset_id,
                has_sensors=row["has_sensors"],
                windows=inside,
                rest=rest,
                marked=tuple(marks[asset_id]),
                until_us=until_us[asset_id],
            )
        )
    return claims


def _in_whole_minutes(window: Window) -> Window:
    """No mark ends before a minute it touches is over, so that rollups of whole minutes miss none."""
    end_us = -(-window.end_us // MINUTE_US) * MINUTE_US
    return Window(start_us=window.start_us // MINUTE_US * MINUTE_US, end_us=end_us)


def coalesce(windows: Iterable[Window]) -> list[Window]:
    """The same time in the fewest windows: ordered, none touching another."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda w: w.start_us):
        if merged and window.start_us <= merged[-1].end_us:
            merged[-1] = Window(start_us=merged[-1].start_us, end_us=max(merged[-1].end_us, window.end_us))
        else:
            merged.append(window)
    return merged


def parted(windows: Sequence[Window], until_us: int) -> tuple[tuple[Window, ...], Window | None]:
    """The parts of ordered `windows` before `until_us`, and one window from there to the end of the rest, if any."""
    inside = tuple(
        Window(start_us=w.start_us, end_us=min(w.end_us, until_us)) for w in windows if w.start_us < until_us
    )
    end_us = max((window.end_us for window in windows), default=until_us)
    return inside, Window(start_us=until_us, end_us=end_us) if end_us > until_us else None


async def settle(connection: AsyncConnection, claims: Sequence[Claim], now_us: int) -> None:
    """The claimed assets are derived up to now; what was marked beyond it stays dirty."""
    await _mark(connection, [(claim.asset_id, claim.rest) for claim in claims if claim.rest is not None], now_us)
    parameters = {"assets": [claim.asset_id for claim in claims], "now": from_us(now_us)}
    await connection.execute(_SQL["carried"], parameters)


async def put_back(connection: AsyncConnection, claim: Claim, now_us: int) -> None:
    """What was claimed could not be derived: it is dirty again, and last in the queue."""
    windows = [*claim.windows, *([] if claim.rest is None else [claim.rest])]
    await _mark(connection, [(claim.asset_id, window) for window in windows], now_us)


async def waiting(connection: AsyncConnection, now_us: int) -> int:
    """How many dirty marks wait."""
    cursor = await connection.execute(_SQL["count"], {"now": from_us(now_us)})
    row = await cursor.fetchone()
    return row["waiting"] if row else 0


async def _mark(connection: AsyncConnection, marks: Sequence[tuple[int, Window]], now_us: int) -> None:
    await connection.execute(
        _SQL["mark"],
        {
            "assets": [asset_id for asset_id, _ in marks],
            "starts": [from_us(window.start_us) for _, window in marks],
            "ends": [from_us(window.end_us) for _, window in marks],
            "now": from_us(now_us),
        },
    )


async def _reach(
    connection: AsyncConnection, marks: Mapping[int, Sequence[Window]], until_us: Mapping[int, int]
) -> dict[int, list[Window]]:
    """By asset, its marks as far as what they tell bears on."""
    marked = [(asset_id, window) for asset_id, windows in marks.items() for window in windows]
    reached: dict[int, list[Window]] = {asset_id: [] for asset_id in marks}
    if marked:
        asked = {
            "assets": [asset_id for asset_id, _ in marked],
            "starts": [from_us(window.start_us) for _, window in marked],
            "ends": [from_us(window.end_us) for _, window in marked],
            "untils": [from_us(until_us[asset_id]) for asset_id, _ in marked],
        }
        for row in await (await connection.execute(_SQL["reach"], asked)).fetchall():
            window = Window(start_us=to_us(row["start_at"]), end_us=to_us(row["end_at"]))
            reached[row["asset_id"]].append(window)
    return reached
