"""`vouch evaluate failures`, last stage: alarms on a grid of instants against the failures that came. Pure.

An alarm row is a row at or above the threshold, as the row before it was (`confirm` in a row). Alarm rows of one
machine less than the gap apart are one episode. An episode is right if a failure of the machine starts after its first
row and no later than the horizon after its last; a failure is announced if one of the rows in the horizon before it is
an alarm row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.analytics.prognosis.event_history import Array, Times, hours_until, merged
from shared.instant import HOUR_US

Bools = NDArray[np.bool_]
_BINS: Final = (0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
_LEAST: Final = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Watch:
    """One machine over the rows `at_us` (n,): the `risk` (n,) of any failure, `named` by component, and failures."""

    machine: str
    at_us: Times
    risk: Array
    named: dict[str, Array]
    failures: dict[str, Times]


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """How alarms are counted, in microseconds; `confirm` rows in a row make an alarm."""

    horizon_us: int
    gap_us: int
    confirm: int


@dataclass(slots=True)
class Counts:
    """What was counted; a ratio of nothing is None.

    Components of a machine that fail at one instant are several failures, and one of its `instants`.
    """

    failures: int = 0
    announced: int = 0
    instants: int = 0
    instants_announced: int = 0
    episodes: int = 0
    right: int = 0
    right_from_start: int = 0
    rows_right: int = 0
    rows_alarm: int = 0
    rows_positive: int = 0

    def add(self, other: "Counts") -> None:
        """Take those of another machine or period in."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def event_recall(self) -> float | None:
        """Failures announced by failures."""
        return _ratio(self.announced, self.failures)

    @property
    def instant_recall(self) -> float | None:
        """Instants with a failure that were announced by such instants, machine by machine."""
        return _ratio(self.instants_announced, self.instants)

    @property
    def episode_precision(self) -> float | None:
        """Right episodes by episodes."""
        return _ratio(self.right, self.episodes)

    @property
    def balance(self) -> float:
        """The harmonic mean of event recall and episode precision, 0 without either."""
        recall, precision = self.event_recall or 0.0, self.episode_precision or 0.0
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        row_precision, row_recall = (
            _ratio(self.rows_right, self.rows_alarm),
            _ratio(self.rows_right, self.rows_positive),
        )
        both = (row_precision or 0.0) + (row_recall or 0.0)
        return {
            "event_recall": self.event_recall,
            "episode_precision": self.episode_precision,
            "episode_precision_from_start": _ratio(self.right_from_start, self.episodes),
            "failures": self.failures,
            "announced": self.announced,
            "instants": self.instants,
            "instants_announced": self.instants_announced,
            "instant_recall": self.instant_recall,
            "episodes": self.episodes,
            "episodes_right": self.right,
            "row_precision": row_precision,
            "row_recall": row_recall,
            "row_f1": 2 * (row_precision or 0.0) * (row_recall or 0.0) / both if both else None,
        }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def alarm_rows(risk: Array, threshold: float, confirm: int) -> Bools:
    """Which rows (n,) are alarm rows: at or above the threshold, and so the rows before, `confirm` in all."""
    above = risk >= threshold
    alarm = above.copy()
    for back in range(1, confirm):
        alarm[back:] &= above[:-back]
        alarm[:back] = False
    return alarm


def judged(watch: Watch, protocol: Protocol) -> list[tuple[str, int]]:
    """(component, instant) of the failures whose whole horizon lies in the rows."""
    if not watch.at_us.size:
        return []
    first, last = int(watch.at_us[0]) + protocol.horizon_us, int(watch.at_us[-1]) + protocol.horizon_us
    return [(part, at) for part, times in watch.failures.items() for at in times.tolist() if first <= at <= last]


def before(at_us: Times, failed_us: int, horizon_us: int) -> slice:
    """The rows of which a failure at `failed_us` lies in (row, row + horizon]."""
    low, high = np.searchsorted(at_us, [failed_us - horizon_us, failed_us])
    return slice(int(low), int(high))


def count(watch: Watch, alarm: Bools, protocol: Protocol) -> Counts:
    """The counts of one machine."""
    failed_us = merged(watch.failures.values())
    positive = hours_until(failed_us, watch.at_us) * HOUR_US <= protocol.horizon_us
    known = [at for _, at in judged(watch, protocol)]
    told = [at for at in known if alarm[before(watch.at_us, at, protocol.horizon_us)].any()]
    counts = Counts(
        failures=len(known),
        announced=len(told),
        instants=len(set(known)),
        instants_announced=len(set(told)),
        rows_right=int((alarm & positive).sum()),
        rows_alarm=int(alarm.sum()),
        rows_positive=int(positive.sum()),
    )
    rows_us = watch.at_us[alarm]
    for episode in np.split(rows_us, np.flatnonzero(np.diff(rows_us) >= protocol.gap_us) + 1) if rows_us.size else ():
        place = int(np.searchsorted(failed_us, episode[0], side="right"))
        follows = int(failed_us[place]) if place < failed_us.size else None
        counts.episodes += 1
        counts.right += follows is not None and follows <= int(episode[-1]) + protocol.horizon_us
        counts.right_from_start += follows is not None and follows <= int(episode[0]) + protocol.horizon_us
    return counts


def count_all(watches: Sequence[Watch], threshold: float, protocol: Protocol) -> Counts:
    """The counts of all machines with alarms at `threshold`."""
    counts = Counts()
    for each in watches:
        counts.add(count(each, alarm_rows(each.risk, threshold, protocol.confirm), protocol))
    return counts


def leads(watches: Sequence[Watch], threshold: float, protocol: Protocol) -> dict[str, Any]:
    """Hours from the first alarm row in the horizon to the failure: median and first decile over announced failures.

    By component: failures, those announced, and those where the component had at least half of the machine's risk in an
    alarm row.
    """
    hours: list[float] = []
    parts: dict[str, dict[str, int]] = {}
    for watch in watches:
        alarm = alarm_rows(watch.risk, threshold, protocol.confirm)
        for part, failed_us in judged(watch, protocol):
            counted = parts.setdefault(part, {"failures": 0, "announced": 0, "named": 0})
            counted["failures"] += 1
            rows = np.arange(watch.at_us.size)[before(watch.at_us, failed_us, protocol.horizon_us)]
            rows = rows[alarm[rows]]
            if not rows.size:
                continue
            hours.append((failed_us - int(watch.at_us[rows[0]])) / HOUR_US)
            counted["announced"] += 1
            counted["named"] += part in watch.named and bool((watch.named[part][rows] >= watch.risk[rows] / 2).any())
    return {
        "lead_h_median": float(np.median(hours)) if hours else None,
        "lead_h_p10": float(np.quantile(hours, 0.1)) if hours else None,
        "components": dict(sorted(parts.items())),
    }


def calibration(watches: Sequence[Watch], protocol: Protocol, base_rate: float) -> dict[str, Any]:
    """Brier score, log loss and reliability of the rows' probabilities, beside those of the constant `base_rate`."""
    risk = np.clip(np.concatenate([each.risk for each in watches]), _LEAST, 1 - _LEAST)
    positive = np.concatenate(
        [hours_until(merged(each.failures.values()), each.at_us) * HOUR_US <= protocol.horizon_us for each in watches]
    )
    base = np.full(risk.size, np.clip(base_rate, _LEAST, 1 - _LEAST))
    place = np.digitize(risk, _BINS[1:-1])
    return {
        "brier": _brier(risk, positive),
        "log_loss": _log_loss(risk, positive),
        "base_rate": {"rate": base_rate, "brier": _brier(base, positive), "log_loss": _log_loss(base, positive)},
        "reliability": [
            {
                "from": _BINS[each],
                "to": _BINS[each + 1],
                "rows": int((place == each).sum()),
                "predicted": float(risk[place == each].mean()),
                "observed": float(positive[place == each].mean()),
            }
            for each in range(len(_BINS) - 1)
            if (place == each).any()
        ],
    }


def _brier(risk: Array, positive: Bools) -> float:
    return float(np.mean((risk - positive) ** 2))


def _log_loss(risk: Array, positive: Bools) -> float:
    return -float(np.mean(np.where(positive, np.log(risk), np.log1p(-risk))))
