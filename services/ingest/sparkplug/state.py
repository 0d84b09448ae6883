"""What a host says of itself (Sparkplug 3.0, STATE): online once it listens, offline by its will or as it leaves."""

from typing import NamedTuple

import msgspec

from services.ingest.sparkplug import topic


class State(NamedTuple):
    """A topic and its payloads, both retained and QoS 1: `death` is the will of the connection that says `birth`."""

    topic: str
    birth: bytes
    death: bytes


def messages(host_id: str, now_ms: int) -> State:
    """For a connection that is made now; birth and will carry its one time (ms since 1970)."""
    return State(topic.state(host_id), _payload(online=True, at_ms=now_ms), _payload(online=False, at_ms=now_ms))


def is_death(payload: bytes) -> bool:
    """Whether a STATE payload says that the host is offline."""
    try:
        return msgspec.json.decode(payload, type=dict).get("online") is False
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _payload(*, online: bool, at_ms: int) -> bytes:
    return msgspec.json.encode({"online": online, "timestamp": at_ms})
