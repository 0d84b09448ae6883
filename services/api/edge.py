"""The outermost layer: measures each answer, adds the headers every one carries, and catches what nobody expected."""

import time
from typing import Final

import structlog
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.metrics import Metrics
from services.api.problems import INTERNAL, problem

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
)
_STATIC: Final = "/static/"
_PRIVATE: Final = (b"cache-control", b"private, no-cache")
_log = structlog.get_logger()


class Edge:
    """ASGI middleware; `/static` may be cached, every other answer belongs to the asker alone."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *_added(scope, message)]
                self._metrics.answered(
                    method=scope["method"], route=_route(scope), status=status, seconds=time.perf_counter() - began
                )
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:  # the last resort of the process: whatever it is, the asker gets a problem
            _log.exception("request_crashed", method=scope["method"], route=_route(scope))
            if status:
                raise
            await problem(INTERNAL, "the error was logged")(scope, receive, answer)


def _route(scope: Scope) -> str:
    route = scope.get("route")
    if isinstance(route, APIRoute):
        return route.path
    return _STATIC if scope["path"].startswith(_STATIC) else "unmatched"


def _added(scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in message.get("headers", [])}
    if b"cache-control" in present or scope["path"].startswith(_STATIC):
        return list(_HEADERS)
    return [*_HEADERS, _PRIVATE]
