"""Where the demo's alerts arrive: the webhook of an account team that reads them on the console."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LARGEST_BODY = 1_000_000
_POLL_S = 0.1

# Told title and text of each alert.
Tell = Callable[[str, str], None]


@contextmanager
def listening(port: int, tell: Tell) -> Iterator[None]:
    """Serve POST on the loopback `port` and tell what comes in, as apprise's `json://` sends it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            alert = _read(self.rfile.read(length)) if length <= _LARGEST_BODY else None
            if alert is not None:
                tell(str(alert.get("title", "")), str(alert.get("message", "")))
            self.send_response(204 if alert is not None else 400)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it so)
            """Say nothing: the console belongs to the alerts."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="alerts", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
