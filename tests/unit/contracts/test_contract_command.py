"""`vouch contract check`, `explain` and `schema` as they are typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.contract import app
from shared.errors import SpecError

FOLDER = Path(__file__).parents[3] / "deploy" / "contracts"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_four_contracts_have_no_fault(path: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(path)])
    assert done.exit_code == 0
    assert "guarantee(s), no fault" in done.stdout


def test_every_fault_is_listed_with_its_place(tmp_path: Path) -> None:
    text = (FOLDER / "C_packaging_line.yaml").read_text(encoding="utf-8")
    bad = tmp_path / "bad.yaml"
    bad.write_text(text.replace("level: 0.92", "level: 92").replace("SKU-B: 90/min", "SKU-B: 90"), encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(bad)])
    assert isinstance(done.exception, SpecError)
    assert {fault.path for fault in done.exception.faults} == {"guarantees[0].level", "guarantees[1].ideal_rate.SKU-B"}


def test_an_explanation_is_printed() -> None:
    done = CliRunner().invoke(app, ["explain", str(FOLDER / "B_compressor_service.yaml")])
    assert done.exit_code == 0
    assert "SUPPLY: threshold availability, at least 99.5 %" in done.stdout


def test_the_schema_is_printed_as_json() -> None:
    done = CliRunner().invoke(app, ["schema"])
    assert json.loads(done.stdout)["title"] == "vouch contract"
