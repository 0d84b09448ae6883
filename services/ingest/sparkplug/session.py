"""What each kind of message does to the session of its node, and what it says of the assets; pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from services.ingest.sparkplug import sequence
from services.ingest.sparkplug.birth import declared
from services.ingest.sparkplug.payload import Report
from services.ingest.sparkplug.readings import Reading
from services.ingest.sparkplug.sources import Sources
from services.ingest.sparkplug.topic import Kind
from services.ingest.wire import Decoded, Fault, Status, quoted
from shared.model.facts import QuarantineReason as Reason
from shared.model.sparkplug import Birth, Node, NodeKey, SourceKey


class Outcome(NamedTuple):
    """The node after a message and what that says; `is_ignored_death`: of a session that is over already."""

    node: Node
    decoded: list[Decoded]
    is_ignored_death: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A message of a node or a device of it, received now by our clock."""

    kind: Kind
    node: NodeKey
    source: SourceKey
    report: Report
    received_us: int
    redelivered: bool
    wait_us: int


def take(heard: Heard, node: Node, sources: Sources) -> Outcome:
    """Advance a session by a message. Births and deaths of nodes stand outside the sequence: one begins it anew, the
    other is written before it.
    """
    seq = heard.report.seq
    if seq is not None and heard.kind not in (Kind.NBIRTH, Kind.NDEATH):
        node = sequence.advance(node, seq, heard.received_us, wait_us=heard.wait_us, redelivered=heard.redelivered)
    return _BY_KIND[heard.kind](heard, node, sources)


def again(heard: Heard, node: Node, sources: Sources) -> list[Decoded]:
    """What a message says that comes a second time, long after: readings by the births known now, no sign of life."""
    source = sources.get(heard.source)
    if heard.kind in (Kind.NDEATH, Kind.DDEATH):
        return []
    if source is None:
        return _of_no_asset(heard, heard.report.faults)
    is_birth = heard.kind in (Kind.NBIRTH, Kind.DBIRTH)
    birth, faults = declared(heard.report) if is_birth else (node.births.get(heard.source.device), [])
    reading = Reading(source.path, None if birth is None else sources.bind(heard.source, birth, source), faults)
    reading.take(heard.report, is_birth=is_birth)
    for said in (decoded := reading.decoded(None)):
        said.is_historical = True
    return decoded


def refused(path: str | None, reason: Reason, detail: str) -> list[Decoded]:
    """A message of which nothing is stored."""
    return [Decoded(path=path, faults=[Fault(reason, detail)])]


def _node_born(heard: Heard, node: Node, sources: Sources) -> Outcome:
    """A birth begins a session; said again within the same one it leaves the devices alive."""
    birth, faults = declared(heard.report)
    bd_seq, seq = heard.report.bd_seq(), heard.report.seq
    is_again = bd_seq is not None and bd_seq == node.bd_seq
    lost = [device for device in node.births if device and not is_again]
    kept = {device: known for device, known in node.births.items() if device not in lost}
    born = Node(bd_seq=bd_seq, births={**kept, "": birth}, expected=None if seq is None else sequence.after(seq))
    offline = _offline([SourceKey(*heard.node, device) for device in lost], heard, sources)
    return Outcome(born, offline + _said_at_birth(heard, birth, faults, sources))


def _device_born(heard: Heard, node: Node, sources: Sources) -> Outcome:
    birth, faults = declared(heard.report)
    node = _needing_birth(node, heard, is_needed="" not in node.births)
    born = replace(node, births={**node.births, heard.source.device: birth})
    return Outcome(born, _said_at_birth(heard, birth, faults, sources))


def _said_at_birth(heard: Heard, birth: Birth, faults: Sequence[Fault], sources: Sources) -> list[Decoded]:
    source = sources.get(heard.source)
    if source is None:
        return _of_no_asset(heard, faults)
    reading = Reading(source.path, sources.bind(heard.source, birth, source), faults)
    reading.take(heard.report, is_birth=True)
    return reading.decoded(Status(heard.received_us, online=True))


def _data(heard: Heard, node: Node, sources: Sources) -> Outcome:
    source, birth = sources.get(heard.source), node.births.get(heard.source.device)
    node = _needing_birth(node, heard, is_needed=birth is None or "" not in node.births)
    if source is None:
        return Outcome(node, _of_no_asset(heard, heard.report.faults))
    reading = Reading(source.path, None if birth is None else sources.bind(heard.source, birth, source))
    reading.take(heard.report)
    return Outcome(_needing_birth(node, heard, is_needed=reading.has_unborn), reading.decoded(None))


def _node_dead(heard: Heard, node: Node, sources: Sources) -> Outcome:
    """A death ends the session it was written for when that began, and no later one."""
    bd_seq = heard.report.bd_seq()
    if bd_seq is None:
        detail = "bdSeq: missing, so it is nobody's death"
        return Outcome(node, refused(sources.path(heard.source), Reason.MALFORMED_PAYLOAD, detail))
    if node.bd_seq not in (None, bd_seq):
        return Outcome(node, [], is_ignored_death=True)
    if node.bd_seq == bd_seq and not node.births:
        return Outcome(node, [])
    return Outcome(Node(bd_seq=bd_seq), _offline(sources.of(heard.node), heard, sources))


def _device_dead(heard: Heard, node: Node, sources: Sources) -> Outcome:
    births = {device: birth for device, birth in node.births.items() if device != heard.source.device}
    decoded = _offline([heard.source], heard, sources) if sources.get(heard.source) else _of_no_asset(heard, ())
    return Outcome(replace(node, births=births), decoded)


def _offline(keys: Iterable[SourceKey], heard: Heard, sources: Sources) -> list[Decoded]:
    """By our clock: a node's death is written before it happens, and clocks that differ would turn the order round."""
    paths = [path for key in keys if (path := sources.path(key)) is not None]
    return [Decoded(path=path, status=Status(heard.received_us, online=False)) for path in paths]


def _of_no_asset(heard: Heard, faults: Sequence[Fault]) -> list[Decoded]:
    """A node may be there for its devices alone; a device that speaks for no asset is unknown."""
    if heard.source.device:
        return refused(None, Reason.UNKNOWN_ASSET, f"no asset for Sparkplug {quoted(str(heard.source))}")
    return [Decoded(faults=list(faults))] if faults else []


def _needing_birth(node: Node, heard: Heard, *, is_needed: bool) -> Node:
    """What is missed while a gap is open may still come with the messages that are missing; the gap is waited for."""
    if is_needed and node.rebirth_us is None and node.gap_us is None:
        return replace(node, rebirth_us=heard.received_us)
    return node


_BY_KIND: Final[dict[Kind, Callable[[Heard, Node, Sources], Outcome]]] = {
    Kind.NBIRTH: _node_born,
    Kind.DBIRTH: _device_born,
    Kind.NDATA: _data,
    Kind.DDATA: _data,
    Kind.NDEATH: _node_dead,
    Kind.DDEATH: _device_dead,
}
