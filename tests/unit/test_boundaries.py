"""The boundaries of the house are import-linter contracts; here each is shown to fail when it is violated."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

VIOLATIONS = [
    ("Services meet in tables, never in imports", "services/analytics/refresh.py", "import services.ingest.main"),
    ("What is shared knows no service", "shared/db/pool.py", "import services.api.main"),
    ("Pure rooms do no I/O and read no clock", "shared/contracts/assess.py", "import time"),
    ("Pure rooms do no I/O and read no clock", "shared/timeline.py", "import shared.clock"),
    ("Only ingest and the devices know MQTT", "services/api/app.py", "import paho.mqtt.client"),
    ("Only the API knows FastAPI", "services/ingest/main.py", "import fastapi"),
    ("Only shared.db runs SQL", "services/analytics/refresh.py", "import psycopg"),
    ("Only shared.db runs SQL", "services/demo/main.py", "import psycopg"),
    ("Facts do not know contracts", "shared/timeline.py", "import shared.contracts.assess"),
]


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("services", "shared"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_as_it_stands_keeps_every_boundary(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("contract", "file", "line"), VIOLATIONS)
def test_a_seeded_violation_is_caught(tree: Path, contract: str, file: str, line: str) -> None:
    module = tree / file
    module.write_text(f"{line}\n{module.read_text()}")
    result = lint(tree)
    assert result.returncode == 1
    assert f"{contract} BROKEN" in result.stdout
