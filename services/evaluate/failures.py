"""`vouch evaluate failures`: does the hazard from events announce failures? Split in time, by the production code.

Trained on what was known at the split, tested on the rows after it and a gap. The threshold of the alarm is chosen on
the training part alone: forward in time, models of its first part are asked about the next, and the threshold lies in
the middle of those that serve event recall and episode precision alike best there.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from services.analytics.prognosis.event_history import EventHistory, count_within, merged
from services.analytics.prognosis.events import ALGORITHM, HazardModel, Refusal, train
from services.evaluate.failure_files import Found, find
from services.evaluate.failure_score import Protocol, Watch, calibration, count_all, leads
from shared.errors import VouchError
from shared.instant import DAY_US, HOUR_US, MINUTE_US, from_us

# Where forward parts of the training period begin and end, as shares of it.
_FORWARD: Final = ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0))
# Even in log odds: fine where a probability is near 0 or 1.
_THRESHOLDS: Final = 1 / (1 + np.exp(-np.linspace(-5, 5, 101)))
_MOST_ERRORS: Final = 5
# Machines times steps, all held at once: a thousand machines for a year by the hour.
MOST_ROWS: Final = 10_000_000
# An alarm has to be borne out by the next row, unless rows are so far apart that this would cost much of the horizon.
_CONFIRM: Final = 2
_FEW_ROWS: Final = 4
_DURATION: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(min|h|d|)")
_UNITS_US: Final = {"min": MINUTE_US, "h": HOUR_US, "d": DAY_US}


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """How it is measured; microseconds. `splits` are shares of the observed time, each with every seed up to `seeds`.

    ValueError names what cannot be.
    """

    horizon_us: int
    gap_us: int
    step_us: int
    splits: tuple[float, ...]
    seeds: int

    def __post_init__(self) -> None:
        if not 0 < self.step_us <= self.horizon_us:
            raise ValueError("--step is above 0 and not longer than --horizon")
        if self.gap_us < 0:
            raise ValueError("--gap is not negative")
        if not self.splits or not all(0 < each < 1 for each in self.splits):
            raise ValueError("--split lies between 0 and 1, both excluded")
        if self.seeds < 1:
            raise ValueError("--seeds is 1 or more")

    @property
    def protocol(self) -> Protocol:
        """How alarms are counted."""
        confirm = _CONFIRM if _FEW_ROWS * self.step_us <= self.horizon_us else 1
        return Protocol(horizon_us=self.horizon_us, gap_us=self.gap_us, confirm=confirm)


def question(*, horizon: str, gap: str, step: str, splits: Sequence[float], seeds: int) -> Question:
    """From what was typed: durations as 90min, 24h or 7d. VouchError says what cannot be."""
    try:
        return Question(
            horizon_us=_duration_us("--horizon", horizon),
            gap_us=_duration_us("--gap", gap),
            step_us=_duration_us("--step", step),
            splits=tuple(splits),
            seeds=seeds,
        )
    except ValueError as error:
        raise VouchError(str(error)) from error


def _duration_us(option: str, text: str) -> int:
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{option}: {text!r} is no duration such as 90min, 24h or 7d")
    return round(float(found[1]) * _UNITS_US[found[2] or "h"])


def evaluate(
    paths: Sequence[Path], question: Question, separator: str = ",", say: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """The answer as JSON: the first split and seed in full, every run in short, and how they spread.

    `say`, if any, is told of each run that begins. VouchError where files, or what is left of them for training or
    test, do not allow it.
    """
    found = find(paths, separator)
    _refuse_endless(found, question.step_us)
    asked = [(split, seed) for split in question.splits for seed in range(question.seeds)]
    runs: list[dict[str, Any]] = []
    for split, seed in asked:
        if say:
            say(f"{len(found.histories)} machines, split {split:g}, seed {seed}: run {len(runs) + 1} of {len(asked)}")
        # One core, as in production: sums over several differ in the last bit, and wait for each other on a busy one.
        with threadpool_limits(1):
            runs.append(_run(found.histories, question, split, seed))
    short = ("split", "seed", "threshold", "event_recall", "instant_recall", "episode_precision", "row_f1", "failures",
             "instants", "episodes")  # fmt: skip
    return {
        "algorithm": ALGORITHM,
        "files": found.files,
        "left_out": found.left_out,
        "notes": list(found.notes),
        "machines": len(found.histories),
        "horizon_h": question.horizon_us / HOUR_US,
        "gap_h": question.gap_us / HOUR_US,
        "step_h": question.step_us / HOUR_US,
        "confirm_rows": question.protocol.confirm,
        **runs[0],
        "runs": [{name: run[name] for name in short} for run in runs],
        "spread": {
            name: _spread([run[name] for run in runs])
            for name in ("event_recall", "instant_recall", "episode_precision", "row_f1")
        },
    }


def _refuse_endless(found: Found, step_us: int) -> None:
    machines, observed = len(found.histories), found.histories[0]
    steps = (observed.to_us - observed.from_us) // step_us + 1
    if machines * steps > MOST_ROWS:
        raise VouchError(
            f"--events, --step: {machines} machine(s) x {steps} steps are more than {MOST_ROWS} rows; "
            f"the first event is {found.first}, the last {found.last}: is one of them wrong, or the step too short?"
        )


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [each for each in values if each is not None]
    if not known:
        return None
    return {"mean": float(np.mean(known)), "sd": float(np.std(known)), "min": min(known), "max": max(known)}


def _run(histories: Sequence[EventHistory], question: Question, split: float, seed: int) -> dict[str, Any]:
    first, last = histories[0].from_us, histories[0].to_us
    cut = _on_grid(first + round((last - first) * split), question.step_us)
    known = [each.until(cut) for each in histories]
    model = _trained(known, question, seed, "the training part")
    forward = _forward(known, question, seed)
    protocol = question.protocol
    threshold = _best(forward, protocol)
    tested = _watches(model, histories, question, cut + question.gap_us, last - question.horizon_us)
    if not any(each.at_us.size for each in tested):
        raise VouchError("--split, --gap, --horizon: no row is left to test on")
    counts = count_all(tested, threshold, protocol)
    return {
        "split": split,
        "seed": seed,
        "trained_to": _iso(cut),
        "tested_from": _iso(cut + question.gap_us),
        "tested_to": _iso(last - question.horizon_us),
        "threshold": threshold,
        "threshold_found_on": count_all(forward, threshold, protocol).document(),
        **counts.document(),
        **leads(tested, threshold, protocol),
        "calibration": calibration(tested, protocol, _base_rate(forward, protocol)),
        "error_count_rule": _count_rule(histories, forward, tested, protocol),
        "trained_on": model.evidence,
        "thin_components": list(model.thin),
    }


def _iso(at_us: int) -> str:
    return from_us(at_us).isoformat(timespec="seconds").replace("+00:00", "Z")


def _on_grid(at_us: int, step_us: int) -> int:
    return at_us // step_us * step_us


def _trained(known: Sequence[EventHistory], question: Question, seed: int, where: str) -> HazardModel:
    model = train(known, horizons_h=(question.horizon_us / HOUR_US,), step_us=question.step_us, seed=seed)
    if isinstance(model, Refusal):
        raise VouchError(f"--events: not enough data in {where}: {model.reason}")
    return model


def _forward(known: Sequence[EventHistory], question: Question, seed: int) -> list[Watch]:
    """The training part forward in time: each later part as seen by a model of what came before it."""
    first, last = known[0].from_us, known[0].to_us
    watches: list[Watch] = []
    for begin, end in _FORWARD:
        start, stop = (_on_grid(first + round((last - first) * share), question.step_us) for share in (begin, end))
        model = train(
            [each.until(start) for each in known],
            horizons_h=(question.horizon_us / HOUR_US,),
            step_us=question.step_us,
            seed=seed,
        )
        if isinstance(model, HazardModel):
            until = min(stop, last - question.horizon_us)
            watches += _watches(model, known, question, start + question.gap_us, until, by_component=False)
    if not any(each.at_us.size for each in watches):
        raise VouchError("--split: the training part is too short, or has too few failures, to choose a threshold on")
    return watches


def _watches(
    model: HazardModel,
    histories: Sequence[EventHistory],
    question: Question,
    from_us: int,
    to_us: int,
    *,
    by_component: bool = True,
) -> list[Watch]:
    """Every machine over the rows of the grid in [from, to)."""
    watches: list[Watch] = []
    for history in histories:
        at_us = history.rows_us(question.step_us)
        at_us = at_us[(at_us >= from_us) & (at_us < to_us)]
        risks = model.risks(history, at_us) if by_component else None
        machine = risks.machine if risks else model.machine_risk(history, at_us)
        named = {part: risk[:, 0] for part, risk in risks.components.items()} if risks else {}
        failed = dict(history.failures)
        watches.append(Watch(machine=history.name, at_us=at_us, risk=machine[:, 0], named=named, failures=failed))
    return watches


def _best(watches: Sequence[Watch], protocol: Protocol) -> float:
    """The middle, in log odds, of the longest run of thresholds within one event of the best balance."""
    counted = [count_all(watches, float(each), protocol) for each in _THRESHOLDS]
    balance = np.array([each.balance for each in counted])
    good = balance >= balance.max() - 1 / max(1, counted[0].failures)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]])))
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return float(_THRESHOLDS[(starts[longest] + ends[longest] - 1) // 2])


def _base_rate(watches: Sequence[Watch], protocol: Protocol) -> float:
    """The share of rows that fail within the horizon, in the training part."""
    counts = count_all(watches, 2.0, protocol)
    return counts.rows_positive / max(1, sum(each.at_us.size for each in watches))


def _count_rule(
    histories: Sequence[EventHistory], forward: Sequence[Watch], tested: Sequence[Watch], protocol: Protocol
) -> dict[str, Any]:
    """The rule of thumb to beat: an alarm at so many errors in the last 24 h, the number that did best in training."""
    errors = {each.name: merged(each.errors.values()) for each in histories}

    def by_rule(watches: Sequence[Watch]) -> list[Watch]:
        return [
            Watch(
                machine=each.machine,
                at_us=each.at_us,
                risk=count_within(errors[each.machine], each.at_us, 24),
                named={},
                failures=each.failures,
            )
            for each in watches
        ]

    ruled = by_rule(forward)
    most = max(range(1, _MOST_ERRORS + 1), key=lambda many: count_all(ruled, many, protocol).balance)
    return {"errors_in_24_h": most, **count_all(by_rule(tested), most, protocol).document()}
