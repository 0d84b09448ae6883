"""Messages of edge nodes and devices against their sessions: births, data by alias, deaths, and what is refused."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.sparkplug import payload, session, topic
from services.ingest.sparkplug.number import DataType
from services.ingest.sparkplug.payload import Report
from services.ingest.sparkplug.session import Heard
from services.ingest.sparkplug.sources import Sources
from services.ingest.wire import Decoded, Sample
from shared.instant import SECOND_US
from shared.model.facts import QuarantineReason as Reason
from shared.model.sparkplug import Node, Source, SourceKey
from tests.edge_node import GROUP, NODE, EdgeNode, Metric, metric

T_MS = 1_772_366_400_000
T_US = T_MS * 1_000
NOW_US = T_US + 5 * SECOND_US
WAIT_US = 2 * SECOND_US

SOURCES = {
    SourceKey(GROUP, NODE): Source(path="lechtal/kempten/gw", sensors=frozenset({"load"})),
    SourceKey(GROUP, NODE, "c1"): Source(path="lechtal/kempten/c1", sensors=frozenset({"power_kw", "temp"})),
    SourceKey(GROUP, NODE, "c2"): Source(path="lechtal/kempten/c2", sensors=frozenset({"power_kw"})),
}
LOAD = metric("load", 0.5, alias=1)
POWER = metric("Power_kW", 71.5, alias=2, unit="kW")
TEMP = metric("Motor/Temp", -3, DataType.INT16, alias=3)


class Ear:
    """Hears what an edge node says, one message after another."""

    def __init__(self, sources: dict[SourceKey, Source] | None = None) -> None:
        self.sources, self.state = Sources(SOURCES if sources is None else sources), Node()
        self.ignored_deaths = 0

    def hears(self, sent: tuple[str, bytes], *, at_us: int = NOW_US) -> list[Decoded]:
        address, report = topic.parse(sent[0]), payload.parse(sent[1])
        assert address is not None
        assert isinstance(report, Report)
        heard = Heard(
            kind=address.kind,
            node=address.node,
            source=address.source,
            report=report,
            received_us=at_us,
            redelivered=False,
            wait_us=WAIT_US,
        )
        outcome = session.take(heard, self.state, self.sources)
        self.state = outcome.node
        self.ignored_deaths += outcome.is_ignored_death
        return outcome.decoded


def born(ear: Ear, node: EdgeNode) -> None:
    """The node and its device c1, with everything right."""
    for sent in (node.birth(LOAD), node.device_birth("c1", POWER, TEMP)):
        assert not faults(ear.hears(sent))


def faults(decoded: list[Decoded]) -> list[tuple[Reason, str]]:
    return [(fault.reason, fault.detail) for said in decoded for fault in said.faults]


def online(decoded: list[Decoded]) -> dict[str | None, Any]:
    return {said.path: said.status.online for said in decoded if said.status is not None}


def by_alias(alias: int, value: Any, datatype: DataType = DataType.DOUBLE, **fields: Any) -> Metric:
    return metric(None, value, datatype, write_type=False, alias=alias, **fields)


def test_a_birth_is_a_sign_of_life_and_its_values_are_readings_with_their_units() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    ear.hears(node.birth(LOAD))
    (said,) = ear.hears(node.device_birth("c1", POWER, TEMP))
    assert said.path == "lechtal/kempten/c1"
    assert said.samples == [Sample(T_US, {"power_kw": 71.5, "temp": -3.0}, {"power_kw": "kW"})]
    assert said.status is not None
    assert (said.status.online, said.status.ts) == (True, NOW_US)


def test_data_by_alias_take_name_type_and_unit_from_the_birth() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    node.at_ms += 1_000
    (said,) = ear.hears(node.data(by_alias(2, 72.0), by_alias(3, -4, DataType.INT16), device="c1"))
    assert said.samples == [Sample(T_US + SECOND_US, {"power_kw": 72.0, "temp": -4.0}, {"power_kw": "kW"})]
    assert (said.path, said.status, said.faults) == ("lechtal/kempten/c1", None, [])


def test_values_of_several_instants_are_several_samples_and_none_overwrites_another() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    values = [
        by_alias(2, 1.0, timestamp=T_MS + 1),
        by_alias(2, 2.0, timestamp=T_MS + 2),
        by_alias(3, 5, DataType.INT16, timestamp=T_MS + 1),
        by_alias(2, 3.0, timestamp=T_MS + 2),
    ]
    (said,) = ear.hears(node.data(*values, device="c1"))
    assert [(sample.at_us - T_US, sample.values) for sample in said.samples] == [
        (1_000, {"power_kw": 1.0, "temp": 5.0}),
        (2_000, {"power_kw": 2.0}),
        (2_000, {"power_kw": 3.0}),
    ]


def test_historical_values_are_readings_but_no_sign_of_life() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    old = by_alias(2, 1.0, timestamp=T_MS - 60_000, is_historical=True)
    (said,) = ear.hears(node.data(old, device="c1"))
    assert (said.is_historical, len(said.samples)) == (True, 1)
    live, past = ear.hears(node.data(old, by_alias(2, 2.0), device="c1"))
    assert [live.is_historical, past.is_historical] == [False, True]
    assert [live.samples[0].values, past.samples[0].values] == [{"power_kw": 2.0}, {"power_kw": 1.0}]


def test_null_and_stale_are_no_value_and_transient_is_not_kept() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    (said,) = ear.hears(node.data(by_alias(2, None), by_alias(3, 7, DataType.INT16, quality=500), device="c1"))
    assert said.samples[0].values == {"power_kw": None, "temp": None}
    (said,) = ear.hears(node.data(by_alias(2, 9.0, is_transient=True), device="c1"))
    assert (said.samples, said.faults) == ([], [])


def test_an_alias_without_a_birth_is_refused_and_a_birth_is_due() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    (said,) = ear.hears(node.data(by_alias(2, 1.0), device="c1"))
    assert faults([said]) == [(Reason.SPARKPLUG_UNKNOWN_ALIAS, "alias 2: no birth explains it")]
    assert (said.path, ear.state.rebirth_us) == ("lechtal/kempten/c1", NOW_US)
    born(ear, node)
    assert ear.state.rebirth_us is None


def test_of_data_with_one_unknown_alias_the_rest_is_stored() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    (said,) = ear.hears(node.data(by_alias(2, 1.0), by_alias(99, 1.0), device="c1"))
    assert said.samples[0].values == {"power_kw": 1.0}
    assert faults([said]) == [(Reason.SPARKPLUG_UNKNOWN_ALIAS, "alias 99: not as in the last birth")]
    assert ear.state.rebirth_us == NOW_US


def test_a_device_that_is_born_without_its_node_is_read_but_the_node_is_asked_for() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    assert not faults(ear.hears(node.device_birth("c1", POWER)))
    assert ear.state.rebirth_us == NOW_US
    ear.state = replace(ear.state, rebirth_us=None)
    assert not faults(ear.hears(node.data(by_alias(2, 1.0), device="c1")))
    assert ear.state.rebirth_us == NOW_US


def test_an_alias_with_another_type_than_at_birth_is_not_trusted() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    (said,) = ear.hears(node.data(metric(None, True, DataType.BOOLEAN, alias=2), device="c1"))
    assert faults([said]) == [(Reason.SPARKPLUG_UNKNOWN_ALIAS, "alias 2: not as in the last birth")]


def test_what_is_missed_while_a_gap_is_open_is_waited_for() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    ear.hears(node.birth(LOAD))
    birth, data = node.device_birth("c1", POWER), node.data(by_alias(2, 1.0), device="c1")
    ear.hears(data)
    assert (ear.state.rebirth_us, ear.state.gap_us) == (None, NOW_US)
    ear.hears(birth)
    assert (ear.state.rebirth_us, ear.state.gap_us) == (None, None)


def test_a_death_takes_the_node_and_all_its_devices_offline() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    said = ear.hears(node.death())
    assert online(said) == {"lechtal/kempten/gw": False, "lechtal/kempten/c1": False, "lechtal/kempten/c2": False}
    assert [status.ts for decoded in said if (status := decoded.status)] == [NOW_US] * 3
    assert ear.hears(node.death()) == []


def test_a_death_of_an_earlier_session_is_ignored_and_counted() -> None:
    ear, before, node = Ear(), EdgeNode(at_ms=T_MS, bd_seq=6), EdgeNode(at_ms=T_MS, bd_seq=7)
    born(ear, before)
    born(ear, node)
    assert ear.hears(before.death()) == []
    assert ear.ignored_deaths == 1
    assert online(ear.hears(node.death()))["lechtal/kempten/c1"] is False


def test_a_death_without_bd_seq_is_nobodys() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    assert faults(ear.hears((node.topic("NDEATH"), b""))) == [
        (Reason.MALFORMED_PAYLOAD, "bdSeq: missing, so it is nobody's death")
    ]
    assert ear.state.births


def test_after_a_death_aliases_mean_nothing_any_more() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    ear.hears(node.death())
    assert faults(ear.hears(node.data(by_alias(2, 1.0), device="c1")))[0][0] is Reason.SPARKPLUG_UNKNOWN_ALIAS
    assert ear.state.rebirth_us == NOW_US


def test_a_dead_device_leaves_the_others_alive() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    ear.hears(node.device_birth("c2", POWER))
    assert online(ear.hears(node.device_death("c1"))) == {"lechtal/kempten/c1": False}
    assert set(ear.state.births) == {"", "c2"}


def test_a_new_session_takes_the_devices_of_the_last_offline_until_they_are_born_again() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS, bd_seq=1)
    born(ear, node)
    said = ear.hears(EdgeNode(at_ms=T_MS, bd_seq=2).birth(LOAD))
    assert online(said) == {"lechtal/kempten/c1": False, "lechtal/kempten/gw": True}
    assert set(ear.state.births) == {""}


def test_a_rebirth_within_a_session_leaves_the_devices_online() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS, bd_seq=1)
    born(ear, node)
    assert online(ear.hears(node.birth(LOAD))) == {"lechtal/kempten/gw": True}
    assert not faults(ear.hears(node.data(by_alias(2, 1.0), device="c1")))


def test_what_nobody_declared_is_one_fault_and_what_only_describes_is_none() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    ear.hears(node.birth(LOAD))
    many = [metric(f"m{number}", 1.0) for number in range(8)]
    serial = metric("serial", "A-7", DataType.STRING)
    said = ear.hears(node.device_birth("c1", POWER, serial, *many))
    assert faults(said) == [(Reason.UNKNOWN_SENSOR, '"m0", "m1", "m2", "m3", "m4" and 3 more: no such sensor')]
    assert said[0].samples[0].values == {"power_kw": 71.5}


def test_types_that_are_no_values_are_refused_with_their_names() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    table = metric("table", b"\x08\x01", DataType.DATA_SET)
    motor = metric("motor", b"", DataType.TEMPLATE)
    assert faults(ear.hears(node.birth(LOAD, table, motor))) == [
        (Reason.SPARKPLUG_UNSUPPORTED_TYPE, '"table" (data set), "motor" (template): not supported')
    ]


def test_a_text_where_a_sensor_is_declared_is_not_a_number() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    assert faults(ear.hears(node.birth(metric("load", "high", DataType.STRING)))) == [
        (Reason.VALUE_NOT_A_NUMBER, 'metrics[2] "load": "high" is a string, not a number')
    ]


def test_each_bad_part_of_a_birth_is_named_and_the_good_ones_stay() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    ear.hears(node.birth())
    parts = [
        POWER,
        metric(None, 1.0, alias=9),
        metric("a", 1.0, None),
        metric("b", 1.0, alias=2),
        metric("Power_kW", 1),
    ]
    parts += [metric("n\0", 1.0)]
    parts[-2].datatype = DataType.INT8
    said = ear.hears(node.device_birth("c1", *parts))
    assert faults(said) == [
        (Reason.MALFORMED_PAYLOAD, "metrics[1]: a birth gives each metric a name and a type"),
        (Reason.MALFORMED_PAYLOAD, "metrics[2]: a birth gives each metric a name and a type"),
        (Reason.MALFORMED_PAYLOAD, 'metrics[3]: "b" has alias 2, as another before'),
        (Reason.MALFORMED_PAYLOAD, 'metrics[4]: "Power_kW" is declared before, otherwise'),
        (Reason.MALFORMED_PAYLOAD, "metrics[5]: a birth gives each metric a name and a type"),
    ]
    assert said[0].samples[0].values == {"power_kw": 71.5}


def test_times_that_cannot_be_are_named() -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    born(ear, node)
    (said,) = ear.hears(node.data(by_alias(2, 1.0, timestamp=1 << 63), device="c1"))
    assert faults([said]) == [
        (Reason.TIME_IMPLAUSIBLE, 'metrics[0] "Power_kW": 9223372036854775808 ms is beyond any calendar')
    ]


def test_a_gateway_may_speak_for_its_devices_only_but_an_unknown_device_is_refused() -> None:
    ear, node = Ear({SourceKey(GROUP, NODE, "c1"): SOURCES[SourceKey(GROUP, NODE, "c1")]}), EdgeNode(at_ms=T_MS)
    assert ear.hears(node.birth(LOAD)) == []
    assert online(ear.hears(node.device_birth("c1", POWER))) == {"lechtal/kempten/c1": True}
    (said,) = ear.hears(node.device_birth("c9", POWER))
    assert (said.path, faults([said])) == (
        None,
        [(Reason.UNKNOWN_ASSET, f'no asset for Sparkplug "{GROUP}/{NODE}/c9"')],
    )


metrics_of_any_kind = st.builds(
    metric,
    st.none() | st.sampled_from(["load", "Power_kW", "x/y", "bdSeq", "a\0"]),
    st.none() | st.floats(),
    alias=st.integers(0, 3) | st.integers(0, 2**64 - 1),
    timestamp=st.integers(0, 2**64 - 1),
    is_historical=st.booleans(),
)
messages = st.lists(
    st.tuples(
        st.sampled_from(["birth", "device_birth", "data", "device_data", "death", "device_death"]),
        st.lists(metrics_of_any_kind, max_size=4),
    ),
    max_size=12,
)


@given(messages)
def test_whatever_a_node_says_in_whatever_order_never_raises(said: list[tuple[str, list[Metric]]]) -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    for kind, metrics in said:
        match kind:
            case "birth":
                sent = node.birth(*metrics)
            case "device_birth":
                sent = node.device_birth("c1", *metrics)
            case "data":
                sent = node.data(*metrics)
            case "device_data":
                sent = node.data(*metrics, device="c1")
            case "death":
                sent = node.death()
            case _:
                sent = node.device_death("c1")
        for decoded in ear.hears(sent):
            assert decoded.path is not None
            assert all(-(2**63) <= sample.at_us < 2**63 for sample in decoded.samples)


@given(st.lists(st.tuples(st.sampled_from(["NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH"]), st.data())))
def test_no_spoilt_payload_raises(said: list[tuple[str, st.DataObject]]) -> None:
    ear, node = Ear(), EdgeNode(at_ms=T_MS)
    for kind, data in said:
        _, whole = node.device_birth("c1", POWER, TEMP)
        place, spoilt = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.binary(max_size=3))
        sent = whole[:place] + spoilt + whole[place + len(spoilt) :]
        if isinstance(payload.parse(sent), Report):
            ear.hears((node.topic(kind, "c1" if kind.startswith("D") else ""), sent))
