"""Sparkplug B on the wire: what bytes say, whatever they are, and that the generated module is of our own .proto."""

import json
import math
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.sparkplug import number, payload
from services.ingest.sparkplug.number import DataType
from services.ingest.sparkplug.payload import Report
from services.ingest.sparkplug.sparkplug_b_pb2 import Payload
from services.ingest.wire import Fault
from shared.model.facts import QuarantineReason as Reason
from tests.edge_node import metric

ROOT = Path(__file__).parents[3]
GOLDEN = sorted((ROOT / "tests/data/payloads/sparkplug").glob("*.hex"))
PROTO = "services/ingest/sparkplug/sparkplug_b.proto"

SIGNED = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
UNSIGNED = {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64}


def report(data: bytes) -> Report:
    parsed = payload.parse(data)
    assert isinstance(parsed, Report)
    return parsed


def test_the_generated_module_is_what_the_proto_gives(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([*command, PROTO], cwd=ROOT, check=True, timeout=60)
    for suffix in ("py", "pyi"):
        file = PROTO.replace(".proto", f"_pb2.{suffix}")
        assert (tmp_path / file).read_text() == (ROOT / file).read_text(), f"make {file} again"


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_golden_payloads_say_what_is_written_beside_them(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    data = bytes.fromhex("".join(line.partition("#")[0] for line in lines))
    expected = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    said = report(data)
    numbers = [
        number.read(m.datatype, m.field, m.value)
        if m.is_known and m.datatype and number.is_number(m.datatype)
        else None
        for m in said.metrics
    ]
    assert {
        "seq": said.seq,
        "bd_seq": said.bd_seq(),
        "metrics": [
            [m.name, m.alias, m.at_ms, m.datatype, value, m.unit, m.is_historical]
            for m, value in zip(said.metrics, numbers, strict=True)
        ],
    } == expected


def test_there_are_golden_payloads() -> None:
    assert len(GOLDEN) >= 4


@given(st.binary(max_size=400))
@example(b"\x12\x03\x0a\x01\xff")
@example(b"\x12\x02\x1a\x00")
@example(b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
def test_no_bytes_raise(data: bytes) -> None:
    parsed = payload.parse(data)
    if isinstance(parsed, Fault):
        assert parsed.reason is Reason.MALFORMED_PAYLOAD
    else:
        for said in parsed.metrics:
            read = number.read(said.datatype or 0, said.field, said.value)
            assert isinstance(read, Fault) or math.isfinite(read)


def integers(bits_of: dict[DataType, int], *, signed: bool) -> st.SearchStrategy[tuple[DataType, int]]:
    def of(kind: DataType) -> st.SearchStrategy[tuple[DataType, int]]:
        bits = bits_of[kind]
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return st.tuples(st.just(kind), st.integers(low, high))

    return st.sampled_from(list(bits_of)).flatmap(of)


@given(integers(SIGNED, signed=True) | integers(UNSIGNED, signed=False))
@example((DataType.INT8, -1))
@example((DataType.INT64, -(1 << 63)))
def test_integers_come_out_as_they_went_in(sent: tuple[DataType, int]) -> None:
    kind, value = sent
    (said,) = report(Payload(metrics=[metric("a", value, kind)]).SerializeToString()).metrics
    assert number.read(kind, said.field, said.value) == float(value)


@given(integers(SIGNED, signed=True))
def test_negative_integers_may_fill_their_own_bits_alone_or_a_field_that_is_longer(sent: tuple[DataType, int]) -> None:
    kind, value = sent
    assert number.read(kind, "long_value", value % (1 << SIGNED[kind])) == float(value)
    assert number.read(kind, "long_value", value % (1 << 64)) == float(value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_floats_come_out_as_they_went_in(double: float, single: float) -> None:
    sent = [metric("d", double), metric("f", single, DataType.FLOAT)]
    said = report(Payload(metrics=sent).SerializeToString()).metrics
    read = [number.read(m.datatype or 0, m.field, m.value) for m in said]
    assert struct.pack("2d", *read) == struct.pack("2d", double, single)


@pytest.mark.parametrize(
    ("kind", "field", "value", "reason", "detail"),
    [
        (DataType.INT8, "int_value", 0x17F, Reason.VALUE_NOT_A_NUMBER, "383 (int_value) is no int8"),
        (DataType.UINT8, "int_value", 256, Reason.VALUE_NOT_A_NUMBER, "256 (int_value) is no uint8"),
        (DataType.INT64, "int_value", 1, Reason.VALUE_NOT_A_NUMBER, "1 (int_value) is no int64"),
        (DataType.DOUBLE, "int_value", 1, Reason.VALUE_NOT_A_NUMBER, "1 (int_value) is no double"),
        (DataType.DOUBLE, "double_value", math.nan, Reason.VALUE_NOT_FINITE, "NaN is not finite"),
        (DataType.BOOLEAN, "string_value", "true", Reason.VALUE_NOT_A_NUMBER, '"true" (string_value) is no boolean'),
        (DataType.INT32, "boolean_value", True, Reason.VALUE_NOT_A_NUMBER, "true (boolean_value) is no int32"),
        (DataType.DATE_TIME, "long_value", 1, Reason.VALUE_NOT_A_NUMBER, "1 is a date time, not a number"),
        (DataType.STRING, "string_value", "7", Reason.VALUE_NOT_A_NUMBER, '"7" is a string, not a number'),
        (DataType.DOUBLE, None, None, Reason.MALFORMED_PAYLOAD, "neither a value nor null"),
    ],
)
def test_a_value_that_is_no_number_of_its_type_is_refused(
    kind: DataType, field: str | None, value: object, reason: Reason, detail: str
) -> None:
    assert number.read(kind, field, value) == Fault(reason, detail)


def test_booleans_are_one_and_zero() -> None:
    assert [number.read(DataType.BOOLEAN, "boolean_value", value) for value in (True, False)] == [1.0, 0.0]


@pytest.mark.parametrize(("quality", "is_known"), [(None, True), (192, True), (0, False), (500, False)])
def test_a_value_of_bad_or_stale_quality_is_not_known(quality: int | None, *, is_known: bool) -> None:
    (said,) = report(Payload(metrics=[metric("a", 1.0, quality=quality)]).SerializeToString()).metrics
    assert said.is_known is is_known


def test_a_sequence_number_that_is_none_is_named() -> None:
    said = report(Payload(seq=256).SerializeToString())
    assert (said.seq, said.faults) == (None, (Fault(Reason.MALFORMED_PAYLOAD, "seq: 256 is not 0 to 255"),))


def test_a_rebirth_request_is_the_command_of_the_specification() -> None:
    (said,) = report(payload.rebirth(1_772_366_400_000)).metrics
    assert (said.name, said.datatype, said.value) == ("Node Control/Rebirth", DataType.BOOLEAN, True)
