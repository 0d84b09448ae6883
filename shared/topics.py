"""The MQTT topic tree: `vouch/v1/{customer}/{site}/{asset}/{telemetry|event|status}`."""

from dataclasses import dataclass
from enum import StrEnum

ROOT = "vouch/v1"
SUBSCRIPTION = f"{ROOT}/#"


class Channel(StrEnum):
    """The last level of a topic: what its payloads are."""

    TELEMETRY = "telemetry"
    EVENT = "event"
    STATUS = "status"


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """A device's topic, taken apart. The names are slugs: unique below their parent."""

    customer: str
    site: str
    asset: str
    channel: Channel

    def __str__(self) -> str:
        return f"{ROOT}/{self.customer}/{self.site}/{self.asset}/{self.channel}"


def parse(topic: str) -> Topic | None:
    """The parts of `topic`, or None when it is not one of ours."""
    parts = topic.split("/")
    if len(parts) != 6 or f"{parts[0]}/{parts[1]}" != ROOT or parts[5] not in list(Channel) or not all(parts):
        return None
    return Topic(customer=parts[2], site=parts[3], asset=parts[4], channel=Channel(parts[5]))
