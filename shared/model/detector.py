"""How the machines of a model are watched for anomalies."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorSettings:
    """Which sensors are watched together, in buckets of `bucket_us`.

    A finding opens after `open_after` buckets in a row above the threshold and closes after `close_after` below it.
    `false_alarms_per_month` is the budget the thresholds come from: false findings of one asset in 30 days of
    operation. `drivers` (load, speed, product, ambient) explain the sensors and are never anomalous by themselves.
    """

    sensors: tuple[str, ...]
    bucket_us: int
    open_after: int
    close_after: int
    false_alarms_per_month: float
    drivers: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the values a detector is trained on: the sensors, then the drivers."""
        return self.sensors + self.drivers
