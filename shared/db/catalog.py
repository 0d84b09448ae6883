"""What ingest holds messages against: which path of a topic is which asset, and what its sensors may say."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.db import registration
from shared.db.named import load as load_queries
from shared.db.pool import Connection
from shared.model.payload import Format
from shared.model.registration import Rule

_SQL: Final = load_queries("catalog")


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAsset:
    """An asset; `sensors` gives the place of each of its sensors, by name, in the columns of `SensorColumns`.

    `payload_format` is what its model declares, None when the message tells. `rule` is the registration rule that may
    give it sensors it does not have yet.
    """

    id: int
    customer_id: int
    sensors: Mapping[str, int]
    payload_format: Format | None = None
    rule: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SensorColumns:
    """Every sensor of the fleet, one place each; all columns have shape (n,).

    What a device reports, in `reported_unit`, is stored as reported * scale + offset, in `unit`; a unit that is not
    converted has 1 and 0. Ranges include both ends, in `unit`; an open side is infinite. `hold_us` is how long one
    sample of the sensor's asset vouches for the state of the machine.
    """

    series_id: NDArray[np.int32]
    asset_id: NDArray[np.int32]
    hold_us: NDArray[np.int64]
    physical_low: NDArray[np.float64]
    physical_high: NDArray[np.float64]
    expected_low: NDArray[np.float64]
    expected_high: NDArray[np.float64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    name: tuple[str, ...]
    unit: tuple[str, ...]
    reported_unit: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Catalog:
    """The fleet as of one moment; `assets` by `customer/site/asset`; `rules` say which others may become known."""

    assets: Mapping[str, KnownAsset]
    sensors: SensorColumns
    version: tuple[int, ...]
    rules: tuple[Rule, ...] = ()

    def as_stored(self, names: Set[str]) -> "Catalog":
        """The same fleet, for what gives the values of the sensors of these names in the unit they are stored in."""
        if not names:
            return self
        sensors = self.sensors
        is_stored = np.array([name in names for name in sensors.name], np.bool_)
        units = zip(sensors.name, sensors.unit, sensors.reported_unit, strict=True)
        told = replace(
            sensors,
            scale=np.where(is_stored, 1.0, sensors.scale),
            offset=np.where(is_stored, 0.0, sensors.offset),
            reported_unit=tuple(unit if name in names else reported for name, unit, reported in units),
        )
        return replace(self, sensors=told)


def version(connection: Connection) -> tuple[int, ...]:
    """Changes whenever an asset or a sensor was added, or a fleet file was loaded; costs three small look-ups."""
    return connection.execute(_SQL["version"]).fetchall()[0]


def load(connection: Connection) -> Catalog:
    """Read the whole fleet. Its version is read first: what is added meanwhile shows as a newer one."""
    as_of = version(connection)
    rows = connection.execute(_SQL["sensors"]).fetchall()
    places: dict[int, dict[str, int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row[1], {})[row[7]] = place
    assets = {
        path: KnownAsset(
            id=asset_id,
            customer_id=customer_id,
            sensors=places.get(asset_id, {}),
            payload_format=None if payload_format is None else Format(payload_format),
            rule=rule,
        )
        for path, asset_id, customer_id, payload_format, rule in connection.execute(_SQL["assets"])
    }
    return Catalog(assets=assets, sensors=columns(rows), version=as_of, rules=registration.rules(connection))


def columns(rows: Sequence[tuple]) -> SensorColumns:
    """Rows as columns, in the order of the query `sensors`.

    (series id, asset id, hold, physical low and high, expected low and high, name, unit, reported unit, scale, offset)
    """
    by_field = tuple(zip(*rows, strict=True)) or ((),) * 12
    ids, assets, holds, physical_low, physical_high, expected_low, expected_high, names, units, *reported = by_field
    reported_units, scales, offsets = reported
    return SensorColumns(
        series_id=np.array(ids, np.int32),
        asset_id=np.array(assets, np.int32),
        hold_us=np.array(holds, np.int64),
        physical_low=np.array(physical_low, np.float64),
        physical_high=np.array(physical_high, np.float64),
        expected_low=np.array(expected_low, np.float64),
        expected_high=np.array(expected_high, np.float64),
        scale=np.array(scales, np.float64),
        offset=np.array(offsets, np.float64),
        name=tuple(names),
        unit=tuple(units),
        reported_unit=tuple(reported_units),
    )
