"""The machines of a line to the line's own time: it stands when its bottleneck does, by what stopped first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.contracts.facts import Facts, Window
from shared.contracts.terms import Contract, Machine
from shared.model.facts import Category, Interval
from shared.timeline import durations, splice

# What is not a stop: making something, and time nobody knows of.
_NOT_STOPPED = {Category.FP, Category.PP, Category.IU}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stop:
    """Unbroken standstill: of one machine, or of several whose standstills overlap; `root` began it."""

    start_us: int
    end_us: int
    root: Interval


def as_lines(contract: Contract, facts: Facts, window: Window) -> tuple[Facts, tuple[str, ...]]:
    """The facts with each line's time made of its parts' intervals, and what people must know of it.

    Stops under the line's own name are stops of its bottleneck. A line of whose parts no stop is on record keeps the
    facts under its own name.
    """
    timelines, known, notes = dict(facts.timelines), dict(facts.durations), []
    for machine in contract.machines:
        parts = {part: _intervals(facts, machine, part) for part in machine.parts}
        if machine.bottleneck is None or not any(_stops(intervals) for intervals in parts.values()):
            continue
        bottleneck = parts.pop(machine.bottleneck, ())
        if not bottleneck:
            notes.append(f"{machine.name}: nothing known of its bottleneck {machine.bottleneck}, its own facts count")
            continue
        own = facts.timelines.get(machine.name, ())
        timelines[machine.name] = line_of(_with_own_stops(bottleneck, own), list(parts.values()))
        known[machine.name] = durations(timelines[machine.name], window.start_us, window.until_us)
    return replace(facts, timelines=timelines, durations=known), tuple(notes)


def line_of(bottleneck: Sequence[Interval], others: Sequence[Sequence[Interval]]) -> list[Interval]:
    """The line's ordered, disjoint intervals: the bottleneck's, each of its stops one interval of the root's fact.

    The root is the first to stop in the unbroken standstill that the bottleneck's stop is part of: of machines whose
    standstills overlap, one after the other. Of two that stop in one instant the bottleneck is the root, then the
    first named.
    """
    stops = [_stops(intervals) for intervals in (bottleneck, *others)]
    roots = _unbroken([stop for each in stops for stop in each])
    line = [interval for interval in bottleneck if interval.category in _NOT_STOPPED]
    for stop in stops[0]:
        root = next(each.root for each in roots if each.start_us <= stop.start_us < each.end_us)
        line.append(replace(root, start_us=stop.start_us, end_us=stop.end_us))
    return sorted(line, key=lambda interval: interval.start_us)


def _intervals(facts: Facts, machine: Machine, part: str) -> Sequence[Interval]:
    """A part is named within its line, `L7/filler`, or alone."""
    timelines: Mapping[str, Sequence[Interval]] = facts.timelines
    return timelines.get(f"{machine.name}/{part}", timelines.get(part, ()))


def _with_own_stops(bottleneck: Sequence[Interval], own: Sequence[Interval]) -> list[Interval]:
    """The bottleneck's intervals, and where they are no stop those stops that are told of the whole line."""
    stops = [interval for interval in bottleneck if interval.category not in _NOT_STOPPED]
    line = list(bottleneck)
    for interval in own:
        if interval.category not in _NOT_STOPPED:
            line = splice(line, [interval], interval.start_us, interval.end_us)
    for stop in stops:
        line = splice(line, [stop], stop.start_us, stop.end_us)
    return line


def _stops(intervals: Sequence[Interval]) -> list[_Stop]:
    """One machine's stops: what touches is one."""
    stops: list[_Stop] = []
    for interval in intervals:
        if interval.category in _NOT_STOPPED:
            continue
        if stops and stops[-1].end_us == interval.start_us:
            stops[-1] = replace(stops[-1], end_us=interval.end_us)
        else:
            stops.append(_Stop(start_us=interval.start_us, end_us=interval.end_us, root=interval))
    return stops


def _unbroken(stops: list[_Stop]) -> list[_Stop]:
    """Standstills of several machines that overlap made one; sorting keeps the order of machines within an instant."""
    united: list[_Stop] = []
    for stop in sorted(stops, key=lambda each: each.start_us):
        if united and stop.start_us < united[-1].end_us:
            united[-1] = replace(united[-1], end_us=max(united[-1].end_us, stop.end_us))
        else:
            united.append(stop)
    return united
