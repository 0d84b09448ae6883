"""Every error leaves as application/problem+json, or as a page where a browser asked for one."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from services.api.schemas.problem import FieldFault, Problem
from services.api.security import ForbiddenError, UnauthenticatedError
from services.api.tables import NotAcceptableError
from services.api.web.templates import render
from shared.errors import NotFoundError, UnavailableError, VouchError

MEDIA_TYPE: Final = "application/problem+json"
_log = structlog.get_logger()


class InvalidParameterError(VouchError):
    """A query parameter is wrong in a way that only shows beside the others."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class ConflictError(VouchError):
    """What was asked for cannot be done to a thing in its present state."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of problem; `slug` is what follows /problems/ in its type."""

    status: int
    slug: str
    title: str


UNAUTHENTICATED: Final = Kind(status=401, slug="unauthenticated", title="A valid API key is needed")
FORBIDDEN: Final = Kind(status=403, slug="forbidden", title="Not allowed for this role")
NOT_FOUND: Final = Kind(status=404, slug="not-found", title="Not found")
NOT_ACCEPTABLE: Final = Kind(status=406, slug="not-acceptable", title="Not to be had in an accepted format")
METHOD_NOT_ALLOWED: Final = Kind(status=405, slug="method-not-allowed", title="Method not allowed")
CONFLICT: Final = Kind(status=409, slug="conflict", title="Not possible as things stand")
INVALID_REQUEST: Final = Kind(status=422, slug="invalid-request", title="The request is not valid")
INTERNAL: Final = Kind(status=500, slug="internal", title="An error on our side")
UNAVAILABLE: Final = Kind(status=503, slug="unavailable", title="Temporarily unavailable")

KINDS: Final = (
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    CONFLICT,
    INVALID_REQUEST,
    INTERNAL,
    UNAVAILABLE,
)
_BY_STATUS: Final = {kind.status: kind for kind in KINDS}
_OF_ERROR: Final[tuple[tuple[type[VouchError], Kind], ...]] = (
    (UnauthenticatedError, UNAUTHENTICATED),
    (ForbiddenError, FORBIDDEN),
    (NotFoundError, NOT_FOUND),
    (ConflictError, CONFLICT),
    (InvalidParameterError, INVALID_REQUEST),
    (NotAcceptableError, NOT_ACCEPTABLE),
    (UnavailableError, UNAVAILABLE),
)
_WORDS: Final = {"extra_forbidden": "is not a parameter of this request", "missing": "is missing"}
_HEADERS: Final = {UNAUTHENTICATED: {"WWW-Authenticate": 'Bearer realm="vouch"'}, UNAVAILABLE: {"Retry-After": "5"}}


def install(app: FastAPI) -> None:
    """Give the app its error handlers; what none of them expects is caught by `services.api.edge`."""
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(VouchError, _on_vouch)


def problem(kind: Kind, detail: str, *, errors: list[FieldFault] | None = None) -> Response:
    """The answer that states a problem."""
    body = Problem(
        type=f"/problems/{kind.slug}", title=kind.title, status=kind.status, detail=detail, errors=errors or []
    )
    return Response(
        body.model_dump_json(), status_code=kind.status, media_type=MEDIA_TYPE, headers=_HEADERS.get(kind, {})
    )


def _answer(request: Request, kind: Kind, detail: str) -> Response:
    if not _wants_page(request):
        return problem(kind, detail)
    if kind is UNAUTHENTICATED:
        return RedirectResponse(f"/login?next={quote(request.url.path)}", status_code=303)
    return render("problem.html", status_code=kind.status, title=kind.title, detail=detail)


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code) or _plain_kind(error.status_code)
    detail = f"there is nothing at {request.url.path}" if kind is NOT_FOUND else str(error.detail)
    answer = _answer(request, kind, detail)
    answer.headers.update(error.headers or {})
    return answer


def _plain_kind(status: int) -> Kind:
    phrase = HTTPStatus(status).phrase
    return Kind(status=status, slug=phrase.lower().replace(" ", "-"), title=phrase)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(fault["loc"], _WORDS.get(fault["type"]) or fault["msg"]) for fault in error.errors()]
    detail = "; ".join(f"{fault.field}: {fault.reason}" for fault in faults)
    if _wants_page(request):
        return _answer(request, INVALID_REQUEST, detail)
    return problem(INVALID_REQUEST, detail, errors=faults)


def _fault(location: tuple[str | int, ...], reason: str) -> FieldFault:
    field = ".".join(str(part) for part in location[1:]) or str(location[0])
    return FieldFault(location=str(location[0]), field=field, reason=reason.removeprefix("Value error, "))


async def _on_vouch(request: Request, error: Exception) -> Response:
    kind = next((kind for cls, kind in _OF_ERROR if isinstance(error, cls)), INTERNAL)
    if isinstance(error, InvalidParameterError):
        faults = [FieldFault(location="query", field=error.field, reason=error.reason)]
        return problem(kind, str(error), errors=faults)
    if kind is INTERNAL:
        _log.error("request_failed", path=request.url.path, error=str(error))
        return _answer(request, kind, "the error was logged")
    if kind is UNAVAILABLE:
        _log.warning("request_unavailable", path=request.url.path, error=str(error), cause=repr(error.__cause__))
    return _answer(request, kind, str(error))
