"""What is foretold of the machines of a model, and by what rule a failure is announced."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """A part that fails: a failure is a stop with one of `causes`.

    `limits`: of sensors, in their units, the value at which the machine must not run on.
    """

    name: str
    causes: frozenset[str]
    limits: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeRule:
    """A failure is announced when its probability within `within_us` reaches `risk`.

    When more than `false_quota` of those decided within a year were false, none is given until that is so no longer.
    """

    risk: float
    within_us: int
    false_quota: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Prognosis:
    """Predictions are made at the multiples of `every_us` since 1970; `notice` None: nothing is announced."""

    every_us: int
    components: tuple[Component, ...]
    notice: NoticeRule | None


def of_json(stored: Mapping[str, Any]) -> Prognosis:
    """As `as_json` wrote it."""
    rule = stored["notice"]
    return Prognosis(
        every_us=stored["every_us"],
        components=tuple(
            Component(name=each["name"], causes=frozenset(each["causes"]), limits=each["limits"])
            for each in stored["components"]
        ),
        notice=None if rule is None else NoticeRule(**rule),
    )


def as_json(prognosis: Prognosis) -> dict[str, Any]:
    """Plain JSON, equal for equal values."""
    rule = prognosis.notice
    return {
        "every_us": prognosis.every_us,
        "components": [
            {"name": each.name, "causes": sorted(each.causes), "limits": dict(sorted(each.limits.items()))}
            for each in prognosis.components
        ],
        "notice": rule and {"risk": rule.risk, "within_us": rule.within_us, "false_quota": rule.false_quota},
    }
