"""`vouch evaluate rul`: files in, figures out; what is wrong with a file is told with its place."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from services.cli import app
from services.evaluate import cmapss
from services.evaluate.rul import Asked, evaluate, table
from shared.errors import SpecError, VouchError


def _rows(unit: int, cycles: int, seed: int) -> list[str]:
    """An engine that lives 60 cycles more or less, written up to `cycles`."""
    generator = np.random.default_rng(seed)
    lines: list[str] = []
    for cycle in range(1, cycles + 1):
        wear = np.exp(cycle / 15.0)
        sensors = [100 + wear * (1 + number % 3) + generator.normal() for number in range(1, 21)]
        lines.append(f"{unit} {cycle} 0.1 0.2 100 " + " ".join(f"{each:.4f}" for each in [*sensors, 5.0]) + "  ")
    return lines


@pytest.fixture
def files(tmp_path: Path) -> Asked:
    train = [line for unit in range(1, 21) for line in _rows(unit, 50 + unit, unit)]
    test = [line for unit in range(1, 5) for line in _rows(unit, 30 + unit, 100 + unit)]
    for name, lines in (("train", train), ("test", test), ("truth", ["30", "31", "25", "40"])):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return Asked(train=tmp_path / "train", test=tmp_path / "test", truth=tmp_path / "truth", cap=50, seeds=2, folds=0)


def test_the_document_holds_the_figures_of_each_seed_and_their_mean(files: Asked) -> None:
    document = evaluate(files)
    assert document["train"] == {"file": "train", "engines": 20, "rows": sum(50 + unit for unit in range(1, 21))}
    assert [each["seed"] for each in document["by_seed"]] == [0, 1]
    mean = np.mean([each["capped"]["rmse"] for each in document["by_seed"]])
    assert document["capped"]["rmse"]["mean"] == pytest.approx(mean)
    assert document["capped"]["rmse"]["mean"] < 15
    assert 0 <= document["raw"]["coverage_ratio"]["mean"] <= 1
    assert document["cross_validation"] is None
    json.dumps(document, allow_nan=False)
    # Two answers, by name: the mean of the capped life and the median that predictions show.
    assert document["capped"]["rmse_p50"]["mean"] != document["capped"]["rmse"]["mean"]
    assert document["capped"]["rmse_p50"]["mean"] < 15
    assert "RMSE of mean, capped truth" in table(document)
    assert "RMSE of P50, capped truth" in table(document)


def test_the_command_prints_cross_validation_and_reads_gzip(files: Asked) -> None:
    files.train.write_bytes(gzip.compress(files.train.read_bytes()))
    options = ["--train", files.train, "--test", files.test, "--truth", files.truth, "--format", "cmapss"]
    asked = ["evaluate", "rul", *map(str, options), "--cap", "50", "--seeds", "1", "--folds", "2", "--json"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    cross = json.loads(result.output)["cross_validation"]
    assert [each["engines"] for each in cross["by_fold"]] == [10, 10]
    assert cross["cuts_an_engine"] == 5
    assert cross["capped"]["rmse"]["sd"] > 0


def test_a_truth_row_missing_is_told(files: Asked) -> None:
    files.truth.write_text("30\n31\n25\n")
    with pytest.raises(SpecError, match=r"truth.*\n  line 3: 3 row\(s\) of truth for 4 engine\(s\)"):
        evaluate(files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.rsplit(maxsplit=1)[0], r"line 3: 25 cell\(s\), 26 column\(s\)"),
        (lambda row: row + " 1", r"line 3: 27 cell\(s\), 26 column\(s\)"),
        (lambda row: row.replace("1 3 ", "1 2 ", 1), r"line 3, column cycle: cycle 2 of unit 1 comes after cycle 2"),
        (lambda row: row.replace("1 3 ", "1 9 ", 1), r"line 4, column cycle: cycle 4 of unit 1 comes after cycle 9"),
        (lambda row: row.replace("1 3 ", "1.5 3 ", 1), r"line 3, column unit: '1.5' is no whole number"),
        (lambda row: row.replace("1 3 ", "7 3 ", 1), r"line 4, column unit: unit 1 again"),
        (lambda row: row.replace(" 5.0000", " five", 1), r"line 3, column sensor_21: 'five' is no number"),
    ],
)
def test_a_bad_row_is_told_with_file_line_and_reason(files: Asked, change: Callable[[str], str], message: str) -> None:
    lines = files.train.read_text().splitlines()
    lines[2] = change(lines[2].strip())
    files.train.write_text("\n".join(lines))
    with pytest.raises(SpecError, match=message) as told:
        evaluate(files)
    assert str(files.train) in str(told.value)


def test_an_empty_file_is_refused(files: Asked) -> None:
    files.test.write_text("\n")
    with pytest.raises(SpecError, match="there are no rows"):
        evaluate(files)


def test_too_few_engines_are_refused(files: Asked) -> None:
    files.train.write_text("\n".join(line for unit in range(1, 4) for line in _rows(unit, 40, unit)))
    with pytest.raises(VouchError, match="3 life or lives ended in failure; 10 are needed"):
        evaluate(files)
    with pytest.raises(VouchError, match=r"3 engine\(s\) are too few for 2 folds"):
        evaluate(replace(files, folds=2))
    with pytest.raises(VouchError, match=r"--folds: 9 are more than the 3 engine\(s\)"):
        evaluate(replace(files, folds=9))


@pytest.mark.parametrize("cap", [0.0, -1.0, 1e-300, float("nan"), float("inf")])
def test_a_cap_that_is_none_is_refused(files: Asked, cap: float) -> None:
    with pytest.raises(VouchError, match="--cap lies between 1 and 1e"):
        evaluate(replace(files, cap=cap))


@pytest.mark.parametrize("cell", ["-1", "x", "nan", "1e300"])
def test_a_truth_that_is_no_remaining_life_is_refused(files: Asked, cell: str) -> None:
    files.truth.write_text(f"30\n{cell}\n25\n40\n")
    with pytest.raises(SpecError, match="line 2, column remaining"):
        evaluate(files)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=8), value=st.floats(allow_nan=False, width=32))
def test_what_is_written_is_read_engine_by_engine(tmp_path: Path, lengths: list[int], value: float) -> None:
    rows = [
        f"{unit} {cycle} 0 0 100 " + " ".join([repr(value if np.isfinite(value) else 0.0)] * 21)
        for unit, length in enumerate(lengths, 1)
        for cycle in range(1, length + 1)
    ]
    path = tmp_path / "lives.txt"
    path.write_text("\n".join(rows))
    lives = cmapss.engines(path, failed=True)
    assert [len(life.at_h) for life in lives] == lengths
    assert all(life.values.shape == (len(life.at_h), 21) and life.drivers.shape[1] == 3 for life in lives)
    assert (lives[0].values == (value if np.isfinite(value) else 0.0)).all()
