"""Contracts as stored: immutable versions, each with its file's text; a later version never reaches into the past."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shared.contracts import spec
from shared.contracts.periods import Period, periods
from shared.contracts.terms import Contract
from shared.db import notify
from shared.db.named import load
from shared.db.pool import AsyncConnection, Connection
from shared.errors import VouchError
from shared.instant import from_us, to_us

_SQL = load("contracts")
# The first key of the advisory locks on contracts; the second is the contract's id.
_LOCK = 730_052


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredContract:
    """A version of a contract with its keys; `periods` are those it is the law of, until the next takes over."""

    id: int
    customer_id: int
    contract: Contract
    periods: tuple[Period, ...]
    asset_ids: tuple[int, ...]


def store(connection: Connection, contract: Contract, now_us: int) -> bool:
    """Store a version; False when the same is stored already.

    Raises VouchError when that version has another content, when it is not the next one, when it starts inside a period
    of the version before it, or when its customer or an asset is unknown; nothing is stored then.
    """
    with connection.transaction():
        found = connection.execute(_SQL["customer"], {"customer": contract.customer}).fetchone()
        if found is None:
            raise VouchError(f"{contract.id}: customer {contract.customer} is unknown")
        if not _is_next(connection, contract, found[0]):
            return False
        assets = _assets(connection, contract, found[0])
        term = periods(contract)
        row: dict[str, Any] = {
            "customer_id": found[0],
            "slug": contract.id,
            "version": contract.version,
            "valid_from": from_us(term[0].start_us),
            "valid_to": from_us(term[-1].end_us),
            "source": contract.source,
            "sha256": contract.sha256,
            "now": from_us(now_us),
        }
        stored = connection.execute(_SQL["insert"], row).fetchone()
        assert stored is not None
        row |= {"contract_id": stored[0], "assets": assets}
        connection.execute(_SQL["insert_assets"], row)
        connection.execute(notify.WAKE, (notify.DIRTY,))
        return True


async def versions(connection: AsyncConnection) -> list[StoredContract]:
    """Every version of every contract: each is the law of the periods that start before the next one takes over."""
    return [_stored(row) for row in await (await connection.execute(_SQL["versions"])).fetchall()]


async def lock(connection: AsyncConnection, contract_ids: Iterable[int]) -> None:
    """Wait until no other worker assesses these contracts; they are this transaction's from then on."""
    await connection.execute(_SQL["lock"], {"lock": _LOCK, "contracts": list(contract_ids)})


def _stored(row: dict[str, Any]) -> StoredContract:
    contract, term = _parsed(row["source"], f"{row['slug']} version {row['version']}")
    superseded_us = None if row["superseded_at"] is None else to_us(row["superseded_at"])
    return StoredContract(
        id=row["id"],
        customer_id=row["customer_id"],
        contract=contract,
        periods=tuple(p for p in term if superseded_us is None or p.start_us < superseded_us),
        asset_ids=tuple(row["assets"] or ()),
    )


@lru_cache(maxsize=1_024)
def _parsed(text: str, source: str) -> tuple[Contract, tuple[Period, ...]]:
    contract = spec.parse(text, source)
    return contract, tuple(periods(contract))


def _is_next(connection: Connection, contract: Contract, customer_id: int) -> bool:
    """Whether the version is to be stored: False when it already is; raises VouchError when it must not be."""
    rows = connection.execute(_SQL["versions_of"], {"slug": contract.id}).fetchall()
    if not rows:
        return True
    name = f"{contract.id} version {contract.version}"
    stored = {version: sha256 for version, sha256, _, _ in rows}
    if contract.version in stored:
        if stored[contract.version] != contract.sha256:
            raise VouchError(f"{name} is stored with another content; a version is never edited, make the next one")
        return False
    last_version, _, last_customer, source = rows[-1]
    if contract.version != last_version + 1:
        raise VouchError(f"{name}: the next version is {last_version + 1}")
    if last_customer != customer_id:
        raise VouchError(f"{name}: its earlier versions belong to another customer")
    _refuse_past(contract, _parsed(source, f"{contract.id} version {last_version}"), name)
    return True


def _refuse_past(contract: Contract, earlier: tuple[Contract, tuple[Period, ...]], name: str) -> None:
    """A version takes over where a later period of the one before it begins, or at its end or after it."""
    last, term = earlier
    start_us = periods(contract)[0].start_us
    if start_us < term[-1].end_us and start_us not in {period.start_us for period in term[1:]}:
        raise VouchError(
            f"{name} starts {contract.start}, which changes a period of version {last.version} in its past; "
            "a version may take over where a later period of the one before it begins"
        )


def _assets(connection: Connection, contract: Contract, customer_id: int) -> Sequence[int]:
    parameters = {"customer_id": customer_id, "paths": list(contract.assets)}
    found = dict(connection.execute(_SQL["assets"], parameters).fetchall())
    missing = [path for path in contract.assets if path not in found]
    if missing:
        raise VouchError(f"{contract.id}: customer {contract.customer} has no asset {', '.join(missing)}")
    return list(found.values())
