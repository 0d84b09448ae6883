"""What of a prediction may ground a notice: a notice says "this machine, now", not "such parts fail". Pure.

A sensor on its way to a limit, a hazard from events and a model of run-to-failure histories speak of the machine. A
lifetime speaks of its age alone: it may only where the part is known to wear out and this one has a risk well above
that of parts of whatever age. Otherwise a few failures close together would announce one on every machine at once. A
sensor that was watched for less than a week may only be going with the rhythm of days and weeks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.analytics.prognosis.curve import QUANTILES, Curve, earliest
from shared.instant import HOUR_US
from shared.model.prognosis import HORIZONS_H, Method, Prediction

# From fewer failures neither shape nor scale is known well enough to announce by.
LEAST_FAILURES: Final = 5
# How sure it must be that the hazard grows with age.
SURE_OF_WEAR_OUT: Final = 0.9
# How many times the mean hazard of the component, over whatever ages, this one's must be over the rule's horizon.
TIMES_MEAN: Final = 2.0
# How long a sensor must have been watched: the longest rhythm that most machines are run in.
WATCHED_H: Final = 168


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """The `risk` by what may ground a notice, None where nothing may; `lacking`: why other methods may not, or ""."""

    risk: float | None
    lacking: str


def grounds(prediction: Prediction, within_us: int) -> Grounds:
    """The probability of a failure within `within_us` by those methods of the prediction that may ground a notice.

    They are those that `choose` named in its evidence. Between the hours they name the hazard is even.
    """
    curves: list[Curve] = []
    lacking: list[str] = []
    for said in prediction.evidence.get("methods", ()):
        curve = _curve(said)
        if why_not := _why_not(said, _hazard(curve, within_us), within_us):
            lacking.append(why_not)
        else:
            curves.append(curve)
    risk = float(-np.expm1(-_hazard(earliest(curves), within_us))) if curves else None
    return Grounds(risk=risk, lacking="; ".join(lacking))


def _curve(said: Mapping[str, Any]) -> Curve:
    hours = [said[name] for name in ("p10_h", "p50_h", "p90_h")]
    named = [(each, share) for each, share in zip(hours, QUANTILES, strict=True) if each is not None]
    risks = [(float(hours), share) for hours, share in zip(HORIZONS_H, said["risk"], strict=True)]
    return Curve.through([*named, *risks], goes_on=True)


def _hazard(curve: Curve, within_us: int) -> float:
    return float(curve.at(np.array([within_us / HOUR_US]))[0])


def _why_not(said: Mapping[str, Any], hazard: float, within_us: int) -> str:
    """Why a method of cumulative `hazard` within the horizon may not ground a notice; "": it may."""
    if said["method"] == Method.WEIBULL and (why_not := _by_age(said, hazard, within_us)):
        return f"by age alone: {why_not}"
    # A sensor that is at its limit has no stretch to be told.
    if said["method"] == Method.HEALTH_TREND and said.get("hours", WATCHED_H) < WATCHED_H:
        return f"{said['sensor']} was watched for {said['hours']:.0f} h, {WATCHED_H} h are asked for"
    return ""


def _by_age(said: Mapping[str, Any], hazard: float, within_us: int) -> str:
    if said["failures"] < LEAST_FAILURES:
        return f"only {said['failures']} failure(s) of the component are on record, {LEAST_FAILURES} are asked for"
    sure = said["probability_of_wear_out"]
    if sure < SURE_OF_WEAR_OUT:
        return f"that it wears out has only a probability of {sure:.2f}, {SURE_OF_WEAR_OUT} is asked for"
    times = hazard / max(said["mean_hazard_per_h"] * within_us / HOUR_US, 1e-300)
    if times < TIMES_MEAN:
        return f"its hazard is only {times:.1f} times that at whatever age, {TIMES_MEAN:g} times is asked for"
    return ""
