"""The simulated fleet on a real broker: nothing is said to nobody, nothing twice, nothing left out."""

import queue
import threading

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from services.devices import simulated
from services.devices.publisher import Publisher
from shared import topics
from shared.errors import UnavailableError
from shared.simulate.fleet import Fleet
from shared.simulate.machines import MACHINES
from shared.simulate.noise import GRID_S
from shared.simulate.schedule import Era
from shared.topics import Channel
from tests.waiting import wait_for

DAY_S = 86_400
ANCHOR_S = 1_772_370_047
FLEET = Fleet(Era(start_s=ANCHOR_S - 3 * DAY_S, anchor_s=ANCHOR_S), 5)


class Listener:
    """Notes each sample's (topic, epoch second) as it arrives, and statuses apart."""

    def __init__(self, mqtt_url: str) -> None:
        self.samples: list[tuple[str, int]] = []
        self.statuses = 0
        self._subscribed: queue.Queue[bool] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._note
        self._client.on_subscribe = lambda *_: self._subscribed.put(item=True)
        host, port = mqtt_url.removeprefix("mqtt://").split(":")
        self._client.connect(host, int(port))

    def __enter__(self) -> "Listener":
        self._client.loop_start()
        self._client.subscribe(topics.SUBSCRIPTION, qos=1)
        assert self._subscribed.get(timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        topic = topics.parse(message.topic)
        assert topic is not None
        if topic.channel is Channel.TELEMETRY:
            content = msgspec.json.decode(message.payload)
            samples = content if isinstance(content, list) else [content]
            self.samples += [(message.topic, sample["ts"] // 1_000) for sample in samples]
        self.statuses += topic.channel is Channel.STATUS


def due(*times: int) -> set[tuple[str, int]]:
    return {(f"vouch/v1/{m.customer}/{m.site}/{m.slug}/telemetry", at_s) for m in MACHINES for at_s in times}


def test_what_was_missed_is_published_once_and_marked_to_its_end(mqtt_url: str):
    after_s, until_s = ANCHOR_S - DAY_S, ANCHOR_S
    marks: list[int] = []
    told: list[tuple[int, int]] = []
    with Listener(mqtt_url) as listener:
        with Publisher(mqtt_url) as publisher:
            simulated.catch_up(
                publisher,
                FLEET,
                after_s=after_s,
                until_s=until_s,
                mark=marks.append,
                advance=lambda readings, seconds: told.append((readings, seconds)),
            )
        expected = due(*range(-(-(after_s + 1) // GRID_S) * GRID_S, until_s + 1, GRID_S))
        wait_for(lambda: len(listener.samples) >= len(expected), what="every sample")
    assert sorted(listener.samples) == sorted(expected)
    assert marks[-1] == until_s
    assert sum(seconds for _, seconds in told) == until_s - after_s
    assert sum(readings for readings, _ in told) == 5 * len(expected)


@pytest.mark.parametrize(
    ("passed_s", "expected"),
    [
        (3, due(ANCHOR_S + 1, ANCHOR_S + 2, ANCHOR_S + 3)),
        (GRID_S + 20, due(-(-ANCHOR_S // GRID_S) * GRID_S)),
    ],
    ids=["each second", "after a pause on the grid"],
)
def test_live_says_all_that_has_passed(mqtt_url: str, passed_s: int, expected: set[tuple[str, int]]):
    quiet = Fleet(Era(start_s=ANCHOR_S - 30 * DAY_S, anchor_s=ANCHOR_S - 20 * DAY_S), 5)
    with Listener(mqtt_url) as listener:
        with Publisher(mqtt_url) as publisher:
            simulated.live(publisher, quiet, after_s=ANCHOR_S, now_s=ANCHOR_S + passed_s)
        wait_for(lambda: len(listener.samples) >= len(expected), what="every sample")
    assert sorted(listener.samples) == sorted(expected)


def test_nothing_is_published_before_somebody_listens(mqtt_url: str):
    with Publisher(mqtt_url) as publisher:
        waiting = threading.Thread(target=simulated.await_listener, args=(publisher, ANCHOR_S, 20.0))
        waiting.start()
        wait_for(lambda: publisher.unheard >= 2, what="messages to nobody")
        assert waiting.is_alive()
        with Listener(mqtt_url) as listener:
            waiting.join(20)
            assert not waiting.is_alive()
            wait_for(lambda: listener.statuses, what="the status")


def test_waiting_for_a_listener_ends_when_none_comes(mqtt_url: str):
    with Publisher(mqtt_url) as publisher, pytest.raises(UnavailableError, match="nobody has subscribed to vouch/v1/"):
        simulated.await_listener(publisher, ANCHOR_S, 0.3)
