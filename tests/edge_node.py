"""The other side of Sparkplug B: an edge node that numbers its messages and writes payloads as a gateway would."""

from dataclasses import dataclass, field
from typing import Any

from services.ingest.sparkplug.number import DataType
from services.ingest.sparkplug.sparkplug_b_pb2 import Metric, Payload, PropertySet, PropertyValue

GROUP, NODE = "plant", "gateway"

_FIELDS = {
    **dict.fromkeys((DataType.INT8, DataType.INT16, DataType.INT32), ("int_value", 32)),
    **dict.fromkeys((DataType.UINT8, DataType.UINT16, DataType.UINT32), ("int_value", 32)),
    **dict.fromkeys((DataType.INT64, DataType.UINT64, DataType.DATE_TIME), ("long_value", 64)),
    DataType.FLOAT: ("float_value", 0),
    DataType.DOUBLE: ("double_value", 0),
    DataType.BOOLEAN: ("boolean_value", 0),
    DataType.STRING: ("string_value", 0),
    DataType.DATA_SET: ("dataset_value", 0),
    DataType.TEMPLATE: ("template_value", 0),
}


def metric(
    name: str | None,
    value: Any = None,
    datatype: DataType | None = DataType.DOUBLE,
    *,
    unit: str | None = None,
    quality: int | None = None,
    write_type: bool = True,
    **fields: Any,
) -> Metric:
    """A metric with `value` in the field its type asks for, null without one; negative integers as two's complement."""
    made = Metric(**fields)
    if name is not None:
        made.name = name
    if datatype is not None and write_type:
        made.datatype = datatype
    if value is None:
        made.is_null = True
    elif datatype is not None:
        oneof, bits = _FIELDS[datatype]
        setattr(made, oneof, value % (1 << bits) if bits else value)
    said: dict[str, PropertyValue] = {}
    if unit is not None:
        said["engUnit"] = PropertyValue(type=DataType.STRING, string_value=unit)
    if quality is not None:
        said["Quality"] = PropertyValue(type=DataType.INT32, int_value=quality)
    if said:
        made.properties.MergeFrom(PropertySet(keys=list(said), values=list(said.values())))
    return made


@dataclass(kw_only=True)
class EdgeNode:
    """Makes the messages of one edge node, (topic, payload) each, in the order in which they are asked for."""

    at_ms: int
    group: str = GROUP
    node: str = NODE
    bd_seq: int = 0
    seq: int = field(default=255, init=False)

    def topic(self, kind: str, device: str = "") -> str:
        return f"spBv1.0/{self.group}/{kind}/{self.node}" + (f"/{device}" if device else "")

    def birth(self, *metrics: Metric) -> tuple[str, bytes]:
        """The node's birth with what every node has beside `metrics`; its sequence begins with 0."""
        self.seq = 255
        control = metric("Node Control/Rebirth", value=False, datatype=DataType.BOOLEAN)
        bd_seq = metric("bdSeq", self.bd_seq, DataType.INT64)
        return self.topic("NBIRTH"), self._numbered(bd_seq, control, *metrics)

    def device_birth(self, device: str, *metrics: Metric) -> tuple[str, bytes]:
        return self.topic("DBIRTH", device), self._numbered(*metrics)

    def data(self, *metrics: Metric, device: str = "") -> tuple[str, bytes]:
        return self.topic("DDATA" if device else "NDATA", device), self._numbered(*metrics)

    def device_death(self, device: str) -> tuple[str, bytes]:
        return self.topic("DDEATH", device), self._numbered()

    def death(self) -> tuple[str, bytes]:
        """Its last will: no number, only the bdSeq of the session it ends."""
        will = Payload(timestamp=self.at_ms, metrics=[metric("bdSeq", self.bd_seq, DataType.INT64)])
        return self.topic("NDEATH"), will.SerializeToString()

    def skip(self) -> None:
        """A number is used up by a message that gets lost."""
        self.seq = (self.seq + 1) % 256

    def _numbered(self, *metrics: Metric) -> bytes:
        self.skip()
        return Payload(timestamp=self.at_ms, seq=self.seq, metrics=metrics).SerializeToString()
