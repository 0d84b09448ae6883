"""The topics of Sparkplug B: `spBv1.0/{group}/{message type}/{node}[/{device}]` and `spBv1.0/STATE/{host}`."""

from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from shared.model.sparkplug import NodeKey, SourceKey

NAMESPACE: Final = "spBv1.0"
# Longer than three names of a fleet file make it.
_LONGEST: Final = 1_000
SUBSCRIPTION: Final = f"{NAMESPACE}/#"
FORM: Final = f"{NAMESPACE}/{{group}}/{{N|D}}{{BIRTH|DEATH|DATA|CMD}}/{{node}}[/{{device}}]"


class Kind(StrEnum):
    """What a message is; N of an edge node, D of one of its devices."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"
    DCMD = "DCMD"


_KINDS: Final = {kind.value: kind for kind in Kind}
_STATE: Final = f"{NAMESPACE}/STATE/"


class Address(NamedTuple):
    """A topic taken apart."""

    kind: Kind
    node: NodeKey
    source: SourceKey


def parse(topic: str) -> Address | None:
    """The parts of a topic; None: neither a node's nor a device's."""
    return _parse(topic) if len(topic) <= _LONGEST else None


@lru_cache(maxsize=16_384)
def _parse(topic: str) -> Address | None:
    namespace, *rest = topic.split("/")
    if namespace != NAMESPACE or len(rest) not in (3, 4) or not all(rest):
        return None
    kind = _KINDS.get(rest[1])
    if kind is None or kind.startswith("D") != (len(rest) == 4):
        return None
    return Address(kind, NodeKey(rest[0], rest[2]), SourceKey(rest[0], rest[2], *rest[3:]))


def is_ours(topic: str) -> bool:
    """Whether it lies in the namespace of Sparkplug B."""
    return topic.startswith(f"{NAMESPACE}/")


def is_state(topic: str) -> bool:
    """Whether a host says there whether it is online."""
    return topic.startswith(_STATE)


def state(host_id: str) -> str:
    """Where a host says whether it is online."""
    return f"{_STATE}{host_id}"


def command(node: NodeKey) -> str:
    """Where an edge node takes commands."""
    return f"{NAMESPACE}/{node.group}/{Kind.NCMD}/{node.node}"
