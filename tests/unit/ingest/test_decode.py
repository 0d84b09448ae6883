"""Payloads to samples, events and signs of life; what is bad is named with its place, what is good stays."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import decode as decoding
from services.ingest import diagnose
from services.ingest.inbox import Message
from services.ingest.wire import Decoded, instant_us
from shared.instant import to_us
from shared.model.facts import QuarantineReason as Reason

TOPIC = "vouch/v1/lechtal/kempten/c1"
NOON = "2026-03-01T12:00:00Z"
NOON_MS = 1_772_366_400_000
LIMIT = 10_000


def decode(topic: str, payload: bytes, max_payload_bytes: int) -> Decoded:
    message = Message(topic, payload, None)
    return decoding.decode(message, declared=None, received_us=NOON_MS * 1_000, max_payload_bytes=max_payload_bytes)


def telemetry(payload: object) -> Decoded:
    return decode(f"{TOPIC}/telemetry", payload if isinstance(payload, bytes) else json.dumps(payload).encode(), LIMIT)


def event(payload: object) -> Decoded:
    return decode(f"{TOPIC}/event", payload if isinstance(payload, bytes) else json.dumps(payload).encode(), LIMIT)


def faults(decoded: Decoded) -> list[tuple[Reason, str]]:
    return [(fault.reason, fault.detail) for fault in decoded.faults]


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1990, 1, 2), datetime(2040, 1, 1), timezones=zones)  # noqa: DTZ001  (hypothesis wants it)
instants = times.map(datetime.isoformat) | st.integers(631_152_000_000, 4_000_000_000_000)
values = st.dictionaries(st.text(max_size=8), st.none() | st.floats(allow_nan=False, allow_infinity=False))
samples = st.fixed_dictionaries({"ts": instants, "values": values})
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def as_sample(sample: dict[str, Any]) -> tuple[int, dict[str, float | None]]:
    ts = sample["ts"]
    return (ts * 1_000 if isinstance(ts, int) else to_us(datetime.fromisoformat(ts))), sample["values"]


def said(decoded: Decoded) -> list[tuple[int, dict[str, float | None]]]:
    return [(sample.at_us, sample.values) for sample in decoded.samples]


@given(st.lists(samples, max_size=4))
def test_a_list_of_samples_comes_out_as_it_went_in(sent: list[dict[str, Any]]) -> None:
    payload = json.dumps(sent).encode()
    decoded = decode(f"{TOPIC}/telemetry", payload, len(payload))
    assert said(decoded) == [as_sample(sample) for sample in sent]
    assert decoded.path == "lechtal/kempten/c1"
    assert decoded.is_list
    assert not decoded.faults


@given(samples)
def test_one_sample_alone_comes_out_as_it_went_in(sent: dict[str, Any]) -> None:
    payload = json.dumps(sent).encode()
    decoded = decode(f"{TOPIC}/telemetry", payload, len(payload))
    assert said(decoded) == [as_sample(sent)]
    assert not decoded.is_list


@given(st.lists(samples, max_size=4) | samples)
def test_the_slow_way_reads_good_payloads_like_the_fast_one(sent: Any) -> None:
    payload = json.dumps(sent).encode()
    fast = decode(f"{TOPIC}/telemetry", payload, len(payload))
    assert diagnose.telemetry("lechtal/kempten/c1", json.loads(payload)) == fast
    assert not fast.faults


@given(
    st.builds(
        lambda code, text, seq, span, told: {"code": code, "text": text, "seq": seq, "announced": told} | span,
        texts.filter(bool),
        texts,
        st.integers(-(2**63) + 1, 2**63 - 1),
        instants.map(lambda ts: {"ts": ts})
        | st.tuples(instants, st.none() | instants).map(lambda span: {"start": span[0], "end": span[1]}),
        st.none() | instants,
    )
)
def test_an_event_comes_out_as_it_went_in_by_both_ways(sent: dict[str, Any]) -> None:
    payload = json.dumps(sent).encode()
    decoded = decode(f"{TOPIC}/event", payload, len(payload))
    assert not decoded.faults
    ((found, place, raw),) = decoded.events
    assert (found, []) == diagnose.event(sent, "")
    assert (place, raw) == ("", payload)
    assert (found.code, found.text, found.seq) == (sent["code"], sent["text"], sent["seq"])
    assert instant_us(found.begins) == as_sample({"ts": sent.get("ts", sent.get("start")), "values": {}})[0]


@given(st.sampled_from(["telemetry", "event", "status"]), st.binary(max_size=40))
def test_no_bytes_at_all_make_decoding_fail(channel: str, payload: bytes) -> None:
    decode(f"{TOPIC}/{channel}", payload, LIMIT)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(NOON),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["ts", "values", "start", "end", "code", "seq", "online", "a"]), inner)
    ),
    max_leaves=12,
)


@given(st.sampled_from(["telemetry", "event", "status"]), anything)
def test_whatever_json_comes_is_data_or_a_fault_and_never_both_for_one_value(channel: str, sent: object) -> None:
    decoded = decode(f"{TOPIC}/{channel}", json.dumps(sent).encode(), 10_000)
    for sample in decoded.samples:
        assert all(value is None or abs(value) < float("inf") for value in sample.values.values())
    if not decoded.faults and channel == "status":
        assert decoded.status is not None


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (b"true", Reason.VALUE_NOT_A_NUMBER, "values.temp: true is not a number"),
        (b'"12"', Reason.VALUE_NOT_A_NUMBER, 'values.temp: "12" is not a number'),
        (b"[1]", Reason.VALUE_NOT_A_NUMBER, "values.temp: [1] is not a number"),
        (b'"NaN"', Reason.VALUE_NOT_A_NUMBER, 'values.temp: "NaN" is not a number'),
        (b"NaN", Reason.VALUE_NOT_FINITE, "values.temp: NaN is not finite"),
        (b"Infinity", Reason.VALUE_NOT_FINITE, "values.temp: Infinity is not finite"),
        (b"-Infinity", Reason.VALUE_NOT_FINITE, "values.temp: -Infinity is not finite"),
        (b"1e999", Reason.VALUE_NOT_FINITE, "values.temp: Infinity is not finite"),
        (b"9" * 390, Reason.VALUE_NOT_FINITE, f"values.temp: {'9' * 80}... is not finite"),
        (b"9" * 5_000, Reason.VALUE_NOT_FINITE, "values.temp: Infinity is not finite"),
    ],
)
def test_a_value_that_is_no_finite_number_is_named_and_the_others_stay(
    value: bytes, reason: Reason, detail: str
) -> None:
    decoded = telemetry(b'{"ts": %d, "values": {"power": 1.5, "temp": %s, "x": null}}' % (NOON_MS, value))
    assert faults(decoded) == [(reason, detail)]
    assert [sample.values for sample in decoded.samples] == [{"power": 1.5, "x": None}]


@pytest.mark.parametrize(
    ("ts", "reason", "detail"),
    [
        ("2026-03-01T12:00:00", Reason.TIME_WITHOUT_ZONE, 'ts: "2026-03-01T12:00:00" has no offset from UTC'),
        ("2026-03-01", Reason.TIME_WITHOUT_ZONE, 'ts: "2026-03-01" has no offset from UTC'),
        ("yesterday", Reason.TIME_MALFORMED, 'ts: "yesterday" is no time in ISO 8601'),
        ("2026-02-30T12:00:00Z", Reason.TIME_MALFORMED, 'ts: "2026-02-30T12:00:00Z" is no time in ISO 8601'),
        (True, Reason.TIME_MALFORMED, "ts: true is neither ISO 8601 nor an epoch time"),
        (None, Reason.TIME_MALFORMED, "ts: null is neither ISO 8601 nor an epoch time"),
        (float("nan"), Reason.TIME_MALFORMED, "ts: NaN is neither ISO 8601 nor an epoch time"),
        (10**20, Reason.TIME_IMPLAUSIBLE, f"ts: {10**20} is beyond any calendar"),
    ],
)
def test_a_time_that_is_none_is_named(ts: object, reason: Reason, detail: str) -> None:
    for decoded in (telemetry({"ts": ts, "values": {"temp": 1}}), event({"ts": ts, "code": "1"})):
        assert faults(decoded) == [(reason, detail)]
        assert not any(sample.values for sample in decoded.samples)
        assert not decoded.events


@pytest.mark.parametrize(
    "ts",
    [NOON_MS, NOON, "2026-03-01T13:00:00+01:00", "2026-03-01T12:00Z", "20260301T120000+0000", "2026-03-01 12:00:00Z"],
)
def test_a_time_is_read_in_every_form_of_iso_8601_with_an_offset(ts: object) -> None:
    decoded = telemetry({"ts": ts, "values": {"temp": 1}})
    assert said(decoded) == [(to_us(datetime(2026, 3, 1, 12, tzinfo=UTC)), {"temp": 1.0})]


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b'{"ts": 1, "values": {"a": 1}', "not JSON: Expecting ',' delimiter: line 1 column 29 (char 28)"),
        (b'"hello"', '"hello" is not an object'),
        (b"17", "17 is not an object"),
        (b"\xff", "not UTF-8 at byte 0: a binary format needs a content type, or is declared in the asset model"),
        (b"[" * 900, None),
        (b'{"ts": 1}', "values: missing"),
        (b'{"values": {}}', "ts: missing"),
        (b'{"ts": 1, "values": [1]}', "values: [1] is not an object"),
        (b'[{"ts": 1, "values": {}}, 3]', "[1]: 3 is not an object"),
    ],
)
def test_a_malformed_payload_is_named(payload: bytes, detail: str | None) -> None:
    ((reason, said_detail),) = faults(telemetry(payload))
    assert reason is Reason.MALFORMED_PAYLOAD
    assert detail in {None, said_detail}


def test_a_document_nested_without_end_is_malformed() -> None:
    decoded = decode(f"{TOPIC}/telemetry", b'{"a":' * 200_000, 2_000_000)
    assert faults(decoded) == [(Reason.MALFORMED_PAYLOAD, "nested too deeply")]


def test_each_bad_part_of_a_list_has_its_place_and_the_good_samples_keep_theirs() -> None:
    decoded = telemetry(
        [
            {"ts": NOON_MS, "values": {"temp": "hot", "power": 1}},
            {"ts": "noon", "values": {"temp": 2, "power": "?"}},
            3,
            {"ts": NOON_MS, "values": {"temp": 4}},
        ]
    )
    assert faults(decoded) == [
        (Reason.VALUE_NOT_A_NUMBER, '[0].values.temp: "hot" is not a number'),
        (Reason.TIME_MALFORMED, '[1].ts: "noon" is no time in ISO 8601'),
        (Reason.VALUE_NOT_A_NUMBER, '[1].values.power: "?" is not a number'),
        (Reason.MALFORMED_PAYLOAD, "[2]: 3 is not an object"),
    ]
    assert [sample.values for sample in decoded.samples] == [{"power": 1}, {}, {}, {"temp": 4}]


@pytest.mark.parametrize(
    ("payload", "details"),
    [
        ({"code": "1"}, ["expected either ts (a state) or start (an interval)"]),
        ({"ts": NOON, "start": NOON, "code": "1"}, ["expected either ts (a state) or start (an interval)"]),
        ({"ts": NOON, "end": NOON, "code": "1"}, ["end: a state has no end"]),
        ({"ts": NOON}, ["code: missing"]),
        ({"ts": NOON, "code": ""}, ['code: "" is not a text']),
        ({"ts": NOON, "code": 111}, ["code: 111 is not a text"]),
        ({"ts": NOON, "code": "1\0"}, [r'code: "1\u0000" is not a text']),
        ({"ts": NOON, "code": "1", "text": "\ud800"}, [r'text: "\ud800" is not a text']),
        ({"ts": NOON, "code": "1", "seq": 2**63}, [f"seq: {2**63} is not a 64-bit integer"]),
        ({"ts": NOON, "code": "1", "seq": True}, ["seq: true is not a 64-bit integer"]),
        ({"ts": NOON, "code": 1, "seq": "x"}, ["code: 1 is not a text", 'seq: "x" is not a 64-bit integer']),
    ],
)
def test_a_malformed_event_is_refused_with_every_fault(payload: object, details: list[str]) -> None:
    decoded = event(payload)
    assert faults(decoded) == [(Reason.MALFORMED_PAYLOAD, detail) for detail in details]
    assert not decoded.events


def test_each_event_of_a_list_keeps_its_own_bytes() -> None:
    decoded = event(b'[{"ts": "2026-03-01T12:00:00Z", "code": "1"} , {"code": "2"}, {"start":1, "code":"3"}]')
    assert [(part.place, part.raw) for part in decoded.events] == [
        ("[0]", b'{"ts": "2026-03-01T12:00:00Z", "code": "1"}'),
        ("[2]", b'{"start":1, "code":"3"}'),
    ]
    assert faults(decoded) == [(Reason.MALFORMED_PAYLOAD, "[1]: expected either ts (a state) or start (an interval)")]


@pytest.mark.parametrize(
    "topic",
    [
        "vouch/v1",
        "vouch/v1/a/b/telemetry",
        "vouch/v1/a/b/c/d/telemetry",
        "vouch/v1/a/b/c/other",
        "vouch/v2/a/b/c/telemetry",
        "vouch/v1/a//c/telemetry",
        "",
    ],
)
def test_a_topic_that_is_not_ours_is_refused_whatever_the_payload(topic: str) -> None:
    decoded = decode(topic, b"", LIMIT)
    assert decoded.path is None
    assert [fault.reason for fault in decoded.faults] == [Reason.MALFORMED_TOPIC]


def test_an_empty_payload_and_one_too_large_are_refused_unread() -> None:
    assert faults(telemetry(b"")) == [(Reason.EMPTY_PAYLOAD, "no payload")]
    assert faults(telemetry(b"[" + b" " * LIMIT)) == [(Reason.PAYLOAD_TOO_LARGE, "10001 bytes, at most 10000")]


def test_a_status_says_whether_the_machine_is_there() -> None:
    topic = f"{TOPIC}/status"
    status = decode(topic, b'{"ts": 1772366400000, "online": false}', LIMIT).status
    assert status is not None
    assert not status.online
    assert faults(decode(topic, b'{"ts": 1772366400000, "online": 1}', LIMIT)) == [
        (Reason.MALFORMED_PAYLOAD, "online: 1 is neither true nor false")
    ]
    assert faults(decode(topic, b'{"ts": "noon"}', LIMIT)) == [
        (Reason.TIME_MALFORMED, 'ts: "noon" is no time in ISO 8601'),
        (Reason.MALFORMED_PAYLOAD, "online: null is neither true nor false"),
    ]
