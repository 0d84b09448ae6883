"""Learning, one lesson: the risk of failure of components from events. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.analytics.learning.artefacts import digest
from services.analytics.learning.lesson import Learnt, Loss, Refused
from services.analytics.learning.lives import Array, Times
from services.analytics.learning.material import Past
from services.analytics.prognosis import events
from services.analytics.prognosis.event_history import EventHistory, hours_until
from services.analytics.prognosis.events import HazardModel
from shared.instant import HOUR_US
from shared.model.prognosis import HORIZONS_H
from shared.model.registry import Purpose

SEED: Final = 0
# Instants at which machines are looked at to learn and to compare: no denser, failures do not come by the hour.
_STEP_US: Final = 6 * HOUR_US


def history_of(past: Past, until_us: int) -> EventHistory:
    """The events of a machine before `until_us`, which lies after its first record."""
    line = past.line
    renewals = {name: line.until(name, until_us) for name in line.renewals}
    return EventHistory(
        name=str(past.machine.asset_id),
        from_us=line.first_us,
        to_us=until_us,
        errors={code: at_us[at_us < until_us] for code, at_us in past.codes.items()},
        replacements={
            name: np.array([each.at_us for each in found if not each.failed], np.int64)
            for name, found in renewals.items()
        },
        failures={
            name: np.array([each.at_us for each in found if each.failed], np.int64) for name, found in renewals.items()
        },
    )


def histories(pasts: Sequence[Past], until_us: int) -> list[EventHistory]:
    """Of every machine that was known before `until_us`."""
    return [history_of(past, min(until_us, past.line.known_us)) for past in pasts if past.line.first_us < until_us]


def data_sha256(known: Sequence[EventHistory]) -> str:
    """SHA-256 over the canonical form of what is learnt from: names and times in order."""
    blocks: list[bytes] = []
    for each in known:
        blocks.append(f"{each.name} {each.from_us} {each.to_us}".encode())
        for what in (each.errors, each.replacements, each.failures):
            for kind in sorted(what):
                blocks += [kind.encode(), what[kind].astype(">i8").tobytes()]
    return digest(blocks)


def outcomes(
    pasts: Sequence[Past], components: Sequence[str], start_us: int, end_us: int
) -> list[tuple[EventHistory, Times, dict[str, Array]]]:
    """By machine: its events, the instants in `[start_us, end_us)`, and which component failed within which horizon.

    That is 1 or 0, (n, horizons), NaN where the horizon reaches beyond what is known.
    """
    found: list[tuple[EventHistory, Times, dict[str, Array]]] = []
    for history in histories(pasts, end_us):
        at_us = history.rows_us(_STEP_US)
        at_us = at_us[at_us >= start_us]
        if at_us.size:
            failed = {name: _failed(history, name, at_us) for name in components}
            found.append((history, at_us, failed))
    return found


def _failed(history: EventHistory, component: str, at_us: Times) -> Array:
    until = hours_until(history.failures.get(component, np.empty(0, np.int64)), at_us)
    left = (history.to_us - at_us) / HOUR_US
    return np.column_stack([np.where(left > each, (until <= each).astype(np.float64), np.nan) for each in HORIZONS_H])


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskLesson:
    """The probabilities of failure of `components`, from codes, repairs and ages."""

    components: tuple[str, ...]
    purpose: Purpose = Purpose.FAILURE_RISK
    metric: str = "Brier score"

    def learn(self, pasts: Sequence[Past], until_us: int) -> Learnt | Refused:
        """From what was known before `until_us`; refused with too few failures."""
        known = histories(pasts, until_us)
        if not known:
            return Refused(reason="no machine was known then")
        model = events.train(known, step_us=_STEP_US, seed=SEED)
        if isinstance(model, events.Refusal):
            return Refused(reason=model.reason)
        return Learnt(
            method=events.ALGORITHM,
            parts=model.as_parts(),
            features=model.vocabulary.names,
            calibration={"thin": list(model.thin), "horizons_h": list(model.horizons_h)},
            data_sha256=data_sha256(known),
            rows=int(model.evidence["rows"]),
            seed=SEED,
        )

    def loss(self, parts: dict[str, Any], pasts: Sequence[Past], start_us: int, end_us: int) -> Loss:
        """The mean squared error of the probabilities; those of components the model does not know count as 0."""
        model = HazardModel.from_parts(parts)
        errors: list[Array] = []
        for history, at_us, failed in outcomes(pasts, self.components, start_us, end_us):
            risk = model.risk(history, at_us)
            errors += [(failed[name] - risk.get(name, 0.0)) ** 2 for name in self.components]
        return Loss.of(errors)

    def plain_loss(self, pasts: Sequence[Past], start_us: int, end_us: int) -> Loss:
        """The same of whoever names, always, how often the component failed within the horizon before `start_us`."""
        before = outcomes(pasts, self.components, 0, start_us)
        rate = {name: _rate([failed[name] for _, _, failed in before]) for name in self.components}
        later = outcomes(pasts, self.components, start_us, end_us)
        return Loss.of([(failed[name] - rate[name]) ** 2 for _, _, failed in later for name in self.components])


def _rate(failed: Sequence[Array]) -> Array:
    """The share of known outcomes that are failures (horizons,); 0 where none is known."""
    whole = np.concatenate([np.empty((0, len(HORIZONS_H))), *failed])
    return np.nansum(whole, axis=0) / np.maximum(np.isfinite(whole).sum(axis=0), 1)
