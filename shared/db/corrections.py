"""Corrections: a value that was reported is replaced, and what it was, why and by what is kept beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.db import notify
from shared.db.named import load
from shared.db.pool import Connection
from shared.db.telemetry import Readings, ReportedEvent
from shared.db.touched import minute_runs
from shared.instant import from_us, to_us

_SQL: Final = load("backfills")


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """Why values are replaced, and by which content of which file; one content corrects a value once."""

    reason: str
    source: str
    source_sha256: bytes
    now_us: int


def supersede_readings(
    connection: Connection, readings: Readings, places: NDArray[np.intp], correction: Correction
) -> NDArray[np.intp]:
    """Replace what is stored by the readings at these places; those that were replaced.

    In the caller's transaction, with a note of each former value and the minutes it touches marked.
    """
    if not len(places):
        return places
    at_us = readings.at_us[places]
    found = connection.execute(
        _SQL["supersede_readings"],
        {
            **_told(correction),
            "series_id": readings.series_id[places].tolist(),
            "at": [from_us(instant) for instant in at_us.tolist()],
            "value": readings.value[places].tolist(),
            "quality": readings.quality[places].tolist(),
            "asset_id": readings.asset_id[places].tolist(),
            "start": from_us(int(at_us.min())),
            "end": from_us(int(at_us.max())),
        },
    ).fetchall()
    replaced = places[np.sort(np.array([place for (place,) in found], np.intp))]
    at_us = readings.at_us[replaced]
    _mark(connection, readings.asset_id[replaced], at_us, at_us + readings.hold_us[replaced], correction)
    return replaced


def supersede_events(
    connection: Connection, events: Sequence[ReportedEvent], places: Sequence[int], correction: Correction
) -> list[int]:
    """Replace the ends of stored events by those of the events at these places; as `supersede_readings`."""
    ends = {event.key: event.end_us for event in reversed(events)}
    replaced: list[int] = []
    reached: list[int] = []
    for place in places:
        event = events[place]
        # An end that the same batch says otherwise before contradicts itself and corrects nothing.
        if event.end_us is None or ends[event.key] != event.end_us:
            continue
        told = {
            "asset_id": event.asset_id,
            "kind": event.kind.value,
            "start_at": from_us(event.start_us),
            "seq": event.seq,
            "code": event.code,
            "end_at": from_us(event.end_us),
            "topic": event.topic,
            "payload": event.payload,
        }
        found = connection.execute(_SQL["supersede_event"], {**_told(correction), **told}).fetchone()
        if found is not None:
            replaced.append(place)
            reached.append(max(to_us(found[0]), event.end_us, event.start_us + 1))
    _mark(
        connection,
        np.array([events[place].asset_id for place in replaced], np.int32),
        np.array([events[place].start_us for place in replaced], np.int64),
        np.array(reached, np.int64),
        correction,
    )
    return replaced


def _mark(
    connection: Connection, asset_id: NDArray[np.int32], start_us: NDArray[np.int64], end_us: NDArray[np.int64],
    correction: Correction,
) -> None:  # fmt: skip
    assets, starts, ends = minute_runs(asset_id, start_us, end_us)
    if len(assets):
        told = {
            "asset_id": assets.tolist(),
            "start_at": [from_us(start) for start in starts.tolist()],
            "end_at": [from_us(end) for end in ends.tolist()],
            "marked_at": from_us(correction.now_us),
        }
        connection.execute(_SQL["mark_dirty"], told)
        connection.execute(notify.WAKE, (notify.DIRTY,))


def _told(correction: Correction) -> dict[str, object]:
    return {
        "reason": correction.reason,
        "source": correction.source,
        "sha256": correction.source_sha256,
        "now": from_us(correction.now_us),
    }
