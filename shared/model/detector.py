"""How the machines of a model are watched for anomalies."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorSettings:
    """Which sensors are watched together, in buckets of `bucket_us`.

    A finding opens after `open_after` buckets in a row above the threshold and closes after `close_after` below it.
    `false_alarm_rate` is the share of healthy buckets that may lie above the threshold: the budget it is set by.
    """

    sensors: tuple[str, ...]
    bucket_us: int
    open_after: int
    close_after: int
    false_alarm_rate: float
