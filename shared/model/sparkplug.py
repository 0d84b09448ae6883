"""Who speaks Sparkplug B, and what is known of their sessions: edge nodes, their devices, and their births."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class NodeKey(NamedTuple):
    """An edge node: the names it has in its topics."""

    group: str
    node: str


class SourceKey(NamedTuple):
    """What speaks for an asset: a device of an edge node, or with an empty `device` the node itself."""

    group: str
    node: str
    device: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, self))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Source:
    """The asset a source speaks for, as `customer/site/asset`, and the names of its sensors."""

    path: str
    sensors: frozenset[str]


class BornMetric(NamedTuple):
    """A metric as a birth declares it; `unit` None: the birth says none."""

    name: str
    alias: int | None
    datatype: int
    unit: str | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Birth:
    """What a node or a device declared when it was born; names and aliases are unique."""

    metrics: tuple[BornMetric, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """The session of an edge node. The default is one of which nothing is known.

    `births` by device, the node's own under "": who is in it is alive. `expected` is the number the next message must
    have (0 to 255), None before the first; `early` are those that came before their turn, since `gap_us` (UTC
    microseconds, by receive time). `rebirth_us` is when it became plain that only another birth helps.
    """

    bd_seq: int | None = None
    births: Mapping[str, Birth] = field(default_factory=dict[str, Birth])
    expected: int | None = None
    early: frozenset[int] = frozenset()
    gap_us: int | None = None
    rebirth_us: int | None = None
