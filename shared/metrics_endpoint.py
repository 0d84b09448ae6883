"""Where Prometheus reads a process that has no HTTP of its own: on loopback, from its start to its end."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from shared.errors import ConfigError

_HOST = "127.0.0.1"


@contextmanager
def served(registry: CollectorRegistry, port: int, variable: str) -> Iterator[None]:
    """Answer on `port` while the block runs; 0: nowhere. ConfigError naming `variable` when the port is taken."""
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, addr=_HOST, registry=registry)
    except OSError as error:
        raise ConfigError(f"{variable}: cannot listen on {_HOST}:{port}: {error.strerror}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
