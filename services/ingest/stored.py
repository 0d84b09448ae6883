"""How a message that was made of a recorded file says that values of it are in the unit they are stored in.

A parameter of its content type, so that the quarantine keeps it and a replay reads the message as it was meant. No
device may say it: what comes from the broker loses it.
"""

from collections.abc import Set
from typing import Final

from services.ingest.inbox import Message

_PARAMETER: Final = "application/json; vouch-stored="


def content_type(names: Set[str]) -> str | None:
    """The content type of a JSON message whose values of these sensors are in their stored unit; None without any."""
    return f"{_PARAMETER}{','.join(sorted(names))}" if names else None


def names(content_type: str | None) -> frozenset[str]:
    """The sensors whose values a message gives in their stored unit."""
    if content_type is None or not content_type.startswith(_PARAMETER):
        return frozenset()
    return frozenset(content_type.removeprefix(_PARAMETER).split(","))


def without(message: Message) -> Message:
    """A message as a device may have meant it."""
    return message._replace(content_type="application/json") if names(message.content_type) else message
