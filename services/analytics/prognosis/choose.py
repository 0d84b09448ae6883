"""One answer from what the data allow: which method speaks, how several are combined, and by when to act.

The best informed statistical method speaks: a model of run-to-failure histories, else the hazard from events, else the
lifetimes of the fleet. A limit that a sensor approaches is a cause of its own: the component is out at the earlier of
the two, so that their hazards add up (competing risks, taken as independent, which is on the safe side where both see
the same wear). The method named is the one that contributes most of the hazard up to the median. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.analytics.prognosis.curve import QUANTILES, Curve, curve_of, earliest
from services.analytics.prognosis.trend import Extrapolation, NoTrend
from services.analytics.prognosis.weibull import Lifetime, TooFew
from shared.instant import DAY_US, HOUR_US
from shared.model.prognosis import HORIZONS_H, Method, Prediction

Risk = tuple[float, float, float]
# Hours at which a lifetime is looked at, a day to some eleven years, and the horizons.
_LOOKS_H: Final = np.unique([*np.geomspace(1, 1e5, 121), *(float(each) for each in HORIZONS_H)])
_MONTH_H: Final = float(HORIZONS_H[-1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Ageing:
    """A component of `age_h` operating hours that runs `operating_share` of the time, and its kind's lifetime."""

    lifetime: Lifetime
    age_h: float
    operating_share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Voice:
    """What one method says, in numbers and in words."""

    method: Method
    curve: Curve
    words: str
    evidence: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendation:
    """Have `component` seen to before `latest_us`; `reason` says why then."""

    component: str
    latest_us: int
    reason: str


def choose(
    component: str,
    at_us: int,
    *,
    run_to_failure: Prediction | None = None,
    hazard: Risk | None = None,
    ageing: Ageing | TooFew | None = None,
    trends: Mapping[str, Extrapolation | NoTrend] | None = None,
) -> Prediction:
    """The prediction for `component` at `at_us` from whatever there is; `trends` by sensor that has a limit.

    `hazard` are the probabilities of failure within `HORIZONS_H` from events. With nothing to go by the answer is "not
    enough data", and says what is missing. Quantiles that lie beyond what the methods can say are None.
    """
    trends = trends or {}
    spoken = _statistical(component, run_to_failure, hazard, ageing)
    voices = [*([spoken] if spoken else []), *_limits(trends)]
    if not voices:
        return _silent(component, at_us, run_to_failure, ageing, trends)
    whole = earliest([each.curve for each in voices])
    p10, p50, p90 = (whole.quantile_h(share) for share in QUANTILES)
    until = np.array([p50 if p50 is not None else _MONTH_H])
    leading = max(voices, key=lambda each: each.curve.at(until)[0])
    silent = {sensor: each.reason for sensor, each in trends.items() if isinstance(each, NoTrend)}
    return Prediction(
        component=component,
        at_us=at_us,
        method=leading.method,
        p10_h=p10,
        p50_h=p50,
        p90_h=p90,
        risk=whole.risk,
        health=_health(run_to_failure, trends),
        reason=_reason(leading, voices),
        evidence={"methods": [each.evidence for each in voices], "no_trend": silent},
    )


def _statistical(
    component: str, run_to_failure: Prediction | None, hazard: Risk | None, ageing: Ageing | TooFew | None
) -> _Voice | None:
    if run_to_failure is not None and run_to_failure.component != component:
        raise ValueError(f"a prediction of {run_to_failure.component}, not of {component}")
    if run_to_failure is not None and run_to_failure.p50_h is not None:
        words = f"machines of this model that ran to failure ({run_to_failure.reason})"
        return _voice(Method.RUN_TO_FAILURE, curve_of(run_to_failure), words, run_to_failure.evidence)
    if hazard is not None:
        beyond = ageing if isinstance(ageing, Ageing) else None
        words = "the errors, replacements and failures recorded of machines of this model"
        after = "lifetimes" if beyond else "as in the last weeks of the month, for want of lifetimes"
        return _voice(Method.EVENTS, _events(hazard, beyond), words, {"risk": list(hazard), "after_30_d": after})
    if isinstance(ageing, Ageing):
        known = ageing.lifetime.evidence
        words = (
            f"{known['failures']} failure(s) among {known['lives']} lives of this component, at {ageing.age_h:.0f} h"
        )
        return _voice(Method.WEIBULL, _lifetime(ageing), words, known | {"age_h": ageing.age_h, **_wear(ageing)})
    return None


def _voice(method: Method, curve: Curve, words: str, evidence: dict[str, Any]) -> _Voice:
    named = dict(zip(("p10_h", "p50_h", "p90_h"), (curve.quantile_h(share) for share in QUANTILES), strict=True))
    said = {"method": method.value, **named, **evidence, "risk": list(curve.risk)}
    return _Voice(method=method, curve=curve, words=words, evidence=said)


def _wear(ageing: Ageing) -> dict[str, float]:
    """Whether age tells at all: that it wears out, and the failures in a calendar hour of whatever age (`grounds`)."""
    known = ageing.lifetime.evidence
    failures_an_hour = known["failures"] / known["hours"] if known["hours"] else 0.0
    return {
        "probability_of_wear_out": ageing.lifetime.wears_out,
        "mean_hazard_per_h": failures_an_hour * ageing.operating_share,
    }


def _events(hazard: Risk, ageing: Ageing | None) -> Curve:
    """Through the risks of the month; after it the hazard is that of the lifetime at the age it then has."""
    points = [(float(hours), share) for hours, share in zip(HORIZONS_H, hazard, strict=True)]
    month = Curve.through(points, goes_on=ageing is None)
    if ageing is None:
        return month
    aged = _lifetime(ageing)
    later = aged.hours > _MONTH_H
    hazards = month.hazard[-1] + aged.hazard[later] - aged.at(np.array([_MONTH_H]))
    return Curve(
        hours=np.concatenate([month.hours, aged.hours[later]]),
        hazard=np.concatenate([month.hazard, hazards]),
        goes_on=False,
    )


def _lifetime(ageing: Ageing) -> Curve:
    alive = ageing.lifetime.survival(ageing.age_h, _LOOKS_H * ageing.operating_share)
    return Curve.through(list(zip(_LOOKS_H.tolist(), (1 - alive).tolist(), strict=True)))


def _limits(trends: Mapping[str, Extrapolation | NoTrend]) -> list[_Voice]:
    found = [(sensor, each) for sensor, each in sorted(trends.items()) if isinstance(each, Extrapolation)]
    return [
        _voice(
            Method.HEALTH_TREND,
            Curve.through(each.curve),
            f"{sensor} on its way to the limit {each.evidence['limit']:g} ({each.evidence['growth']})",
            {"sensor": sensor, **each.evidence},
        )
        for sensor, each in found
    ]


def _health(run_to_failure: Prediction | None, trends: Mapping[str, Extrapolation | NoTrend]) -> float | None:
    """The worst that is known."""
    named = [each.health for each in trends.values() if isinstance(each, Extrapolation)]
    if run_to_failure is not None and run_to_failure.health is not None:
        named.append(run_to_failure.health)
    return min(named, default=None)


def _reason(leading: _Voice, voices: list[_Voice]) -> str:
    others = [each.words for each in voices if each is not leading]
    if not others:
        return f"by {leading.words}"
    return f"by {leading.words}; combined, as the earlier of independent causes, with {'; '.join(others)}"


def _silent(
    component: str,
    at_us: int,
    run_to_failure: Prediction | None,
    ageing: Ageing | TooFew | None,
    trends: Mapping[str, Extrapolation | NoTrend],
) -> Prediction:
    model = "no model of run-to-failure histories" if run_to_failure is None else run_to_failure.reason
    lives = ageing.reason if isinstance(ageing, TooFew) else "no lives of the component on record"
    limits = "; ".join(
        f"{sensor}: {each.reason}" for sensor, each in sorted(trends.items()) if isinstance(each, NoTrend)
    )
    missing = [model, "no hazard from events", lives, limits or "no sensor with a limit"]
    return Prediction(
        component=component,
        at_us=at_us,
        method=Method.NONE,
        p10_h=None,
        p50_h=None,
        p90_h=None,
        risk=None,
        health=None if run_to_failure is None else run_to_failure.health,
        reason=f"not enough data: {'; '.join(missing)}",
        evidence={"missing": missing},
    )


def recommend(prediction: Prediction, *, slot_us: int = DAY_US) -> Recommendation | None:
    """The end of the last full slot (a UTC day) before the P10; at once if there is none. None without a P10.

    One life in ten ends before the P10: whoever waits longer accepts more. Source: the maintenance window is the
    earliest planned slot before the 10 % quantile.
    """
    if prediction.p10_h is None:
        return None
    early_us = prediction.at_us + round(prediction.p10_h * HOUR_US)
    latest_us = max(early_us // slot_us * slot_us, prediction.at_us)
    left = f"one in ten fails within {prediction.p10_h:.0f} h"
    half = "" if prediction.p50_h is None else f", one in two within {prediction.p50_h:.0f} h"
    when = (
        "see to it now: no full slot is left before that"
        if latest_us == prediction.at_us
        else "the last slot before it"
    )
    return Recommendation(
        component=prediction.component, latest_us=latest_us, reason=f"{left}{half}; {when}; {prediction.reason}"
    )
