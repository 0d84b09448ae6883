"""`vouch evaluate anomaly`: each labelled file trained afresh on its first rows, the rest scored as in production.

Rows are flagged in two ways, which stand side by side. As findings are finally dated: back to their onset, up to their
last bucket that held, known only when they are over. As seen online: while a finding was open, by what was known at
each row. Labels are read after the scoring, to count; nothing is chosen by them. The one figure that is, `hindsight`,
says what the best common threshold would have given, had the labels been known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from services.analytics.detectors import record, training
from services.analytics.detectors.findings import findings
from services.analytics.detectors.model import Array, Model, Refusal
from services.evaluate import online, tables
from services.evaluate.counts import Counts, Flags, best_by, events_of, total
from services.evaluate.labelled_rows import Rows, rows_of
from shared.errors import VouchError
from shared.model.detector import DetectorSettings

# The same for every file, whatever it holds. Half of a minute at a row a second, the longest window of 400 rows.
OPEN_AFTER: Final = 3
CLOSE_AFTER: Final = 30
FALSE_ALARMS_PER_MONTH: Final = 1.0
# Of a budget that thresholds can be set by.
LEAST_FALSE_ALARMS: Final = 0.01
MOST_FALSE_ALARMS: Final = 10_000.0
# Multiples of the threshold that hindsight may choose from.
_FACTORS: Final = tuple(float(factor) for factor in np.geomspace(0.1, 10.0, 41))
FINALLY_DATED: Final = "findings as finally dated"
SEEN_ONLINE: Final = "as seen online"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """The n rows after the training that findings cover, as finally dated and as seen online, and their number."""

    dated: Flags
    online: Flags
    findings: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Judged:
    """What was said of a file's rows after the training: the scores of their buckets, and what is true of them."""

    rows: Rows
    settings: DetectorSettings
    first: int
    score: Array
    about: dict[str, Any]

    @property
    def truth(self) -> Flags:
        """Labels (n,) of the rows after the training."""
        return self.rows.label[self.first :]

    @property
    def is_scored(self) -> bool:
        """Whether there is a detector."""
        return self.about["refused"] is None

    def said(self, factor: float = 1.0) -> Said:
        """With the threshold `factor` times as high."""
        dated, seen = (np.zeros(len(self.rows.at_us), dtype=bool) for _ in range(2))
        low = int(self.rows.bucket[self.first])
        at_us, score = self.rows.at_us[low:], self.score[low:] / factor
        found = findings(at_us, score, self.settings, int(at_us[-1]) + self.settings.bucket_us)
        for finding in found:
            start, end = np.searchsorted(at_us, [finding.start_us, finding.until_us])
            dated[low + start : low + end] = True
        seen[low:] = online.is_open(at_us, score, found, self.settings)
        row = self.rows.bucket[self.first :]
        return Said(dated=dated[row], online=self.rows.at_rows(seen)[self.first :], findings=len(found))


def evaluate(
    paths: Sequence[Path],
    *,
    timestamp: str,
    label: str,
    train_rows: int,
    separator: str = ",",
    ignore: Iterable[str] = (),
    false_alarms_per_month: float = FALSE_ALARMS_PER_MONTH,
) -> dict[str, Any]:
    """The document of an evaluation. VouchError where a file cannot be read or has no more than `train_rows` rows,
    where no file allows a detector, and for a budget out of bounds."""
    _refuse(paths, false_alarms_per_month)
    read = (rows_of(tables.read(path, separator), timestamp, label, tuple(ignore), train_rows) for path in paths)
    # One core, as in production: sums over several differ in the last bit.
    with threadpool_limits(1):
        judged = [judge(rows, train_rows, false_alarms_per_month) for rows in read]
    if not any(one.is_scored for one in judged):
        raise VouchError(
            "nothing could be scored: " + "; ".join(f"{each.rows.source}: {each.about['refused']}" for each in judged)
        )
    truths, said = [one.truth for one in judged], [one.said() for one in judged]
    return {
        "settings": {
            "train_rows": train_rows,
            "bucket": "median sampling step of each file's training rows",
            "open_after": OPEN_AFTER,
            "close_after": CLOSE_AFTER,
            "false_alarms_per_month": false_alarms_per_month,
        },
        "pooled": {"rows_flagged": FINALLY_DATED, **_pooled(truths, [each.dated for each in said], said)},
        "pooled_online": {"rows_flagged": SEEN_ONLINE, **_pooled(truths, [each.online for each in said], said)},
        "hindsight": best_by(_FACTORS, lambda factor: [one.said(factor).dated for one in judged], truths),
        "files_not_scored": sum(not one.is_scored for one in judged),
        "files": [_file(one, each) for one, each in zip(judged, said, strict=True)],
    }


def _refuse(paths: Sequence[Path], false_alarms_per_month: float) -> None:
    if not paths:
        raise VouchError("no file to evaluate")
    if not LEAST_FALSE_ALARMS <= false_alarms_per_month <= MOST_FALSE_ALARMS:
        raise VouchError(f"--false-alarms-per-month lies between {LEAST_FALSE_ALARMS} and {MOST_FALSE_ALARMS:g}")
    tables.refuse_twice(paths)


def judge(rows: Rows, train_rows: int, false_alarms_per_month: float) -> Judged:
    """Train on the first `train_rows`, without a look at labels or later rows, and score all."""
    settings = DetectorSettings(
        sensors=rows.sensors,
        bucket_us=rows.bucket_us,
        open_after=OPEN_AFTER,
        close_after=CLOSE_AFTER,
        false_alarms_per_month=false_alarms_per_month,
    )
    # The bucket that the first row to be judged lies in is none to learn from.
    trained = int(rows.bucket[train_rows])
    model = training.train(rows.at_us[:trained], rows.values[:trained], settings)
    parameters = record.as_record(model, settings, int(rows.at_us[0]), int(rows.at_us[trained]))
    about: dict[str, Any] = {"model": parameters.get("algorithm"), "sha256": record.digest(parameters)}
    about |= {"refused": parameters.get("refused"), **_columns(rows, model)}
    about["notes"] = [*rows.notes, *parameters.get("warnings", [])]
    score = np.full(len(rows.at_us), np.nan)
    if not isinstance(model, Refusal):
        columns = [rows.sensors.index(name) for name in model.columns]
        score = model.score(rows.at_us, rows.values[:, columns]).score
    return Judged(rows=rows, settings=settings, first=train_rows, score=score, about=about)


def _columns(rows: Rows, model: Model | Refusal) -> dict[str, Any]:
    """Every column of the file: taken as a sensor, or left out and why; and members of the ensemble left out."""
    taken = () if isinstance(model, Refusal) else model.sensors
    reasons = {name: why.value for name, why in model.left_out.items()}
    unused = {name: reasons.get(name, "not used") for name in rows.sensors if name not in taken}
    return {
        "sensors": list(taken),
        "left_out": unused | rows.set_aside,
        "only_0_and_1": list(rows.two_valued),
        "members_left_out": {name: why for name, why in reasons.items() if name not in rows.sensors},
    }


def _file(judged: Judged, said: Said) -> dict[str, Any]:
    at_s = judged.rows.at_us[judged.rows.bucket[judged.first :]] / 1e6
    events = events_of(judged.truth)
    delays: list[float | None] = []
    for start, end in events:
        flagged = np.flatnonzero(said.online[start:end])
        delays.append(float(at_s[start + flagged[0]] - at_s[start]) if len(flagged) else None)
    return {
        "file": judged.rows.source,
        "rows": len(said.dated),
        "bucket_s": judged.rows.bucket_us / 1e6,
        **judged.about,
        **Counts.of(said.dated, judged.truth).document(),
        "events": len(events),
        "events_found": sum(bool(said.dated[start:end].any()) for start, end in events),
        "delays_s": delays,
        "findings": said.findings,
        "unscored_rows": int(np.isnan(judged.score[judged.rows.bucket[judged.first :]]).sum()),
        "online": Counts.of(said.online, judged.truth).document(),
    }


def _pooled(truths: Sequence[Flags], flagged: Sequence[Flags], said: Sequence[Said]) -> dict[str, Any]:
    pairs = list(zip(flagged, truths, strict=True))
    events = [flags[start:end] for flags, truth in pairs for start, end in events_of(truth)]
    return {
        **total(Counts.of(flags, truth) for flags, truth in pairs).document(),
        "events": len(events),
        "events_found": sum(bool(each.any()) for each in events),
        "findings": sum(each.findings for each in said),
    }


def table(document: dict[str, Any]) -> str:
    """The document for people: a line a file, then all rows together, then what the columns were taken for."""
    head = f"{'F1':>6} {'FAR':>7} {'MAR':>7} {'events':>7} {'findings':>8}"
    lines = [f"{FINALLY_DATED:32} {head} {'delay s':>8}  notes"]
    for one in document["files"]:
        delays = [delay for delay in one["delays_s"] if delay is not None]
        delay = f"{delays[0]:.0f}" if delays else "-"
        notes = [f"refused: {one['refused']}"] if one["refused"] else []
        lines.append(f"{Path(one['file']).name:32} {_figures(one)} {delay:>8}  {'; '.join([*notes, *one['notes']])}")
    hindsight = document["hindsight"]
    lines += [
        "",
        f"{'all rows':32} {head}",
        *(f"{each['rows_flagged']:32} {_figures(each)}" for each in (document["pooled"], document["pooled_online"])),
        f"{'dated, best threshold known':32} {_ratios(hindsight)}  ({hindsight['factor']:.2f} times ours)",
    ]
    if document["files_not_scored"]:
        lines.append(f"{document['files_not_scored']} of {len(document['files'])} files not scored: count as silent")
    return "\n".join([*lines, *_columns_told(document["files"])])


def _figures(counts: dict[str, Any]) -> str:
    if counts.get("refused"):
        return f"{'-':>6} {'-':>7} {'-':>7} {'-':>7} {'-':>8}"
    return f"{_ratios(counts)} {counts['events_found']:>3}/{counts['events']:<3} {counts['findings']:8}"


def _ratios(counts: dict[str, Any]) -> str:
    def shown(value: float | None, scale: float, suffix: str, width: int) -> str:
        return f"{'-' if value is None else f'{value * scale:.{3 if scale == 1 else 1}f}{suffix}':>{width}}"

    return f"{shown(counts['f1'], 1, '', 6)} {shown(counts['far'], 100, ' %', 7)} {shown(counts['mar'], 100, ' %', 7)}"


def _columns_told(files: Sequence[dict[str, Any]]) -> list[str]:
    """What the columns were taken for, once for all files of which the same holds."""
    told: dict[str, int] = {}
    for one in files:
        out = ", ".join(f"{name} ({why})" for name, why in one["left_out"].items())
        two = f"; only 0 and 1, a label? {', '.join(one['only_0_and_1'])}" if one["only_0_and_1"] else ""
        words = f"sensors {', '.join(one['sensors']) or 'none'}; left out {out}{two}"
        told[words] = told.get(words, 0) + 1
    return [f"{count} file(s): {words}" for words, count in told.items()]
