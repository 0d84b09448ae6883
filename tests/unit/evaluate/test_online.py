"""What an operator saw: nothing before a finding opened, and nothing that later rows decide."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.detectors.findings import findings
from services.analytics.detectors.model import Array
from services.evaluate import tables
from services.evaluate.anomaly import judge
from services.evaluate.counts import Flags
from services.evaluate.labelled_rows import rows_of
from services.evaluate.online import is_open, opened
from shared.model.detector import DetectorSettings

_STEP_US = 1_000_000


def _settings(open_after: int = 3, close_after: int = 4) -> DetectorSettings:
    return DetectorSettings(
        sensors=("a",),
        bucket_us=_STEP_US,
        open_after=open_after,
        close_after=close_after,
        false_alarms_per_month=1.0,
    )


def _open(score: Array, settings: DetectorSettings, at_us: np.ndarray | None = None) -> Flags:
    at_us = np.arange(len(score), dtype=np.int64) * _STEP_US if at_us is None else at_us
    return is_open(at_us, score, findings(at_us, score, settings, int(at_us[-1]) + _STEP_US), settings)


def test_a_finding_is_seen_from_the_bucket_it_opens_with_until_it_has_been_quiet_long_enough() -> None:
    score = np.array([0.0, 0.2, 0.9, 1.1, 1.2, 1.3, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1])
    at_us = np.arange(len(score), dtype=np.int64) * _STEP_US
    found = findings(at_us, score, _settings(), int(at_us[-1]) + _STEP_US)

    assert [each.start_us // _STEP_US for each in found] == [1]
    assert opened(at_us, score, found, _settings()).tolist() == [5]
    # It last holds in 6; the fourth quiet bucket, 10, closes it.
    assert np.flatnonzero(_open(score, _settings())).tolist() == [5, 6, 7, 8, 9]


_SCORES = st.lists(st.sampled_from([0.0, 0.3, 0.7, 1.5, float("nan")]), min_size=1, max_size=60)


@given(_SCORES, st.integers(1, 4), st.integers(1, 6), st.lists(st.integers(1, 9), min_size=60, max_size=60))
def test_each_row_is_flagged_as_if_it_were_the_last_one_known(
    scores: list[float], open_after: int, close_after: int, steps: list[int]
) -> None:
    score, settings = np.array(scores), _settings(open_after, close_after)
    at_us = np.cumsum(np.array(steps[: len(score)], dtype=np.int64)) * _STEP_US

    seen = _open(score, settings, at_us)

    for row, flag in enumerate(seen.tolist()):
        known = findings(at_us[: row + 1], score[: row + 1], settings, int(at_us[row]) + _STEP_US)
        assert flag is any(each.is_open for each in known)


def test_a_row_that_shares_its_bucket_sees_it_only_with_the_last_of_them(tmp_path: Path) -> None:
    path = _file(tmp_path / "rig.csv", [*range(400), 400.0, 401.0, 401.5, 402.0])
    rows = rows_of(tables.read(path), "time", "label", (), 400)
    flags = np.array([*[False] * 401, True, False])

    assert rows.at_rows(flags)[400:].tolist() == [False, False, True, False]


def _file(path: Path, seconds: list[float]) -> Path:
    chance = np.random.default_rng(3)
    values = chance.normal(size=(len(seconds), 3))
    values[420:460, 1] -= 4
    # Below HOLD for a while, then back: only what comes later makes one finding of both.
    values[475:490, 1] -= 4
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [
        f"{(start + timedelta(seconds=at)).isoformat()},{a:.4f},{b:.4f},{c:.4f},0"
        for at, (a, b, c) in zip(seconds, values.tolist(), strict=True)
    ]
    path.write_text("\n".join(["time,a,b,c,label", *lines]))
    return path


def _seen(path: Path) -> Flags:
    return judge(rows_of(tables.read(path), "time", "label", (), 400), 400, 1.0).said().online


@pytest.mark.parametrize("every", [1.0, 0.8])
def test_cutting_a_file_at_any_row_leaves_all_flags_before_it_as_they_were(tmp_path: Path, every: float) -> None:
    """Also where rows share a bucket, but for the rows of a bucket that is cut in two: its clock has not run out."""
    # The training is a row a bucket; with 0.8 every fifth row after it shares its bucket with the one before.
    seconds = [*range(400), *(400 + every * i for i in range(140))]
    path = _file(tmp_path / "rig.csv", seconds)
    lines = path.read_text().splitlines()
    whole = _seen(path)
    assert 50 < whole.sum() < 130

    for rows in (row for row in range(401, 540) if int(seconds[row]) > int(seconds[row - 1])):
        path.write_text("\n".join(lines[: rows + 1]))
        assert (_seen(path) == whole[: rows - 400]).all(), rows
