"""The benchmark's rules against facts worked out by hand, and single metrics from file to figure."""

import json
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from services.analytics.detectors.findings import findings
from services.cli import app
from services.evaluate import nab, series
from services.evaluate.nab import Window
from services.evaluate.series import Columns, Scored, Series
from shared.errors import SpecError, VouchError
from shared.model.detector import DetectorSettings

ROWS = 1000
WINDOW = Window(first=500, last=599)


def raw(detections: list[int], windows: tuple[Window, ...] = (WINDOW,), rows: int = ROWS) -> float:
    return nab.outcome(rows, detections, windows).raw


def sigmoid(position: float) -> float:
    return 2 / (1 + exp(5 * position)) - 1


# The paper's figures: the left edge earns 0.98661 of one, the middle 0.84828, the right edge nothing.
@pytest.mark.parametrize(("position", "earned"), [(-1.0, 0.98661), (-0.5, 0.84828), (0.0, 0.0), (1.0, -0.98661)])
def test_the_scaled_sigmoid_is_that_of_the_paper(position: float, earned: float) -> None:
    assert nab.scaled_sigmoid(np.array([position]))[0] == pytest.approx(earned, abs=5e-6)


def test_far_behind_a_window_a_false_alarm_costs_its_whole_weight() -> None:
    assert nab.scaled_sigmoid(np.array([3.0, 1e9])).tolist() == [-1, -1]


@pytest.mark.parametrize(("rows", "probation"), [(0, 0), (100, 15), (4032, 604), (5000, 750), (22695, 750)])
def test_probation_is_fifteen_percent_but_at_most_750_rows(rows: int, probation: int) -> None:
    assert nab.probation_rows(rows) == probation


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        ([500], 1.0),
        ([], -1.0),
        ([550], sigmoid(-0.5) / sigmoid(-1)),
        ([599], sigmoid(-0.01) / sigmoid(-1)),
        ([550, 551, 599], sigmoid(-0.5) / sigmoid(-1)),
        ([400], -1 - 0.11),
        ([400, 401], -1 - 0.22),
        ([500, 600], 1 + 0.11 * sigmoid(1 / 99)),
        ([500, 698], 1 + 0.11 * sigmoid(1)),
        ([500, 950], 1 - 0.11),
        ([149], -1.0),
        ([150], -1 - 0.11),
    ],
)
def test_detections_earn_what_the_rules_say(detections: list[int], expected: float) -> None:
    assert raw(detections) == pytest.approx(expected, abs=1e-12)


def test_a_false_alarm_is_weighed_by_the_last_window_before_it() -> None:
    two = (WINDOW, Window(first=700, last=719))
    assert raw([500, 700, 730], two) == pytest.approx(2 + 0.11 * sigmoid(11 / 19))
    assert raw([500, 650, 700], two) == pytest.approx(2 + 0.11 * sigmoid(51 / 99))


def test_a_window_within_probation_is_none_and_one_that_reaches_beyond_is_one() -> None:
    assert nab.outcome(ROWS, [120], [Window(first=100, last=149)]).windows == 0
    partly = nab.outcome(ROWS, [120, 175], [Window(first=100, last=199)])
    assert partly.windows == 1
    assert partly.caught == (175,)
    assert partly.raw == pytest.approx(sigmoid(-0.25) / sigmoid(-1))


def test_the_perfect_detector_scores_100_and_the_silent_one_0() -> None:
    files = [(WINDOW,), (Window(first=300, last=349), Window(first=800, last=999)), ()]
    perfect = [nab.outcome(ROWS, [window.first for window in windows], windows) for windows in files]
    assert nab.normalised(perfect) == pytest.approx(100)
    assert nab.normalised([nab.outcome(ROWS, [], windows) for windows in files]) == 0


def test_a_detector_that_always_fires_is_scored_as_added_up_by_hand() -> None:
    before, behind = range(150, 500), range(600, 1000)
    false = -0.11 * len(before) + 0.11 * sum(sigmoid(p) if (p := (row - 599) / 99) < 3 else -1 for row in behind)
    always = nab.outcome(ROWS, range(ROWS), [WINDOW])
    assert always.raw == pytest.approx(1 + false)
    assert nab.normalised([always]) == pytest.approx(100 * (2 + false) / 2)


def test_without_a_window_there_is_no_score() -> None:
    assert nab.normalised([nab.outcome(ROWS, [700], [])]) is None


@given(
    detections=st.lists(st.integers(0, ROWS - 1), max_size=30),
    edges=st.lists(st.integers(160, ROWS - 1), min_size=2, max_size=6, unique=True).filter(lambda e: len(e) % 2 == 0),
)
def test_no_detections_score_above_100_and_order_and_repeats_do_not_count(
    detections: list[int], edges: list[int]
) -> None:
    ends = iter(sorted(edges))
    windows = [Window(first=first, last=last) for first, last in zip(ends, ends, strict=True)]
    found = nab.outcome(ROWS, detections, windows)
    assert found == nab.outcome(ROWS, [*reversed(detections), *detections], windows[::-1])
    score = nab.normalised([found])
    assert score is not None
    assert score <= 100 + 1e-9
    assert (score == 0) is (not any(row >= 150 for row in detections))


START = datetime(2026, 1, 1, tzinfo=UTC)


def instant(row: int) -> str:
    return (START + timedelta(minutes=5 * row)).strftime("%Y-%m-%d %H:%M:%S")


def metric(rows: int = 2000, spike_at: int | None = 1500) -> list[str]:
    values = 50 + np.random.default_rng(7).normal(size=rows)
    if spike_at is not None:
        values[spike_at] = 90
    return [f"{instant(row)},{value}" for row, value in enumerate(values)]


def write(folder: Path, lines: list[str], windows: Any = None, name: str = "a.csv") -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    path, labels = folder / name, folder / "windows.json"
    path.write_text("\n".join(["timestamp,value", *lines]))
    spans = [[instant(1450), instant(1550)]] if windows is None else windows
    labels.write_text(json.dumps({f"{folder.name}/{name}": spans, "elsewhere/a.csv": []}))
    return path, labels


def test_a_spike_in_a_window_is_caught_and_the_figures_add_up(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", metric())
    document = series.evaluate([path], labels)
    (only,) = document["files"]
    assert only["file"] == "real/a.csv"
    assert only["probation_rows"] == 300
    assert only["caught_at"] == [(START + timedelta(minutes=5 * 1500)).isoformat()]
    assert document["windows"] == document["windows_caught"] == 1
    assert document["score"] == pytest.approx(100 * (only["raw"] + 1) / 2)
    assert document["labelled"]["score"] >= document["score"]
    low, high = document["score_p05_p95_over_files"]
    assert low == high == pytest.approx(document["score"])


def test_a_detection_is_the_row_at_which_a_finding_opened_not_the_one_it_is_dated_back_to() -> None:
    score = np.zeros(200)
    score[100:106] = [0.2, 0.3, 0.6, 1.2, 1.5, 0.4]
    at_us = np.arange(200, dtype=np.int64) * 300_000_000
    settings = DetectorSettings(
        sensors=("value",), bucket_us=300_000_000, open_after=1, close_after=24, false_alarms_per_month=1.0
    )
    metric = Series(name="a", at_us=at_us, value=np.zeros(200), windows=())
    scored = Scored(series=metric, settings=settings, at_us=at_us, score=score, refusal=None)

    assert findings(at_us, score, settings, int(at_us[-1]))[0].start_us == at_us[100]
    assert scored.detections(1.0).tolist() == [103]
    assert scored.detections(1.4).tolist() == [104]


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", metric())
    with pytest.raises(VouchError, match=r"a\.csv: is given twice"):
        series.evaluate([path, path], labels)


def test_labels_do_not_touch_what_is_detected(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", metric())
    caught = series.evaluate([path], labels)["files"][0]
    path, labels = write(tmp_path / "real", metric(), windows=[])
    without = series.evaluate([path], labels)
    assert without["score"] is None
    assert without["score_p05_p95_over_files"] is None
    assert without["files"][0]["false_alarms_at"] == sorted(caught["caught_at"] + caught["false_alarms_at"])
    assert "there is no window to catch" in series.table(without)


def test_unsorted_rows_are_put_in_order(tmp_path: Path) -> None:
    lines = metric()
    path, labels = write(tmp_path / "real", lines)
    straight = series.evaluate([path], labels)
    np.random.default_rng(8).shuffle(lines)
    path, labels = write(tmp_path / "real", lines)
    assert series.evaluate([path], labels) == straight


def test_rows_of_the_same_instant_count_as_rows_and_are_judged_by_their_mean(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", [line for line in metric() for _ in range(2)])
    document = series.evaluate([path], labels)
    assert document["files"][0]["rows"] == 4000
    assert document["files"][0]["caught_at"] == [(START + timedelta(minutes=5 * 1500)).isoformat()]


@pytest.mark.parametrize(
    "values",
    [
        ["0"] * 2000,
        ["1e300"] * 1000 + ["-1e300"] * 1000,
        [""] * 1000 + ["1"] * 1000,
        ["1", "1e300"] * 1000,
        ["0"] * 1999 + ["1.7e308"],
    ],
)
def test_series_no_one_would_call_healthy_still_give_a_document(tmp_path: Path, values: list[str]) -> None:
    path, labels = write(tmp_path / "real", [f"{instant(row)},{value}" for row, value in enumerate(values)])
    document = series.evaluate([path], labels)
    json.dumps(document, allow_nan=False)
    assert "score" in series.table(document)


def test_a_file_too_short_to_learn_from_says_so_and_counts_as_silent(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", metric(400, None), windows=[[instant(200), instant(240)]])
    document = series.evaluate([path], labels)
    assert document["files"][0]["refused"]["refused"] == "too_few_rows"
    assert document["score"] == 0
    assert "not scored: too_few_rows, 60 of 100 rows" in series.table(document)


def test_an_entry_matches_by_its_whole_path(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", metric())
    (tmp_path / "other").mkdir()
    stranger = tmp_path / "other" / "a.csv"
    stranger.write_bytes(path.read_bytes())
    with pytest.raises(SpecError, match=r"a.csv: no entry is the end of .*other/a.csv"):
        series.evaluate([stranger], labels)


def test_other_columns_and_separators_can_be_named(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", metric())
    path.write_text(path.read_text().replace(",", ";").replace("timestamp;value", "at;flow"))
    columns = Columns(timestamp="at", value="flow", separator=";")
    assert series.evaluate([path], labels, columns)["windows_caught"] == 1


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ([["2026-01-01"]], "real/a.csv: .* is no pair of instants"),
        ([["2026-01-01", "soon"]], "real/a.csv: .* is no pair of instants"),
        ([[1, 2]], "real/a.csv: .* is no pair of instants"),
        ([["2026-01-02", "2026-01-01"]], "real/a.csv: .* ends before it begins"),
        ("2026", "real/a.csv: is no list of pairs"),
    ],
)
def test_wrong_windows_are_refused_by_name(tmp_path: Path, windows: Any, message: str) -> None:
    path, labels = write(tmp_path / "real", metric(), windows=windows)
    with pytest.raises(SpecError, match=message):
        series.evaluate([path], labels)


@pytest.mark.parametrize(("content", "message"), [("{", "is no JSON"), ("[]", "an object is needed")])
def test_a_windows_file_of_another_kind_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path, labels = write(tmp_path / "real", metric())
    labels.write_text(content)
    with pytest.raises(VouchError, match=message):
        series.evaluate([path], labels)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-01-01,high", "line 2, column value: 'high' is no number"),
        ("never,1", "line 2, column timestamp: 'never' is no time"),
        ("2026-01-01", r"line 2: 1 cell\(s\), 2 column\(s\)"),
    ],
)
def test_a_wrong_cell_is_told_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    path, labels = write(tmp_path / "real", [line])
    with pytest.raises(SpecError, match=message):
        series.evaluate([path], labels)


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", [])
    with pytest.raises(SpecError, match="there are no rows"):
        series.evaluate([path], labels)


def test_the_command_prints_json_or_a_table(tmp_path: Path) -> None:
    path, labels = write(tmp_path / "real", metric())
    command = ["evaluate", "series", str(path), "--windows", str(labels)]
    printed = CliRunner().invoke(app, [*command, "--json"])
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout) == json.loads(json.dumps(series.evaluate([path], labels)))
    told = CliRunner().invoke(app, command)
    assert "score" in told.stdout
    assert "real/a.csv" in told.stdout
