"""`vouch api` as a process: its port, its streams, its end."""

import asyncio
import json
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from shared.db.pool import Connection
from tests.integration.asking import asking, bearer, key, logged, ready_url
from tests.waiting import wait_for

Service = Callable[..., subprocess.Popen[bytes]]


class Listener:
    """Reads a stream in a thread of its own until it ends."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.has_ended = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(url, headers), daemon=True)
        self._thread.start()

    def events(self) -> list[str]:
        return [line for line in self.lines if line.startswith("event:")]

    def _read(self, url: str, headers: dict[str, str]) -> None:
        with httpx.stream("GET", f"{url}/api/v1/stream", headers=headers, timeout=30) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                self.lines.append(line)
        self.has_ended.set()


@pytest.fixture
def running(service: Service, tmp_path: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The process on a port of its own choice, and the URL it says."""
    process = service("api", VOUCH_API_PORT="0")
    return process, ready_url(tmp_path / "api-1.log")


def _notify(connection: Connection) -> None:
    connection.execute("NOTIFY vouch_judged")


def test_each_judgement_reaches_every_stream_and_sigterm_ends_them(
    running: tuple[subprocess.Popen[bytes], str], connection: Connection, tmp_path: Path
) -> None:
    process, url = running
    presented = bearer(key(connection, "admin"))
    listeners = [Listener(url, presented) for _ in range(3)]
    wait_for(lambda: all(listener.lines for listener in listeners), what="three open streams")
    wait_for(lambda: "vouch_api_streams 3.0" in httpx.get(f"{url}/metrics").text, what="the streams in the metrics")

    wait_for(lambda: _notify(connection) or all(listener.events() for listener in listeners), what="an event each")
    for listener in listeners:
        assert set(listener.events()) == {"event: judged"}
        told = next(line for line in listener.lines if line.startswith("data:"))
        assert set(json.loads(told.removeprefix("data: "))) == {"at"}, "an event carries data of nobody"

    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    wait_for(lambda: all(listener.has_ended.is_set() for listener in listeners), what="the streams' end")
    assert logged(tmp_path / "api-1.log", "api_stopped")


def test_who_comes_back_is_told_at_once_that_something_may_have_been_missed(
    running: tuple[subprocess.Popen[bytes], str], connection: Connection
) -> None:
    _, url = running
    listener = Listener(url, bearer(key(connection, "admin")) | {"Last-Event-ID": "no number of ours"})
    wait_for(listener.events, what="the event that was missed")


def test_listening_is_taken_up_again_after_the_connection_was_lost(
    running: tuple[subprocess.Popen[bytes], str], connection: Connection
) -> None:
    _, url = running
    listener = Listener(url, bearer(key(connection, "admin")))
    wait_for(lambda: listener.lines, what="an open stream")
    cut = connection.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    assert cut is not None
    assert cut[0] > 0
    seen = len(listener.events())
    wait_for(lambda: _notify(connection) or len(listener.events()) > seen + 1, what="events after the cut")
    wait_for(lambda: httpx.get(f"{url}/readyz").status_code == 200, what="being ready again")


def test_behind_a_proxy_with_tls_the_cookie_is_for_https_only(
    running: tuple[subprocess.Popen[bytes], str], connection: Connection
) -> None:
    _, url = running
    given = {"key": key(connection, "admin")}
    for scheme, is_secure in (("https", True), ("http", False)):
        answer = httpx.post(f"{url}/login", json=given, headers={"X-Forwarded-Proto": scheme})
        assert answer.status_code == 204
        assert ("; Secure" in answer.headers["set-cookie"]) is is_secure


def test_a_stream_needs_a_key(running: tuple[subprocess.Popen[bytes], str]) -> None:
    _, url = running
    assert httpx.get(f"{url}/api/v1/stream").status_code == 401


def test_sigint_is_a_request_to_stop_too(running: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = running
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_port_that_is_taken_is_said_and_ends_the_process(service: Service, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = service("api", VOUCH_API_PORT=str(port))
        assert process.wait(60) == 2
    said = (tmp_path / "api-1.log").read_text()
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert "VOUCH_API_PORT" in said
    assert "Traceback" not in said


async def test_the_app_ends_promptly_whenever_it_is_asked_to(database_url: str) -> None:
    async with asyncio.timeout(30):
        for step in range(40):
            async with asking(database_url):
                await asyncio.sleep(step / 1_000)  # the moments between opening the pool and listening
