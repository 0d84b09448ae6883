"""The bytes of a Sparkplug B payload to typed values and back. Protocol buffers do not get past here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from services.ingest.sparkplug.number import DataType
from services.ingest.sparkplug.sequence import COUNT
from services.ingest.sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from services.ingest.sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from services.ingest.wire import Fault, quoted
from shared.model.facts import QuarantineReason as Reason

REBIRTH: Final = "Node Control/Rebirth"
BD_SEQ: Final = "bdSeq"
# Property keys of a metric: the unit its value is in, and how good that is (0 bad, 192 good, 500 stale).
_UNIT: Final = "engUnit"
_QUALITY: Final = "Quality"
_GOOD: Final = 192


class Metric(NamedTuple):
    """A metric as it was sent. `at_ms` is its own time or, without one, the payload's.

    `field` names what of the oneof is set, None: nothing; `is_known` False: null, or of a quality that is not good.
    """

    name: str | None
    alias: int | None
    at_ms: int | None
    datatype: int | None
    field: str | None
    value: object
    unit: str | None
    is_known: bool
    is_historical: bool
    is_transient: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a payload says; `seq` None: nothing usable. `faults` are those of the payload as a whole."""

    seq: int | None
    metrics: Sequence[Metric]
    faults: tuple[Fault, ...] = ()

    def bd_seq(self) -> int | None:
        """The number that ties a death to its birth."""
        for metric in self.metrics:
            if metric.name == BD_SEQ and isinstance(metric.value, int) and not isinstance(metric.value, bool):
                return metric.value if metric.value < 1 << 63 else None
        return None


def parse(payload: bytes) -> Report | Fault:
    """Never raises for what a device may send."""
    wire = WirePayload()
    try:
        wire.ParseFromString(payload)
    except DecodeError as error:
        return Fault(Reason.MALFORMED_PAYLOAD, f"not a payload of Sparkplug B: {error}")
    sent_ms = wire.timestamp if wire.HasField("timestamp") else None
    metrics = [_metric(metric, sent_ms) for metric in wire.metrics]
    seq = wire.seq if wire.HasField("seq") else None
    if seq is not None and seq >= COUNT:
        fault = Fault(Reason.MALFORMED_PAYLOAD, f"seq: {seq} is not 0 to {COUNT - 1}")
        return Report(seq=None, metrics=metrics, faults=(fault,))
    return Report(seq=seq, metrics=metrics)


def rebirth(now_ms: int) -> bytes:
    """The command that asks an edge node for its births."""
    wanted = WireMetric(name=REBIRTH, timestamp=now_ms, datatype=DataType.BOOLEAN, boolean_value=True)
    return WirePayload(timestamp=now_ms, metrics=[wanted]).SerializeToString()


def _metric(wire: WireMetric, sent_ms: int | None) -> Metric:
    field = wire.WhichOneof("value")
    unit, quality = _properties(wire) if wire.HasField("properties") else (None, _GOOD)
    return Metric(
        name=wire.name or None,
        alias=wire.alias if wire.HasField("alias") else None,
        at_ms=wire.timestamp if wire.HasField("timestamp") else sent_ms,
        datatype=wire.datatype or None,
        field=field,
        value=None if field is None else getattr(wire, field),
        unit=unit,
        is_known=not wire.is_null and quality == _GOOD,
        is_historical=wire.is_historical,
        is_transient=wire.is_transient,
    )


def _properties(wire: WireMetric) -> tuple[str | None, int]:
    unit, quality = None, _GOOD
    for name, value in zip(wire.properties.keys, wire.properties.values, strict=False):
        if name == _UNIT and value.WhichOneof("value") == "string_value":
            unit = value.string_value.strip() or None
        elif name == _QUALITY and value.WhichOneof("value") == "int_value":
            quality = value.int_value
    return unit, quality


def shown(metric: Metric) -> str:
    """A metric as a detail names it."""
    return f"alias {metric.alias}" if metric.name is None else quoted(metric.name)
