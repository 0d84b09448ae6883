"""Values of Sparkplug B as numbers: signed integers come as two's complement in unsigned fields, true is 1."""

import math
from enum import IntEnum
from typing import Final

from services.ingest.wire import Fault, quoted
from shared.model.facts import QuarantineReason as Reason


class DataType(IntEnum):
    """The types a metric may have, by their numbers in the specification (chapter 6, data types)."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13
    TEXT = 14
    UUID = 15
    DATA_SET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTY_SET = 20
    PROPERTY_SET_LIST = 21
    INT8_ARRAY = 22
    INT16_ARRAY = 23
    INT32_ARRAY = 24
    INT64_ARRAY = 25
    UINT8_ARRAY = 26
    UINT16_ARRAY = 27
    UINT32_ARRAY = 28
    UINT64_ARRAY = 29
    FLOAT_ARRAY = 30
    DOUBLE_ARRAY = 31
    BOOLEAN_ARRAY = 32
    STRING_ARRAY = 33
    DATE_TIME_ARRAY = 34


_SIGNED_BITS: Final = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_UNSIGNED_BITS: Final = {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64}
# The oneof fields of integers and how many bits each carries.
_FIELD_BITS: Final = {"int_value": 32, "long_value": 64}
_NUMBERS: Final = frozenset(range(DataType.INT8, DataType.BOOLEAN + 1))
_TEXTS: Final = frozenset({DataType.STRING, DataType.TEXT, DataType.UUID, DataType.DATE_TIME})


def is_number(datatype: int) -> bool:
    """Whether values of the type are numbers or booleans."""
    return datatype in _NUMBERS


def is_text(datatype: int) -> bool:
    """Whether values of the type only describe: texts, identifiers and calendar times."""
    return datatype in _TEXTS


def type_name(datatype: int) -> str:
    """A type as a detail shows it."""
    try:
        return DataType(datatype).name.replace("_", " ").lower()
    except ValueError:
        return f"type {datatype}"


def read(datatype: int, field: str | None, value: object) -> float | Fault:
    """The number a metric of this type says in a field of the payload's oneof, or what is wrong with it."""
    if isinstance(value, bool):
        if datatype == DataType.BOOLEAN:
            return float(value)
    elif isinstance(value, float):
        if datatype in (DataType.FLOAT, DataType.DOUBLE):
            finite = math.isfinite(value)
            return value if finite else Fault(Reason.VALUE_NOT_FINITE, f"{quoted(value)} is not finite")
    elif isinstance(value, int) and field in _FIELD_BITS:
        number = _integer(datatype, _FIELD_BITS[field], value)
        if number is not None:
            return float(number)
    if field is None:
        return Fault(Reason.MALFORMED_PAYLOAD, "neither a value nor null")
    shown = field if isinstance(value, bytes) else quoted(value)
    if is_text(datatype):
        return Fault(Reason.VALUE_NOT_A_NUMBER, f"{shown} is a {type_name(datatype)}, not a number")
    return Fault(Reason.VALUE_NOT_A_NUMBER, f"{shown} ({field}) is no {type_name(datatype)}")


def _integer(datatype: int, field_bits: int, value: int) -> int | None:
    """Signed numbers may fill their own bits alone or, sign-extended, the whole field."""
    bits = _UNSIGNED_BITS.get(datatype)  # type: ignore[call-overload]
    if bits is not None:
        return value if value < 1 << bits else None
    bits = _SIGNED_BITS.get(datatype)  # type: ignore[call-overload]
    if bits is None or bits > field_bits:
        return None
    if value < 1 << bits:
        return value - (1 << bits) if value >> (bits - 1) else value
    extended = value - (1 << field_bits)
    return extended if extended >= -(1 << (bits - 1)) else None
