"""Series that are measured quantities: what they are, what there is to sum up, and the sums hour by hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np

from shared import units
from shared.counting import Amounts
from shared.db.dirty import Window
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.db.quantities import EVER
from shared.instant import HOUR_US, MINUTE_US, from_us, to_us
from shared.model.quantity import SumKind

_SQL: Final = load("quantities")


@dataclass(frozen=True, kw_only=True, slots=True)
class Meter:
    """A series whose readings are summed up as the quantity `name` in `unit`, to which `scale` and `offset` lead."""

    series_id: int
    asset_id: int
    customer_id: int
    name: str
    unit: str
    kind: SumKind
    source: str
    scale: Fraction
    offset: Fraction


async def meters(connection: AsyncConnection, asset_ids: Sequence[int]) -> dict[int, list[Meter]]:
    """By asset, the series that are quantities."""
    found: dict[int, list[Meter]] = {}
    for row in await (await connection.execute(_SQL["series"], {"assets": list(asset_ids)})).fetchall():
        kind = SumKind(row["quantity_as"])
        scale, offset = units.exact_conversion(kind.unit_of(row["sensor_unit"]), row["unit"])
        meter = Meter(
            series_id=row["id"],
            asset_id=row["asset_id"],
            customer_id=row["customer_id"],
            name=row["name"],
            unit=row["unit"],
            kind=kind,
            source=f"sensor:{row['sensor']}",
            scale=scale,
            offset=offset if kind is SumKind.MEAN else Fraction(0),
        )
        found.setdefault(meter.asset_id, []).append(meter)
    return found


async def readings(connection: AsyncConnection, meter: Meter, window: Window) -> tuple[Any, Any]:
    """Instants and values (n,) of the window, and the last before it."""
    rows = await (await connection.execute(_SQL["counted"], _span(meter, window))).fetchall()
    return np.array([to_us(row["at"]) for row in rows], np.int64), np.array([row["value"] for row in rows], np.float64)


async def next_hour(connection: AsyncConnection, meter: Meter, end_us: int) -> Window | None:
    """The hour of the first reading at or after `end_us`."""
    asked = {"series": meter.series_id, "end": from_us(end_us)}
    row = await (await connection.execute(_SQL["next_reading"], asked)).fetchone()
    if row is None or row["at"] is None:
        return None
    start_us = to_us(row["at"]) // HOUR_US * HOUR_US
    return Window(start_us=start_us, end_us=start_us + HOUR_US)


async def await_hour(connection: AsyncConnection, asset_id: int, end_us: int, now_us: int) -> None:
    """Have the asset come up again once the hour that ends then is over."""
    asked = {
        "asset": asset_id,
        "start": from_us(end_us),
        "end": from_us(end_us + MINUTE_US),
        "now": from_us(now_us),
    }
    await connection.execute(_SQL["await_hour"], asked)


async def hours(connection: AsyncConnection, meter: Meter, window: Window) -> list[tuple[int, Decimal, int]]:
    """Start, mean over the known time, and the known time in microseconds of each hour that has readings."""
    rows = await (await connection.execute(_SQL["hours"], _span(meter, window))).fetchall()
    return [(to_us(row["at"]), Decimal(repr(row["weighted_mean"])), row["known_us"]) for row in rows]


async def replace(connection: AsyncConnection, meter: Meter, window: Window, amounts: Amounts, now_us: int) -> None:
    """Make `amounts` those of the whole hours of the window; what was said of them before stays as history.

    Hours of which people stated something themselves are left to them. Where that makes a difference, what is judged
    by it is due.
    """
    machine = {"asset": meter.asset_id, "name": meter.name}
    stated = await (await connection.execute(_SQL["stated"], _span(meter, window) | machine)).fetchall()
    taken = [(to_us(row["start_at"]), to_us(row["end_at"])) for row in stated]
    amounts = {
        at_us: amount
        for at_us, amount in amounts.items()
        if not any(start_us < at_us + HOUR_US and at_us < end_us for start_us, end_us in taken)
    }
    asked = (
        _span(meter, window)
        | machine
        | {
            "now": from_us(now_us),
            "source": meter.source,
            "starts": [from_us(at_us) for at_us in amounts],
        }
    )
    gone = await (await connection.execute(_SQL["withdraw_hours"], asked)).fetchall()
    columns = _columns(meter, amounts) | {"now": from_us(now_us)}
    first = await (await connection.execute(_SQL["first"], columns)).fetchall()
    await connection.execute(_SQL["supersede"], columns)
    fresh = await (await connection.execute(_SQL["insert"], columns)).fetchall()
    ever = dict(zip(("start_at", "end_at"), EVER, strict=True))
    if touched := [*gone, *fresh, *(row | ever for row in first)]:
        names = {"assets": "asset_id", "contracts": "contract", "starts": "start_at", "ends": "end_at"}
        await connection.execute(_SQL["mark"], {to: [row[of] for row in touched] for to, of in names.items()})


def _columns(meter: Meter, amounts: Mapping[int, Fraction]) -> dict[str, Any]:
    count = len(amounts)
    return {
        "customer": meter.customer_id,
        "source": meter.source,
        "assets": [meter.asset_id] * count,
        "contracts": [None] * count,
        "names": [meter.name] * count,
        "starts": [from_us(at_us) for at_us in amounts],
        "ends": [from_us(at_us + HOUR_US) for at_us in amounts],
        "values": [Decimal(amount.numerator) for amount in amounts.values()],
        "overs": [Decimal(amount.denominator) for amount in amounts.values()],
        "units": [meter.unit] * count,
    }


def _span(meter: Meter, window: Window) -> dict[str, Any]:
    return {"series": meter.series_id, "start": from_us(window.start_us), "end": from_us(window.end_us)}
