"""The JSON Schema of a contract file: valid itself, and true of the files there are."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.contracts.spec import form

DEPLOY = Path(__file__).parents[4] / "deploy"
FILES = sorted([*DEPLOY.glob("contracts/*.yaml"), *DEPLOY.glob("examples/*/contract.yaml")])
SCHEMA = form.schema()


def _plain(path: Path) -> Any:
    """The file as an editor sees it: dates are texts."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str))


def _found(instance: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(instance)]


def test_the_schema_is_one_and_is_json() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem if path.stem != "contract" else path.parent.name)
def test_the_files_there_are_keep_to_the_schema(path: Path) -> None:
    assert _found(_plain(path)) == []


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("contract", "currency", "euro"), ("contract", "colour", "red"), ("term", "period", "week"),
        ("term", "start", 5), ("guarantees", 0, {"id": "G", "kind": "uptime"}),
        ("guarantees", 0, {"id": "G", "kind": "time_availability", "level": 97}),
    ],
)  # fmt: skip
def test_what_check_refuses_in_one_field_the_schema_refuses(part: str, key: Any, value: Any) -> None:
    plain = _plain(FILES[0])
    plain[part][key] = value
    assert _found(plain)


def test_every_key_that_is_not_a_name_says_what_it_is() -> None:
    """Keys of a guarantee carry their meaning or refer to a part that does; the plainest speak for themselves."""
    plain = {
        "id", "kind", "level", "form", "category_model", "verdicts", "rounding", "alert", "settlement", "dead_band",
        "carry_over", "true_up", "make_good", "indexation", "overrides", "planned_window", "floor_per_asset",
    }  # fmt: skip
    silent = {
        key
        for key, each in SCHEMA["$defs"]["TimeAvailability"]["properties"].items()
        if "description" not in each and key not in plain
    }
    assert silent == {"ramp_up"}
