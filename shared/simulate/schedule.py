"""When what happens to each machine: the story of the history, and everyday stops drawn week by week without end."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from shared.simulate import script
from shared.simulate.machines import SENSORS, Machine, Model
from shared.simulate.noise import GRID_S, Purpose
from shared.simulate.truth import EFFECTS, Fault, FaultKind, Load, Replacement, Silence, Stop, Truth

_HOUR_S = 3_600
_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
# Keeps the numbers of weeks before the anchor, which name streams of chance, above zero.
_WEEK_ZERO = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Era:
    """The history begins at `start_s`; at `anchor_s` the demo was first started, and live begins. Epoch seconds."""

    start_s: int
    anchor_s: int

    @property
    def stretch(self) -> float:
        """Length of the history over that of the story."""
        return (self.anchor_s - self.start_s) / (script.STORY_DAYS * _DAY_S)

    @property
    def healthy_until_s(self) -> int:
        """End of the stretch at the start of the history in which no fault begins, on the grid."""
        return self.at(script.HEALTHY_DAYS)

    def at(self, story_day: float) -> int:
        """Epoch second of a day of the story, on the grid."""
        return _on_grid(self.start_s + story_day * _DAY_S * self.stretch)


@dataclass(frozen=True, kw_only=True, slots=True)
class Everyday:
    """A kind of stop of every week: how many a week on average, and its shortest and longest duration."""

    code: str
    a_week: float
    shortest_s: int
    longest_s: int


_EVERYDAY_OF = {
    Model.COMPRESSOR: (
        Everyday(code="R600", a_week=0.35, shortest_s=_HOUR_S, longest_s=4 * _HOUR_S),
        Everyday(code="F302", a_week=0.12, shortest_s=900, longest_s=3 * _HOUR_S),
        Everyday(code="M100", a_week=0.15, shortest_s=2 * _HOUR_S, longest_s=5 * _HOUR_S),
    ),
    Model.LINE: (
        Everyday(code="U410", a_week=3.0, shortest_s=600, longest_s=2_700),
        Everyday(code="F302", a_week=0.8, shortest_s=900, longest_s=4 * _HOUR_S),
        Everyday(code="M100", a_week=0.4, shortest_s=2 * _HOUR_S, longest_s=5 * _HOUR_S),
        Everyday(code="U420", a_week=0.25, shortest_s=1_200, longest_s=2 * _HOUR_S),
    ),
    Model.PUMP: (
        Everyday(code="E500", a_week=0.15, shortest_s=600, longest_s=2 * _HOUR_S),
        Everyday(code="F302", a_week=0.15, shortest_s=900, longest_s=2 * _HOUR_S),
        Everyday(code="M100", a_week=0.15, shortest_s=2 * _HOUR_S, longest_s=4 * _HOUR_S),
    ),
}


def truth_of(machine: Machine, era: Era, seed: int, until_s: int) -> Truth:
    """All that happens to a machine from the start of the history; stops are known that begin before `until_s`.

    A later `until_s` only adds stops: none moves, none goes.
    """
    faults, stops = _story(machine, era)
    for week in range((era.start_s - era.anchor_s) // _WEEK_S, (until_s - era.anchor_s) // _WEEK_S + 1):
        stops += _free(_everyday(machine, era, seed, week), stops)
    known = sorted((s for s in stops if era.start_s <= s.start_s < until_s), key=lambda stop: stop.start_s)
    return Truth(
        stops=tuple(known),
        faults=tuple(faults),
        silences=_silences(machine, era),
        replacements=_replacements(machine, era),
        loads=_loads(machine, era),
    )


def _story(machine: Machine, era: Era) -> tuple[list[Fault], list[Stop]]:
    told = [line for line in script.FAULTS if line.machine == machine.key]
    faults = [_fault(machine, era, line) for line in told]
    stops = [
        _stop(machine, line.code, fault.end_s, line.hours * era.stretch)
        for line, fault in zip(told, faults, strict=True)
    ]
    stops += [
        _stop(machine, line.code, era.at(line.day), line.hours * era.stretch)
        for line in (*script.STOPS, *script.REPLACEMENTS)
        if line.machine == machine.key
    ]
    if machine.key == script.LIVE_FAULT_MACHINE:
        fault = _live_fault(machine, era)
        faults.append(fault)
        stops.append(_stop(machine, script.LIVE_REPAIR_CODE, fault.end_s, script.LIVE_REPAIR_HOURS))
    return faults, stops


def _fault(machine: Machine, era: Era, line: script.FaultLine) -> Fault:
    end_s = era.at(line.day + line.days)
    return Fault(
        machine=machine.key,
        kind=line.kind,
        sensors=_moved(machine, line.kind),
        start_s=era.at(line.day),
        full_s=end_s,
        end_s=end_s,
        growth=line.growth,
    )


def _moved(machine: Machine, kind: FaultKind) -> tuple[str, ...]:
    return tuple(sensor for sensor in EFFECTS[kind] if sensor in SENSORS[machine.model])


def _replacements(machine: Machine, era: Era) -> tuple[Replacement, ...]:
    return tuple(
        Replacement(sensor=line.sensor, offset=line.offset, at_s=era.at(line.day))
        for line in script.REPLACEMENTS
        if line.machine == machine.key
    )


def _loads(machine: Machine, era: Era) -> tuple[Load, ...]:
    return tuple(
        Load(factor=line.factor, start_s=era.at(line.day), end_s=era.at(line.day + line.days))
        for line in script.LOADS
        if line.machine == machine.key
    )


def _silences(machine: Machine, era: Era) -> tuple[Silence, ...]:
    if machine.key != script.SILENT_MACHINE:
        return ()
    start_s, end_s = era.anchor_s + script.SILENT_START_S, era.anchor_s + script.SILENT_END_S
    return (Silence(machine=machine.key, start_s=start_s, end_s=end_s),)


def _live_fault(machine: Machine, era: Era) -> Fault:
    return Fault(
        machine=machine.key,
        kind=script.LIVE_FAULT_KIND,
        sensors=_moved(machine, script.LIVE_FAULT_KIND),
        start_s=era.anchor_s + script.LIVE_FAULT_START_S,
        full_s=era.anchor_s + script.LIVE_FAULT_FULL_S,
        end_s=_on_grid(era.anchor_s + script.LIVE_FAULT_END_S),
        growth=1.0,
    )


def _everyday(machine: Machine, era: Era, seed: int, week: int) -> Iterator[Stop]:
    chance = np.random.default_rng((seed, machine.number, Purpose.STOPS, _WEEK_ZERO + week))
    week_s = era.anchor_s + week * _WEEK_S
    for kind in _EVERYDAY_OF[machine.model]:
        for _ in range(chance.poisson(kind.a_week)):
            start_s = week_s + int(chance.integers(_WEEK_S))
            duration_s = int(chance.integers(kind.shortest_s, kind.longest_s))
            yield _stop(machine, kind.code, start_s, duration_s / _HOUR_S)


def _stop(machine: Machine, code: str, start_s: int, hours: float) -> Stop:
    """Ends on the grid, so that the first sample after it already shows the machine running."""
    end_s = max(_on_grid(start_s + hours * _HOUR_S), _on_grid(start_s) + 2 * GRID_S)
    return Stop(machine=machine.key, code=code, text=script.TEXTS[code], start_s=start_s, end_s=end_s)


def _free(candidates: Iterable[Stop], taken: list[Stop]) -> list[Stop]:
    """Those that keep an hour's distance from all others; of two that do not, the first."""
    found: list[Stop] = []
    for stop in candidates:
        others = (*taken, *found)
        if all(stop.end_s + _HOUR_S <= other.start_s or other.end_s + _HOUR_S <= stop.start_s for other in others):
            found.append(stop)
    return found


def _on_grid(at_s: float) -> int:
    return int(at_s // GRID_S) * GRID_S
