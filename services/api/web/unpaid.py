"""Which guarantees have no malus agreed, for the overview: an amount of nothing would look like one that was earned."""

from collections.abc import Sequence

from shared.contracts import spec
from shared.db import rows, views
from shared.db.pool import AsyncConnection

# The ids of a file's guarantees without a malus, by its SHA-256: as a file never changes, it is read and parsed once.
_by_file: dict[str, frozenset[str]] = {}


async def unpaid(connection: AsyncConnection, contracts: Sequence[rows.Contract]) -> set[tuple[str, str]]:
    """(contract, guarantee) of the guarantees without a malus in these versions of the contracts."""
    for contract in contracts:
        if contract.sha256 not in _by_file:
            for version in await views.contract_versions(connection, contract.slug):
                _by_file[version.sha256] = _without_malus(version)
    return {(contract.slug, guarantee) for contract in contracts for guarantee in _by_file[contract.sha256]}


def _without_malus(version: rows.Contract) -> frozenset[str]:
    terms = spec.parse(version.source, f"{version.slug} version {version.version}")
    return frozenset(guarantee.id for guarantee in terms.guarantees if guarantee.malus is None)
