"""What is asked of a process that has no HTTP of its own, from its start to its end: /metrics, /healthz, /readyz."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from shared.errors import ConfigError
from shared.health import Health

_JSON = "application/json"


@contextmanager
def served(
    registry: CollectorRegistry, port: int, variable: str, *, health: Health, host: str = "127.0.0.1"
) -> Iterator[None]:
    """Answer on `port` while the block runs; 0: nowhere.

    Raises ConfigError naming `variable` when the port is taken, VOUCH_METRICS_HOST when there is no such address.
    """
    if not port:
        yield
        return
    server = _listen(host, port, variable, registry, health)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """With what its answers are made of."""

    daemon_threads = True

    def __init__(
        self, family: socket.AddressFamily, address: tuple[str, int], registry: CollectorRegistry, health: Health
    ) -> None:
        self.address_family = family
        self.registry, self.health = registry, health
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    """GET only; nothing is logged of a question."""

    timeout = 10

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.server.registry))
        elif path == "/healthz":
            self._answer(HTTPStatus.OK, _JSON, b'{"status": "ok"}')
        elif path == "/readyz":
            is_ready, body = self.server.health.ready()
            self._answer(HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE, _JSON, body)
        else:
            self._answer(HTTPStatus.NOT_FOUND, _JSON, b'{"status": "not found"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (named so by the base class)
        pass

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _listen(host: str, port: int, variable: str, registry: CollectorRegistry, health: Health) -> _Server:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"VOUCH_METRICS_HOST: {host!r} is no address: {error.strerror}") from error
    try:
        return _Server(family, (str(address[0]), port), registry, health)
    except OSError as error:
        raise ConfigError(
            f"{variable}, VOUCH_METRICS_HOST: cannot listen on {host}:{port}: {error.strerror}"
        ) from error
