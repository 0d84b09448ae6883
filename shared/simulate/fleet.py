"""The fleet as its gateways would report it: messages over any stretch of time, the same each time they are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from shared.simulate.machines import MACHINES, Machine
from shared.simulate.noise import GRID_S, Instants
from shared.simulate.schedule import Era, truth_of
from shared.simulate.signals import readings
from shared.simulate.truth import Stop, Truth
from shared.topics import Channel, Topic

# Samples in one message of a stretch: eight hours on the grid.
_PACK = 96
# The truth is worked out this far ahead at a time.
_AHEAD_S = 28 * 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One MQTT message and how many readings it carries."""

    topic: str
    payload: bytes
    readings: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Messages of all machines; with them everything up to and including `until_s` has been said."""

    until_s: int
    messages: tuple[Message, ...]


class Fleet:
    """All machines of the demo, from the start of the era without end."""

    def __init__(self, era: Era, seed: int) -> None:
        self._era = era
        self._seed = seed
        self._known_to_s = era.anchor_s
        self._truths: dict[str, Truth] = {}
        self._know(era.anchor_s)

    def truth(self, until_s: int) -> dict[str, Truth]:
        """What happens to each machine (by `site/asset`), with the stops that begin before `until_s`."""
        return {machine.key: truth_of(machine, self._era, self._seed, until_s) for machine in MACHINES}

    def stretch(self, after_s: int, until_s: int) -> Iterator[Batch]:
        """What was not sent live, `after_s < t <= until_s`: samples on the 5-minute grid, packed; closed stops.

        Stops still open at the end come last. Nothing lies before the start of the era.
        """
        self._know(until_s)
        begin_s = after_s = max(after_s, self._era.start_s - 1)
        while after_s < until_s:
            batch_until_s = min(until_s, (after_s // GRID_S + _PACK) * GRID_S)
            at_s = np.arange((after_s // GRID_S + 1) * GRID_S, batch_until_s + 1, GRID_S, dtype=np.int64)
            messages = [message for machine in MACHINES for message in self._telemetry(machine, at_s, packed=True)]
            messages += self._ended(after_s, batch_until_s)
            if batch_until_s == until_s:
                messages += self._begun(begin_s, until_s)
            yield Batch(until_s=batch_until_s, messages=tuple(messages))
            after_s = batch_until_s

    def moment(self, after_s: int, at_s: int) -> Batch:
        """What is said live at the whole second `at_s`: one sample a machine, and stops that began or ended since."""
        self._know(at_s)
        instant = np.array([at_s], dtype=np.int64)
        messages = [*self._ended(after_s, at_s), *self._begun(after_s, at_s)]
        messages += [message for machine in MACHINES for message in self._telemetry(machine, instant, packed=False)]
        return Batch(until_s=at_s, messages=tuple(messages))

    def last_samples(self, until_s: int) -> dict[str, int]:
        """By machine (`site/asset`) the last instant of the grid up to `until_s` at which it was not silent."""
        last: dict[str, int] = {}
        for key, truth in self.truth(until_s).items():
            at_s = until_s // GRID_S * GRID_S
            for silence in truth.silences:
                if silence.start_s <= at_s < silence.end_s:
                    at_s = (silence.start_s - 1) // GRID_S * GRID_S
            last[key] = at_s
        return last

    def _know(self, until_s: int) -> None:
        if not self._truths or until_s >= self._known_to_s:
            self._known_to_s = until_s + _AHEAD_S
            self._truths = self.truth(self._known_to_s)

    def _telemetry(self, machine: Machine, at_s: Instants, *, packed: bool) -> Iterator[Message]:
        truth = self._truths[machine.key]
        for silence in truth.silences:
            at_s = at_s[(at_s < silence.start_s) | (at_s >= silence.end_s)]
        if not at_s.size:
            return
        values = readings(machine, truth, self._seed, at_s)
        names = tuple(values)
        samples = [
            {"ts": ts, "values": dict(zip(names, row, strict=True))}
            for ts, *row in zip((at_s * 1_000).tolist(), *(value.tolist() for value in values.values()), strict=True)
        ]
        yield _message(
            machine, Channel.TELEMETRY, samples if packed else samples[0], readings=len(samples) * len(names)
        )

    def _ended(self, after_s: int, until_s: int) -> Iterator[Message]:
        """Stops that ended in `after_s < t <= until_s`."""
        for machine, stop in self._stops():
            if after_s < stop.end_s <= until_s and not self._is_silent(machine, stop.end_s):
                yield _message(machine, Channel.EVENT, _event(stop, stop.end_s))

    def _begun(self, after_s: int, until_s: int) -> Iterator[Message]:
        """Stops that began in `after_s < t <= until_s` and still last at its end."""
        for machine, stop in self._stops():
            if after_s < stop.start_s <= until_s < stop.end_s and not self._is_silent(machine, stop.start_s):
                yield _message(machine, Channel.EVENT, _event(stop, None))

    def _stops(self) -> Iterator[tuple[Machine, Stop]]:
        for machine in MACHINES:
            for stop in self._truths[machine.key].stops:
                yield machine, stop

    def _is_silent(self, machine: Machine, at_s: int) -> bool:
        return any(silence.start_s <= at_s < silence.end_s for silence in self._truths[machine.key].silences)


def _event(stop: Stop, end_s: int | None) -> dict[str, Any]:
    end_ms = None if end_s is None else end_s * 1_000
    return {"start": stop.start_s * 1_000, "end": end_ms, "code": stop.code, "text": stop.text, "seq": 0}


def _message(machine: Machine, channel: Channel, content: object, *, readings: int = 0) -> Message:
    topic = Topic(customer=machine.customer, site=machine.site, asset=machine.slug, channel=channel)
    return Message(topic=str(topic), payload=msgspec.json.encode(content), readings=readings)
