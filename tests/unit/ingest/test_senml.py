"""SenML (RFC 8428): packs resolve to the readings they stand for, and what must not be used is refused."""

import json
import math
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import decode as decoding
from services.ingest import senml
from services.ingest.inbox import Message
from services.ingest.wire import Decoded, instant_us
from shared.model.facts import QuarantineReason as Reason
from shared.model.payload import Format

TOPIC = "vouch/v1/lechtal/kempten/c1"
NOW_US = 1_772_366_400_000_000
NOW_S = NOW_US // 1_000_000
LABELS = {
    "bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6, "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5,
    "t": 6, "ut": 7, "vd": 8,
}  # fmt: skip


def decode(payload: bytes, content_type: str | None, channel: str = "telemetry") -> Decoded:
    message = Message(f"{TOPIC}/{channel}", payload, None, content_type=content_type)
    return decoding.decode(message, declared=None, received_us=NOW_US, max_payload_bytes=1_000_000)


def in_cbor(pack: list[dict[str, Any]]) -> bytes:
    return cbor2.dumps([{LABELS.get(label, label): value for label, value in record.items()} for record in pack])


def read(pack: Any, channel: str = "telemetry") -> Decoded:
    """What the pack says, which is the same whether it is named, only looks like SenML, or comes as CBOR."""
    payload = json.dumps(pack).encode()
    decoded = decode(payload, "application/senml+json", channel)
    if channel == "telemetry" and isinstance(pack, list) and pack and isinstance(pack[0], dict):
        assert decode(payload, None, channel) == decoded
        assert decode(in_cbor(pack), "application/senml+cbor", channel) == decoded
    return decoded


def readings(decoded: Decoded) -> list[tuple[int, str, float | None, str | None]]:
    return [
        (sample.at_us, name, value, (sample.units or {}).get(name))
        for sample in decoded.samples
        for name, value in sample.values.items()
    ]


def faults(decoded: Decoded) -> list[tuple[Reason, str]]:
    return [(fault.reason, fault.detail) for fault in decoded.faults]


sensors = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,6}", fullmatch=True)
units = st.sampled_from(["Cel", "%RH", "kW", "m3/s"])
prefixes = st.sampled_from(["", "urn:dev:ow:10e2073a01080063:", "c1/", "2001:db8::2/", "lechtal/kempten/c1/"])
measured = st.tuples(
    st.integers(631_152_000_000_000, 4_102_444_800_000_000),
    sensors,
    st.integers(-(2**40), 2**40),
    units,
)


@given(st.lists(measured, max_size=6), prefixes, st.booleans(), st.data())
def test_a_pack_resolves_to_the_readings_it_was_made_of(
    sent: list[tuple[int, str, int, str]], prefix: str, has_base: bool, data: st.DataObject
) -> None:
    pack: list[dict[str, Any]] = []
    base_s, base_value, base_unit = 0, 0, None
    for index, (at_us, sensor, value, unit) in enumerate(sent):
        record: dict[str, Any] = {"n": sensor} if index or not has_base else {"bn": prefix, "n": sensor}
        if has_base and data.draw(st.booleans()):
            base_s = at_us // 1_000_000 - data.draw(st.integers(-1_000, 1_000))
            base_value = data.draw(st.integers(-(2**40), 2**40))
            base_unit = data.draw(units)
            record |= {"bt": base_s, "bv": base_value, "bu": base_unit}
        record |= {"t": (at_us - base_s * 1_000_000) / 1e6, "v": value - base_value}
        pack.append(record | ({} if unit == base_unit else {"u": unit}))
    decoded = read(pack)
    assert not decoded.faults
    assert readings(decoded) == [(at_us, sensor, float(value), unit) for at_us, sensor, value, unit in sent]
    assert readings(senml.diagnosed("c/s/a", pack, received_us=NOW_US)) == readings(decoded)


near = st.sampled_from([0, 1.5, -1, 2**28, NOW_S, 1e11, -1e11, math.nan, 10**400, True, None, "x"])
record = st.fixed_dictionaries(
    {},
    optional={
        "n": st.sampled_from(["temp", "a/temp", "power", "", "te mp", 5]),
        "v": near,
        "t": near,
        "u": st.sampled_from(["Cel", "", "C\0", 1]),
        "bn": st.sampled_from(["c1:", "c1:temp", "", "?"]),
        "bt": near,
        "bu": st.sampled_from(["kW", "", 1]),
    },
)


@given(st.lists(record, min_size=1, max_size=4))
def test_the_fast_way_reads_a_pack_like_the_slow_one_or_leaves_it_alone(pack: list[dict[str, Any]]) -> None:
    samples = senml.usual(pack, NOW_US)
    if samples is not None:
        assert senml.diagnosed("c/s/a", pack, received_us=NOW_US) == Decoded(
            path="c/s/a", is_list=True, samples=samples
        )


def test_an_ordinary_pack_goes_the_fast_way() -> None:
    pack = [{"bn": "c1:", "bt": NOW_S, "bu": "kW"}, {"n": "power", "v": 1}, {"n": "temp", "u": "Cel", "t": -1, "v": 2}]
    assert len(senml.usual(pack, NOW_US) or []) == len(pack)


@given(st.integers(-(2**28), 2**28 - 1), st.integers(-3, 3))
def test_a_time_below_two_to_the_28_counts_from_now(base_s: int, t: int) -> None:
    ((at_us, *_),) = readings(read([{"bn": "c1:temp", "bt": base_s, "t": t, "v": 1}]))
    seconds = base_s + t
    assert at_us == seconds * 1_000_000 + (NOW_US if seconds < 2**28 else 0)


def test_an_absolute_time_keeps_its_microseconds() -> None:
    pack = [{"n": "temp", "bt": NOW_S, "t": 0.000001, "v": 1}, {"n": "temp", "t": -0.25, "v": 2}]
    assert [at_us for at_us, *_ in readings(read(pack))] == [NOW_US + 1, NOW_US - 250_000]


def test_sums_are_sensors_of_their_own_with_the_base_sum_added() -> None:
    pack = [{"n": "power", "u": "W", "v": 5, "bs": 100, "s": 20}, {"n": "flow", "s": -1}, {"n": "flow", "v": 3}]
    assert readings(read(pack)) == [
        (NOW_US, "power", 5.0, "W"),
        (NOW_US, "power_sum", 120.0, "W*s"),
        (NOW_US, "flow_sum", 99.0, None),
        (NOW_US, "flow", 3.0, None),
        (NOW_US, "flow_sum", 100.0, None),
    ]


def test_a_missing_value_is_the_base_value_where_there_is_one() -> None:
    assert readings(read([{"bv": 20, "n": "temp"}, {"n": "temp", "t": -1, "v": 1}])) == [
        (NOW_US, "temp", 20.0, None),
        (NOW_US - 1_000_000, "temp", 21.0, None),
    ]
    assert faults(read([{"n": "temp"}])) == [(Reason.MALFORMED_PAYLOAD, "[0].v: missing")]


def test_a_record_of_base_fields_only_says_nothing_and_counts_as_a_place() -> None:
    decoded = read([{"bn": "c1:", "bt": NOW_S, "bver": 10, "bu": "Cel"}, {"n": "temp", "v": "x"}, {"n": "a", "v": 1}])
    assert readings(decoded) == [(NOW_US, "a", 1.0, "Cel")]
    assert faults(decoded) == [(Reason.VALUE_NOT_A_NUMBER, '[1].v: "x" is not a number')]


def test_booleans_are_one_and_zero_and_texts_and_data_are_no_readings() -> None:
    decoded = read(
        [{"n": "on", "vb": True}, {"n": "off", "vb": False}, {"n": "a", "vs": "hot"}, {"n": "b", "vd": "aGk"}]
    )
    assert readings(decoded) == [(NOW_US, "on", 1.0, None), (NOW_US, "off", 0.0, None)]
    assert faults(decoded) == [
        (Reason.VALUE_NOT_A_NUMBER, '[2].vs: "hot" is not a number'),
        (Reason.VALUE_NOT_A_NUMBER, '[3].vd: "aGk" is not a number'),
    ]


@pytest.mark.parametrize("version", [1, 5, 10, 26])
def test_versions_up_to_ten_and_the_one_with_secondary_units_are_read(version: int) -> None:
    assert readings(read([{"bver": version, "n": "temp", "v": 1}])) == [(NOW_US, "temp", 1.0, None)]


@pytest.mark.parametrize("version", [0, 11, 27, True, "10", None, [10]])
def test_a_pack_of_a_version_not_known_here_is_not_used(version: Any) -> None:
    decoded = read([{"n": "temp", "v": 1}, {"bver": version, "n": "power", "v": 1}])
    assert not readings(decoded)
    assert [(fault.reason, fault.detail[:10]) for fault in decoded.faults] == [(Reason.MALFORMED_PAYLOAD, "[1].bver: ")]


def test_a_field_that_must_be_understood_and_is_not_makes_the_pack_unusable_others_are_ignored() -> None:
    assert readings(read([{"n": "temp", "v": 1, "gain": 5, "ut": 60}])) == [(NOW_US, "temp", 1.0, None)]
    decoded = read([{"n": "temp", "v": 1}, {"n": "power", "v": 1, "gain_": 5}])
    assert not readings(decoded)
    assert faults(decoded) == [(Reason.MALFORMED_PAYLOAD, '[1]."gain_": must be understood and is not')]


def test_nothing_after_a_bad_base_field_is_read_for_it_would_be_read_wrong() -> None:
    decoded = read([{"n": "a", "v": 1}, {"n": "b", "v": 2, "bt": "noon"}, {"n": "c", "v": 3}])
    assert [name for _, name, *_ in readings(decoded)] == ["a"]
    assert faults(decoded) == [
        (Reason.TIME_MALFORMED, '[1].bt: "noon" is neither ISO 8601 nor an epoch time'),
        (Reason.MALFORMED_PAYLOAD, "[1]: its base fields are bad, so nothing after them is read"),
    ]


@pytest.mark.parametrize(
    ("pack", "reason", "detail"),
    [
        ([{"n": "", "v": 1}], Reason.MALFORMED_PAYLOAD, '[0].n: "" is no name that ends in that of a sensor'),
        ([{"n": "c1:", "v": 1}], Reason.MALFORMED_PAYLOAD, '[0].n: "c1:" is no name'),
        ([{"n": "_temp", "v": 1}], Reason.MALFORMED_PAYLOAD, '[0].n: "_temp" is no name'),
        ([{"n": "te mp", "v": 1}], Reason.MALFORMED_PAYLOAD, '[0].n: "te mp" is no name'),
        ([{"n": 5, "v": 1}], Reason.MALFORMED_PAYLOAD, "[0].n: 5 is not a text"),
        ([{"n": "a:t", "v": 1}, {"n": "b:t", "v": 1}], Reason.MALFORMED_PAYLOAD, '[1].n: "b:t" and "a:t" end in the'),
        ([{"n": "t", "v": 1, "vb": True}], Reason.MALFORMED_PAYLOAD, "[0]: v and vb: one value a record"),
        ([{"n": "t", "vb": 1}], Reason.VALUE_NOT_A_NUMBER, "[0].vb: 1 is not a number"),
        ([{"n": "t", "v": True}], Reason.VALUE_NOT_A_NUMBER, "[0].v: true is not a number"),
        ([{"n": "t", "v": None}], Reason.VALUE_NOT_A_NUMBER, "[0].v: null is not a number"),
        ([{"n": "t", "s": "x"}], Reason.VALUE_NOT_A_NUMBER, '[0].s: "x" is not a number'),
        ([{"n": "t", "v": math.inf}], Reason.VALUE_NOT_FINITE, "[0].v: Infinity is not finite"),
        ([{"n": "t", "v": 1e308, "bv": 1e308}], Reason.VALUE_NOT_FINITE, "[0].v: Infinity is not finite"),
        ([{"n": "t", "v": 1, "u": 5}], Reason.MALFORMED_PAYLOAD, "[0].u: 5 is not a text"),
        ([{"n": "t", "v": 1, "t": 1e11}], Reason.TIME_IMPLAUSIBLE, "[0].t: 100000000000.0 is beyond any calendar"),
        ([{"n": "t", "v": 1, "t": -1e10}], Reason.TIME_IMPLAUSIBLE, "[0].t: lies before 1970"),
        ([{"n": "t", "v": 1, "t": "now"}], Reason.TIME_MALFORMED, '[0].t: "now" is neither'),
        ([{"n": "t", "v": 1}, 3], Reason.MALFORMED_PAYLOAD, "[1]: 3 is not an object"),
        ({"n": "t", "v": 1}, Reason.MALFORMED_PAYLOAD, "a SenML pack is a list of records"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(pack: Any, reason: Reason, detail: str) -> None:
    decoded = decode(json.dumps(pack).encode(), "application/senml+json")
    ((found, text),) = faults(decoded)
    assert (found, text[: len(detail)]) == (reason, detail)


def test_on_a_topic_of_events_a_text_is_a_state() -> None:
    pack = [
        {"bn": "c1:", "bt": NOW_S, "n": "state", "vs": "111"},
        {"n": "state", "t": 2.5, "vs": "0"},
        {"n": "x", "v": 1},
    ]
    for content_type, payload in (("senml+json", json.dumps(pack).encode()), ("senml+cbor", in_cbor(pack))):
        decoded = decode(payload, f"application/{content_type}", "event")
        assert [(part.event.code, instant_us(part.event.begins), part.place) for part in decoded.events] == [
            ("111", NOW_US, "[0]"),
            ("0", NOW_US + 2_500_000, "[1]"),
        ]
        assert [decode(part.raw, None, "event").events[0].event.code for part in decoded.events] == ["111", "0"]
        assert faults(decoded) == [(Reason.MALFORMED_PAYLOAD, "[2]: a state is a record with vs")]


def test_a_device_that_speaks_senml_tells_its_status_in_plain_json_or_cbor() -> None:
    said = {"ts": NOW_S, "online": True}
    for payload, content_type in ((json.dumps(said).encode(), "senml+json"), (cbor2.dumps(said), "senml+cbor")):
        status = decode(payload, f"application/{content_type}", "status").status
        assert status is not None
        assert status.online


def test_senml_on_the_topic_of_one_sensor_is_refused_for_it_names_its_own() -> None:
    decoded = decode(b'[{"n": "temp", "v": 1}]', None, "telemetry/temp")
    assert faults(decoded) == [
        (Reason.MALFORMED_PAYLOAD, "SenML names its sensors itself: its topic ends in telemetry")
    ]


def test_a_declared_format_decides_without_a_content_type() -> None:
    payload = in_cbor([{"n": "temp", "v": 1}])
    message = Message(f"{TOPIC}/telemetry", payload, None)
    decoded = decoding.decode(message, declared=Format.SENML_CBOR, received_us=NOW_US, max_payload_bytes=1_000)
    assert readings(decoded) == [(NOW_US, "temp", 1.0, None)]
