"""SKAB valve 1: a real water rig, sixteen faults, detectors trained on the first 400 rows of each file."""

from pathlib import Path

from services.evaluate.anomaly import evaluate


def test_the_label_free_setting_keeps_what_it_reached(shared_data: Path) -> None:
    """Floors well under the measured figures, which the documentation has, and over all published ones."""
    files = sorted((shared_data / "skab" / "valve1").glob("*.csv"))
    assert len(files) == 16

    document = evaluate(files, timestamp="datetime", label="anomaly", separator=";", train_rows=400)
    pooled = document["pooled"]

    assert pooled["f1"] > 0.82
    assert pooled["far"] < 0.13
    assert pooled["mar"] < 0.25
    assert pooled["events_found"] >= 14
    assert pooled["findings"] <= 20
    online = document["pooled_online"]
    assert online["f1"] > 0.80
    assert online["far"] < 0.13
    assert online["mar"] < 0.26
    assert all("changepoint" in file["left_out"] for file in document["files"])
    assert document["hindsight"]["f1"] - pooled["f1"] < 0.05
