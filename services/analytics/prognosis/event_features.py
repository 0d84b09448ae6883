"""Second stage of the hazard from events: what a machine looked like at an instant, from its events up to it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.analytics.prognosis.event_history import Array, EventHistory, Times, count_within, hours_since, merged
from shared.instant import DAY_US, HOUR_US

# Look-back windows for counts, in hours: a day, two, a week, a month.
WINDOWS_H: Final = (24, 48, 168, 720)
_LONG_H: Final = 90 * 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """What kinds of error, components and properties there are, each in order of name; others are not looked at.

    `words` holds the values of each property that is a word, None of one that is a number.
    """

    errors: tuple[str, ...]
    components: tuple[str, ...]
    words: dict[str, tuple[str, ...] | None]

    @classmethod
    def of(cls, histories: Sequence[EventHistory]) -> "Vocabulary":
        """All that occurs in `histories`; a property is a number only if it is one on each machine that has it."""
        errors = {kind for history in histories for kind, at_us in history.errors.items() if at_us.size}
        components = {
            part
            for each in histories
            for known in (each.replacements, each.failures)
            for part in known
            if known[part].size
        }
        values: dict[str, list[float | str]] = {}
        for history in histories:
            for name, value in history.properties.items():
                values.setdefault(name, []).append(value)
        words = {
            name: tuple(sorted({str(value) for value in found}))
            if any(isinstance(value, str) for value in found)
            else None
            for name, found in sorted(values.items())
        }
        return cls(errors=tuple(sorted(errors)), components=tuple(sorted(components)), words=words)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of `features`, in order."""
        error = [
            f"{what} {kind}"
            for kind in self.errors
            for what in ("hours since", "hour of day of", *(f"count {hours} h of" for hours in WINDOWS_H))
        ]
        part = [
            f"{what} {each}"
            for each in self.components
            for what in ("hours since renewal of", "hours since failure of")
        ]
        machine = ("kinds of error in 24 h", "hours since visit", "hours since failure", "failures in 90 d")
        return (*error, *part, *machine, *self.words)

    def as_parts(self) -> dict[str, Any]:
        """As plain lists and names."""
        words = {name: None if known is None else list(known) for name, known in self.words.items()}
        return {"errors": list(self.errors), "components": list(self.components), "words": words}

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> "Vocabulary":
        """The inverse of `as_parts`."""
        words = {name: None if known is None else tuple(known) for name, known in parts["words"].items()}
        return cls(errors=tuple(parts["errors"]), components=tuple(parts["components"]), words=words)


def features(history: EventHistory, at_us: Times, vocabulary: Vocabulary) -> Array:
    """What is known of `history` at each of `at_us` (n,), from events at or before it: (n, len(vocabulary.names)).

    NaN: it has not happened yet, or the property is not known.
    """
    never = np.empty(0, dtype=np.int64)
    columns: list[Array] = []
    for kind in vocabulary.errors:
        times_us = history.errors.get(kind, never)
        since = hours_since(times_us, at_us)
        columns += [since, (at_us % DAY_US / HOUR_US - since) % 24]
        columns += [count_within(times_us, at_us, hours) for hours in WINDOWS_H]
    for part in vocabulary.components:
        columns += [
            hours_since(history.renewed_us(part), at_us),
            hours_since(history.failures.get(part, never), at_us),
        ]
    return np.column_stack([*columns, *_machine(history, at_us), *_properties(history, at_us, vocabulary)])


def _machine(history: EventHistory, at_us: Times) -> list[Array]:
    kinds = np.zeros(at_us.size)
    for each in history.errors.values():
        kinds += count_within(each, at_us, 24) > 0
    failures_us = merged(history.failures.values())
    visits_us = merged((*history.replacements.values(), failures_us))
    return [
        kinds,
        hours_since(visits_us, at_us),
        hours_since(failures_us, at_us),
        count_within(failures_us, at_us, _LONG_H),
    ]


def _properties(history: EventHistory, at_us: Times, vocabulary: Vocabulary) -> list[Array]:
    return [
        np.full(at_us.size, _property(history.properties.get(name), known)) for name, known in vocabulary.words.items()
    ]


def _property(value: float | str | None, known: tuple[str, ...] | None) -> float:
    """The number itself, or the place of a word among the known ones; NaN for what is not known."""
    if known is None:
        return value if isinstance(value, (int, float)) else np.nan
    return float(known.index(str(value))) if value is not None and str(value) in known else np.nan
