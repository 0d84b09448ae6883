"""Findings and predictions as people read them. Pure: a value in, text out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from services.api.web.present import NONE, chance, words
from shared.db.reviews import Precision

_SPACE: Final = "\N{NO-BREAK SPACE}"
_MINUS: Final = "\N{MINUS SIGN}"
_DAY_H: Final = 24.0
# Below, hours are said; above, years.
_HOURS_UP_TO: Final = 2 * _DAY_H
_YEARS_FROM: Final = 2 * 365.25 * _DAY_H

SEVERITIES: Final = {"watch": "Watch", "warning": "Warning", "critical": "Critical"}
BADGES: Final = {"watch": "", "warning": "warn", "critical": "missed", "confirmed": "met", "rejected": ""}
METHODS: Final = {
    "run_to_failure": "Run-to-failure histories",
    "events": "Failure and error events with ages",
    "weibull": "Lifetimes (Weibull)",
    "health_trend": "Trend of the health index",
    "not_enough_data": "Not enough data",
}
NOTICES: Final = {
    "open": "Open",
    "confirmed": "Failed as announced",
    "averted": "Averted by a repair",
    "false": "False alarm",
}
NOTICE_BADGES: Final = {"open": "warn", "confirmed": "missed", "averted": "met", "false": ""}


def lasted(start: datetime, end: datetime | None, now: datetime) -> str:
    """How long something took, or takes so far."""
    return duration(((end or now) - start) / timedelta(hours=1))


def duration(hours: float | None) -> str:
    """A time in hours, days or years, whichever people would say."""
    if hours is None:
        return NONE
    if hours < _HOURS_UP_TO:
        return f"{hours:.1f}{_SPACE}h"
    if hours < _YEARS_FROM:
        days = hours / _DAY_H
        return f"{days:.{0 if days >= 10 else 1}f}{_SPACE}days"
    return f"{hours / _DAY_H / 365.25:,.1f}{_SPACE}years"


def share(signed: float) -> str:
    """A signed share in whole percent."""
    return f"{100 * signed:+.0f}{_SPACE}%".replace("-", _MINUS)


def leading(contributions: Sequence[Mapping[str, Any]]) -> str:
    """The sensor that carries most of a finding, and on which side it lies."""
    if not contributions:
        return NONE
    first = contributions[0]
    return f"{first['sensor']} {first['direction']}"


def measured(value: float, unit: str) -> str:
    """A sensor's value, four significant digits."""
    return f"{value:.4g}{_SPACE}{unit}".replace("-", _MINUS)


def detector(name: str) -> str:
    """A detector's name as words."""
    return words(name).capitalize()


def limits(row: Precision) -> str:
    """The precision of a detector with its exact limits."""
    if row.precision is None or row.low is None or row.high is None:
        return NONE
    shown, low, high = (f"{100 * ratio:.0f}{_SPACE}%" for ratio in (row.precision, row.low, row.high))
    return f"{shown} ({low} to {high})"


def drifted(drift: Mapping[str, Any] | None) -> list[str]:
    """How a machine's recent time is unlike what was learnt, part by part; empty: it is not."""
    if drift is None:
        return []
    carried, missing, unseen = drift.get("carried_by"), drift.get("missing"), drift.get("unseen_share")
    told = [
        f"typical score {drift['typical_score']:.2g}" if drift.get("typical_score") is not None else "",
        f"carried by {_listed(carried)}" if carried else "",
        f"{chance(unseen)} of the time in conditions never seen" if unseen else "",
        f"{_listed(missing)} mostly missing" if missing else "",
    ]
    return [part for part in told if part]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
