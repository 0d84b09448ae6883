"""A birth: what the metrics of a node or device are called, their types and units, and which sensors they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from services.ingest.sparkplug import naming
from services.ingest.sparkplug.number import is_number, is_text
from services.ingest.sparkplug.payload import Report
from services.ingest.wire import Fault, quoted
from shared.model.facts import QuarantineReason as Reason
from shared.model.sparkplug import Birth, BornMetric, Source


class Role(Enum):
    """What a metric is to its asset."""

    READING = auto()
    # Texts, and what every node has to steer and describe it.
    DESCRIPTION = auto()
    # A number that no sensor was declared for.
    UNDECLARED = auto()
    UNSUPPORTED = auto()


class BoundMetric(NamedTuple):
    """A metric as an asset reads it; `sensor` is empty unless it is a reading."""

    name: str
    datatype: int
    unit: str | None
    role: Role
    sensor: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bound:
    """A birth read for one asset."""

    by_name: Mapping[str, BoundMetric]
    by_alias: Mapping[int, BoundMetric]


def declared(report: Report) -> tuple[Birth, list[Fault]]:
    """What a birth declares, and what of it is refused: without name or type, or named twice."""
    metrics: dict[str, BornMetric] = {}
    aliases: set[int] = set()
    faults: list[Fault] = []
    for place, metric in enumerate(report.metrics):
        name = metric.name
        if name is None or metric.datatype is None or "\0" in name:
            what = "a birth gives each metric a name and a type"
        elif (born := metrics.get(name)) is not None:
            # A birth may carry several values of a metric.
            if (metric.alias, metric.datatype) in ((born.alias, born.datatype), (None, born.datatype)):
                continue
            what = f"{quoted(name)} is declared before, otherwise"
        elif metric.alias in aliases:
            what = f"{quoted(name)} has alias {metric.alias}, as another before"
        else:
            metrics[name] = BornMetric(name, metric.alias, metric.datatype, metric.unit)
            aliases |= set() if metric.alias is None else {metric.alias}
            continue
        faults.append(Fault(Reason.MALFORMED_PAYLOAD, f"metrics[{place}]: {what}"))
    return Birth(metrics=tuple(metrics.values())), faults


def bound(birth: Birth, source: Source) -> Bound:
    """The birth as the sensors of an asset see it; a text is a (bad) reading only where a sensor has its very name."""
    candidates = [
        metric.name
        for metric in birth.metrics
        if not naming.is_ignored(metric.name) and (is_number(metric.datatype) or metric.name in source.sensors)
    ]
    sensors = naming.bind(candidates, source.sensors)
    by_name = {
        metric.name: BoundMetric(
            metric.name, metric.datatype, metric.unit, _role(metric, sensors), sensors.get(metric.name, "")
        )
        for metric in birth.metrics
    }
    by_alias = {metric.alias: by_name[metric.name] for metric in birth.metrics if metric.alias is not None}
    return Bound(by_name=by_name, by_alias=by_alias)


def _role(metric: BornMetric, sensors: Mapping[str, str]) -> Role:
    if naming.is_ignored(metric.name):
        return Role.DESCRIPTION
    if not is_number(metric.datatype) and not is_text(metric.datatype):
        return Role.UNSUPPORTED
    if metric.name in sensors:
        return Role.READING
    return Role.UNDECLARED if is_number(metric.datatype) else Role.DESCRIPTION
