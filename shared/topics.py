"""The MQTT topic tree: `vouch/v1/{customer}/{site}/{asset}/{telemetry|event|status}`, or `.../telemetry/{sensor}`."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

ROOT = "vouch/v1"
SUBSCRIPTION = f"{ROOT}/#"
_LEVELS: Final = 6
# Longer than the longest names of a fleet file make it: it is nobody's, and not worth remembering.
_LONGEST: Final = 300


class Channel(StrEnum):
    """What the payloads of a topic are."""

    TELEMETRY = "telemetry"
    EVENT = "event"
    STATUS = "status"


_CHANNELS: Final = frozenset(channel.value for channel in Channel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """A device's topic, taken apart. The names are slugs: unique below their parent.

    `sensor`: what a device names that publishes each sensor of its own.
    """

    customer: str
    site: str
    asset: str
    channel: Channel
    sensor: str | None = None

    def __str__(self) -> str:
        topic = f"{ROOT}/{self.customer}/{self.site}/{self.asset}/{self.channel}"
        return topic if self.sensor is None else f"{topic}/{self.sensor}"


def parse(topic: str) -> Topic | None:
    """The parts of `topic`, or None when it is not one of ours."""
    return _parse(topic) if len(topic) <= _LONGEST else None


@lru_cache(maxsize=65_536)
def _parse(topic: str) -> Topic | None:
    parts = topic.split("/")
    if not all(parts) or len(parts) < _LEVELS or f"{parts[0]}/{parts[1]}" != ROOT or parts[5] not in _CHANNELS:
        return None
    channel, rest = Channel(parts[5]), parts[_LEVELS:]
    if rest and (channel is not Channel.TELEMETRY or len(rest) > 1):
        return None
    return Topic(customer=parts[2], site=parts[3], asset=parts[4], channel=channel, sensor=rest[0] if rest else None)
