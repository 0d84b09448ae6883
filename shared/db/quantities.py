"""Measured amounts beside the timeline: stored with their history, marked for judgement, read back exactly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from shared.db import notify
from shared.db.dirty import Window
from shared.db.named import load
from shared.db.pool import AsyncConnection, Connection
from shared.errors import VouchError
from shared.instant import from_us, to_us
from shared.model.quantity import Quantity

_SQL: Final = load("quantities")

# All time that a contract may speak of.
EVER: Final = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Whose:
    """Whose facts are stored: machines by the names that the contract gives them, or the contract as a whole.

    `source` says where the facts come from.
    """

    customer_id: int
    contract_id: str
    assets: Mapping[str, int]
    source: str

    def places(self, names: Sequence[str]) -> tuple[list[int | None], list[str | None]]:
        """The key of each machine, or the id of the contract; raises VouchError for one the fleet lacks."""
        if missing := {name for name in names if name != self.contract_id} - self.assets.keys():
            raise VouchError(
                f"{', '.join(sorted(missing))}: declare it in the fleet, and load the contract's next version"
            )
        return (
            [None if name == self.contract_id else self.assets[name] for name in names],
            [name if name == self.contract_id else None for name in names],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """Windows in which facts beside the timeline became others, by asset and by contract."""

    assets: Mapping[int, Sequence[Window]]
    contracts: Mapping[str, Sequence[Window]]


def store(connection: Connection, whose: Whose, quantities: Sequence[Quantity], now_us: int) -> int:
    """Store amounts, and how many of them said something new; what said otherwise before stays as history.

    Raises VouchError, with nothing stored, when one shares time with another stretch of the same name that is in force.
    """
    columns = as_columns(whose, quantities)
    with connection.transaction():
        if shared := connection.execute(_SQL["overlapping_others"], columns).fetchall():
            name, start, other_start, other_end = shared[0]
            raise VouchError(
                f"{name} from {start:%F %R}: shares time with what is stored, {other_start:%F %R} to {other_end:%F %R}"
            )
        first = connection.execute(_SQL["first"], columns).fetchall()
        connection.execute(_SQL["supersede"], columns | {"now": from_us(now_us)})
        new = connection.execute(_SQL["insert"], columns | {"now": from_us(now_us)}).fetchall()
        mark(connection, [*new, *((asset_id, contract, *EVER) for asset_id, contract in first)])
    return len(new)


def mark(connection: Connection, stretches: Sequence[tuple[int | None, str | None, Any, Any]]) -> None:
    """What is judged by facts of these stretches (asset or contract, start, end) is due."""
    if stretches:
        assets, contracts, starts, ends = (list(column) for column in zip(*stretches, strict=True))
        connection.execute(_SQL["mark"], {"assets": assets, "contracts": contracts, "starts": starts, "ends": ends})
        connection.execute(notify.WAKE, (notify.DIRTY,))


async def take_marks(connection: AsyncConnection) -> Marks:
    """What is due because of facts beside the timeline; the marks are gone when the transaction commits."""
    assets: dict[int, list[Window]] = {}
    contracts: dict[str, list[Window]] = {}
    for row in await (await connection.execute(_SQL["take_marks"])).fetchall():
        window = Window(start_us=to_us(row["start_at"]), end_us=to_us(row["end_at"]))
        if row["asset_id"] is None:
            contracts.setdefault(row["contract"], []).append(window)
        else:
            assets.setdefault(row["asset_id"], []).append(window)
    return Marks(assets=assets, contracts=contracts)


async def between(
    connection: AsyncConnection, contract_id: str, assets: Mapping[str, int], start_us: int, end_us: int
) -> list[Quantity]:
    """What is in force of the machines, and of the contract as a whole, and overlaps `[start_us, end_us)`."""
    names = {asset_id: name for name, asset_id in assets.items()}
    asked = {"assets": list(names), "contract": contract_id, "start": from_us(start_us), "end": from_us(end_us)}
    rows = await (await connection.execute(_SQL["between"], asked)).fetchall()
    return [
        Quantity(
            asset=contract_id if row["asset_id"] is None else names[row["asset_id"]],
            name=row["name"],
            start_us=to_us(row["start_at"]),
            end_us=to_us(row["end_at"]),
            value=row["value"] if row["over"] == 1 else Fraction(row["value"]) / Fraction(row["over"]),
            unit=row["unit"],
        )
        for row in rows
    ]


async def known_names(
    connection: AsyncConnection, contract_id: str, assets: Mapping[str, int]
) -> dict[str, frozenset[str]]:
    """Of each name of an amount in force, of any time, the machines it is of, or the contract as a whole."""
    names = {asset_id: name for name, asset_id in assets.items()}
    found: dict[str, set[str]] = {}
    asked = {"assets": list(names), "contract": contract_id}
    for row in await (await connection.execute(_SQL["known_names"], asked)).fetchall():
        found.setdefault(row["name"], set()).add(contract_id if row["asset_id"] is None else names[row["asset_id"]])
    return {name: frozenset(whose) for name, whose in found.items()}


def as_columns(whose: Whose, quantities: Iterable[Quantity]) -> dict[str, Any]:
    """The parameters of the queries that store amounts."""
    rows = list(quantities)
    exact = [_exact(row.value) for row in rows]
    assets, contracts = whose.places([row.asset for row in rows])
    return {
        "customer": whose.customer_id,
        "source": whose.source,
        "assets": assets,
        "contracts": contracts,
        "names": [row.name for row in rows],
        "starts": [from_us(row.start_us) for row in rows],
        "ends": [from_us(row.end_us) for row in rows],
        "values": [value for value, _ in exact],
        "overs": [over for _, over in exact],
        "units": [row.unit for row in rows],
    }


def _exact(value: Decimal | Fraction) -> tuple[Decimal, Decimal]:
    return (
        (Decimal(value.numerator), Decimal(value.denominator)) if isinstance(value, Fraction) else (value, Decimal(1))
    )
