"""Training of the ensemble: from healthy rows to members whose limits share one false-alarm budget. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.analytics.detectors import conditions, healthy, level, pca, relations, stuck, windows
from services.analytics.detectors.conditions import Conditions
from services.analytics.detectors.ensemble import Ensemble, standardised
from services.analytics.detectors.level import Level
from services.analytics.detectors.model import Array, LeftOut, Refusal, Refused, Times
from shared.model.detector import DetectorSettings

CONTAMINATED: Final = "contaminated"

_MONTH_US: Final = 30 * 86_400_000_000
_MIN_ROWS: Final = 100
_MIN_ROWS_PER_COLUMN: Final = 10
# Two members spend the budget; a stuck sensor's limit is no matter of chance.
_SPENDERS: Final = 2
# When this much of the healthy window stands apart, nobody can tell which part is the healthy one.
_MOST_APART: Final = 0.3
# With rows further apart than this many buckets, a grid of buckets is next to empty.
_MOST_BUCKETS: Final = 60
_LARGEST: Final = 1e120
_LEAST_SCALE: Final = 1e-110
# 5 %..95 % of a normal distribution span this many standard deviations.
_CENTRAL_SPAN: Final = 3.2897


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Material:
    """Complete healthy rows: `values` (n, m + k) of `sensors` (m) and `drivers` (k) at `at_us` (n,)."""

    at_us: Times
    values: Array
    sensors: tuple[str, ...]
    drivers: tuple[str, ...]
    left_out: dict[str, LeftOut]

    @property
    def needed(self) -> int:
        return max(_MIN_ROWS, _MIN_ROWS_PER_COLUMN * (len(self.sensors) + len(self.drivers)))

    def refused(self, reason: Refused) -> Refusal:
        return Refusal(reason=reason, rows=len(self.at_us), rows_needed=self.needed, left_out=self.left_out)


def left_out(values: Array, settings: DetectorSettings) -> dict[str, LeftOut]:
    """Sensors and drivers of healthy rows (n, len(settings.columns)) that can take no part, and why.

    A driver that stands still explains nothing, but tells when it does no longer.
    """
    found: dict[str, LeftOut] = {}
    for name, column in zip(settings.columns, values.T, strict=True):
        why = pca.unusable(column)
        if why is not None and not (why is LeftOut.CONSTANT and name in settings.drivers):
            found[name] = why
    return found


def train(at_us: Times, values: Array, settings: DetectorSettings) -> Ensemble | Refusal:
    """Train on healthy rows `values` (n, len(settings.columns)), NaN = no value, at bucket starts `at_us`, ascending.

    A sensor that is constant, or has no value in more than half of the rows, is left out; rows in which one of the
    others has none are dropped. A minority of the window that stands visibly apart is dropped too, with the warning
    `contaminated`; when it is no minority the window is refused as such. Windows are counted in the usual step from row
    to row, in whole buckets; rows that are further apart, or so irregular that most windows hold too few of them, are
    refused.
    """
    material = _material(at_us, values, settings)
    if len(material.sensors) < 2:
        return material.refused(Refused.TOO_FEW_SENSORS)
    if len(material.at_us) < material.needed:
        return material.refused(Refused.TOO_FEW_ROWS)
    every = _every(material.at_us, settings.bucket_us)
    if every > _MOST_BUCKETS:
        return material.refused(Refused.TOO_SCATTERED)
    m, warnings = len(material.sensors), ()
    material, under, away = _away(material, m)
    apart = healthy.contaminated(away)
    if apart is not None:
        if apart.mean() > _MOST_APART or (~apart).sum() < material.needed:
            return material.refused(Refused.CONTAMINATED)
        material, warnings = _without(material, apart), (CONTAMINATED,)
        material, under, away = _away(material, m)
    return _fit(material, under, away, settings, every=every, warnings=warnings)


def _every(at_us: Times, bucket_us: int) -> int:
    """The usual step from row to row, in buckets: devices may report more slowly than buckets follow each other."""
    return max(1, int(np.median(np.diff(at_us))) // bucket_us)


def _material(at_us: Times, values: Array, settings: DetectorSettings) -> _Material:
    out = left_out(values, settings)
    kept = [i for i, name in enumerate(settings.columns) if name not in out]
    is_whole = np.isfinite(values[:, kept]).all(axis=1)
    return _Material(
        at_us=at_us[is_whole],
        values=values[is_whole][:, kept].clip(-_LARGEST, _LARGEST),
        sensors=tuple(name for name in settings.sensors if name not in out),
        drivers=tuple(name for name in settings.drivers if name not in out),
        left_out=out,
    )


def _without(material: _Material, rows: np.ndarray) -> _Material:
    return _Material(
        at_us=material.at_us[~rows],
        values=material.values[~rows],
        sensors=material.sensors,
        drivers=material.drivers,
        left_out=material.left_out,
    )


def _away(material: _Material, m: int) -> tuple[_Material, Conditions, Array]:
    """What drivers leave of the sensors, without rows under conditions of which there are too few to know them."""
    sensors, drivers = material.values[:, :m], material.values[:, m:]
    under = conditions.fit(sensors, drivers)
    away = sensors - under.usual(drivers)
    is_unseen = ~windows.complete(away)
    return (_without(material, is_unseen), under, away[~is_unseen]) if is_unseen.any() else (material, under, away)


def _fit(
    material: _Material,
    under: Conditions,
    away: Array,
    settings: DetectorSettings,
    *,
    every: int,
    warnings: tuple[str, ...],
) -> Ensemble | Refusal:
    looks = _MONTH_US / settings.bucket_us / settings.false_alarms_per_month * _SPENDERS
    scale = _scale(away)
    standard = standardised(away, scale)
    levels = _level(material.at_us, standard, settings.bucket_us, every, looks / every)
    if levels is None:
        return material.refused(Refused.TOO_SCATTERED)
    # What drivers move is no liveliness of a sensor's own: it may rest when they do.
    steps = stuck.steps_of(material.at_us, away, every * settings.bucket_us)
    [still] = windows.laid_out(material.at_us, steps, settings.bucket_us, stuck.SPAN, every).means((stuck.SPAN,))
    relation = _relation(away, standard, material.sensors, min(settings.open_after * every / looks, 0.2))
    out = material.left_out if relation is not None else {**material.left_out, "relation": LeftOut.NOT_TRANSFERABLE}
    return Ensemble(
        columns=material.sensors + material.drivers,
        sensors=material.sensors,
        bucket_us=settings.bucket_us,
        every=every,
        conditions=under,
        scale=scale,
        level=levels,
        relation=relation,
        stuck=stuck.fit(still),
        rows=len(material.at_us),
        left_out=out,
        warnings=warnings,
    )


def _scale(away: Array) -> Array:
    low, high = np.quantile(away, [0.05, 0.95], axis=0)
    robust = (high - low) / _CENTRAL_SPAN
    robust = np.maximum(np.where(robust > _LEAST_SCALE, robust, np.std(away, axis=0)), _LEAST_SCALE)
    return robust * np.maximum(1.0, np.std(standardised(away, robust), axis=0))


def _level(at_us: Times, standard: Array, bucket_us: int, every: int, looks: float) -> Level | None:
    """The member, of the spans of which most windows hold enough rows; None when there are none of those."""
    [smooth] = windows.laid_out(at_us, standard, bucket_us, relations.SPAN, every).means((relations.SPAN,))
    if not _is_mostly_known(smooth):
        return None
    related = relations.fit(smooth[windows.complete(smooth)])
    rest = standard - related.implied(smooth)
    spans = level.spans_for(len(rest))
    means = windows.laid_out(at_us, rest, bucket_us, spans[-1], every).means(spans)
    used = [position for position, each in enumerate(means) if _is_mostly_known(each)]
    if not used:
        return None
    return level.fit(related, rest, [means[i] for i in used], tuple(spans[i] for i in used), looks)


def _is_mostly_known(means: Array) -> bool:
    return bool(2 * windows.complete(means).sum() >= len(means))


def _relation(away: Array, standard: Array, sensors: tuple[str, ...], rate: float) -> pca.PcaModel | None:
    """T2 and Q of the sensors whose level stays put: limits of single rows know nothing of one that wanders off."""
    steady = level.GROWTH * level.wander_of(standard) < standard.var(axis=0)
    found = pca.train(away[:, steady], tuple(name for name, is_in in zip(sensors, steady, strict=True) if is_in), rate)
    return None if isinstance(found, Refusal) else found
