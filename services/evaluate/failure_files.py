"""`vouch evaluate failures`, first stage: files of events, told by their columns, to one history a machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from services.analytics.prognosis.event_history import EventHistory, Times
from services.evaluate.tables import Table, read
from shared.errors import Fault, SpecError, VouchError

_TIMES: Final = ("datetime", "timestamp", "time", "date", "at", "start")
_MACHINES: Final = ("machineid", "machine", "assetid", "asset", "unitid", "unit", "equipmentid", "equipment")
_FILES: Final = ("*.csv", "*.csv.gz")


class Kind(StrEnum):
    """What a row of a file is."""

    ERRORS = "errors"
    FAILURES = "failures"
    REPLACEMENTS = "replacements"
    MACHINES = "machines"


# A column whose name contains one of these says what happened; the first kind that fits is taken.
_SAYS: Final = (
    (Kind.FAILURES, ("fail", "breakdown")),
    (Kind.ERRORS, ("error", "alarm", "fault", "code")),
    (Kind.REPLACEMENTS, ("comp", "part", "maint", "replace")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Histories by name of the machine, of what kind each file was taken for, and which files were passed over.

    `first` and `last` tell the ends of the observation: instant, file and line. `notes` are for people.
    """

    histories: tuple[EventHistory, ...]
    files: dict[str, str]
    left_out: dict[str, str]
    first: str
    last: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Role:
    """What a table is, and which of its columns says when, which machine and what; None: it has none."""

    kind: Kind
    machine: str
    time: str | None
    what: str | None


def find(paths: Sequence[Path], separator: str = ",") -> Found:
    """Read files, and the CSV files of folders. VouchError for a named file that is no table of events or machines.

    The observation of every machine is that of all: from the first error or failure to the last. VouchError when there
    is no failure at all, or an observation of no length; SpecError names file, line and column of a bad cell.
    """
    errors: dict[str, dict[str, list[int]]] = {}
    failures: dict[str, dict[str, list[int]]] = {}
    replacements: dict[str, dict[str, list[int]]] = {}
    properties: dict[str, dict[str, float | str]] = {}
    files: dict[str, str] = {}
    left_out: dict[str, str] = {}
    by_kind = {Kind.ERRORS: errors, Kind.FAILURES: failures, Kind.REPLACEMENTS: replacements}
    ends: list[tuple[int, str]] = []
    each_once, notes = _each(paths)
    for path, is_named in each_once:
        table = read(path, separator)
        role = _role(table)
        if isinstance(role, str):
            if is_named:
                raise SpecError(table.source, [Fault("header", role)])
            left_out[table.source] = role
        elif role.kind is Kind.MACHINES:
            _take_properties(table, role, properties)
            files[table.source] = role.kind.value
        else:
            span = _take_events(table, role, by_kind[role.kind])
            ends += [] if role.kind is Kind.REPLACEMENTS else span
            files[table.source] = role.kind.value
    if not failures:
        reason = "--events: no failure on record: a table with columns for time, machine and failure is needed"
        raise VouchError("\n".join([reason, *(f"  left out {source}: {why}" for source, why in left_out.items())]))
    (_, first), (_, last) = min(ends), max(ends)
    return Found(
        histories=_histories(errors, failures, replacements, properties), files=files, left_out=left_out,
        first=first, last=last, notes=tuple(notes),
    )  # fmt: skip


def _each(paths: Sequence[Path]) -> tuple[list[tuple[Path, bool]], list[str]]:
    """Each file once, and whether it was named itself; a note for each that was given again."""
    seen: set[Path] = set()
    once: list[tuple[Path, bool]] = []
    notes: list[str] = []
    for path in paths:
        inside = sorted({each for pattern in _FILES for each in path.glob(pattern)}) if path.is_dir() else [path]
        if not inside:
            raise VouchError(f"--events: {path} holds no CSV file")
        for each in inside:
            if each.resolve() in seen:
                notes.append(f"{each}: is given again, read once")
            else:
                seen.add(each.resolve())
                once.append((each, not path.is_dir()))
    return once, notes


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _role(table: Table) -> _Role | str:
    """What the table is, or why it is nothing that is known."""
    if len(table.names) == 1:
        return f"has one column only, {table.names[0]!r}: is --separator another one?"
    plain = {_plain(name): name for name in table.names}
    machine = next((plain[name] for name in _MACHINES if name in plain), None)
    time = next((plain[name] for name in _TIMES if name in plain), None)
    if machine is None:
        return f"no column names the machine ({', '.join(_MACHINES)})"
    if time is None:
        return _Role(kind=Kind.MACHINES, machine=machine, time=None, what=None)
    others = [name for name in table.names if name not in {machine, time}]
    for kind, words in _SAYS:
        for name in others:
            if any(word in name.lower() for word in words):
                return _Role(kind=kind, machine=machine, time=time, what=name)
    return "no column says which error, failure or component: its name would contain one of these words"


def _take_events(table: Table, role: _Role, into: dict[str, dict[str, list[int]]]) -> list[tuple[int, str]]:
    """Take the events in; the first and the last instant, with words for it and its place."""
    assert role.time is not None
    assert role.what is not None
    named = zip(table.read(role.machine, _word), table.read(role.what, _word), strict=True)
    times_us = table.instants_us(role.time)
    for (machine, what), at_us in zip(named, times_us.tolist(), strict=True):
        into.setdefault(machine, {}).setdefault(what, []).append(at_us)
    rows = [int(times_us.argmin()), int(times_us.argmax())] if len(times_us) else []
    cells = table.cells(role.time)
    return [(int(times_us[row]), f"{cells[row]} ({table.source}, line {table.lines[row]})") for row in rows]


def _word(cell: str) -> str:
    if not cell:
        raise ValueError("is empty")
    return cell


def _take_properties(table: Table, role: _Role, into: dict[str, dict[str, float | str]]) -> None:
    """A column of numbers throughout is a number, else a word; an empty cell is not known."""
    machines = table.read(role.machine, _word)
    twice = next((row for row, machine in enumerate(machines) if machine in machines[:row]), None)
    if twice is not None:
        table.refuse([table.fault(twice, role.machine, f"{machines[twice]!r} is there twice")])
    for name in table.names:
        if name == role.machine:
            continue
        cells = table.cells(name)
        try:
            values: Sequence[float | str] = table.numbers(name, may_miss=True).tolist()
        except SpecError:
            values = cells
        for machine, cell, value in zip(machines, cells, values, strict=True):
            if cell and value == value:  # noqa: PLR0124 (NaN: not known)
                into.setdefault(machine, {})[name] = value


def _histories(
    errors: dict[str, dict[str, list[int]]],
    failures: dict[str, dict[str, list[int]]],
    replacements: dict[str, dict[str, list[int]]],
    properties: dict[str, dict[str, float | str]],
) -> tuple[EventHistory, ...]:
    observed = [
        at_us for known in (errors, failures) for each in known.values() for times in each.values() for at_us in times
    ]
    first, last = min(observed), max(observed)
    if first == last:
        raise VouchError("--events: all errors and failures are of one instant: there is no time to learn from")
    machines = sorted({*errors, *failures, *replacements, *properties})
    return tuple(
        EventHistory(
            name=machine,
            from_us=first,
            to_us=last + 1,
            errors=_sorted(errors.get(machine, {})),
            replacements=_sorted(replacements.get(machine, {})),
            failures=_sorted(failures.get(machine, {})),
            properties=properties.get(machine, {}),
        )
        for machine in machines
    )


def _sorted(events: dict[str, list[int]]) -> dict[str, Times]:
    """Each instant once, in order: a repeated line tells nothing new."""
    return {what: np.unique(np.array(times, dtype=np.int64)) for what, times in sorted(events.items())}
