"""The metrics of one message, by the birth they refer to, into samples of an asset, and what is wrong with the rest."""

from collections.abc import Sequence
from typing import Final

from services.ingest.sparkplug import naming, number
from services.ingest.sparkplug.birth import Bound, BoundMetric, Role
from services.ingest.sparkplug.payload import Metric, Report, shown
from services.ingest.wire import MAX_EPOCH_MS, Decoded, Fault, Sample, Status, quoted
from shared.model.facts import QuarantineReason as Reason

_MS_US: Final = 1_000
# How many names one detail lists.
_LISTED: Final = 5


class Reading:
    """Reads the metrics of one message; what nobody knows is collected, so that it gives one fault and not hundreds."""

    def __init__(self, path: str, bound: Bound | None, faults: Sequence[Fault] = ()) -> None:
        self._path, self._bound = path, bound
        self._faults = list(faults)
        self._live, self._historical = _Samples(), _Samples()
        self._unborn: list[str] = []
        self._undeclared: list[str] = []
        self._unsupported: list[str] = []

    @property
    def has_unborn(self) -> bool:
        """Whether a metric was met that no birth explains."""
        return bool(self._unborn)

    def take(self, report: Report, *, is_birth: bool = False) -> None:
        """Read all metrics of a message; of a birth, what it does not declare is its own fault, told by `declared`."""
        self._faults += report.faults
        for place, metric in enumerate(report.metrics):
            if metric.is_transient:
                continue
            known = self._known(metric)
            if known is None:
                self._take_unborn(metric, is_birth=is_birth)
            elif known.role is Role.READING:
                self._take_value(place, metric, known)
            elif known.role is Role.UNDECLARED:
                self._undeclared.append(quoted(known.name))
            elif known.role is Role.UNSUPPORTED:
                self._unsupported.append(f"{quoted(known.name)} ({number.type_name(known.datatype)})")

    def decoded(self, status: Status | None) -> list[Decoded]:
        """What the message says of the asset: what is live, which is a sign of life, and what is historical."""
        faults = self._faults + self._collected()
        live, historical = self._live.samples(), self._historical.samples()
        parts = []
        if live or faults or status is not None or not historical:
            parts.append(Decoded(path=self._path, is_list=len(live) > 1, samples=live, status=status, faults=faults))
        if historical:
            many = len(historical) > 1
            parts.append(Decoded(path=self._path, is_list=many, samples=historical, is_historical=True))
        return parts

    def _known(self, metric: Metric) -> BoundMetric | None:
        if self._bound is None:
            return None
        if metric.name is not None:
            known = self._bound.by_name.get(metric.name)
        else:
            known = None if metric.alias is None else self._bound.by_alias.get(metric.alias)
        # Of another type than at birth: the alias has been given away since, and the new birth was missed.
        return None if known is None or metric.datatype not in (None, known.datatype) else known

    def _take_unborn(self, metric: Metric, *, is_birth: bool) -> None:
        if not is_birth and not (metric.name is not None and naming.is_ignored(metric.name)):
            self._unborn.append(shown(metric))

    def _take_value(self, place: int, metric: Metric, known: BoundMetric) -> None:
        at_us = _at_us(metric)
        value = number.read(known.datatype, metric.field, metric.value) if metric.is_known else None
        if not isinstance(at_us, Fault) and not isinstance(value, Fault):
            samples = self._historical if metric.is_historical else self._live
            samples.add(at_us, known.sensor, value, metric.unit or known.unit)
            return
        prefix = f"metrics[{place}] {quoted(known.name)}: "
        self._faults += [Fault(f.reason, prefix + f.detail) for f in (at_us, value) if isinstance(f, Fault)]

    def _collected(self) -> list[Fault]:
        faults = []
        if self._unborn:
            what = "no birth explains it" if self._bound is None else "not as in the last birth"
            faults.append(Fault(Reason.SPARKPLUG_UNKNOWN_ALIAS, f"{_listed(self._unborn)}: {what}"))
        if self._unsupported:
            faults.append(Fault(Reason.SPARKPLUG_UNSUPPORTED_TYPE, f"{_listed(self._unsupported)}: not supported"))
        if self._undeclared:
            faults.append(Fault(Reason.UNKNOWN_SENSOR, f"{_listed(self._undeclared)}: no such sensor"))
        return faults


class _Samples:
    """Values gathered by instant; a second, other value of a sensor at one instant gets a sample of its own."""

    def __init__(self) -> None:
        self._found: list[tuple[int, dict[str, float | None], dict[str, str]]] = []
        self._open: dict[int, tuple[dict[str, float | None], dict[str, str]]] = {}

    def add(self, at_us: int, sensor: str, value: float | None, unit: str | None) -> None:
        values, units = self._open.get(at_us, (None, None))
        if values is None or units is None or sensor in values:
            values, units = {}, {}
            self._open[at_us] = values, units
            self._found.append((at_us, values, units))
        values[sensor] = value
        if unit is not None:
            units[sensor] = unit

    def samples(self) -> list[Sample]:
        return [Sample(at_us, values, units or None) for at_us, values, units in self._found]


def _at_us(metric: Metric) -> int | Fault:
    if metric.at_ms is None:
        return Fault(Reason.MALFORMED_PAYLOAD, "timestamp missing")
    if metric.at_ms >= MAX_EPOCH_MS:
        return Fault(Reason.TIME_IMPLAUSIBLE, f"{metric.at_ms} ms is beyond any calendar")
    return metric.at_ms * _MS_US


def _listed(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    rest = f" and {len(distinct) - _LISTED} more" if len(distinct) > _LISTED else ""
    return ", ".join(distinct[:_LISTED]) + rest
