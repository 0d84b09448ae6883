"""Sparkplug B in its tables: which source speaks for which asset, and the sessions of the nodes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg.types.json import Jsonb

from shared.db.named import load
from shared.db.pool import Connection
from shared.errors import Fault, SpecError
from shared.fleet import Asset
from shared.instant import from_us, to_us
from shared.model.sparkplug import Birth, BornMetric, Node, NodeKey, Source, SourceKey

_SQL: Final = load("sparkplug")


def save_sources(connection: Connection, assets: Sequence[Asset]) -> None:
    """Let the declared sources speak for the declared assets, inside the caller's transaction.

    Raises SpecError when one of them speaks for an asset that is not among the declared ones.
    """
    declared = {
        "customer": [asset.customer for asset in assets],
        "site": [asset.site for asset in assets],
        "slug": [asset.slug for asset in assets],
        "group": [asset.sparkplug and asset.sparkplug.group for asset in assets],
        "node": [asset.sparkplug and asset.sparkplug.node for asset in assets],
        "device": [asset.sparkplug and (asset.sparkplug.device or "") for asset in assets],
    }
    connection.execute(_SQL["release_sources"], declared)
    taken = connection.execute(_SQL["taken_sources"], declared).fetchall()
    if taken:
        faults = [
            Fault(f"assets[{place - 1}].sparkplug", f"{SourceKey(group, node, device)} speaks for {path} already")
            for group, node, device, path, place in taken
        ]
        raise SpecError("fleet", faults)
    connection.execute(_SQL["save_sources"], declared)


def version(connection: Connection) -> tuple[int, int]:
    """Changes whenever a source or a sensor was added; costs two index look-ups."""
    sources, sensors = connection.execute(_SQL["version"]).fetchone() or (0, 0)
    return sources, sensors


def sources(connection: Connection) -> dict[SourceKey, Source]:
    """Every source, with its asset's path and sensors."""
    rows = connection.execute(_SQL["sources"])
    return {SourceKey(*key): Source(path=path, sensors=frozenset(names)) for *key, path, names in rows}


def sessions(connection: Connection) -> dict[NodeKey, Node]:
    """The nodes as last saved."""
    births: dict[NodeKey, dict[str, Birth]] = {}
    for group, node, device, metrics in connection.execute(_SQL["births"]):
        birth = Birth(metrics=tuple(BornMetric(*metric) for metric in metrics))
        births.setdefault(NodeKey(group, node), {})[device] = birth
    return {
        (key := NodeKey(group, node)): Node(
            bd_seq=bd_seq,
            births=births.get(key, {}),
            expected=expected,
            rebirth_us=None if rebirth_at is None else to_us(rebirth_at),
        )
        for group, node, bd_seq, expected, rebirth_at in connection.execute(_SQL["nodes"])
    }


def save(connection: Connection, before: Mapping[NodeKey, Node], after: Mapping[NodeKey, Node]) -> None:
    """Save the nodes in `after`, of which `before` has what is saved already, inside the caller's transaction."""
    if not after:
        return
    connection.execute(
        _SQL["save_nodes"],
        {
            "group": [key.group for key in after],
            "node": [key.node for key in after],
            "bd_seq": [node.bd_seq for node in after.values()],
            "expected": [node.expected for node in after.values()],
            "rebirth_at": [node.rebirth_us and from_us(node.rebirth_us) for node in after.values()],
        },
    )
    gone: list[SourceKey] = []
    born: dict[SourceKey, Birth] = {}
    for key, node in after.items():
        known = before[key].births if key in before else {}
        gone += [SourceKey(*key, device) for device in known.keys() - node.births.keys()]
        born |= {SourceKey(*key, d): birth for d, birth in node.births.items() if known.get(d) is not birth}
    if gone:
        connection.execute(_SQL["delete_births"], _columns(gone))
    if born:
        metrics = [Jsonb(birth.metrics) for birth in born.values()]
        connection.execute(_SQL["save_births"], _columns(list(born)) | {"metrics": metrics})


def _columns(keys: Sequence[SourceKey]) -> dict[str, list[Any]]:
    return {"group": [k.group for k in keys], "node": [k.node for k in keys], "device": [k.device for k in keys]}
