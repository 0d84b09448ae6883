"""What machines reported: readings, the latest of each sensor, and charts."""

from typing import Literal

from pydantic import BaseModel, Field

from services.api.schemas.listing import Listing
from services.api.schemas.times import UtcTime

Quality = Literal["good", "uncertain"]


class Measured(BaseModel):
    """A sensor that was asked for."""

    sensor: str = Field(examples=["power_kw"])
    unit: str = Field(examples=["kW"])


class Reading(BaseModel):
    """One value, in the sensor's unit."""

    sensor: str = Field(examples=["power_kw"])
    at: UtcTime
    value: float = Field(examples=[1843.2])
    quality: Quality = Field(description="uncertain: outside the expected range")


class Readings(Listing[Reading]):
    """Readings sensor by sensor in the order asked for, of each the oldest first."""

    sensors: list[Measured]


class Latest(BaseModel):
    """The last reading of a sensor; without `at` there is none yet."""

    asset: int = Field(examples=[1])
    sensor: str = Field(examples=["power_kw"])
    unit: str = Field(examples=["kW"])
    at: UtcTime | None
    value: float | None = Field(examples=[1843.2])
    quality: Quality | None = Field(description="null also where the reading itself is no longer kept")
    age_s: float | None = Field(description="seconds since then; below 0 when the device's clock is ahead of ours")


class Stale(BaseModel):
    """A span `[from, to)`."""

    from_: UtcTime = Field(serialization_alias="from")
    to: UtcTime


class Chart(BaseModel):
    """Points of one sensor, by time: `value[i]` at `at[i]`."""

    sensor: str = Field(examples=["power_kw"])
    unit: str = Field(examples=["kW"])
    from_: UtcTime = Field(serialization_alias="from")
    to: UtcTime
    source: Literal["raw", "1m", "1h"] = Field(description="the coarsest that points were taken from")
    resolution_s: int = Field(description="a point's time is the start of a span this long; 0: exact", examples=[60])
    at: list[UtcTime]
    value: list[float | None] = Field(description="null breaks the line: from there on nothing is known")
    stale: list[Stale] = Field(description="where late readings are stored but not in the points yet; mostly empty")
