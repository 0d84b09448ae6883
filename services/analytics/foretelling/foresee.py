"""Prediction, its making: what can be said of a machine's components at instants, each from the time up to it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from services.analytics.learning.life import LifeModels
from services.analytics.learning.lives import Array, Life, Line, Times
from services.analytics.learning.material import Past
from services.analytics.learning.risk import history_of
from services.analytics.prognosis.choose import Ageing, Risk, choose, recommend
from services.analytics.prognosis.events import HazardModel
from services.analytics.prognosis.trend import Absent, Extrapolation, NoTrend, extrapolate
from services.analytics.prognosis.weibull import GENERAL, Lifetime, Lives, Prior, TooFew, fit, fleet_prior
from shared.instant import DAY_US, HOUR_US
from shared.model.foretelling import Component
from shared.model.prognosis import Method, Prediction
from shared.model.registry import Purpose

# A sensor is looked at as far back as the farthest horizon lies ahead; without a trend there, over half a year.
_LOOKS_BACK_US: Final = (30 * DAY_US, 180 * DAY_US)
# After so long a stop nobody knows how a sensor stands.
_STALE_US: Final = DAY_US
_DAY_ROWS: Final = 24
# How much a machine runs is taken from its last month.
_SHARE_US: Final = 30 * DAY_US
# Lifetimes are fitted anew with each failure, and each week for the lives that went on.
_WEEK_US: Final = 7 * DAY_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A registered model as loaded: `trained_to_us` is the last instant it knows; `model` None: refused, `why_not`."""

    id: int
    name: str
    purpose: Purpose
    trained_to_us: int
    model: HazardModel | LifeModels | None
    why_not: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreseen:
    """A prediction of a machine: by which registered version, and by when to see to the component."""

    asset_id: int
    prediction: Prediction
    version: Version | None
    latest_us: int | None


class Lifetimes:
    """How long the components of a model of machines last, as known at an instant; each is fitted once.

    `lines`: the machines of the model; `others`: those of other models, by a component's name.
    """

    def __init__(self, lines: Sequence[Line], others: Mapping[str, Sequence[Sequence[Line]]]) -> None:
        self._lines, self._others = lines, others
        self._failed = {
            name: np.sort(np.array([us for line in lines for us in line.failures_us(name)], np.int64))
            for name in {name for line in lines for name in line.renewals}
        }
        self._fitted: dict[tuple[str, int], Lifetime | TooFew] = {}

    def of(self, component: str, at_us: int) -> Lifetime | TooFew:
        """The lifetime by what was known at the last failure, or the start of the week, before `at_us`."""
        failed = self._failed.get(component, np.empty(0, np.int64))
        last = int(failed[place - 1]) + 1 if (place := int(np.searchsorted(failed, at_us))) else 0
        known_us = max(last, at_us // _WEEK_US * _WEEK_US)
        key = component, known_us
        if key not in self._fitted:
            groups = [lives_of(lines, component, known_us) for lines in self._others.get(component, ())]
            prior = fleet_prior([each for each in groups if each is not None]) or GENERAL
            self._fitted[key] = _fitted(lives_of(self._lines, component, known_us), prior)
        return self._fitted[key]


def _fitted(lives: Lives | None, prior: Prior) -> Lifetime | TooFew:
    return TooFew(failures=0, needed=2) if lives is None else fit(lives, prior)


def lives_of(lines: Sequence[Line], component: str, at_us: int) -> Lives | None:
    """The lives of a component on machines by `at_us`, in operating hours; None without any."""
    found: list[tuple[float, bool]] = []
    for line in lines:
        for life in line.lives(component, at_us) if line.first_us < at_us else ():
            start, end = line.hours_run(np.array([life.start_us, min(life.end_us, line.known_us)], np.int64))
            if end > start:
                found.append((float(end - start), life.failed))
    if not found:
        return None
    return Lives(
        entered_h=np.zeros(len(found)),
        ended_h=np.array([hours for hours, _ in found]),
        failed=np.array([failed for _, failed in found], np.bool_),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spoken:
    """What the registered models that may speak at an instant say, by component; those are `versions`."""

    versions: dict[Purpose, Version] = field(default_factory=dict)
    risks: dict[str, Risk] = field(default_factory=dict)
    lives: dict[str, Prediction] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Seen:
    """A machine's past, and the means of the sensors with limits over the hours in which it ran, read once."""

    past: Past
    means: Mapping[str, tuple[Times, Array]]

    def of(self, sensor: str, start_us: int, end_us: int) -> tuple[Times, Array]:
        """Hours (n,) wholly in `[start_us, end_us)`, and their means (n,)."""
        hours_us, values = self.means[sensor]
        low, high = np.searchsorted(hours_us, [start_us, end_us - HOUR_US + 1]).tolist()
        return hours_us[low:high], values[low:high, 0]


def foresee(
    past: Past, components: Sequence[Component], at_us: Times, lifetimes: Lifetimes, versions: Sequence[Version]
) -> list[Foreseen]:
    """What can be said at each of `at_us` (n,), ascending, by instant and component.

    Of `versions` of a purpose the first that knew nothing of the time after an instant speaks for it.
    """
    spoken = _spoken(past, components, at_us, versions)
    seen = _Seen(
        past=past,
        means={
            sensor: past.means((sensor,), past.line.first_us, past.line.known_us)
            for component in components
            for sensor in component.limits
        },
    )
    return [
        _foreseen(seen, component, int(instant), lifetimes, spoken[int(instant)])
        for instant in at_us
        for component in components
    ]


def _foreseen(seen: _Seen, component: Component, at_us: int, lifetimes: Lifetimes, spoken: _Spoken) -> Foreseen:
    prediction = _one(seen, component, at_us, lifetimes, spoken)
    for version in spoken.versions.values():
        if version.model is None:
            words = f"{prediction.reason}; {version.name} not used: {version.why_not}"
            prediction = replace(prediction, reason=words)
    advice = recommend(prediction)
    if advice is not None:
        prediction = replace(prediction, evidence=prediction.evidence | {"recommendation": advice.reason})
    return Foreseen(
        asset_id=seen.past.machine.asset_id,
        prediction=prediction,
        version=_named(prediction, spoken),
        latest_us=None if advice is None else advice.latest_us,
    )


def _named(prediction: Prediction, spoken: _Spoken) -> Version | None:
    """The registered model that is among those that speak."""
    methods = {each["method"] for each in prediction.evidence.get("methods", ())}
    if Method.RUN_TO_FAILURE.value in methods:
        return spoken.versions[Purpose.REMAINING_LIFE]
    return spoken.versions[Purpose.FAILURE_RISK] if Method.EVENTS.value in methods else None


def _spoken(
    past: Past, components: Sequence[Component], at_us: Times, versions: Sequence[Version]
) -> dict[int, _Spoken]:
    """By instant what the versions say that may speak; each is asked once."""
    spoken = {int(instant): _Spoken() for instant in at_us}
    for version in versions:
        asked = np.array([at for at, each in spoken.items() if _may_speak(version, at, each)], np.int64)
        for instant in asked.tolist():
            spoken[instant].versions[version.purpose] = version
        if not asked.size:
            continue
        if isinstance(version.model, HazardModel):
            history = history_of(past, int(asked[-1]) + 1)
            for component, chances in version.model.risk(history, asked).items():
                for instant, (day, week, month) in zip(asked.tolist(), chances.tolist(), strict=True):
                    spoken[instant].risks[component] = (day, week, month)
        elif version.model is not None:
            for component in components:
                for instant, said in version.model.foresee(past, component.name, asked).items():
                    spoken[instant].lives[component.name] = said
    return spoken


def _may_speak(version: Version, at_us: int, spoken: _Spoken) -> bool:
    return version.trained_to_us <= at_us and version.purpose not in spoken.versions


def _one(seen: _Seen, component: Component, at_us: int, lifetimes: Lifetimes, spoken: _Spoken) -> Prediction:
    line = seen.past.line
    lives = line.lives(component.name, at_us)
    if not lives or lives[-1].end_us != at_us:
        since = line.until(component.name, at_us)[-1]
        return _out_of_order(component.name, at_us, failed=since.failed)
    return choose(
        component.name,
        at_us,
        run_to_failure=spoken.lives.get(component.name),
        hazard=spoken.risks.get(component.name),
        ageing=_ageing(line, lives[-1], at_us, lifetimes.of(component.name, at_us)),
        trends={name: _trend(seen, component.name, name, limit, at_us) for name, limit in component.limits.items()},
    )


def _out_of_order(component: str, at_us: int, *, failed: bool) -> Prediction:
    why = "it has failed and is not back in operation" if failed else "it is being replaced"
    return Prediction(
        component=component, at_us=at_us, method=Method.NONE, p10_h=None, p50_h=None, p90_h=None, risk=None,
        health=0.0 if failed else None, reason=f"nothing is foretold: {why}", evidence={},
    )  # fmt: skip


def _ageing(line: Line, life: Life, at_us: int, lifetime: Lifetime | TooFew) -> Ageing | TooFew | None:
    if isinstance(lifetime, TooFew):
        return lifetime
    since_us = max(life.start_us, at_us - _SHARE_US)
    born, before, now = line.hours_run(np.array([life.start_us, since_us, at_us], np.int64)).tolist()
    share = (now - before) * HOUR_US / (at_us - since_us)
    if share <= 0:
        return None
    return Ageing(lifetime=lifetime, age_h=now - born, operating_share=min(share, 1.0))


def _trend(seen: _Seen, component: str, sensor: str, limit: float, at_us: int) -> Extrapolation | NoTrend:
    since_us = seen.past.line.seen_by(component, at_us)
    _, first = seen.of(sensor, since_us, min(since_us + _WEEK_US, at_us))
    first = first[np.isfinite(first)]
    # Whether the limit lies above or below is told by how the component was in its first week; past it is at it.
    clip = np.maximum if first.size and np.median(first) > limit else np.minimum
    found: Extrapolation | NoTrend | None = None
    for back_us in _LOOKS_BACK_US:
        if found is not None and since_us >= at_us - _LOOKS_BACK_US[0]:
            break
        hours_us, values = seen.of(sensor, max(since_us, at_us - back_us), at_us)
        if not len(hours_us) or hours_us[-1] < at_us - _STALE_US - HOUR_US:
            reason = "no value of an hour in which the machine ran since the day before"
            return NoTrend(why=Absent.TOO_LITTLE_DATA, reason=reason, evidence={})
        values = clip(values, limit)
        # Once a day was past the limit, how it got there says nothing more.
        if np.median(values[-_DAY_ROWS:]) == limit:
            hours_us, values = hours_us[-_DAY_ROWS:], values[-_DAY_ROWS:]
        found = extrapolate((hours_us + HOUR_US - at_us) / HOUR_US, values, limit)
        if isinstance(found, Extrapolation):
            break
    assert found is not None
    return found
