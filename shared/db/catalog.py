"""What ingest holds messages against: which path of a topic is which asset, and what its sensors may say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.db.named import load as load_queries
from shared.db.pool import Connection

_SQL: Final = load_queries("catalog")


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAsset:
    """An asset; `sensors` gives the place of each of its sensors, by name, in the columns of `SensorColumns`."""

    id: int
    customer_id: int
    sensors: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SensorColumns:
    """Every sensor of the fleet, one place each; all columns have shape (n,).

    Ranges include both ends, in the sensor's own unit; an open side is infinite. `hold_us` is how long one sample
    of the sensor's asset vouches for the state of the machine.
    """

    series_id: NDArray[np.int32]
    asset_id: NDArray[np.int32]
    hold_us: NDArray[np.int64]
    physical_low: NDArray[np.float64]
    physical_high: NDArray[np.float64]
    expected_low: NDArray[np.float64]
    expected_high: NDArray[np.float64]
    name: tuple[str, ...]
    unit: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Catalog:
    """The fleet as of one moment; `assets` by `customer/site/asset`."""

    assets: Mapping[str, KnownAsset]
    sensors: SensorColumns
    version: tuple[int, int]


def version(connection: Connection) -> tuple[int, int]:
    """Changes whenever an asset or a sensor was added; costs two index look-ups."""
    assets, sensors = connection.execute(_SQL["version"]).fetchone() or (0, 0)
    return assets, sensors


def load(connection: Connection) -> Catalog:
    """Read the whole fleet. Its version is read first: what is added meanwhile shows as a newer one."""
    as_of = version(connection)
    rows = connection.execute(_SQL["sensors"]).fetchall()
    places: dict[int, dict[str, int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row[1], {})[row[7]] = place
    assets = {
        path: KnownAsset(id=asset_id, customer_id=customer_id, sensors=places.get(asset_id, {}))
        for path, asset_id, customer_id in connection.execute(_SQL["assets"])
    }
    return Catalog(assets=assets, sensors=columns(rows), version=as_of)


def columns(rows: list[tuple]) -> SensorColumns:
    """Rows (series id, asset id, hold, physical low and high, expected low and high, name, unit) as columns."""
    ids, assets, holds, physical_low, physical_high, expected_low, expected_high, names, units = (
        zip(*rows, strict=True) if rows else ((),) * 9
    )
    return SensorColumns(
        series_id=np.array(ids, np.int32),
        asset_id=np.array(assets, np.int32),
        hold_us=np.array(holds, np.int64),
        physical_low=np.array(physical_low, np.float64),
        physical_high=np.array(physical_high, np.float64),
        expected_low=np.array(expected_low, np.float64),
        expected_high=np.array(expected_high, np.float64),
        name=tuple(names),
        unit=tuple(units),
    )
