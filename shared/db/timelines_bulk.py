"""The timelines of many assets at once, as columns: their events, what is stored of them, and what differs, in bulk.

What columns cannot say (what people settled, announcements, telemetry) is left to `shared.db.timeline`, one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.db import binary_copy
from shared.db.binary_copy import POSTGRES_EPOCH_US
from shared.db.dirty import Window
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.db.subjects import Subject
from shared.instant import from_us
from shared.model.facts import Category, Meaning, Party
from shared.timeline import UNMAPPED
from shared.timeline_columns import OPEN, Days, Events, Flags, Lines, Stretches, Times

_SQL: Final = load("timelines_bulk")
_STATE: Final = np.dtype([("id", ">i8"), ("start", ">i8"), ("seq", ">i8"), ("code", ">i8")])
_SPOKEN: Final = np.dtype([("id", ">i8"), ("start", ">i8"), ("end", ">i8"), ("seq", ">i8"), ("code", ">i8")])
_STORED: Final = np.dtype([("start", ">i8"), ("end", ">i8"), ("event", ">i8"), ("meaning", ">i8")])
Key = tuple[Category, str, Party]
# A meaning that none of the models has now.
_FOREIGN: Final = -2
_MUTE: Final = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Assets to derive together, each in one window; `meanings` are all that their codes have.

    `codes` are the hashes of the codes, and `means[o, m, c]` the place of what code c means to the model m of a line
    (`model`, shape (lines,)), with what an unmapped code means in the last column; o is 1 for what has no end, which
    says nothing (negative) when it means information unavailable. `hashes` are those of the meanings.
    """

    asset: NDArray[np.int32]
    customer: NDArray[np.int32]
    lines: Lines
    model: NDArray[np.intp]
    meanings: tuple[Meaning, ...]
    codes: NDArray[np.int64]
    means: NDArray[np.int32]
    hashes: NDArray[np.int64]


async def batch(connection: AsyncConnection, windows: Sequence[tuple[Subject, Window]]) -> Batch:
    """What a batch is made of; every subject is one that is told by its events alone."""
    models: dict[tuple[tuple[str, Meaning], ...], int] = {}
    model = [models.setdefault(tuple(subject.meanings.items()), len(models)) for subject, _ in windows]
    meanings = tuple(dict.fromkeys([UNMAPPED, *(meaning for codes in models for _, meaning in codes)]))
    texts = sorted({code for codes in models for code, _ in codes})
    hashes = await _hashes(connection, "word_hashes", {"texts": texts})
    place = {text: column for column, text in enumerate(texts)}
    means = np.full((2, len(models), len(texts) + 1), meanings.index(UNMAPPED), np.int32)
    for codes, number in models.items():
        for code, meaning in codes:
            means[:, number, place[code]] = meanings.index(meaning)
            if meaning.category is Category.IU:
                means[1, number, place[code]] = _MUTE
    return Batch(
        asset=np.array([subject.asset_id for subject, _ in windows], np.int32),
        customer=np.array([subject.customer_id for subject, _ in windows], np.int32),
        lines=Lines(
            start=np.array([window.start_us for _, window in windows], np.int64),
            end=np.array([window.end_us for _, window in windows], np.int64),
        ),
        model=np.array(model, np.intp),
        meanings=meanings,
        codes=hashes,
        means=means,
        hashes=await _hashes(connection, "meaning_hashes", _columns(meanings)),
    )


async def events(connection: AsyncConnection, batch: Batch) -> tuple[Events, Flags]:
    """The events that speak of each line's window, with the state that held before it.

    And of which lines (n,) there is more to say than columns can.
    """
    found = await _windows(connection, "events", batch, batch.lines)
    parts = [_events(batch, found, "states", _STATE), _events(batch, found, "spoken", _SPOKEN)]
    rows = Events.joined(parts) if len(parts[1]) else parts[0]
    return rows, np.array([row["has_more"] for row in found], np.bool_)


async def stretches(connection: AsyncConnection, batch: Batch, reach: Lines) -> tuple[Stretches, Flags]:
    """What is stored of each line and overlaps or touches the window `reach` gives it, whole.

    And of which lines (n,) there is more to say than columns can.
    """
    found = await _windows(connection, "stretches", batch, reach)
    line, stored = _joined(found, "rows", _STORED)
    told = stored["meaning"].astype(np.int64)
    meaning = np.full(len(told), _FOREIGN, np.int32)
    for place, known in enumerate(batch.hashes.tolist()):
        meaning[told == known] = place
    start, end = _since_1970(stored["start"]), _since_1970(stored["end"])
    rows = Stretches(line=line, start=start, end=end, meaning=meaning, event=stored["event"].astype(np.int64))
    return rows, np.array([row["has_more"] for row in found], np.bool_)


async def timelines(
    connection: AsyncConnection, asset_ids: Sequence[int], start_us: int, end_us: int
) -> tuple[Stretches, tuple[Key, ...]]:
    """The timelines of assets, a line each in their order, as far as they overlap `[start_us, end_us)`, whole.

    And what their meanings are.
    """
    count = len(asset_ids)
    asked = {
        "assets": list(asset_ids),
        "starts": [from_us(start_us)] * count,
        "ends": [from_us(end_us)] * count,
    }
    found = await (await connection.execute(_SQL["stretches"], asked, binary=True)).fetchall()
    line, stored = _joined(found, "rows", _STORED)
    hashes, meaning = np.unique(stored["meaning"].astype(np.int64), return_inverse=True)
    rows = Stretches(
        line=line,
        start=_since_1970(stored["start"]),
        end=_since_1970(stored["end"]),
        meaning=meaning.astype(np.int32),
        event=stored["event"].astype(np.int64),
    )
    return rows, await _keys(connection, asset_ids, hashes.tolist())


async def _keys(connection: AsyncConnection, asset_ids: Sequence[int], hashes: Sequence[int]) -> tuple[Key, ...]:
    """The meanings of the hashes: every meaning in a timeline is in the cube."""
    rows = await (await connection.execute(_SQL["keys"], {"assets": list(asset_ids)})).fetchall()
    keys = {row["hash"]: (Category(row["category"]), row["cause"], Party(row["party"])) for row in rows}
    return tuple(keys[known] for known in hashes)


def is_foreign(rows: Stretches) -> Flags:
    """Whether what a stored stretch means is none of the batch's meanings, so that it cannot be written again."""
    return rows.meaning == _FOREIGN


async def save(connection: AsyncConnection, batch: Batch, stored: Stretches, gone: Flags, fresh: Stretches) -> None:
    """Take the `gone` ones of the `stored` stretches out of the timelines and put `fresh` in."""
    if gone.any():
        # What lies side by side goes in one step: runs of rows of one line with nothing kept between them.
        at = np.flatnonzero(gone)
        line = stored.line[at]
        begins = np.append(True, (np.diff(at) > 1) | (np.diff(line) != 0))
        first, last = at[begins], at[np.append(begins[1:], True)]
        spans = stored.start[first], stored.start[last]
        await _delete(connection, "delete_stretches", batch.asset[stored.line[first]], *spans)
    if len(fresh):
        line = fresh.line
        span = binary_copy.timestamps(fresh.start), binary_copy.timestamps(fresh.end)
        columns = [batch.customer[line], batch.asset[line], *span, fresh.event, fresh.meaning]
        await _insert(connection, "stretches", batch, columns)


async def save_days(connection: AsyncConnection, batch: Batch, days: Lines, rows: Days) -> None:
    """Replace the cube of the whole days `[start, end)` of each line by `rows`; lines of no time keep theirs."""
    line = np.flatnonzero(days.start < days.end).astype(np.int32)
    if len(line):
        await _delete(connection, "delete_days", batch.asset[line], days.start[line], days.end[line] - 1)
    if len(rows):
        line = rows.line
        day = binary_copy.timestamps(rows.day)
        columns = [batch.customer[line], batch.asset[line], day, rows.duration, rows.meaning]
        await _insert(connection, "days", batch, columns)


def _events(batch: Batch, found: Sequence[Mapping[str, Any]], name: str, row: np.dtype[Any]) -> Events:
    line, told = _joined(found, name, row)
    is_state = row is _STATE
    end = np.full(len(line), OPEN) if is_state else told["end"].astype(np.int64)
    if not is_state:
        # PostgreSQL's infinity is the greatest number, as ours is.
        is_open = end == OPEN
        end[~is_open] += POSTGRES_EPOCH_US
    return Events(
        line=line,
        start=_since_1970(told["start"]),
        end=end,
        meaning=_meaning(batch, line, told["code"].astype(np.int64), is_open=end == OPEN),
        event=told["id"].astype(np.int64),
        seq=told["seq"].astype(np.int64),
        is_state=np.full(len(line), is_state),
    )


def _since_1970(at: NDArray[Any]) -> Times:
    return at.astype(np.int64) + POSTGRES_EPOCH_US


def _meaning(batch: Batch, line: NDArray[np.int32], code: NDArray[np.int64], *, is_open: Flags) -> NDArray[np.int32]:
    place = np.full(len(code), len(batch.codes))
    for column, known in enumerate(batch.codes.tolist()):
        place[code == known] = column
    if len(batch.means[0]) == 1:
        means = batch.means[:, 0]
        return np.where(is_open, means[1][place], means[0][place])
    return batch.means[is_open.astype(np.intp), batch.model[line], place]


def _joined(
    found: Sequence[Mapping[str, Any]], name: str, row: np.dtype[Any]
) -> tuple[NDArray[np.int32], NDArray[np.void]]:
    """The rows of all lines in one piece, with the line of each."""
    sent = [part[name] or b"" for part in found]
    line = np.repeat(np.arange(len(sent), dtype=np.int32), [len(part) // row.itemsize for part in sent])
    return line, np.frombuffer(b"".join(sent), row)


def _columns(meanings: Sequence[Meaning]) -> dict[str, Any]:
    return {
        "categories": [meaning.category.value for meaning in meanings],
        "causes": [meaning.cause for meaning in meanings],
        "parties": [meaning.party.value for meaning in meanings],
    }


def _times(at_us: NDArray[np.int64]) -> list[Any]:
    return [from_us(us) for us in at_us.tolist()]


async def _hashes(connection: AsyncConnection, query: str, asked: dict[str, Any]) -> NDArray[np.int64]:
    rows = await (await connection.execute(_SQL[query], asked)).fetchall()
    return np.array([row["hash"] for row in rows], np.int64)


async def _windows(connection: AsyncConnection, query: str, batch: Batch, windows: Lines) -> list[dict[str, Any]]:
    asked = {"assets": batch.asset.tolist(), "starts": _times(windows.start), "ends": _times(windows.end)}
    return await (await connection.execute(_SQL[query], asked, binary=True)).fetchall()


async def _delete(
    connection: AsyncConnection,
    query: str,
    asset: NDArray[np.int32],
    first: Times,
    last: Times,
) -> None:
    asked = {"assets": asset.tolist(), "firsts": _times(first), "lasts": _times(last)}
    await connection.execute(_SQL[query], asked)


async def _insert(connection: AsyncConnection, what: str, batch: Batch, columns: Sequence[NDArray[Any]]) -> None:
    """Rows by way of a table of this session."""
    await connection.execute(_SQL[f"stage_{what}"])
    await connection.execute(_SQL[f"empty_{what}"])
    async with connection.cursor() as cursor, cursor.copy(_SQL[f"copy_{what}"]) as copy:
        await copy.write(binary_copy.encode(columns))
    await connection.execute(_SQL[f"insert_{what}"], _columns(batch.meanings))
