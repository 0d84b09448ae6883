"""`vouch evaluate anomaly`: rows counted right, labels unseen until then, and bad files refused with their place."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from services.cli import app
from services.evaluate.anomaly import evaluate, table
from services.evaluate.counts import Counts, events_of, total
from shared.errors import SpecError, VouchError

_START = datetime(2026, 1, 1, tzinfo=UTC)


def _lines(seed: int = 0, n: int = 1_000, fault: range = range(600, 850), shift: float = 4.0) -> list[str]:
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(n, 3))
    values[fault.start : fault.stop, 1] -= shift
    rows = [
        f"{_START + timedelta(seconds=i)};{a:.4f};{b:.4f};{c:.4f};0;{int(i in fault)}"
        for i, (a, b, c) in enumerate(values.tolist())
    ]
    return ["time;a;b;c;changepoint;label", *rows]


def _evaluate(path: Path, lines: list[str], train_rows: int = 400) -> dict:
    path.write_text("\n".join(lines))
    return evaluate([path], timestamp="time", label="label", separator=";", train_rows=train_rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rig.csv"


def test_a_fault_is_found_with_its_rows_its_event_and_its_delay(path: Path) -> None:
    document = _evaluate(path, _lines())
    [file] = document["files"]

    assert file["rows"] == 600
    assert (file["events"], file["events_found"], file["findings"]) == (1, 1, 1)
    assert 0 <= file["delays_s"][0] <= 15
    assert document["pooled"]["f1"] > 0.9
    assert document["pooled_online"]["f1"] > 0.85
    assert document["pooled_online"]["mar"] >= document["pooled"]["mar"]
    assert {"precision", "recall", "events_found", "findings"} < document["pooled_online"].keys()
    assert document["hindsight"]["f1"] >= document["pooled"]["f1"]
    told = table(document)
    assert "findings as finally dated  " in told
    assert "as seen online  " in told


def test_every_column_is_told_as_a_sensor_or_as_left_out_with_the_reason(path: Path) -> None:
    document = _evaluate(path, _lines())
    [file] = document["files"]

    assert file["sensors"] == ["a", "b", "c"]
    assert file["left_out"] == {"changepoint": "constant", "time": "the time", "label": "the label"}
    assert file["only_0_and_1"] == ["changepoint"]
    told = table(document)
    assert "1 file(s): sensors a, b, c; left out changepoint (constant), time (the time), label (the label)" in told
    assert "only 0 and 1, a label? changepoint" in told


def test_the_bucket_is_the_median_step_of_the_training_rows_alone(path: Path) -> None:
    lines = _lines()
    sparse = [
        f"{_START + timedelta(seconds=i if i < 400 else 400 + 10 * (i - 400))};{line.split(';', 1)[1]}"
        for i, line in enumerate(lines[1:])
    ]

    assert _evaluate(path, [lines[0], *sparse])["files"][0]["bucket_s"] == 1.0


def test_labels_change_the_counts_and_nothing_else(path: Path) -> None:
    lines = _lines()
    inverted = [lines[0], *(line[:-1] + str(1 - int(line[-1])) for line in lines[1:])]
    one, other = _evaluate(path, lines), _evaluate(path, inverted)

    assert one["files"][0]["sha256"] == other["files"][0]["sha256"]
    assert one["pooled"]["tp"] == other["pooled"]["fp"]
    assert one["pooled"]["fn"] == other["pooled"]["tn"]


def test_a_second_label_can_be_ignored_and_one_that_is_not_there_is_a_fault(path: Path) -> None:
    path.write_text("\n".join(_lines()))
    asked = {"timestamp": "time", "label": "label", "separator": ";", "train_rows": 400}

    document = evaluate([path], ignore=["changepoint"], **asked)

    assert document["files"][0]["left_out"]["changepoint"] == "ignored"
    with pytest.raises(SpecError, match="there is no column 'chnagepoint'"):
        evaluate([path], ignore=["chnagepoint"], **asked)


def test_rows_out_of_order_and_times_that_stand_twice_are_put_right_and_said(path: Path) -> None:
    lines = _lines()
    mixed = [lines[0], *reversed(lines[1:])]
    assert _evaluate(path, mixed)["pooled"] == _evaluate(path, lines)["pooled"]
    assert _evaluate(path, mixed)["files"][0]["notes"] == ["times were not in order: sorted"]

    twice = [*lines, lines[-1]]
    assert "1 row(s) at a time that was there already: averaged" in _evaluate(path, twice)["files"][0]["notes"]


def test_a_file_whose_training_is_refused_says_why_and_counts_as_silent(path: Path) -> None:
    lines = _lines()
    path.write_text("\n".join(lines))
    constant = path.with_name("constant.csv")
    constant.write_text("\n".join([lines[0], *(f"{at};1;1;1;0;{row[-1]}" for row in lines[1:] for at in [row[:25]])]))

    document = evaluate([path, constant], timestamp="time", label="label", separator=";", train_rows=400)

    assert document["files"][1]["refused"] == "too_few_sensors"
    assert document["files"][1]["sensors"] == []
    assert document["files_not_scored"] == 1
    assert document["pooled"]["fn"] >= 250
    told = table(document)
    assert "refused: too_few_sensors" in told
    assert "1 of 2 files not scored: count as silent" in told
    assert "100.0 %" not in told


def test_where_no_file_can_be_scored_there_are_no_figures(path: Path) -> None:
    with pytest.raises(VouchError, match=r"nothing could be scored: .*rig.csv: too_few_rows"):
        _evaluate(path, _lines(), train_rows=60)


def test_a_file_given_twice_is_refused(path: Path) -> None:
    path.write_text("\n".join(_lines()))
    with pytest.raises(VouchError, match=r"rig\.csv: is given twice"):
        evaluate([path, path.parent / "." / path.name], timestamp="time", label="label", separator=";", train_rows=400)


@pytest.mark.parametrize("budget", [float("nan"), float("inf"), 0.0, -1.0, 1e5])
def test_a_budget_that_is_none_is_refused(path: Path, budget: float) -> None:
    path.write_text("\n".join(_lines()))
    with pytest.raises(VouchError, match=r"--false-alarms-per-month lies between 0\.01 and 10000"):
        evaluate([path], timestamp="time", label="label", train_rows=400, false_alarms_per_month=budget)


def test_a_label_that_is_none_a_short_file_and_a_bad_cell_are_refused_with_their_place(path: Path) -> None:
    lines = _lines()
    with pytest.raises(VouchError, match="no more than the 5000 to train on"):
        _evaluate(path, lines, train_rows=5_000)
    with pytest.raises(SpecError, match=r"line 3, column label: .*is no label"):
        _evaluate(path, [*lines[:2], lines[2][:-1] + "7", *lines[3:]])
    with pytest.raises(SpecError, match="line 2, column a"):
        _evaluate(path, [lines[0], lines[1].replace(";", ";x", 2), *lines[2:]])


def test_the_command_reads_compressed_files_and_prints_json(path: Path) -> None:
    path.write_bytes(gzip.compress("\n".join(_lines()).encode()))
    asked = ["evaluate", "anomaly", str(path), "--timestamp", "time", "--label", "label", "--separator", ";"]

    result = CliRunner().invoke(app, [*asked, "--train-rows", "400", "--json"])

    assert result.exit_code == 0, result.output
    assert '"events_found": 1' in result.output


def test_ratios_are_those_of_the_definitions() -> None:
    document = Counts(tp=30, fp=10, fn=20, tn=40).document()

    assert document["precision"] == 0.75
    assert document["recall"] == 0.6
    assert document["f1"] == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert document["far"] == 0.2
    assert document["mar"] == 0.4
    assert Counts(tp=0, fp=0, fn=0, tn=0).document()["f1"] is None


@given(st.lists(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30), max_size=5))
def test_pooled_counts_are_those_of_all_rows_and_events_cover_what_is_true(
    files: list[list[tuple[bool, bool]]],
) -> None:
    arrays = [np.array(rows, dtype=bool).reshape(-1, 2) for rows in files]
    together = np.concatenate([np.empty((0, 2), dtype=bool), *arrays])

    assert total(Counts.of(rows[:, 0], rows[:, 1]) for rows in arrays) == Counts.of(together[:, 0], together[:, 1])
    covered = np.zeros(len(together), dtype=bool)
    for start, end in events_of(together[:, 1]):
        covered[start:end] = True
    assert (covered == together[:, 1]).all()
