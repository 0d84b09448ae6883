"""The OpenAPI document: what every operation has in common is added here once, so that a new route is complete."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.api import problems
from services.api.problems import Kind
from services.api.schemas.problem import Problem
from services.api.security import RIGHTS, Right

PREFIX: Final = "/api/v1"
_DESCRIPTION: Final = """
What machines were, what contracts say of it, and who should act: one ledger for both parties.

Times are RFC 3339 with an offset, windows half-open `[from, to)`, units named by the field or beside the value. Lists
come in pages: pass `next` as `cursor`. Every error is `application/problem+json` (RFC 9457) with a stable `type`.
What belongs to a customer you may not see does not exist for you: 404, never 403.
"""
_WHAT: Final = {
    Right.ACCOUNT: "Who you are, and the stream that says when something was judged.",
    Right.MACHINES: "Machines, readings, events, timelines; findings, predictions and notices of failure.",
    Right.CONTRACTS: "Contracts, assessments and value in use.",
    Right.ALERTS: "Alerts and their transitions; where they were sent is shown to those with the right `deliveries`.",
    Right.QUARANTINE: "Messages that were not stored, with their raw payload; replaying and discarding them.",
    Right.RECLASSIFICATIONS: "What either party says a machine was, instead of what it reported; who may do what about "
    "it depends on whose side one is.",
    Right.REVIEWS: "What engineers say of findings: that they were right, that they were not, and what they were.",
    Right.MODELS: "The registry of trained models; empty for whoever does not see all customers.",
}


def install(app: FastAPI) -> None:
    """Let `app.openapi()` give the completed document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = document


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    document["tags"] = [
        {"name": right.value, "description": f"{what} {_roles(right)}"} for right, what in _WHAT.items()
    ]
    document["tags"].append({"name": "operations", "description": "For probes and Prometheus; no key is needed."})
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    parts = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(parts.pop("$defs"))
    schemas["Problem"] = parts
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["responses"].update({str(kind.status): _response(kind) for kind in _kinds(path, method)})
            if len(operation["responses"]["200"].get("content", {})) > 1:
                operation["responses"]["406"] = _response(problems.NOT_ACCEPTABLE)
    return document


def _roles(right: Right) -> str:
    return "Roles: " + ", ".join(role for role, rights in RIGHTS.items() if right in rights) + "."


def _kinds(path: str, method: str) -> list[Kind]:
    kinds = [problems.INTERNAL]
    if path.startswith(PREFIX):
        kinds += [problems.UNAVAILABLE, problems.UNAUTHENTICATED, problems.FORBIDDEN, problems.INVALID_REQUEST]
    if "{" in path:
        kinds.append(problems.NOT_FOUND)
    if method != "get":
        kinds.append(problems.CONFLICT)
    return kinds


def _response(kind: Kind) -> dict[str, Any]:
    return {
        "description": kind.title,
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
