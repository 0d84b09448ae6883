"""`vouch replay` as a process against a real broker: what arrives, in which order, and how it fails."""

import gzip
import json
import subprocess
import sysconfig
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from shared.topics import SUBSCRIPTION
from tests.waiting import wait_for

_VOUCH = Path(sysconfig.get_path("scripts")) / "vouch"
_MS = 1_767_225_600_000
Replay = Callable[..., subprocess.CompletedProcess[str]]


class Listener:
    """A subscriber that keeps every sample and event it hears, one entry each, in order of arrival."""

    def __init__(self, mqtt_url: str) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.payloads: list[int] = []
        subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: subscribed.set()
        parts = urlsplit(mqtt_url)
        self._client.connect(parts.hostname or "", parts.port or 1883)
        self._client.loop_start()
        self._client.subscribe(SUBSCRIPTION, qos=1)
        assert subscribed.wait(10)

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        said = json.loads(message.payload)
        self.payloads.append(len(said))
        self.heard += [(message.topic, part) for part in said]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def listener(mqtt_url: str) -> Iterator[Listener]:
    listening = Listener(mqtt_url)
    yield listening
    listening.close()


@pytest.fixture
def replay(vouch_env: dict[str, str], tmp_path: Path) -> Replay:
    """Runs `vouch replay` on a mapping of sources with files in `tmp_path`."""

    def run(*sources: dict[str, Any], speed: float = 0, **env: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "replay.yaml"
        file.write_text(yaml.safe_dump({"sources": list(sources)}), encoding="utf-8")
        command = [_VOUCH, "replay", file, "--data", tmp_path, "--speed", str(speed)]
        return subprocess.run(command, env=vouch_env | env, capture_output=True, text=True, timeout=60, check=False)

    return run


def _source(asset: str, file: str, **parts: Any) -> dict[str, Any]:
    time_column = {"column": "t", "format": "epoch", "unit": "ms"}
    where = {"customer": "c", "site": "s", "asset": asset}
    return {"files": [file], "asset": where, "time": time_column, "readings": {"P": {"sensor": "p"}}} | parts


def _table(rows: int, *, first_ms: int = _MS, step_ms: int = 1_000) -> str:
    return "t,P\n" + "".join(f"{first_ms + step_ms * row},{row}\n" for row in range(rows))


def test_every_row_arrives_once_in_time_order_packed_by_the_thousand(
    replay: Replay, listener: Listener, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(_table(2_500), encoding="utf-8")
    done = replay(_source("a", "a.csv"))
    assert done.returncode == 0, done.stderr
    assert "2500 rows read, 0 left out, 0 bad; 2500 values (0 of them empty) in 3 messages" in done.stdout
    wait_for(lambda: len(listener.heard) >= 2_500, what="2,500 samples")
    assert [part["values"]["p"] for _, part in listener.heard] == list(range(2_500))
    assert listener.payloads == [1_000, 1_000, 500]


def test_gzip_and_zip_files_are_read_like_plain_ones(replay: Replay, listener: Listener, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.csv.gz", "wt", encoding="utf-8") as compressed:
        compressed.write(_table(3))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/b.csv", "\ufeff" + _table(4))
    done = replay(_source("a", "a.csv.gz"), _source("b", "b.zip", member="inner/b.csv"))
    assert done.returncode == 0, done.stderr
    wait_for(lambda: len(listener.heard) >= 7, what="7 samples")
    assert (
        sorted(topic for topic, _ in listener.heard)
        == ["vouch/v1/c/s/a/telemetry"] * 3 + ["vouch/v1/c/s/b/telemetry"] * 4
    )


def test_several_sources_are_merged_by_time_at_a_chosen_speed(
    replay: Replay, listener: Listener, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(_table(5, step_ms=20_000), encoding="utf-8")
    (tmp_path / "b.csv").write_text(_table(5, first_ms=_MS + 10_000, step_ms=20_000), encoding="utf-8")
    started = time.monotonic()
    done = replay(_source("b", "b.csv"), _source("a", "a.csv"), speed=100)
    assert time.monotonic() - started >= 0.9
    assert done.returncode == 0, done.stderr
    wait_for(lambda: len(listener.heard) >= 10, what="10 samples")
    assert [part["ts"] for _, part in listener.heard] == [_MS + 10_000 * n for n in range(10)]


def test_a_bad_row_is_reported_with_its_line_and_the_rest_is_sent(
    replay: Replay, listener: Listener, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(f"t,P\n{_MS},1\nnoon,2\n\n{_MS + 1}\n{_MS + 2},hot\n", encoding="utf-8")
    done = replay(_source("a", "a.csv"))
    assert done.returncode == 0, done.stderr
    assert "not sent: a.csv, line 3: could not convert string to float: 'noon'" in done.stderr
    assert "not sent: a.csv, line 5: 1 cells below a header of 2" in done.stderr
    assert "4 rows read, 0 left out, 2 bad; 2 values" in done.stdout
    wait_for(lambda: len(listener.heard) >= 2, what="2 samples")
    assert [part["values"]["p"] for _, part in listener.heard] == [1, "hot"]


def test_states_are_numbered_through_and_ended_at_the_last_row(
    replay: Replay, listener: Listener, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(f"t,c\n{_MS},x\n{_MS},y\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text(f"t,c\n{_MS + 5},z\n", encoding="utf-8")
    source = _source("a", "a.csv", files=["a.csv", "b.csv"], end_of_log={"code": "log:end"})
    del source["readings"]
    done = replay(source | {"events": {"kind": "state", "code": ["c"]}})
    assert done.returncode == 0, done.stderr
    wait_for(lambda: len(listener.heard) >= 4, what="4 events")
    assert [(part["ts"] - _MS, part["code"], part["seq"]) for _, part in listener.heard] == [
        (0, "x", 1),
        (0, "y", 2),
        (5, "z", 3),
        (5, "log:end", 4),
    ]


def test_messages_that_no_one_subscribes_to_are_a_failure(replay: Replay, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(_table(1), encoding="utf-8")
    done = replay(_source("a", "a.csv"))
    assert (done.returncode, "1 message(s) had no subscriber" in done.stderr) == (2, True)


def test_a_broker_that_is_away_is_a_failure_that_names_it(replay: Replay, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(_table(1), encoding="utf-8")
    done = replay(_source("a", "a.csv"), VOUCH_MQTT_URL="mqtt://127.0.0.1:1")
    assert (done.returncode, "broker 127.0.0.1:1" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"files": ["missing.csv"]}, "missing.csv: "),
        ({"files": ["a.zip"], "member": "missing.csv"}, "it has no member 'missing.csv'"),
        ({"files": ["not.zip"], "member": "a.csv"}, "not.zip: File is not a zip file"),
        ({"files": ["not.csv.gz"]}, "not.csv.gz: Not a gzipped file"),
        ({"readings": {"Q": {"sensor": "p"}}}, "column 'Q' is missing"),
        ({"files": ["empty.csv"]}, "column 't' is missing"),
        ({"readings": {}}, "needs either `readings` or `events`"),
    ],
)
def test_what_cannot_be_read_is_a_failure_that_names_it(
    replay: Replay, tmp_path: Path, parts: dict[str, Any], said: str
) -> None:
    (tmp_path / "a.csv").write_text(_table(1), encoding="utf-8")
    for name in ("not.zip", "not.csv.gz", "empty.csv"):
        (tmp_path / name).write_text("" if name == "empty.csv" else "plain text", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", _table(1))
    done = replay(_source("a", "a.csv") | parts)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
