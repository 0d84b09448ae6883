"""The OpenAPI document is complete, and what the running API answers is what it says."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from services.api.app import create_app
from shared.db.pool import connect
from shared.settings import ApiSettings
from tests.integration.asking import END, HERON, START, bearer, furnish, key, ready_url

DOCUMENT: dict[str, Any] = create_app(ApiSettings(database_url="postgresql://nowhere/none"), lambda: 0).openapi()
STREAM = "/api/v1/stream"
EXAMPLES = 12
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
# Values that lead to something, so that the answers looked at are not all "not found".
REAL: dict[str, Any] = {
    "id": HERON.first_id, "event_id": HERON.first_id, "sensor": "power_kw", "from": START, "to": END, "asset": 1,
    "cursor": "WzBd",
}  # fmt: skip


@pytest.fixture
def url(service: Callable[..., subprocess.Popen[bytes]], connection: Any, database_url: str, tmp_path: Path) -> str:
    furnish(connection, database_url)
    service("api", VOUCH_API_PORT="0")
    return ready_url(tmp_path / "api-1.log")


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_no_answer_contradicts_the_document(url: str, database_url: str) -> None:
    with connect(database_url) as owner:
        presented = bearer(key(owner, "admin"))
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    tried: dict[int, int] = {}
    for found in schema.get_all_operations():
        operation = found.ok()  # pyright: ignore[reportAttributeAccessIssue]  (an invalid schema must fail the test)
        if operation.path == STREAM:
            continue

        @given(case=operation.as_strategy(), real=st.sets(st.sampled_from(sorted(REAL))))
        @settings(
            max_examples=EXAMPLES,
            database=None,
            derandomize=True,
            suppress_health_check=UNHURRIED,
        )
        def ask(case: schemathesis.Case, real: set[str]) -> None:
            for parameters in (case.path_parameters, case.query):
                parameters.update({name: REAL[name] for name in real & set(parameters)})
            if "id" in real and "/contracts/" in case.path:
                case.path_parameters["id"] = HERON.contract
            answer = case.call(headers=presented)
            tried[answer.status_code] = tried.get(answer.status_code, 0) + 1
            case.validate_response(answer, checks=CHECKS)

        ask()
    assert tried[200] > EXAMPLES
    assert set(tried) <= {200, 404, 409, 422}


def test_every_operation_has_words_a_tag_and_typed_answers() -> None:
    known = {tag["name"] for tag in DOCUMENT["tags"]}
    for path, method, operation in _operations():
        assert operation["description"], path
        assert set(operation["tags"]) <= known, path
        answer = operation["responses"]["200"]["content"]
        if path not in {STREAM, "/metrics"}:
            assert answer["application/json"]["schema"], f"{method} {path}"


def test_every_operation_of_the_api_names_its_errors_and_its_keys() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    for path, method, operation in _operations():
        if not path.startswith("/api/v1/"):
            assert "security" not in operation, path
            continue
        assert [name for given_scheme in operation["security"] for name in given_scheme] == list(schemes), path
        expected = {"200", "401", "403", "422", "500", "503"} | ({"404"} if "{" in path else set())
        expected |= {"409"} if method != "get" else set()
        expected |= {"406"} if "text/csv" in operation["responses"]["200"]["content"] else set()
        assert set(operation["responses"]) == expected, path
        for status, answer in operation["responses"].items():
            if status != "200":
                assert answer["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem"), path


def test_tags_say_which_roles_may_ask() -> None:
    described = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert described["quarantine"].endswith("Roles: admin, service_engineer.")
    assert described["contracts"].endswith("Roles: admin, service_engineer, account_manager, customer.")


def test_every_schema_that_is_named_is_there() -> None:
    text = json.dumps(DOCUMENT)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(DOCUMENT["components"]["schemas"])
    assert "HTTPValidationError" not in text
