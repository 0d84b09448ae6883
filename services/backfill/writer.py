"""One transaction after the other: rows, corrections, quarantine and the position they lead to; then others' turn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from services.ingest.batch import Batch, rejections
from shared.db import backfills, corrections, quarantine, telemetry
from shared.db.backfills import Position
from shared.db.corrections import Correction
from shared.db.pool import Connection
from shared.db.telemetry import Stored

_LONGEST_REST_S: Final = 2.0


@dataclass(kw_only=True, slots=True)
class Written:
    """What became of what the files say.

    `rows_done_before`: stored by an earlier run, which refused `refused_before`; `rested_s`: time left to others.
    """

    readings: int = 0
    events: int = 0
    duplicates: int = 0
    corrected: int = 0
    conflicts: int = 0
    quarantined: int = 0
    nulls: int = 0
    rows_done_before: int = 0
    refused_before: int = 0
    rested_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """Writes on a connection that is the database's one backfill; `written` counts."""

    connection: Connection
    written: Written
    reason: str | None
    clock_us: Callable[[], int]

    def commit(self, batches: Sequence[Batch], reached: Position) -> Position:
        """Store the batches with the position they lead to, and rest if others have written meanwhile.

        The position returned is the one that was noted: it counts what was quarantined too. Raises UnavailableError,
        RefusedError; nothing of the batches is stored then.
        """
        started = time.monotonic()
        counts = Written()
        with telemetry.transaction(self.connection):
            now_us = self.clock_us()
            for batch in batches:
                self._store(batch, reached, counts, now_us)
            noted = replace(reached, refused=reached.refused + counts.quarantined)
            backfills.note(self.connection, noted, now_us)
        self._count(counts)
        self._rest(time.monotonic() - started)
        return noted

    def _store(self, batch: Batch, reached: Position, counts: Written, now_us: int) -> None:
        stored = telemetry.store(self.connection, batch.facts)
        backfills.note_facts(self.connection, stored.newest_us)
        if self.reason is not None:
            correction = Correction(
                reason=self.reason, source=reached.file, source_sha256=reached.file_sha256, now_us=now_us
            )
            before = len(stored.conflicting_readings) + len(stored.conflicting_events)
            stored = self._corrected(batch, stored, correction)
            counts.corrected += before - len(stored.conflicting_readings) - len(stored.conflicting_events)
        faults = batch.faults(stored)
        # The same file may come again years later and says nothing new then.
        quarantine.insert(self.connection, rejections(batch.messages, faults), now_us, within_us=now_us)
        counts.readings += stored.readings
        counts.events += stored.events
        counts.duplicates += batch.checked.duplicates + stored.duplicate_readings + stored.duplicate_events
        counts.conflicts += len(batch.checked.conflicting)
        counts.conflicts += len(stored.conflicting_readings) + len(stored.conflicting_events)
        counts.quarantined += len(faults)
        counts.nulls += batch.checked.null_values

    def _corrected(self, batch: Batch, stored: Stored, correction: Correction) -> Stored:
        """What is stored once the conflicts that can be are corrections."""
        readings = corrections.supersede_readings(
            self.connection, batch.facts.readings, stored.conflicting_readings, correction
        )
        events = corrections.supersede_events(
            self.connection, batch.facts.events, stored.conflicting_events, correction
        )
        return replace(
            stored,
            conflicting_readings=np.setdiff1d(stored.conflicting_readings, readings),
            conflicting_events=tuple(place for place in stored.conflicting_events if place not in events),
        )

    def _count(self, counts: Written) -> None:
        for name in Written.__slots__:
            setattr(self.written, name, getattr(self.written, name) + getattr(counts, name))

    def _rest(self, taken_s: float) -> None:
        if backfills.others_wrote(self.connection):
            rest_s = min(taken_s, _LONGEST_REST_S)
            time.sleep(rest_s)
            self.written.rested_s += rest_s
