"""SenML (RFC 8428): the records of a pack, resolved to samples, or to states where the topic is one of events."""

import re
from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from services.ingest.diagnose import NOTHING
from services.ingest.part import Part
from services.ingest.wire import MAX_EPOCH_S, Decoded, Event, EventPart, Fault, Sample, quoted
from shared.instant import SECOND_US, from_us
from shared.model.facts import QuarantineReason as Reason

Record = dict[Any, Any]
_Made = TypeVar("_Made")

# Section 4.4; RFC 9100 sets one more bit for units of its secondary table, which pass here like any other.
VERSION: Final = 10
_WITH_SECONDARY_UNITS: Final = VERSION | 1 << 4
# Section 4.5.3: less than this is relative to now.
_RELATIVE_US: Final = 2**28 * SECOND_US
# Section 4.3.
_CBOR_LABELS: Final = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s",
    6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_LABELS: Final = frozenset(_CBOR_LABELS.values())
_BASE_LABELS: Final = frozenset({"bver", "bn", "bt", "bu", "bv", "bs"})
_OWN_LABELS: Final = _LABELS - _BASE_LABELS
_VALUE_LABELS: Final = frozenset({"v", "vs", "vb", "vd"})
# Section 4.5.1.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]*").fullmatch
_AFTER_SEPARATOR: Final = re.compile(r"[^:/]*$")


_Seconds = Annotated[float, Meta(gt=-MAX_EPOCH_S, lt=MAX_EPOCH_S)]


class _Usual(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A record of a number, as most are."""

    v: float | UnsetType = UNSET
    n: str | UnsetType = UNSET
    u: str | UnsetType = UNSET
    t: _Seconds | UnsetType = UNSET
    bn: str | UnsetType = UNSET
    bt: _Seconds | UnsetType = UNSET
    bu: str | UnsetType = UNSET


def is_pack(document: Any) -> bool:
    """Whether a document of JSON is a pack: a list whose first item has SenML's labels and no time of ours."""
    first = document[0] if isinstance(document, list) and document else None
    if not isinstance(first, dict) or "ts" in first or "timestamp_ms" in first:
        return False
    return not _LABELS.isdisjoint(first)


def labelled(document: Any) -> Any:
    """A document of CBOR with the labels of JSON, so that both are read alike."""
    if not isinstance(document, list):
        return document
    return [
        {_CBOR_LABELS.get(label, label): item[label] for label in item} if isinstance(item, dict) else item
        for item in document
    ]


def telemetry(path: str, document: Any, *, received_us: int) -> Decoded:
    """A sample a record, so that each keeps its place; a relative time is counted from `received_us`."""
    samples = usual(document, received_us)
    if samples is not None:
        return Decoded(path=path, is_list=True, samples=samples)
    return diagnosed(path, document, received_us=received_us)


def diagnosed(path: str, document: Any, *, received_us: int) -> Decoded:
    """The same by the slow, precise way: whatever SenML allows, with every fault."""
    pack = _Pack(document, received_us)
    return Decoded(path=path, is_list=True, samples=pack.samples(), faults=pack.faults)


def usual(document: Any, received_us: int) -> list[Sample] | None:
    """The fast way through a faultless pack of numbers, names, times and units; None when there is more to it."""
    try:
        records = msgspec.convert(document, list[_Usual])
    except msgspec.ValidationError:
        return None
    samples: list[Sample] = []
    names: dict[str, str] = {}
    base_name, base_unit, base_us = "", "", 0
    for record in records:
        base_name = base_name if record.bn is UNSET else record.bn
        base_unit = base_unit if record.bu is UNSET else record.bu
        base_us = base_us if record.bt is UNSET else round(record.bt * SECOND_US)
        value, unit = record.v, base_unit if record.u is UNSET else record.u
        if value is UNSET:
            if not (record.n is UNSET and record.u is UNSET and record.t is UNSET):
                return None
            samples.append(NOTHING)
            continue
        name = base_name if record.n is UNSET else base_name + record.n
        sensor = _sensor_of(name)
        at_us = base_us if record.t is UNSET else base_us + round(record.t * SECOND_US)
        at_us += received_us if at_us < _RELATIVE_US else 0
        if not sensor or names.setdefault(sensor, name) != name or at_us < 0 or "\0" in unit or not isfinite(value):
            return None
        samples.append(Sample(at_us, {sensor: value}, {sensor: unit} if unit else None))
    return samples


def events(path: str, document: Any, *, received_us: int) -> Decoded:
    """A state a record with a text (`vs`), which is its code; any other record is refused.

    Kept as its own bytes is the state in plain JSON: a record means nothing without the base fields before it.
    """
    pack = _Pack(document, received_us)
    parts = [
        EventPart(event, f"[{index}]", msgspec.json.encode(event))
        for index, event in enumerate(pack.states())
        if event is not None
    ]
    return Decoded(path=path, is_list=True, events=parts, faults=pack.faults)


class _Pack:
    """Goes through the records once and keeps the base fields (section 4.1) as they change.

    A pack that must not be used has no records; after a bad base field the rest of the records is not read.
    """

    def __init__(self, document: Any, received_us: int) -> None:
        self.faults: list[Fault] = []
        self._received_us = received_us
        self._names: dict[str, str] = {}
        self._name, self._unit = "", ""
        self._time_us, self._is_usable = 0, True
        self._value: float | None = None
        self._sum: float | None = None
        self._records = self._usable(document)

    def samples(self) -> list[Sample]:
        """What each record says; nothing of one that is at fault or has base fields only."""
        return [self._made(index, record, self._sample) or NOTHING for index, record in enumerate(self._records)]

    def states(self) -> list[Event | None]:
        """The state each record is."""
        return [self._made(index, record, self._state) for index, record in enumerate(self._records)]

    def _usable(self, document: Any) -> list[Record]:
        if not isinstance(document, list):
            self.faults.append(Fault(Reason.MALFORMED_PAYLOAD, "a SenML pack is a list of records"))
            return []
        records: list[Record] = []
        for index, item in enumerate(document):
            if not isinstance(item, dict) or "bver" in item or not item.keys() <= _LABELS:
                self.faults += _unusable(index, item)
            records.append(item)
        return [] if self.faults else records

    def _made(self, index: int, record: Record, make: Callable[[Part, Record], _Made | None]) -> _Made | None:
        part = Part(f"[{index}]")
        self._rebase(part, record)
        made = None if not self._is_usable or _OWN_LABELS.isdisjoint(record) else make(part, record)
        self.faults += part.faults
        return made

    def _rebase(self, part: Part, record: Record) -> None:
        if _BASE_LABELS.isdisjoint(record) or not self._is_usable:
            return
        if "bn" in record:
            self._name = part.text(record, "bn", default="")
        if "bu" in record:
            self._unit = part.text(record, "bu", default="")
        if "bt" in record:
            self._time_us = part.seconds(record, "bt")
        if "bv" in record:
            self._value = record["bv"] if part.is_number("bv", record["bv"]) else None
        if "bs" in record:
            self._sum = record["bs"] if part.is_number("bs", record["bs"]) else None
        if part.faults:
            part.refuse(Reason.MALFORMED_PAYLOAD, "", "its base fields are bad, so nothing after them is read")
            self._is_usable = False

    def _sample(self, part: Part, record: Record) -> Sample | None:
        sensor, at_us = self._sensor(part, record), self._at_us(part, record)
        unit = part.text(record, "u", default="") if "u" in record else self._unit
        value, total = self._reported(part, record), self._summed(part, record)
        if part.faults:
            return None
        values: dict[str, float | None] = {} if value is None else {sensor: value}
        units = {sensor: unit} if unit and values else {}
        if total is not None:
            values[f"{sensor}_sum"] = total
            if unit:
                units[f"{sensor}_sum"] = f"{unit}*s"
        return Sample(at_us, values, units or None)

    def _state(self, part: Part, record: Record) -> Event | None:
        if _VALUE_LABELS & record.keys() != {"vs"}:
            part.refuse(Reason.MALFORMED_PAYLOAD, "", "a state is a record with vs")
            return None
        code, at_us = part.code(record, "vs"), self._at_us(part, record)
        return None if part.faults else Event(code=code, ts=from_us(at_us))

    def _sensor(self, part: Part, record: Record) -> str:
        """What follows the last `:` or `/` of the resolved name, for the topic names the machine already."""
        name = self._name + part.text(record, "n", default="")
        sensor = _sensor_of(name)
        if part.faults:
            return ""
        if not sensor:
            part.refuse(Reason.MALFORMED_PAYLOAD, "n", f"{quoted(name)} is no name that ends in that of a sensor")
        elif self._names.setdefault(sensor, name) != name:
            other = quoted(self._names[sensor])
            part.refuse(Reason.MALFORMED_PAYLOAD, "n", f"{quoted(name)} and {other} end in the same sensor")
        return sensor

    def _at_us(self, part: Part, record: Record) -> int:
        at_us = self._time_us + part.seconds(record, "t")
        at_us += self._received_us if at_us < _RELATIVE_US else 0
        if at_us < 0:
            part.refuse(Reason.TIME_IMPLAUSIBLE, "t", "lies before 1970")
            return 0
        return at_us

    def _reported(self, part: Part, record: Record) -> float | None:
        """The value with the base value added; a boolean is 1 or 0; None: there is a sum only, or a fault."""
        labels = _VALUE_LABELS & record.keys()
        if not labels:
            if self._value is None and self._sum is None and "s" not in record:
                part.refuse(Reason.MALFORMED_PAYLOAD, "v", "missing")
            return None if "s" in record else self._value
        label, *others = sorted(labels)
        value = record[label]
        if others:
            part.refuse(Reason.MALFORMED_PAYLOAD, "", f"{label} and {others[0]}: one value a record")
        elif label == "v":
            return _added(part, "v", value, self._value)
        elif label == "vb" and isinstance(value, bool):
            return float(value)
        else:
            part.refuse(Reason.VALUE_NOT_A_NUMBER, label, f"{quoted(value)} is not a number")
        return None

    def _summed(self, part: Part, record: Record) -> float | None:
        if "s" not in record and self._sum is None:
            return None
        return _added(part, "s", record.get("s", 0), self._sum)


def _unusable(index: int, item: Any) -> list[Fault]:
    """Why a pack with this record must not be used (section 4.4)."""
    part = Part(f"[{index}]")
    record = part.object(item)
    for label in record.keys() - _LABELS:
        if isinstance(label, str) and label.endswith("_"):
            part.refuse(Reason.MALFORMED_PAYLOAD, quoted(label), "must be understood and is not")
    version = record.get("bver", VERSION)
    if isinstance(version, bool) or not isinstance(version, (int, float)) or not _is_known(version):
        part.refuse(Reason.MALFORMED_PAYLOAD, "bver", f"{quoted(version)} is no version of SenML known here")
    return part.faults


def _is_known(version: float) -> bool:
    return 0 < version <= VERSION or version == _WITH_SECONDARY_UNITS


def _added(part: Part, label: str, value: Any, base: float | None) -> float | None:
    if not part.is_number(label, value):
        return None
    total = float(value) + float(base or 0)
    return total if part.is_number(label, total) else None


@lru_cache(maxsize=65_536)
def _sensor_of(name: str) -> str:
    found = _AFTER_SEPARATOR.search(name) if _NAME(name) else None
    return found[0] if found else ""
