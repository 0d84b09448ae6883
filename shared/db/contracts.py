"""Contracts as stored: immutable versions, each with its file's text; a later version never reaches into the past."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shared.contracts import spec
from shared.contracts.needs import reach_us
from shared.contracts.periods import Period, periods
from shared.contracts.terms import Contract
from shared.db import notify
from shared.db.named import load
from shared.db.pool import AsyncConnection, Connection
from shared.db.quantities import Whose
from shared.errors import VouchError
from shared.instant import from_us, to_us

_SQL = load("contracts")
# The first key of the advisory locks on contracts; the second is the contract's id.
_LOCK = 730_052


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredContract:
    """A version of a contract with its keys; `periods` are those it is the law of, until the next takes over.

    `reach_us`: how far back facts bear on each of them. `assets`: the keys of its machines, and of parts of lines, by
    the names the contract gives them.
    """

    id: int
    customer_id: int
    contract: Contract
    periods: tuple[Period, ...]
    reach_us: Mapping[Period, int]
    assets: Mapping[str, int]


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
        row |= {"contract_id": stored[0], "assets": list(assets.values()), "names": list(assets)}
        connection.execute(_SQL["insert_assets"], row)
        connection.execute(notify.WAKE, (notify.DIRTY,))
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Latest:
    """The last version of a contract that is stored, whose names facts are given by."""

    customer_id: int
    contract: Contract
    assets: Mapping[str, int]

    def whose(self, source: str) -> Whose:
        """Whose the facts of a `source` are."""
        return Whose(customer_id=self.customer_id, contract_id=self.contract.id, assets=self.assets, source=source)


def latest(connection: Connection, contract_id: str) -> Latest:
    """The last version of a contract; raises VouchError when there is none."""
    row = connection.execute(_SQL["latest"], {"slug": contract_id}).fetchone()
    if row is None:
        raise VouchError(f"contract {contract_id} is unknown")
    customer_id, version, source, assets = row
    contract, _ = _parsed(source, f"{contract_id} version {version}")
    return Latest(customer_id=customer_id, contract=contract, assets=assets or {})


async def versions(connection: AsyncConnection) -> list[StoredContract]:
    """Every version of every contract: each is the law of the periods that start before the next one takes over."""
    return [_stored(row) for row in await (await connection.execute(_SQL["versions"])).fetchall()]


async def assets(connection: AsyncConnection, contract_id: int) -> dict[str, int]:
    """The keys of a version's machines and parts of lines, by the names the contract gives them."""
    rows = await (await connection.execute(_SQL["assets_of"], {"contract_id": contract_id})).fetchall()
    return {row["name"]: row["asset_id"] for row in rows}


async def lock(connection: AsyncConnection, contract_ids: Iterable[int]) -> None:
    """Wait until no other worker assesses these contracts; they are this transaction's from then on."""
    await connection.execute(_SQL["lock"], {"lock": _LOCK, "contracts": list(contract_ids)})


def _stored(row: dict[str, Any]) -> StoredContract:
    contract, reach = _parsed(row["source"], f"{row['slug']} version {row['version']}")
    superseded_us = None if row["superseded_at"] is None else to_us(row["superseded_at"])
    return StoredContract(
        id=row["id"],
        customer_id=row["customer_id"],
        contract=contract,
        periods=tuple(p for p in reach if superseded_us is None or p.start_us < superseded_us),
        reach_us=reach,
        assets=row["assets"] or {},
    )


@lru_cache(maxsize=1_024)
def _parsed(text: str, source: str) -> tuple[Contract, dict[Period, int]]:
    """The contract, and its periods with how far back facts bear on them."""
    contract = spec.parse(text, source)
    return contract, {period: reach_us(contract, period) for period in periods(contract)}


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


def _refuse_past(contract: Contract, earlier: tuple[Contract, Iterable[Period]], name: str) -> None:
    """A version takes over where a later period of the one before it begins, or at its end or after it."""
    last, term = earlier[0], list(earlier[1])
    start_us = periods(contract)[0].start_us
    if start_us < term[-1].end_us and start_us not in {period.start_us for period in term[1:]}:
        raise VouchError(
            f"{name} starts {contract.start}, which changes a period of version {last.version} in its past; "
            "a version may take over where a later period of the one before it begins"
        )


def _assets(connection: Connection, contract: Contract, customer_id: int) -> dict[str, int]:
    """The keys of the contract's machines and of the parts of its lines, by their names in the contract."""
    places = _places(connection.execute(_SQL["assets"], {"customer_id": customer_id}).fetchall())
    found: dict[str, int] = {}
    faults: list[str] = []
    for name, ways in _names(contract).items():
        ids = next((places[way] for way in ways if way in places), [])
        if len(ids) == 1:
            found[name] = ids[0]
        elif ids:
            faults.append(f"{name} (more than one: write site/asset)")
        elif name in contract.assets and not any(
            machine.name == name and machine.parts for machine in contract.machines
        ):
            faults.append(name)
    if faults:
        raise VouchError(f"{contract.id}: customer {contract.customer} has no asset {', '.join(faults)}")
    if shared := {name for name, asset_id in found.items() if list(found.values()).count(asset_id) > 1}:
        raise VouchError(f"{contract.id}: one asset under several names: {', '.join(sorted(shared))}")
    return found


def _places(rows: Iterable[tuple[int, str, str]]) -> dict[str, list[int]]:
    """Assets by `site/asset` and by their own slug, which several sites may have."""
    places: dict[str, list[int]] = {}
    for asset_id, site, slug in rows:
        places[f"{site}/{slug}"] = [asset_id]
        places.setdefault(slug, []).append(asset_id)
    return places


def _names(contract: Contract) -> dict[str, tuple[str, ...]]:
    """What the kernel calls each machine and part, and as what it is looked for; slugs have small letters.

    `T01` is the asset t01, the part filler of L7 is l7/filler, l7-filler, or filler.
    """
    names: dict[str, tuple[str, ...]] = {name: (name.lower(),) for name in contract.assets}
    for machine in contract.machines:
        for part in machine.parts:
            line, own = machine.name.lower(), part.lower()
            names[f"{machine.name}/{part}"] = (f"{line}/{own}", f"{line.replace('/', '-')}-{own}", own)
    return names
