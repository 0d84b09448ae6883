"""`vouch evaluate series`: single metrics with labelled windows, judged by the rules of `nab`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.analytics.detectors import single, training
from services.analytics.detectors.findings import findings
from services.analytics.detectors.model import Array, Refusal, Times
from services.evaluate import nab, online, tables
from services.evaluate.nab import Outcome, Window
from shared.errors import Fault, SpecError, VouchError
from shared.instant import DAY_US, from_us, to_us
from shared.model.detector import DetectorSettings

# The mean run length between false alarms, as control charts state it. On simulated series the standard profile, in
# which a false alarm costs a ninth of a miss, pays best near it.
ROWS_PER_FALSE_ALARM: Final = 1000.0

_CLOSE_AFTER: Final = 24
_BOOTSTRAPS: Final = 2000
_FACTORS: Final = np.unique(np.concatenate([np.geomspace(0.25, 4.0, 49), [1.0]]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Where a file holds the time and the value of a row, and what stands between its cells."""

    timestamp: str = "timestamp"
    value: str = "value"
    separator: str = ","


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Series:
    """One file: `value` (n,) at `at_us` (n,), ascending, instants may repeat; `windows` as row numbers."""

    name: str
    at_us: Times
    value: Array
    windows: tuple[Window, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """One file with the score of each of its instants (m,), or why there is none; `settings` it was trained by."""

    series: Series
    settings: DetectorSettings
    at_us: Times
    score: Array
    refusal: Refusal | None

    def detections(self, threshold: float) -> NDArray[np.intp]:
        """Row numbers at which findings open, were the score's threshold `threshold`.

        Not where they are dated back to: before it opened nothing had been raised. Of rows of one instant the last.
        """
        known_to_us = int(self.at_us[-1]) + self.settings.bucket_us
        # Findings that begin in probation would hide the first ones after it.
        begin = np.searchsorted(self.at_us, self.series.at_us[nab.probation_rows(len(self.series.at_us))])
        at_us, score = self.at_us[begin:], self.score[begin:] / threshold
        found = findings(at_us, score, self.settings, known_to_us)
        opened_us = at_us[online.opened(at_us, score, found, self.settings)]
        return np.searchsorted(self.series.at_us, opened_us, side="right") - 1

    def outcome(self, threshold: float = 1.0) -> Outcome:
        """What the detections earn."""
        return nab.outcome(len(self.series.at_us), self.detections(threshold), self.series.windows)


_COLUMNS: Final = Columns()


def evaluate(files: Sequence[Path], windows: Path, columns: Columns = _COLUMNS) -> dict[str, Any]:
    """The document of `vouch evaluate series`: files with their detections, the score, its spread over files.

    `windows` is JSON: path of a file -> pairs of first and last instant; each of `files` is matched by the longest
    path that it ends with. VouchError or SpecError for what is wrong in either.
    """
    labelled = _read_windows(windows)
    tables.refuse_twice(files)
    scored = [_score(_read(path, labelled, windows, columns)) for path in files]
    outcomes = [each.outcome() for each in scored]
    return {
        "protocol": "NAB, standard profile (Lavin and Ahmad 2015)",
        "detector": single.NAME,
        "rows_per_false_alarm": ROWS_PER_FALSE_ALARM,
        "files": [_file(each, found) for each, found in zip(scored, outcomes, strict=True)],
        "windows": sum(found.windows for found in outcomes),
        "windows_caught": sum(_caught(found) for found in outcomes),
        "false_alarms": sum(len(found.false_alarms) for found in outcomes),
        "score": nab.normalised(outcomes),
        "score_p05_p95_over_files": _spread(outcomes),
        "labelled": _labelled(scored),
    }


def table(document: dict[str, Any]) -> str:
    """The document for people."""
    lines = [f"{'file':<48} {'windows':>7} {'caught':>6} {'false':>5} {'raw':>7}"]
    for each in document["files"]:
        caught = sum(row is not None for row in each["caught_at"])
        false, name = len(each["false_alarms_at"]), each["file"][-48:]
        lines.append(f"{name:<48} {each['windows']:>7} {caught:>6} {false:>5} {each['raw']:>7.2f}")
        if each["refused"] is not None:
            reason = each["refused"]
            lines.append(f"  not scored: {reason['refused']}, {reason['rows']} of {reason['rows_needed']} rows")
    lines.append(f"{document['protocol']}; {document['detector']}, threshold without labels")
    if document["score"] is None:
        lines.append("score: none, there is no window to catch")
    else:
        low, high = document["score_p05_p95_over_files"]
        best = document["labelled"]
        lines.append(
            f"score {document['score']:.1f} (5-95 % over files drawn again: {low:.1f} to {high:.1f}); "
            f"with the benchmark's threshold fitted to the labels {best['score']:.1f} (factor {best['factor']:.2f})"
        )
    return "\n".join(lines)


def _read_windows(path: Path) -> dict[str, list[tuple[int, int]]]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise VouchError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise VouchError(f"{path}: is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise VouchError(f"{path}: an object is needed: path of a file -> pairs of instants")
    return {name: [_pair(path, name, pair) for pair in _listed(path, name, pairs)] for name, pairs in content.items()}


def _listed(path: Path, name: str, pairs: object) -> list[object]:
    if not isinstance(pairs, list):
        raise SpecError(str(path), [Fault(name, "is no list of pairs of instants")])
    return pairs


def _pair(path: Path, name: str, pair: object) -> tuple[int, int]:
    try:
        first, last = (_instant_us(cell) for cell in pair)  # type: ignore[union-attr]
    except (TypeError, ValueError) as error:
        raise SpecError(str(path), [Fault(name, f"{pair!r} is no pair of instants in ISO 8601")]) from error
    if last < first:
        raise SpecError(str(path), [Fault(name, f"{pair!r} ends before it begins")])
    return first, last


def _instant_us(cell: str) -> int:
    at = datetime.fromisoformat(cell)
    return to_us(at.replace(tzinfo=at.tzinfo or UTC))


def _read(path: Path, labelled: dict[str, list[tuple[int, int]]], windows: Path, columns: Columns) -> Series:
    name = _match(path, labelled)
    if name is None:
        raise SpecError(str(windows), [Fault(path.name, f"no entry is the end of {path}")])
    rows = tables.read(path, columns.separator)
    if len(rows) == 0:
        raise SpecError(str(path), [Fault("line 2", "there are no rows")])
    at_us, values = rows.instants_us(columns.timestamp), rows.numbers(columns.value, may_miss=True)
    order = np.argsort(at_us, kind="stable")
    at_us = at_us[order]
    found = [_rows_of(at_us, first, last) for first, last in labelled[name]]
    return Series(
        name=name, at_us=at_us, value=values[order], windows=tuple(each for each in found if each is not None)
    )


def _match(path: Path, labelled: dict[str, list[tuple[int, int]]]) -> str | None:
    parts = path.resolve().with_suffix("").parts if path.suffix == ".gz" else path.resolve().parts
    fitting = [name for name in labelled if (end := PurePath(name).parts) and parts[-len(end) :] == end]
    return max(fitting, key=lambda name: len(PurePath(name).parts), default=None)


def _rows_of(at_us: Times, first_us: int, last_us: int) -> Window | None:
    first, behind = np.searchsorted(at_us, first_us), np.searchsorted(at_us, last_us, side="right")
    return Window(first=int(first), last=int(behind) - 1) if behind > first else None


def _score(series: Series) -> Scored:
    """Train on the rows of probation, without a look at labels or later rows, and score all."""
    probation = nab.probation_rows(len(series.at_us))
    at_us, value = _merged(series.at_us, series.value)
    healthy = at_us < series.at_us[probation]
    bucket_us = _bucket_us(at_us[healthy])
    settings = DetectorSettings(
        sensors=("value",),
        bucket_us=bucket_us,
        open_after=1,
        close_after=_CLOSE_AFTER,
        false_alarms_per_month=30 * DAY_US / (ROWS_PER_FALSE_ALARM * bucket_us),
    )
    model = training.train(at_us[healthy], value[healthy, None], settings)
    if isinstance(model, Refusal):
        score, refusal = np.full(len(at_us), np.nan), model
    else:
        score, refusal = model.score(at_us, value[:, None]).score, None
    return Scored(series=series, settings=settings, at_us=at_us, score=score, refusal=refusal)


def _merged(at_us: Times, value: Array) -> tuple[Times, Array]:
    """One row an instant, as buckets are: the mean of the values there are (halved first: a sum must not overflow)."""
    instants, place = np.unique(at_us, return_inverse=True)
    is_there = np.isfinite(value)
    count = np.bincount(place[is_there], minlength=len(instants))
    weights = value[is_there] / count[place[is_there]]
    total = np.bincount(place[is_there], weights=weights, minlength=len(instants))
    return instants, np.where(count > 0, total, np.nan)


def _bucket_us(at_us: Times) -> int:
    """The median step between instants; a second where there are fewer than two."""
    return int(np.median(np.diff(at_us))) if len(at_us) > 1 else 1_000_000


def _file(scored: Scored, found: Outcome) -> dict[str, Any]:
    at_us = scored.series.at_us

    def instant(row: int) -> str:
        return from_us(int(at_us[row])).isoformat()

    return {
        "file": scored.series.name,
        "rows": len(at_us),
        "probation_rows": nab.probation_rows(len(at_us)),
        "windows": found.windows,
        "caught_at": [None if row is None else instant(row) for row in found.caught],
        "false_alarms_at": [instant(row) for row in found.false_alarms],
        "raw": found.raw,
        "score": nab.normalised([found]),
        "refused": None if scored.refusal is None else scored.refusal.as_parameters(),
    }


def _caught(found: Outcome) -> int:
    return sum(row is not None for row in found.caught)


def _labelled(scored: Sequence[Scored]) -> dict[str, Any]:
    """The score with one threshold for all files that is fitted to the labels, as the benchmark does: no forecast."""
    tried = [(nab.normalised([each.outcome(factor) for each in scored]), factor) for factor in _FACTORS.tolist()]
    score, factor = max(((score, factor) for score, factor in tried if score is not None), default=(None, None))
    return {"note": "threshold fitted to these labels", "score": score, "factor": factor}


def _spread(outcomes: Sequence[Outcome]) -> list[float] | None:
    """5 % and 95 % of the score when as many files are drawn again with replacement (Efron 1979), seed fixed."""
    drawn = np.random.default_rng(0).integers(len(outcomes), size=(_BOOTSTRAPS, len(outcomes)))
    scores = [score for rows in drawn if (score := nab.normalised([outcomes[row] for row in rows])) is not None]
    return np.quantile(scores, [0.05, 0.95]).tolist() if scores else None
