"""The same samples, events and signs of life in every form and encoding; nothing that is sent makes decoding fail."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import decode as decoding
from services.ingest import diagnose
from services.ingest.inbox import Message
from services.ingest.wire import Decoded, instant_us
from shared.instant import from_us, to_us
from shared.model.facts import QuarantineReason as Reason
from shared.model.payload import Format

PATH = "lechtal/kempten/c1"
TOPIC = f"vouch/v1/{PATH}"
NOON_US = 1_772_366_400_000_000
NOON_MS = NOON_US // 1_000
# Times any form can say: 1990 to 2100, in microseconds.
instants_us = st.integers(631_152_000_000_000, 4_102_444_800_000_000)
instants_ms = instants_us.map(lambda us: us // 1_000 * 1_000)
numbers = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.dictionaries(names, st.none() | numbers, max_size=4)
Said = tuple[int, dict[str, float | None]]

DUMPS: dict[Format, Callable[[Any], bytes]] = {
    Format.JSON: lambda document: json.dumps(document).encode(),
    Format.MSGPACK: msgspec.msgpack.encode,
    Format.CBOR: cbor2.dumps,
}
formats = st.sampled_from(list(DUMPS))


def decode(payload: bytes, format_: Format, channel: str = "telemetry") -> Decoded:
    message = Message(f"{TOPIC}/{channel}", payload, None)
    return decoding.decode(message, declared=format_, received_us=NOON_US, max_payload_bytes=1_000_000)


def said(document: Any, format_: Format, channel: str = "telemetry") -> list[Said]:
    decoded = decode(DUMPS[format_](document), format_, channel)
    assert not decoded.faults
    return [(sample.at_us, sample.values) for sample in decoded.samples]


def told(at_us: int, how: str) -> Any:
    """A time as a device may write it."""
    at = from_us(at_us)
    ways: dict[str, Any] = {"iso": at.isoformat(), "us": at_us, "s": at_us / 1e6, "ms": at_us / 1e3}
    return ways.get(how, at)


ways = st.sampled_from(["iso", "us", "s", "ms"])


@given(formats, ways, st.lists(st.tuples(instants_us, values), max_size=4))
def test_a_list_of_samples_comes_out_as_it_went_in(format_: Format, how: str, sent: list[Said]) -> None:
    document = [{"ts": told(at_us, how), "values": values} for at_us, values in sent]
    assert said(document, format_) == sent


@given(formats, ways, instants_us, values)
def test_one_sample_comes_out_as_it_went_in(
    format_: Format, how: str, at_us: int, values: dict[str, float | None]
) -> None:
    assert said({"ts": told(at_us, how), "values": values}, format_) == [(at_us, values)]


@given(st.sampled_from([Format.MSGPACK, Format.CBOR]), instants_us, values)
def test_a_time_of_the_binary_encodings_is_read(format_: Format, at_us: int, values: dict[str, float | None]) -> None:
    assert said({"ts": from_us(at_us), "values": values}, format_) == [(at_us, values)]


@given(formats, ways, st.lists(instants_us, max_size=5), st.data())
def test_columns_come_out_row_by_row(format_: Format, how: str, times: list[int], data: st.DataObject) -> None:
    column = st.lists(st.none() | numbers, min_size=len(times), max_size=len(times))
    columns = data.draw(st.dictionaries(names, column, max_size=4))
    rows = [(at_us, {name: columns[name][index] for name in columns}) for index, at_us in enumerate(times)]
    assert said({"ts": [told(at_us, how) for at_us in times], "values": columns}, format_) == rows


@given(formats, instants_ms, values)
def test_tags_beside_a_time_are_the_sensors(format_: Format, at_us: int, tags: dict[str, float | None]) -> None:
    sent = {name: value for name, value in tags.items() if name not in {"ts", "values", "value", "timestamp_ms"}}
    assert said({"timestamp_ms": at_us // 1_000} | sent, format_) == [(at_us, sent)]
    assert said([{"timestamp_ms": at_us // 1_000} | sent] * 2, format_) == [(at_us, sent)] * 2


@given(formats, instants_ms, st.none() | numbers)
def test_below_the_topic_of_a_sensor_its_value_is_enough(format_: Format, at_us: int, value: float | None) -> None:
    topic = "telemetry/temp"
    expected = [(at_us, {"temp": value})]
    assert said({"timestamp_ms": at_us // 1_000, "value": value}, format_, topic) == expected
    assert said({"ts": at_us // 1_000, "value": value}, format_, topic) == expected
    assert said([{"ts": told(at_us, "iso"), "value": value, "quality": "good"}], format_, topic) == expected


@given(
    st.lists(st.fixed_dictionaries({"ts": instants_us, "values": values}), max_size=3)
    | st.fixed_dictionaries({"timestamp_ms": st.integers(1, 10**13), "a": numbers})
    | st.fixed_dictionaries({"ts": st.lists(instants_us, max_size=2), "values": st.just({})})
)
def test_the_slow_way_reads_good_documents_like_the_fast_one(document: Any) -> None:
    for format_, dumps in DUMPS.items():
        assert decode(dumps(document), format_) == diagnose.telemetry(PATH, document)


@given(instants_us, st.sampled_from([1, 1_000, 1_000_000]))
def test_an_epoch_time_is_in_the_unit_its_magnitude_tells(at_us: int, us_a_unit: int) -> None:
    assert instant_us(at_us / us_a_unit) == at_us
    assert instant_us(at_us // us_a_unit) == at_us // us_a_unit * us_a_unit


@given(
    formats,
    st.lists(
        st.fixed_dictionaries(
            {
                "code": names.filter(lambda code: bool(code) and "\0" not in code),
                "seq": st.integers(-(2**63) + 1, 2**63 - 1),
            }
        ),
        max_size=3,
    ),
    instants_us,
)
def test_events_come_out_as_they_went_in_and_keep_their_own_bytes(
    format_: Format, sent: list[dict[str, Any]], at_us: int
) -> None:
    sent = [
        event | ({"ts": at_us} if index % 2 else {"start": at_us, "end": at_us}) for index, event in enumerate(sent)
    ]
    decoded = decode(DUMPS[format_](sent), format_, "event")
    assert not decoded.faults
    for part, event in zip(decoded.events, sent, strict=True):
        assert (part.event.code, part.event.seq, instant_us(part.event.begins)) == (event["code"], event["seq"], at_us)
        assert not decode(part.raw, format_, "event").faults
        assert decode(part.raw, format_, "event").events[0].event == part.event


@given(formats, st.booleans(), ways)
def test_a_sign_of_life_is_read_in_every_encoding(format_: Format, online: bool, how: str) -> None:
    status = decode(DUMPS[format_]({"ts": told(NOON_US, how), "online": online}), format_, "status").status
    assert status is not None
    assert (instant_us(status.ts), status.online) == (NOON_US, online)


channels = st.sampled_from(["telemetry", "telemetry/temp", "event", "status"])


def check_is_finite_and_timed(decoded: Decoded) -> None:
    assert decoded.path == PATH
    for sample in decoded.samples:
        assert isinstance(sample.at_us, int)
        assert abs(sample.at_us) < 2**62
        for name, value in sample.values.items():
            assert isinstance(name, str)
            assert value is None or math.isfinite(value)
    for fault in decoded.faults:
        assert fault.detail.isascii()


@given(st.sampled_from(Format), channels, st.binary(max_size=60))
def test_no_bytes_at_all_make_decoding_fail(format_: Format, channel: str, payload: bytes) -> None:
    check_is_finite_and_timed(decode(payload, format_, channel))


PLAIN_FIELDS = (
    "ts",
    "timestamp_ms",
    "values",
    "value",
    "start",
    "end",
    "code",
    "text",
    "seq",
    "online",
    "temp",
    "nul\0",
)
SENML_FIELDS = ("bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "t", "v", "vs", "vb", "vd", "s", "ut", "x_")
fields = st.sampled_from(PLAIN_FIELDS + SENML_FIELDS)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | names
    | st.sampled_from([NOON_MS, NOON_US, NOON_MS / 1_000, "2026-03-01T12:00:00Z", "2026-03-01", 10])
)
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4), max_leaves=20
)
binary_documents = st.recursive(
    leaves | st.binary(max_size=4) | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields | st.integers(-8, 9), inner, max_size=4),
    max_leaves=20,
)


@given(channels, documents)
def test_any_document_of_json_is_data_or_a_fault(channel: str, document: Any) -> None:
    for format_ in (Format.JSON, Format.SENML_JSON):
        check_is_finite_and_timed(decode(json.dumps(document).encode(), format_, channel))


@given(channels, binary_documents)
def test_any_document_of_a_binary_encoding_is_data_or_a_fault(channel: str, document: Any) -> None:
    check_is_finite_and_timed(decode(msgspec.msgpack.encode(document), Format.MSGPACK, channel))
    for format_ in (Format.CBOR, Format.SENML_CBOR):
        check_is_finite_and_timed(decode(cbor2.dumps(document), format_, channel))


def faults(decoded: Decoded) -> list[tuple[Reason, str]]:
    return [(fault.reason, fault.detail) for fault in decoded.faults]


def test_a_column_of_another_length_is_named_and_the_others_stay() -> None:
    document = {"ts": [NOON_MS, NOON_MS + 1], "values": {"temp": [1, 2, 3], "power": [4, 5], "flow": 6}}
    for format_, dumps in DUMPS.items():
        decoded = decode(dumps(document), format_)
        assert faults(decoded) == [
            (Reason.MALFORMED_PAYLOAD, "values.temp: 3 values for 2 times"),
            (Reason.MALFORMED_PAYLOAD, "values.flow: 6 is not a list"),
        ]
        assert [sample.values for sample in decoded.samples] == [{"power": 4}, {"power": 5}]


def test_a_bad_cell_of_a_column_is_named_by_its_row_and_a_bad_time_takes_its_row() -> None:
    document = {"ts": [NOON_MS, "noon", NOON_MS], "values": {"temp": ["hot", 2, 3], "power": [4, 5, None]}}
    for format_, dumps in DUMPS.items():
        decoded = decode(dumps(document), format_)
        assert faults(decoded) == [
            (Reason.VALUE_NOT_A_NUMBER, '[0].values.temp: "hot" is not a number'),
            (Reason.TIME_MALFORMED, '[1].ts: "noon" is no time in ISO 8601'),
        ]
        assert [sample.values for sample in decoded.samples] == [{"power": 4}, {}, {"temp": 3, "power": None}]


@pytest.mark.parametrize("format_", [Format.MSGPACK, Format.CBOR])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_does_not_have_is_refused_in_the_encodings_that_do(format_: Format, value: float) -> None:
    for document in (
        {"ts": NOON_MS, "values": {"a": None, "temp": value}},
        {"ts": [NOON_MS], "values": {"a": [1], "temp": [value]}},
        {"timestamp_ms": NOON_MS, "a": 1, "temp": value},
    ):
        ((reason, detail),) = faults(decode(DUMPS[format_](document), format_))
        assert reason is Reason.VALUE_NOT_FINITE
        assert detail.endswith("is not finite")
    ((reason, detail),) = faults(decode(DUMPS[format_]({"ts": math.nan, "values": {}}), format_))
    assert (reason, detail) == (Reason.TIME_MALFORMED, "ts: NaN is neither ISO 8601 nor an epoch time")


@pytest.mark.parametrize(
    ("channel", "document", "reason", "detail"),
    [
        ("telemetry", {"timestamp_ms": NOON_MS, "value": 1}, Reason.MALFORMED_PAYLOAD, "value: of which sensor? "),
        ("telemetry", {"timestamp_ms": NOON_MS, "on": True}, Reason.VALUE_NOT_A_NUMBER, "on: true is not a number"),
        ("telemetry", {"timestamp_ms": "noon", "a": 1}, Reason.TIME_MALFORMED, 'timestamp_ms: "noon" is neither'),
        ("telemetry", {"timestamp_ms": 10**14, "a": 1}, Reason.TIME_IMPLAUSIBLE, "timestamp_ms: 1000"),
        ("telemetry/temp", {"ts": NOON_MS, "values": {"a": 1}}, Reason.MALFORMED_PAYLOAD, "value: missing (the topic"),
        ("telemetry/temp", {"ts": NOON_MS, "value": "hot"}, Reason.VALUE_NOT_A_NUMBER, 'value: "hot" is not'),
        ("telemetry/temp", 20.5, Reason.MALFORMED_PAYLOAD, "20.5 is not an object"),
        ("telemetry", {"ts": [NOON_MS], "values": [[1]]}, Reason.MALFORMED_PAYLOAD, "values: expected an object of"),
    ],
)
def test_what_is_wrong_with_a_form_is_named(channel: str, document: Any, reason: Reason, detail: str) -> None:
    ((found, text),) = faults(decode(DUMPS[Format.JSON](document), Format.JSON, channel))
    assert (found, text[: len(detail)]) == (reason, detail)


@pytest.mark.parametrize(
    ("payload", "format_", "detail"),
    [
        (b"\x82\xa2ts", Format.MSGPACK, "not MessagePack: "),
        (b"\x91" * 100_000, Format.MSGPACK, "nested too deeply"),
        (b"\xa2btts", Format.CBOR, "not CBOR of ours: "),
        (b"\x81" * 100_000, Format.CBOR, "not CBOR of ours: maximum"),
        (cbor2.dumps({"ts": 1}) + b"\0", Format.CBOR, "not CBOR of ours: 1 bytes after its end"),
        (b"\xa2bts\x01bts\x02", Format.CBOR, "not CBOR of ours: error decoding map: Duplicate map key"),
        (cbor2.dumps(2**70), Format.CBOR, "not CBOR of ours: a tag other than"),
        (cbor2.dumps(cbor2.CBORTag(28, [])), Format.CBOR, "not CBOR of ours: a tag other than"),
        (cbor2.dumps(cbor2.CBORTag(4, [10**12, 1])), Format.CBOR, "Infinity is not an object"),
        (b"\x81\xa1", Format.JSON, "not UTF-8 at byte 0: a binary format needs a content type, or is declared"),
    ],
)
def test_what_is_not_of_the_encoding_is_malformed(payload: bytes, format_: Format, detail: str) -> None:
    for channel in ("telemetry", "event", "status"):
        ((reason, text),) = faults(decode(payload, format_, channel))
        assert reason is Reason.MALFORMED_PAYLOAD
        assert detail in text


def test_cbor_may_call_itself_cbor_and_say_numbers_as_decimal_fractions() -> None:
    document = {"ts": NOON_MS, "values": {"temp": cbor2.CBORTag(4, [-2, 2315])}}
    decoded = decode(cbor2.dumps(cbor2.CBORTag(55799, document)), Format.CBOR)
    assert [(sample.at_us, sample.values) for sample in decoded.samples] == [(NOON_US, {"temp": 23.15})]


@given(st.text(max_size=200))
def test_what_a_library_says_of_bad_cbor_is_short_and_plain_whatever_the_device_wrote(text: str) -> None:
    named = cbor2.dumps(text.encode("utf-8", "replace").decode())
    ((_, detail),) = faults(decode(b"\xa2" + (named + b"\x01") * 2, Format.CBOR))
    assert detail.startswith("not CBOR of ours: ")
    assert detail.isascii()
    assert detail.isprintable()
    assert len(detail) < 120


def test_a_time_of_the_binary_encodings_without_meaning_is_named() -> None:
    assert to_us(datetime(2026, 3, 1, 12, tzinfo=UTC)) == NOON_US
    ((reason, detail),) = faults(decode(msgspec.msgpack.encode({"ts": b"noon", "values": {}}), Format.MSGPACK))
    assert (reason, detail[:4]) == (Reason.TIME_MALFORMED, "ts: ")
