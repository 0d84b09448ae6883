"""Learning, one lesson: the remaining life of components from histories of sensors up to failures. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from services.analytics.learning.artefacts import digest
from services.analytics.learning.lesson import Learnt, Loss, Refused
from services.analytics.learning.lives import Array, Life, Times
from services.analytics.learning.material import Past
from services.analytics.prognosis import run_to_failure
from services.analytics.prognosis.calibration import at_level
from services.analytics.prognosis.histories import History
from services.analytics.prognosis.run_to_failure import Estimates, LifeModel
from shared.instant import DAY_US, HOUR_US
from shared.model.prognosis import HORIZONS_H, Method, Prediction
from shared.model.registry import Purpose

SEED: Final = 0
LEVELS: Final = (0.1, 0.5, 0.9)
# Steps a history may have: a model that looks at each hour of years learns nothing more from it.
_STEPS_H: Final = (1, 6, 24, 168)
_MOST_STEPS: Final = 500
# After so long without a value nobody knows how the machine is.
_STALE_US: Final = DAY_US
_ASKED_US: Final = 6 * HOUR_US


@dataclass(frozen=True, kw_only=True, slots=True)
class LifeModels:
    """By component how such machines wear out, read from `sensors` and `drivers` in steps of so many hours."""

    sensors: tuple[str, ...]
    drivers: tuple[str, ...]
    step_h: dict[str, int]
    by_component: dict[str, LifeModel] = field(repr=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """Whose values it looks at."""
        return self.sensors + self.drivers

    def as_parts(self) -> dict[str, Any]:
        """For skops."""
        return {
            "sensors": list(self.sensors),
            "drivers": list(self.drivers),
            "step_h": self.step_h,
            "components": {name: each.as_parts() for name, each in self.by_component.items()},
        }

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> "LifeModels":
        """The inverse of `as_parts`."""
        return cls(
            sensors=tuple(parts["sensors"]),
            drivers=tuple(parts["drivers"]),
            step_h=parts["step_h"],
            by_component={name: LifeModel.from_parts(each) for name, each in parts["components"].items()},
        )

    def along(self, past: Past, component: str, life: Life) -> tuple[Times, Estimates] | None:
        """When each estimate of a life was possible (n,), and what it says, each from the rows up to it."""
        model = self.by_component.get(component)
        history = model and history_of(past, life, self.sensors, self.drivers, self.step_h[component])
        if model is None or history is None:
            return None
        found = model.along(history)
        return life.start_us + np.round(found.at_h * HOUR_US).astype(np.int64), found

    def foresee(self, past: Past, component: str, at_us: Times) -> dict[int, Prediction]:
        """Predictions by instant, where the component was in operation and lately seen."""
        found: dict[int, Prediction] = {}
        for life in past.line.lives(component, past.line.known_us):
            inside = at_us[(at_us > life.start_us) & (at_us <= life.end_us)]
            along = self.along(past, component, life) if inside.size else None
            if along is None:
                continue
            known_us, estimates = along
            places = np.searchsorted(known_us, inside, side="right") - 1
            for at, place in zip(inside.tolist(), places.tolist(), strict=True):
                step_us = self.step_h[component] * HOUR_US
                if place >= 0 and at - int(known_us[place]) <= step_us + _STALE_US:
                    lag_h = (at - int(known_us[place])) / HOUR_US
                    lives = self.by_component[component].lives
                    found[at] = _prediction(component, at, _only(estimates, place), lag_h, lives)
        return found


def history_of(past: Past, life: Life, sensors: Sequence[str], drivers: Sequence[str], step_h: int) -> History | None:
    """A life as means over steps in which the machine ran, by calendar hours since the component was new; None: no row.

    A step counts at its end: nothing of it is known before.
    """
    hours_us, values = past.means((*sensors, *drivers), life.start_us, life.end_us)
    step = (hours_us - life.start_us) // (step_h * HOUR_US)
    ends_us = life.start_us + (step + 1) * step_h * HOUR_US
    whole = ends_us <= life.end_us
    if not whole.any():
        return None
    first = np.flatnonzero(np.diff(step[whole], prepend=-1))
    known = np.isfinite(values[whole])
    sums = np.add.reduceat(np.where(known, values[whole], 0.0), first, axis=0)
    counts = np.add.reduceat(known, first, axis=0)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return History(
        name=f"{past.machine.asset_id} {life.start_us}",
        at_h=(ends_us[whole][first] - life.start_us) / HOUR_US,
        values=means[:, : len(sensors)],
        drivers=means[:, len(sensors) :],
        failed=life.failed,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LifeLesson:
    """The remaining life of `components` from `sensors`, in the regimes that `drivers` make."""

    components: tuple[str, ...]
    sensors: tuple[str, ...]
    drivers: tuple[str, ...]
    purpose: Purpose = Purpose.REMAINING_LIFE
    metric: str = "pinball loss in hours"

    def learn(self, pasts: Sequence[Past], until_us: int) -> Learnt | Refused:
        """From what was known before `until_us`; refused where no component has enough lives that ended in failure."""
        models: dict[str, LifeModel] = {}
        steps: dict[str, int] = {}
        refused: list[str] = []
        blocks: list[bytes] = []
        for component in self.components:
            steps[component], histories = self._histories(pasts, component, until_us)
            found = (
                run_to_failure.train(histories, seed=SEED)
                if histories
                else Refused(reason="no machine was seen running")
            )
            if isinstance(found, LifeModel):
                models[component] = found
                blocks += [component.encode(), *(block for each in histories for block in _blocks(each))]
            else:
                refused.append(f"{component}: {found.reason}")
        if not models:
            return Refused(reason="; ".join(refused) or "no component")
        learnt = LifeModels(sensors=self.sensors, drivers=self.drivers, step_h=steps, by_component=models)
        return Learnt(
            method=run_to_failure.NAME,
            parts=learnt.as_parts(),
            features=(*self.sensors, *self.drivers),
            calibration={"refused": refused, "step_h": steps, "cap_h": {name: m.cap_h for name, m in models.items()}},
            data_sha256=digest(blocks),
            rows=sum(len(block) for block in blocks) // 8,
            seed=SEED,
        )

    def loss(self, parts: dict[str, Any], pasts: Sequence[Past], start_us: int, end_us: int) -> Loss:
        """The mean pinball loss of the quantiles along lives that ended in failure in `[start_us, end_us)`."""
        models = LifeModels.from_parts(parts)
        errors: list[Array] = []
        for past, component, life in self._failed(pasts, start_us, end_us):
            at_us = _asked(life, start_us)
            said = models.foresee(past, component, at_us)
            named = [(each.p10_h, each.p50_h, each.p90_h) for each in said.values()]
            left = (life.end_us - np.array(list(said), np.int64)) / HOUR_US
            errors.append(_pinball(np.array(named, np.float64).reshape(-1, len(LEVELS)), left))
        return Loss.of(errors)

    def plain_loss(self, pasts: Sequence[Past], start_us: int, end_us: int) -> Loss:
        """The same of whoever goes by nothing but how long the lives were that failed before `start_us`."""
        errors: list[Array] = []
        for _, component, life in self._failed(pasts, start_us, end_us):
            before = np.array([_hours(each) for _, _, each in self._failed(pasts, 0, start_us, component)])
            at_us = _asked(life, start_us)
            said = [_left(before, (at - life.start_us) / HOUR_US) for at in at_us.tolist()]
            errors.append(_pinball(np.array(said).reshape(-1, len(LEVELS)), (life.end_us - at_us) / HOUR_US))
        return Loss.of(errors)

    def _histories(self, pasts: Sequence[Past], component: str, until_us: int) -> tuple[int, list[History]]:
        lives = [
            (past, life)
            for past in pasts
            if past.line.first_us < until_us
            for life in past.line.lives(component, min(until_us, past.line.known_us))
        ]
        typical = float(np.median([_hours(life) for _, life in lives])) if lives else 0.0
        step_h = next((each for each in _STEPS_H if typical / each <= _MOST_STEPS), _STEPS_H[-1])
        found = [history_of(past, life, self.sensors, self.drivers, step_h) for past, life in lives]
        return step_h, [each for each in found if each is not None]

    def _failed(
        self, pasts: Sequence[Past], start_us: int, end_us: int, only: str | None = None
    ) -> Iterator[tuple[Past, str, Life]]:
        for past in pasts:
            for component in self.components if only is None else (only,):
                for life in past.line.lives(component, past.line.known_us):
                    if life.failed and start_us <= life.end_us < end_us:
                        yield past, component, life


def _prediction(component: str, at_us: int, one: Estimates, lag_h: float, lives: int) -> Prediction:
    """As of `lag_h` after the single estimate."""
    low, middle, high = (max(0.0, float(at_level(one.quantiles_h, level)[0]) - lag_h) for level in LEVELS)
    day, week, month = (float(one.chance_within(horizon + lag_h)[0]) for horizon in HORIZONS_H)
    return Prediction(
        component=component,
        at_us=at_us,
        method=Method.RUN_TO_FAILURE,
        p10_h=low,
        p50_h=middle,
        p90_h=high,
        risk=(day, week, month),
        health=float(one.health[0]),
        reason=f"{lives} lives that ended in failure",
        evidence={"lives": lives, "point_h": float(one.point_h[0])},
    )


def _only(estimates: Estimates, place: int) -> Estimates:
    row = slice(place, place + 1)
    return Estimates(
        at_h=estimates.at_h[row],
        point_h=estimates.point_h[row],
        quantiles_h=estimates.quantiles_h[row],
        health=estimates.health[row],
    )


def _asked(life: Life, start_us: int) -> Times:
    """The instants of a life at which predictions are compared."""
    first = max(life.start_us + _ASKED_US, start_us)
    return np.arange(first, life.end_us, _ASKED_US, dtype=np.int64)


def _pinball(said: Array, truth: Array) -> Array:
    off = truth[:, None] - said
    levels = np.array(LEVELS)
    return np.maximum(levels * off, (levels - 1) * off)


def _left(lives_h: Array, age_h: float) -> Array:
    older = lives_h[lives_h > age_h] - age_h
    return np.quantile(older, LEVELS) if older.size else np.zeros(len(LEVELS))


def _hours(life: Life) -> float:
    return (life.end_us - life.start_us) / HOUR_US


def _blocks(history: History) -> Iterator[bytes]:
    yield f"{history.name} {history.failed}".encode()
    for column in (history.at_h, history.values, history.drivers):
        yield np.ascontiguousarray(column, ">f8").tobytes()
