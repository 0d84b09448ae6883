"""What was decoded, held against the catalog: what is stored, what is not and why."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.batch import MAX_COPIES_BYTES, Batch, Rejected, rejections
from services.ingest.columns import EARLIEST_US
from services.ingest.decode import decode
from services.ingest.inbox import Message
from services.ingest.validate import validate
from services.ingest.wire import Decoded, Fault
from shared.db.catalog import Catalog, KnownAsset, columns
from shared.db.telemetry import Stored
from shared.instant import MINUTE_US
from shared.model.facts import EventKind
from shared.model.facts import QuarantineReason as Reason

INF = float("inf")
HOLD_US = 300_000_000
C1 = KnownAsset(id=7, customer_id=3, sensors={"power": 0, "temp": 1})
C2 = KnownAsset(id=8, customer_id=3, sensors={"power": 2})
CATALOG = Catalog(
    assets={"lechtal/kempten/c1": C1, "lechtal/kempten/c2": C2},
    sensors=columns(
        [
            (70, 7, HOLD_US, 0.0, 400.0, 0.0, 280.0, "power", "kW", "kW", 1.0, 0.0),
            (71, 7, HOLD_US, -INF, INF, -INF, 90.0, "temp", "degC", "degC", 1.0, 0.0),
            (80, 8, HOLD_US, 0.0, INF, -INF, INF, "power", "kW", "kW", 1.0, 0.0),
        ]
    ),
    version=(8, 80),
)
TOPIC = "vouch/v1/lechtal/kempten"
NOW_US = 1_772_366_400_000_000
NOW_MS = NOW_US // 1_000


def batch_of(*sent: tuple[str, Any]) -> Batch:
    messages = [
        Message(f"{TOPIC}/{topic}", payload if isinstance(payload, bytes) else json.dumps(payload).encode(), number)
        for number, (topic, payload) in enumerate(sent)
    ]
    batch = validate(messages, read, CATALOG, NOW_US, plain_up_to=10_000_000)
    # Whatever is taken the short way is what it would have been the long way.
    assert rows(batch) == rows(validate(messages, read, CATALOG, NOW_US, plain_up_to=-1))
    return batch


def read(message: Message) -> list[Decoded]:
    return [decode(message, declared=None, received_us=NOW_US, max_payload_bytes=10_000_000)]


def rows(batch: Batch) -> list[tuple[int, int, float, int]]:
    """Series, milliseconds from now, value and quality of what is to be stored."""
    columns = batch.facts.readings
    at_ms = (columns.at_us - NOW_US) // 1_000
    return list(
        zip(columns.series_id.tolist(), at_ms.tolist(), columns.value.tolist(), columns.quality.tolist(), strict=True)
    )


def faults(batch: Batch, conflicting: Sequence[int] = (), events: tuple[int, ...] = ()) -> list[tuple[Reason, str]]:
    stored = Stored(
        readings=0,
        duplicate_readings=0,
        conflicting_readings=np.array(conflicting, np.intp),
        events=0,
        duplicate_events=0,
        conflicting_events=events,
        newest_us={},
    )
    return [(rejected.fault.reason, rejected.fault.detail) for rejected in batch.faults(stored)]


def test_readings_come_out_sorted_by_series_and_time_with_their_quality() -> None:
    batch = batch_of(
        ("c2/telemetry", {"ts": NOW_MS, "values": {"power": 5}}),
        ("c1/telemetry", [{"ts": NOW_MS, "values": {"temp": 90.5, "power": 280}}]),
        ("c1/telemetry", {"ts": NOW_MS - 9, "values": {"temp": None, "power": 280.1}}),
    )
    assert rows(batch) == [(70, -9, 280.1, 1), (70, 0, 280.0, 0), (71, 0, 90.5, 1), (80, 0, 5.0, 0)]
    assert batch.facts.readings.asset_id.tolist() == [7, 7, 7, 8]
    assert batch.facts.readings.hold_us.tolist() == [HOLD_US] * 4
    assert batch.checked.null_values == 1
    assert batch.facts.heard == {7: 3, 8: 3}
    assert not faults(batch)
    assert not batch.unknown


def test_the_ends_of_the_physical_range_are_possible_and_what_lies_beyond_is_not() -> None:
    batch = batch_of(
        ("c1/telemetry", [{"ts": NOW_MS - 3 + n, "values": {"power": v}} for n, v in enumerate([0, 400, -0.1, 400.1])])
    )
    assert [value for _, _, value, _ in rows(batch)] == [0.0, 400.0]
    assert faults(batch) == [
        (
            Reason.OUT_OF_PHYSICAL_RANGE,
            f"[{index}].values.power: {value} kW is outside of what is possible, 0.0 to 400.0",
        )
        for index, value in ((2, -0.1), (3, 400.1))
    ]


def test_a_clock_may_be_five_minutes_ahead_and_show_any_year_since_1990() -> None:
    ahead_ms, earliest_ms = 5 * MINUTE_US // 1_000, EARLIEST_US // 1_000
    good = [NOW_MS + ahead_ms, earliest_ms]
    bad = [NOW_MS + ahead_ms + 1, earliest_ms - 1, 80_000_000_000_000_000]
    batch = batch_of(("c1/telemetry", [{"ts": ts, "values": {"power": 1}} for ts in good + bad]))
    assert [at_ms + NOW_MS for _, at_ms, _, _ in rows(batch)] == sorted(good)
    assert faults(batch) == [
        (Reason.TIME_IMPLAUSIBLE, "[2].ts: 2026-03-01T12:05:00.001000+00:00 lies in the future"),
        (Reason.TIME_IMPLAUSIBLE, "[3].ts: 1989-12-31T23:59:59.999000+00:00 lies before 1990"),
        (Reason.TIME_IMPLAUSIBLE, "[4].ts: 4505-02-05T22:13:20+00:00 lies in the future"),
    ]


def test_an_unknown_asset_or_sensor_is_named_once_and_asks_for_a_newer_catalog() -> None:
    asset = batch_of(("c9/telemetry", [{"ts": NOW_MS, "values": {"power": 1, "temp": 2}}] * 2))
    assert faults(asset) == [(Reason.UNKNOWN_ASSET, 'no asset "lechtal/kempten/c9"')]
    sensor = batch_of(("c1/telemetry", {"ts": NOW_MS, "values": {"a b": 1, "temp": 2, "\x00": 3}}))
    assert sorted(faults(sensor)) == [
        (Reason.UNKNOWN_SENSOR, r'values."\u0000": no such sensor'),
        (Reason.UNKNOWN_SENSOR, "values.a b: no such sensor"),
    ]
    assert [value for _, _, value, _ in rows(sensor)] == [2.0]
    assert asset.unknown
    assert sensor.unknown
    assert not asset.facts.heard


def test_the_first_of_two_values_for_one_instant_stays_in_the_order_they_came() -> None:
    batch = batch_of(
        ("c1/telemetry", {"ts": NOW_MS, "values": {"power": 9}}),
        ("c1/telemetry", [{"ts": NOW_MS, "values": {"power": 9}}, {"ts": NOW_MS, "values": {"power": 1}}]),
        ("c1/telemetry", {"ts": NOW_MS, "values": {"power": 9.0}}),
    )
    assert rows(batch) == [(70, 0, 9.0, 0)]
    assert batch.checked.duplicates == 2
    assert faults(batch) == [
        (
            Reason.CONFLICTING_READING,
            "[1].values.power: 1.0 is not what was reported before for 2026-03-01T12:00:00+00:00",
        )
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["c1", "c2"]),
            st.integers(-3, 3),
            st.dictionaries(st.sampled_from(["power", "temp"]), st.sampled_from([None, 1.0, 2.0, -1.0])),
        ),
        max_size=12,
    )
)
def test_every_value_is_stored_null_duplicate_or_rejected_and_the_first_wins(
    said: list[tuple[str, int, dict[str, float | None]]],
) -> None:
    batch = batch_of(*((f"{a}/telemetry", {"ts": NOW_MS + t, "values": values}) for a, t, values in said))
    first: dict[tuple[int, int], float] = {}
    duplicates = conflicts = outside = unknown = nulls = 0
    for asset, at, values in said:
        for name, value in values.items():
            series = {"c1power": 70, "c1temp": 71, "c2power": 80}.get(asset + name)
            if series is None:
                unknown += 1
            elif value is None:
                nulls += 1
            elif value < 0 and name == "power":
                outside += 1
            elif (series, at) not in first:
                first[series, at] = value
            elif first[series, at] == value:
                duplicates += 1
            else:
                conflicts += 1
    assert {(series, at): value for series, at, value, _ in rows(batch)} == first
    assert rows(batch) == sorted(rows(batch))
    assert (batch.checked.duplicates, batch.checked.null_values) == (duplicates, nulls)
    reasons = [reason for reason, _ in faults(batch)]
    assert reasons.count(Reason.CONFLICTING_READING) == conflicts
    assert reasons.count(Reason.OUT_OF_PHYSICAL_RANGE) == outside
    assert reasons.count(Reason.UNKNOWN_SENSOR) == unknown
    assert len(reasons) == conflicts + outside + unknown


def test_what_the_database_holds_otherwise_is_named_by_its_place_in_the_message() -> None:
    batch = batch_of(
        ("c1/event", [{"ts": NOW_MS, "code": "1"}, {"start": NOW_MS - 9, "end": NOW_MS, "code": "2"}]),
        ("c1/telemetry", [{"ts": NOW_MS, "values": {"temp": 4}}, {"ts": NOW_MS - 1, "values": {"temp": 3}}]),
    )
    assert faults(batch, conflicting=[0], events=(1,)) == [
        (
            Reason.CONFLICTING_READING,
            "[1].values.temp: 3.0 is not what was reported before for 2026-03-01T11:59:59.999000+00:00",
        ),
        (Reason.CONFLICTING_EVENT, "[1].end: 2026-03-01T12:00:00+00:00 is not the end that was reported before"),
    ]


def test_events_carry_their_asset_span_and_raw_bytes() -> None:
    raw = b'{"start": "2026-03-01T11:00:00+01:00", "code": "111", "text": "Stop", "seq": 4}'
    batch = batch_of(("c1/event", raw), ("c2/event", {"ts": NOW_MS, "code": "0:0"}))
    interval, state = batch.facts.events
    assert (interval.customer_id, interval.asset_id, interval.kind) == (3, 7, EventKind.INTERVAL)
    assert (interval.code, interval.text, interval.seq) == ("111", "Stop", 4)
    assert (NOW_US - interval.start_us, interval.end_us) == (2 * 60 * MINUTE_US, None)
    assert (interval.topic, interval.payload) == (f"{TOPIC}/c1/event", raw)
    assert (state.kind, state.start_us, state.end_us) == (EventKind.STATE, NOW_US, None)


def test_an_event_says_when_it_was_announced_and_an_announcement_that_cannot_be_refuses_it() -> None:
    said = {"start": NOW_MS - 9, "code": "1"}
    batch = batch_of(("c1/event", [said | {"announced": NOW_MS - 1000}, said | {"seq": 1}, said | {"announced": 0}]))
    assert [event.announced_us for event in batch.facts.events] == [NOW_US - 1_000_000, None]
    assert faults(batch) == [
        (Reason.TIME_IMPLAUSIBLE, "[2].announced: 1970-01-01T00:00:00+00:00 lies before 1990"),
    ]


def test_an_event_whose_times_cannot_be_is_refused_for_each_of_them() -> None:
    batch = batch_of(
        ("c1/event", [{"start": NOW_MS, "end": NOW_MS - 1, "code": "1"}, {"ts": 0, "code": "2"}]),
        ("c1/event", {"start": 0, "end": NOW_MS + 10_000_000, "code": "3"}),
    )
    assert not batch.facts.events
    assert faults(batch) == [
        (Reason.TIME_IMPLAUSIBLE, "[0].end: lies before the start"),
        (Reason.TIME_IMPLAUSIBLE, "[1].ts: 1970-01-01T00:00:00+00:00 lies before 1990"),
        (Reason.TIME_IMPLAUSIBLE, "start: 1970-01-01T00:00:00+00:00 lies before 1990"),
        (Reason.TIME_IMPLAUSIBLE, "end: 2026-03-01T14:46:40+00:00 lies in the future"),
    ]


def test_any_message_of_a_machine_is_a_sign_of_life_but_its_last_will() -> None:
    assert batch_of(("c1/telemetry", b"nonsense")).facts.heard == {7: 3}
    assert batch_of(("c1/status", {"ts": NOW_MS, "online": True})).facts.heard == {7: 3}
    assert batch_of(("c1/status", {"ts": NOW_MS, "online": False})).facts.heard == {}


def test_rejections_know_whose_they_are_and_whether_they_came_before() -> None:
    messages = [Message("t0", b"p0", 1), Message("t1", b"p1", 2, redelivered=True)]
    fault = Fault(Reason.MALFORMED_PAYLOAD, "because")
    second, first = rejections(messages, [Rejected(1, None, fault), Rejected(0, C1, fault)])[::-1]
    assert (first.topic, first.payload, first.customer_id, first.asset_id, first.redelivered) == (
        *("t0", b"p0", 3, 7, False),
    )
    assert (second.topic, second.customer_id, second.asset_id, second.redelivered) == ("t1", None, None, True)


def test_a_large_message_with_many_faults_is_kept_few_times_and_says_how_many_more_there_were() -> None:
    fault = Fault(Reason.VALUE_NOT_FINITE, "here")
    large = Message("t", b" " * (MAX_COPIES_BYTES // 2), 1)
    assert [row.detail for row in rejections([large], [Rejected(0, C1, fault)] * 5)] == [
        "here",
        "here (and 3 more faults)",
    ]
    small = Message("t", b"x", 1)
    assert [row.detail for row in rejections([small], [Rejected(0, C1, fault)] * 5)] == ["here"] * 5


def test_no_device_speaks_for_vouch() -> None:
    batch = batch_of(("c1/event", [{"ts": NOW_MS, "code": "$offline"}, {"ts": NOW_MS, "code": "8"}]))
    assert [event.code for event in batch.facts.events] == ["8"]
    assert faults(batch) == [
        (Reason.MALFORMED_PAYLOAD, '[0].code: "$offline": codes that begin with $ are vouch\'s own')
    ]
