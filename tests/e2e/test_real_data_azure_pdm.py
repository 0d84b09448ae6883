"""azure_pdm, 70 machines for a year: failures announced by events, split in time, through the command's own path."""

from pathlib import Path

import pytest

from services.evaluate.failures import evaluate, question


def test_nearly_all_failures_are_announced_and_nearly_all_alarms_are_right(shared_data: Path) -> None:
    folder = shared_data / "azure_pdm"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")

    # Rows six hours apart, for the time it takes; the figures reported are those of rows an hour apart.
    document = evaluate([folder], question(horizon="24h", gap="24h", step="6h", splits=(0.7,), seeds=1))

    assert document["failures"] > 120
    assert document["event_recall"] >= 0.97
    assert document["failures"] > document["instants"] > 110
    assert document["instant_recall"] >= 0.97
    assert document["episode_precision"] >= 0.9
    assert document["error_count_rule"]["episode_precision"] < 0.5
    assert document["calibration"]["brier"] < document["calibration"]["base_rate"]["brier"] / 5
    assert all(each["named"] >= 0.9 * each["announced"] for each in document["components"].values())
