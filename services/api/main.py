"""The API's process: one server until SIGTERM or SIGINT, which end open streams first."""

import socket
from types import FrameType

import structlog
import uvicorn

from services.api.app import create_app
from services.api.deps import Parts
from shared import logs
from shared.clock import now_us
from shared.errors import ConfigError
from shared.settings import ApiSettings

_DRAIN_S = 10
_BACKLOG = 2_048
_log = structlog.get_logger()


def run(settings: ApiSettings) -> None:
    """Serve until stopped; raises ConfigError when the port is not to be had."""
    logs.configure(settings.log_format)
    listener = _listen(settings.api_host, settings.api_port)
    app = create_app(settings, now_us)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    _Server(config, app.state.parts).run(sockets=[listener])
    _log.info("api_stopped")


class _Server(uvicorn.Server):
    """Ends the streams before it waits for connections, and treats a signal as a request, not as a cause of death."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        _log.info("api_ready", host=host, port=port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._parts.broadcast.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"VOUCH_API_HOST, VOUCH_API_PORT: cannot listen on {host}:{port}: {error.strerror}"
        ) from error
    return listener
