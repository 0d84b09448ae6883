"""The simulated fleet on the wire: what was not said while nobody published, then a message a second a machine."""

import time
from collections.abc import Callable

import msgspec

from services.devices.publisher import Publisher
from shared.errors import UnavailableError
from shared.simulate.fleet import Batch, Fleet
from shared.simulate.machines import MACHINES
from shared.simulate.noise import GRID_S
from shared.topics import Channel, Topic

_DRAIN_LIMIT_S = 60.0
_MARK_EVERY_S = 2.0
_KNOCK_EVERY_S = 0.1

# Told how far the broker has taken everything over, epoch seconds: from there a later start goes on.
Mark = Callable[[int], None]


def await_listener(publisher: Publisher, now_s: int, limit_s: float) -> None:
    """Publish a status until a session is subscribed that gets it; raises UnavailableError after `limit_s`.

    What is published before is dropped by the broker, which says so in its acknowledgement.
    """
    first = MACHINES[0]
    topic = str(Topic(customer=first.customer, site=first.site, asset=first.slug, channel=Channel.STATUS))
    payload = msgspec.json.encode({"ts": now_s * 1_000, "online": True})
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        unheard = publisher.unheard
        publisher.publish(topic, payload)
        publisher.drain(limit_s)
        if publisher.unheard == unheard:
            return
        time.sleep(_KNOCK_EVERY_S)
    raise UnavailableError(f"nobody has subscribed to {topic} within {limit_s:g} s")


def catch_up(
    publisher: Publisher, fleet: Fleet, *, after_s: int, until_s: int, mark: Mark, advance: Callable[[int, int], None]
) -> None:
    """Publish everything in `after_s < t <= until_s` as fast as the broker takes it, until all is acknowledged.

    `advance` is told the readings and the seconds of each batch handed over.
    """
    marked = time.monotonic()
    for batch in fleet.stretch(after_s, until_s):
        _publish(publisher, batch)
        advance(sum(message.readings for message in batch.messages), batch.until_s - after_s)
        after_s = batch.until_s
        if time.monotonic() - marked >= _MARK_EVERY_S or after_s == until_s:
            publisher.drain(_DRAIN_LIMIT_S)
            mark(after_s)
            marked = time.monotonic()


def live(publisher: Publisher, fleet: Fleet, *, after_s: int, now_s: int) -> None:
    """Publish each whole second in `after_s < t <= now_s`; after a pause (a machine asleep) on the grid instead."""
    if now_s - after_s > GRID_S:
        catch_up(publisher, fleet, after_s=after_s, until_s=now_s, mark=_ignore, advance=_ignore)
        return
    for at_s in range(after_s + 1, now_s + 1):
        _publish(publisher, fleet.moment(at_s - 1, at_s))


def _ignore(*_progress: int) -> None:
    pass


def _publish(publisher: Publisher, batch: Batch) -> None:
    for message in batch.messages:
        publisher.publish(message.topic, message.payload)
