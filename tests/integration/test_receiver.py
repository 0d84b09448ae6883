"""The demo's webhook: what apprise sends is told, what is no alert is refused."""

import queue
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import apprise
import pytest

from services.demo import receiver

Told = queue.Queue[tuple[str, str]]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def told(port: int) -> Iterator[Told]:
    alerts: Told = queue.Queue()
    with receiver.listening(port, lambda title, text: alerts.put((title, text))):
        yield alerts


def post(port: int, body: bytes) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", "/", body)
        return connection.getresponse().status


# apprise looks at images with a module that Python 3.13 drops.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_an_alert_sent_by_apprise_is_told_with_its_title_and_text(port: int, told: Told):
    channel = apprise.Apprise()
    assert channel.add(f"json://127.0.0.1:{port}/")
    assert channel.notify(title="Pump 5 is silent", body="Nothing heard\nfor 60 s")
    assert told.get(timeout=10) == ("Pump 5 is silent", "Nothing heard\nfor 60 s")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"text"'])
def test_what_is_no_alert_is_refused_and_not_told(port: int, told: Told, body: bytes):
    assert post(port, body) == 400
    assert post(port, b'{"title": "after", "message": ""}') == 204
    assert told.get(timeout=10) == ("after", "")
