"""NAB realAWSCloudwatch: seventeen real metrics, one setting without labels, scored by the benchmark's rules."""

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.evaluate import nab, series


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    path = shared_data / "nab"
    if not path.is_dir():
        pytest.skip(f"no NAB files in {path}")
    return path


@pytest.fixture(scope="module")
def files(folder: Path) -> list[Path]:
    return sorted((folder / "data" / "realAWSCloudwatch").glob("*.csv"))


@pytest.fixture(scope="module")
def document(folder: Path, files: list[Path]) -> dict[str, Any]:
    command = ["evaluate", "series", *map(str, files), "--windows", str(folder / "combined_windows.json"), "--json"]
    printed = CliRunner().invoke(app, command)
    assert printed.exit_code == 0, printed.output
    return json.loads(printed.stdout)


def test_the_score_without_labels_stands_beside_the_best_published_ones(document: dict[str, Any]) -> None:
    # Known on these files, each with its threshold fitted to the labels: ARTime 69.9, random cut forest 61.4.
    assert document["windows"] == 30
    assert document["score"] >= 70
    low, high = document["score_p05_p95_over_files"]
    assert low < document["score"] < high


def test_the_score_is_that_of_the_detections_listed(document: dict[str, Any]) -> None:
    raw = sum(each["raw"] for each in document["files"])
    assert document["score"] == pytest.approx(100 * (raw + 30) / 60)
    assert sum(each["windows"] for each in document["files"]) == 30
    assert document["windows_caught"] == sum(at is not None for each in document["files"] for at in each["caught_at"])


def test_every_window_of_the_files_is_found_in_their_rows(folder: Path, files: list[Path]) -> None:
    labelled = json.loads((folder / "combined_windows.json").read_text())
    windows = [labelled[f"realAWSCloudwatch/{path.name}"] for path in files]
    perfect = series.evaluate(files[:2], folder / "combined_windows.json")
    assert [each["windows"] for each in perfect["files"]] == [len(spans) for spans in windows[:2]]
    assert perfect["files"][0]["probation_rows"] == nab.probation_rows(4032) == 604


def test_a_series_of_four_thousand_rows_takes_well_under_two_seconds(folder: Path, files: list[Path]) -> None:
    begin = perf_counter()
    series.evaluate(files[:1], folder / "combined_windows.json")
    assert perf_counter() - begin < 2
