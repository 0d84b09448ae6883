"""Which node or device speaks for which asset, and how its births read there."""

from collections.abc import Mapping, Sequence

from services.ingest.sparkplug.birth import Bound, bound
from shared.model.sparkplug import Birth, NodeKey, Source, SourceKey


class Sources:
    """The sources as of one moment; remembers how it read their births."""

    def __init__(self, known: Mapping[SourceKey, Source]) -> None:
        self._known = known
        self._by_node: dict[NodeKey, list[SourceKey]] = {}
        self._bound: dict[SourceKey, tuple[Birth, Bound]] = {}
        for key in known:
            self._by_node.setdefault(NodeKey(key.group, key.node), []).append(key)

    def get(self, key: SourceKey) -> Source | None:
        """The asset a source speaks for, if it does for any."""
        return self._known.get(key)

    def path(self, key: SourceKey) -> str | None:
        """The path of that asset."""
        source = self._known.get(key)
        return None if source is None else source.path

    def of(self, node: NodeKey) -> Sequence[SourceKey]:
        """What speaks for an asset on a node: itself, devices of it; empty for a node nobody declared."""
        return self._by_node.get(node, ())

    def bind(self, key: SourceKey, birth: Birth, source: Source) -> Bound:
        """The birth of a source as its asset reads it."""
        known = self._bound.get(key)
        if known is None or known[0] is not birth:
            known = self._bound[key] = birth, bound(birth, source)
        return known[1]
